/* The roof's loops with AVX-512: 64 bytes a load, vpdpbusd for integers (64 products, added in
 * fours to 32 bits). */
#include "probes/roof_kernels.h"

#include <immintrin.h>
#include <string.h>

enum { CHAINS = 16 };

static uint64_t fold(__m512i v)
{
    uint64_t lane[8], all = 0;
    _mm512_storeu_si512(lane, v);
    for (int i = 0; i < 8; i++)
        all ^= lane[i];
    return all;
}

static uint64_t read_avx512(const uint8_t *p, size_t stride, size_t n)
{
    __m512i sum[4] = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(),
                      _mm512_setzero_si512()};
    for (size_t i = 0; i < n; i += 64)
        for (size_t s = 0; s < 4; s++)
            sum[s] = _mm512_xor_si512(sum[s], _mm512_load_si512(p + s * stride + i));
    return fold(
        _mm512_xor_si512(_mm512_xor_si512(sum[0], sum[1]), _mm512_xor_si512(sum[2], sum[3])));
}

/* One chain's step, in place and never hoisted: of intrinsics compilers make copies and spills. */
#define STEP(sum) __asm__ volatile("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(w), "v"(x))

static uint64_t int8_avx512(size_t n, uint64_t *ops)
{
    const __m512i w = _mm512_set1_epi8(3), x = _mm512_set1_epi8(-5);
    __m512i s0 = _mm512_setzero_si512(), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0,
            s7 = s0, s8 = s0, s9 = s0, s10 = s0, s11 = s0;
    for (size_t i = 0; i < n; i++) {
        STEP(s0);
        STEP(s1);
        STEP(s2);
        STEP(s3);
        STEP(s4);
        STEP(s5);
        STEP(s6);
        STEP(s7);
        STEP(s8);
        STEP(s9);
        STEP(s10);
        STEP(s11);
    }
    s0 = _mm512_xor_si512(_mm512_xor_si512(s0, s1), _mm512_xor_si512(s2, s3));
    s4 = _mm512_xor_si512(_mm512_xor_si512(s4, s5), _mm512_xor_si512(s6, s7));
    s8 = _mm512_xor_si512(_mm512_xor_si512(s8, s9), _mm512_xor_si512(s10, s11));
    *ops = (uint64_t)n * 12 * 64 * 2;
    return fold(_mm512_xor_si512(s0, _mm512_xor_si512(s4, s8)));
}

static uint64_t f32_avx512(size_t n, uint64_t *ops)
{
    __m512 sum[CHAINS], w = _mm512_set1_ps(0.999f), x = _mm512_set1_ps(0.001f);
    for (int c = 0; c < CHAINS; c++)
        sum[c] = _mm512_set1_ps((float)c);
    for (size_t i = 0; i < n; i++) {
#pragma GCC unroll 16
        for (int c = 0; c < CHAINS; c++)
            sum[c] = _mm512_fmadd_ps(sum[c], w, x);
    }
    for (int c = 1; c < CHAINS; c++)
        sum[0] = _mm512_add_ps(sum[0], sum[c]);
    *ops = (uint64_t)n * CHAINS * 16 * 2;
    return fold(_mm512_castps_si512(sum[0]));
}

const struct aglm_roof_kernels aglm_roof_avx512 = {"avx512", read_avx512, int8_avx512, f32_avx512};
