/* INT8 with AVX2, or AVX-VNNI: |activation| as unsigned byte times weight with the activation's
 * sign.
 *
 * Weights are -127 … 127 and activations -128 … 127, so a pair of products is at most 2 * 128 * 127
 * = 32512 and fits 16 bits. With VNNI weights are made unsigned by adding 128, which the sum of the
 * token's activations takes off again. Bit for bit equal to int8_c.c.
 */
#include "engine/kernels/pack.h"
#include "engine/kernels/x86/avx2_step.h"
#include "engine/kernels/x86/x86.h"

#include <math.h>
#include <string.h>

enum { ROWS = AGLM_PANEL_ROWS, STREAMS = 4, TILE = 4 };

static inline __m256i load(const void *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

static inline __m256i spread(const int8_t *q)
{
    int32_t v;
    memcpy(&v, q, 4);
    return _mm256_set1_epi32(v);
}

/* Where a token's sums start: at -128 times the sum of its activations where weights are 128 too
 * high. */
static inline __m256i start(const struct aglm_acts *x, size_t k, size_t token)
{
    int32_t total = 0;
    for (size_t i = 0; VNNI && i < k / 16; i++)
        total += x->sum[token * (k / 16) + i];
    return _mm256_set1_epi32(-128 * total);
}

static inline __m256i load_weights(const uint8_t *w)
{
    return VNNI ? _mm256_xor_si256(load(w), _mm256_set1_epi8((char)0x80)) : load(w);
}

static inline __m256i add_products(__m256i sum, __m256i w, __m256i v)
{
    if (VNNI)
        return add_dot(sum, w, v);
    __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(v), _mm256_sign_epi8(w, v));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

static inline void finish(float *out, const __m256i sum[2], const uint8_t *scales, float scale_x)
{
    for (unsigned h = 0; h < 2; h++) {
        __m256 s = _mm256_mul_ps(_mm256_loadu_ps((const float *)(const void *)scales + h * 8),
                                 _mm256_set1_ps(scale_x));
        _mm256_storeu_ps(out + h * 8, _mm256_mul_ps(_mm256_cvtepi32_ps(sum[h]), s));
    }
}

X86_INLINE void int8_streams(float *out, const uint8_t *w, size_t stride, const struct aglm_acts *x,
                             size_t k, const unsigned panels)
{
    __m256i sum[STREAMS][2];
    X86_UNROLL
    for (unsigned p = 0; p < panels; p++)
        sum[p][0] = sum[p][1] = start(x, k, 0);
    for (size_t s = 0; s < k / 4; s++) {
        __m256i v = spread(x->q + s * 4);
        X86_UNROLL
        for (unsigned p = 0; p < panels; p++)
            for (unsigned h = 0; h < 2; h++)
                sum[p][h] =
                    add_products(sum[p][h], load_weights(w + p * stride + s * 64 + h * 32), v);
    }
    X86_UNROLL
    for (unsigned p = 0; p < panels; p++)
        finish(out + p * ROWS, sum[p], w + p * stride + k * ROWS, x->scale[0]);
}

X86_INLINE void int8_tile(float *out, size_t ld_out, const uint8_t *w, const struct aglm_acts *x,
                          size_t k, size_t t0, const unsigned tokens)
{
    const int8_t *q = x->q + t0 * k;
    __m256i sum[TILE][2];
    X86_UNROLL
    for (unsigned t = 0; t < tokens; t++)
        sum[t][0] = sum[t][1] = start(x, k, t0 + t);
    for (size_t s = 0; s < k / 4; s++) {
        __m256i w0 = load_weights(w + s * 64), w1 = load_weights(w + s * 64 + 32);
        X86_UNROLL
        for (unsigned t = 0; t < tokens; t++) {
            __m256i v = spread(q + t * k + s * 4);
            sum[t][0] = add_products(sum[t][0], w0, v);
            sum[t][1] = add_products(sum[t][1], w1, v);
        }
    }
    X86_UNROLL
    for (unsigned t = 0; t < tokens; t++)
        finish(out + (t0 + t) * ld_out, sum[t], w + k * ROWS, x->scale[(t0 + t) * (k / 32)]);
}

static void matmul_int8(X86_MATMUL_ARGS)
{
    const size_t stride = aglm_panel_bytes(AGLM_INT8, k);
    (void)scratch;
    if (n_tokens == 1) {
        X86_STREAMS(STREAMS, int8_streams, out, w, stride, x, k)
        return;
    }
    for (size_t p = 0; p < n_panels; p++) {
        X86_TILES(int8_tile, out + p * ROWS, ld_out, w + p * stride, x, k)
    }
}

#ifndef AGLM_VNNI
static uint32_t max_magnitude(const float *x, size_t n)
{
    const __m256i mask = _mm256_set1_epi32(0x7fffffff);
    __m256i max = _mm256_setzero_si256();
    for (size_t i = 0; i < n; i += 8)
        max = _mm256_max_epu32(max,
                               _mm256_and_si256(_mm256_castps_si256(_mm256_loadu_ps(x + i)), mask));
    uint32_t lane[8], m = 0;
    _mm256_storeu_si256((__m256i *)(void *)lane, max);
    for (unsigned i = 0; i < 8; i++)
        m = lane[i] > m ? lane[i] : m;
    return m;
}

static inline __m256i round_8(const float *x, __m256 scale)
{
    __m256 v = _mm256_div_ps(_mm256_loadu_ps(x), scale);
    v = _mm256_min_ps(_mm256_max_ps(v, _mm256_set1_ps(-128)), _mm256_set1_ps(127));
    return _mm256_cvtps_epi32(v);
}

static float quantize_int8(int8_t *q, int16_t *sum, const float *x, size_t n, float scale)
{
    uint32_t max = max_magnitude(x, n);
    if (scale == 0) {
        memcpy(&scale, &max, 4);
        scale /= 127;
    }
    if (max >= 0x7f800000u || scale == 0) {
        memset(q, 0, n);
        memset(sum, 0, n / 16 * sizeof(*sum));
        return max >= 0x7f800000u ? NAN : scale;
    }
    const __m256 s = _mm256_set1_ps(scale);
    for (size_t i = 0; i < n; i += 16) {
        __m256i words = _mm256_packs_epi32(round_8(x + i, s), round_8(x + i + 8, s));
        words = _mm256_permute4x64_epi64(words, 0xd8);
        __m128i bytes =
            _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
        _mm_storeu_si128((__m128i *)(void *)(q + i), bytes);
        __m256i pairs = _mm256_madd_epi16(words, _mm256_set1_epi16(1));
        __m128i four =
            _mm_add_epi32(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256(pairs, 1));
        four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
        four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0xb1));
        sum[i / 16] = (int16_t)_mm_cvtsi128_si32(four);
    }
    return scale;
}
#endif

void AVX2_NAME(aglm_kernels_fill_int8)(struct aglm_kernels *k)
{
#ifndef AGLM_VNNI
    k->quantize_int8 = quantize_int8;
#endif
    k->matmul[AGLM_INT8] = matmul_int8;
}
