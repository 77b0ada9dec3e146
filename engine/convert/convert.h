/* A Hugging Face folder (config.json, tokenizer.json, safetensors) to one GGUF file.
 *
 * Architectures and what happens to their tensors: names.h. The tensors are streamed; in memory is
 * the vocabulary and a few rows. Every tensor of the folder must be used or be known as one that is
 * left out; every value must be finite and, for f16, fit.
 */
#ifndef AGLM_ENGINE_CONVERT_CONVERT_H
#define AGLM_ENGINE_CONVERT_CONVERT_H

#include "engine/dtype.h"
#include "probes/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct aglm_convert_options {
    const char *type; /* of matrices, a mode of engine/quant/mix.h: "f16", "q4_k_m" …; NULL: bf16
                         for BF16 weights, else f16. Vectors are f32. */
    const char *pre;  /* pre-tokenizer's name, or NULL: recognized */
    bool no_tokenizer;
    unsigned n_threads; /* that quantize, at most 512; 0 means 1. They do not change the bytes */
    /* NULL, or called now and then; false stops with -ECANCELED. */
    bool (*progress)(void *ctx, uint64_t done_bytes, uint64_t total_bytes);
    void *progress_ctx;
};

/* What a user should hear about a conversion that worked. */
struct aglm_convert_notes {
    char arch[32], type[16];
    uint64_t bytes;     /* of the file */
    size_t n_tensors;   /* written */
    size_t n_vision;    /* left out: tensors of a vision part */
    size_t n_other;     /* left out: computed anew from the configuration, or a second copy */
    size_t n_fallback;  /* matrices whose rows do not fit the type they should have got */
    size_t n_tokens;    /* 0: no tokenizer */
    size_t n_padded;    /* of them without a name */
    size_t n_dropped;   /* added tokens that the embedding has no row for */
    bool composes;      /* the tokenizer composes text (NFC) before; GGUF has no word for it */
    char tokenizer[48]; /* "gpt2, qwen2" */
};

/* folder to path. An existing path is replaced only if it is a GGUF file or empty. -EEXIST: it is
 * something else; -ENOTSUP: what cannot be converted; -EINVAL: damaged; -ENOSPC. */
int aglm_convert(const char *folder, const char *path, const struct aglm_convert_options *options,
                 struct aglm_convert_notes *notes, struct aglm_err *err);

#endif
