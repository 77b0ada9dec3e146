/* Measures the device's limits for a plan; see roofs.h.
 *
 * Inputs: a plan, the probe. Outputs: best, median and worst of all windows so far. The windows are
 * shortened where there are so many thread counts that 3 s would not do; at most 64 counts of a
 * mask are looked at, the rest stays unknown.
 */
#include "bench/roofs.h"

#include "bench/cpumask.h"
#include "bench/stats.h"
#include "engine/kernels/kernels.h"
#include "probes/clock.h"
#include "probes/roof_cpus.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_COUNTS = 64,
    MAX_ISAS = 8,
    MAX_WINDOWS = 96, /* kept of each figure */
    WINDOW_MS = 20,
    BUDGET_MS = 2500
};

/* What is measured in one call of the probe. */
struct group {
    const char *mask;         /* the plan's text */
    struct aglm_cpumask bits; /* of it, those that the process may use */
    unsigned counts[MAX_COUNTS];
    size_t n_counts;
    const char *isas[MAX_ISAS];
    size_t n_isas;
};

struct figure {
    size_t group;
    enum aglm_roof_kind kind;
    const char *isa; /* READ: any */
    unsigned threads;
    double window[MAX_WINDOWS];
    size_t n;
};

struct aglm_roofs {
    aglm_roof_fn measure;
    uint32_t isa_flags;
    struct aglm_cpumask usable; /* from before any session pinned the calling thread */
    struct group *groups;       /* [n_groups] */
    size_t n_groups;
    struct figure *figures; /* [n_figures] */
    size_t n_figures;
    uint64_t last_ns;
    unsigned n_times[AGLM_ROOFS_END + 1];
};

/* As the kernels are chosen. */
static const char *isa_of(const char *isa, uint32_t flags)
{
    struct aglm_kernels k;
    return strcmp(isa, "auto") == 0 && aglm_kernels_select(&k, isa, flags, NULL) == 0 ? k.isa : isa;
}

/* The CPUs of this process. */
static void find_usable(struct aglm_cpumask *out)
{
    unsigned cpus[AGLM_ROOF_CPUS_MAX];
    size_t n = aglm_roof_cpus(cpus, NULL, 0);
    *out = (struct aglm_cpumask){0};
    for (size_t i = 0; i < n; i++) {
        if (cpus[i] < AGLM_CPUMASK_BITS) {
            out->bits[cpus[i] / 8] |= (uint8_t)(1u << cpus[i] % 8);
        }
    }
}

/* An empty mask asks for no pinning: any CPU. */
static void limit_mask(struct aglm_cpumask *mask, const struct aglm_cpumask *usable)
{
    const bool any = aglm_cpumask_is_empty(mask);
    for (size_t i = 0; i < sizeof(mask->bits); i++) {
        mask->bits[i] = any ? usable->bits[i] : mask->bits[i] & usable->bits[i];
    }
}

static int add_test(struct aglm_roofs *r, const struct aglm_test *test, const char *isa,
                    struct aglm_err *err)
{
    size_t g = 0, k = 0;
    while (g < r->n_groups && strcmp(r->groups[g].mask, test->cpu_mask) != 0) {
        g++;
    }
    struct group *group = &r->groups[g];
    if (g == r->n_groups) {
        int rc = aglm_cpumask_parse(&group->bits, test->cpu_mask, err);
        if (rc < 0) {
            return rc;
        }
        limit_mask(&group->bits, &r->usable);
        group->mask = test->cpu_mask;
        r->n_groups++;
    }
    while (k < group->n_counts && group->counts[k] != test->n_threads) {
        k++;
    }
    if (k == group->n_counts && k < MAX_COUNTS) {
        group->counts[group->n_counts++] = test->n_threads;
    }
    for (k = 0; k < group->n_isas && strcmp(group->isas[k], isa) != 0;) {
        k++;
    }
    if (k == group->n_isas && k < MAX_ISAS) {
        group->isas[group->n_isas++] = isa;
    }
    return 0;
}

int aglm_roofs_create(struct aglm_roofs **out, const struct aglm_plan *plan, uint32_t isa_flags,
                      aglm_roof_fn measure, struct aglm_err *err)
{
    struct aglm_roofs *r = calloc(1, sizeof(*r));
    int rc = 0;
    if (r == NULL || (r->groups = calloc(plan->n_tests, sizeof(*r->groups))) == NULL) {
        rc = aglm_err_set(err, -ENOMEM, "out of memory");
        goto fail;
    }
    r->measure = measure;
    r->isa_flags = isa_flags;
    find_usable(&r->usable);
    for (size_t i = 0; i < plan->n_tests && rc == 0; i++) {
        const struct aglm_variant *variant = &plan->variants[plan->tests[i].variant];
        if (strcmp(variant->backend, "null") != 0) {
            rc = add_test(r, &plan->tests[i], isa_of(variant->isa, isa_flags), err);
        }
    }
    if (rc < 0) {
        goto fail;
    }
    if (r->n_groups == 0) {
        aglm_roofs_destroy(&r);
    }
    *out = r;
    return 0;
fail:
    aglm_roofs_destroy(&r);
    return rc;
}

void aglm_roofs_destroy(struct aglm_roofs **roofs)
{
    struct aglm_roofs *r = *roofs;
    *roofs = NULL;
    if (r != NULL) {
        free(r->groups);
        free(r->figures);
        free(r);
    }
}

static struct figure *find(const struct aglm_roofs *r, size_t group, enum aglm_roof_kind kind,
                           const char *isa, unsigned threads)
{
    for (size_t i = 0; i < r->n_figures; i++) {
        struct figure *f = &r->figures[i];
        if (f->group == group && f->kind == kind && f->threads == threads &&
            (kind == AGLM_ROOF_READ || strcmp(f->isa, isa) == 0)) {
            return f;
        }
    }
    return NULL;
}

static int add_line(struct aglm_roofs *r, size_t group, const struct aglm_roof_line *line)
{
    struct figure *f = find(r, group, line->kind, line->isa, line->threads);
    if (f == NULL) {
        f = realloc(r->figures, (r->n_figures + 1) * sizeof(*f));
        if (f == NULL) {
            return -ENOMEM;
        }
        r->figures = f;
        f = &r->figures[r->n_figures++];
        *f = (struct figure){
            .group = group, .kind = line->kind, .isa = line->isa, .threads = line->threads};
    }
    for (unsigned w = 0; w < line->n_windows && f->n < MAX_WINDOWS; w++) {
        f->window[f->n++] = line->window_per_s[w];
    }
    return 0;
}

static unsigned window_ms(const struct aglm_roofs *r)
{
    size_t lines = 0;
    for (size_t g = 0; g < r->n_groups; g++) {
        lines += r->groups[g].n_counts * (1 + 2 * r->groups[g].n_isas);
    }
    size_t ms = BUDGET_MS / (AGLM_ROOF_WINDOWS * lines);
    return ms > WINDOW_MS ? WINDOW_MS : ms < 2 ? 2 : (unsigned)ms;
}

static int measure_group(struct aglm_roofs *r, size_t g, enum aglm_roofs_moment moment,
                         struct aglm_err *err)
{
    const struct group *group = &r->groups[g];
    struct aglm_roof *roof = malloc(sizeof(*roof));
    struct aglm_roof_options options = {
        .isa_flags = r->isa_flags,
        .threads = group->counts,
        .n_threads = group->n_counts,
        .isas = group->isas,
        .n_isas = group->n_isas,
        .cpu_mask = group->bits.bits,
        .cpu_mask_bytes = sizeof(group->bits.bits),
        .window_ms = window_ms(r),
        .skip = moment == AGLM_ROOFS_ROUND ? 1u << AGLM_ROOF_INT8 | 1u << AGLM_ROOF_F32 : 0};
    int rc = roof == NULL ? aglm_err_set(err, -ENOMEM, "out of memory")
                          : r->measure(roof, &options, err);
    for (size_t i = 0; rc == 0 && i < roof->n; i++) {
        if (add_line(r, g, &roof->line[i]) < 0) {
            rc = aglm_err_set(err, -ENOMEM, "out of memory");
        }
    }
    free(roof);
    return rc;
}

int aglm_roofs_measure(struct aglm_roofs *r, enum aglm_roofs_moment moment, struct aglm_err *err)
{
    uint64_t start = aglm_clock_ns();
    int rc = 0;
    for (size_t g = 0; g < r->n_groups && rc == 0; g++) {
        rc = measure_group(r, g, moment, err);
    }
    if (rc == 0) {
        r->n_times[moment]++;
        r->last_ns = aglm_clock_ns() - start;
    }
    return rc;
}

uint64_t aglm_roofs_last_ns(const struct aglm_roofs *r)
{
    return r->last_ns;
}

static struct aglm_roof_range range_of(const struct figure *f)
{
    double x[MAX_WINDOWS];
    if (f == NULL || f->n == 0) {
        return (struct aglm_roof_range){NAN, NAN, NAN};
    }
    memcpy(x, f->window, f->n * sizeof(*x));
    aglm_stats_sort(x, f->n);
    return (struct aglm_roof_range){
        .best = x[f->n - 1], .median = aglm_stats_median(x, f->n), .low = x[0]};
}

/* "start", "start, end", "start, 3 rounds, end" */
static void say_when(const struct aglm_roofs *r, char *buf, size_t size)
{
    unsigned rounds = r->n_times[AGLM_ROOFS_ROUND];
    char between[32] = "";
    if (rounds > 0) {
        snprintf(between, sizeof(between), ", %u round%s", rounds, rounds == 1 ? "" : "s");
    }
    snprintf(buf, size, "start%s%s", between, r->n_times[AGLM_ROOFS_END] > 0 ? ", end" : "");
}

void aglm_roofs_fill(const struct aglm_roofs *r, struct aglm_record *rec)
{
    const struct figure *read = NULL, *int8 = NULL, *f32 = NULL;
    size_t g = 0;
    rec->roof_when[0] = '\0';
    while (r != NULL && g < r->n_groups && strcmp(r->groups[g].mask, rec->cpu_mask) != 0) {
        g++;
    }
    if (r != NULL && g < r->n_groups && strcmp(rec->backend, "null") != 0) {
        read = find(r, g, AGLM_ROOF_READ, "", rec->n_threads);
        int8 = find(r, g, AGLM_ROOF_INT8, rec->isa, rec->n_threads);
        f32 = find(r, g, AGLM_ROOF_F32, rec->isa, rec->n_threads);
    }
    rec->roof_read = range_of(read);
    rec->roof_int8 = range_of(int8);
    rec->roof_f32 = range_of(f32);
    if (read != NULL) {
        say_when(r, rec->roof_when, sizeof(rec->roof_when));
    }
}
