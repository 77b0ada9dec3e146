/* config.json of a Hugging Face folder, read and checked, for the architectures that can be
 * converted. Values that the engine's arithmetic does not know (other activations, scalings,
 * windows) are refused rather than dropped. Defaults are those of the models' definitions in the
 * transformers library.
 */
#ifndef AGLM_ENGINE_CONVERT_CONFIG_H
#define AGLM_ENGINE_CONVERT_CONFIG_H

#include "engine/convert/json.h"

struct aglm_hf_arch;

enum aglm_hf_rope { AGLM_HF_ROPE_PLAIN, AGLM_HF_ROPE_LINEAR, AGLM_HF_ROPE_LLAMA3 };

struct aglm_hf_config {
    const struct aglm_hf_arch *arch;
    uint32_t n_layers, n_embd, n_heads, n_kv_heads, head_dim, n_ff, n_vocab, n_ctx, n_rot;
    double rms_eps, rope_theta;
    enum aglm_hf_rope rope;
    double rope_factor, rope_low_freq, rope_high_freq; /* of linear and llama3 */
    uint32_t rope_n_ctx;                               /* llama3: original context */
    uint32_t sections[4];                              /* M-RoPE: pairs; all 0 without */
    uint32_t window;                                   /* 0: none */
    double window_theta;                               /* of layers with a window */
    double logit_softcap;                              /* 0: none */
    bool tied;
    char name[128]; /* _name_or_path without folders, or "" */
};

/* root: the tree of config.json; file names it in messages. -ENOTSUP for what cannot be converted,
 * -EINVAL for nonsense. */
int aglm_hf_config_read(struct aglm_hf_config *out, const cJSON *root, const char *file,
                        struct aglm_err *err);

/* The divisors of the rope frequencies: [n_rot / 2], as "llama3" scaling defines them. */
void aglm_hf_rope_freqs(const struct aglm_hf_config *config, float *out);

#endif
