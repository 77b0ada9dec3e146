/* Matrix products with AVX-512 and VNNI: one register of sixteen rows by four columns for each step
 * of a panel.
 *
 * vpdpbusd multiplies unsigned by signed bytes and adds four products to a 32-bit lane, exactly.
 * Q4_0 and Q6_K values are unsigned with an offset, Q8_0's are made so by adding 128; each sum
 * starts at -offset * (sum of the activations). One token streams four panels; several go in tiles
 * of twelve over one panel, unpacked once. Bit for bit equal to matmul_c.c. Built against SIMDe
 * instead of <immintrin.h> (AGLM_SIMDE), the same code is tested where the CPU lacks AVX-512.
 */
#include "engine/kernels/pack.h"
#include "engine/kernels/x86/avx512.h"

#include <string.h>

enum { ROWS = AGLM_PANEL_ROWS, STREAMS = 4, TILE = 12 };

static inline __m512i load(const void *p)
{
    return _mm512_loadu_si512(p);
}

static inline __m512i spread(const int8_t *q)
{
    int32_t v;
    memcpy(&v, q, 4);
    return _mm512_set1_epi32(v);
}

static inline __m512 halves(const uint8_t *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)p));
}

static inline __m512 accumulate(__m512 acc, __m512i sum, __m512 scale_w, float scale_x)
{
    __m512 scale = _mm512_mul_ps(scale_w, _mm512_set1_ps(scale_x));
    return _mm512_fmadd_ps(scale, _mm512_cvtepi32_ps(sum), acc);
}

static inline __m512i offset_start(int32_t offset, const int16_t *sums)
{
    return _mm512_set1_epi32(-offset * (sums[0] + sums[1]));
}

/* ---- Q4_0 ---- */

X86_INLINE void q4_0_streams(float *out, const uint8_t *w, size_t stride, const struct aglm_acts *x,
                             size_t k, const unsigned panels)
{
    const __m512i low = _mm512_set1_epi8(15);
    const size_t scales = aglm_q4_0_parts(k).scales;
    __m512 acc[STREAMS];
    X86_UNROLL
    for (unsigned p = 0; p < panels; p++)
        acc[p] = _mm512_setzero_ps();
    for (size_t b = 0; b < k / 32; b++) {
        __m512i sum[STREAMS], start = offset_start(8, x->sum + b * 2);
        X86_UNROLL
        for (unsigned p = 0; p < panels; p++)
            sum[p] = start;
        X86_UNROLL
        for (unsigned c = 0; c < 4; c++) {
            __m512i first = spread(x->q + b * 32 + c * 4);
            __m512i second = spread(x->q + b * 32 + 16 + c * 4);
            X86_UNROLL
            for (unsigned p = 0; p < panels; p++) {
                __m512i v = load(w + p * stride + b * 256 + c * 64);
                __m512i high = _mm512_and_si512(_mm512_srli_epi16(v, 4), low);
                sum[p] = _mm512_dpbusd_epi32(sum[p], _mm512_and_si512(v, low), first);
                sum[p] = _mm512_dpbusd_epi32(sum[p], high, second);
            }
        }
        X86_UNROLL
        for (unsigned p = 0; p < panels; p++)
            acc[p] =
                accumulate(acc[p], sum[p], halves(w + p * stride + scales + b * 32), x->scale[b]);
    }
    X86_UNROLL
    for (unsigned p = 0; p < panels; p++)
        _mm512_storeu_ps(out + p * ROWS, acc[p]);
}

static void widen_scales(float *scales, const uint8_t *src, size_t n)
{
    for (size_t i = 0; i < n; i += ROWS)
        _mm512_storeu_ps(scales + i, halves(src + i * 2));
}

static void q4_0_unpack(uint8_t *bytes, const uint8_t *w, size_t k)
{
    const __m512i low = _mm512_set1_epi8(15);
    for (size_t b = 0; b < k / 32; b++)
        for (size_t i = 0; i < 256; i += 64) {
            __m512i v = load(w + b * 256 + i);
            _mm512_storeu_si512(bytes + b * 512 + i, _mm512_and_si512(v, low));
            _mm512_storeu_si512(bytes + b * 512 + 256 + i,
                                _mm512_and_si512(_mm512_srli_epi16(v, 4), low));
        }
}

/* Unsigned bytes [k/4][64] less an offset, with scales [k/32][16]: Q4_0 and Q8_0 once unpacked. */
X86_INLINE void bytes_tile(float *out, size_t ld_out, const uint8_t *bytes, const float *scales,
                           const struct aglm_acts *x, size_t k, const int32_t offset, size_t t0,
                           const unsigned tokens)
{
    const size_t blocks = k / 32;
    const int8_t *q = x->q + t0 * k;
    __m512 acc[TILE];
    X86_UNROLL
    for (unsigned t = 0; t < tokens; t++)
        acc[t] = _mm512_setzero_ps();
    for (size_t b = 0; b < blocks; b++) {
        __m512i sum[TILE];
        X86_UNROLL
        for (unsigned t = 0; t < tokens; t++)
            sum[t] = offset_start(offset, x->sum + ((t0 + t) * blocks + b) * 2);
        X86_UNROLL
        for (unsigned s = 0; s < 8; s++) {
            __m512i v = load(bytes + b * 512 + s * 64);
            X86_UNROLL
            for (unsigned t = 0; t < tokens; t++)
                sum[t] = _mm512_dpbusd_epi32(sum[t], v, spread(q + t * k + b * 32 + s * 4));
        }
        __m512 scale_w = _mm512_loadu_ps(scales + b * ROWS);
        X86_UNROLL
        for (unsigned t = 0; t < tokens; t++)
            acc[t] = accumulate(acc[t], sum[t], scale_w, x->scale[(t0 + t) * blocks + b]);
    }
    X86_UNROLL
    for (unsigned t = 0; t < tokens; t++)
        _mm512_storeu_ps(out + (t0 + t) * ld_out, acc[t]);
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
        q4_0_unpack(bytes, w + p * stride, k);
        widen_scales(scales, w + p * stride + aglm_q4_0_parts(k).scales, k / 32 * ROWS);
        X86_TILES(bytes_tile, out + p * ROWS, ld_out, bytes, scales, x, k, 8)
    }
}

/* ---- Q8_0 ---- */

X86_INLINE void q8_0_streams(float *out, const uint8_t *w, size_t stride, const struct aglm_acts *x,
                             size_t k, const unsigned panels)
{
    const __m512i bias = _mm512_set1_epi8((char)0x80);
    const size_t scales = aglm_q8_0_parts(k).scales;
    __m512 acc[STREAMS];
    X86_UNROLL
    for (unsigned p = 0; p < panels; p++)
        acc[p] = _mm512_setzero_ps();
    for (size_t b = 0; b < k / 32; b++) {
        __m512i sum[STREAMS], start = offset_start(128, x->sum + b * 2);
        X86_UNROLL
        for (unsigned p = 0; p < panels; p++)
            sum[p] = start;
        X86_UNROLL
        for (unsigned s = 0; s < 8; s++) {
            __m512i v = spread(x->q + b * 32 + s * 4);
            X86_UNROLL
            for (unsigned p = 0; p < panels; p++) {
                __m512i weights = load(w + p * stride + b * 512 + s * 64);
                sum[p] = _mm512_dpbusd_epi32(sum[p], _mm512_xor_si512(weights, bias), v);
            }
        }
        X86_UNROLL
        for (unsigned p = 0; p < panels; p++)
            acc[p] =
                accumulate(acc[p], sum[p], halves(w + p * stride + scales + b * 32), x->scale[b]);
    }
    X86_UNROLL
    for (unsigned p = 0; p < panels; p++)
        _mm512_storeu_ps(out + p * ROWS, acc[p]);
}

static void matmul_q8_0(X86_MATMUL_ARGS)
{
    const size_t stride = aglm_panel_bytes(AGLM_Q8_0, k);
    if (n_tokens == 1) {
        X86_STREAMS(q8_0_streams, out, w, stride, x, k)
        return;
    }
    const __m512i bias = _mm512_set1_epi8((char)0x80);
    float *scales = scratch;
    uint8_t *bytes = (uint8_t *)(scales + k / 32 * ROWS);
    for (size_t p = 0; p < n_panels; p++) {
        for (size_t i = 0; i < k * ROWS; i += 64)
            _mm512_storeu_si512(bytes + i, _mm512_xor_si512(load(w + p * stride + i), bias));
        widen_scales(scales, w + p * stride + aglm_q8_0_parts(k).scales, k / 32 * ROWS);
        X86_TILES(bytes_tile, out + p * ROWS, ld_out, bytes, scales, x, k, 128)
    }
}

/* ---- Q6_K ---- */

static void q6_k_unpack(uint8_t *bytes, const uint8_t *w, size_t k)
{
    const uint8_t *high = w + aglm_q6_k_parts(k).high;
    const __m512i low = _mm512_set1_epi8(15), two = _mm512_set1_epi8(3);
    for (size_t b = 0; b < k / 32; b++) {
        X86_UNROLL
        for (unsigned s = 0; s < 8; s++) {
            __m512i v = load(w + b * 256 + (s & 3) * 64);
            __m512i bits = load(high + b * 128 + s / 4 * 64);
            v = _mm512_and_si512(s < 4 ? v : _mm512_srli_epi16(v, 4), low);
            bits = _mm512_and_si512(_mm512_srli_epi16(bits, 2 * (s & 3)), two);
            v = _mm512_or_si512(v, _mm512_slli_epi16(bits, 4));
            _mm512_storeu_si512(bytes + b * 512 + s * 64, v);
        }
    }
}

/* A run's sixteen scales, one a lane. */
static inline __m512i run_scales(const uint8_t *w)
{
    return _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(const void *)w));
}

enum { Q6_K_TILE = 6 };

X86_INLINE void q6_k_tile(float *out, size_t ld_out, const uint8_t *bytes, const uint8_t *scales,
                          const uint8_t *supers, const struct aglm_acts *x, size_t k, size_t t0,
                          const unsigned tokens)
{
    const size_t blocks = k / 32;
    const int8_t *q = x->q + t0 * k;
    __m512 acc[Q6_K_TILE];
    X86_UNROLL
    for (unsigned t = 0; t < tokens; t++)
        acc[t] = _mm512_setzero_ps();
    for (size_t b = 0; b < blocks; b++) {
        __m512i total[Q6_K_TILE];
        X86_UNROLL
        for (unsigned t = 0; t < tokens; t++)
            total[t] = _mm512_setzero_si512();
        for (unsigned run = 0; run < 2; run++) {
            __m512i sum[Q6_K_TILE], s = run_scales(scales + (b * 2 + run) * ROWS);
            X86_UNROLL
            for (unsigned t = 0; t < tokens; t++)
                sum[t] = _mm512_set1_epi32(-32 * x->sum[((t0 + t) * blocks + b) * 2 + run]);
            X86_UNROLL
            for (unsigned j = 0; j < 4; j++) {
                __m512i v = load(bytes + b * 512 + (run * 4 + j) * 64);
                X86_UNROLL
                for (unsigned t = 0; t < tokens; t++)
                    sum[t] = _mm512_dpbusd_epi32(sum[t], v,
                                                 spread(q + t * k + b * 32 + (run * 4 + j) * 4));
            }
            X86_UNROLL
            for (unsigned t = 0; t < tokens; t++)
                total[t] = _mm512_add_epi32(total[t], _mm512_mullo_epi32(sum[t], s));
        }
        __m512 d = halves(supers + b / 8 * ROWS * 2);
        X86_UNROLL
        for (unsigned t = 0; t < tokens; t++)
            acc[t] = accumulate(acc[t], total[t], d, x->scale[(t0 + t) * blocks + b]);
    }
    X86_UNROLL
    for (unsigned t = 0; t < tokens; t++)
        _mm512_storeu_ps(out + (t0 + t) * ld_out, acc[t]);
}

static void matmul_q6_k(X86_MATMUL_ARGS)
{
    const struct aglm_panel_parts parts = aglm_q6_k_parts(k);
    uint8_t *bytes = scratch;
    for (size_t p = 0; p < n_panels; p++, w += aglm_panel_bytes(AGLM_Q6_K, k)) {
        float *o = out + p * ROWS;
        const uint8_t *scales = w + parts.scales, *supers = w + parts.supers;
        size_t t = 0;
        q6_k_unpack(bytes, w, k);
        for (; t + Q6_K_TILE <= n_tokens; t += Q6_K_TILE)
            q6_k_tile(o, ld_out, bytes, scales, supers, x, k, t, Q6_K_TILE);
        for (; t < n_tokens; t++)
            q6_k_tile(o, ld_out, bytes, scales, supers, x, k, t, 1);
    }
}

/* ---- F32, F16, BF16 ---- */

enum float_kind { KIND_F32, KIND_F16, KIND_BF16 };

static inline __m512 widen(const uint8_t *w, size_t i, const enum float_kind kind)
{
    if (kind == KIND_F32)
        return _mm512_loadu_ps(w + i * 4);
    if (kind == KIND_F16)
        return halves(w + i * 2);
    __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)(w + i * 2));
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(v), 16));
}

X86_INLINE void float_streams(float *out, const uint8_t *w, size_t stride,
                              const struct aglm_acts *x, size_t k, const enum float_kind kind,
                              const unsigned panels)
{
    __m512 acc[STREAMS];
    X86_UNROLL
    for (unsigned p = 0; p < panels; p++)
        acc[p] = _mm512_setzero_ps();
    for (size_t i = 0; i < k; i++) {
        __m512 v = _mm512_set1_ps(x->x[i]);
        X86_UNROLL
        for (unsigned p = 0; p < panels; p++)
            acc[p] = _mm512_fmadd_ps(widen(w + p * stride, i * ROWS, kind), v, acc[p]);
    }
    X86_UNROLL
    for (unsigned p = 0; p < panels; p++)
        _mm512_storeu_ps(out + p * ROWS, acc[p]);
}

X86_INLINE void float_tile(float *out, size_t ld_out, const uint8_t *w, const struct aglm_acts *x,
                           size_t k, const enum float_kind kind, size_t t0, const unsigned tokens)
{
    __m512 acc[TILE];
    X86_UNROLL
    for (unsigned t = 0; t < tokens; t++)
        acc[t] = _mm512_setzero_ps();
    for (size_t i = 0; i < k; i++) {
        __m512 v = widen(w, i * ROWS, kind);
        X86_UNROLL
        for (unsigned t = 0; t < tokens; t++)
            acc[t] = _mm512_fmadd_ps(v, _mm512_set1_ps(x->x[(t0 + t) * k + i]), acc[t]);
    }
    X86_UNROLL
    for (unsigned t = 0; t < tokens; t++)
        _mm512_storeu_ps(out + (t0 + t) * ld_out, acc[t]);
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
    matmul_float(out, ld_out, w, x, k, n_panels, n_tokens, scratch, aglm_panel_bytes(AGLM_F32, k),
                 KIND_F32);
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

void aglm_kernels_fill_avx512(struct aglm_kernels *k)
{
    k->isa = "avx512";
    k->matmul[AGLM_Q4_0] = matmul_q4_0;
    k->matmul[AGLM_Q8_0] = matmul_q8_0;
    k->matmul[AGLM_Q6_K] = matmul_q6_k;
    k->matmul[AGLM_F32] = matmul_f32;
    k->matmul[AGLM_F16] = matmul_f16;
    k->matmul[AGLM_BF16] = matmul_bf16;
}
