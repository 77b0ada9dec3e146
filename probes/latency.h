/* Memory latency by working set: how long one read takes whose address the read before it gave.
 *
 * A chain through every cache line of the set, in an order that no prefetcher follows, on the
 * device's strongest CPU that the process may use.
 */
#ifndef AGLM_PROBES_LATENCY_H
#define AGLM_PROBES_LATENCY_H

#include "probes/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { AGLM_LATENCY_MAX_SETS = 16 };

struct aglm_latency_set {
    size_t bytes;
    double ns; /* of one read: the best of the windows that there was time for */
};

struct aglm_latency {
    struct aglm_latency_set set[AGLM_LATENCY_MAX_SETS]; /* [n], ascending */
    size_t n;
    bool huge_pages; /* most of the largest set lay in huge pages */
    uint64_t ns;     /* how long all of it took */
};

struct aglm_latency_options {
    size_t max_bytes;   /* 0: 256 MiB, or an eighth of the memory available if that is less */
    unsigned budget_ms; /* 0: 1000; a set that it does not suffice for is left out */
};

/* 16 KiB, then four times the one before, up to the largest. -ENOMEM; -EINVAL for less than 16
 * KiB. */
int aglm_latency_measure(struct aglm_latency *out, const struct aglm_latency_options *options,
                         struct aglm_err *err);

/* Writes the chain of n lines (a power of two, at least 4) into memory of n * 64 bytes: each line
 * begins with the number of the next, and n steps from anywhere meet every line once. */
void aglm_latency_chain(void *memory, size_t n);

#endif
