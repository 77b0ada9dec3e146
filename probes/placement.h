/* Which CPUs a number of threads best runs on, and how many threads are worth while, where CPUs
 * differ (big.LITTLE, hybrid processors).
 */
#ifndef AGLM_PROBES_PLACEMENT_H
#define AGLM_PROBES_PLACEMENT_H

#include "probes/cpus.h"

/* The CPUs of allowed for n_threads threads: all that are about as capable as the weakest of the
 * n_threads most capable ones (one of each core first), so that the kernel can still balance among
 * equals. False, and out is untouched, where there is nothing to choose: the CPUs are alike, not
 * known, all needed, or fewer than threads. */
bool aglm_placement_choose(struct aglm_cpulist *out, size_t n_threads,
                           const struct aglm_cpulist *allowed, const struct aglm_cpus *table);
/* Cores of allowed that are strong enough to help: at least half of the best one's capacity, or,
 * where the kernel tells no capacities, 70% of its top frequency. 0 where that is not known. */
size_t aglm_placement_cores(const struct aglm_cpulist *allowed, const struct aglm_cpus *table);

/* The same for the calling thread on this machine. */
bool aglm_placement_here(struct aglm_cpulist *out, size_t n_threads);
size_t aglm_placement_cores_here(void);

#endif
