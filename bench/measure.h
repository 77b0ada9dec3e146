/* One repetition of one test on an open session: what is timed, and how.
 */
#ifndef AGLM_BENCH_MEASURE_H
#define AGLM_BENCH_MEASURE_H

#include "bench/matrix.h"
#include "bench/record.h"
#include "bench/telemetry.h"
#include "engine/ops.h"
#include "engine/session.h"
#include "probes/err.h"

#include <stdint.h>

/* Puts the session at exactly n_depth positions holding tokens[0 .. n_depth): positions that are
 * there are kept (a session only ever holds a prefix of tokens). Not timed. */
int aglm_measure_fill(struct aglm_session *session, const int32_t *tokens, uint32_t n_depth,
                      struct aglm_err *err);

/* Runs at most max_prompt prompt tokens and one generated token, not counted, and returns to
 * n_depth. */
int aglm_measure_warm_up(struct aglm_session *session, const int32_t *tokens,
                         const struct aglm_test *test, uint32_t max_prompt, struct aglm_err *err);

/* Fills the cache, then measures; the session is left at n_depth. tokens: [n_depth + n_prompt +
 * n_gen] ids. n_vocab: 0, or the logits' number, and then each generated token is the most likely
 * one and not that of tokens; choosing it is timed. profile: NULL, or two to which the operators of
 * prefill and of decode are added. telemetry: NULL, or what watches the
 * window. On success *out holds the times and the conditions before, during and after, and owns
 * token_ns. */
int aglm_measure_once(struct aglm_sample *out, struct aglm_session *session, const int32_t *tokens,
                      const struct aglm_test *test, uint32_t n_vocab,
                      struct aglm_op_profile *profile, struct aglm_telemetry *telemetry,
                      struct aglm_err *err);

#endif
