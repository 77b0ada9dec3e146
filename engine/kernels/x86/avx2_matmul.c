/* Matrix products with AVX2, FMA and F16C: the walk of several tokens, float weights, and the
 * table. Quantized weights: avx2_blocks.c and avx2_kquants.c. Bit for bit equal to matmul_c.c.
 */
#include "engine/kernels/x86/avx2_matmul.h"

_Static_assert(sizeof(struct avx2_chunk) * PANELS + sizeof(int16_t) * TILE * WIDE <=
                   AGLM_SCRATCH_MIN,
               "chunks fit in scratch");

/* acts: [tokens][WIDE] = n activations from q of each token, k apart. */
static void widen_acts(int16_t *acts, const int8_t *q, size_t k, size_t n, size_t tokens)
{
    for (size_t t = 0; t < tokens; t++)
        for (size_t i = 0; i < n; i += 16)
            store(acts + t * WIDE + i, _mm256_cvtepi8_epi16(load_half(q + t * k + i)));
}

void aglm_avx2_prefill(X86_MATMUL_ARGS, size_t stride, const struct avx2_prefill *type)
{
    const size_t columns = type->wide ? WIDE : CHUNK;
    struct avx2_chunk *chunks = scratch;
    int16_t *acts = (int16_t *)(void *)(chunks + PANELS);
    for (size_t p0 = 0; p0 < n_panels; p0 += PANELS) {
        const size_t panels = n_panels - p0 < PANELS ? n_panels - p0 : PANELS;
        for (size_t k0 = 0; k0 < k; k0 += columns) {
            const size_t n = k - k0 < columns ? k - k0 : columns;
            for (size_t p = 0; p < panels; p++) {
                type->unpack(&chunks[p], w + (p0 + p) * stride, k, k0, n);
                chunks[p].acts = acts;
            }
            for (size_t t = 0, tokens; t < n_tokens; t += tokens) {
                tokens = n_tokens - t < TILE ? 1 : TILE;
                if (type->wide)
                    widen_acts(acts, x->q + t * k + k0, k, n, tokens);
                for (size_t p = 0; p < panels; p++)
                    (tokens == TILE ? type->tile : type->one)(out + (p0 + p) * ROWS, ld_out,
                                                              &chunks[p], x, k, k0, n, t);
            }
        }
    }
}

/* ---- F32, F16, BF16: weights widened to float, one fused multiply-add a column. ---- */

enum float_kind { KIND_F32, KIND_F16, KIND_BF16 };
enum { STREAMS = 4 };

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
                              const bool ahead, const unsigned panels)
{
    const size_t bytes = kind == KIND_F32 ? 64 : 32; /* of a column */
    __m256 acc[STREAMS][2];
    X86_UNROLL
    for (unsigned p = 0; p < panels; p++)
        acc[p][0] = acc[p][1] = _mm256_setzero_ps();
    for (size_t i = 0; i < k; i++) {
        if (ahead && i % 16 == 0)
            X86_UNROLL
        for (unsigned p = 0; p < panels; p++)
            ask_ahead_of(w + p * stride + i * bytes, 16 * bytes, X86_AHEAD_OF_TWO);
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

X86_INLINE void matmul_float(X86_MATMUL_ARGS, size_t stride, const enum float_kind kind,
                             const bool ahead)
{
    (void)scratch;
    if (n_tokens == 1) {
        if (ahead)
            X86_STREAMS(2, float_streams, out, w, stride, x, k, kind, true)
        else
            X86_STREAMS(STREAMS, float_streams, out, w, stride, x, k, kind, false)
        return;
    }
    for (size_t p = 0; p < n_panels; p++) {
        X86_TILES(float_tile, out + p * ROWS, ld_out, w + p * stride, x, k, kind)
    }
}

X86_MATMUL(f32, matmul_float, aglm_panel_bytes(AGLM_F32, k), KIND_F32)
X86_MATMUL(f16, matmul_float, aglm_panel_bytes(AGLM_F16, k), KIND_F16)
X86_MATMUL(bf16, matmul_float, aglm_panel_bytes(AGLM_BF16, k), KIND_BF16)

void AVX2_NAME(aglm_kernels_fill)(struct aglm_kernels *k, bool ahead)
{
    k->isa = AVX2_ISA;
    k->pack = aglm_pack_panel_avx2;
    k->matmul[AGLM_F32] = ahead ? f32_ahead : f32;
    k->matmul[AGLM_F16] = ahead ? f16_ahead : f16;
    k->matmul[AGLM_BF16] = ahead ? bf16_ahead : bf16;
    AVX2_NAME(aglm_kernels_fill_blocks)(k, ahead);
    AVX2_NAME(aglm_kernels_fill_kquants)(k, ahead);
#ifndef AGLM_VNNI
    aglm_kernels_fill_avx2_vector(k);
#endif
}
