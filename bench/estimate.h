/* How long the rest of a run will take, from the repetitions measured so far. Pure.
 */
#ifndef AGLM_BENCH_ESTIMATE_H
#define AGLM_BENCH_ESTIMATE_H

#include "bench/matrix.h"

#include <stddef.h>
#include <stdint.h>

struct aglm_estimate {
    double *mean_ns;  /* [n_tests] of one repetition, everything included; 0: none measured yet */
    uint64_t *n_done; /* [n_tests] */
    const struct aglm_plan *plan;
    uint64_t repetitions, delay_ns;
};

int aglm_estimate_create(struct aglm_estimate *out, const struct aglm_plan *plan,
                         uint64_t repetitions, uint64_t delay_ns);
void aglm_estimate_finish(struct aglm_estimate *estimate);
void aglm_estimate_add(struct aglm_estimate *estimate, size_t test, uint64_t ns);
/* Seconds left; a test without a repetition is taken to cost as much for each token as those with
 * one. NaN before the first repetition. */
double aglm_estimate_left_s(const struct aglm_estimate *estimate);

#endif
