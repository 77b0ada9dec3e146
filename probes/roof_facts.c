/* The device's limits as facts of the profile: the one part of it that is measured and takes time.
 *
 * Inputs: the running machine. Outputs: for each figure the best window and, under its key and
 * ".low", the lowest; the time that all of it took. What cannot be measured is unknown with the
 * reason.
 */
#include "probes/isa.h"
#include "probes/probe.h"
#include "probes/roof.h"
#include "probes/topology.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_THREADS = 512, WINDOW_MS = 20, BUDGET_MS = 2500, LINES_PER_COUNT = 7 };

/* Short enough for 3 s in all. */
static unsigned window_ms(unsigned max_threads)
{
    unsigned counts = 1;
    for (unsigned n = 1; n < max_threads; n *= 2)
        counts++;
    const unsigned ms = BUDGET_MS / (counts * LINES_PER_COUNT * AGLM_ROOF_WINDOWS);
    return ms < WINDOW_MS ? ms : WINDOW_MS;
}

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

void aglm_probe_roof(struct aglm_facts *facts)
{
    static const char source[] = "measured";
    const int cpus = aglm_topology_cpus();
    struct aglm_roof_options options = {.isa_flags = aglm_isa_detect(),
                                        .max_threads =
                                            cpus < MAX_THREADS ? (unsigned)cpus : MAX_THREADS};
    struct aglm_roof *roof = malloc(sizeof(*roof));
    struct aglm_err err = {.msg = "out of memory"};
    options.window_ms = window_ms(options.max_threads);
    if (!roof || aglm_roof_measure(roof, &options, &err)) {
        aglm_facts_unknown(facts, "roof.read.t1", "Limits", source, "%s", err.msg);
        free(roof);
        return;
    }
    for (enum aglm_roof_kind kind = AGLM_ROOF_READ; kind <= AGLM_ROOF_F32; kind++)
        for (size_t i = 0; i < roof->n; i++)
            if (roof->line[i].kind == kind)
                add_line(facts, &roof->line[i]);
    aglm_facts_number(facts, "roof.buffer", "Memory read", source, "bytes",
                      (double)roof->buffer_bytes);
    aglm_facts_number(facts, "roof.took", "Time taken", source, "s", (double)roof->ns / 1e9);
    free(roof);
}
