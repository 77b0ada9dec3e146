/* What the files of the runner share: the state of a run. Only for bench/runner*.c.
 */
#ifndef AGLM_BENCH_RUNNER_STATE_H
#define AGLM_BENCH_RUNNER_STATE_H

#include "bench/runner.h"
#include "engine/session.h"

struct variant_state {
    struct aglm_model *model; /* NULL: not loaded */
    int32_t *tokens;          /* [n_tokens] random ids below n_vocab */
    bool failed;
};

struct test_state {
    struct aglm_record record;
    struct aglm_op_profile ops[2];   /* prefill, decode; of all repetitions */
    struct aglm_suite_prompt prompt; /* ids is NULL where the test has none */
    bool started, warmed, failed, skipped;
};

struct runner {
    const struct aglm_run_setup *setup;
    struct variant_state *variants;
    struct test_state *tests;
    size_t *order; /* [n_tests] */
    struct aglm_session *session;
    const int32_t *session_tokens; /* what its cache holds a prefix of; NULL: nothing yet */
    size_t session_test; /* whose configuration the session has; valid while session is open */
    size_t last_test;    /* SIZE_MAX: none yet */
    uint64_t start_ns;
    uint64_t roof_ns;                 /* when the roof was measured last */
    struct aglm_roofs *roofs;         /* NULL: not asked for */
    struct aglm_telemetry *telemetry; /* NULL: nobody watches */
    size_t n_failed, n_skipped;
    bool shuffle_all, interrupted, time_up;
};

static inline const struct aglm_test *aglm_runner_test(const struct runner *r, size_t i)
{
    return &r->setup->plan->tests[i];
}

static inline uint64_t aglm_runner_positions(const struct aglm_test *test)
{
    return (uint64_t)test->n_depth + test->n_prompt + test->n_gen;
}

/* ---- runner_models.c ---- */

/* Loads variant v with the token ids of its tests. On error state->failed is set, nothing of it is
 * open and *err says why; -ECANCELED sets r->interrupted instead. */
int aglm_runner_open_variant(struct runner *r, size_t v, struct aglm_err *err);
void aglm_runner_close_variant(struct runner *r, size_t v);
/* [positions] of test i. */
const int32_t *aglm_runner_tokens(const struct runner *r, size_t i);
/* Whether test i has more positions than its model; such a prompt of a suite is skipped and said
 * so, without being a failure: the suite is the same for all models. */
bool aglm_runner_too_long(const struct runner *r, size_t i);
/* Whether all models together take less than half of the available memory. */
bool aglm_runner_fit_together(const struct aglm_run_setup *setup);

/* ---- runner_record.c ---- */

/* Fills test i's record with what is known before the first repetition; its session is open. */
int aglm_runner_start_record(struct runner *r, size_t i, struct aglm_err *err);

#endif
