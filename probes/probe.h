/* The probes: each looks at one side of the device and adds its facts to the list.
 *
 * A probe never fails: what it cannot find it adds as UNKNOWN with the reason. Names that belong to
 * the project's own files only; everybody else uses probes/profile.h.
 */
#ifndef AGLM_PROBES_PROBE_H
#define AGLM_PROBES_PROBE_H

#include "probes/caches.h"
#include "probes/cpus.h"
#include "probes/facts.h"
#include "probes/fsroot.h"

void aglm_probe_os(struct aglm_facts *facts, const struct aglm_fsroot *fs);
void aglm_probe_virt(struct aglm_facts *facts, const struct aglm_fsroot *fs,
                     const struct aglm_cpus *cpus);
void aglm_probe_cpu(struct aglm_facts *facts, const struct aglm_fsroot *fs,
                    const struct aglm_cpus *cpus, const struct aglm_caches *caches);
void aglm_probe_topology(struct aglm_facts *facts, const struct aglm_fsroot *fs,
                         const struct aglm_cpus *cpus, const struct aglm_caches *caches);
void aglm_probe_memory(struct aglm_facts *facts, const struct aglm_fsroot *fs);
/* The kind of swap, zram, huge pages in reserve. */
void aglm_probe_swap(struct aglm_facts *facts, const struct aglm_fsroot *fs);
/* Takes wait_ms (under a second) on the running machine: it reads the counters twice. */
void aglm_probe_load(struct aglm_facts *facts, const struct aglm_fsroot *fs, unsigned wait_ms);
/* The load's share of time in which tasks waited for CPU, memory, I/O. */
void aglm_probe_pressure(struct aglm_facts *facts, const struct aglm_fsroot *fs);
void aglm_probe_thermal(struct aglm_facts *facts, const struct aglm_fsroot *fs);
void aglm_probe_power(struct aglm_facts *facts, const struct aglm_fsroot *fs);
/* Loads OpenCL and Vulkan on the running machine, in children of its own: do not guard it. */
/* drivers_by_ns: when vendors' libraries are to have answered, by aglm_clock_ns; 0: in 4 s each. */
void aglm_probe_gpu(struct aglm_facts *facts, const struct aglm_fsroot *fs, uint64_t drivers_by_ns);
/* Measures the limits of the running machine: up to 3 s at full load. */
void aglm_probe_roof(struct aglm_facts *facts);
/* Keeps all cores busy for so many seconds; see profile.h. */
void aglm_probe_sustained(struct aglm_facts *facts, unsigned seconds, aglm_each_second *each,
                          void *ctx);
/* Measures memory latency by working set: up to 1.5 s on one CPU. */
void aglm_probe_latency(struct aglm_facts *facts);

struct aglm_storage_ask {
    const char *dir;          /* NULL: where models are likely to lie */
    bool measure;             /* write a temporary file and read it: up to 3 s */
    double memory_read_per_s; /* 0: unknown; storage is not as fast */
    unsigned timeout_ms;      /* when it is given up; 0: in 3 s, in 8 s if it measures */
};
/* In a child of its own: a file system whose server is gone never answers. */
void aglm_probe_storage(struct aglm_facts *facts, const struct aglm_fsroot *fs,
                        const struct aglm_storage_ask *ask);
/* The file system's type by its device number, out of the text of /proc/self/mountinfo. 0, -ENOENT,
 * -EILSEQ. */
int aglm_mount_type(const char *mountinfo, unsigned major_id, unsigned minor_id, char *buf,
                    size_t cap);

/* Connects to "HOST[:PORT]" a few times: up to 3 s when nobody answers. */
void aglm_probe_network(struct aglm_facts *facts, const char *target);

#endif
