/* Measures the clusters one by one; see roof_kinds.h.
 *
 * A cluster that has slept runs at its lowest clock for the first tens of milliseconds, so each
 * does a window that does not count before its first one that does. What cannot be measured is
 * unknown with the reason.
 */
#include "probes/roof_kinds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KIND_LINES = 3 }; /* reading, integers, floats */

size_t aglm_roof_kinds_find(struct aglm_kind kinds[AGLM_KINDS_MAX], const struct aglm_cpus *table,
                            const unsigned *cpus, size_t n_cpus)
{
    const size_t n = aglm_kinds_find(kinds, table);
    size_t used = 0;
    for (size_t k = 0; k < n; k++) {
        struct aglm_cpulist cut = {0};
        const struct aglm_cpulist all = kinds[k].cpus;
        kinds[k].count = 0;
        for (size_t i = 0; i < n_cpus; i++)
            if (cpus[i] < AGLM_CPUS_MAX && aglm_cpulist_has(&all, cpus[i])) {
                aglm_cpulist_add(&cut, cpus[i]);
                kinds[k].count++;
            }
        kinds[k].cpus = cut;
        kinds[k].model = NULL; /* belongs to the table, which goes */
        used += kinds[k].count > 0;
    }
    return used < 2 ? 0 : n;
}

size_t aglm_roof_kinds_lines(const struct aglm_kind *kinds, size_t n)
{
    size_t lines = 0;
    for (size_t k = 0; k < n; k++)
        lines += (kinds[k].count > 1 ? 2 : kinds[k].count) * KIND_LINES;
    return lines;
}

static void add_line(struct aglm_facts *facts, size_t k, const struct aglm_roof_line *l)
{
    static const char *const kinds[] = {"read", "int8", "f32"};
    static const char *const names[] = {"read", "int", "float"};
    static const char *const units[] = {"bytes/s", "ops/s", "flops/s"};
    char key[64], label[64], source[64];
    if (l->kind == AGLM_ROOF_READ)
        snprintf(key, sizeof(key), "roof.cluster%zu.read.t%u", k, l->threads);
    else
        snprintf(key, sizeof(key), "roof.cluster%zu.%s.%s.t%u", k, kinds[l->kind], l->isa,
                 l->threads);
    snprintf(label, sizeof(label), "Cluster %zu %s, %u thread%s", k, names[l->kind], l->threads,
             l->threads == 1 ? "" : "s");
    snprintf(source, sizeof(source), "measured: best of %u windows, %s", l->n_windows, l->isa);
    aglm_facts_number(facts, key, label, source, units[l->kind], l->per_s);
    snprintf(key + strlen(key), sizeof(key) - strlen(key), ".low");
    snprintf(source, sizeof(source), "measured: lowest of %u windows, %s", l->n_windows, l->isa);
    aglm_facts_number(facts, key, label, source, units[l->kind], l->low_per_s);
}

static void add_kind(struct aglm_facts *facts, const struct aglm_kind *kind, size_t k,
                     const struct aglm_roof_options *base, struct aglm_roof *roof)
{
    const unsigned threads[] = {1, (unsigned)kind->count};
    uint8_t mask[AGLM_CPUS_MAX / 8] = {0};
    char key[64], label[64];
    struct aglm_err err = {0};
    struct aglm_roof_options options = *base;
    for (size_t cpu = 0; cpu < AGLM_CPUS_MAX; cpu++)
        if (aglm_cpulist_has(&kind->cpus, cpu))
            mask[cpu / 8] |= (uint8_t)(1u << cpu % 8);
    options.cpu_mask = mask;
    options.cpu_mask_bytes = sizeof(mask);
    options.threads = &threads[1];
    options.n_threads = 1;
    options.skip = 1u << AGLM_ROOF_READ | 1u << AGLM_ROOF_INT8; /* wakes the clocks */
    int rc = aglm_roof_measure(roof, &options, &err);
    options.threads = threads;
    options.n_threads = kind->count > 1 ? 2 : 1;
    options.skip = 0;
    if (rc == 0)
        rc = aglm_roof_measure(roof, &options, &err);
    snprintf(key, sizeof(key), "roof.cluster%zu.read.t1", k);
    snprintf(label, sizeof(label), "Cluster %zu, limits", k);
    if (rc)
        aglm_facts_unknown(facts, key, label, "measured", "%s", err.msg);
    for (size_t i = 0; rc == 0 && i < roof->n; i++)
        add_line(facts, k, &roof->line[i]);
}

void aglm_roof_kinds_add(struct aglm_facts *facts, const struct aglm_kind *kinds, size_t n,
                         const struct aglm_roof_options *base)
{
    struct aglm_roof *roof = malloc(sizeof(*roof));
    facts->out_of_memory |= !roof;
    for (size_t k = 0; roof && k < n; k++)
        if (kinds[k].count > 0)
            add_kind(facts, &kinds[k], k, base, roof);
    free(roof);
}
