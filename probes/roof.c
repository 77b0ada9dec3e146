/* Measures the device's limits; see roof.h.
 *
 * Chooses thread counts, instruction sets and the length of windows, and keeps the best and the
 * worst of a few windows of each. Refused: more than 512 threads.
 */
#include "probes/roof.h"

#include "probes/clock.h"
#include "probes/roof_kernels.h"
#include "probes/roof_team.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { MAX_THREADS = 512, MAX_COUNTS = 64 };

static int measure_line(struct aglm_roof *roof, struct aglm_roof_team *team,
                        const struct aglm_roof_window *w, struct aglm_err *err)
{
    struct aglm_roof_line line = {.kind = w->kind,
                                  .isa = w->kernels->isa,
                                  .threads = w->threads,
                                  .low_per_s = INFINITY,
                                  .n_windows = AGLM_ROOF_WINDOWS};
    if (roof->n == AGLM_ROOF_MAX_LINES)
        return 0;
    for (unsigned i = 0; i < AGLM_ROOF_WINDOWS; i++) {
        double per_s = aglm_roof_team_window(team, w);
        line.window_per_s[i] = per_s;
        if (per_s <= 0)
            return aglm_err_set(err, -EAGAIN, "roof: %u threads could not be started", w->threads);
        line.per_s = per_s > line.per_s ? per_s : line.per_s;
        line.low_per_s = per_s < line.low_per_s ? per_s : line.low_per_s;
    }
    roof->line[roof->n++] = line;
    return 0;
}

static bool wanted(const struct aglm_roof_options *o, const char *isa)
{
    for (size_t i = 0; i < o->n_isas; i++)
        if (strcmp(o->isas[i], isa) == 0)
            return true;
    return !o->isas;
}

struct sets {
    const struct aglm_roof_kernels *v[AGLM_ROOF_MAX_SETS];
    size_t n;
};

/* All lines of w->threads threads. */
static int measure_threads(struct aglm_roof *roof, struct aglm_roof_team *team,
                           struct aglm_roof_window *w, const struct sets *sets,
                           const struct aglm_roof_options *o, struct aglm_err *err)
{
    int rc = 0;
    w->kernels = sets->v[sets->n - 1]; /* the widest loads */
    w->kind = AGLM_ROOF_READ;
    if (!(o->skip & 1u << AGLM_ROOF_READ))
        rc = measure_line(roof, team, w, err);
    for (size_t i = 0; i < sets->n && !rc; i++) {
        if (!wanted(o, sets->v[i]->isa))
            continue;
        w->kernels = sets->v[i];
        w->kind = AGLM_ROOF_INT8;
        if (!(o->skip & 1u << AGLM_ROOF_INT8))
            rc = measure_line(roof, team, w, err);
        w->kind = AGLM_ROOF_F32;
        if (!rc && !(o->skip & 1u << AGLM_ROOF_F32))
            rc = measure_line(roof, team, w, err);
    }
    return rc;
}

/* 20 ms, or less where there is so much to measure that 3 s would not do. */
static uint64_t choose_window_ns(const struct aglm_roof_options *o, size_t n_counts, size_t n_sets)
{
    enum { WINDOW_NS = 20000000, LEAST_NS = 1000000 };
    const uint64_t budget_ns = 2200000000;
    const uint64_t share = budget_ns / (n_counts * (1 + 2 * n_sets) * AGLM_ROOF_WINDOWS);
    if (o->window_ms)
        return o->window_ms * (uint64_t)1000000;
    return share > WINDOW_NS ? WINDOW_NS : share < LEAST_NS ? LEAST_NS : share;
}

/* The thread counts to measure, and the largest. */
static int choose_counts(unsigned counts[MAX_COUNTS], size_t *n_counts, unsigned *max,
                         const struct aglm_roof_options *o, struct aglm_err *err)
{
    const unsigned *given = o->threads ? o->threads : &o->max_threads;
    const size_t n_given = o->threads ? o->n_threads : 1;
    size_t n = 0;
    *max = 0;
    if (n_given < 1 || n_given > MAX_COUNTS)
        return aglm_err_set(err, -EINVAL, "roof: %zu thread counts: must be 1 to %d", n_given,
                            MAX_COUNTS);
    for (size_t i = 0; i < n_given; i++) {
        if (given[i] < 1 || given[i] > MAX_THREADS)
            return aglm_err_set(err, -EINVAL, "roof: %u threads: must be 1 to %d", given[i],
                                MAX_THREADS);
        *max = given[i] > *max ? given[i] : *max;
    }
    for (unsigned k = 1; !o->threads && k < *max; k *= 2)
        counts[n++] = k;
    for (size_t i = 0; i < n_given; i++)
        counts[n++] = given[i];
    *n_counts = n;
    return 0;
}

/* The team to measure with: the caller's, or one that *own is set to. */
static int choose_team(struct aglm_roof_team **own, struct aglm_roof_team **team, unsigned max,
                       const struct aglm_roof_options *o, struct aglm_err *err)
{
    const bool reads = !(o->skip & 1u << AGLM_ROOF_READ);
    *team = o->team;
    if (!o->team) {
        const size_t bytes = o->buffer_bytes ? o->buffer_bytes : aglm_roof_team_buffer_bytes();
        int rc = aglm_roof_team_open(own, max, reads ? bytes : 0, err);
        if (rc)
            return rc;
        *team = *own;
    }
    if (max > aglm_roof_team_max(*team) || (reads && aglm_roof_team_bytes(*team) == 0))
        return aglm_err_set(err, -EINVAL, "roof: a team of %u threads and a buffer of %zu bytes",
                            aglm_roof_team_max(*team), aglm_roof_team_bytes(*team));
    aglm_roof_team_pin(*team, o->cpu_mask, o->cpu_mask_bytes);
    return 0;
}

int aglm_roof_measure(struct aglm_roof *out, const struct aglm_roof_options *options,
                      struct aglm_err *err)
{
    struct sets sets;
    const uint64_t start_ns = aglm_clock_ns();
    unsigned counts[MAX_COUNTS], max;
    struct aglm_roof roof = {0};
    struct aglm_roof_team *own = NULL, *team = NULL;
    struct aglm_roof_window window = {0};
    size_t n_counts = 0;
    sets.n = aglm_roof_sets(sets.v, options->isa_flags);
    int rc = choose_counts(counts, &n_counts, &max, options, err);
    if (rc == 0)
        rc = choose_team(&own, &team, max, options, err);
    if (rc) {
        aglm_roof_team_close(&own);
        return rc;
    }
    window.ns = choose_window_ns(options, n_counts, sets.n);
    roof.buffer_bytes = aglm_roof_team_bytes(team);
    for (size_t i = 0; i < n_counts && !rc; i++) {
        window.threads = counts[i];
        rc = measure_threads(&roof, team, &window, &sets, options, err);
    }
    aglm_roof_team_close(&own);
    roof.ns = aglm_clock_ns() - start_ns;
    if (!rc)
        *out = roof;
    return rc;
}

const struct aglm_roof_line *aglm_roof_find(const struct aglm_roof *roof, enum aglm_roof_kind kind,
                                            const char *isa, unsigned threads)
{
    const struct aglm_roof_line *best = NULL;
    for (size_t i = 0; i < roof->n; i++) {
        const struct aglm_roof_line *l = &roof->line[i];
        if (l->kind != kind || l->threads > threads || (isa && strcmp(l->isa, isa) != 0))
            continue;
        if (!best || l->threads > best->threads ||
            (l->threads == best->threads && l->per_s > best->per_s))
            best = l;
    }
    return best;
}
