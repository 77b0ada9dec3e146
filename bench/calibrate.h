/* What INT8 costs and gains on one model: each way to choose activation scales beside the file's
 * own type, by likelihood and by speed.
 *
 * The sample text sets the scales, the other text judges them. Each variant is scored against the
 * file as it is, and timed in turn with it (A B A B …), so that its speed is a ratio of neighbours.
 */
#ifndef AGLM_BENCH_CALIBRATE_H
#define AGLM_BENCH_CALIBRATE_H

#include "bench/perplexity.h"
#include "engine/int8.h"
#include "engine/session.h"

enum { AGLM_CALIBRATE_MAX_VARIANTS = 16 };

struct aglm_calibrate_options {
    const char *path; /* GGUF with a tokenizer, F32, F16 or BF16 */
    const char *isa;
    unsigned threads;
    uint32_t window;         /* tokens run together */
    double percentile;       /* of AGLM_INT8_PERCENTILE */
    const char *types[8];    /* block types to compare with ("q8_0"), NULL-terminated */
    bool fake;               /* score the rounding played in floats as well */
    unsigned rounds;         /* of timing; 0: none */
    uint32_t prompt, decode; /* tokens timed */
    bool (*cancelled)(void *ctx);
    void *cancelled_ctx;
    void (*progress)(void *ctx, const char *what); /* may be NULL */
    void *progress_ctx;
};

struct aglm_calibrate_variant {
    char name[48];       /* "f16 (the file)", "q8_0", "int8 dynamic", "int8 kl" */
    uint64_t size_bytes; /* of all tensors, as they lie in memory */
    struct aglm_mean nll, delta, kl, same_top; /* delta: against the file, token by token */
    double fake_nll;                           /* NaN: not run */
    double prefill_per_s, decode_per_s;        /* medians, tokens per second; NaN: not timed */
    double prefill_ratio, decode_ratio; /* medians of the ratios to the file's in the same round */
    float *scales; /* [n_sites] of int8 with calibrated scales, else NULL; owned */
};

struct aglm_calibration_table {
    struct aglm_calibrate_variant variant[AGLM_CALIBRATE_MAX_VARIANTS]; /* the first is the file */
    size_t n, n_sites;
    size_t n_sample, n_judged; /* tokens that set the scales; tokens scored */
    char model_name[128], model_digest[33], isa[16];
};

/* sample: [sample_size] bytes of text that sets the scales; judge: text that is scored. Variants
 * that were done stay in *out on every return; free it with _finish. -EINVAL: a text that fills no
 * window. -ECANCELED. */
int aglm_calibrate_run(struct aglm_calibration_table *out,
                       const struct aglm_calibrate_options *options, const char *sample,
                       size_t sample_size, const char *judge, size_t judge_size,
                       struct aglm_err *err);
void aglm_calibration_table_finish(struct aglm_calibration_table *table);

#endif
