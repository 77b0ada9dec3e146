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

/* Sizes of one kind of cache that are told apart: big and little cores have different ones. */
enum { AGLM_CACHE_SIZES = 4 };

struct aglm_caches {
    int64_t largest[AGLM_CACHE_KINDS]; /* bytes of the largest cache of the kind, -1 unknown */
    size_t
        instances[AGLM_CACHE_KINDS]; /* how many there are of the kind, 0 if the kind is unknown */
    struct {
        int64_t bytes;
        size_t count;
    } sizes[AGLM_CACHE_KINDS][AGLM_CACHE_SIZES]; /* in the order found, count 0 ends */
    int code;                                    /* why nothing is known; 0 if something is */
};

/* Nothing known yet, for the reason code. */
void aglm_caches_init(struct aglm_caches *out, int code);
/* Counts one cache more of a kind. */
void aglm_caches_add(struct aglm_caches *caches, enum aglm_cache_kind kind, int64_t bytes);
/* "L1d 4x 32 KiB + 8x 48 KiB, L3 1x 18 MiB" of the kinds that hold data; "" if none is known. */
void aglm_caches_format(const struct aglm_caches *caches, char *buf, size_t cap);

/* "1024K" in bytes, -1 if it is no size between 1 KiB and 16 GiB. */
int64_t aglm_cache_size(const char *text);

void aglm_caches_read(struct aglm_caches *out, const struct aglm_fsroot *fs,
                      const struct aglm_cpus *cpus);

/* "L1d", "L2", … */
const char *aglm_cache_name(enum aglm_cache_kind kind);

#endif
