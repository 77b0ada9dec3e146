/* Rows of the KV cache with AVX2 and F16C: floats to F16, Q8_0 or Q4_0 blocks, and back.
 *
 * Storing gives the same bytes as the types' from_float, whose rounding is half away from zero for
 * Q8_0 and half up for Q4_0. Heads that are no whole number of registers go through the reference.
 */
#include "engine/kernels/ref.h"
#include "engine/kernels/x86/avx2.h"

#include <string.h>

enum { Q8_0_BYTES = 34, Q4_0_BYTES = 18 };

static inline void put_scale(uint8_t *block, float d)
{
    const uint16_t h = _cvtss_sh(d, _MM_FROUND_TO_NEAREST_INT);
    memcpy(block, &h, 2);
}

static inline float scale_at(const uint8_t *block)
{
    uint16_t h;
    memcpy(&h, block, 2);
    return _cvtsh_ss(h);
}

/* ---- to blocks ---- */

static inline __m256 magnitude(__m256 x)
{
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x);
}

static inline float max_lane(__m256 v)
{
    __m128 m = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    m = _mm_max_ps(m, _mm_movehl_ps(m, m));
    return _mm_cvtss_f32(_mm_max_ss(m, _mm_shuffle_ps(m, m, 1)));
}

/* Largest magnitude of 32 values; NaN does not count: max_ps returns its second operand for it. */
static inline float max_magnitude(const float *x)
{
    __m256 max = _mm256_setzero_ps();
    X86_UNROLL
    for (unsigned i = 0; i < 4; i++)
        max = _mm256_max_ps(magnitude(_mm256_loadu_ps(x + i * 8)), max);
    return max_lane(max);
}

/* v cut to [-limit, limit], NaN to 0. */
static inline __m256 bounded(__m256 v, float limit)
{
    v = _mm256_and_ps(v, _mm256_cmp_ps(v, v, _CMP_ORD_Q));
    v = _mm256_min_ps(v, _mm256_set1_ps(limit));
    return _mm256_max_ps(v, _mm256_set1_ps(-limit));
}

/* 32-bit integers of four registers to 32 bytes in order. */
static inline __m256i to_bytes(const __m256i i[4])
{
    __m256i v = _mm256_packs_epi16(_mm256_packs_epi32(i[0], i[1]), _mm256_packs_epi32(i[2], i[3]));
    return _mm256_permutevar8x32_epi32(v, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

static void store_q8_0(uint8_t *block, const float *x)
{
    const float d = max_magnitude(x) / 127.0f;
    const __m256 inverse = _mm256_set1_ps(d > 0 ? 1.0f / d : 0.0f);
    const __m256 half = _mm256_set1_ps(0.5f), sign = _mm256_set1_ps(-0.0f);
    __m256i q[4];
    X86_UNROLL
    for (unsigned i = 0; i < 4; i++) {
        __m256 v = bounded(_mm256_mul_ps(_mm256_loadu_ps(x + i * 8), inverse), 127.0f);
        /* Half away from zero: one more where what the cut took off is at least a half. */
        __m256i whole = _mm256_cvttps_epi32(v);
        __m256 rest = magnitude(_mm256_sub_ps(v, _mm256_cvtepi32_ps(whole)));
        __m256i up = _mm256_castps_si256(_mm256_cmp_ps(rest, half, _CMP_GE_OQ)); /* 0 or -1 */
        __m256i negative = _mm256_srai_epi32(_mm256_castps_si256(_mm256_and_ps(v, sign)), 31);
        /* -up with v's sign: (-up ^ negative) - negative */
        __m256i one = _mm256_sub_epi32(_mm256_setzero_si256(), up);
        one = _mm256_sub_epi32(_mm256_xor_si256(one, negative), negative);
        q[i] = _mm256_add_epi32(whole, one);
    }
    put_scale(block, d);
    _mm256_storeu_si256((__m256i *)(void *)(block + 2), to_bytes(q));
}

/* The first of the values whose magnitude is the largest; 0 if all are NaN. */
static inline float first_extreme(const float *x)
{
    const float max = max_magnitude(x);
    const __m256 m = _mm256_set1_ps(max);
    if (!(max > 0))
        return 0;
    for (unsigned i = 0; i < 32; i += 8) {
        __m256 same = _mm256_cmp_ps(magnitude(_mm256_loadu_ps(x + i)), m, _CMP_EQ_OQ);
        const unsigned mask = (unsigned)_mm256_movemask_ps(same);
        if (mask)
            return x[i + (unsigned)__builtin_ctz(mask)];
    }
    return 0;
}

static void store_q4_0(uint8_t *block, const float *x)
{
    const float d = first_extreme(x) / -8.0f;
    const __m256 inverse = _mm256_set1_ps(d != 0 ? 1.0f / d : 0.0f);
    __m256i q[4];
    X86_UNROLL
    for (unsigned i = 0; i < 4; i++) {
        __m256 v = bounded(_mm256_mul_ps(_mm256_loadu_ps(x + i * 8), inverse), 8.0f);
        v = _mm256_add_ps(v, _mm256_set1_ps(8.5f));
        q[i] = _mm256_min_epi32(_mm256_cvttps_epi32(v), _mm256_set1_epi32(15));
    }
    const __m256i bytes = to_bytes(q);
    const __m128i high = _mm_slli_epi16(_mm256_extracti128_si256(bytes, 1), 4);
    put_scale(block, d);
    _mm_storeu_si128((__m128i *)(void *)(block + 2),
                     _mm_or_si128(_mm256_castsi256_si128(bytes), high));
}

void aglm_kv_store_avx2(uint8_t *dst, const float *src, size_t head_dim, enum aglm_dtype type)
{
    if (head_dim % (type == AGLM_F16 ? 8 : 32)) {
        aglm_kv_store_c(dst, src, head_dim, type);
        return;
    }
    if (type == AGLM_Q8_0)
        for (size_t i = 0; i < head_dim; i += 32, dst += Q8_0_BYTES)
            store_q8_0(dst, src + i);
    else if (type == AGLM_Q4_0)
        for (size_t i = 0; i < head_dim; i += 32, dst += Q4_0_BYTES)
            store_q4_0(dst, src + i);
    else
        for (size_t i = 0; i < head_dim; i += 8, dst += 16)
            _mm_storeu_si128((__m128i *)(void *)dst,
                             _mm256_cvtps_ph(_mm256_loadu_ps(src + i), _MM_FROUND_TO_NEAREST_INT));
}

/* ---- to floats ---- */

static inline void load_f16(float *dst, const uint8_t *src, size_t n)
{
    for (size_t i = 0; i < n; i += 8)
        _mm256_storeu_ps(dst + i, _mm256_cvtph_ps(_mm_loadu_si128(
                                      (const __m128i *)(const void *)(src + 2 * i))));
}

/* d times eight signed bytes. */
static inline void put_eight(float *dst, __m256i q, __m256 d)
{
    _mm256_storeu_ps(dst, _mm256_mul_ps(d, _mm256_cvtepi32_ps(q)));
}

static inline void load_q8_0(float *dst, const uint8_t *src, size_t n)
{
    for (size_t i = 0; i < n; i += 32, src += Q8_0_BYTES) {
        const __m256 d = _mm256_set1_ps(scale_at(src));
        X86_UNROLL
        for (unsigned j = 0; j < 32; j += 8) {
            __m128i q = _mm_loadl_epi64((const __m128i *)(const void *)(src + 2 + j));
            put_eight(dst + i + j, _mm256_cvtepi8_epi32(q), d);
        }
    }
}

static inline void load_q4_0(float *dst, const uint8_t *src, size_t n)
{
    const __m128i low = _mm_set1_epi8(15), eight = _mm_set1_epi8(8);
    for (size_t i = 0; i < n; i += 32, src += Q4_0_BYTES) {
        const __m256 d = _mm256_set1_ps(scale_at(src));
        const __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(src + 2));
        const __m128i half[2] = {
            _mm_sub_epi8(_mm_and_si128(v, low), eight),
            _mm_sub_epi8(_mm_and_si128(_mm_srli_epi16(v, 4), low), eight),
        };
        X86_UNROLL
        for (unsigned h = 0; h < 2; h++) {
            put_eight(dst + i + h * 16, _mm256_cvtepi8_epi32(half[h]), d);
            put_eight(dst + i + h * 16 + 8, _mm256_cvtepi8_epi32(_mm_srli_si128(half[h], 8)), d);
        }
    }
}

void aglm_kv_load_avx2(float *dst, const uint8_t *src, size_t n, enum aglm_dtype type)
{
    if (type == AGLM_Q8_0)
        load_q8_0(dst, src, n);
    else if (type == AGLM_Q4_0)
        load_q4_0(dst, src, n);
    else
        load_f16(dst, src, n);
}
