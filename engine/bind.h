/* A model's tensors bound by name, every shape checked against the hyperparameters. */
#ifndef AGLM_ENGINE_BIND_H
#define AGLM_ENGINE_BIND_H

#include "engine/arch.h"
#include "engine/gguf.h"
#include "probes/err.h"

/* One layer. Either qkv or q, k, v; either gate and up, or (arch->fused_ffn_up) up alone. Biases
 * may be NULL. */
struct aglm_layer_tensors {
    const struct aglm_gguf_tensor *attn_norm;       /* [n_embd] */
    const struct aglm_gguf_tensor *qkv, *q, *k, *v; /* rows of n_embd */
    const struct aglm_gguf_tensor *qkv_bias, *q_bias, *k_bias, *v_bias;
    const struct aglm_gguf_tensor *attn_output,
        *attn_output_bias;                          /* [n_embd rows of n_heads * head_dim] */
    const struct aglm_gguf_tensor *q_norm, *k_norm; /* [head_dim] if arch->qk_norm */
    const struct aglm_gguf_tensor *ffn_norm;        /* [n_embd] */
    const struct aglm_gguf_tensor *post_attn_norm,
        *post_ffn_norm; /* [n_embd] if arch->post_norms */
    const struct aglm_gguf_tensor *gate, *up, *down;
};

struct aglm_tensors {
    const struct aglm_gguf_tensor *token_embd;  /* [n_vocab rows of n_embd] */
    const struct aglm_gguf_tensor *output_norm; /* [n_embd] */
    const struct aglm_gguf_tensor *output;      /* [n_vocab rows of n_embd]; token_embd when tied */
    const struct aglm_gguf_tensor *rope_freqs;  /* [n_rot / 2] or NULL */
    struct aglm_layer_tensors *layers;          /* [n_layers] */
};

/* Looks up everything that the architecture needs. The tensors belong to the file, the layer array
 * to the caller (aglm_tensors_finish). -EINVAL names a missing or misshapen tensor, -ENOTSUP a type
 * the engine cannot run. */
int aglm_tensors_bind(struct aglm_tensors *out, const struct aglm_gguf *file,
                      const struct aglm_hparams *hp, struct aglm_err *err);
void aglm_tensors_finish(struct aglm_tensors *tensors);

#endif
