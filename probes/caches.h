/* The processor's caches as <root>/sys/devices/system/cpu/cpuN/cache describes them. */
#ifndef AGLM_PROBES_CACHES_H
#define AGLM_PROBES_CACHES_H

#include "probes/cpus.h"

/* Kinds of cache that are told apart. */
enum aglm_cache_kind {
    AGLM_CACHE_L1D,
    AGLM_CACHE_L1I,
    AGLM_CACHE_L2,
    AGLM_CACHE_L3,
    AGLM_CACHE_KINDS
};

struct aglm_caches {
    int64_t largest[AGLM_CACHE_KINDS]; /* bytes of the largest cache of the kind, -1 unknown */
    size_t
        instances[AGLM_CACHE_KINDS]; /* how many there are of the kind, 0 if the kind is unknown */
    int code;                        /* why nothing is known; 0 if something is */
};

void aglm_caches_read(struct aglm_caches *out, const struct aglm_fsroot *fs,
                      const struct aglm_cpus *cpus);

/* "L1d", "L2", … */
const char *aglm_cache_name(enum aglm_cache_kind kind);

#endif
