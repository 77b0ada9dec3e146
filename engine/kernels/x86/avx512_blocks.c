/* Matrix products with AVX-512 and VNNI for weights that share a scale by 32: Q4_0 Q4_1 Q5_0 Q5_1
 * Q8_0 IQ4_NL MXFP4. Bit for bit equal to matmul_blocks_c.c.
 *
 * The types differ in how codes and scales are read; each block's sum starts at minus the offset
 * times the sum of its activations. IQ4_NL and MXFP4 look their codes up in a table of values made
 * unsigned.
 */
#include "engine/kernels/x86/avx512_matmul.h"
#include "engine/quant/blocks.h"

static inline bool has_min(const enum aglm_dtype type)
{
    return type == AGLM_Q4_1 || type == AGLM_Q5_1;
}

static inline __m512i code_table(const enum aglm_dtype type)
{
    if (type != AGLM_IQ4_NL && type != AGLM_MXFP4)
        return _mm512_setzero_si512();
    const int8_t *values = type == AGLM_IQ4_NL ? aglm_iq4_nl_values : aglm_mxfp4_values;
    return _mm512_add_epi8(_mm512_broadcast_i32x4(load_quarter(values)),
                           _mm512_set1_epi8((char)code_offset(type)));
}

/* 2^(e - 128) of sixteen bytes: exponent e - 1, or one of two subnormal numbers. */
static inline __m512 exponents(const uint8_t *p)
{
    const __m512i one = _mm512_set1_epi32(1);
    const __m512i e = _mm512_cvtepu8_epi32(load_quarter(p));
    const __m512i normal = _mm512_slli_epi32(_mm512_sub_epi32(_mm512_max_epi32(e, one), one), 23);
    const __m512i tiny = _mm512_sllv_epi32(_mm512_set1_epi32(0x00200000), e);
    return _mm512_castsi512_ps(
        _mm512_or_si512(normal, _mm512_and_si512(tiny, _mm512_set1_epi32(0x00600000))));
}

/* Scales of block b of sixteen rows. */
static inline __m512 block_scales(const uint8_t *scales, size_t b, const enum aglm_dtype type)
{
    return type == AGLM_MXFP4 ? exponents(scales + b * ROWS) : halves(scales + b * ROWS * 2);
}

/* factor times the sum of a block's activations, sums: those of its halves. */
static inline __m512i times_sum(const int16_t *sums, int factor)
{
    return _mm512_dpwssd_epi32(_mm512_setzero_si512(), spread(sums),
                               _mm512_set1_epi16((short)factor));
}

static inline __m512i sum_start(const int16_t *sums, const enum aglm_dtype type)
{
    return code_offset(type) ? times_sum(sums, -code_offset(type)) : _mm512_setzero_si512();
}

/* out: [16], of one panel. */
X86_INLINE void block_panel(float *out, const uint8_t *w, const struct aglm_acts *x, size_t k,
                            const enum aglm_dtype type, const bool ahead)
{
    const struct aglm_panel_parts parts = aglm_panel_parts(type);
    const __m512i table = code_table(type);
    const bool in_place = type == AGLM_Q4_0 || type == AGLM_Q4_1;
    __m512 acc = _mm512_setzero_ps();
    X86_ROLLED
    for (size_t b = 0; b < k / 32; b++) {
        const uint8_t *record = aglm_panel_record(w, &parts, b);
        const size_t i = b % parts.n_blocks;
        const uint8_t *values = record + parts.values + i * parts.block;
        const uint8_t *high = record + parts.high + i * parts.block;
        if (ahead && type != AGLM_Q8_0)
            ask_ahead_of_part(record, parts.record, i, parts.n_blocks);
        __m512i lo = sum_start(x->sum + b * 2, type), hi = _mm512_setzero_si512();
        X86_UNROLL
        for (int c = 0; c < 4; c++) {
            const struct codes v =
                in_place ? nibbles_in_place(values, c) : read_codes(values, high, table, c, type);
            lo = _mm512_dpbusd_epi32(lo, v.lo, spread(x->q + b * 32 + c * 4));
            hi = _mm512_dpbusd_epi32(hi, v.hi, spread(x->q + b * 32 + 16 + c * 4));
        }
        if (in_place)
            hi = _mm512_srai_epi32(hi, 4);
        acc = accumulate(acc, _mm512_add_epi32(lo, hi),
                         block_scales(record + parts.scales, i, type), x->scale[b]);
        if (has_min(type))
            acc = accumulate(acc, times_sum(x->sum + b * 2, 1),
                             halves(record + parts.mins + i * ROWS * 2), x->scale[b]);
    }
    _mm512_storeu_ps(out, acc);
}

/* v times each mantissa that a scale of activations can have, exactly. */
static inline void store_quarters(float to[QUARTERS][ROWS], __m512 v)
{
    X86_UNROLL
    for (unsigned i = 0; i < QUARTERS; i++)
        _mm512_storeu_ps(to[i], _mm512_mul_ps(v, _mm512_set1_ps(1 + (float)i / QUARTERS)));
}

X86_INLINE void block_unpack(AVX512_UNPACK_ARGS, const enum aglm_dtype type)
{
    const struct aglm_panel_parts parts = aglm_panel_parts(type);
    const __m512i table = code_table(type);
    (void)k;
    for (size_t b = 0; b < n / 32; b++) {
        const uint8_t *record = aglm_panel_record(w, &parts, k0 / 32 + b);
        const size_t i = (k0 / 32 + b) % parts.n_blocks;
        unpack_block(c->bytes + b * 512, record + parts.values + i * parts.block,
                     record + parts.high + i * parts.block, table, type);
        store_quarters(c->d[b], block_scales(record + parts.scales, i, type));
        if (has_min(type))
            store_quarters(c->m[b], halves(record + parts.mins + i * ROWS * 2));
    }
}

/* Where the sums of a tile's blocks start: minus the offset times the sums of their activations,
 * once for a tile and not once for each panel. sums: of the first token's columns, ld apart. */
X86_INLINE void tile_starts(int32_t start[TILE][CHUNK / 32], const int16_t *sums, size_t ld,
                            size_t n, const enum aglm_dtype type, const unsigned tokens)
{
    const __m256i less = _mm256_set1_epi16((short)-code_offset(type));
    X86_UNROLL
    for (unsigned t = 0; t < tokens; t++, sums += ld) {
        size_t b = 0;
        for (; b + 8 <= n / 32; b += 8)
            _mm256_storeu_si256(
                (__m256i *)(void *)(start[t] + b),
                _mm256_madd_epi16(_mm256_loadu_si256((const void *)(sums + b * 2)), less));
        X86_ROLLED
        for (; b < n / 32; b++)
            start[t][b] = -code_offset(type) * (sums[b * 2] + sums[b * 2 + 1]);
    }
}

/* Scales of a tile's activations: 2^exponent * (1 + quarter / 4). */
struct tile_scales {
    float exponent[TILE][CHUNK / 32];
    uint32_t quarter[TILE][CHUNK / 32];
};

/* scale: of the first token's columns, ld apart. */
X86_INLINE void split_scales(struct tile_scales *s, const float *scale, size_t ld, size_t n,
                             const unsigned tokens)
{
    const __m512i three = _mm512_set1_epi32(3);
    X86_UNROLL
    for (unsigned t = 0; t < tokens; t++, scale += ld) {
        size_t b = 0;
        for (; b + 16 <= n / 32; b += 16) {
            const __m512 v = _mm512_loadu_ps(scale + b);
            const __m512i bits = _mm512_srli_epi32(_mm512_castps_si512(v), 21);
            _mm512_storeu_ps(s->exponent[t] + b, _mm512_getexp_ps(v));
            _mm512_storeu_si512(s->quarter[t] + b, _mm512_and_si512(bits, three));
        }
        X86_ROLLED
        for (; b < n / 32; b++) {
            const __m512 v = _mm512_set1_ps(scale[b]);
            s->exponent[t][b] = _mm_cvtss_f32(_mm512_castps512_ps128(_mm512_getexp_ps(v)));
            uint32_t bits;
            memcpy(&bits, &scale[b], 4);
            s->quarter[t][b] = bits >> 21 & 3;
        }
    }
}

/* accumulate() of block b and token t of a tile, without its multiplication: one core of Zen 4,
 * 2048 columns, 512 tokens, Gop/s of 468: Q4_0 356 -> 378, Q8_0 357 -> 377. */
X86_INLINE __m512 accumulate_split(__m512 acc, __m512i sum, const float scale_w[QUARTERS][ROWS],
                                   const struct tile_scales *s, unsigned t, size_t b)
{
    const __m512 scale = _mm512_scalef_ps(_mm512_loadu_ps(scale_w[s->quarter[t][b]]),
                                          _mm512_set1_ps(s->exponent[t][b]));
    return _mm512_fmadd_ps(scale, _mm512_cvtepi32_ps(sum), acc);
}

/* Block b of the chunk, block `at` of each token's activations, `blocks` apart; q: those of the
 * chunk's columns. */
X86_INLINE void add_block(__m512 acc[PAIR][TILE], const struct avx512_chunk *c, size_t b,
                          const int8_t *const q[TILE], const struct aglm_acts *x, size_t at,
                          size_t blocks, int32_t start[TILE][CHUNK / 32],
                          const struct tile_scales *scales, const enum aglm_dtype type,
                          const unsigned panels, const unsigned tokens)
{
    __m512i sum[PAIR][TILE];
    X86_UNROLL
    for (unsigned t = 0; t < tokens; t++)
        sum[0][t] = sum[1][t] =
            code_offset(type) ? _mm512_set1_epi32(start[t][b]) : _mm512_setzero_si512();
    dot_steps(sum, c, q, b * 32, 8, panels, tokens);
    X86_UNROLL
    for (unsigned p = 0; p < panels; p++) {
        X86_UNROLL
        for (unsigned t = 0; t < tokens; t++)
            acc[p][t] = accumulate_split(acc[p][t], sum[p][t], c[p].d[b], scales, t, b);
    }
    if (!has_min(type))
        return;
    X86_UNROLL
    for (unsigned t = 0; t < tokens; t++) {
        const __m512i sum_x = times_sum(x->sum + (at + t * blocks) * 2, 1);
        X86_UNROLL
        for (unsigned p = 0; p < panels; p++)
            acc[p][t] = accumulate_split(acc[p][t], sum_x, c[p].m[b], scales, t, b);
    }
}

X86_INLINE void block_tile(AVX512_TILE_ARGS, const enum aglm_dtype type, const unsigned panels,
                           const unsigned tokens)
{
    __m512 acc[PAIR][TILE];
    int32_t start[TILE][CHUNK / 32];
    struct tile_scales scales;
    const int8_t *q[TILE];
    token_pointers(q, x->q + t0 * k + k0, k, tokens);
    split_scales(&scales, x->scale + (t0 * k + k0) / 32, k / 32, n, tokens);
    if (code_offset(type))
        tile_starts(start, x->sum + (t0 * k + k0) / 16, k / 16, n, type, tokens);
    X86_UNROLL
    for (unsigned p = 0; p < panels; p++)
        X86_UNROLL
    for (unsigned t = 0; t < tokens; t++)
        acc[p][t] = k0 ? _mm512_loadu_ps(out + (t0 + t) * ld_out + p * ROWS) : _mm512_setzero_ps();
    X86_ROLLED
    for (size_t b = 0; b < n / 32; b++)
        add_block(acc, c, b, q, x, (t0 * k + k0) / 32 + b, k / 32, start, &scales, type, panels,
                  tokens);
    X86_UNROLL
    for (unsigned p = 0; p < panels; p++)
        X86_UNROLL
    for (unsigned t = 0; t < tokens; t++)
        _mm512_storeu_ps(out + (t0 + t) * ld_out + p * ROWS, acc[p][t]);
}

X86_INLINE void matmul_blocks(X86_MATMUL_ARGS, const struct avx512_prefill *prefill,
                              const enum aglm_dtype type, const bool ahead)
{
    const size_t stride = aglm_panel_bytes(type, k);
    if (n_tokens == 1)
        for (size_t p = 0; p < n_panels; p++)
            block_panel(out + p * ROWS, w + p * stride, x, k, type, ahead);
    else
        aglm_avx512_prefill(out, ld_out, w, x, k, n_panels, n_tokens, scratch, stride, prefill);
}

#define MATMUL_BLOCKS(NAME, TYPE)                        \
    AVX512_PREFILL(NAME, TYPE, block_unpack, block_tile) \
    X86_MATMUL(NAME, matmul_blocks, &NAME##_prefill, TYPE)

MATMUL_BLOCKS(q4_0, AGLM_Q4_0)
MATMUL_BLOCKS(q4_1, AGLM_Q4_1)
MATMUL_BLOCKS(q5_0, AGLM_Q5_0)
MATMUL_BLOCKS(q5_1, AGLM_Q5_1)
MATMUL_BLOCKS(q8_0, AGLM_Q8_0)
MATMUL_BLOCKS(iq4_nl, AGLM_IQ4_NL)
MATMUL_BLOCKS(mxfp4, AGLM_MXFP4)

void aglm_kernels_fill_avx512_blocks(struct aglm_kernels *k, bool ahead)
{
    k->matmul[AGLM_Q4_0] = ahead ? q4_0_ahead : q4_0;
    k->matmul[AGLM_Q4_1] = ahead ? q4_1_ahead : q4_1;
    k->matmul[AGLM_Q5_0] = ahead ? q5_0_ahead : q5_0;
    k->matmul[AGLM_Q5_1] = ahead ? q5_1_ahead : q5_1;
    k->matmul[AGLM_Q8_0] = ahead ? q8_0_ahead : q8_0;
    k->matmul[AGLM_IQ4_NL] = ahead ? iq4_nl_ahead : iq4_nl;
    k->matmul[AGLM_MXFP4] = ahead ? mxfp4_ahead : mxfp4;
}
