/* Memory latency as facts of the profile. Inputs: the running machine. Outputs: nanoseconds by
 * working set, whether huge pages were got, the time all of it took.
 */
#include "probes/latency.h"
#include "probes/probe.h"

#include <stdio.h>

static void format_size(size_t bytes, char *buf, size_t cap)
{
    if (bytes < 1 << 20)
        snprintf(buf, cap, "%zu KiB", bytes >> 10);
    else
        snprintf(buf, cap, "%zu MiB", bytes >> 20);
}

void aglm_probe_latency(struct aglm_facts *facts)
{
    static const char source[] = "measured: best of 3 windows";
    struct aglm_latency latency;
    struct aglm_err err = {0};
    if (aglm_latency_measure(&latency, &(struct aglm_latency_options){0}, &err)) {
        aglm_facts_unknown(facts, "latency.16k", "Latency", source, "%s", err.msg);
        return;
    }
    for (size_t i = 0; i < latency.n; i++) {
        const size_t bytes = latency.set[i].bytes;
        char key[32], label[48], size[24];
        snprintf(key, sizeof(key), "latency.%zuk", bytes >> 10);
        format_size(bytes, size, sizeof(size));
        snprintf(label, sizeof(label), "Latency within %s", size);
        aglm_facts_number(facts, key, label, source, "ns", latency.set[i].ns);
    }
    aglm_facts_text(facts, "latency.pages", "Pages under it", "/proc/self/smaps_rollup", "%s",
                    latency.huge_pages ? "huge" : "small, or the kernel does not say");
    aglm_facts_number(facts, "latency.took", "Time for latency", "measured", "s",
                      (double)latency.ns / 1e9);
}
