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
void aglm_matmul_q4_0_c(AGLM_MATMUL_ARGS);
void aglm_matmul_q4_1_c(AGLM_MATMUL_ARGS);
void aglm_matmul_q5_0_c(AGLM_MATMUL_ARGS);
void aglm_matmul_q5_1_c(AGLM_MATMUL_ARGS);
void aglm_matmul_q8_0_c(AGLM_MATMUL_ARGS);
void aglm_matmul_iq4_nl_c(AGLM_MATMUL_ARGS);
void aglm_matmul_mxfp4_c(AGLM_MATMUL_ARGS);
void aglm_matmul_q2_k_c(AGLM_MATMUL_ARGS);
void aglm_matmul_q3_k_c(AGLM_MATMUL_ARGS);
void aglm_matmul_q4_k_c(AGLM_MATMUL_ARGS);
void aglm_matmul_q5_k_c(AGLM_MATMUL_ARGS);
void aglm_matmul_q6_k_c(AGLM_MATMUL_ARGS);

void aglm_kv_store_c(uint8_t *dst, const float *src, size_t head_dim, enum aglm_dtype type);
void aglm_attend_c(const struct aglm_attend *a);

#endif
