/* The C reference kernels, by name: kernels.h says what each slot does. */
#ifndef AGLM_ENGINE_KERNELS_REF_H
#define AGLM_ENGINE_KERNELS_REF_H

#include "engine/kernels/kernels.h"

#define AGLM_MATMUL_ARGS                                                              \
    float *out, size_t ld_out, const uint8_t *w, const struct aglm_acts *x, size_t k, \
        size_t n_panels, size_t n_tokens, void *scratch

void aglm_matmul_f32_c(AGLM_MATMUL_ARGS);
void aglm_matmul_f16_c(AGLM_MATMUL_ARGS);
void aglm_matmul_bf16_c(AGLM_MATMUL_ARGS);
void aglm_matmul_q8_0_c(AGLM_MATMUL_ARGS);
void aglm_matmul_q4_0_c(AGLM_MATMUL_ARGS);
void aglm_matmul_q6_k_c(AGLM_MATMUL_ARGS);

#endif
