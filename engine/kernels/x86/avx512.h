/* The AVX-512 intrinsics: the compiler's, or, with AGLM_SIMDE, an emulation of them for testing on
 * lesser CPUs. */
#ifndef AGLM_ENGINE_KERNELS_X86_AVX512_H
#define AGLM_ENGINE_KERNELS_X86_AVX512_H

#ifdef AGLM_SIMDE
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <math.h>
#include <simde/x86/avx512.h>
#include <simde/x86/f16c.h>
#include <simde/x86/fma.h>

/* What SIMDe 0.7.4 lacks, lane by lane. */
static inline __m512 _mm512_cvtph_ps(__m256i h)
{
    float f[16];
    _mm256_storeu_ps(f, _mm256_cvtph_ps(_mm256_castsi256_si128(h)));
    _mm256_storeu_ps(f + 8, _mm256_cvtph_ps(_mm256_extracti128_si256(h, 1)));
    return _mm512_loadu_ps(f);
}
static inline __m512 _mm512_cvtepi32_ps(__m512i v)
{
    int32_t in[16];
    float f[16];
    _mm512_storeu_si512(in, v);
    for (int i = 0; i < 16; i++)
        f[i] = (float)in[i];
    return _mm512_loadu_ps(f);
}
static inline __m512 _mm512_getexp_ps(__m512 v)
{
    float f[16];
    _mm512_storeu_ps(f, v);
    for (int i = 0; i < 16; i++)
        f[i] = isnan(f[i]) ? f[i] : logbf(f[i]);
    return _mm512_loadu_ps(f);
}
static inline __m512i _mm512_srai_epi32(__m512i v, unsigned n)
{
    int32_t in[16];
    _mm512_storeu_si512(in, v);
    for (int i = 0; i < 16; i++)
        in[i] >>= n;
    return _mm512_loadu_si512(in);
}
/* SIMDe's multiplies by exp2f. */
#undef _mm512_scalef_ps
static inline __m512 _mm512_scalef_ps(__m512 v, __m512 exponent)
{
    float f[16], e[16];
    _mm512_storeu_ps(f, v);
    _mm512_storeu_ps(e, exponent);
    for (int i = 0; i < 16; i++)
        f[i] = isnan(e[i]) ? e[i] : ldexpf(f[i], (int)e[i]);
    return _mm512_loadu_ps(f);
}
static inline __m512i _mm512_cvtepi8_epi32(__m128i v)
{
    int8_t in[16];
    int32_t out[16];
    _mm_storeu_si128((void *)in, v);
    for (int i = 0; i < 16; i++)
        out[i] = in[i];
    return _mm512_loadu_si512(out);
}
static inline __m512i _mm512_cvtepu8_epi32(__m128i v)
{
    uint8_t in[16];
    int32_t out[16];
    _mm_storeu_si128((void *)in, v);
    for (int i = 0; i < 16; i++)
        out[i] = in[i];
    return _mm512_loadu_si512(out);
}
static inline __m512i _mm512_cvtepu16_epi32(__m256i v)
{
    uint16_t in[16];
    int32_t out[16];
    _mm256_storeu_si256((void *)in, v);
    for (int i = 0; i < 16; i++)
        out[i] = in[i];
    return _mm512_loadu_si512(out);
}
/* SIMDe wants a literal, which an unrolled loop's counter is not yet. */
#undef _mm512_srli_epi16
static inline __m512i _mm512_srli_epi16(__m512i v, unsigned n)
{
    uint16_t in[32];
    _mm512_storeu_si512(in, v);
    for (int i = 0; i < 32; i++)
        in[i] = (uint16_t)(in[i] >> n);
    return _mm512_loadu_si512(in);
}
#undef _mm512_slli_epi16
static inline __m512i _mm512_slli_epi16(__m512i v, unsigned n)
{
    uint16_t in[32];
    _mm512_storeu_si512(in, v);
    for (int i = 0; i < 32; i++)
        in[i] = (uint16_t)(in[i] << n);
    return _mm512_loadu_si512(in);
}
/* SIMDe's multiply-add rounds twice without FMA; the kernels' bits depend on rounding once. */
#undef _mm512_fmadd_ps
static inline __m512 _mm512_fmadd_ps(__m512 a, __m512 b, __m512 c)
{
    float x[16], y[16], z[16];
    _mm512_storeu_ps(x, a);
    _mm512_storeu_ps(y, b);
    _mm512_storeu_ps(z, c);
    for (int i = 0; i < 16; i++)
        z[i] = fmaf(x[i], y[i], z[i]);
    return _mm512_loadu_ps(z);
}
#undef _mm512_fnmadd_ps
static inline __m512 _mm512_fnmadd_ps(__m512 a, __m512 b, __m512 c)
{
    float x[16], y[16], z[16];
    _mm512_storeu_ps(x, a);
    _mm512_storeu_ps(y, b);
    _mm512_storeu_ps(z, c);
    for (int i = 0; i < 16; i++)
        z[i] = fmaf(-x[i], y[i], z[i]);
    return _mm512_loadu_ps(z);
}
#else
#include <immintrin.h>
#endif

#include "engine/kernels/x86/x86.h"

#ifdef AGLM_SIMDE
/* The emulated table lives beside the real one in a test. */
void aglm_kernels_fill_avx512_emulated(struct aglm_kernels *k, bool ahead);
#define aglm_kernels_fill_avx512 aglm_kernels_fill_avx512_emulated
#define aglm_kernels_fill_avx512_blocks aglm_kernels_fill_avx512_blocks_emulated
#define aglm_kernels_fill_avx512_kquants aglm_kernels_fill_avx512_kquants_emulated
#define aglm_avx512_prefill aglm_avx512_prefill_emulated
#endif

#endif
