/* The device's limits as facts of the profile: the one part of it that is measured and takes time.
 *
 * Inputs: the running machine. Outputs: for each figure the best window and, under its key and
 * ".low", the lowest; the same for each kind of core where there are several; the time that all of
 * it took. What cannot be measured is unknown with the reason.
 *
 * Reading and the peaks of the instruction set that the engine chooses are measured with 1 … 8
 * threads each, from there doubling; the other sets with one and with all, to compare.
 */
#include "probes/clock.h"
#include "probes/isa.h"
#include "probes/probe.h"
#include "probes/roof.h"
#include "probes/roof_cpus.h"
#include "probes/roof_kernels.h"
#include "probes/roof_kinds.h"
#include "probes/roof_team.h"
#include "probes/topology.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_THREADS = 512, MAX_COUNTS = 24, WINDOW_MS = 20, BUDGET_MS = 2000, EACH_UP_TO = 8 };

struct plan {
    unsigned counts[MAX_COUNTS]; /* [n_counts], ascending */
    size_t n_counts;
    const struct aglm_roof_kernels *sets[AGLM_ROOF_MAX_SETS]; /* [n_sets], the engine's last */
    size_t n_sets;
    struct aglm_kind kinds[AGLM_KINDS_MAX]; /* [n_kinds]; 0 where all are alike */
    size_t n_kinds;
};

static void add_line(struct aglm_facts *facts, const struct aglm_roof_line *l)
{
    static const char *const kinds[] = {"read", "int8", "f32"};
    static const char *const names[] = {"Read", "Integer", "Float"};
    static const char *const units[] = {"bytes/s", "ops/s", "flops/s"};
    char key[64], label[64], source[64];
    const char *plural = l->threads == 1 ? "" : "s";
    const int width = snprintf(key, sizeof(key), "roof.%s", kinds[l->kind]);
    if (l->kind == AGLM_ROOF_READ) {
        snprintf(key + width, sizeof(key) - (size_t)width, ".t%u", l->threads);
        snprintf(label, sizeof(label), "Read, %u thread%s", l->threads, plural);
    } else {
        snprintf(key + width, sizeof(key) - (size_t)width, ".%s.t%u", l->isa, l->threads);
        snprintf(label, sizeof(label), "%s %s, %u thread%s", names[l->kind], l->isa, l->threads,
                 plural);
    }
    snprintf(source, sizeof(source), "measured: best of %u windows, %s", l->n_windows, l->isa);
    aglm_facts_number(facts, key, label, source, units[l->kind], l->per_s);
    snprintf(key + strlen(key), sizeof(key) - strlen(key), ".low");
    snprintf(source, sizeof(source), "measured: lowest of %u windows, %s", l->n_windows, l->isa);
    aglm_facts_number(facts, key, label, source, units[l->kind], l->low_per_s);
}

/* The kinds of core among the CPUs that this process may use; none where they are alike. */
static void find_kinds(struct plan *p)
{
    unsigned cpus[AGLM_ROOF_CPUS_MAX];
    struct aglm_fsroot fs;
    struct aglm_cpus table;
    const size_t n = aglm_roof_cpus(cpus, NULL, 0);
    if (aglm_fsroot_open(&fs, NULL, NULL))
        return;
    aglm_cpus_read(&table, &fs);
    p->n_kinds = aglm_roof_kinds_find(p->kinds, &table, cpus, n);
    aglm_cpus_finish(&table);
    aglm_fsroot_close(&fs);
}

static void make_plan(struct plan *p, uint32_t isa_flags, unsigned max_threads)
{
    *p = (struct plan){0};
    for (unsigned n = 1; n < max_threads && p->n_counts + 1 < MAX_COUNTS;
         n = n < EACH_UP_TO ? n + 1 : n * 2)
        p->counts[p->n_counts++] = n;
    p->counts[p->n_counts++] = max_threads;
    p->n_sets = aglm_roof_sets(p->sets, isa_flags);
    find_kinds(p);
    for (size_t k = 0; k < p->n_kinds; k++) /* a quota of CPU time may allow fewer at once */
        if (p->kinds[k].count > max_threads)
            p->kinds[k].count = max_threads;
}

/* Short enough for all of the plan to take 2 s. */
static unsigned window_ms(const struct plan *p)
{
    const size_t ends = p->n_counts > 1 ? 2 : 1;
    const size_t lines =
        p->n_counts * 3 + (p->n_sets - 1) * 2 * ends + aglm_roof_kinds_lines(p->kinds, p->n_kinds);
    const size_t ms = BUDGET_MS / (lines * AGLM_ROOF_WINDOWS);
    return ms < WINDOW_MS ? (ms > 1 ? (unsigned)ms : 1) : WINDOW_MS;
}

/* Every line of the plan but the clusters', into roof. */
static int measure(struct aglm_roof *roof, const struct plan *p, struct aglm_roof_options *o,
                   struct aglm_err *err)
{
    const char *isas[AGLM_ROOF_MAX_SETS];
    const unsigned ends[] = {p->counts[0], p->counts[p->n_counts - 1]};
    struct aglm_roof *others = malloc(sizeof(*others));
    if (!others)
        return aglm_err_set(err, -ENOMEM, "out of memory");
    for (size_t i = 0; i < p->n_sets; i++)
        isas[i] = p->sets[i]->isa;
    o->isas = &isas[p->n_sets - 1];
    o->n_isas = 1;
    o->threads = p->counts;
    o->n_threads = p->n_counts;
    int rc = aglm_roof_measure(roof, o, err);
    o->isas = isas;
    o->n_isas = p->n_sets - 1;
    o->threads = ends;
    o->n_threads = p->n_counts > 1 ? 2 : 1;
    o->skip = 1u << AGLM_ROOF_READ;
    if (rc == 0 && o->n_isas > 0) {
        rc = aglm_roof_measure(others, o, err);
        for (size_t i = 0; rc == 0 && i < others->n && roof->n < AGLM_ROOF_MAX_LINES; i++)
            roof->line[roof->n++] = others->line[i];
    }
    o->skip = 0;
    free(others);
    return rc;
}

/* By kind, then set, then threads: as people compare them. */
static void add_lines(struct aglm_facts *facts, const struct plan *p, const struct aglm_roof *roof)
{
    const struct aglm_roof_line *int8, *f32;
    for (enum aglm_roof_kind kind = AGLM_ROOF_READ; kind <= AGLM_ROOF_F32; kind++)
        for (size_t s = 0; s < p->n_sets; s++)
            for (size_t i = 0; i < roof->n; i++)
                if (roof->line[i].kind == kind && strcmp(roof->line[i].isa, p->sets[s]->isa) == 0)
                    add_line(facts, &roof->line[i]);
    int8 = aglm_roof_find(roof, AGLM_ROOF_INT8, p->sets[p->n_sets - 1]->isa, 1);
    f32 = aglm_roof_find(roof, AGLM_ROOF_F32, p->sets[p->n_sets - 1]->isa, 1);
    if (int8 && f32)
        aglm_facts_number(facts, "roof.int8_over_f32", "Integer over float", "measured", "x",
                          int8->per_s / f32->per_s);
}

void aglm_probe_roof(struct aglm_facts *facts)
{
    static const char source[] = "measured";
    const int cpus = aglm_topology_cpus();
    const unsigned max_threads = cpus < MAX_THREADS ? (unsigned)cpus : MAX_THREADS;
    struct aglm_roof_options options = {.isa_flags = aglm_isa_detect()};
    const uint64_t start_ns = aglm_clock_ns();
    struct plan *plan = malloc(sizeof(*plan));
    struct aglm_roof *roof = malloc(sizeof(*roof));
    struct aglm_err err = {.msg = "out of memory"};
    bool ok = plan && roof &&
              !aglm_roof_team_open(&options.team, max_threads, aglm_roof_team_buffer_bytes(), &err);
    if (ok) {
        make_plan(plan, options.isa_flags, max_threads);
        options.window_ms = window_ms(plan);
        ok = measure(roof, plan, &options, &err) == 0;
    }
    if (ok) {
        const char *isa = plan->sets[plan->n_sets - 1]->isa;
        add_lines(facts, plan, roof);
        options.isas = &isa;
        options.n_isas = 1;
        aglm_roof_kinds_add(facts, plan->kinds, plan->n_kinds, &options);
        aglm_facts_number(facts, "roof.buffer", "Memory read", source, "bytes",
                          (double)roof->buffer_bytes);
        aglm_facts_number(facts, "roof.took", "Time taken", source, "s",
                          (double)(aglm_clock_ns() - start_ns) / 1e9);
    } else {
        aglm_facts_unknown(facts, "roof.read.t1", "Limits", source, "%s", err.msg);
    }
    aglm_roof_team_close(&options.team);
    free(plan);
    free(roof);
}
