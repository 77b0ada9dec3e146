/* The roof's loops with AVX-512: 64 bytes a load, vpdpbusd for integers (64 products, added in
 * fours to 32 bits). */
#include "probes/roof_kernels.h"
#include "probes/x86/roof_x86.h"

#include <immintrin.h>
#include <string.h>

static uint64_t fold(__m512i v)
{
    uint64_t lane[8], all = 0;
    _mm512_storeu_si512(lane, v);
    for (unsigned i = 0; i < 8; i++)
        all ^= lane[i];
    return all;
}

static uint64_t read_avx512(const uint8_t *p, size_t stride, size_t n)
{
    __m512i sum[4] = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(),
                      _mm512_setzero_si512()};
    for (size_t i = 0; i < n; i += 64)
        for (size_t s = 0; s < 4; s++) {
            const uint8_t *at = p + s * stride + i;
            sum[s] = _mm512_xor_si512(sum[s], _mm512_load_si512(at));
        }
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
        EACH_CHAIN(STEP);
    }
    *ops = (uint64_t)n * CHAINS * 64 * 2;
    return (uint64_t)_mm512_reduce_add_epi32(JOIN_CHAINS(_mm512_add_epi32)) & 0xffff;
}

#define FMA_STEP(sum) __asm__ volatile("vfmadd132ps %2, %1, %0" : "+v"(sum) : "v"(x), "v"(w))

static uint64_t f32_avx512(size_t n, uint64_t *ops)
{
    const __m512 w = _mm512_set1_ps(0.999f), x = _mm512_set1_ps(0.001f);
    __m512 s0 = _mm512_setzero_ps(), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0,
           s8 = s0, s9 = s0, s10 = s0, s11 = s0;
    for (size_t i = 0; i < n; i++) {
        EACH_CHAIN(FMA_STEP);
    }
    *ops = (uint64_t)n * CHAINS * 16 * 2;
    const float all = _mm512_reduce_add_ps(JOIN_CHAINS(_mm512_add_ps));
    uint32_t bits;
    memcpy(&bits, &all, sizeof(bits));
    return bits;
}

const struct aglm_roof_kernels aglm_roof_avx512 = {"avx512", read_avx512, int8_avx512, f32_avx512};
