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
/* Takes 50 ms on the running machine: it reads the counters twice. */
void aglm_probe_load(struct aglm_facts *facts, const struct aglm_fsroot *fs);
void aglm_probe_thermal(struct aglm_facts *facts, const struct aglm_fsroot *fs);
void aglm_probe_power(struct aglm_facts *facts, const struct aglm_fsroot *fs);
/* Loads OpenCL and Vulkan on the running machine, in children of its own: do not guard it. */
void aglm_probe_gpu(struct aglm_facts *facts, const struct aglm_fsroot *fs);
/* Measures the limits of the running machine: up to 3 s at full load. */
void aglm_probe_roof(struct aglm_facts *facts);

#endif
