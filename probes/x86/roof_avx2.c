/* The roof's loops with AVX2 and FMA; compiled once more, with AGLM_VNNI, for AVX-VNNI.
 *
 * Integer: vpdpbusd with VNNI (32 products, added in fours to 32 bits); without, vpmaddubsw
 * multiplies 32 pairs of bytes and adds neighbours, vpaddw gathers them: the densest exact product
 * there is without VNNI (widening to 32 bits, which real code needs now and then, is left out).
 */
#include "probes/roof_kernels.h"
#include "probes/x86/roof_x86.h"

#include <immintrin.h>
#include <string.h>

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
#ifdef AGLM_VNNI
#ifdef AGLM_VNNI_EVEX /* AVX-512's form of it, for a test */
#define STEP(sum) __asm__ volatile("vpdpbusd %2, %1, %0" : "+x"(sum) : "x"(w), "x"(x))
#else
#define STEP(sum) __asm__ volatile("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum) : "x"(w), "x"(x))
#endif
#define ADD _mm256_add_epi32
typedef uint32_t lane_type;
#else
#define ADD _mm256_add_epi16
typedef uint16_t lane_type;
#define STEP(sum)                                     \
    __asm__ volatile("vpmaddubsw %2, %1, %%ymm15\n\t" \
                     "vpaddw %%ymm15, %0, %0"         \
                     : "+x"(sum)                      \
                     : "x"(w), "x"(x)                 \
                     : "xmm15")
#endif

static uint64_t int8_avx2(size_t n, uint64_t *ops)
{
    const __m256i w = _mm256_set1_epi8(3), x = _mm256_set1_epi8(-5);
    __m256i s0 = _mm256_setzero_si256(), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0,
            s7 = s0, s8 = s0, s9 = s0, s10 = s0, s11 = s0;
    for (size_t i = 0; i < n; i++) {
        EACH_CHAIN(STEP);
    }
    *ops = (uint64_t)n * CHAINS * 32 * 2;
    lane_type lane[sizeof(s0) / sizeof(lane_type)];
    uint64_t all = 0;
    _mm256_storeu_si256((__m256i *)(void *)lane, JOIN_CHAINS(ADD));
    for (size_t i = 0; i < sizeof(lane) / sizeof(*lane); i++)
        all += lane[i];
    return all & 0xffff;
}

#define FMA_STEP(sum) __asm__ volatile("vfmadd132ps %2, %1, %0" : "+x"(sum) : "x"(x), "x"(w))

static uint64_t f32_avx2(size_t n, uint64_t *ops)
{
    const __m256 w = _mm256_set1_ps(0.999f), x = _mm256_set1_ps(0.001f);
    __m256 s0 = _mm256_setzero_ps(), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0,
           s8 = s0, s9 = s0, s10 = s0, s11 = s0;
    for (size_t i = 0; i < n; i++) {
        EACH_CHAIN(FMA_STEP);
    }
    *ops = (uint64_t)n * CHAINS * 8 * 2;
    float lane[8], all = 0;
    uint32_t bits;
    _mm256_storeu_ps(lane, JOIN_CHAINS(_mm256_add_ps));
    for (int i = 0; i < 8; i++)
        all += lane[i];
    memcpy(&bits, &all, sizeof(bits));
    return bits;
}

#ifdef AGLM_VNNI
const struct aglm_roof_kernels aglm_roof_avxvnni = {"avxvnni", read_avx2, int8_avx2, f32_avx2};
#else
const struct aglm_roof_kernels aglm_roof_avx2 = {"avx2", read_avx2, int8_avx2, f32_avx2};
#endif
