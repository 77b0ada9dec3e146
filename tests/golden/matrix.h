/* The matrix of golden cases: every architecture with every tensor type, and cache types.
 *
 * The model files are not kept: they are made anew from these descriptions, seeded by the case's
 * name, and a digest tells whether they are still those that llama.cpp saw. What it answered lies
 * in matrix.txt (names, limits, digests) and matrix.f32 (logits); see README.md.
 */
#ifndef AGLM_TESTS_GOLDEN_MATRIX_H
#define AGLM_TESTS_GOLDEN_MATRIX_H

#include "engine/dtype.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MATRIX_TOKENS = 12,
    MATRIX_VOCAB = 67,
    MATRIX_ROWS = 4, /* of logits, kept of each case: those of positions 2, 5, 8 and 11 */
};

struct matrix_case {
    char name[48];                  /* "llama q4_K", "gemma3 kv q8_0 q4_0" */
    const char *group;              /* the architecture and which form of it: "llama-freqs" */
    const char *arch;               /* general.architecture */
    char type[24];                  /* "q4_K", or what is special: "mixed-k", "kv q8_0 q4_0" */
    enum aglm_dtype type_k, type_v; /* of the KV cache; both F32 where the case is not about it */
    bool cache;                     /* the case is about the cache */
    size_t index_shape, index_type;
    int32_t tokens[MATRIX_TOKENS];
};

size_t matrix_count(void);
/* Describes case i < matrix_count(). */
void matrix_describe(struct matrix_case *out, size_t i);
/* The position that row r < MATRIX_ROWS of the reference belongs to. */
size_t matrix_position(size_t r);

/* The case's GGUF file in memory, [*size], freed by the caller. Aborts for lack of memory. */
uint8_t *matrix_model(const struct matrix_case *c, size_t *size);
/* FNV-1a, 64 bits, of a file's bytes. */
uint64_t matrix_digest(const uint8_t *bytes, size_t size);

#endif
