/* Matrix products with AVX2, or AVX-VNNI, of the types with super-blocks of 256: Q2_K Q3_K Q4_K
 * Q5_K Q6_K. Bit for bit equal to matmul_kquants_c.c.
 *
 * 16-bit pair sums of unsigned codes times activations meet their run's scale, a pair of 16-bit
 * numbers in each lane, in one multiply-add that widens them. Eight steps fit in 16 bits when codes
 * go up to 15 (8 * 2 * 15 * 127 = 30480), four up to 31, two up to 63; one token's four steps of
 * Q6_K wrap to a true sum that fits (4 * 2 * 32 * 127 = 32512). Offsets and mins meet the
 * activations' two sums of a block in one more multiply-add. With VNNI a sum of sixteen products is
 * a 32-bit lane: where it fits in 16 bits (is_narrow), vpdpwssd scales and adds it at once.
 */
#include "engine/kernels/x86/avx2_matmul.h"

static inline bool has_min(const enum aglm_dtype type)
{
    return type == AGLM_Q2_K || type == AGLM_Q4_K || type == AGLM_Q5_K;
}

/* Q4_K and Q5_K have one scale and one min for a block; their mins meet the sums of two blocks at a
 * time. The others have one for each run of 16, and meet the sums of a block's two runs. */
static inline bool by_block(const enum aglm_dtype type)
{
    return type == AGLM_Q4_K || type == AGLM_Q5_K;
}

/* Do sums of 16 unsigned codes with activations fit in 16 bits? 16 * 15 * 127 = 30480. */
static inline bool is_narrow(const enum aglm_dtype type)
{
    return type == AGLM_Q2_K || type == AGLM_Q3_K || type == AGLM_Q4_K;
}

/* ---- scales ---- */

static inline __m128i first(__m256i v)
{
    return _mm256_castsi256_si128(v);
}

static inline __m128i second(__m256i v)
{
    return _mm256_extracti128_si256(v, 1);
}

/* Sixteen rows' numbers a and b as 16-bit pairs. Signed: all numbers are within a byte's range. */
static inline void put_pairs(int16_t dst[ROWS][2], __m128i a, __m128i b)
{
    store(dst[0], _mm256_cvtepi8_epi16(_mm_unpacklo_epi8(a, b)));
    store(dst[8], _mm256_cvtepi8_epi16(_mm_unpackhi_epi8(a, b)));
}

/* Sixteen rows' scales as the sums meet them (add_scaled): twice, for pairs. With VNNI once, for a
 * sum's low half, or as 32 bits. */
X86_INLINE void put_scale(int16_t dst[ROWS][2], __m128i scale, const enum aglm_dtype type)
{
    const __m128i zero = _mm_setzero_si128();
    put_pairs(dst, scale, !VNNI ? scale : is_narrow(type) ? zero : _mm_cmpgt_epi8(zero, scale));
}

/* total + sum (of add_dot) * scale */
X86_INLINE __m256i add_scaled(__m256i total, __m256i sum, const int16_t *scale,
                              const enum aglm_dtype type)
{
    if (VNNI && !is_narrow(type))
        return _mm256_add_epi32(total, _mm256_mullo_epi32(sum, load(scale)));
    return add_pairs(total, sum, load(scale));
}

/* Block b: its two runs' scales and what lowers their sums: mins, or offset * scale. */
X86_INLINE void put_runs(struct avx2_scales *out, size_t b, __m128i scale0, __m128i scale1,
                         __m128i less0, __m128i less1, const enum aglm_dtype type,
                         const bool offsets)
{
    put_scale(out->scale[b * 2], scale0, type);
    put_scale(out->scale[b * 2 + 1], scale1, type);
    if (has_min(type) || offsets)
        put_pairs(out->less[b], less0, less1);
    if (has_min(type) || !offsets)
        return;
    const __m256i offset = _mm256_set1_epi16((short)code_offset(type));
    store(out->less[b][0], _mm256_mullo_epi16(load(out->less[b][0]), offset));
    store(out->less[b][8], _mm256_mullo_epi16(load(out->less[b][8]), offset));
}

/* The two six-bit numbers of blocks 2i and 2i + 1, a block in each half: four bits each in bytes 2i
 * and 2i + 1, two each in byte 8 + i. */
static inline void read_six_bits(__m256i two[2], const uint8_t *src, size_t i)
{
    const __m256i low = _mm256_set1_epi8(15), top = _mm256_set1_epi8(48);
    __m256i v = load(src + i * 2 * ROWS);
    __m128i bits = load_half(src + (8 + i) * ROWS);
    __m256i high =
        _mm256_inserti128_si256(_mm256_castsi128_si256(bits), _mm_srli_epi16(bits, 4), 1);
    two[0] = _mm256_or_si256(_mm256_and_si256(v, low),
                             _mm256_and_si256(_mm256_slli_epi16(high, 4), top));
    two[1] = _mm256_or_si256(_mm256_and_si256(_mm256_srli_epi16(v, 4), low),
                             _mm256_and_si256(_mm256_slli_epi16(high, 2), top));
}

/* The scales of a super-block: of Q4_K and Q5_K [8] and less [4], of the others [16] and [8]; less
 * of types with offsets only where that is wanted. */
X86_INLINE void read_scales(struct avx2_scales *out, const uint8_t *scales,
                            const enum aglm_dtype type, const bool offsets)
{
    __m256i v[2];
    if (type == AGLM_Q2_K || type == AGLM_Q6_K) {
        const __m256i low = _mm256_set1_epi8(type == AGLM_Q2_K ? 15 : -1);
        X86_ROLLED
        for (size_t b = 0; b < 8; b++) {
            __m256i both = load(scales + b * 2 * ROWS);
            v[0] = _mm256_and_si256(both, low);
            v[1] = type == AGLM_Q2_K ? _mm256_and_si256(_mm256_srli_epi16(both, 4), low) : both;
            put_runs(out, b, first(v[0]), second(v[0]), first(v[1]), second(v[1]), type, offsets);
        }
        return;
    }
    X86_ROLLED
    for (size_t i = 0; i < 4; i++) {
        read_six_bits(v, scales, i);
        if (by_block(type)) {
            put_scale(out->scale[i * 2], first(v[0]), type);
            put_scale(out->scale[i * 2 + 1], second(v[0]), type);
            put_pairs(out->less[i], first(v[1]), second(v[1]));
            continue;
        }
        v[0] = _mm256_sub_epi8(v[0], _mm256_set1_epi8(32));
        v[1] = _mm256_sub_epi8(v[1], _mm256_set1_epi8(32));
        put_runs(out, i * 2, first(v[0]), first(v[1]), first(v[0]), first(v[1]), type, offsets);
        put_runs(out, i * 2 + 1, second(v[0]), second(v[1]), second(v[0]), second(v[1]), type,
                 offsets);
    }
}

/* The sums of a super-block's activations as `less` wants them: of runs as they are, of blocks from
 * two runs each. Returns sums or what it wrote to room. */
X86_INLINE const int16_t *sums_of(int16_t room[8], const int16_t sums[16],
                                  const enum aglm_dtype type)
{
    if (!by_block(type))
        return sums;
    __m256i v = widen_pairs(load(sums));
    v = _mm256_permute4x64_epi64(_mm256_packs_epi32(v, v), 0x08);
    _mm_storeu_si128((__m128i *)(void *)room, first(v));
    return room;
}

/* ---- one token ---- */

struct k_sums {
    __m256i total, mins;
};

/* Mins of eight rows times the activations' sums. */
X86_INLINE __m256i dot_mins(const struct avx2_scales *scales, const int16_t *sums, const unsigned h,
                            const enum aglm_dtype type)
{
    const unsigned n = by_block(type) ? 4 : 8;
    __m256i mins = _mm256_setzero_si256();
    X86_UNROLL
    for (unsigned i = 0; i < n; i++)
        mins = add_pairs(mins, load(scales->less[i][h * 8]), spread(sums + i * 2));
    return mins;
}

/* total + scales * dot products of block b with its activations v. */
X86_INLINE __m256i add_block(__m256i total, const uint8_t *values, const uint8_t *high,
                             const struct avx2_scales *scales, const __m256i v[8],
                             struct codes start, size_t b, const unsigned h,
                             const enum aglm_dtype type)
{
    struct codes dot = dot_codes(values, high, _mm256_setzero_si256(), v, start, type);
    const int16_t *lo = scales->scale[by_block(type) ? b : b * 2][h * 8];
    const int16_t *hi = by_block(type) ? lo : scales->scale[b * 2 + 1][h * 8];
    if (VNNI ? type == AGLM_Q5_K : type == AGLM_Q4_K)
        return add_scaled(total, join_dots(dot.lo, dot.hi), lo, type);
    return add_scaled(add_scaled(total, dot.lo, lo, type), dot.hi, hi, type);
}

/* A super-block's sums of eight rows times their scales. */
X86_INLINE __m256 close_super(__m256 acc, struct k_sums sums, const uint8_t *record,
                              struct aglm_panel_parts parts, size_t at, __m256 scale_x,
                              const enum aglm_dtype type)
{
    acc = accumulate(acc, sums.total, halves(record + parts.supers + at * 2), scale_x);
    if (!has_min(type))
        return acc;
    __m256 scale = _mm256_mul_ps(halves(record + parts.mins + at * 2), scale_x);
    return _mm256_fnmadd_ps(scale, _mm256_cvtepi32_ps(sums.mins), acc);
}

/* out: [16], of one panel; starts: see offset_starts. */
X86_INLINE void k_panel(float *out, const uint8_t *w, const struct aglm_acts *x, size_t k,
                        int32_t (*starts)[2], const enum aglm_dtype type, const bool ahead)
{
    const struct aglm_panel_parts parts = aglm_panel_parts(type);
    __m256 acc[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
    for (size_t sb = 0; sb < k / 256; sb++) {
        const uint8_t *record = w + sb * parts.record;
        struct avx2_scales scales;
        struct k_sums sums[2];
        int16_t room[8];
        const int16_t *block_sums = sums_of(room, x->sum + sb * 16, type);
        read_scales(&scales, record + parts.scales, type, false);
        for (unsigned h = 0; h < 2; h++) {
            sums[h].total = _mm256_setzero_si256();
            if (has_min(type))
                sums[h].mins = dot_mins(&scales, block_sums, h, type);
        }
        X86_ROLLED
        for (size_t i = 0; i < 8; i++) {
            const size_t b = sb * 8 + i;
            if (ahead)
                ask_ahead_of_part(record, parts.record, i, 8);
            struct codes start = {0};
            if (code_offset(type))
                start = (struct codes){spread(&starts[b][0]), spread(&starts[b][1])};
            __m256i v[8];
            X86_UNROLL
            for (unsigned s = 0; s < 8; s++)
                v[s] = spread(x->q + b * 32 + s * 4);
            X86_UNROLL
            for (unsigned h = 0; h < 2; h++)
                sums[h].total = add_block(
                    sums[h].total, record + parts.values + i * parts.block + h * 32,
                    record + parts.high + i * parts.block + h * 32, &scales, v, start, i, h, type);
        }
        const __m256 scale_x = _mm256_broadcast_ss(x->scale + sb * 8);
        for (unsigned h = 0; h < 2; h++)
            acc[h] = close_super(acc[h], sums[h], record, parts, h * 8, scale_x, type);
    }
    for (unsigned h = 0; h < 2; h++)
        _mm256_storeu_ps(out + h * 8, acc[h]);
}

/* ---- several tokens. A chunk is one super-block. ---- */

X86_INLINE void k_unpack(struct avx2_chunk *c, const uint8_t *panel, size_t k, size_t k0, size_t n,
                         const enum aglm_dtype type)
{
    const struct aglm_panel_parts parts = aglm_panel_parts(type);
    const uint8_t *record = aglm_panel_record(panel, &parts, k0 / 32);
    const __m256i none = _mm256_setzero_si256();
    (void)k;
    for (size_t i = 0; i < n / 32; i++)
        unpack_codes(c->bytes + i * 512, record + parts.values + i * parts.block,
                     record + parts.high + i * parts.block, none, type);
    read_scales(&c->k, record + parts.scales, type, true);
    for (unsigned r = 0; r < ROWS; r += 8) {
        _mm256_storeu_ps(&c->d[0][r], halves(record + parts.supers + r * 2));
        if (has_min(type))
            _mm256_storeu_ps(&c->m[0][r], halves(record + parts.mins + r * 2));
    }
}

/* total += scale * dot products of `steps` steps. */
X86_INLINE void add_steps(__m256i total[TILE][2], const uint8_t *bytes, const int16_t *scale,
                          const int8_t *q, size_t k, const unsigned steps, const unsigned tokens,
                          const enum aglm_dtype type)
{
    __m256i sum[TILE][2];
    dot_steps(sum, bytes, q, k, steps, tokens);
    X86_UNROLL
    for (unsigned t = 0; t < tokens; t++)
        for (unsigned h = 0; h < 2; h++)
            total[t][h] = add_scaled(total[t][h], sum[t][h], scale + h * 16, type);
}

/* The same for two steps of AVX2, without sums in between: total stays in registers. */
X86_INLINE void add_two_steps(__m256i total[TILE][2], const uint8_t *bytes, const int16_t *scale,
                              const int8_t *q, size_t k, const unsigned tokens)
{
    const __m256i a0 = load(bytes), a1 = load(bytes + 32);
    const __m256i b0 = load(bytes + 64), b1 = load(bytes + 96);
    X86_UNROLL
    for (unsigned t = 0; t < tokens; t++) {
        const int8_t *at = q + t * k;
        const __m256i a = spread(at);
        __m256i s0 = _mm256_maddubs_epi16(a0, a), s1 = _mm256_maddubs_epi16(a1, a);
        AVX2_IN_ORDER(s1);
        const __m256i b = spread(at + 4);
        s0 = _mm256_add_epi16(s0, _mm256_maddubs_epi16(b0, b));
        AVX2_IN_ORDER(s0);
        s1 = _mm256_add_epi16(s1, _mm256_maddubs_epi16(b1, b));
        AVX2_IN_ORDER(s1);
        total[t][0] = _mm256_add_epi32(total[t][0], _mm256_madd_epi16(s0, load(scale)));
        AVX2_IN_ORDER(total[t][0]);
        total[t][1] = _mm256_add_epi32(total[t][1], _mm256_madd_epi16(s1, load(scale + 16)));
        AVX2_IN_ORDER(total[t][1]);
    }
}

X86_INLINE void dot_super(__m256i total[TILE][2], const struct avx2_chunk *c, const int8_t *q,
                          size_t k, const enum aglm_dtype type, const unsigned tokens)
{
    const unsigned steps = type == (VNNI ? AGLM_Q5_K : AGLM_Q4_K) ? 8 : 4;
    X86_UNROLL
    for (unsigned t = 0; t < tokens; t++)
        total[t][0] = total[t][1] = _mm256_setzero_si256();
    X86_ROLLED
    for (size_t s = 0; s < 64; s += steps) {
        const int16_t *scale = c->k.scale[by_block(type) ? s / 8 : s / 4][0];
        if (type == AGLM_Q6_K && !VNNI) {
            add_two_steps(total, c->bytes + s * 64, scale, q + s * 4, k, tokens);
            add_two_steps(total, c->bytes + s * 64 + 128, scale, q + s * 4 + 8, k, tokens);
        } else {
            add_steps(total, c->bytes + s * 64, scale, q + s * 4, k, steps, tokens, type);
        }
    }
}

/* Mins or offsets times the activations' sums. */
X86_INLINE void dot_less(__m256i total[TILE][2], const struct avx2_chunk *c, const int16_t *sums,
                         size_t k, const enum aglm_dtype type, const unsigned tokens)
{
    const size_t n = by_block(type) ? 4 : 8;
    int16_t room[TILE][8];
    const int16_t *at[TILE];
    X86_UNROLL
    for (unsigned t = 0; t < tokens; t++) {
        total[t][0] = total[t][1] = _mm256_setzero_si256();
        at[t] = sums_of(room[t], sums + t * (k / 16), type);
    }
    X86_ROLLED
    for (size_t i = 0; i < n; i++) {
        const __m256i w0 = load(c->k.less[i][0]), w1 = load(c->k.less[i][8]);
        X86_UNROLL
        for (unsigned t = 0; t < tokens; t++) {
            const __m256i v = spread(at[t] + i * 2);
            total[t][0] = add_pairs(total[t][0], w0, v);
            total[t][1] = add_pairs(total[t][1], w1, v);
        }
    }
}

X86_INLINE void k_tile(AVX2_TILE_ARGS, const enum aglm_dtype type, const unsigned tokens)
{
    const size_t at0 = t0 * k + k0;
    __m256i total[TILE][2], less[TILE][2];
    __m256 acc[TILE][2];
    (void)n;
    dot_super(total, c, x->q + at0, k, type, tokens);
    dot_less(less, c, x->sum + at0 / 16, k, type, tokens);
    load_tile(acc, out + t0 * ld_out, ld_out, k0, tokens);
    X86_UNROLL
    for (unsigned t = 0; t < tokens; t++) {
        const __m256 scale_x = _mm256_broadcast_ss(x->scale + (at0 + t * k) / 32);
        X86_UNROLL
        for (unsigned h = 0; h < 2; h++) {
            if (!has_min(type))
                total[t][h] = _mm256_sub_epi32(total[t][h], less[t][h]);
            acc[t][h] =
                accumulate(acc[t][h], total[t][h], _mm256_loadu_ps(&c->d[0][h * 8]), scale_x);
            if (has_min(type))
                acc[t][h] =
                    _mm256_fnmadd_ps(_mm256_mul_ps(_mm256_loadu_ps(&c->m[0][h * 8]), scale_x),
                                     _mm256_cvtepi32_ps(less[t][h]), acc[t][h]);
        }
    }
    store_tile(out + t0 * ld_out, ld_out, acc, tokens);
}

/* ---- each type ---- */

#define MATMUL_K(NAME, TYPE)                          \
    AVX2_PREFILL(NAME, TYPE, false, k_unpack, k_tile) \
    X86_MATMUL(NAME, matmul_quantized, &NAME##_prefill, k_panel, TYPE)

MATMUL_K(q2_k, AGLM_Q2_K)
MATMUL_K(q3_k, AGLM_Q3_K)
MATMUL_K(q4_k, AGLM_Q4_K)
MATMUL_K(q5_k, AGLM_Q5_K)
MATMUL_K(q6_k, AGLM_Q6_K)

void AVX2_NAME(aglm_kernels_fill_kquants)(struct aglm_kernels *k, bool ahead)
{
    k->matmul[AGLM_Q2_K] = ahead ? q2_k_ahead : q2_k;
    k->matmul[AGLM_Q3_K] = ahead ? q3_k_ahead : q3_k;
    k->matmul[AGLM_Q4_K] = ahead ? q4_k_ahead : q4_k;
    k->matmul[AGLM_Q5_K] = ahead ? q5_k_ahead : q5_k;
    k->matmul[AGLM_Q6_K] = ahead ? q6_k_ahead : q6_k;
}
