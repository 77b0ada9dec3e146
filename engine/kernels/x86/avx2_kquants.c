/* Matrix products with AVX2 of the types with super-blocks of 256: Q2_K Q3_K Q4_K Q5_K Q6_K. Bit
 * for bit equal to matmul_kquants_c.c.
 *
 * 16-bit pair sums of unsigned codes times activations meet their run's scale, a pair of 16-bit
 * numbers in each lane, in one multiply-add that widens them. Eight steps fit in 16 bits when codes
 * go up to 15 (8 * 2 * 15 * 127 = 30480), four up to 31, two up to 63; one token's four steps of
 * Q6_K wrap to a true sum that fits (4 * 2 * 32 * 127 = 32512). Offsets and mins meet the
 * activations' two sums of a block in one more multiply-add.
 */
#include "engine/kernels/x86/avx2_matmul.h"

static inline bool has_min(const enum aglm_dtype type)
{
    return type == AGLM_Q2_K || type == AGLM_Q4_K || type == AGLM_Q5_K;
}

/* ---- scales ---- */

/* Sixteen rows' small numbers of a block: scales of its two runs (twice the same for Q4_K and Q5_K)
 * and mins of its two runs. */
struct small {
    __m128i scale[2], min[2];
};

/* Two six-bit numbers of block b in 0 … 7: four bits each in byte b, two each in byte 8 + b / 2. */
static inline void read_six_bits(__m128i two[2], const uint8_t *src, size_t b)
{
    const __m128i low = _mm_set1_epi8(15), top = _mm_set1_epi8(48);
    __m128i v = load_half(src + b * ROWS);
    __m128i high =
        _mm_srl_epi16(load_half(src + (8 + b / 2) * ROWS), _mm_cvtsi32_si128((int)(b % 2 * 4)));
    two[0] = _mm_or_si128(_mm_and_si128(v, low), _mm_and_si128(_mm_slli_epi16(high, 4), top));
    two[1] = _mm_or_si128(_mm_and_si128(_mm_srli_epi16(v, 4), low),
                          _mm_and_si128(_mm_slli_epi16(high, 2), top));
}

/* Block b of a panel. */
X86_INLINE struct small read_small(const uint8_t *scales, size_t b, const enum aglm_dtype type)
{
    struct small s;
    if (type == AGLM_Q2_K || type == AGLM_Q6_K) {
        s.scale[0] = load_half(scales + b * 2 * ROWS);
        s.scale[1] = load_half(scales + (b * 2 + 1) * ROWS);
    } else {
        read_six_bits(s.scale, scales + b / 8 * 192, b % 8);
    }
    const __m128i low = _mm_set1_epi8(15);
    if (type == AGLM_Q2_K) {
        s.min[0] = _mm_and_si128(_mm_srli_epi16(s.scale[0], 4), low);
        s.min[1] = _mm_and_si128(_mm_srli_epi16(s.scale[1], 4), low);
        s.scale[0] = _mm_and_si128(s.scale[0], low);
        s.scale[1] = _mm_and_si128(s.scale[1], low);
    } else if (type == AGLM_Q3_K) {
        s.scale[0] = _mm_sub_epi8(s.scale[0], _mm_set1_epi8(32));
        s.scale[1] = _mm_sub_epi8(s.scale[1], _mm_set1_epi8(32));
        s.min[0] = s.scale[0], s.min[1] = s.scale[1];
    } else if (type == AGLM_Q6_K) {
        s.min[0] = s.scale[0], s.min[1] = s.scale[1];
    } else {
        s.min[0] = s.min[1] = s.scale[1];
        s.scale[1] = s.scale[0];
    }
    return s;
}

/* Eight rows' numbers as 16-bit pairs, one of a and one of b in each lane. Signed: all numbers are
 * within a byte's range. */
static inline __m256i pairs_of(__m128i a, __m128i b, const unsigned h)
{
    return _mm256_cvtepi8_epi16(h ? _mm_unpackhi_epi8(a, b) : _mm_unpacklo_epi8(a, b));
}

/* ---- one token ---- */

struct k_sums {
    __m256i total, mins;
};

/* Adds block b of eight rows to the sums; w: the panel; v: the block's activations. */
X86_INLINE void add_block(struct k_sums *sums, const uint8_t *values, const uint8_t *high,
                          struct small s, const __m256i v[8], struct codes less, __m256i totals,
                          const unsigned h, const enum aglm_dtype type)
{
    struct codes dot = dot_codes(values, high, _mm256_setzero_si256(), v, less, type);
    __m256i sum;
    if (type == AGLM_Q4_K)
        sum = _mm256_madd_epi16(_mm256_add_epi16(dot.lo, dot.hi),
                                pairs_of(s.scale[0], s.scale[0], h));
    else
        sum = _mm256_add_epi32(_mm256_madd_epi16(dot.lo, pairs_of(s.scale[0], s.scale[0], h)),
                               _mm256_madd_epi16(dot.hi, pairs_of(s.scale[1], s.scale[1], h)));
    sums->total = _mm256_add_epi32(sums->total, sum);
    if (has_min(type))
        sums->mins = _mm256_add_epi32(sums->mins,
                                      _mm256_madd_epi16(totals, pairs_of(s.min[0], s.min[1], h)));
}

/* A super-block's sums of eight rows times their scales. */
X86_INLINE __m256 close_super(__m256 acc, struct k_sums sums, const uint8_t *panel,
                              struct aglm_panel_parts parts, size_t at, __m256 scale_x,
                              const enum aglm_dtype type)
{
    acc = accumulate(acc, sums.total, halves(panel + parts.supers + at * 2), scale_x);
    if (!has_min(type))
        return acc;
    __m256 scale = _mm256_mul_ps(halves(panel + parts.mins + at * 2), scale_x);
    return _mm256_fnmadd_ps(scale, _mm256_cvtepi32_ps(sums.mins), acc);
}

/* out: [panels * 16]; panels <= STREAMS. */
X86_INLINE void k_streams(float *out, const uint8_t *w, const struct aglm_acts *x, size_t k,
                          size_t panels, const enum aglm_dtype type)
{
    const struct aglm_panel_parts parts = aglm_panel_parts(type, k);
    const size_t stride = aglm_panel_bytes(type, k);
    __m256 acc[STREAMS][2];
    for (size_t p = 0; p < panels; p++)
        acc[p][0] = acc[p][1] = _mm256_setzero_ps();
    for (size_t sb = 0; sb < k / 256; sb++) {
        struct k_sums sums[STREAMS][2];
        memset(sums, 0, sizeof(sums));
        for (size_t b = sb * 8; b < sb * 8 + 8; b++) {
            const __m256i totals = spread(x->sum + b * 2);
            struct codes less = {0};
            if (code_offset(type))
                less = offset_pairs(x->q + b * 32, code_offset(type));
            __m256i v[8];
            X86_UNROLL
            for (unsigned s = 0; s < 8; s++)
                v[s] = spread(x->q + b * 32 + s * 4);
            AVX2_ROLLED
            for (size_t p = 0; p < panels; p++) {
                const uint8_t *panel = w + p * stride;
                const struct small s = read_small(panel + parts.scales, b, type);
                X86_UNROLL
                for (unsigned h = 0; h < 2; h++)
                    add_block(&sums[p][h], panel + b * value_bytes(type) + h * 32,
                              panel + parts.high + b * high_bytes(type) + h * 32, s, v, less,
                              totals, h, type);
            }
        }
        const __m256 scale_x = _mm256_broadcast_ss(x->scale + sb * 8);
        for (size_t p = 0; p < panels; p++)
            for (unsigned h = 0; h < 2; h++)
                acc[p][h] = close_super(acc[p][h], sums[p][h], w + p * stride, parts,
                                        sb * ROWS + h * 8, scale_x, type);
    }
    for (size_t p = 0; p < panels; p++)
        for (unsigned h = 0; h < 2; h++)
            _mm256_storeu_ps(out + p * ROWS + h * 8, acc[p][h]);
}

/* ---- several tokens. A chunk is one super-block. ---- */

X86_INLINE void k_unpack(struct avx2_chunk *c, const uint8_t *panel, size_t k, size_t k0, size_t n,
                         const enum aglm_dtype type)
{
    const struct aglm_panel_parts parts = aglm_panel_parts(type, k);
    const __m256i none = _mm256_setzero_si256();
    c->values = c->bytes;
    for (size_t i = 0; i < n / 32; i++) {
        const size_t b = k0 / 32 + i;
        unpack_codes(c->bytes + i * 512, panel + b * value_bytes(type),
                     panel + parts.high + b * high_bytes(type), none, type);
        const struct small s = read_small(panel + parts.scales, b, type);
        for (unsigned h = 0; h < 2; h++) {
            __m256i less = pairs_of(s.min[0], s.min[1], h);
            if (code_offset(type))
                less = _mm256_mullo_epi16(less, _mm256_set1_epi16((short)code_offset(type)));
            store(c->less[i][h * 8], less);
            store(c->scale[i * 2][h * 8], pairs_of(s.scale[0], s.scale[0], h));
            store(c->scale[i * 2 + 1][h * 8], pairs_of(s.scale[1], s.scale[1], h));
        }
    }
    for (unsigned r = 0; r < ROWS; r += 8) {
        const size_t at = k0 / 256 * ROWS + r;
        _mm256_storeu_ps(&c->d[0][r], halves(panel + parts.supers + at * 2));
        if (has_min(type))
            _mm256_storeu_ps(&c->m[0][r], halves(panel + parts.mins + at * 2));
    }
}

/* total += scale * dot products of `steps` steps. */
X86_INLINE void add_steps(__m256i total[TILE][2], const uint8_t *bytes, const int16_t *scale,
                          const int8_t *q, size_t k, const unsigned steps, const unsigned tokens)
{
    __m256i sum[TILE][2];
    dot_steps(sum, bytes, q, k, steps, tokens);
    X86_UNROLL
    for (unsigned t = 0; t < tokens; t++)
        for (unsigned h = 0; h < 2; h++)
            total[t][h] =
                _mm256_add_epi32(total[t][h], _mm256_madd_epi16(sum[t][h], load(scale + h * 16)));
}

/* The same for two steps, without sums in between: total stays in registers. */
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
    const unsigned steps = type == AGLM_Q4_K ? 8 : 4;
    X86_UNROLL
    for (unsigned t = 0; t < tokens; t++)
        total[t][0] = total[t][1] = _mm256_setzero_si256();
    AVX2_ROLLED
    for (size_t s = 0; s < 64; s += steps) {
        const int16_t *scale = c->scale[s / 4][0];
        if (type == AGLM_Q6_K) {
            add_two_steps(total, c->bytes + s * 64, scale, q + s * 4, k, tokens);
            add_two_steps(total, c->bytes + s * 64 + 128, scale, q + s * 4 + 8, k, tokens);
        } else {
            add_steps(total, c->bytes + s * 64, scale, q + s * 4, k, steps, tokens);
        }
    }
}

/* Mins or offsets times the activations' sums. */
X86_INLINE void dot_less(__m256i total[TILE][2], const struct avx2_chunk *c, const int16_t *sums,
                         size_t k, const unsigned tokens)
{
    X86_UNROLL
    for (unsigned t = 0; t < tokens; t++)
        total[t][0] = total[t][1] = _mm256_setzero_si256();
    AVX2_ROLLED
    for (size_t i = 0; i < 8; i++) {
        const __m256i w0 = load(c->less[i][0]), w1 = load(c->less[i][8]);
        X86_UNROLL
        for (unsigned t = 0; t < tokens; t++) {
            const __m256i v = spread(sums + t * (k / 16) + i * 2);
            total[t][0] = _mm256_add_epi32(total[t][0], _mm256_madd_epi16(w0, v));
            total[t][1] = _mm256_add_epi32(total[t][1], _mm256_madd_epi16(w1, v));
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
    dot_less(less, c, x->sum + at0 / 16, k, tokens);
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

#define MATMUL_K(NAME, TYPE)                                                                     \
    static void NAME##_unpack(struct avx2_chunk *c, const uint8_t *panel, size_t k, size_t k0,   \
                              size_t n)                                                          \
    {                                                                                            \
        k_unpack(c, panel, k, k0, n, TYPE);                                                      \
    }                                                                                            \
    static void NAME##_tile(AVX2_TILE_ARGS)                                                      \
    {                                                                                            \
        k_tile(out, ld_out, c, x, k, k0, n, t0, TYPE, TILE);                                     \
    }                                                                                            \
    static void NAME##_one(AVX2_TILE_ARGS)                                                       \
    {                                                                                            \
        k_tile(out, ld_out, c, x, k, k0, n, t0, TYPE, 1);                                        \
    }                                                                                            \
    static void NAME(X86_MATMUL_ARGS)                                                            \
    {                                                                                            \
        static const struct avx2_prefill type = {NAME##_unpack, NAME##_tile, NAME##_one};        \
        const size_t stride = aglm_panel_bytes(TYPE, k);                                         \
        if (n_tokens != 1)                                                                       \
            aglm_avx2_prefill(out, ld_out, w, x, k, n_panels, n_tokens, scratch, stride, &type); \
        else                                                                                     \
            for (size_t p = 0; p < n_panels; p += STREAMS)                                       \
                k_streams(out + p * ROWS, w + p * stride, x, k,                                  \
                          n_panels - p < STREAMS ? n_panels - p : STREAMS, TYPE);                \
    }

MATMUL_K(q2_k, AGLM_Q2_K)
MATMUL_K(q3_k, AGLM_Q3_K)
MATMUL_K(q4_k, AGLM_Q4_K)
MATMUL_K(q5_k, AGLM_Q5_K)
MATMUL_K(q6_k, AGLM_Q6_K)

void aglm_kernels_fill_avx2_kquants(struct aglm_kernels *k)
{
    k->matmul[AGLM_Q2_K] = q2_k;
    k->matmul[AGLM_Q3_K] = q3_k;
    k->matmul[AGLM_Q4_K] = q4_k;
    k->matmul[AGLM_Q5_K] = q5_k;
    k->matmul[AGLM_Q6_K] = q6_k;
}
