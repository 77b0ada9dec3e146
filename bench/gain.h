/* What one of two ways is worth, from repetitions in pairs: those of one round, neighbours in time.
 */
#ifndef AGLM_BENCH_GAIN_H
#define AGLM_BENCH_GAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Under so many pairs no interval of 95% exists: chance alone makes all of them agree too often. */
#define AGLM_GAIN_MIN_PAIRS 6

struct aglm_gain {
    size_t n, faster; /* pairs; those in which `with` took less time */
    double percent;   /* median of time without over time with, less 1; NaN for n = 0 */
    double low, high; /* its 95% interval, under AGLM_GAIN_MIN_PAIRS the range; NaN for n < 2 */
    bool clear;       /* an interval of 95% without 0 */
};

/* without_ns[i] and with_ns[i]: [n] of the same round, none 0. -ENOMEM. */
int aglm_gain_derive(struct aglm_gain *out, const uint64_t *without_ns, const uint64_t *with_ns,
                     size_t n);

#endif
