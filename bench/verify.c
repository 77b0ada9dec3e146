/* Runs a model for the advice's test; see verify.h.
 *
 * Inputs: a model file, the device's limits. Outputs: predicted and measured speeds. What is timed
 * is what `aglm-bench run` times (bench/measure.c). The best repetition counts, as the best window
 * does for the limits that the prediction starts from: neighbours take from both.
 */
#include "bench/verify.h"

#include "bench/measure.h"
#include "bench/prng.h"
#include "bench/stats.h"
#include "engine/session.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

double aglm_verify_error_percent(double predicted, double measured)
{
    return measured > 0 ? (predicted / measured - 1) * 100 : NAN;
}

bool aglm_verify_within(const struct aglm_verify_line *l, double percent)
{
    const double prefill = aglm_verify_error_percent(l->prefill_predicted_ts, l->prefill_ts);
    const double decode = aglm_verify_error_percent(l->decode_predicted_ts, l->decode_ts);
    return fabs(prefill) <= percent && fabs(decode) <= percent; /* NaN is not */
}

static const struct aglm_advice_roof *roof_of(const struct aglm_advice_device *d, unsigned threads)
{
    for (size_t i = 0; i < d->n_roofs; i++)
        if (d->roof[i].threads == threads)
            return &d->roof[i];
    return NULL;
}

static void predict(struct aglm_verify_line *l, const struct aglm_advice_device *d,
                    const struct aglm_advice_work *w)
{
    const struct aglm_advice_roof *roof = roof_of(d, l->threads);
    const double seen = AGLM_VERIFY_PROMPT + AGLM_VERIFY_GEN / 2.0;
    l->prefill_predicted_ts =
        roof ? AGLM_VERIFY_PROMPT / aglm_advice_prefill_s(d, roof, w, AGLM_VERIFY_PROMPT) : NAN;
    l->decode_predicted_ts = roof ? 1 / aglm_advice_token_s(d, roof, w, seen) : NAN;
}

/* ids: [AGLM_VERIFY_PROMPT + AGLM_VERIFY_GEN] */
static int measure(struct aglm_verify_line *l, struct aglm_session *session, const int32_t *ids,
                   struct aglm_err *err)
{
    const struct aglm_test test = {.n_prompt = AGLM_VERIFY_PROMPT, .n_gen = AGLM_VERIFY_GEN};
    double prefill[AGLM_VERIFY_REPETITIONS], decode[AGLM_VERIFY_REPETITIONS];
    int rc = aglm_measure_warm_up(session, ids, &test, AGLM_VERIFY_PROMPT, err);
    for (size_t i = 0; i < AGLM_VERIFY_REPETITIONS && rc == 0; i++) {
        struct aglm_sample s = {0};
        rc = aglm_measure_once(&s, session, ids, &test, 0, NULL, NULL, err);
        if (rc == 0) {
            prefill[i] = AGLM_VERIFY_PROMPT / ((double)s.prefill_ns * 1e-9);
            decode[i] = (double)s.n_token_ns /
                        ((double)(s.total_ns - s.prefill_ns - s.first_token_ns) * 1e-9);
            free(s.token_ns);
        }
    }
    if (rc == 0) {
        aglm_stats_sort(prefill, AGLM_VERIFY_REPETITIONS);
        aglm_stats_sort(decode, AGLM_VERIFY_REPETITIONS);
        l->prefill_ts = prefill[AGLM_VERIFY_REPETITIONS - 1];
        l->decode_ts = decode[AGLM_VERIFY_REPETITIONS - 1];
    }
    return rc;
}

int aglm_verify_run(struct aglm_verify_line *out, const char *path,
                    const struct aglm_advice_device *device, const struct aglm_advice_work *work,
                    unsigned threads, bool (*cancelled)(void *ctx), struct aglm_err *err)
{
    struct aglm_model *model = NULL;
    struct aglm_session *session = NULL;
    int32_t ids[AGLM_VERIFY_PROMPT + AGLM_VERIFY_GEN];
    struct aglm_prng prng;
    int rc = aglm_model_open(&model,
                             &(struct aglm_model_options){.path = path,
                                                          .backend = "cpu",
                                                          .isa = "auto",
                                                          .n_load_threads = threads,
                                                          .cancelled = cancelled},
                             err);
    if (rc == 0)
        rc = aglm_session_open(
            &session, model,
            &(struct aglm_session_options){.n_ctx = AGLM_VERIFY_PROMPT + AGLM_VERIFY_GEN,
                                           .n_batch = 2048,
                                           .n_ubatch = 512,
                                           .n_threads = threads,
                                           .cancelled = cancelled},
            err);
    if (rc == 0) {
        out->threads = threads;
        predict(out, device, work);
        aglm_prng_init(&prng, 1, 0);
        for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++)
            ids[i] = (int32_t)aglm_prng_below(&prng, aglm_model_info(model)->n_vocab);
        rc = measure(out, session, ids, err);
    }
    aglm_session_close(&session);
    aglm_model_close(&model);
    return rc;
}
