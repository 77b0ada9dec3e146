/* Matrix products with AVX2, FMA and F16C: two registers of eight rows for each panel of sixteen.
 *
 * One token (decode) streams four panels at once, which keeps four memory streams and eight chains
 * of adds busy. Several tokens (prefill) go in tiles of four over one panel; Q4_0 and Q6_K panels
 * are unpacked to a byte a weight first, once for all tokens. Bit for bit equal to matmul_c.c.
 */
#include "engine/kernels/pack.h"
#include "engine/kernels/x86/x86.h"

#include <immintrin.h>
#include <string.h>

enum { ROWS = AGLM_PANEL_ROWS, STREAMS = 4, TILE = 4 };

static inline __m256i load(const void *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

/* Four activations, the same in every 32-bit lane. */
static inline __m256i spread(const int8_t *q)
{
    int32_t v;
    memcpy(&v, q, 4);
    return _mm256_set1_epi32(v);
}

static inline __m256 halves(const uint8_t *p)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
}

/* acc + scale_w * scale_x * sum, as the reference orders it. */
static inline __m256 accumulate(__m256 acc, __m256i sum, __m256 scale_w, float scale_x)
{
    __m256 scale = _mm256_mul_ps(scale_w, _mm256_set1_ps(scale_x));
    return _mm256_fmadd_ps(scale, _mm256_cvtepi32_ps(sum), acc);
}

/* Pairs of 16-bit sums to 32 bit, less offset times the sum of the block's activations. */
static inline __m256i close_block(__m256i pairs, int32_t correction)
{
    __m256i sum = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
    return _mm256_sub_epi32(sum, _mm256_set1_epi32(correction));
}

/* ---- Q4_0. Values 0 … 15 times -127 … 127: eight pair sums fit in 16 bits (8 * 2 * 15 * 127 =
 * 30480). ---- */

X86_INLINE void q4_0_streams(float *out, const uint8_t *w, size_t stride, const struct aglm_acts *x,
                             size_t k, const unsigned panels)
{
    const __m256i low = _mm256_set1_epi8(15);
    const size_t scales = aglm_q4_0_parts(k).scales;
    __m256 acc[STREAMS][2];
    X86_UNROLL
    for (unsigned p = 0; p < panels; p++)
        acc[p][0] = acc[p][1] = _mm256_setzero_ps();
    for (size_t b = 0; b < k / 32; b++) {
        __m256i sum[STREAMS][2];
        X86_UNROLL
        for (unsigned p = 0; p < panels; p++)
            sum[p][0] = sum[p][1] = _mm256_setzero_si256();
        X86_UNROLL
        for (unsigned c = 0; c < 4; c++) {
            __m256i first = spread(x->q + b * 32 + c * 4);
            __m256i second = spread(x->q + b * 32 + 16 + c * 4);
            X86_UNROLL
            for (unsigned p = 0; p < panels; p++)
                for (unsigned h = 0; h < 2; h++) {
                    __m256i v = load(w + p * stride + b * 256 + c * 64 + h * 32);
                    __m256i lo = _mm256_and_si256(v, low);
                    __m256i hi = _mm256_and_si256(_mm256_srli_epi16(v, 4), low);
                    __m256i s = _mm256_add_epi16(_mm256_maddubs_epi16(lo, first),
                                                 _mm256_maddubs_epi16(hi, second));
                    sum[p][h] = _mm256_add_epi16(sum[p][h], s);
                }
        }
        int32_t correction = 8 * (x->sum[b * 2] + x->sum[b * 2 + 1]);
        X86_UNROLL
        for (unsigned p = 0; p < panels; p++)
            for (unsigned h = 0; h < 2; h++)
                acc[p][h] =
                    accumulate(acc[p][h], close_block(sum[p][h], correction),
                               halves(w + p * stride + scales + b * 32 + h * 16), x->scale[b]);
    }
    X86_UNROLL
    for (unsigned p = 0; p < panels; p++)
        for (unsigned h = 0; h < 2; h++)
            _mm256_storeu_ps(out + p * ROWS + h * 8, acc[p][h]);
}

/* A panel's nibbles as bytes [k/4][64], its scales as floats [k/32][16]. */
static void q4_0_unpack(uint8_t *bytes, float *scales, const uint8_t *w, size_t k)
{
    const __m256i low = _mm256_set1_epi8(15);
    for (size_t b = 0; b < k / 32; b++)
        for (size_t i = 0; i < 256; i += 32) {
            __m256i v = load(w + b * 256 + i);
            _mm256_storeu_si256((__m256i *)(bytes + b * 512 + i), _mm256_and_si256(v, low));
            _mm256_storeu_si256((__m256i *)(bytes + b * 512 + 256 + i),
                                _mm256_and_si256(_mm256_srli_epi16(v, 4), low));
        }
    const uint8_t *src = w + aglm_q4_0_parts(k).scales;
    for (size_t i = 0; i < k / 32 * ROWS; i += 8)
        _mm256_storeu_ps(scales + i, halves(src + i * 2));
}

X86_INLINE void q4_0_tile(float *out, size_t ld_out, const uint8_t *bytes, const float *scales,
                          const struct aglm_acts *x, size_t k, size_t t0, const unsigned tokens)
{
    const size_t blocks = k / 32;
    const int8_t *q = x->q + t0 * k;
    __m256 acc[TILE][2];
    X86_UNROLL
    for (unsigned t = 0; t < tokens; t++)
        acc[t][0] = acc[t][1] = _mm256_setzero_ps();
    for (size_t b = 0; b < blocks; b++) {
        __m256i sum[TILE][2];
        X86_UNROLL
        for (unsigned t = 0; t < tokens; t++)
            sum[t][0] = sum[t][1] = _mm256_setzero_si256();
        X86_UNROLL
        for (unsigned s = 0; s < 8; s++) {
            __m256i w0 = load(bytes + b * 512 + s * 64), w1 = load(bytes + b * 512 + s * 64 + 32);
            X86_UNROLL
            for (unsigned t = 0; t < tokens; t++) {
                __m256i v = spread(q + t * k + b * 32 + s * 4);
                sum[t][0] = _mm256_add_epi16(sum[t][0], _mm256_maddubs_epi16(w0, v));
                sum[t][1] = _mm256_add_epi16(sum[t][1], _mm256_maddubs_epi16(w1, v));
            }
        }
        X86_UNROLL
        for (unsigned t = 0; t < tokens; t++) {
            size_t at = (t0 + t) * blocks + b;
            int32_t correction = 8 * (x->sum[at * 2] + x->sum[at * 2 + 1]);
            for (unsigned h = 0; h < 2; h++)
                acc[t][h] = accumulate(acc[t][h], close_block(sum[t][h], correction),
                                       _mm256_loadu_ps(scales + b * ROWS + h * 8), x->scale[at]);
        }
    }
    X86_UNROLL
    for (unsigned t = 0; t < tokens; t++)
        for (unsigned h = 0; h < 2; h++)
            _mm256_storeu_ps(out + (t0 + t) * ld_out + h * 8, acc[t][h]);
}

static void matmul_q4_0(X86_MATMUL_ARGS)
{
    const size_t stride = aglm_panel_bytes(AGLM_Q4_0, k);
    if (n_tokens == 1) {
        X86_STREAMS(q4_0_streams, out, w, stride, x, k)
        return;
    }
    float *scales = scratch;
    uint8_t *bytes = (uint8_t *)(scales + k / 32 * ROWS);
    for (size_t p = 0; p < n_panels; p++) {
        q4_0_unpack(bytes, scales, w + p * stride, k);
        X86_TILES(q4_0_tile, out + p * ROWS, ld_out, bytes, scales, x, k)
    }
}

/* ---- Q8_0. |w| as unsigned times x with w's sign; a pair sum can fill 16 bits, so each is
 * widened. ---- */

/* sum + dot products of four columns, w: 8 rows x 4 columns of signed bytes. */
static inline __m256i add_signed(__m256i sum, __m256i w, __m256i magnitude, __m256i v)
{
    __m256i pairs = _mm256_maddubs_epi16(magnitude, _mm256_sign_epi8(v, w));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

X86_INLINE void q8_0_streams(float *out, const uint8_t *w, size_t stride, const struct aglm_acts *x,
                             size_t k, const unsigned panels)
{
    const size_t scales = aglm_q8_0_parts(k).scales;
    __m256 acc[STREAMS][2];
    X86_UNROLL
    for (unsigned p = 0; p < panels; p++)
        acc[p][0] = acc[p][1] = _mm256_setzero_ps();
    for (size_t b = 0; b < k / 32; b++) {
        __m256i sum[STREAMS][2];
        X86_UNROLL
        for (unsigned p = 0; p < panels; p++)
            sum[p][0] = sum[p][1] = _mm256_setzero_si256();
        X86_UNROLL
        for (unsigned s = 0; s < 8; s++) {
            __m256i v = spread(x->q + b * 32 + s * 4);
            X86_UNROLL
            for (unsigned p = 0; p < panels; p++)
                for (unsigned h = 0; h < 2; h++) {
                    __m256i weights = load(w + p * stride + b * 512 + s * 64 + h * 32);
                    sum[p][h] = add_signed(sum[p][h], weights, _mm256_abs_epi8(weights), v);
                }
        }
        X86_UNROLL
        for (unsigned p = 0; p < panels; p++)
            for (unsigned h = 0; h < 2; h++)
                acc[p][h] =
                    accumulate(acc[p][h], sum[p][h],
                               halves(w + p * stride + scales + b * 32 + h * 16), x->scale[b]);
    }
    X86_UNROLL
    for (unsigned p = 0; p < panels; p++)
        for (unsigned h = 0; h < 2; h++)
            _mm256_storeu_ps(out + p * ROWS + h * 8, acc[p][h]);
}

X86_INLINE void q8_0_tile(float *out, size_t ld_out, const uint8_t *w, const uint8_t *scales,
                          const struct aglm_acts *x, size_t k, size_t t0, const unsigned tokens)
{
    const size_t blocks = k / 32;
    const int8_t *q = x->q + t0 * k;
    __m256 acc[TILE][2];
    X86_UNROLL
    for (unsigned t = 0; t < tokens; t++)
        acc[t][0] = acc[t][1] = _mm256_setzero_ps();
    for (size_t b = 0; b < blocks; b++)
        for (unsigned h = 0; h < 2; h++) {
            __m256i sum[TILE];
            X86_UNROLL
            for (unsigned t = 0; t < tokens; t++)
                sum[t] = _mm256_setzero_si256();
            X86_UNROLL
            for (unsigned s = 0; s < 8; s++) {
                __m256i weights = load(w + b * 512 + s * 64 + h * 32);
                __m256i magnitude = _mm256_abs_epi8(weights);
                X86_UNROLL
                for (unsigned t = 0; t < tokens; t++)
                    sum[t] =
                        add_signed(sum[t], weights, magnitude, spread(q + t * k + b * 32 + s * 4));
            }
            __m256 scale_w = halves(scales + b * 32 + h * 16);
            X86_UNROLL
            for (unsigned t = 0; t < tokens; t++)
                acc[t][h] = accumulate(acc[t][h], sum[t], scale_w, x->scale[(t0 + t) * blocks + b]);
        }
    X86_UNROLL
    for (unsigned t = 0; t < tokens; t++)
        for (unsigned h = 0; h < 2; h++)
            _mm256_storeu_ps(out + (t0 + t) * ld_out + h * 8, acc[t][h]);
}

static void matmul_q8_0(X86_MATMUL_ARGS)
{
    (void)scratch;
    const size_t stride = aglm_panel_bytes(AGLM_Q8_0, k);
    if (n_tokens == 1) {
        X86_STREAMS(q8_0_streams, out, w, stride, x, k)
        return;
    }
    for (size_t p = 0; p < n_panels; p++) {
        const uint8_t *panel = w + p * stride, *scales = panel + aglm_q8_0_parts(k).scales;
        X86_TILES(q8_0_tile, out + p * ROWS, ld_out, panel, scales, x, k)
    }
}

/* ---- Q6_K. Values 0 … 63: two pair sums fit in 16 bits (2 * 2 * 63 * 127 = 32004); madd with a
 * run's scale widens and scales at once. The offset of 32 comes off as 32 * scale * sum of the
 * run's activations. ---- */

/* Eight rows' dot product of a block, weights at step * 64; scale: 16-bit pairs [2 runs][2
 * halves][16 lanes / 2]. */
static inline __m256i q6_k_block(const uint8_t *bytes, const int16_t *scale, unsigned h,
                                 const int8_t *q, const int16_t *sums)
{
    __m256i total = _mm256_setzero_si256(), offset = _mm256_setzero_si256();
    X86_UNROLL
    for (unsigned run = 0; run < 2; run++) {
        __m256i s = load(scale + run * 32 + h * 16);
        X86_UNROLL
        for (unsigned j = 0; j < 4; j += 2) {
            const uint8_t *at = bytes + (run * 4 + j) * 64 + h * 32;
            __m256i pairs = _mm256_add_epi16(
                _mm256_maddubs_epi16(load(at), spread(q + (run * 4 + j) * 4)),
                _mm256_maddubs_epi16(load(at + 64), spread(q + (run * 4 + j + 1) * 4)));
            total = _mm256_add_epi32(total, _mm256_madd_epi16(pairs, s));
        }
        /* Pairs (scale, scale) times (sum, 0): one scale a lane. */
        offset = _mm256_add_epi32(
            offset,
            _mm256_madd_epi16(s, _mm256_set1_epi32((int32_t)((uint32_t)(uint16_t)sums[run]))));
    }
    return _mm256_sub_epi32(total, _mm256_slli_epi32(offset, 5));
}

/* A panel as bytes [k/4][64], run scales as pairs of 16 bit [k/16][16 rows][2], super-scales as
 * floats [k/256][16]. */
static void q6_k_unpack(uint8_t *bytes, int16_t *scale, float *supers, const uint8_t *w, size_t k)
{
    const struct aglm_panel_parts parts = aglm_q6_k_parts(k);
    const __m256i low = _mm256_set1_epi8(15), two = _mm256_set1_epi8(3);
    for (size_t b = 0; b < k / 32; b++) {
        X86_UNROLL
        for (unsigned s = 0; s < 8; s++)
            for (unsigned h = 0; h < 2; h++) {
                __m256i v = load(w + b * 256 + (s & 3) * 64 + h * 32);
                __m256i bits = load(w + parts.high + b * 128 + s / 4 * 64 + h * 32);
                v = _mm256_and_si256(s < 4 ? v : _mm256_srli_epi16(v, 4), low);
                bits = _mm256_and_si256(_mm256_srli_epi16(bits, (int)(2 * (s & 3))), two);
                v = _mm256_or_si256(v, _mm256_slli_epi16(bits, 4));
                _mm256_storeu_si256((__m256i *)(bytes + b * 512 + s * 64 + h * 32), v);
            }
    }
    const int8_t *src = (const int8_t *)w + parts.scales;
    for (size_t i = 0; i < k / 16 * ROWS; i++)
        scale[i * 2] = scale[i * 2 + 1] = src[i];
    for (size_t i = 0; i < k / 256 * ROWS; i += 8)
        _mm256_storeu_ps(supers + i, halves(w + parts.supers + i * 2));
}

X86_INLINE void q6_k_tile(float *out, size_t ld_out, const uint8_t *bytes, const int16_t *scale,
                          const float *supers, const struct aglm_acts *x, size_t k, size_t t0,
                          const unsigned tokens)
{
    const size_t blocks = k / 32;
    __m256 acc[TILE][2];
    X86_UNROLL
    for (unsigned t = 0; t < tokens; t++)
        acc[t][0] = acc[t][1] = _mm256_setzero_ps();
    for (size_t b = 0; b < blocks; b++) {
        X86_UNROLL
        for (unsigned t = 0; t < tokens; t++)
            for (unsigned h = 0; h < 2; h++) {
                size_t at = (t0 + t) * blocks + b;
                __m256i sum =
                    q6_k_block(bytes + b * 512, scale + b * 64, h, x->q + at * 32, x->sum + at * 2);
                acc[t][h] = accumulate(
                    acc[t][h], sum, _mm256_loadu_ps(supers + b / 8 * ROWS + h * 8), x->scale[at]);
            }
    }
    X86_UNROLL
    for (unsigned t = 0; t < tokens; t++)
        for (unsigned h = 0; h < 2; h++)
            _mm256_storeu_ps(out + (t0 + t) * ld_out + h * 8, acc[t][h]);
}

static void matmul_q6_k(X86_MATMUL_ARGS)
{
    const size_t stride = aglm_panel_bytes(AGLM_Q6_K, k);
    float *supers = scratch;
    int16_t *scale = (int16_t *)(supers + k / 256 * ROWS);
    uint8_t *bytes = (uint8_t *)(scale + k / 16 * ROWS * 2);
    for (size_t p = 0; p < n_panels; p++) {
        q6_k_unpack(bytes, scale, supers, w + p * stride, k);
        X86_TILES(q6_k_tile, out + p * ROWS, ld_out, bytes, scale, supers, x, k)
    }
}

/* ---- F32, F16, BF16: weights widened to float, one fused multiply-add a column. ---- */

enum float_kind { KIND_F32, KIND_F16, KIND_BF16 };

static inline __m256 widen(const uint8_t *w, size_t i, const enum float_kind kind)
{
    if (kind == KIND_F32)
        return _mm256_loadu_ps((const float *)(const void *)w + i);
    if (kind == KIND_F16)
        return halves(w + i * 2);
    __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(w + i * 2));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(v), 16));
}

X86_INLINE void float_streams(float *out, const uint8_t *w, size_t stride,
                              const struct aglm_acts *x, size_t k, const enum float_kind kind,
                              const unsigned panels)
{
    __m256 acc[STREAMS][2];
    X86_UNROLL
    for (unsigned p = 0; p < panels; p++)
        acc[p][0] = acc[p][1] = _mm256_setzero_ps();
    for (size_t i = 0; i < k; i++) {
        __m256 v = _mm256_broadcast_ss(x->x + i);
        X86_UNROLL
        for (unsigned p = 0; p < panels; p++)
            for (unsigned h = 0; h < 2; h++)
                acc[p][h] =
                    _mm256_fmadd_ps(widen(w + p * stride, i * ROWS + h * 8, kind), v, acc[p][h]);
    }
    X86_UNROLL
    for (unsigned p = 0; p < panels; p++)
        for (unsigned h = 0; h < 2; h++)
            _mm256_storeu_ps(out + p * ROWS + h * 8, acc[p][h]);
}

X86_INLINE void float_tile(float *out, size_t ld_out, const uint8_t *w, const struct aglm_acts *x,
                           size_t k, const enum float_kind kind, size_t t0, const unsigned tokens)
{
    __m256 acc[TILE][2];
    X86_UNROLL
    for (unsigned t = 0; t < tokens; t++)
        acc[t][0] = acc[t][1] = _mm256_setzero_ps();
    for (size_t i = 0; i < k; i++) {
        __m256 w0 = widen(w, i * ROWS, kind), w1 = widen(w, i * ROWS + 8, kind);
        X86_UNROLL
        for (unsigned t = 0; t < tokens; t++) {
            __m256 v = _mm256_broadcast_ss(x->x + (t0 + t) * k + i);
            acc[t][0] = _mm256_fmadd_ps(w0, v, acc[t][0]);
            acc[t][1] = _mm256_fmadd_ps(w1, v, acc[t][1]);
        }
    }
    X86_UNROLL
    for (unsigned t = 0; t < tokens; t++)
        for (unsigned h = 0; h < 2; h++)
            _mm256_storeu_ps(out + (t0 + t) * ld_out + h * 8, acc[t][h]);
}

X86_INLINE void matmul_float(X86_MATMUL_ARGS, size_t stride, const enum float_kind kind)
{
    (void)scratch;
    if (n_tokens == 1) {
        X86_STREAMS(float_streams, out, w, stride, x, k, kind)
        return;
    }
    for (size_t p = 0; p < n_panels; p++) {
        X86_TILES(float_tile, out + p * ROWS, ld_out, w + p * stride, x, k, kind)
    }
}

static void matmul_f32(X86_MATMUL_ARGS)
{
    matmul_float(out, ld_out, w, x, k, n_panels, n_tokens, scratch, k * 64, KIND_F32);
}

static void matmul_f16(X86_MATMUL_ARGS)
{
    matmul_float(out, ld_out, w, x, k, n_panels, n_tokens, scratch, aglm_panel_bytes(AGLM_F16, k),
                 KIND_F16);
}

static void matmul_bf16(X86_MATMUL_ARGS)
{
    matmul_float(out, ld_out, w, x, k, n_panels, n_tokens, scratch, aglm_panel_bytes(AGLM_BF16, k),
                 KIND_BF16);
}

void aglm_kernels_fill_avx2(struct aglm_kernels *k)
{
    k->isa = "avx2";
    k->matmul[AGLM_Q4_0] = matmul_q4_0;
    k->matmul[AGLM_Q8_0] = matmul_q8_0;
    k->matmul[AGLM_Q6_K] = matmul_q6_k;
    k->matmul[AGLM_F32] = matmul_f32;
    k->matmul[AGLM_F16] = matmul_f16;
    k->matmul[AGLM_BF16] = matmul_bf16;
    aglm_kernels_fill_avx2_vector(k);
}
