/* Synthetic models: GGUF files with the published shapes of real models and seeded random weights.
 *
 * Speed depends on shapes and types, not on values, so such a file measures a device without a
 * download. Same preset, type and seed give the same bytes on every machine and for any number of
 * threads.
 */
#ifndef AGLM_ENGINE_SYNTH_H
#define AGLM_ENGINE_SYNTH_H

#include "engine/quant/mix.h"
#include "probes/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct aglm_preset {
    const char *name;  /* "glm-edge-1.5b" */
    const char *title; /* "GLM-Edge 1.5B" */
    const char *arch;  /* GGUF architecture; what it says of tensors (engine/arch.h) is not
                          repeated here */
    uint32_t n_layers, n_embd, n_heads, n_kv_heads, head_dim, n_ff, n_vocab, n_rot, n_ctx_train;
    float rope_theta, rms_eps;
    bool tied; /* no output.weight */
    bool qkv_bias;
    bool fused_qkv;
    bool rope_freqs;           /* Llama 3's frequency factors */
    uint32_t rope_sections[3]; /* pairs that turn with time, height and width; 0: no such key */
    uint32_t n_window;         /* attention.sliding_window; 0: no such key */
};

size_t aglm_preset_count(void);
const struct aglm_preset *aglm_preset_at(size_t i);
const struct aglm_preset *aglm_preset_find(const char *name); /* NULL if unknown */

/* Called now and then with bytes written and in all; returns false to stop (then -ECANCELED). */
typedef bool (*aglm_synth_progress)(void *ctx, uint64_t done_bytes, uint64_t total_bytes);

struct aglm_synth_options {
    const struct aglm_quantize_mode *mode; /* the types of the matrices, chosen as for a real file;
                                              norms and biases are F32 */
    enum aglm_dtype type;                  /* if mode is NULL: the mode that is called like it */
    uint64_t seed;
    unsigned n_threads;
    aglm_synth_progress progress; /* may be NULL */
    void *progress_ctx;
};

/* Writes the file. Free space is checked first (-ENOSPC names the need and what there is). */
int aglm_synth_write(const struct aglm_preset *preset, const struct aglm_synth_options *options,
                     const char *path, struct aglm_err *err);
/* The size in bytes that the file will have. */
uint64_t aglm_synth_size(const struct aglm_preset *preset, enum aglm_dtype type);
uint64_t aglm_synth_size_of(const struct aglm_preset *preset,
                            const struct aglm_quantize_mode *mode);

/* Resolves a -m argument: a plain path is copied to path; "preset:NAME[:TYPE]" (a name of
 * engine/quant/mix.h, q4_0 when left out) names a file in $XDG_CACHE_HOME/aglm-bench (else
 * ~/.cache/aglm-bench), which is made there if it is missing (seed 1) and checked to open if it is
 * not. options->mode and type are ignored. -EINVAL names the presets for an unknown one. */
int aglm_synth_resolve(const char *model, const struct aglm_synth_options *options, char *path,
                       size_t path_size, struct aglm_err *err);

#endif
