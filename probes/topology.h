/* Processor topology as hwloc sees it: how many cores there are and on which CPU a thread best
 * sits.
 */
#ifndef AGLM_PROBES_TOPOLOGY_H
#define AGLM_PROBES_TOPOLOGY_H

/* Number of physical cores this process may run on (its affinity and cgroup quota respected), at
 * least 1. */
int aglm_topology_cores(void);
/* The default thread count, at least 1: those of these cores that are strong enough to help, all
 * where that is not known; see placement.h. */
int aglm_topology_threads(void);
/* Number of logical CPUs this process may run on, at least 1. */
int aglm_topology_cpus(void);

#endif
