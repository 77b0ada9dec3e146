/* Norm, quantization, activation, conversion and attention with AVX2, FMA and F16C.
 *
 * Lengths need not be a multiple of the register: what is left over goes one by one through the
 * same arithmetic.
 */
#include "engine/kernels/x86/x86.h"

#include <immintrin.h>
#include <math.h>
#include <string.h>

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

static inline float sum8(__m256 v)
{
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_shuffle_ps(s, s, 1)));
}

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

static void quantize_32(int8_t *q, float *scale, int16_t *sum, const float *x, uint32_t max)
{
    if (max >= 0x7f800000u) {
        memset(q, 0, 32);
        sum[0] = sum[1] = 0;
        *scale = NAN;
        return;
    }
    float amax;
    memcpy(&amax, &max, 4);
    __m256 inverse = _mm256_set1_ps(amax > 1e-30f ? 127.0f / amax : 0.0f);
    *scale = amax / 127.0f;
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
    uint32_t max = 0;
    for (size_t i = 0; i < n; i += 32) {
        if (i % block == 0)
            max = max_magnitude(x + i, block);
        quantize_32(q + i, scale + i / 32, sum + i / 16, x + i, max);
    }
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

static inline __m256 halves(const uint16_t *p)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)p));
}

/* scores[h * ld + p] = dot(q head h, key p) for n_q heads (a constant 1 … 4) from one pass over the
 * keys. */
X86_INLINE void scores_of(float *scores, size_t ld, const float *q, const uint16_t *k, size_t dim,
                          size_t n_pos, const unsigned n_q)
{
    for (size_t p = 0; p < n_pos; p++, k += dim) {
        __m256 acc[4];
        X86_UNROLL
        for (unsigned h = 0; h < n_q; h++)
            acc[h] = _mm256_setzero_ps();
        size_t i = 0;
        for (; i + 8 <= dim; i += 8) {
            __m256 key = halves(k + i);
            X86_UNROLL
            for (unsigned h = 0; h < n_q; h++)
                acc[h] = _mm256_fmadd_ps(key, _mm256_loadu_ps(q + h * dim + i), acc[h]);
        }
        X86_UNROLL
        for (unsigned h = 0; h < n_q; h++) {
            float dot = sum8(acc[h]);
            for (size_t j = i; j < dim; j++)
                dot = fmaf(q[h * dim + j], _cvtsh_ss(k[j]), dot);
            scores[h * ld + p] = dot;
        }
    }
}

/* Softmax over s[n]; s is padded to a multiple of 8 with room to write. */
static void softmax(float *s, size_t n)
{
    for (size_t i = n; i % 8; i++)
        s[i] = -INFINITY;
    __m256 m = _mm256_loadu_ps(s);
    for (size_t i = 8; i < n; i += 8)
        m = _mm256_max_ps(m, _mm256_loadu_ps(s + i));
    __m128 m4 = _mm_max_ps(_mm256_castps256_ps128(m), _mm256_extractf128_ps(m, 1));
    m4 = _mm_max_ps(m4, _mm_movehl_ps(m4, m4));
    m4 = _mm_max_ss(m4, _mm_shuffle_ps(m4, m4, 1));
    const __m256 max = _mm256_set1_ps(_mm_cvtss_f32(m4));
    for (size_t i = 0; i < n; i += 8)
        _mm256_storeu_ps(s + i, exp8(_mm256_sub_ps(_mm256_loadu_ps(s + i), max)));
    for (size_t i = n; i % 8; i++)
        s[i] = 0;
    __m256 total = _mm256_setzero_ps();
    for (size_t i = 0; i < n; i += 8)
        total = _mm256_add_ps(total, _mm256_loadu_ps(s + i));
    const __m256 inverse = _mm256_set1_ps(1.0f / sum8(total));
    for (size_t i = 0; i < n; i += 8)
        _mm256_storeu_ps(s + i, _mm256_mul_ps(_mm256_loadu_ps(s + i), inverse));
}

/* out[h * dim + i] = sum over positions of scores * values, for n_q heads (a constant 1 … 4). */
X86_INLINE void mix_values(float *out, const float *scores, size_t ld, const uint16_t *v,
                           size_t dim, size_t n_pos, const unsigned n_q)
{
    size_t i = 0;
    for (; i + 16 <= dim; i += 16) {
        __m256 acc[4][2];
        X86_UNROLL
        for (unsigned h = 0; h < n_q; h++)
            acc[h][0] = acc[h][1] = _mm256_setzero_ps();
        for (size_t p = 0; p < n_pos; p++) {
            __m256 v0 = halves(v + p * dim + i), v1 = halves(v + p * dim + i + 8);
            X86_UNROLL
            for (unsigned h = 0; h < n_q; h++) {
                __m256 s = _mm256_broadcast_ss(scores + h * ld + p);
                acc[h][0] = _mm256_fmadd_ps(s, v0, acc[h][0]);
                acc[h][1] = _mm256_fmadd_ps(s, v1, acc[h][1]);
            }
        }
        X86_UNROLL
        for (unsigned h = 0; h < n_q; h++) {
            _mm256_storeu_ps(out + h * dim + i, acc[h][0]);
            _mm256_storeu_ps(out + h * dim + i + 8, acc[h][1]);
        }
    }
    for (unsigned h = 0; h < n_q; h++)
        for (size_t j = i; j < dim; j++) {
            float sum = 0;
            for (size_t p = 0; p < n_pos; p++)
                sum = fmaf(scores[h * ld + p], _cvtsh_ss(v[p * dim + j]), sum);
            out[h * dim + j] = sum;
        }
}

X86_INLINE void attend_heads(const struct aglm_attend *a, size_t first, const unsigned n_q)
{
    const size_t dim = a->head_dim, ld = (a->n_pos + 15) / 16 * 16;
    scores_of(a->scores, ld, a->q + first * dim, (const uint16_t *)(const void *)a->k, dim,
              a->n_pos, n_q);
    for (unsigned h = 0; h < n_q; h++)
        softmax(a->scores + h * ld, a->n_pos);
    mix_values(a->out + first * dim, a->scores, ld, (const uint16_t *)(const void *)a->v, dim,
               a->n_pos, n_q);
}

static void attend(const struct aglm_attend *a)
{
    size_t h = 0;
    for (; h + 4 <= a->n_q; h += 4)
        attend_heads(a, h, 4);
    for (; h < a->n_q; h++)
        attend_heads(a, h, 1);
}

void aglm_kernels_fill_avx2_vector(struct aglm_kernels *k)
{
    k->quantize = quantize;
    k->rmsnorm = rmsnorm;
    k->add = add;
    k->silu_mul = silu_mul;
    k->to_half = to_half;
    k->attend = attend;
}
