/* The dot product's step, in which AVX2 and AVX-VNNI differ, and the names of what is made of it.
 *
 * avx2_matmul.c, avx2_blocks.c, avx2_kquants.c and avx2_int8.c are compiled once for each, with
 * names of their own: AVX2_NAME(x) is x_avx2, or x_avxvnni where AGLM_VNNI is defined. AVX2 adds
 * the products of two bytes in 16 bits, which overflow, so sums are short and signed bytes a case
 * of their own; vpdpbusd adds four in 32 bits, exactly, and any byte goes in as an unsigned code.
 * Two more forms are for tests, on processors without AVX-VNNI: AGLM_VNNI_EVEX takes AVX-512's form
 * of the same instructions, AGLM_SIMDE an emulation of everything.
 */
#ifndef AGLM_ENGINE_KERNELS_X86_AVX2_STEP_H
#define AGLM_ENGINE_KERNELS_X86_AVX2_STEP_H

#ifdef AGLM_SIMDE
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <math.h>
#include <simde/x86/avx2.h>
#include <simde/x86/avx512/dpbusd.h>
#include <simde/x86/avx512/dpwssd.h>
#include <simde/x86/f16c.h>
#include <simde/x86/fma.h>

/* SIMDe's multiply-add rounds twice without FMA; the kernels' bits depend on rounding once. */
#undef _mm256_fmadd_ps
static inline __m256 _mm256_fmadd_ps(__m256 a, __m256 b, __m256 c)
{
    float x[8], y[8], z[8];
    _mm256_storeu_ps(x, a);
    _mm256_storeu_ps(y, b);
    _mm256_storeu_ps(z, c);
    for (int i = 0; i < 8; i++)
        z[i] = fmaf(x[i], y[i], z[i]);
    return _mm256_loadu_ps(z);
}
#undef _mm256_fnmadd_ps
static inline __m256 _mm256_fnmadd_ps(__m256 a, __m256 b, __m256 c)
{
    return _mm256_fmadd_ps(_mm256_sub_ps(_mm256_set1_ps(-0.0f), a), b, c);
}
/* SIMDe wants a literal, which an unrolled loop's counter is not yet. */
#undef _mm256_srli_epi16
static inline __m256i _mm256_srli_epi16(__m256i v, int n)
{
    return _mm256_srl_epi16(v, _mm_cvtsi32_si128(n));
}
#undef _mm256_slli_epi16
static inline __m256i _mm256_slli_epi16(__m256i v, int n)
{
    return _mm256_sll_epi16(v, _mm_cvtsi32_si128(n));
}
#else
#include <immintrin.h>
#endif

#if !defined(AGLM_VNNI)
#define AVX2_NAME(name) name##_avx2
#define AVX2_ISA "avx2"
enum { VNNI = 0 };
#else
#if defined(AGLM_SIMDE)
#define AVX2_NAME(name) name##_avxvnni_emulated
#elif defined(AGLM_VNNI_EVEX)
#define AVX2_NAME(name) name##_avxvnni_evex
#else
#define AVX2_NAME(name) name##_avxvnni
#endif
#if defined(AGLM_SIMDE) || defined(AGLM_VNNI_EVEX)
#define VNNI_STEP(name) _mm256_##name##_epi32
#else
#define VNNI_STEP(name) _mm256_##name##_avx_epi32
#endif
#define AVX2_ISA "avxvnni"
enum { VNNI = 1 };
#endif

/* sum + products of unsigned bytes w and signed bytes v. */
static inline __m256i add_dot(__m256i sum, __m256i w, __m256i v)
{
#ifdef AGLM_VNNI
    return VNNI_STEP(dpbusd)(sum, w, v);
#else
    return _mm256_add_epi16(sum, _mm256_maddubs_epi16(w, v));
#endif
}

static inline __m256i first_dot(__m256i w, __m256i v)
{
    return VNNI ? add_dot(_mm256_setzero_si256(), w, v) : _mm256_maddubs_epi16(w, v);
}

/* Sums of add_dot in 32 bits. */
static inline __m256i widen_dot(__m256i sum)
{
    return VNNI ? sum : _mm256_madd_epi16(sum, _mm256_set1_epi16(1));
}

/* a + b, both of add_dot. */
static inline __m256i join_dots(__m256i a, __m256i b)
{
    return VNNI ? _mm256_add_epi32(a, b) : _mm256_add_epi16(a, b);
}

/* sum + products of 16-bit pairs, in 32 bits. */
static inline __m256i add_pairs(__m256i sum, __m256i a, __m256i b)
{
#ifdef AGLM_VNNI
    return VNNI_STEP(dpwssd)(sum, a, b);
#else
    return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b));
#endif
}

struct aglm_kernels;
void AVX2_NAME(aglm_kernels_fill)(struct aglm_kernels *k, bool ahead);
void AVX2_NAME(aglm_kernels_fill_int8)(struct aglm_kernels *k);

#endif
