/* Tests the advice: runs a small preset for a few seconds and puts what was measured beside what
 * was predicted.
 */
#ifndef AGLM_BENCH_VERIFY_H
#define AGLM_BENCH_VERIFY_H

#include "bench/advice.h"
#include "probes/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { AGLM_VERIFY_PROMPT = 256, AGLM_VERIFY_GEN = 32, AGLM_VERIFY_REPETITIONS = 7 };

struct aglm_verify_line {
    char model[64]; /* "smollm2-135m q4_0" */
    unsigned threads;
    double prefill_predicted_ts, prefill_ts; /* measured: the best repetition */
    double decode_predicted_ts, decode_ts;
};

/* How far off, in percent of the measured speed; NaN where either is unknown. */
double aglm_verify_error_percent(double predicted, double measured);
/* Whether both are within so many percent. */
bool aglm_verify_within(const struct aglm_verify_line *line, double percent);

/* Runs the file on so many threads. work: of the preset that the file holds. cancelled may be NULL.
 * Errors as the engine's; -ECANCELED. */
int aglm_verify_run(struct aglm_verify_line *out, const char *path,
                    const struct aglm_advice_device *device, const struct aglm_advice_work *work,
                    unsigned threads, bool (*cancelled)(void *ctx), struct aglm_err *err);

#endif
