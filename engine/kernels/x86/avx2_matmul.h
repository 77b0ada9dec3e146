/* What the AVX2 matrix products share: reading codes of a packed panel, the dot products of a tile
 * of tokens, and the walk over panels, columns and tokens.
 *
 * A panel of sixteen rows is two registers of eight rows. One token (decode) reads one panel
 * after another, codes unpacked on the way. Several tokens (prefill) go through chunks of 256
 * columns of four panels, unpacked once into scratch that the first cache holds, in tiles of four
 * tokens. Sums that change rarely are kept in memory, so that those of the inner loop have the
 * sixteen registers.
 */
#ifndef AGLM_ENGINE_KERNELS_X86_AVX2_MATMUL_H
#define AGLM_ENGINE_KERNELS_X86_AVX2_MATMUL_H

#include "engine/kernels/pack.h"
#include "engine/kernels/x86/avx2_step.h"
#include "engine/kernels/x86/x86.h"

#include <string.h>

enum { ROWS = AGLM_PANEL_ROWS, PANELS = 4, TILE = 4, CHUNK = 256, WIDE = CHUNK / 2 };

/* No instruction, in this place. GCC otherwise computes all products of a step before it adds any,
 * and spills; and makes each address a sum of its own instead of a pointer and a constant. */
#ifdef AGLM_SIMDE
#define AVX2_IN_ORDER(v) ((void)(v))
#else
#define AVX2_IN_ORDER(v) __asm__ volatile("" : "+x"(v))
#endif
#define AVX2_POINTER(p) __asm__ volatile("" : "+r"(p))

static inline __m256i load(const void *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

static inline void store(void *p, __m256i v)
{
    _mm256_storeu_si256((__m256i *)p, v);
}

static inline __m128i load_half(const void *p)
{
    return _mm_loadu_si128((const __m128i *)p);
}

/* Four bytes, the same in every 32-bit lane. */
static inline __m256i spread(const void *p)
{
    int32_t v;
    memcpy(&v, p, 4);
    return _mm256_set1_epi32(v);
}

static inline __m256 halves(const uint8_t *p)
{
    return _mm256_cvtph_ps(load_half(p));
}

/* acc + scale_w * scale_x * sum, as the reference orders it. */
static inline __m256 accumulate(__m256 acc, __m256i sum, __m256 scale_w, __m256 scale_x)
{
    return _mm256_fmadd_ps(_mm256_mul_ps(scale_w, scale_x), _mm256_cvtepi32_ps(sum), acc);
}

/* Pairs of 16-bit sums to 32 bit. */
static inline __m256i widen_pairs(__m256i pairs)
{
    return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

/* ---- codes ---- */

/* What an unsigned code must be lowered by. */
static inline int code_offset(const enum aglm_dtype type)
{
    switch (type) {
    case AGLM_Q8_0:
    case AGLM_IQ4_NL:
        return VNNI ? 128 : 0;
    case AGLM_Q4_0:
        return 8;
    case AGLM_Q5_0:
        return 16;
    case AGLM_MXFP4:
        return 12;
    case AGLM_Q3_K:
        return 4;
    case AGLM_Q6_K:
        return 32;
    default:
        return 0;
    }
}

/* Eight rows' codes of steps c and c + 4 of a block, a byte each. */
struct codes {
    __m256i lo, hi;
};

/* Bits moved up (n > 0) or down within 16-bit lanes; n is constant once unrolled. */
static inline __m256i shifted(__m256i v, const int n)
{
    return n > 0 ? _mm256_slli_epi16(v, n) : n < 0 ? _mm256_srli_epi16(v, -n) : v;
}

/* Codes with the bits of v that are in mask once shifted. */
static inline __m256i with_bits(__m256i codes, __m256i v, const int n, const char mask)
{
    return _mm256_or_si256(codes, _mm256_and_si256(shifted(v, n), _mm256_set1_epi8(mask)));
}

static inline __m256i table_of(const int8_t values[16], const int offset)
{
    __m256i table = _mm256_broadcastsi128_si256(load_half(values));
    return _mm256_add_epi8(table, _mm256_set1_epi8((char)offset));
}

/* Step c of the four that three vectors hold: see sixes in pack.h. */
X86_INLINE __m256i read_sixes(const uint8_t *values, const int c)
{
    if (c < 3)
        return _mm256_and_si256(load(values + c * 64), _mm256_set1_epi8(63));
    __m256i v = _mm256_and_si256(shifted(load(values), -6), _mm256_set1_epi8(3));
    v = with_bits(v, load(values + 64), -4, 12);
    return with_bits(v, load(values + 128), -2, 48);
}

/* values, high: a block's, from the wanted eight rows on. */
X86_INLINE struct codes read_codes(const uint8_t *values, const uint8_t *high, __m256i table,
                                   const int c, const enum aglm_dtype type)
{
    const __m256i low = _mm256_set1_epi8(15), two = _mm256_set1_epi8(3);
    struct codes r;
    if (type == AGLM_Q6_K) {
        r.lo = read_sixes(values, c);
        r.hi = read_sixes(values + 192, c);
    } else if (type == AGLM_Q8_0) {
        const __m256i bias = _mm256_set1_epi8((char)0x80);
        r.lo = _mm256_xor_si256(load(values + c * 64), bias);
        r.hi = _mm256_xor_si256(load(values + (c + 4) * 64), bias);
    } else if (type == AGLM_Q2_K || type == AGLM_Q3_K) {
        r.lo = _mm256_and_si256(shifted(load(values), -2 * c), two);
        r.hi = _mm256_and_si256(shifted(load(values + 64), -2 * c), two);
    } else {
        __m256i v = load(values + c * 64);
        r.lo = _mm256_and_si256(v, low);
        r.hi = _mm256_and_si256(_mm256_srli_epi16(v, 4), low);
    }
    if (type == AGLM_Q5_0 || type == AGLM_Q5_1 || type == AGLM_Q5_K) {
        r.lo = with_bits(r.lo, load(high), 4 - c, 16);
        r.hi = with_bits(r.hi, load(high), -c, 16);
    } else if (type == AGLM_Q3_K) {
        r.lo = with_bits(r.lo, load(high), 2 - c, 4);
        r.hi = with_bits(r.hi, load(high), -2 - c, 4);
    } else if (type == AGLM_IQ4_NL || type == AGLM_MXFP4) {
        r.lo = _mm256_shuffle_epi8(table, r.lo);
        r.hi = _mm256_shuffle_epi8(table, r.hi);
    }
    return r;
}

/* A block's codes as bytes [8 steps][64]. */
X86_INLINE void unpack_codes(uint8_t *bytes, const uint8_t *values, const uint8_t *high,
                             __m256i table, const enum aglm_dtype type)
{
    for (size_t h = 0; h < 64; h += 32) {
        X86_UNROLL
        for (int c = 0; c < 4; c++) {
            struct codes v = read_codes(values + h, high + h, table, c, type);
            store(bytes + c * 64 + h, v.lo);
            store(bytes + (c + 4) * 64 + h, v.hi);
        }
    }
}

/* Eight rows' sums of steps 0 … 3 and 4 … 7 with the spread activations v, from start on: sums of
 * 16 bits wrap, but each true one fits. */
X86_INLINE struct codes dot_codes(const uint8_t *values, const uint8_t *high, __m256i table,
                                  const __m256i v[8], struct codes start,
                                  const enum aglm_dtype type)
{
    struct codes sum = start;
    X86_UNROLL
    for (int c = 0; c < 4; c++) {
        const struct codes w = read_codes(values, high, table, c, type);
        const bool from_start = c > 0 || code_offset(type);
        sum.lo = from_start ? add_dot(sum.lo, w.lo, v[c]) : first_dot(w.lo, v[c]);
        sum.hi = from_start ? add_dot(sum.hi, w.hi, v[c + 4]) : first_dot(w.hi, v[c + 4]);
        AVX2_IN_ORDER(sum.lo);
        AVX2_IN_ORDER(sum.hi);
    }
    return sum;
}

/* What the sums of each block's halves begin with, in each lane as dot_codes sums them: -offset *
 * (sums of the first and of the last sixteen activations). start: [k / 32]. Once for all panels of
 * a call. */
static inline void offset_starts(int32_t (*start)[2], const struct aglm_acts *x, size_t k,
                                 const int offset)
{
    for (size_t b = 0; b < k / 32; b++) {
        if (VNNI) {
            start[b][0] = -offset * x->sum[b * 2];
            start[b][1] = -offset * x->sum[b * 2 + 1];
            continue;
        }
        __m256i p = _mm256_maddubs_epi16(_mm256_set1_epi8((char)offset), load(x->q + b * 32));
        p = _mm256_sub_epi16(_mm256_setzero_si256(), p);
        p = _mm256_add_epi16(p, _mm256_shuffle_epi32(p, 0x4e));
        p = _mm256_add_epi16(p, _mm256_shuffle_epi32(p, 0xb1));
        start[b][0] = _mm256_extract_epi32(p, 0);
        start[b][1] = _mm256_extract_epi32(p, 4);
    }
}

/* ---- prefill ---- */

/* The scales of a super-block of a K type as 16-bit pairs. */
struct avx2_scales {
    int16_t scale[CHUNK / 16][ROWS][2]; /* a run's: see put_scale */
    int16_t less[CHUNK / 32][ROWS][2];  /* what meets the activations' sums, two at a time */
};

/* Some columns of a panel, unpacked. */
struct avx2_chunk {
    _Alignas(64) uint8_t bytes[CHUNK * ROWS]; /* [CHUNK / 4][64], or 16-bit [WIDE / 2][ROWS][2] */
    struct avx2_scales k;
    float d[CHUNK / 32][ROWS], m[CHUNK / 32][ROWS];
    const int16_t *acts; /* of types with 16-bit values: the tile's activations, [TILE][WIDE] */
};

/* sum[t]: sums (of add_dot) of `steps` steps of sixteen rows' unsigned bytes with activations of
 * each token, k apart. */
X86_INLINE void dot_steps(__m256i sum[TILE][2], const uint8_t *bytes, const int8_t *q, size_t k,
                          const unsigned steps, const unsigned tokens)
{
    const int8_t *at[TILE];
    __m256i w0 = load(bytes), w1 = load(bytes + 32);
    X86_UNROLL
    for (unsigned t = 0; t < tokens; t++) {
        at[t] = q + t * k;
        AVX2_POINTER(at[t]);
        __m256i v = spread(at[t]);
        sum[t][0] = first_dot(w0, v);
        sum[t][1] = first_dot(w1, v);
    }
    X86_UNROLL
    for (unsigned s = 1; s < steps; s++) {
        w0 = load(bytes + s * 64), w1 = load(bytes + s * 64 + 32);
        X86_UNROLL
        for (unsigned t = 0; t < tokens; t++) {
            __m256i v = spread(at[t] + s * 4);
            sum[t][0] = add_dot(sum[t][0], w0, v);
            AVX2_IN_ORDER(sum[t][0]);
            sum[t][1] = add_dot(sum[t][1], w1, v);
            AVX2_IN_ORDER(sum[t][1]);
        }
    }
}

/* What the walk needs of a type. wide: 16-bit values, WIDE columns at a time. A tile adds n columns
 * from k0 on to out[t0 …] of TILE tokens or of one; the first columns start from 0. */
struct avx2_prefill {
    bool wide;
    void (*unpack)(struct avx2_chunk *c, const uint8_t *panel, size_t k, size_t k0, size_t n);
    void (*tile)(float *out, size_t ld_out, const struct avx2_chunk *c, const struct aglm_acts *x,
                 size_t k, size_t k0, size_t n, size_t t0);
    void (*one)(float *out, size_t ld_out, const struct avx2_chunk *c, const struct aglm_acts *x,
                size_t k, size_t k0, size_t n, size_t t0);
};

#define AVX2_TILE_ARGS                                                                          \
    float *out, size_t ld_out, const struct avx2_chunk *c, const struct aglm_acts *x, size_t k, \
        size_t k0, size_t n, size_t t0

#define aglm_avx2_prefill AVX2_NAME(aglm_prefill)
void aglm_avx2_prefill(X86_MATMUL_ARGS, size_t stride, const struct avx2_prefill *type);

/* The tiles of TYPE, which FN(args …, type, tokens) makes, and how it is unpacked. */
#define AVX2_PREFILL(NAME, TYPE, IS_WIDE, UNPACK, FN)                                          \
    static void NAME##_unpack(struct avx2_chunk *c, const uint8_t *panel, size_t k, size_t k0, \
                              size_t n)                                                        \
    {                                                                                          \
        UNPACK(c, panel, k, k0, n, TYPE);                                                      \
    }                                                                                          \
    static void NAME##_tile(AVX2_TILE_ARGS)                                                    \
    {                                                                                          \
        FN(out, ld_out, c, x, k, k0, n, t0, TYPE, TILE);                                       \
    }                                                                                          \
    static void NAME##_one(AVX2_TILE_ARGS)                                                     \
    {                                                                                          \
        FN(out, ld_out, c, x, k, k0, n, t0, TYPE, 1);                                          \
    }                                                                                          \
    static const struct avx2_prefill NAME##_prefill = {IS_WIDE, NAME##_unpack, NAME##_tile,    \
                                                       NAME##_one};

/* A tile's sums so far: [tokens][2]. */
X86_INLINE void load_tile(__m256 acc[TILE][2], const float *out, size_t ld_out, size_t k0,
                          const unsigned tokens)
{
    X86_UNROLL
    for (unsigned t = 0; t < tokens; t++)
        X86_UNROLL
    for (unsigned h = 0; h < 2; h++)
        acc[t][h] = k0 ? _mm256_loadu_ps(out + t * ld_out + h * 8) : _mm256_setzero_ps();
}

X86_INLINE void store_tile(float *out, size_t ld_out, __m256 acc[TILE][2], const unsigned tokens)
{
    X86_UNROLL
    for (unsigned t = 0; t < tokens; t++)
        X86_UNROLL
    for (unsigned h = 0; h < 2; h++)
        _mm256_storeu_ps(out + t * ld_out + h * 8, acc[t][h]);
}

/* One token of one panel: out: [16]; starts: see offset_starts. */
typedef void (*avx2_panel_fn)(float *out, const uint8_t *w, const struct aglm_acts *x, size_t k,
                              int32_t (*starts)[2], const enum aglm_dtype type, const bool ahead);

X86_INLINE void matmul_quantized(X86_MATMUL_ARGS, const struct avx2_prefill *prefill,
                                 avx2_panel_fn panel, const enum aglm_dtype type, const bool ahead)
{
    const size_t stride = aglm_panel_bytes(type, k);
    if (n_tokens != 1) {
        aglm_avx2_prefill(out, ld_out, w, x, k, n_panels, n_tokens, scratch, stride, prefill);
        return;
    }
    if (code_offset(type))
        offset_starts(scratch, x, k, code_offset(type));
    for (size_t p = 0; p < n_panels; p++)
        panel(out + p * ROWS, w + p * stride, x, k, scratch, type, ahead);
}

void AVX2_NAME(aglm_kernels_fill_blocks)(struct aglm_kernels *k, bool ahead);
void AVX2_NAME(aglm_kernels_fill_kquants)(struct aglm_kernels *k, bool ahead);

#endif
