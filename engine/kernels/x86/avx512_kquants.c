/* Matrix products with AVX-512 and VNNI for weights in super-blocks of 256: Q2_K Q3_K Q4_K Q5_K
 * Q6_K. Bit for bit equal to matmul_kquants_c.c.
 *
 * Sums of runs of 16 (Q4_K and Q5_K: blocks of 32), each times its small scale, add up to a 32-bit
 * total of the super-block; where the sums fit in 16 bits, vpdpwssd multiplies and adds at once.
 * Mins are pairs of 16-bit factors times pairs of the activations' sums: one vpdpwssd for two runs,
 * or two blocks. One token: the sums begin at minus the offset times those of the
 * activations, and Q4_K scales runs of 16 too. Several tokens: there the weights are the signed
 * side of vpdpbusd and the activations the unsigned one, lifted by 128, so that what is to come off
 * does not depend on the token.
 */
#include "engine/kernels/x86/avx512_matmul.h"

static inline bool has_min(const enum aglm_dtype type)
{
    return type == AGLM_Q2_K || type == AGLM_Q4_K || type == AGLM_Q5_K;
}

/* Do the sums of a run fit in 16 bits? Of one token at most 16 * 4 * 127; lifted: 16 * 4 * 255.
 */
static inline bool is_narrow(const enum aglm_dtype type)
{
    return type == AGLM_Q2_K || type == AGLM_Q3_K;
}

/* Q4_K and Q5_K have one scale and one min for a block, the others for each run of 16. */
static inline bool by_block(const enum aglm_dtype type)
{
    return type == AGLM_Q4_K || type == AGLM_Q5_K;
}

/* Steps of four columns that are summed before they are scaled. */
static inline unsigned run_steps(const enum aglm_dtype type)
{
    return by_block(type) ? 8 : 4;
}

/* Scales of a block's two runs, one a lane (above 16 bits: 0 for narrow types, else the sign), and
 * where there are mins, for each row the pair of them that meets the sums of the activations. */
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
        r.run[0] = _mm512_cvtepi8_epi32(load_quarter(at));
        r.run[1] = _mm512_cvtepi8_epi32(load_quarter(at + ROWS));
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

/* total + sum * scale */
static inline __m512i scale_sum(__m512i total, __m512i sum, __m512i scale,
                                const enum aglm_dtype type)
{
    if (is_narrow(type))
        return _mm512_dpwssd_epi32(total, sum, scale);
    return _mm512_add_epi32(total, _mm512_mullo_epi32(sum, scale));
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
    if (type == AGLM_Q4_K) /* 16 * 15 * 127 fits in 16 bits */
        return _mm512_dpwssd_epi32(_mm512_dpwssd_epi32(total, sum[0], run[0]),
                                   _mm512_srai_epi32(sum[1], 4), run[0]);
    if (type == AGLM_Q5_K)
        return scale_sum(total, _mm512_add_epi32(sum[0], sum[1]), run[0], type);
    return scale_sum(scale_sum(total, sum[0], run[0], type), sum[1], run[1], type);
}

/* out: [16], of one panel; start: [k / 16], see lower(). */
X86_INLINE void k_panel(float *out, const uint8_t *w, const struct aglm_acts *x, size_t k,
                        const int32_t *start, const enum aglm_dtype type)
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

/* ---- several tokens. A chunk is one super-block. ---- */

static inline unsigned lift_of(const enum aglm_dtype type)
{
    return has_min(type) ? 0 : 128;
}

/* -128 * sum over runs of scale * sum of weights: what the lift adds, taken off. */
X86_INLINE __m512i lift_start(const struct avx512_chunk *c, const enum aglm_dtype type)
{
    const __m512i ones = _mm512_set1_epi8(1);
    __m512i total = _mm512_setzero_si512();
    for (unsigned run = 0; run < 16; run++) {
        __m512i sum = _mm512_setzero_si512();
        X86_UNROLL
        for (unsigned s = 0; s < 4; s++)
            sum = _mm512_dpbusd_epi32(sum, ones, load(c->bytes + (run * 4 + s) * 64));
        total = scale_sum(total, sum, load(c->scale[run]), type);
    }
    return _mm512_sub_epi32(_mm512_setzero_si512(), _mm512_slli_epi32(total, 7));
}

X86_INLINE void k_unpack(AVX512_UNPACK_ARGS, const enum aglm_dtype type)
{
    const struct aglm_panel_parts parts = aglm_panel_parts(type);
    const uint8_t *record = aglm_panel_record(w, &parts, k0 / 32);
    const unsigned runs = 8 / run_steps(type);
    const __m512i zero = _mm512_setzero_si512();
    (void)k, (void)n;
    for (unsigned b = 0; b < 8; b++) {
        const struct scales s = read_scales(record + parts.scales, b, type);
        unpack_block(c->bytes + b * 512, record + parts.values + b * parts.block,
                     record + parts.high + b * parts.block, zero, code_offset(type), type);
        X86_UNROLL
        for (unsigned r = 0; r < runs; r++)
            _mm512_storeu_si512(c->scale[b * runs + r], s.run[r]);
        /* By blocks: the mins of a block lie in both halves; those of two make a pair. */
        if (type == AGLM_Q2_K)
            _mm512_storeu_si512(c->less[b], s.less);
        else if (by_block(type) && b % 2 == 0)
            _mm512_storeu_si512(c->less[b / 2], s.less);
        else if (by_block(type))
            _mm512_storeu_si512(c->less[b / 2],
                                _mm512_mask_blend_epi16(0xaaaaaaaa, load(c->less[b / 2]), s.less));
    }
    _mm512_storeu_ps(c->d[0][0], halves(record + parts.supers));
    if (has_min(type))
        _mm512_storeu_ps(c->m[0][0], halves(record + parts.mins));
    else
        _mm512_storeu_si512(c->start, lift_start(c, type));
}

/* total += sum over runs of scale * dot product; q: of the first token, k apart. */
X86_INLINE void k_totals(__m512i total[PAIR][TILE], const struct avx512_chunk *c, const int8_t *q,
                         size_t k, const enum aglm_dtype type, const unsigned panels,
                         const unsigned tokens)
{
    const unsigned steps = run_steps(type);
    X86_ROLLED
    for (unsigned run = 0; run < 64 / steps; run++) {
        __m512i sum[PAIR][TILE];
        X86_UNROLL
        for (unsigned t = 0; t < tokens; t++)
            sum[0][t] = sum[1][t] = _mm512_setzero_si512();
        dot_steps(sum, c, run * steps * 64, q + run * steps * 4, k, steps, lift_of(type), panels,
                  tokens);
        X86_UNROLL
        for (unsigned p = 0; p < panels; p++) {
            const __m512i s = load(c[p].scale[run]);
            X86_UNROLL
            for (unsigned t = 0; t < tokens; t++)
                total[p][t] = scale_sum(total[p][t], sum[p][t], s, type);
        }
    }
}

/* less = sum over pairs of mins times pairs of the activations' sums, ld apart. */
X86_INLINE void k_less(__m512i less[PAIR][TILE], const struct avx512_chunk *c, const int16_t *sums,
                       size_t ld, const enum aglm_dtype type, const unsigned panels,
                       const unsigned tokens)
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
            factors[p] = load(c[p].less[b]);
        X86_UNROLL
        for (unsigned t = 0; t < tokens; t++) {
            const __m512i v = spread(at[t] + b * 2);
            X86_UNROLL
            for (unsigned p = 0; p < panels; p++)
                less[p][t] = _mm512_dpwssd_epi32(less[p][t], factors[p], v);
        }
    }
}

/* One super-block. */
X86_INLINE void k_tile(AVX512_TILE_ARGS, const enum aglm_dtype type, const unsigned panels,
                       const unsigned tokens)
{
    __m512i total[PAIR][TILE], less[PAIR][TILE];
    (void)n;
    X86_UNROLL
    for (unsigned p = 0; p < panels; p++)
        X86_UNROLL
    for (unsigned t = 0; t < tokens; t++)
        total[p][t] = has_min(type) ? _mm512_setzero_si512() : load(c[p].start);
    k_totals(total, c, x->q + t0 * k + k0, k, type, panels, tokens);
    if (has_min(type))
        k_less(less, c, x->sum + (t0 * k + k0) / 16, k / 16, type, panels, tokens);
    X86_UNROLL
    for (unsigned p = 0; p < panels; p++) {
        const __m512 d = _mm512_loadu_ps(c[p].d[0][0]);
        const __m512 m = has_min(type) ? _mm512_loadu_ps(c[p].m[0][0]) : d;
        X86_UNROLL
        for (unsigned t = 0; t < tokens; t++) {
            float *o = out + (t0 + t) * ld_out + p * ROWS;
            const float scale_x = x->scale[((t0 + t) * k + k0) / 32];
            __m512 acc = k0 ? _mm512_loadu_ps(o) : _mm512_setzero_ps();
            acc = accumulate(acc, total[p][t], d, scale_x);
            if (has_min(type))
                acc = _mm512_fnmadd_ps(_mm512_mul_ps(m, _mm512_set1_ps(scale_x)),
                                       _mm512_cvtepi32_ps(less[p][t]), acc);
            _mm512_storeu_ps(o, acc);
        }
    }
}

X86_INLINE void matmul_k(X86_MATMUL_ARGS, const struct avx512_prefill *prefill,
                         const enum aglm_dtype type)
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
        k_panel(out + p * ROWS, w + p * stride, x, k, start, type);
}

#define MATMUL_K(NAME, TYPE)                                                                \
    AVX512_PREFILL(NAME, TYPE, SUPER, k_unpack, k_tile)                                     \
    static void NAME(X86_MATMUL_ARGS)                                                       \
    {                                                                                       \
        matmul_k(out, ld_out, w, x, k, n_panels, n_tokens, scratch, &NAME##_prefill, TYPE); \
    }

MATMUL_K(matmul_q2_k, AGLM_Q2_K)
MATMUL_K(matmul_q3_k, AGLM_Q3_K)
MATMUL_K(matmul_q4_k, AGLM_Q4_K)
MATMUL_K(matmul_q5_k, AGLM_Q5_K)
MATMUL_K(matmul_q6_k, AGLM_Q6_K)

void aglm_kernels_fill_avx512_kquants(struct aglm_kernels *k)
{
    k->matmul[AGLM_Q2_K] = matmul_q2_k;
    k->matmul[AGLM_Q3_K] = matmul_q3_k;
    k->matmul[AGLM_Q4_K] = matmul_q4_k;
    k->matmul[AGLM_Q5_K] = matmul_q5_k;
    k->matmul[AGLM_Q6_K] = matmul_q6_k;
}
