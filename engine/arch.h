/* The architectures the engine runs, described as data: how positions are rotated, how the
 * feed-forward is laid out, which norms there are. Each is a small file in engine/arch/ and a line
 * in arch.c; the code that reads files and runs layers asks for properties, never for names.
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

enum aglm_activation {
    AGLM_SILU, /* z / (1 + exp(-z)) */
    AGLM_GELU, /* by way of tanh */
};

/* What makes an architecture. False, 0 and NULL are the plain case: the published Llama. */
struct aglm_arch {
    const char *name; /* value of general.architecture, prefix of its keys */
    enum aglm_rope_style rope;
    enum aglm_activation activation;

    bool fused_ffn_up;  /* ffn_up holds gate rows then up rows; there is no ffn_gate */
    bool qkv_bias;      /* q, k and v must have biases; elsewhere they may */
    bool qk_norm;       /* each head of q and k is normalized before it is rotated */
    bool post_norms;    /* what attention and feed-forward add is normalized first */
    bool rope_freqs;    /* the file may divide the frequencies, one by one */
    bool rope_sections; /* a file with rope.dimension_sections (positions in time, height and width,
                           equal ones for text) rotates halves */
    bool embd_scaled;   /* embeddings are multiplied by sqrt(n_embd) */
    bool logit_softcap; /* the file may ask for logits = cap * tanh(logits / cap) */

    uint32_t window_every; /* with a sliding window, each such layer sees everything (6: the 6th,
                              the 12th …); 0: there are no windows */
    uint32_t even_scale_layers; /* with so many layers queries are scaled by 1 / sqrt(n_embd /
                                   n_heads), else always by 1 / sqrt(head_dim) */
};

/* NULL if the engine has no such architecture. aglm_arch_names: "chatglm, gemma3, …" for messages.
 */
const struct aglm_arch *aglm_arch_find(const char *name);
const char *aglm_arch_names(void);

enum { AGLM_MAX_LAYERS = 1024 };

/* Hyperparameters of one model, checked: every count is at least 1 and at most a sane limit, heads
 * divide, n_rot is even and at most head_dim. */
struct aglm_hparams {
    const struct aglm_arch *arch;
    uint32_t n_layers, n_embd, n_heads, n_kv_heads, head_dim, n_ff, n_vocab, n_rot, n_ctx_train;
    enum aglm_rope_style rope;
    float rms_eps, rope_theta;
    float rope_freq_scale; /* 1 unless linear scaling is asked for */
    float query_scale;     /* of q k^T before the softmax */
    float embd_scale;      /* of embeddings; 1: none */
    float logit_softcap;   /* 0: none */

    /* Local layers see the last n_window positions, their own among them, and rotate by
     * rope_theta_local unscaled. n_window 0: all layers see everything. */
    uint32_t n_window;
    float rope_theta_local;
    uint8_t local_layers[AGLM_MAX_LAYERS / 8]; /* a bit each */
};

static inline bool aglm_layer_is_local(const struct aglm_hparams *hp, uint32_t layer)
{
    return hp->local_layers[layer / 8] >> layer % 8 & 1;
}

/* Reads them from a file's metadata (vocabulary size from token_embd's shape). -ENOTSUP for an
 * architecture or feature the engine lacks (experts, yarn), -EINVAL for nonsense. */
int aglm_hparams_read(struct aglm_hparams *out, const struct aglm_gguf *file, struct aglm_err *err);

/* Sets n_ctx_train to n_ctx, at most the file's own or AGLM_OVERRIDE_CTX, whichever is more: the
 * converter of GLM-Edge wrote 2048 or 3072 for models trained with 8192. -EINVAL beyond. */
enum { AGLM_OVERRIDE_CTX = 8192 };
int aglm_hparams_override_ctx(struct aglm_hparams *hp, const char *path, uint32_t n_ctx,
                              struct aglm_err *err);

#endif
