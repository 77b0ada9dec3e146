/* Which type each tensor of a file gets when a whole model is quantized.
 *
 * A mode such as q4_k_m is a mixture: the same one that llama.cpp's llama_model_quantize makes
 * (src/llama-quant.cpp, version of September 2026, without importance matrix), so that files of
 * both programs are alike and comparable.
 */
#ifndef AGLM_ENGINE_QUANT_MIX_H
#define AGLM_ENGINE_QUANT_MIX_H

#include "engine/dtype.h"
#include "engine/gguf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct aglm_quantize_mode {
    const char *name;     /* "q4_k_m" */
    enum aglm_dtype type; /* of most matrices */
    uint32_t file_type;   /* value of general.file_type, llama.cpp's llama_ftype */
    bool mixed;           /* the name of a mixture, not of a type alone */
};

size_t aglm_quantize_mode_count(void);
const struct aglm_quantize_mode *aglm_quantize_mode_at(size_t i);
/* By name, case ignored, or NULL. q3_k, q4_k and q5_k mean their _m, as in llama.cpp. */
const struct aglm_quantize_mode *aglm_quantize_mode_find(const char *name);
/* The mode that is called as a type is: q4_k_m for Q4_K. NULL for a type that the engine lacks. */
const struct aglm_quantize_mode *aglm_quantize_mode_of(enum aglm_dtype type);
/* All names, "f32, f16, …", for messages and help. */
const char *aglm_quantize_mode_names(void);

/* What the choice depends on besides the tensors. */
struct aglm_quantize_shape {
    char arch[64];
    uint64_t n_layers, n_heads, n_kv_heads; /* heads: of the first layer */
};

struct aglm_quantize_tensor {
    const char *name;
    unsigned n_dims;
    const uint64_t *ne; /* [n_dims] */
    uint32_t type;      /* what it is */
    uint32_t chosen;    /* out: what it becomes; equal to type: it is to be copied */
    bool fallback;      /* out: its rows are no whole number of blocks of what it should become */
};

/* Fills chosen and fallback of all n tensors, which must be all of a file's, in any order. -ENOMEM
 * is the only error. */
int aglm_quantize_choose(const struct aglm_quantize_mode *mode,
                         const struct aglm_quantize_shape *shape,
                         struct aglm_quantize_tensor *tensors, size_t n);

/* From a file's metadata. -EINVAL for a file that does not say, -ENOTSUP for a mixture of experts.
 */
int aglm_quantize_shape_read(struct aglm_quantize_shape *out, const struct aglm_gguf *file,
                             struct aglm_err *err);
/* The types for all tensors of a file: types [aglm_gguf_tensor_count(file)]; n_fallback (may be
 * NULL): how many had to fall back. */
int aglm_quantize_choose_file(const struct aglm_quantize_mode *mode, const struct aglm_gguf *file,
                              uint32_t *types, uint64_t *n_fallback, struct aglm_err *err);

#endif
