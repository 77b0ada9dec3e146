/* Advice: which models this device can run, how fast, and how best, from its measured limits and no
 * run at all. Pure functions of numbers.
 *
 * A token or a prompt takes the time that its bytes take at the device's read bandwidth, its
 * operations at its arithmetic peak, and what each layer costs besides; how much of either limit
 * the engine reaches is a table by instruction set (advice.c), measured as written there.
 */
#ifndef AGLM_BENCH_ADVICE_H
#define AGLM_BENCH_ADVICE_H

#include "engine/quant/mix.h"
#include "engine/synth.h"
#include "probes/profile.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { AGLM_ADVICE_MAX_COUNTS = 64 };

/* The limits with so many threads; NaN: not measured. */
struct aglm_advice_roof {
    unsigned threads;
    double read_per_s, int8_per_s, f32_per_s;
};

/* What a profile says that matters here. */
struct aglm_advice_device {
    char isa[16]; /* whose peaks these are: the one that the engine chooses; "" when none was
                     measured */
    struct aglm_advice_roof roof[AGLM_ADVICE_MAX_COUNTS]; /* [n_roofs], by threads */
    size_t n_roofs;
    double memory_bytes; /* that a program can have now: available, below a group's limit; NaN */
};

void aglm_advice_device_read(struct aglm_advice_device *out, const struct aglm_profile *profile);
/* Adds the limits with so many threads, from elsewhere than a profile, or replaces them. More than
 * AGLM_ADVICE_MAX_COUNTS are left out. */
void aglm_advice_device_set(struct aglm_advice_device *device, const struct aglm_advice_roof *roof);

/* The work that a model is, from its shapes. */
struct aglm_advice_work {
    double file_bytes, bytes_per_token; /* weights */
    double layer_params, output_params; /* of matrices, a multiply-add each */
    double kv_bytes_per_position;       /* keys and values in F16, all layers */
    uint32_t n_layers, n_attention;     /* n_attention: heads x head_dim */
    uint32_t n_ctx_train;
    bool int8; /* multiplied as 8-bit integers, else as floats */
};

void aglm_advice_work_of(struct aglm_advice_work *out, const struct aglm_preset *preset,
                         const struct aglm_quantize_mode *mode);

/* Seconds, NaN where a limit is unknown. roof is one of the device's. */
double aglm_advice_prefill_s(const struct aglm_advice_device *device,
                             const struct aglm_advice_roof *roof,
                             const struct aglm_advice_work *work, double n_prompt);
/* One token that sees so many positions. */
double aglm_advice_token_s(const struct aglm_advice_device *device,
                           const struct aglm_advice_roof *roof, const struct aglm_advice_work *work,
                           double n_positions);

enum aglm_advice_fit { AGLM_FIT_UNKNOWN, AGLM_FIT_YES, AGLM_FIT_TIGHT, AGLM_FIT_NO };

/* Memory for the weights, the cache of n_ctx positions and the engine's own buffers, beside what
 * there is: yes up to 80% of it. */
double aglm_advice_need_bytes(const struct aglm_advice_work *work, double n_ctx);
enum aglm_advice_fit aglm_advice_fit(const struct aglm_advice_device *device, double need_bytes);
const char *aglm_advice_fit_word(enum aglm_advice_fit fit); /* "yes", "tight", "no", "unknown" */

/* The standard step of a phone agent: agent-zh of the standard suite. */
enum { AGLM_ADVICE_STEP_PROMPT = 1856, AGLM_ADVICE_STEP_GEN = 142 };

struct aglm_advice {
    const struct aglm_preset *preset;
    const struct aglm_quantize_mode *mode;
    double need_bytes; /* with a context for the standard step */
    enum aglm_advice_fit fit;
    unsigned prefill_threads, decode_threads; /* the fewest that are within 3% of the best; 0 */
    double prefill_ts, decode_ts;             /* a prompt of 512 tokens; behind it. NaN */
    double step_ttft_s, step_s;               /* of the standard step: first token; all of it */
};

void aglm_advice_give(struct aglm_advice *out, const struct aglm_advice_device *device,
                      const struct aglm_preset *preset, const struct aglm_quantize_mode *mode);

#endif
