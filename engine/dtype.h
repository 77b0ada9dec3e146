/* Tensor types: the numbers GGUF gives them, their block sizes, and conversion from and to float.
 *
 * Formats: facts of the GGUF specification and of ggml's published block layouts. A row of n
 * elements must be a whole number of blocks.
 */
#ifndef AGLM_ENGINE_DTYPE_H
#define AGLM_ENGINE_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Values are the ids in GGUF files. */
enum aglm_dtype {
    AGLM_F32 = 0,
    AGLM_F16 = 1,
    AGLM_Q4_0 = 2,
    AGLM_Q4_1 = 3,
    AGLM_Q5_0 = 6,
    AGLM_Q5_1 = 7,
    AGLM_Q8_0 = 8,
    AGLM_Q2_K = 10,
    AGLM_Q3_K = 11,
    AGLM_Q4_K = 12,
    AGLM_Q5_K = 13,
    AGLM_Q6_K = 14,
    AGLM_IQ4_NL = 20,
    AGLM_BF16 = 30,
    AGLM_INT8 = 38, /* in memory only, no file has it: see engine/int8.h */
    AGLM_MXFP4 = 39,
};

struct aglm_dtype_info {
    enum aglm_dtype type;
    const char *name; /* as llama.cpp prints it: "f32" "q4_0" "q6_K" "iq4_nl" */
    unsigned block_elements;
    unsigned block_bytes;
    bool quantized;
    /* dst: [n] floats; src: n/block_elements blocks. */
    void (*to_float)(float *dst, const void *src, size_t n);
    /* dst: n/block_elements blocks; src: [n] floats. The plain formula, quick: caches and synthetic
     * weights go through it. Deterministic; what is not finite gives defined output. */
    void (*from_float)(void *dst, const float *src, size_t n);
    /* The same with scales searched for the least squared error, tens of times slower: for weights
     * that people keep. Equal to from_float where there is nothing to search. */
    void (*quantize_row)(void *dst, const float *src, size_t n);
};

/* The description of a type by its GGUF id, or NULL if the engine does not know it. */
const struct aglm_dtype_info *aglm_dtype_get(uint32_t gguf_id);
/* By name, case ignored ("q4_0", "Q6_K"), or NULL. */
const struct aglm_dtype_info *aglm_dtype_by_name(const char *name);
/* Name for any GGUF type id ggml ever gave out, for error messages ("q3_K"); "type 99" style is the
 * caller's business when NULL is returned. */
const char *aglm_dtype_foreign_name(uint32_t gguf_id);
/* Elements and bytes of one block, for any type id that files of today may hold, run by the engine
 * or not. Returns 0, or -ENOENT (outputs untouched). */
int aglm_dtype_block(uint32_t gguf_id, unsigned *elements, unsigned *bytes);
/* Can x: [n] be written in this type: every value finite and, for types with 16-bit numbers, not
 * too large for these? */
bool aglm_dtype_holds(enum aglm_dtype type, const float *x, size_t n);

float aglm_half_to_float(uint16_t h);
/* Round to nearest even; overflow to infinity; NaN kept. */
uint16_t aglm_float_to_half(float f);
float aglm_bf16_to_float(uint16_t h);
uint16_t aglm_float_to_bf16(float f);

#endif
