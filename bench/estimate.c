/* Time left of a run. Inputs: durations of repetitions. Outputs: seconds, NaN while nothing is
 * known. A generated token is taken to cost as much as GEN_WEIGHT prompt tokens until measured; it
 * only shapes the bar's guess.
 */
#include "bench/estimate.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define GEN_WEIGHT 4.0

int aglm_estimate_create(struct aglm_estimate *out, const struct aglm_plan *plan,
                         uint64_t repetitions, uint64_t delay_ns)
{
    struct aglm_estimate e = {.mean_ns = calloc(plan->n_tests, sizeof(double)),
                              .n_done = calloc(plan->n_tests, sizeof(uint64_t)),
                              .plan = plan,
                              .repetitions = repetitions,
                              .delay_ns = delay_ns};
    if (e.mean_ns == NULL || e.n_done == NULL) {
        aglm_estimate_finish(&e);
        return -ENOMEM;
    }
    *out = e;
    return 0;
}

void aglm_estimate_finish(struct aglm_estimate *e)
{
    free(e->mean_ns);
    free(e->n_done);
    *e = (struct aglm_estimate){0};
}

void aglm_estimate_add(struct aglm_estimate *e, size_t test, uint64_t ns)
{
    e->n_done[test]++;
    e->mean_ns[test] += ((double)ns - e->mean_ns[test]) / (double)e->n_done[test];
}

static double weight(const struct aglm_test *test)
{
    return (double)test->n_prompt + GEN_WEIGHT * (double)test->n_gen;
}

double aglm_estimate_left_s(const struct aglm_estimate *e)
{
    double measured_ns = 0, measured_weight = 0, left_ns = 0;
    for (size_t i = 0; i < e->plan->n_tests; i++) {
        if (e->n_done[i] > 0) {
            measured_ns += e->mean_ns[i];
            measured_weight += weight(&e->plan->tests[i]);
        }
    }
    if (!(measured_weight > 0)) {
        return NAN;
    }
    for (size_t i = 0; i < e->plan->n_tests; i++) {
        double each = e->n_done[i] > 0 ? e->mean_ns[i]
                                       : measured_ns / measured_weight * weight(&e->plan->tests[i]);
        double n = e->repetitions > e->n_done[i] ? (double)(e->repetitions - e->n_done[i]) : 0;
        left_ns += n * (each + (double)e->delay_ns);
    }
    return left_ns / 1e9;
}
