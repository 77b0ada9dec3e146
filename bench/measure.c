/* One repetition: conditions, cache, timed window, conditions. Inputs: an open session, token ids,
 * a test. Outputs: a sample. Refuses nothing itself: the session says what it cannot do.
 *
 * The window holds prefill and decode calls, one read of a logit after each (so that no work can be
 * put off), in a suite's test the choice of the most likely token, and n_gen + 2 reads of the
 * clock. It holds no allocation, no output and no look at the
 * device.
 */
#include "bench/measure.h"

#include "probes/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>

int aglm_measure_fill(struct aglm_session *session, const int32_t *tokens, uint32_t n_depth,
                      struct aglm_err *err)
{
    size_t length = aglm_session_length(session);
    if (length > n_depth) {
        aglm_session_truncate(session, n_depth);
        length = n_depth;
    }
    return length < n_depth ? aglm_session_prefill(session, tokens + length, n_depth - length, err)
                            : 0;
}

int aglm_measure_warm_up(struct aglm_session *session, const int32_t *tokens,
                         const struct aglm_test *test, uint32_t max_prompt, struct aglm_err *err)
{
    uint32_t n_prompt = test->n_prompt < max_prompt ? test->n_prompt : max_prompt;
    const int32_t *at = tokens + test->n_depth;
    int rc = aglm_measure_fill(session, tokens, test->n_depth, err);
    if (rc == 0 && n_prompt > 0) {
        rc = aglm_session_prefill(session, at, n_prompt, err);
    }
    if (rc == 0 && test->n_gen > 0) {
        rc = aglm_session_decode(session, at[n_prompt], err);
    }
    aglm_session_truncate(session, test->n_depth);
    return rc;
}

/* The largest first, in lanes that a compiler can keep in registers; then where it is. Ties go to
 * the lowest id; NaN never wins (unless logits[0] is one: then it is 0, as all else compares
 * false). */
static int32_t most_likely(const float *logits, uint32_t n)
{
    enum { LANES = 16 };
    float lane[LANES], best = logits[0];
    uint32_t i = 0;
    for (uint32_t k = 0; k < LANES; k++) {
        lane[k] = best;
    }
    for (; i + LANES <= n; i += LANES) {
        for (uint32_t k = 0; k < LANES; k++) {
            lane[k] = logits[i + k] > lane[k] ? logits[i + k] : lane[k];
        }
    }
    for (uint32_t k = 0; k < LANES; k++) {
        best = lane[k] > best ? lane[k] : best;
    }
    for (; i < n; i++) {
        best = logits[i] > best ? logits[i] : best;
    }
    for (i = 0; i < n && !(logits[i] >= best); i++) {
    }
    return i < n ? (int32_t)i : 0;
}

/* The timed window. tokens: prompt, then tokens to generate. out->token_ns has room for n_gen - 1
 * times. */
static int run_window(struct aglm_sample *out, struct aglm_session *session, const int32_t *tokens,
                      const struct aglm_test *test, uint32_t n_vocab,
                      struct aglm_op_profile *profile, struct aglm_err *err)
{
    volatile float sink; /* the compiler may not leave out the read of a logit */
    uint64_t start = aglm_clock_ns();
    uint64_t last = start;
    if (test->n_prompt > 0) {
        int rc = aglm_session_prefill(session, tokens, test->n_prompt, err);
        if (rc < 0) {
            return rc;
        }
        sink = aglm_session_logits(session)[0];
        last = aglm_clock_ns();
        out->prefill_ns = last - start;
    }
    if (profile != NULL) {
        (void)aglm_session_profile(session, &profile[1], NULL);
    }
    for (uint32_t i = 0; i < test->n_gen; i++) {
        int32_t token = n_vocab > 0 ? most_likely(aglm_session_logits(session), n_vocab)
                                    : tokens[test->n_prompt + i];
        int rc = aglm_session_decode(session, token, err);
        if (rc < 0) {
            return rc;
        }
        sink = aglm_session_logits(session)[0];
        uint64_t now = aglm_clock_ns();
        if (i == 0) {
            out->first_token_ns = now - last;
        } else {
            out->token_ns[i - 1] = now - last;
        }
        last = now;
    }
    out->total_ns = last - start;
    (void)sink;
    return 0;
}

static uint64_t peak_rss_bytes(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (uint64_t)usage.ru_maxrss * 1024 : 0;
}

/* run_window, observed or not. */
static int run_profiled(struct aglm_sample *out, struct aglm_session *session,
                        const int32_t *tokens, const struct aglm_test *test, uint32_t n_vocab,
                        struct aglm_op_profile *profile, struct aglm_err *err)
{
    int rc = profile != NULL ? aglm_session_profile(session, &profile[0], err) : 0;
    if (rc == 0) {
        rc = run_window(out, session, tokens, test, n_vocab, profile, err);
    }
    if (profile != NULL) {
        (void)aglm_session_profile(session, NULL, NULL);
    }
    return rc;
}

int aglm_measure_once(struct aglm_sample *out, struct aglm_session *session, const int32_t *tokens,
                      const struct aglm_test *test, uint32_t n_vocab,
                      struct aglm_op_profile *profile, struct aglm_telemetry *telemetry,
                      struct aglm_err *err)
{
    struct aglm_sample s = {.n_token_ns = test->n_gen > 1 ? test->n_gen - 1 : 0};
    s.token_ns = calloc(s.n_token_ns + 1, sizeof(*s.token_ns));
    if (s.token_ns == NULL) {
        return aglm_err_set(err, -ENOMEM, "out of memory for %zu samples", s.n_token_ns);
    }
    for (size_t i = 0; i < s.n_token_ns; i++) {
        s.token_ns[i] = 1; /* calloc's pages are touched here, not in the window */
    }
    int rc = aglm_measure_fill(session, tokens, test->n_depth, err);
    if (rc == 0) {
        aglm_telemetry_begin(telemetry);
        aglm_conditions_take(&s.before, NULL);
        rc = run_profiled(&s, session, tokens + test->n_depth, test, n_vocab, profile, err);
        aglm_conditions_take(&s.after, NULL);
        aglm_conditions_between(&s.before, &s.after);
        aglm_telemetry_end(telemetry, &s.during);
    }
    aglm_session_truncate(session, test->n_depth);
    if (rc < 0) {
        free(s.token_ns);
        return rc;
    }
    s.peak_rss_bytes = peak_rss_bytes();
    *out = s;
    return 0;
}
