/* Matrix products with float weights with AVX-512, the walk of all types over panels, columns and
 * tokens, and the table of that instruction set.
 *
 * Bit for bit equal to matmul_c.c.
 * Built against SIMDe instead of <immintrin.h> (AGLM_SIMDE), these files are tested where the CPU
 * lacks AVX-512.
 */
#include "engine/kernels/x86/avx512_matmul.h"

/* Tile `which` (see avx512_prefill) of all chunks, two at a time. */
static inline void tile_all(const struct avx512_prefill *type, unsigned which, size_t panels,
                            AVX512_TILE_ARGS)
{
    for (size_t i = 0; i < panels; i += PAIR)
        type->tile[panels - i >= PAIR][which](out + i * ROWS, ld_out, c + i, x, k, k0, n, t0);
}

/* The next chunk's weights, which are asked for while this one's tiles are computed. */
struct ahead {
    uintptr_t first;      /* where the chunk begins in its first panel */
    size_t stride, bytes; /* from panel to panel; a panel's part of the chunk */
    size_t at, total;     /* bytes: asked for so far, of all panels */
};

/* Chunks have `columns` columns, this one ends before column k0 of `panels` panels from `first` on;
 * after a row's last chunk comes the first one of as many panels that follow. */
static inline struct ahead next_chunk(const uint8_t *first, size_t stride, size_t k, size_t k0,
                                      size_t columns, size_t panels)
{
    const size_t at = k0 < k ? k0 : 0, n = k - at < columns ? k - at : columns;
    const size_t bytes = stride * n / k, begin = k0 < k ? stride * at / k : panels * stride;
    return (struct ahead){(uintptr_t)first + begin, stride, bytes, 0, panels * bytes};
}

static inline void ask_ahead(struct ahead *a, size_t share)
{
    const size_t end = a->at + share < a->total ? a->at + share : a->total;
    for (; a->at < end; a->at += 64) {
        const uintptr_t line = a->first + a->at / a->bytes * a->stride + a->at % a->bytes;
        _mm_prefetch((const char *)line, _MM_HINT_T0);
    }
}

/* Asks for what the next tile adds to, lines that lie far apart. out: this one's; tokens: from this
 * tile on. Zen 5, Llama-3.2-1B Q4_0, one thread: 352 -> 366 tokens a second. */
static inline void ask_for_outputs(const float *out, size_t ld_out, size_t panels, size_t tokens)
{
    const uintptr_t next = (uintptr_t)out + TILE * ld_out * sizeof(float);
    for (size_t t = 0; t < TILE && t + TILE < tokens; t++)
        for (size_t p = 0; p < panels; p++)
            _mm_prefetch((const char *)(next + (t * ld_out + p * ROWS) * sizeof(float)),
                         _MM_HINT_T0);
}

/* Four panels meet a tile's tokens, whose lines are then near, before the next tile. 2048 columns,
 * 512 tokens, one core of Zen 4, Gop/s of 468: two panels, chunks of 512 columns: Q4_0 338, Q8_0
 * 341, Q4_K 326; four panels: 353, 348, 335; four, of 1024: 361, 359, 334. With scales by ports of
 * their own (avx512_blocks.c) four of 1024: 378, 377; four of 2048: 385, 383. With weights from
 * memory 1 to 2% less, asked for ahead as from a cache. One core of Zen 5, of 1085: Q4_0 830, and
 * Q4_K and Q6_K with chunks of 256: 680, 717; 512: 722, 763; 1024: 757, 773; 2048: 796, 826; with
 * eight panels Q4_0 835, Q4_K 790, and of 8192 columns 766 and 725 instead of 727 and 725. */
void aglm_avx512_prefill(X86_MATMUL_ARGS, size_t stride, const struct avx512_prefill *type)
{
    struct avx512_chunk *chunk = scratch;
    const size_t tiles = n_tokens / TILE + 1;
    for (size_t p = 0; p < n_panels; p += 2 * PAIR) {
        const size_t panels = n_panels - p < 2 * PAIR ? n_panels - p : 2 * PAIR;
        const uint8_t *first = w + p * stride;
        float *o = out + p * ROWS;
        for (size_t k0 = 0; k0 < k; k0 += CHUNK) {
            const size_t n = k - k0 < CHUNK ? k - k0 : CHUNK;
            struct ahead ahead = next_chunk(first, stride, k, k0 + n, CHUNK, panels);
            size_t t = 0;
            for (size_t i = 0; i < panels; i++)
                type->unpack(&chunk[i], first + i * stride, k, k0, n);
            for (; t + TILE <= n_tokens; t += TILE) {
                ask_ahead(&ahead, ahead.total / tiles + 64);
                ask_for_outputs(o + t * ld_out, ld_out, panels, n_tokens - t);
                tile_all(type, 0, panels, o, ld_out, chunk, x, k, k0, n, t);
            }
            for (; t + 2 <= n_tokens; t += 2)
                tile_all(type, 1, panels, o, ld_out, chunk, x, k, k0, n, t);
            if (t < n_tokens)
                tile_all(type, 2, panels, o, ld_out, chunk, x, k, k0, n, t);
        }
    }
}

_Static_assert(sizeof(struct avx512_chunk) * 2 * PAIR <= AGLM_SCRATCH_MIN, "chunks fit in scratch");

/* ---- F32, F16, BF16: weights widened to float, one fused multiply-add a column ---- */

enum float_kind { KIND_F32, KIND_F16, KIND_BF16 };
enum { STREAMS = 4, FLOAT_CHUNK = 1024, WIDE = 4, FLOAT_TILE = 4 };

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
                              const bool ahead, const unsigned panels)
{
    const size_t bytes = kind == KIND_F32 ? 64 : 32; /* of a column */
    __m512 acc[STREAMS];
    X86_UNROLL
    for (unsigned p = 0; p < panels; p++)
        acc[p] = _mm512_setzero_ps();
    for (size_t i = 0; i < k; i++) {
        if (ahead && i % 16 == 0)
            X86_UNROLL
        for (unsigned p = 0; p < panels; p++)
            ask_ahead_of(w + p * stride + i * bytes, 16 * bytes, X86_AHEAD_OF_TWO);
        __m512 v = _mm512_set1_ps(x->x[i]);
        X86_UNROLL
        for (unsigned p = 0; p < panels; p++)
            acc[p] = _mm512_fmadd_ps(widen(w + p * stride, i * ROWS, kind), v, acc[p]);
    }
    X86_UNROLL
    for (unsigned p = 0; p < panels; p++)
        _mm512_storeu_ps(out + p * ROWS, acc[p]);
}

/* Several tokens: columns of four panels are widened once and meet tiles of four tokens, which
 * share each token's lines. The columns come from the second cache, 16 bytes a cycle, and long
 * chunks keep the sums in registers: 512 tokens, F16, one core of Zen 4, GFLOP/s of 117, with 2048
 * columns: 2 panels, chunks of 128, 6 tokens 106; 4, 128, 6 110; 4, 128, 4 112; 4, 256, 4 114; with
 * 8192 columns: 4, 256, 4 107; 4, 512, 4 111; 4, 1024, 4 113. */
struct floats {
    _Alignas(64) float w[FLOAT_CHUNK][ROWS];
};

X86_INLINE void float_tile(float *out, size_t ld_out, const struct floats *c,
                           const struct aglm_acts *x, size_t k, size_t k0, size_t n, size_t t0,
                           const unsigned panels, const unsigned tokens)
{
    const float *at = x->x + t0 * k + k0;
    __m512 acc[WIDE][FLOAT_TILE];
    out += t0 * ld_out;
    X86_UNROLL
    for (unsigned p = 0; p < panels; p++)
        X86_UNROLL
    for (unsigned t = 0; t < tokens; t++)
        acc[p][t] = k0 ? _mm512_loadu_ps(out + t * ld_out + p * ROWS) : _mm512_setzero_ps();
    X86_ROLLED
    for (size_t i = 0; i < n; i++) {
        __m512 w[WIDE];
        X86_UNROLL
        for (unsigned p = 0; p < panels; p++)
            w[p] = _mm512_load_ps(c[p].w[i]);
        X86_UNROLL
        for (unsigned t = 0; t < tokens; t++) {
            const __m512 v = _mm512_set1_ps(at[t * k + i]);
            X86_UNROLL
            for (unsigned p = 0; p < panels; p++)
                acc[p][t] = _mm512_fmadd_ps(w[p], v, acc[p][t]);
        }
    }
    X86_UNROLL
    for (unsigned p = 0; p < panels; p++)
        X86_UNROLL
    for (unsigned t = 0; t < tokens; t++)
        _mm512_storeu_ps(out + t * ld_out + p * ROWS, acc[p][t]);
}

_Static_assert(sizeof(struct floats) * WIDE <= AGLM_SCRATCH_MIN, "widened columns fit in scratch");

/* All tokens with one chunk of `panels` panels. */
X86_INLINE void float_tokens(float *out, size_t ld_out, const struct floats *c,
                             const struct aglm_acts *x, size_t k, size_t k0, size_t n,
                             size_t n_tokens, struct ahead ahead, const unsigned panels)
{
    const size_t share = ahead.total / (n_tokens / FLOAT_TILE + 1) + 64;
    size_t t = 0;
    for (; t + FLOAT_TILE <= n_tokens; t += FLOAT_TILE) {
        ask_ahead(&ahead, share);
        float_tile(out, ld_out, c, x, k, k0, n, t, panels, FLOAT_TILE);
    }
    for (; t + 2 <= n_tokens; t += 2)
        float_tile(out, ld_out, c, x, k, k0, n, t, panels, 2);
    if (t < n_tokens)
        float_tile(out, ld_out, c, x, k, k0, n, t, panels, 1);
}

X86_INLINE void matmul_float(X86_MATMUL_ARGS, size_t stride, const enum float_kind kind,
                             const bool ahead)
{
    if (n_tokens == 1) {
        if (ahead)
            X86_STREAMS(2, float_streams, out, w, stride, x, k, kind, true)
        else
            X86_STREAMS(STREAMS, float_streams, out, w, stride, x, k, kind, false)
        return;
    }
    struct floats *c = scratch;
    for (size_t p = 0, panels; p < n_panels; p += panels) {
        panels = n_panels - p >= WIDE ? WIDE : n_panels - p >= 2 ? 2 : 1;
        for (size_t k0 = 0; k0 < k; k0 += FLOAT_CHUNK) {
            const size_t n = k - k0 < FLOAT_CHUNK ? k - k0 : FLOAT_CHUNK;
            const struct ahead next =
                next_chunk(w + p * stride, stride, k, k0 + n, FLOAT_CHUNK, panels);
            for (size_t q = 0; q < panels; q++)
                for (size_t i = 0; i < n; i++)
                    _mm512_store_ps(c[q].w[i], widen(w + (p + q) * stride, (k0 + i) * ROWS, kind));
            if (panels == WIDE)
                float_tokens(out + p * ROWS, ld_out, c, x, k, k0, n, n_tokens, next, WIDE);
            else if (panels == 2)
                float_tokens(out + p * ROWS, ld_out, c, x, k, k0, n, n_tokens, next, 2);
            else
                float_tokens(out + p * ROWS, ld_out, c, x, k, k0, n, n_tokens, next, 1);
        }
    }
}

X86_MATMUL(f32, matmul_float, aglm_panel_bytes(AGLM_F32, k), KIND_F32)
X86_MATMUL(f16, matmul_float, aglm_panel_bytes(AGLM_F16, k), KIND_F16)
X86_MATMUL(bf16, matmul_float, aglm_panel_bytes(AGLM_BF16, k), KIND_BF16)

void aglm_kernels_fill_avx512(struct aglm_kernels *k, bool ahead)
{
    k->isa = "avx512";
    k->matmul[AGLM_F32] = ahead ? f32_ahead : f32;
    k->matmul[AGLM_F16] = ahead ? f16_ahead : f16;
    k->matmul[AGLM_BF16] = ahead ? bf16_ahead : bf16;
#ifndef AGLM_SIMDE
    k->attend = aglm_attend_avx512;
#endif
    aglm_kernels_fill_avx512_blocks(k, ahead);
    aglm_kernels_fill_avx512_kquants(k, ahead);
}
