/* Norm, quantization, activation and conversion with AVX2, FMA and F16C.
 *
 * Lengths need not be a multiple of the register: what is left over goes one by one through the
 * same arithmetic.
 */
#include "engine/kernels/acts.h"
#include "engine/kernels/x86/avx2.h"

#include <math.h>
#include <string.h>

static inline __m256i max_bits(__m256i max, __m256 x)
{
    __m256i bits = _mm256_castps_si256(_mm256_andnot_ps(_mm256_set1_ps(-0.0f), x));
    return _mm256_max_epu32(max, bits);
}

static inline uint32_t max_lane(__m256i v)
{
    __m128i m = _mm_max_epu32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    m = _mm_max_epu32(m, _mm_shuffle_epi32(m, 0x4e));
    m = _mm_max_epu32(m, _mm_shuffle_epi32(m, 0xb1));
    return (uint32_t)_mm_cvtsi128_si32(m);
}

static inline int32_t sum_run(__m256i a, __m256i b)
{
    __m256i v = _mm256_add_epi32(a, b);
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1));
    return _mm_cvtsi128_si32(s);
}

/* Largest magnitude of n values (a multiple of 8) as bits: infinity and NaN sort above every
 * number. */
static uint32_t max_magnitude(const float *x, size_t n)
{
    __m256i max = _mm256_setzero_si256();
    for (size_t i = 0; i < n; i += 8)
        max = max_bits(max, _mm256_loadu_ps(x + i));
    return max_lane(max);
}

/* 32 codes and the sums of their halves. */
static void quantize_32(int8_t *q, int16_t *sum, const float *x, struct aglm_act_scale s)
{
    if (isnan(s.scale)) {
        memset(q, 0, 32);
        sum[0] = sum[1] = 0;
        return;
    }
    const __m256 inverse = _mm256_set1_ps(s.inverse);
    __m256i i[4];
    X86_UNROLL
    for (unsigned j = 0; j < 4; j++)
        i[j] = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x + j * 8), inverse));
    sum[0] = (int16_t)sum_run(i[0], i[1]);
    sum[1] = (int16_t)sum_run(i[2], i[3]);
    /* Packing works within halves: put the 32-bit groups back in order afterwards. */
    __m256i bytes =
        _mm256_packs_epi16(_mm256_packs_epi32(i[0], i[1]), _mm256_packs_epi32(i[2], i[3]));
    bytes = _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    _mm256_storeu_si256((__m256i *)(void *)q, bytes);
}

static void quantize(int8_t *q, float *scale, int16_t *sum, const float *x, size_t n, size_t block)
{
    aglm_act_quantize(q, scale, sum, x, n, block, max_magnitude, quantize_32);
}

static void rmsnorm(float *out, const float *x, const float *w, float eps, size_t n)
{
    __m256 sums[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(),
                      _mm256_setzero_ps()};
    size_t i = 0;
    for (; i + 32 <= n; i += 32)
        for (unsigned j = 0; j < 4; j++) {
            __m256 v = _mm256_loadu_ps(x + i + j * 8);
            sums[j] = _mm256_fmadd_ps(v, v, sums[j]);
        }
    float sum =
        sum8(_mm256_add_ps(_mm256_add_ps(sums[0], sums[1]), _mm256_add_ps(sums[2], sums[3])));
    for (; i < n; i++)
        sum += x[i] * x[i];
    float scale = 1.0f / sqrtf(sum / (float)n + eps);
    __m256 s = _mm256_set1_ps(scale);
    for (i = 0; i + 8 <= n; i += 8)
        _mm256_storeu_ps(out + i, _mm256_mul_ps(_mm256_mul_ps(_mm256_loadu_ps(x + i), s),
                                                _mm256_loadu_ps(w + i)));
    for (; i < n; i++)
        out[i] = x[i] * scale * w[i];
}

static void add(float *x, const float *y, size_t n)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(x + i, _mm256_add_ps(_mm256_loadu_ps(x + i), _mm256_loadu_ps(y + i)));
    for (; i < n; i++)
        x[i] += y[i];
}

static void silu_mul(float *out, const float *gate, const float *up, size_t n)
{
    const __m256 one = _mm256_set1_ps(1.0f), sign = _mm256_set1_ps(-0.0f);
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256 g = _mm256_loadu_ps(gate + i);
        __m256 d = _mm256_add_ps(one, exp8(_mm256_xor_ps(g, sign)));
        _mm256_storeu_ps(out + i, _mm256_mul_ps(_mm256_div_ps(g, d), _mm256_loadu_ps(up + i)));
    }
    for (; i < n; i++)
        out[i] = gate[i] / (1.0f + aglm_expf(-gate[i])) * up[i];
}

static void to_half(uint16_t *dst, const float *src, size_t n)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm_storeu_si128((__m128i *)(void *)(dst + i),
                         _mm256_cvtps_ph(_mm256_loadu_ps(src + i), _MM_FROUND_TO_NEAREST_INT));
    for (; i < n; i++)
        dst[i] = aglm_float_to_half(src[i]);
}

static void gelu_mul(float *out, const float *gate, const float *up, size_t n)
{
    const __m256 one = _mm256_set1_ps(1.0f), factor = _mm256_set1_ps(AGLM_GELU_CUBIC);
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256 z = _mm256_loadu_ps(gate + i);
        __m256 cubic = _mm256_fmadd_ps(_mm256_mul_ps(_mm256_mul_ps(factor, z), z), z, z);
        __m256 e = exp8(_mm256_mul_ps(_mm256_set1_ps(AGLM_GELU_MINUS_2_ROOT), cubic));
        __m256 gelu = _mm256_div_ps(z, _mm256_add_ps(one, e));
        _mm256_storeu_ps(out + i, _mm256_mul_ps(gelu, _mm256_loadu_ps(up + i)));
    }
    for (; i < n; i++) {
        float z = gate[i], cubic = fmaf(AGLM_GELU_CUBIC * z * z, z, z);
        out[i] = z / (1.0f + aglm_expf(AGLM_GELU_MINUS_2_ROOT * cubic)) * up[i];
    }
}

void aglm_kernels_fill_avx2_vector(struct aglm_kernels *k)
{
    k->quantize = quantize;
    k->rmsnorm = rmsnorm;
    k->add = add;
    k->silu_mul = silu_mul;
    k->to_half = to_half;
    k->gelu_mul = gelu_mul;
    k->kv_store = aglm_kv_store_avx2;
    k->attend = aglm_attend_avx2;
    k->softmax = aglm_softmax_avx2;
}
