/* What the AVX2 files share: exp, sums over a register's lanes, and each other's entries in the
 * table. */
#ifndef AGLM_ENGINE_KERNELS_X86_AVX2_H
#define AGLM_ENGINE_KERNELS_X86_AVX2_H

#include "engine/kernels/x86/x86.h"

#include <immintrin.h>

/* aglm_expf, bit for bit. */
static inline __m256 exp8(__m256 x)
{
    /* A NaN stays: max and min return their second operand for it. */
    x = _mm256_max_ps(_mm256_set1_ps(AGLM_EXP_LO), x);
    x = _mm256_min_ps(_mm256_set1_ps(AGLM_EXP_HI), x);
    __m256 n = _mm256_round_ps(_mm256_mul_ps(x, _mm256_set1_ps(AGLM_EXP_LOG2E)),
                               _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m256 r = _mm256_fmadd_ps(n, _mm256_set1_ps(-AGLM_EXP_LN2_HI), x);
    r = _mm256_fmadd_ps(n, _mm256_set1_ps(-AGLM_EXP_LN2_LO), r);
    __m256 p = _mm256_set1_ps(AGLM_EXP_C5);
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(AGLM_EXP_C4));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(AGLM_EXP_C3));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(AGLM_EXP_C2));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(AGLM_EXP_C1));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(AGLM_EXP_C0));
    p = _mm256_add_ps(_mm256_fmadd_ps(p, _mm256_mul_ps(r, r), r), _mm256_set1_ps(1.0f));
    __m256i e = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
    return _mm256_mul_ps(p, _mm256_castsi256_ps(_mm256_slli_epi32(e, 23)));
}

/* The sum of eight lanes. */
static inline float sum8(__m256 v)
{
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_shuffle_ps(s, s, 1)));
}

void aglm_kv_store_avx2(uint8_t *dst, const float *src, size_t head_dim, enum aglm_dtype type);
/* n cached elements to floats, n a multiple of 8 (F16) or 32. */
void aglm_kv_load_avx2(float *dst, const uint8_t *src, size_t n, enum aglm_dtype type);
void aglm_softmax_avx2(float *x, size_t n);

#endif
