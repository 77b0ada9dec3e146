/* The roof's loops with AVX2 and FMA.
 *
 * Integer: vpmaddubsw multiplies 32 pairs of bytes and adds neighbours, vpaddw gathers them: the
 * densest exact product there is without VNNI (widening to 32 bits, which real code needs now and
 * then, is left out).
 */
#include "probes/roof_kernels.h"

#include <immintrin.h>
#include <string.h>

enum { CHAINS = 8 }; /* as many as hide the latency of FMA twice a cycle; more spill */

static inline __m256i load(const uint8_t *p)
{
    return _mm256_load_si256((const __m256i *)(const void *)p);
}

static uint64_t fold(__m256i v)
{
    uint64_t lane[4];
    _mm256_storeu_si256((__m256i *)(void *)lane, v);
    return lane[0] ^ lane[1] ^ lane[2] ^ lane[3];
}

static uint64_t read_avx2(const uint8_t *p, size_t stride, size_t n)
{
    __m256i sum[4] = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256(),
                      _mm256_setzero_si256()};
    for (size_t i = 0; i < n; i += 64)
        for (size_t s = 0; s < 4; s++) {
            const uint8_t *at = p + s * stride + i;
            sum[s] = _mm256_xor_si256(sum[s], _mm256_xor_si256(load(at), load(at + 32)));
        }
    return fold(
        _mm256_xor_si256(_mm256_xor_si256(sum[0], sum[1]), _mm256_xor_si256(sum[2], sum[3])));
}

/* One chain's step, in place and never hoisted: of intrinsics compilers make copies and spills. */
#define STEP(sum)                                     \
    __asm__ volatile("vpmaddubsw %2, %1, %%ymm15\n\t" \
                     "vpaddw %%ymm15, %0, %0"         \
                     : "+x"(sum)                      \
                     : "x"(w), "x"(x)                 \
                     : "xmm15")

static uint64_t int8_avx2(size_t n, uint64_t *ops)
{
    const __m256i w = _mm256_set1_epi8(3), x = _mm256_set1_epi8(-5);
    __m256i s0 = _mm256_setzero_si256(), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0,
            s7 = s0;
    for (size_t i = 0; i < n; i++) {
        STEP(s0);
        STEP(s1);
        STEP(s2);
        STEP(s3);
        STEP(s4);
        STEP(s5);
        STEP(s6);
        STEP(s7);
    }
    s0 = _mm256_xor_si256(_mm256_xor_si256(s0, s1), _mm256_xor_si256(s2, s3));
    s4 = _mm256_xor_si256(_mm256_xor_si256(s4, s5), _mm256_xor_si256(s6, s7));
    *ops = (uint64_t)n * 8 * 32 * 2;
    return fold(_mm256_xor_si256(s0, s4));
}

static uint64_t f32_avx2(size_t n, uint64_t *ops)
{
    __m256 sum[CHAINS], w = _mm256_set1_ps(0.999f), x = _mm256_set1_ps(0.001f);
    for (int c = 0; c < CHAINS; c++)
        sum[c] = _mm256_set1_ps((float)c);
    for (size_t i = 0; i < n; i++) {
#pragma GCC unroll 8
        for (int c = 0; c < CHAINS; c++)
            sum[c] = _mm256_fmadd_ps(sum[c], w, x);
    }
    for (int c = 1; c < CHAINS; c++)
        sum[0] = _mm256_add_ps(sum[0], sum[c]);
    *ops = (uint64_t)n * CHAINS * 8 * 2;
    return fold(_mm256_castps_si256(sum[0]));
}

const struct aglm_roof_kernels aglm_roof_avx2 = {"avx2", read_avx2, int8_avx2, f32_avx2};
