/* Matrix products with AVX-512 and VNNI for weights in super-blocks of 256: Q2_K Q3_K Q4_K Q5_K
 * Q6_K. Bit for bit equal to matmul_kquants_c.c.
 *
 * Sums of runs of 16 (Q4_K: 32 where there are several tokens), each times its small scale, add up
 * to a 32-bit total of the super-block. They begin at minus the offset times the sum of their
 * activations and end within 16 bits (AGLM_ACT_PEAK), so that vpdpwssd multiplies and adds at once:
 * one run of one token; of several tokens two runs, whose sums are brought together in each lane.
 * Mins are pairs of 16-bit factors times pairs of the activations' sums: one vpdpwssd for two runs,
 * or two blocks.
 */
#include "engine/kernels/x86/avx512_matmul.h"

static inline bool has_min(const enum aglm_dtype type)
{
    return type == AGLM_Q2_K || type == AGLM_Q4_K || type == AGLM_Q5_K;
}

/* Q4_K and Q5_K have one scale and one min for a block, the others for each run of 16. */
static inline bool by_block(const enum aglm_dtype type)
{
    return type == AGLM_Q4_K || type == AGLM_Q5_K;
}

/* Scales of a block's two runs, one a lane (its upper half is 0), and where there are mins, for
 * each row the pair of them that meets the sums of the activations. */
struct scales {
    __m512i run[2], less;
};

/* lo in the low half of each lane (its upper half must be 0), hi in the high half. */
static inline __m512i pair_of(__m512i lo, __m512i hi)
{
    return _mm512_or_si512(lo, _mm512_slli_epi32(hi, 16));
}

static inline __m512i bytes_at(const uint8_t *p)
{
    return _mm512_cvtepu8_epi32(load_quarter(p));
}

/* The two 6-bit numbers of block b of a super-block: see Q3_K and Q4_K in pack.h. */
static inline void six_bits(__m512i six[2], const uint8_t *scales, unsigned b)
{
    const __m512i low = _mm512_set1_epi32(15), high = _mm512_set1_epi32(0x30);
    const __m512i v = bytes_at(scales + b * ROWS);
    const __m512i up = _mm512_sllv_epi32(bytes_at(scales + (8 + b / 2) * ROWS),
                                         _mm512_set1_epi32(b % 2 ? 0 : 4)); /* bits 4 … 7 */
    six[0] = _mm512_ternarylogic_epi32(_mm512_and_si512(v, low), up, high, 0xf8);
    six[1] =
        _mm512_ternarylogic_epi32(_mm512_srli_epi32(v, 4), _mm512_srli_epi32(up, 2), high, 0xf8);
}

/* Of block b of a super-block. */
X86_INLINE struct scales read_scales(const uint8_t *scales, unsigned b, const enum aglm_dtype type)
{
    struct scales r;
    if (type == AGLM_Q2_K) {
        const __m512i low = _mm512_set1_epi32(15);
        const __m512i first = bytes_at(scales + b * 2 * ROWS);
        const __m512i second = bytes_at(scales + (b * 2 + 1) * ROWS);
        r.run[0] = _mm512_and_si512(first, low);
        r.run[1] = _mm512_and_si512(second, low);
        r.less = pair_of(_mm512_srli_epi32(first, 4), _mm512_srli_epi32(second, 4));
    } else if (type == AGLM_Q6_K) {
        const uint8_t *at = scales + b * 2 * ROWS;
        const __m512i half = _mm512_set1_epi32(0xffff);
        r.run[0] = _mm512_and_si512(_mm512_cvtepi8_epi32(load_quarter(at)), half);
        r.run[1] = _mm512_and_si512(_mm512_cvtepi8_epi32(load_quarter(at + ROWS)), half);
        r.less = _mm512_setzero_si512();
    } else {
        __m512i six[2];
        six_bits(six, scales, b);
        if (type == AGLM_Q3_K) {
            /* In 16-bit lanes: the upper half stays 0. */
            r.run[0] = _mm512_sub_epi16(six[0], _mm512_set1_epi32(32));
            r.run[1] = _mm512_sub_epi16(six[1], _mm512_set1_epi32(32));
            r.less = _mm512_setzero_si512();
        } else {
            r.run[0] = r.run[1] = six[0];
            r.less = pair_of(six[1], six[1]);
        }
    }
    return r;
}

/* The activations' sums as mins meet them: those of 16 as they are, or of 32. room: [8]. */
X86_INLINE const int16_t *sums_of(int16_t room[8], const int16_t *sums, const enum aglm_dtype type)
{
    if (!by_block(type))
        return sums;
    const __m256i v =
        _mm256_madd_epi16(_mm256_loadu_si256((const void *)sums), _mm256_set1_epi16(1));
    _mm_storeu_si128((void *)room,
                     _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1)));
    return room;
}

/* ---- one token ---- */

/* The 6-bit numbers of a super-block of Q4_K or Q5_K, a byte each. */
struct six_bits {
    _Alignas(64) uint8_t scale[8 * ROWS], min[8 * ROWS];
};

/* All at once: a block at a time they cost as much as a quarter of the products (see pack.h). */
static inline void read_six_bits(struct six_bits *out, const uint8_t *scales)
{
    const __m512i low = _mm512_set1_epi8(15), high = _mm512_set1_epi8(0x30);
    const __m512i to_top = _mm512_set_epi64(0, 0, 0x0004000400040004, 0x0004000400040004, 0, 0,
                                            0x0004000400040004, 0x0004000400040004);
    const __m512i both = load(scales + 8 * ROWS);
    const __m512i up[2] = {_mm512_shuffle_i32x4(both, both, 0x50), /* quarters 0 0 1 1 */
                           _mm512_shuffle_i32x4(both, both, 0xfa)};
    X86_UNROLL
    for (unsigned i = 0; i < 2; i++) {
        const __m512i v = load(scales + i * 64), top = _mm512_sllv_epi16(up[i], to_top);
        const __m512i scale = _mm512_and_si512(v, low);
        const __m512i min = _mm512_and_si512(_mm512_srli_epi16(v, 4), low);
        _mm512_store_si512(out->scale + i * 64, _mm512_ternarylogic_epi32(scale, top, high, 0xf8));
        _mm512_store_si512(out->min + i * 64,
                           _mm512_ternarylogic_epi32(min, _mm512_srli_epi16(top, 2), high, 0xf8));
    }
}

/* Sum over the blocks of min times the sum of the activations. */
static inline __m512i dot_mins(const struct six_bits *six, const int16_t sums[8])
{
    __m512i less = _mm512_setzero_si512();
    X86_UNROLL
    for (unsigned b = 0; b < 8; b += 2) {
        const uint8_t *min = six->min + b * ROWS;
        less = _mm512_dpwssd_epi32(less, pair_of(bytes_at(min), bytes_at(min + ROWS)),
                                   spread(sums + b));
    }
    return less;
}

/* Closes a super-block. */
static inline __m512 close_super(__m512 acc, __m512i total, __m512i less, const uint8_t *record,
                                 const struct aglm_panel_parts *parts, float scale_x,
                                 const enum aglm_dtype type)
{
    acc = accumulate(acc, total, halves(record + parts->supers), scale_x);
    if (!has_min(type))
        return acc;
    const __m512 m = _mm512_mul_ps(halves(record + parts->mins), _mm512_set1_ps(scale_x));
    return _mm512_fnmadd_ps(m, _mm512_cvtepi32_ps(less), acc);
}

/* total + the products of a block of 32 of one panel; start: what its two runs' sums begin with. */
X86_INLINE __m512i add_block(__m512i total, const uint8_t *values, const uint8_t *high,
                             const __m512i run[2], const int8_t *q, const __m512i start[2],
                             const enum aglm_dtype type)
{
    const __m512i none = _mm512_setzero_si512();
    __m512i sum[2] = {start[0], start[1]};
    X86_UNROLL
    for (int c = 0; c < 4; c++) {
        const struct codes w = type == AGLM_Q4_K ? nibbles_in_place(values, c)
                                                 : read_codes(values, high, none, c, type);
        sum[0] = _mm512_dpbusd_epi32(sum[0], w.lo, spread(q + c * 4));
        sum[1] = _mm512_dpbusd_epi32(sum[1], w.hi, spread(q + c * 4 + 16));
    }
    if (type == AGLM_Q4_K)
        return _mm512_dpwssd_epi32(_mm512_dpwssd_epi32(total, sum[0], run[0]),
                                   _mm512_srai_epi32(sum[1], 4), run[0]);
    return _mm512_dpwssd_epi32(_mm512_dpwssd_epi32(total, sum[0], run[0]), sum[1], run[1]);
}

/* out: [16], of one panel; start: [k / 16], see lower(). */
X86_INLINE void k_panel(float *out, const uint8_t *w, const struct aglm_acts *x, size_t k,
                        const int32_t *start, const enum aglm_dtype type, const bool ahead)
{
    const struct aglm_panel_parts parts = aglm_panel_parts(type);
    __m512 acc = _mm512_setzero_ps();
    for (size_t sb = 0; sb < k / 256; sb++) {
        const uint8_t *record = w + sb * parts.record;
        __m512i total = _mm512_setzero_si512(), less = _mm512_setzero_si512();
        struct six_bits six;
        if (by_block(type)) {
            int16_t room[8];
            read_six_bits(&six, record + parts.scales);
            less = dot_mins(&six, sums_of(room, x->sum + sb * 16, type));
        }
        X86_UNROLL
        for (unsigned i = 0; i < 8; i++) {
            const size_t b = sb * 8 + i;
            if (ahead)
                ask_ahead_of_part(record, parts.record, i, 8);
            __m512i first[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
            struct scales s;
            if (by_block(type))
                s.run[0] = s.run[1] = bytes_at(six.scale + i * ROWS);
            else
                s = read_scales(record + parts.scales, i, type);
            if (code_offset(type)) {
                first[0] = spread(start + b * 2);
                first[1] = spread(start + b * 2 + 1);
            }
            total =
                add_block(total, record + parts.values + i * parts.block,
                          record + parts.high + i * parts.block, s.run, x->q + b * 32, first, type);
            if (type == AGLM_Q2_K)
                less = _mm512_dpwssd_epi32(less, s.less, spread(x->sum + b * 2));
        }
        acc = close_super(acc, total, less, record, &parts, x->scale[sb * 8], type);
    }
    _mm512_storeu_ps(out, acc);
}

/* What the runs' sums begin with, because codes are too high by an offset: -offset * the sum of the
 * run's activations. [n] */
static inline void lower(int32_t *start, const int16_t *sums, size_t n, const int offset)
{
    for (size_t i = 0; i < n; i++)
        start[i] = -offset * sums[i];
}

/* ---- several tokens ---- */

/* Steps of four columns whose sum fits in 16 bits: 16 or, of Q4_K's codes up to 15, 32 columns,
 * because the magnitudes of 16 activations sum to at most AGLM_ACT_PEAK. */
static inline unsigned run_steps(const enum aglm_dtype type)
{
    return type == AGLM_Q4_K ? 8 : 4;
}

/* lo in the low half of each lane, hi in the high half. */
static inline __m512i low_halves(__m512i lo, __m512i hi)
{
    return _mm512_mask_blend_epi16(0xaaaaaaaa, lo, _mm512_slli_epi32(hi, 16));
}

/* Super-block i of the chunk. */
X86_INLINE void unpack_super(struct avx512_chunk *c, size_t i, const uint8_t *record,
                             const enum aglm_dtype type)
{
    const struct aglm_panel_parts parts = aglm_panel_parts(type);
    const __m512i zero = _mm512_setzero_si512();
    struct scales before = {{zero, zero}, zero};
    for (size_t b = 0; b < 8; b++) {
        const struct scales s = read_scales(record + parts.scales, (unsigned)b, type);
        unpack_block(c->bytes + (i * 8 + b) * 512, record + parts.values + b * parts.block,
                     record + parts.high + b * parts.block, zero, type);
        /* A run of Q4_K is a block: those of two make a pair. */
        if (type != AGLM_Q4_K)
            _mm512_storeu_si512(c->k.scale[i][b], low_halves(s.run[0], s.run[1]));
        else if (b % 2)
            _mm512_storeu_si512(c->k.scale[i][b / 2], low_halves(before.run[0], s.run[0]));
        /* By blocks: the mins of a block lie in both halves. */
        if (type == AGLM_Q2_K)
            _mm512_storeu_si512(c->k.less[i][b], s.less);
        else if (by_block(type) && b % 2)
            _mm512_storeu_si512(c->k.less[i][b / 2], low_halves(before.less, s.less));
        before = s;
    }
    _mm512_storeu_ps(c->k.d[i], halves(record + parts.supers));
    if (has_min(type))
        _mm512_storeu_ps(c->k.m[i], halves(record + parts.mins));
}

X86_INLINE void k_unpack(AVX512_UNPACK_ARGS, const enum aglm_dtype type)
{
    const struct aglm_panel_parts parts = aglm_panel_parts(type);
    (void)k;
    for (size_t i = 0; i < n / 256; i++)
        unpack_super(c, i, w + (k0 / 256 + i) * parts.record, type);
}

/* Where the sums of a tile's runs begin. sums: of the first token's columns, ld apart. */
X86_INLINE void k_starts(int32_t start[TILE][16], const int16_t *sums, size_t ld,
                         const enum aglm_dtype type, const unsigned tokens)
{
    X86_UNROLL
    for (unsigned t = 0; t < tokens; t++)
        lower(start[t], sums + t * ld, 16, code_offset(type));
}

/* total += sum over runs of scale * dot product of super-block i, two runs at a time. */
X86_INLINE void k_totals(__m512i total[PAIR][TILE], const struct avx512_chunk *c, size_t i,
                         const int8_t *const q[TILE], int32_t start[TILE][16],
                         const enum aglm_dtype type, const unsigned panels, const unsigned tokens)
{
    const unsigned steps = run_steps(type);
    X86_ROLLED
    for (unsigned pair = 0; pair < 32 / steps; pair++) {
        __m512i sum[2][PAIR][TILE];
        X86_UNROLL
        for (unsigned h = 0; h < 2; h++) {
            const unsigned run = pair * 2 + h;
            X86_UNROLL
            for (unsigned t = 0; t < tokens; t++)
                sum[h][0][t] = sum[h][1][t] =
                    code_offset(type) ? _mm512_set1_epi32(start[t][run]) : _mm512_setzero_si512();
            dot_steps(sum[h], c, q, i * 256 + run * steps * 4, steps, panels, tokens);
        }
        X86_UNROLL
        for (unsigned p = 0; p < panels; p++) {
            const __m512i s = load(c[p].k.scale[i][pair]);
            X86_UNROLL
            for (unsigned t = 0; t < tokens; t++)
                total[p][t] =
                    _mm512_dpwssd_epi32(total[p][t], low_halves(sum[0][p][t], sum[1][p][t]), s);
        }
    }
}

/* less = sum over pairs of mins of super-block i times pairs of its activations' sums, ld apart. */
X86_INLINE void k_less(__m512i less[PAIR][TILE], const struct avx512_chunk *c, size_t i,
                       const int16_t *sums, size_t ld, const enum aglm_dtype type,
                       const unsigned panels, const unsigned tokens)
{
    const unsigned n = by_block(type) ? 4 : 8;
    int16_t room[TILE][8];
    const int16_t *at[TILE];
    X86_UNROLL
    for (unsigned t = 0; t < tokens; t++) {
        at[t] = sums_of(room[t], sums + t * ld, type);
        less[0][t] = less[1][t] = _mm512_setzero_si512();
    }
    X86_ROLLED
    for (unsigned b = 0; b < n; b++) {
        __m512i factors[PAIR];
        X86_UNROLL
        for (unsigned p = 0; p < panels; p++)
            factors[p] = load(c[p].k.less[i][b]);
        X86_UNROLL
        for (unsigned t = 0; t < tokens; t++) {
            const __m512i v = spread(at[t] + b * 2);
            X86_UNROLL
            for (unsigned p = 0; p < panels; p++)
                less[p][t] = _mm512_dpwssd_epi32(less[p][t], factors[p], v);
        }
    }
}

/* Adds super-block i; scale: that of the first token's activations, ld apart. */
X86_INLINE void k_close(__m512 acc[PAIR][TILE], const struct avx512_chunk *c, size_t i,
                        __m512i total[PAIR][TILE], __m512i less[PAIR][TILE], const float *scale,
                        size_t ld, const enum aglm_dtype type, const unsigned panels,
                        const unsigned tokens)
{
    X86_UNROLL
    for (unsigned p = 0; p < panels; p++) {
        const __m512 d = _mm512_loadu_ps(c[p].k.d[i]);
        const __m512 m = has_min(type) ? _mm512_loadu_ps(c[p].k.m[i]) : d;
        X86_UNROLL
        for (unsigned t = 0; t < tokens; t++) {
            acc[p][t] = accumulate(acc[p][t], total[p][t], d, scale[t * ld]);
            if (has_min(type))
                acc[p][t] = _mm512_fnmadd_ps(_mm512_mul_ps(m, _mm512_set1_ps(scale[t * ld])),
                                             _mm512_cvtepi32_ps(less[p][t]), acc[p][t]);
        }
    }
}

X86_INLINE void k_tile(AVX512_TILE_ARGS, const enum aglm_dtype type, const unsigned panels,
                       const unsigned tokens)
{
    __m512 acc[PAIR][TILE];
    int32_t start[TILE][16];
    const int8_t *q[TILE];
    token_pointers(q, x->q + t0 * k + k0, k, tokens);
    X86_UNROLL
    for (unsigned p = 0; p < panels; p++)
        X86_UNROLL
    for (unsigned t = 0; t < tokens; t++)
        acc[p][t] = k0 ? _mm512_loadu_ps(out + (t0 + t) * ld_out + p * ROWS) : _mm512_setzero_ps();
    X86_ROLLED
    for (size_t i = 0; i < n / 256; i++) {
        const size_t at = t0 * k + k0 + i * 256;
        __m512i total[PAIR][TILE], less[PAIR][TILE];
        X86_UNROLL
        for (unsigned p = 0; p < panels; p++)
            X86_UNROLL
        for (unsigned t = 0; t < tokens; t++)
            total[p][t] = _mm512_setzero_si512();
        if (code_offset(type))
            k_starts(start, x->sum + at / 16, k / 16, type, tokens);
        k_totals(total, c, i, q, start, type, panels, tokens);
        if (has_min(type))
            k_less(less, c, i, x->sum + at / 16, k / 16, type, panels, tokens);
        k_close(acc, c, i, total, less, x->scale + at / 32, k / 32, type, panels, tokens);
    }
    X86_UNROLL
    for (unsigned p = 0; p < panels; p++)
        X86_UNROLL
    for (unsigned t = 0; t < tokens; t++)
        _mm512_storeu_ps(out + (t0 + t) * ld_out + p * ROWS, acc[p][t]);
}

X86_INLINE void matmul_k(X86_MATMUL_ARGS, const struct avx512_prefill *prefill,
                         const enum aglm_dtype type, const bool ahead)
{
    const size_t stride = aglm_panel_bytes(type, k);
    int32_t *start = scratch;
    if (n_tokens != 1) {
        aglm_avx512_prefill(out, ld_out, w, x, k, n_panels, n_tokens, scratch, stride, prefill);
        return;
    }
    if (code_offset(type))
        lower(start, x->sum, k / 16, code_offset(type));
    for (size_t p = 0; p < n_panels; p++)
        k_panel(out + p * ROWS, w + p * stride, x, k, start, type, ahead);
}

#define MATMUL_K(NAME, TYPE)                     \
    AVX512_PREFILL(NAME, TYPE, k_unpack, k_tile) \
    X86_MATMUL(NAME, matmul_k, &NAME##_prefill, TYPE)

MATMUL_K(q2_k, AGLM_Q2_K)
MATMUL_K(q3_k, AGLM_Q3_K)
MATMUL_K(q4_k, AGLM_Q4_K)
MATMUL_K(q5_k, AGLM_Q5_K)
MATMUL_K(q6_k, AGLM_Q6_K)

void aglm_kernels_fill_avx512_kquants(struct aglm_kernels *k, bool ahead)
{
    k->matmul[AGLM_Q2_K] = ahead ? q2_k_ahead : q2_k;
    k->matmul[AGLM_Q3_K] = ahead ? q3_k_ahead : q3_k;
    k->matmul[AGLM_Q4_K] = ahead ? q4_k_ahead : q4_k;
    k->matmul[AGLM_Q5_K] = ahead ? q5_k_ahead : q5_k;
    k->matmul[AGLM_Q6_K] = ahead ? q6_k_ahead : q6_k;
}
