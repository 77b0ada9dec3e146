/* The architectures the engine runs, described as data: where the metadata lies, which tensors a
 * file has, how positions are rotated, how the feed-forward is laid out. A new architecture is a
 * new entry.
 */
#ifndef AGLM_ENGINE_ARCH_H
#define AGLM_ENGINE_ARCH_H

#include "engine/gguf.h"

#include <stdbool.h>
#include <stdint.h>

enum aglm_rope_style {
    AGLM_ROPE_NORM, /* rotates neighbours (2i, 2i+1) */
    AGLM_ROPE_NEOX, /* rotates halves (i, i + n_rot/2) */
};

struct aglm_arch {
    const char *name; /* value of general.architecture, prefix of its keys */
    enum aglm_rope_style rope;
    bool fused_ffn_up; /* ffn_up holds gate rows then up rows; there is no ffn_gate */
    bool qkv_bias;     /* q, k and v must have biases; elsewhere they may */
};

/* NULL if the engine has no such architecture. aglm_arch_names: "chatglm, llama, qwen2" for
 * messages. */
const struct aglm_arch *aglm_arch_find(const char *name);
const char *aglm_arch_names(void);

/* Hyperparameters of one model, checked: every count is at least 1 and at most a sane limit, heads
 * divide, n_rot is even and at most head_dim. */
struct aglm_hparams {
    const struct aglm_arch *arch;
    uint32_t n_layers, n_embd, n_heads, n_kv_heads, head_dim, n_ff, n_vocab, n_rot, n_ctx_train;
    float rms_eps, rope_theta,
        rope_freq_scale; /* freq_scale: 1 unless linear scaling is asked for */
};

/* Reads them from a file's metadata (vocabulary size from token_embd's shape). -ENOTSUP for an
 * architecture or feature the engine lacks (experts, yarn), -EINVAL for nonsense. */
int aglm_hparams_read(struct aglm_hparams *out, const struct aglm_gguf *file, struct aglm_err *err);

#endif
