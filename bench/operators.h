/* The operators of a record: from the engine's profile, and what follows from them.
 */
#ifndef AGLM_BENCH_OPERATORS_H
#define AGLM_BENCH_OPERATORS_H

#include "bench/record.h"
#include "engine/ops.h"

/* Replaces the record's operators by those of profile[0] (prefill) and profile[1] (decode) that
 * were called. -ENOMEM. */
int aglm_operators_set(struct aglm_record *record, const struct aglm_op_profile profile[2]);

/* Figures of one operator over the time it took, work and waiting; NaN where a part is unknown. */
struct aglm_operator_figures {
    double share_percent; /* of the phase's time */
    double wait_percent;  /* of its own time, what the threads waited on average */
    double ns_per_token;
    double bytes_per_s; /* of weights and cache */
    double ops_per_s;
    /* The time that the device's limits allow over the time taken: the longer of bytes over the
     * read bandwidth and operations over their peaks. */
    double roof_percent;
};
void aglm_operator_derive(struct aglm_operator_figures *out, const struct aglm_record *record,
                          const struct aglm_operator *operator);

/* What all operators of a phase leave over. */
struct aglm_operator_rest {
    double phase_ns, n_tokens; /* over all samples */
    double wait_ns;            /* at the barriers; part of the operators' time */
    double other_ns;           /* outside of operators: calls, the clock */
};
void aglm_operators_rest(struct aglm_operator_rest *out, const struct aglm_record *record,
                         const char *phase);

#endif
