/* Matrix products with AVX2, or AVX-VNNI, of the types whose weights share a scale by 32: Q4_0 Q4_1
 * Q5_0 Q5_1 Q8_0 IQ4_NL MXFP4. Bit for bit equal to matmul_blocks_c.c.
 *
 * Codes up to 31 are unsigned bytes times activations in 16-bit sums: a block's eight pair sums fit
 * when codes go up to 15 (8 * 2 * 15 * 127 = 30480); those up to 31 are summed in halves or, less
 * their offset, wrap to a true sum that fits (8 * 2 * 16 * 127 = 32512). Q8_0 and IQ4_NL are signed
 * bytes. One token: magnitudes times the other's sign, each pair widened at once. Several: both
 * sides widened to 16 bit, once for a tile, which spares the multipliers. With VNNI none of this is
 * needed: they are codes 128 too high.
 */
#include "engine/kernels/x86/avx2_matmul.h"
#include "engine/quant/blocks.h"

/* sum + dot products of a step, w: 8 rows x 4 columns of signed bytes. */
static inline __m256i add_signed(__m256i sum, __m256i w, __m256i magnitude, __m256i v)
{
    __m256i pairs = _mm256_maddubs_epi16(magnitude, _mm256_sign_epi8(v, w));
    return _mm256_add_epi32(sum, widen_pairs(pairs));
}

/* Is a code a signed byte? A macro, because initializers need it. */
#define IS_SIGNED(type) (!VNNI && ((type) == AGLM_Q8_0 || (type) == AGLM_IQ4_NL))

static inline bool has_min(const enum aglm_dtype type)
{
    return type == AGLM_Q4_1 || type == AGLM_Q5_1;
}

static inline __m256i table_for(const enum aglm_dtype type)
{
    if (type == AGLM_IQ4_NL)
        return table_of(aglm_iq4_nl_values, code_offset(type));
    return type == AGLM_MXFP4 ? table_of(aglm_mxfp4_values, code_offset(type))
                              : _mm256_setzero_si256();
}

/* Eight rows' scales; at: in elements. An MXFP4 scale e is 2^(e - 128): e - 1 in a float's
 * exponent, or for e = 0 and 1 the subnormals 2^21 and 2^22 as bits. */
X86_INLINE __m256 read_scales(const uint8_t *scales, size_t at, const enum aglm_dtype type)
{
    if (type != AGLM_MXFP4)
        return halves(scales + at * 2);
    __m256i e = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)(scales + at)));
    __m256i normal = _mm256_slli_epi32(_mm256_sub_epi32(e, _mm256_set1_epi32(1)), 23);
    __m256i small = _mm256_sllv_epi32(_mm256_set1_epi32(1 << 21), e);
    __m256i is_small = _mm256_cmpgt_epi32(_mm256_set1_epi32(2), e);
    return _mm256_castsi256_ps(_mm256_blendv_epi8(normal, small, is_small));
}

/* ---- one token ---- */

/* Eight rows' integer dot product of a block. */
X86_INLINE __m256i dot_block(const uint8_t *values, const uint8_t *high, __m256i table,
                             const __m256i v[8], struct codes start, const enum aglm_dtype type)
{
    if (!IS_SIGNED(type)) {
        struct codes sum = dot_codes(values, high, table, v, start, type);
        if (type == AGLM_Q5_1)
            return _mm256_add_epi32(widen_dot(sum.lo), widen_dot(sum.hi));
        return widen_dot(join_dots(sum.lo, sum.hi));
    }
    __m256i sum = _mm256_setzero_si256();
    X86_UNROLL
    for (int c = 0; c < 4; c++) {
        struct codes w;
        if (type == AGLM_Q8_0)
            w = (struct codes){load(values + c * 64), load(values + (c + 4) * 64)};
        else
            w = read_codes(values, high, table, c, type);
        if (type == AGLM_Q8_0) {
            sum = add_signed(sum, w.lo, _mm256_abs_epi8(w.lo), v[c]);
            sum = add_signed(sum, w.hi, _mm256_abs_epi8(w.hi), v[c + 4]);
        } else { /* no value is -128: signs can move the other way, to magnitudes shared by all */
            sum = add_signed(sum, v[c], _mm256_abs_epi8(v[c]), w.lo);
            sum = add_signed(sum, v[c + 4], _mm256_abs_epi8(v[c + 4]), w.hi);
        }
    }
    return sum;
}

/* out: [16], of one panel; starts: see offset_starts. */
X86_INLINE void blocks_panel(float *out, const uint8_t *w, const struct aglm_acts *x, size_t k,
                             int32_t (*starts)[2], const enum aglm_dtype type, const bool ahead)
{
    const struct aglm_panel_parts parts = aglm_panel_parts(type);
    const __m256i table = table_for(type);
    __m256 acc[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
    for (size_t b = 0; b < k / 32; b++) {
        const uint8_t *record = aglm_panel_record(w, &parts, b);
        const size_t i = b % parts.n_blocks;
        if (ahead)
            ask_ahead_of_part(record, parts.record, i, parts.n_blocks);
        const __m256 scale_x = _mm256_broadcast_ss(x->scale + b);
        const __m256i total = widen_pairs(spread(x->sum + b * 2));
        struct codes start = {0};
        if (code_offset(type))
            start = (struct codes){spread(&starts[b][0]), spread(&starts[b][1])};
        __m256i v[8];
        X86_UNROLL
        for (unsigned s = 0; s < 8; s++)
            v[s] = spread(x->q + b * 32 + s * 4);
        X86_UNROLL
        for (unsigned h = 0; h < 2; h++) {
            const size_t at = i * ROWS + h * 8;
            __m256i sum =
                dot_block(record + parts.values + i * parts.block + h * 32,
                          record + parts.high + i * parts.block + h * 32, table, v, start, type);
            acc[h] = accumulate(acc[h], sum, read_scales(record + parts.scales, at, type), scale_x);
            if (has_min(type))
                acc[h] = accumulate(acc[h], total, halves(record + parts.mins + at * 2), scale_x);
        }
    }
    for (unsigned h = 0; h < 2; h++)
        _mm256_storeu_ps(out + h * 8, acc[h]);
}

/* ---- several tokens ---- */

/* Eight rows' signed bytes of a step to 16 bit: columns 0 and 1 at dst, 2 and 3 a step later. */
static inline void put_wide(uint8_t *dst, __m256i v)
{
    const __m256 a = _mm256_castsi256_ps(_mm256_cvtepi8_epi16(_mm256_castsi256_si128(v)));
    const __m256 b = _mm256_castsi256_ps(_mm256_cvtepi8_epi16(_mm256_extracti128_si256(v, 1)));
    const __m256i even = _mm256_castps_si256(_mm256_shuffle_ps(a, b, 0x88));
    const __m256i odd = _mm256_castps_si256(_mm256_shuffle_ps(a, b, 0xdd));
    store(dst, _mm256_permute4x64_epi64(even, 0xd8));
    store(dst + 64, _mm256_permute4x64_epi64(odd, 0xd8));
}

X86_INLINE void unpack_wide(uint8_t *dst, const uint8_t *values, __m256i table,
                            const enum aglm_dtype type)
{
    for (size_t h = 0; h < 64; h += 32) {
        X86_UNROLL
        for (int c = 0; c < 4; c++) {
            struct codes v;
            if (type == AGLM_Q8_0)
                v = (struct codes){load(values + c * 64 + h), load(values + (c + 4) * 64 + h)};
            else
                v = read_codes(values + h, values, table, c, type);
            put_wide(dst + c * 128 + h, v.lo);
            put_wide(dst + (c + 4) * 128 + h, v.hi);
        }
    }
}

X86_INLINE void blocks_unpack(struct avx2_chunk *c, const uint8_t *panel, size_t k, size_t k0,
                              size_t n, const enum aglm_dtype type)
{
    const struct aglm_panel_parts parts = aglm_panel_parts(type);
    const __m256i table = table_for(type);
    for (size_t i = 0; i < n / 32; i++) {
        const uint8_t *record = aglm_panel_record(panel, &parts, k0 / 32 + i);
        const size_t b = (k0 / 32 + i) % parts.n_blocks;
        if (IS_SIGNED(type))
            unpack_wide(c->bytes + i * 1024, record + parts.values + b * parts.block, table, type);
        else
            unpack_codes(c->bytes + i * 512, record + parts.values + b * parts.block,
                         record + parts.high + b * parts.block, table, type);
        for (unsigned r = 0; r < ROWS; r += 8) {
            const size_t at = b * ROWS + r;
            _mm256_storeu_ps(&c->d[i][r], read_scales(record + parts.scales, at, type));
            if (has_min(type))
                _mm256_storeu_ps(&c->m[i][r], halves(record + parts.mins + at * 2));
        }
    }
}

/* Integer dot products of a block of unsigned codes: up to 15 in one sum, larger ones in two. */
X86_INLINE void dot_unsigned(__m256i sum[TILE][2], const uint8_t *bytes, const int8_t *q, size_t k,
                             const enum aglm_dtype type, const unsigned tokens)
{
    const bool whole = VNNI || type == AGLM_Q4_0 || type == AGLM_Q4_1;
    dot_steps(sum, bytes, q, k, whole ? 8 : 4, tokens);
    X86_UNROLL
    for (unsigned t = 0; t < tokens; t++)
        for (unsigned h = 0; h < 2; h++)
            sum[t][h] = widen_dot(sum[t][h]);
    if (whole)
        return;
    __m256i more[TILE][2];
    dot_steps(more, bytes + 256, q + 16, k, 4, tokens);
    X86_UNROLL
    for (unsigned t = 0; t < tokens; t++)
        for (unsigned h = 0; h < 2; h++)
            sum[t][h] = _mm256_add_epi32(sum[t][h], widen_dot(more[t][h]));
}

/* Integer dot products of a block of 16-bit values; acts: WIDE from token to token. */
X86_INLINE void dot_wide(__m256i sum[TILE][2], const uint8_t *values, const int16_t *acts,
                         const unsigned tokens)
{
    X86_UNROLL
    for (unsigned s = 0; s < 16; s++) {
        const __m256i w0 = load(values + s * 64), w1 = load(values + s * 64 + 32);
        X86_UNROLL
        for (unsigned t = 0; t < tokens; t++) {
            const __m256i v = spread(acts + t * WIDE + s * 2);
            __m256i s0 = _mm256_madd_epi16(w0, v), s1 = _mm256_madd_epi16(w1, v);
            sum[t][0] = s ? _mm256_add_epi32(sum[t][0], s0) : s0;
            AVX2_IN_ORDER(sum[t][0]);
            sum[t][1] = s ? _mm256_add_epi32(sum[t][1], s1) : s1;
            AVX2_IN_ORDER(sum[t][1]);
        }
    }
}

X86_INLINE void blocks_tile(AVX2_TILE_ARGS, const enum aglm_dtype type, const unsigned tokens)
{
    const __m256i offset = _mm256_set1_epi16((short)code_offset(type));
    const size_t blocks = k / 32;
    __m256 acc[TILE][2];
    load_tile(acc, out + t0 * ld_out, ld_out, k0, tokens);
    X86_ROLLED
    for (size_t i = 0; i < n / 32; i++) {
        const size_t at0 = t0 * blocks + k0 / 32 + i;
        __m256i sum[TILE][2];
        if (IS_SIGNED(type))
            dot_wide(sum, c->bytes + i * 1024, c->acts + i * 32, tokens);
        else
            dot_unsigned(sum, c->bytes + i * 512, x->q + at0 * 32, k, type, tokens);
        X86_UNROLL
        for (unsigned t = 0; t < tokens; t++) {
            const size_t at = at0 + t * blocks;
            const __m256 scale_x = _mm256_broadcast_ss(x->scale + at);
            const __m256i total = spread(x->sum + at * 2);
            const __m256i less = _mm256_madd_epi16(total, offset);
            X86_UNROLL
            for (unsigned h = 0; h < 2; h++) {
                if (code_offset(type))
                    sum[t][h] = _mm256_sub_epi32(sum[t][h], less);
                acc[t][h] =
                    accumulate(acc[t][h], sum[t][h], _mm256_loadu_ps(&c->d[i][h * 8]), scale_x);
                if (has_min(type))
                    acc[t][h] = accumulate(acc[t][h], widen_pairs(total),
                                           _mm256_loadu_ps(&c->m[i][h * 8]), scale_x);
            }
        }
    }
    store_tile(out + t0 * ld_out, ld_out, acc, tokens);
}

/* ---- each type ---- */

#define MATMUL_BLOCKS(NAME, TYPE)                                         \
    AVX2_PREFILL(NAME, TYPE, IS_SIGNED(TYPE), blocks_unpack, blocks_tile) \
    X86_MATMUL(NAME, matmul_quantized, &NAME##_prefill, blocks_panel, TYPE)

MATMUL_BLOCKS(q4_0, AGLM_Q4_0)
MATMUL_BLOCKS(q4_1, AGLM_Q4_1)
MATMUL_BLOCKS(q5_0, AGLM_Q5_0)
MATMUL_BLOCKS(q5_1, AGLM_Q5_1)
MATMUL_BLOCKS(q8_0, AGLM_Q8_0)
MATMUL_BLOCKS(iq4_nl, AGLM_IQ4_NL)
MATMUL_BLOCKS(mxfp4, AGLM_MXFP4)

void AVX2_NAME(aglm_kernels_fill_blocks)(struct aglm_kernels *k, bool ahead)
{
    k->matmul[AGLM_Q4_0] = ahead ? q4_0_ahead : q4_0;
    k->matmul[AGLM_Q4_1] = ahead ? q4_1_ahead : q4_1;
    k->matmul[AGLM_Q5_0] = ahead ? q5_0_ahead : q5_0;
    k->matmul[AGLM_Q5_1] = ahead ? q5_1_ahead : q5_1;
    k->matmul[AGLM_Q8_0] = ahead ? q8_0_ahead : q8_0;
    k->matmul[AGLM_IQ4_NL] = ahead ? iq4_nl_ahead : iq4_nl;
    k->matmul[AGLM_MXFP4] = ahead ? mxfp4_ahead : mxfp4;
}
