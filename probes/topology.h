/* Processor topology: how many cores there are, as hwloc sees it and as the kernel's files say. */
#ifndef AGLM_PROBES_TOPOLOGY_H
#define AGLM_PROBES_TOPOLOGY_H

#include "probes/caches.h"

/* Number of physical cores this process may run on (its affinity and cgroup quota respected), at
 * least 1. */
int aglm_topology_cores(void);
/* The default thread count, at least 1: those of these cores that are strong enough to help, all
 * where that is not known; see placement.h. */
int aglm_topology_threads(void);
/* Number of logical CPUs this process may run on, at least 1. */
int aglm_topology_cpus(void);

enum aglm_topology_count {
    AGLM_TOPOLOGY_PACKAGES,
    AGLM_TOPOLOGY_CORES,
    AGLM_TOPOLOGY_CPUS,
    AGLM_TOPOLOGY_NODES,
    AGLM_TOPOLOGY_COUNTS
};

/* One account of the topology. */
struct aglm_topology_view {
    int64_t counts[AGLM_TOPOLOGY_COUNTS];      /* below 1: unknown */
    const char *reasons[AGLM_TOPOLOGY_COUNTS]; /* why a count is unknown; static text */
    struct aglm_caches caches;
};

/* hwloc's account of this machine. -ENOTSUP if it has none. */
int aglm_topology_hwloc(struct aglm_topology_view *out);
/* The account of the kernel's files below fs. */
void aglm_topology_tables(struct aglm_topology_view *out, const struct aglm_fsroot *fs,
                          const struct aglm_cpus *cpus, const struct aglm_caches *caches);
/* What a says other than b into buf, "cores 8, not 4; caches …"; false if they agree where both
 * know. */
bool aglm_topology_difference(const struct aglm_topology_view *a,
                              const struct aglm_topology_view *b, char *buf, size_t cap);

#endif
