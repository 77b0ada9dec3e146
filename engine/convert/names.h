/* The architectures that can be converted, as data: what they are called on both sides, their
 * tensors with shapes, and what happens to the rows on the way.
 */
#ifndef AGLM_ENGINE_CONVERT_NAMES_H
#define AGLM_ENGINE_CONVERT_NAMES_H

#include "engine/convert/config.h"

/* Sizes that shapes are made of. */
enum aglm_hf_size {
    AGLM_HF_ONE, /* as columns: a vector */
    AGLM_HF_VOCAB,
    AGLM_HF_EMBD,
    AGLM_HF_Q,   /* heads * head_dim */
    AGLM_HF_KV,  /* kv_heads * head_dim */
    AGLM_HF_QKV, /* Q + 2 KV */
    AGLM_HF_FF,
    AGLM_HF_FF2, /* 2 FF */
    AGLM_HF_HEAD_DIM,
};

enum aglm_hf_change {
    AGLM_HF_AS_IS,
    /* Rows of a head from halves (i, i + n/2) to neighbours (2i, 2i + 1): llama's q and k. */
    AGLM_HF_TO_NEIGHBOURS,
    /* The other way round over the first n_rot rows of a head, if there are M-RoPE sections. */
    AGLM_HF_TO_HALVES,
    AGLM_HF_PLUS_ONE, /* Gemma's norms multiply by 1 + weight */
};

struct aglm_hf_tensor {
    const char *from; /* '#': the layer; '@': the architecture's prefix */
    const char *to;
    enum aglm_hf_size rows, columns; /* in the published model: [rows, columns] */
    enum aglm_hf_change change;
    bool optional;
};

struct aglm_hf_arch {
    const char *names[3]; /* "architectures" in config.json, NULL where fewer */
    const char *gguf;
    const struct aglm_hf_tensor *tensors; /* [n]; the first is the embedding, the second the
                                             output norm, the third the output matrix */
    size_t n_tensors;
    const char *prefixes[2];
    bool chatglm_keys;  /* config.json in the words of ChatGLM's own code */
    bool text_config;   /* the language model is described under "text_config" */
    bool tied;          /* when the config does not say */
    bool output_unused; /* an output matrix is never read: always tied */
    bool llama3_rope;   /* "llama3" scaling has a tensor */
    bool windows;       /* every sixth layer sees all, the others a window */
    double rotated;     /* part of a head that is rotated, when the config does not say */
    uint32_t head_dim;  /* when the config does not say; 0: embd / heads */
    const char *activation;
};

/* NULL if there is none of that name. aglm_hf_arch_names: for messages. */
const struct aglm_hf_arch *aglm_hf_arch_find(const char *name);
const char *aglm_hf_arch_names(void);

/* A tensor of the published model that has no counterpart and is left out: NULL if it must not be,
 * else what it is ("vision"). */
const char *aglm_hf_left_out(const char *name);

uint64_t aglm_hf_size_of(const struct aglm_hf_config *config, enum aglm_hf_size size);

#endif
