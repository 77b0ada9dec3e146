/* Matrix products with AVX-512 and VNNI for weights in super-blocks of 256: Q2_K Q3_K Q4_K Q5_K
 * Q6_K. Bit for bit equal to matmul_kquants_c.c.
 *
 * Sums of runs of 16 (Q5_K: blocks of 32), each times its small scale, add up to a 32-bit total of
 * the super-block; where the sums fit in 16 bits, vpdpwssd multiplies and adds at once. What the
 * codes are too high by, and the mins, come off as pairs of 16-bit factors times the pairs of the
 * activations' sums of neighbouring runs: one vpdpwssd a block of 32.
 */
#include "engine/kernels/x86/avx512_matmul.h"

static inline bool has_min(const enum aglm_dtype type)
{
    return type == AGLM_Q2_K || type == AGLM_Q4_K || type == AGLM_Q5_K;
}

/* Do the sums of 16 unsigned codes with activations fit in 16 bits? 16 * 15 * 127 = 30480. */
static inline bool is_narrow(const enum aglm_dtype type)
{
    return type == AGLM_Q2_K || type == AGLM_Q3_K || type == AGLM_Q4_K;
}

/* Steps of four columns that are summed before they are scaled. */
static inline unsigned run_steps(const enum aglm_dtype type)
{
    return type == AGLM_Q5_K ? 8 : 4;
}

/* Scales of a block's two runs, one a lane (above 16 bits: 0 for narrow types, else the sign), and
 * for each row the pair of 16-bit factors that meets the sums of the activations. */
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

/* Of block b of super-block sb. */
X86_INLINE struct scales read_scales(const uint8_t *scales, size_t sb, unsigned b,
                                     const enum aglm_dtype type)
{
    struct scales r;
    if (type == AGLM_Q2_K) {
        const __m512i low = _mm512_set1_epi32(15);
        const __m512i first = bytes_at(scales + (sb * 16 + b * 2) * ROWS);
        const __m512i second = bytes_at(scales + (sb * 16 + b * 2 + 1) * ROWS);
        r.run[0] = _mm512_and_si512(first, low);
        r.run[1] = _mm512_and_si512(second, low);
        r.less = pair_of(_mm512_srli_epi32(first, 4), _mm512_srli_epi32(second, 4));
    } else if (type == AGLM_Q6_K) {
        const uint8_t *at = scales + (sb * 16 + b * 2) * ROWS;
        r.run[0] = _mm512_cvtepi8_epi32(load_quarter(at));
        r.run[1] = _mm512_cvtepi8_epi32(load_quarter(at + ROWS));
        r.less = pair_of(_mm512_and_si512(r.run[0], _mm512_set1_epi32(0xffff)), r.run[1]);
    } else {
        __m512i six[2];
        six_bits(six, scales + sb * 192, b);
        if (type == AGLM_Q3_K) {
            /* In 16-bit lanes: the upper half stays 0. */
            r.run[0] = _mm512_sub_epi16(six[0], _mm512_set1_epi32(32));
            r.run[1] = _mm512_sub_epi16(six[1], _mm512_set1_epi32(32));
            r.less = pair_of(r.run[0], r.run[1]);
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

/* Closes a super-block; less: the sum over its blocks of scales.less times the activations' sums.
 */
static inline __m512 close_super(__m512 acc, __m512i total, __m512i less, __m512 d, __m512 dmin,
                                 float scale_x, const enum aglm_dtype type)
{
    if (!has_min(type)) {
        const __m512i offset = _mm512_set1_epi32(code_offset(type));
        total = _mm512_sub_epi32(total, _mm512_mullo_epi32(less, offset));
        return accumulate(acc, total, d, scale_x);
    }
    acc = accumulate(acc, total, d, scale_x);
    const __m512 m = _mm512_mul_ps(dmin, _mm512_set1_ps(scale_x));
    return _mm512_fnmadd_ps(m, _mm512_cvtepi32_ps(less), acc);
}

/* Adds a block of 32 of one panel to total and less; v: its activations, sums: theirs. */
X86_INLINE void add_block(__m512i *total, __m512i *less, const uint8_t *values, const uint8_t *high,
                          const struct scales *s, const __m512i v[8], __m512i sums,
                          const enum aglm_dtype type)
{
    const __m512i zero = _mm512_setzero_si512();
    __m512i sum[2] = {zero, zero};
    X86_UNROLL
    for (int c = 0; c < 4; c++) {
        const struct codes w = read_codes(values, high, zero, c, type);
        sum[0] = _mm512_dpbusd_epi32(sum[0], w.lo, v[c]);
        sum[1] = _mm512_dpbusd_epi32(sum[1], w.hi, v[c + 4]);
    }
    if (run_steps(type) == 8) {
        *total = scale_sum(*total, _mm512_add_epi32(sum[0], sum[1]), s->run[0], type);
    } else {
        *total = scale_sum(*total, sum[0], s->run[0], type);
        *total = scale_sum(*total, sum[1], s->run[1], type);
    }
    *less = _mm512_dpwssd_epi32(*less, s->less, sums);
}

X86_INLINE void k_streams(float *out, const uint8_t *w, size_t stride, const struct aglm_acts *x,
                          size_t k, const enum aglm_dtype type, const unsigned panels)
{
    const struct aglm_panel_parts parts = aglm_panel_parts(type, k);
    __m512 acc[STREAMS];
    X86_UNROLL
    for (unsigned p = 0; p < panels; p++)
        acc[p] = _mm512_setzero_ps();
    for (size_t sb = 0; sb < k / 256; sb++) {
        __m512i total[STREAMS], less[STREAMS];
        X86_UNROLL
        for (unsigned p = 0; p < panels; p++)
            total[p] = less[p] = _mm512_setzero_si512();
        X86_ROLLED
        for (unsigned i = 0; i < 8; i++) {
            const size_t b = sb * 8 + i;
            const __m512i sums = spread(x->sum + b * 2);
            __m512i v[8];
            X86_UNROLL
            for (unsigned s = 0; s < 8; s++)
                v[s] = spread(x->q + b * 32 + s * 4);
            X86_UNROLL
            for (unsigned p = 0; p < panels; p++) {
                const uint8_t *panel = w + p * stride;
                const struct scales s = read_scales(panel + parts.scales, sb, i, type);
                add_block(&total[p], &less[p], panel + b * value_bytes(type),
                          panel + parts.high + b * high_bytes(type), &s, v, sums, type);
            }
        }
        X86_UNROLL
        for (unsigned p = 0; p < panels; p++) {
            const uint8_t *panel = w + p * stride + sb * ROWS * 2;
            const __m512 d = halves(panel + parts.supers);
            const __m512 m = has_min(type) ? halves(panel + parts.mins) : d;
            acc[p] = close_super(acc[p], total[p], less[p], d, m, x->scale[sb * 8], type);
        }
    }
    X86_UNROLL
    for (unsigned p = 0; p < panels; p++)
        _mm512_storeu_ps(out + p * ROWS, acc[p]);
}

X86_INLINE void k_unpack(AVX512_UNPACK_ARGS, const enum aglm_dtype type)
{
    const struct aglm_panel_parts parts = aglm_panel_parts(type, k);
    const size_t b0 = k0 / 32, sb = k0 / 256;
    const unsigned runs = 8 / run_steps(type);
    unpack_codes(c->bytes, w + b0 * value_bytes(type), w + parts.high + b0 * high_bytes(type), n,
                 _mm512_setzero_si512(), type);
    for (unsigned b = 0; b < 8; b++) {
        const struct scales s = read_scales(w + parts.scales, sb, b, type);
        X86_UNROLL
        for (unsigned r = 0; r < runs; r++)
            _mm512_storeu_si512(c->scale[b * runs + r], s.run[r]);
        _mm512_storeu_si512(c->less[b], s.less);
    }
    _mm512_storeu_ps(c->d[0], halves(w + parts.supers + sb * ROWS * 2));
    if (has_min(type))
        _mm512_storeu_ps(c->m[0], halves(w + parts.mins + sb * ROWS * 2));
}

/* total = sum over runs of scale * dot product; q: of the first token, k apart. */
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
        dot_steps(sum, c, run * steps * 64, q + run * steps * 4, k, steps, panels, tokens);
        X86_UNROLL
        for (unsigned p = 0; p < panels; p++) {
            const __m512i s = load(c[p].scale[run]);
            X86_UNROLL
            for (unsigned t = 0; t < tokens; t++)
                total[p][t] = scale_sum(total[p][t], sum[p][t], s, type);
        }
    }
}

/* less = sum over blocks of its factors times the activations' sums, ld apart. */
X86_INLINE void k_less(__m512i less[PAIR][TILE], const struct avx512_chunk *c, const int16_t *sums,
                       size_t ld, const unsigned panels, const unsigned tokens)
{
    X86_ROLLED
    for (unsigned b = 0; b < 8; b++) {
        __m512i factors[PAIR];
        X86_UNROLL
        for (unsigned p = 0; p < panels; p++)
            factors[p] = load(c[p].less[b]);
        X86_UNROLL
        for (unsigned t = 0; t < tokens; t++) {
            const __m512i v = spread(sums + t * ld + b * 2);
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
    for (unsigned t = 0; t < tokens; t++) {
        total[0][t] = total[1][t] = _mm512_setzero_si512();
        less[0][t] = less[1][t] = _mm512_setzero_si512();
    }
    k_totals(total, c, x->q + t0 * k + k0, k, type, panels, tokens);
    k_less(less, c, x->sum + (t0 * k + k0) / 16, k / 16, panels, tokens);
    X86_UNROLL
    for (unsigned p = 0; p < panels; p++) {
        const __m512 d = _mm512_loadu_ps(c[p].d[0]);
        const __m512 m = has_min(type) ? _mm512_loadu_ps(c[p].m[0]) : d;
        X86_UNROLL
        for (unsigned t = 0; t < tokens; t++) {
            float *o = out + (t0 + t) * ld_out + p * ROWS;
            const __m512 acc = k0 ? _mm512_loadu_ps(o) : _mm512_setzero_ps();
            _mm512_storeu_ps(o, close_super(acc, total[p][t], less[p][t], d, m,
                                            x->scale[((t0 + t) * k + k0) / 32], type));
        }
    }
}

X86_INLINE void matmul_k(X86_MATMUL_ARGS, const struct avx512_prefill *prefill,
                         const enum aglm_dtype type)
{
    const size_t stride = aglm_panel_bytes(type, k);
    if (n_tokens == 1)
        X86_STREAMS(k_streams, out, w, stride, x, k, type)
    else
        aglm_avx512_prefill(out, ld_out, w, x, k, n_panels, n_tokens, scratch, stride, prefill);
}

#define MATMUL_K(NAME, TYPE)                                                                \
    AVX512_PREFILL(NAME, TYPE, k_unpack, k_tile)                                            \
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
