/* What the AVX-512 matrix products share: reading codes of a packed panel, and the walk over
 * panels, columns and tokens.
 *
 * One register holds one step of a panel: sixteen rows by four columns. vpdpbusd multiplies
 * unsigned by signed bytes and adds four products to a 32-bit lane, exactly; codes are unsigned,
 * and what they are too high by (code_offset) is taken off by way of the sums of the activations.
 * One token (decode) reads one panel after another, unpacked on the way. Several (prefill) go
 * through chunks of 2048 columns of four panels, unpacked to a byte a code into what the second
 * cache holds, in tiles of two panels and six tokens: twelve sums, which share the loads of weights
 * and of activations (K types: twice twelve, half of them in memory).
 */
#ifndef AGLM_ENGINE_KERNELS_X86_AVX512_MATMUL_H
#define AGLM_ENGINE_KERNELS_X86_AVX512_MATMUL_H

#include "engine/kernels/pack.h"
#include "engine/kernels/x86/avx512.h"

#include <string.h>

enum { ROWS = AGLM_PANEL_ROWS, PAIR = 2, TILE = 6, CHUNK = 2048, QUARTERS = 4 };

static inline __m512i load(const void *p)
{
    return _mm512_loadu_si512(p);
}

static inline __m128i load_quarter(const void *p)
{
    return _mm_loadu_si128((const __m128i *)p);
}

/* Four bytes, the same in every 32-bit lane. */
static inline __m512i spread(const void *p)
{
    int32_t v;
    memcpy(&v, p, 4);
    return _mm512_set1_epi32(v);
}

static inline __m512 halves(const uint8_t *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)p));
}

/* acc + scale_w * scale_x * sum, as the reference orders it. */
static inline __m512 accumulate(__m512 acc, __m512i sum, __m512 scale_w, float scale_x)
{
    __m512 scale = _mm512_mul_ps(scale_w, _mm512_set1_ps(scale_x));
    return _mm512_fmadd_ps(scale, _mm512_cvtepi32_ps(sum), acc);
}

/* ---- codes ---- */

/* What an unsigned code is too high by. */
static inline int code_offset(const enum aglm_dtype type)
{
    switch (type) {
    case AGLM_Q8_0:
    case AGLM_IQ4_NL:
        return 128;
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

/* Codes of steps c and c + 4 of a block. */
struct codes {
    __m512i lo, hi;
};

/* Bits moved up (n > 0) or down within 16-bit lanes; n is constant once unrolled. */
static inline __m512i shifted(__m512i v, const int n)
{
    if (n == 0)
        return v;
    return n > 0 ? _mm512_slli_epi16(v, (unsigned)n) : _mm512_srli_epi16(v, (unsigned)-n);
}

/* Codes and the bits of v that are in mask once shifted: a | (b & c). */
static inline __m512i with_bits(__m512i codes, __m512i v, const int n, const char mask)
{
    return _mm512_ternarylogic_epi32(codes, shifted(v, n), _mm512_set1_epi8(mask), 0xf8);
}

/* Step c of the four that three vectors hold: see sixes in pack.h. */
X86_INLINE __m512i read_sixes(const uint8_t *values, const int c)
{
    const __m512i six = _mm512_set1_epi8(63);
    if (c < 3)
        return _mm512_and_si512(load(values + c * 64), six);
    const __m512i v0 = _mm512_srli_epi16(load(values), 6);
    const __m512i v1 = _mm512_srli_epi16(load(values + 64), 4);
    const __m512i v2 = _mm512_srli_epi16(load(values + 128), 2);
    /* mask ? first : second, twice */
    const __m512i v = _mm512_ternarylogic_epi32(_mm512_set1_epi8(3), v0, v1, 0xca);
    return _mm512_and_si512(_mm512_ternarylogic_epi32(_mm512_set1_epi8(15), v, v2, 0xca), six);
}

/* values, high: those of a block; table: the sixteen values plus offset in each quarter, for types
 * that have one. */
X86_INLINE struct codes read_codes(const uint8_t *values, const uint8_t *high, __m512i table,
                                   const int c, const enum aglm_dtype type)
{
    const __m512i low = _mm512_set1_epi8(15), two = _mm512_set1_epi8(3);
    struct codes r;
    if (type == AGLM_Q6_K) {
        r.lo = read_sixes(values, c);
        r.hi = read_sixes(values + 192, c);
    } else if (type == AGLM_Q8_0) {
        const __m512i bias = _mm512_set1_epi8((char)0x80);
        r.lo = _mm512_xor_si512(load(values + c * 64), bias);
        r.hi = _mm512_xor_si512(load(values + (c + 4) * 64), bias);
    } else if (type == AGLM_Q2_K || type == AGLM_Q3_K) {
        r.lo = _mm512_and_si512(shifted(load(values), -2 * c), two);
        r.hi = _mm512_and_si512(shifted(load(values + 64), -2 * c), two);
    } else {
        const __m512i v = load(values + c * 64);
        r.lo = _mm512_and_si512(v, low);
        r.hi = _mm512_and_si512(_mm512_srli_epi16(v, 4), low);
    }
    if (type == AGLM_Q5_0 || type == AGLM_Q5_1 || type == AGLM_Q5_K) {
        r.lo = with_bits(r.lo, load(high), 4 - c, 16);
        r.hi = with_bits(r.hi, load(high), -c, 16);
    } else if (type == AGLM_Q3_K) {
        r.lo = with_bits(r.lo, load(high), 2 - c, 4);
        r.hi = with_bits(r.hi, load(high), -2 - c, 4);
    } else if (type == AGLM_IQ4_NL || type == AGLM_MXFP4) {
        r.lo = _mm512_shuffle_epi8(table, r.lo);
        r.hi = _mm512_shuffle_epi8(table, r.hi);
    }
    return r;
}

/* Codes of nibbles, those of step c + 4 sixteen times as large as they are: a mask in place costs
 * no shift, and one shift of the sum makes it right. */
static inline struct codes nibbles_in_place(const uint8_t *values, const int c)
{
    const __m512i low = _mm512_set1_epi8(15), v = load(values + c * 64);
    return (struct codes){_mm512_and_si512(v, low), _mm512_andnot_si512(low, v)};
}

/* ---- prefill ---- */

/* Some columns of a panel, unpacked, with scales d and mins m. */
struct avx512_chunk {
    _Alignas(64) uint8_t bytes[CHUNK * ROWS]; /* [CHUNK / 4][64] */
    union {
        /* Of types that share them by 32, times each mantissa that a scale of activations can have
         * (acts.h). */
        struct {
            float d[CHUNK / 32][QUARTERS][ROWS], m[CHUNK / 32][QUARTERS][ROWS];
        };
        /* Of each super-block: its own; the small ones of two runs; mins as they meet the
         * activations' sums. */
        struct {
            float d[CHUNK / 256][ROWS], m[CHUNK / 256][ROWS];
            int16_t scale[CHUNK / 256][8][ROWS][2], less[CHUNK / 256][8][ROWS][2];
        } k;
    };
};

#define AVX512_UNPACK_ARGS struct avx512_chunk *c, const uint8_t *w, size_t k, size_t k0, size_t n
#define AVX512_TILE_ARGS                                                                          \
    float *out, size_t ld_out, const struct avx512_chunk *c, const struct aglm_acts *x, size_t k, \
        size_t k0, size_t n, size_t t0

typedef void (*avx512_tile_fn)(AVX512_TILE_ARGS);

/* What the walk needs of a type: a chunk of columns k0 … k0 + n - 1 unpacked, and tiles that add
 * the product of one or two chunks (of neighbouring panels) to out for tokens t0 …; the first
 * columns start from 0. */
struct avx512_prefill {
    void (*unpack)(AVX512_UNPACK_ARGS);
    avx512_tile_fn tile[PAIR][3]; /* [panels - 1]: six tokens, two, one */
};

void aglm_avx512_prefill(X86_MATMUL_ARGS, size_t stride, const struct avx512_prefill *type);

/* The tiles of TYPE, which FN(args …, type, panels, tokens) makes, and how it is unpacked. */
#define AVX512_TILE(FN, NAME, TYPE, PANELS, TOKENS)                \
    static void NAME(AVX512_TILE_ARGS)                             \
    {                                                              \
        FN(out, ld_out, c, x, k, k0, n, t0, TYPE, PANELS, TOKENS); \
    }
#define AVX512_PREFILL(NAME, TYPE, UNPACK, FN)            \
    static void NAME##_unpack(AVX512_UNPACK_ARGS)         \
    {                                                     \
        UNPACK(c, w, k, k0, n, TYPE);                     \
    }                                                     \
    AVX512_TILE(FN, NAME##_1x6, TYPE, 1, TILE)            \
    AVX512_TILE(FN, NAME##_1x2, TYPE, 1, 2)               \
    AVX512_TILE(FN, NAME##_1x1, TYPE, 1, 1)               \
    AVX512_TILE(FN, NAME##_2x6, TYPE, PAIR, TILE)         \
    AVX512_TILE(FN, NAME##_2x2, TYPE, PAIR, 2)            \
    AVX512_TILE(FN, NAME##_2x1, TYPE, PAIR, 1)            \
    static const struct avx512_prefill NAME##_prefill = { \
        NAME##_unpack,                                    \
        {{NAME##_1x6, NAME##_1x2, NAME##_1x1}, {NAME##_2x6, NAME##_2x2, NAME##_2x1}}};

/* Codes of a block as bytes [8][64]. */
X86_INLINE void unpack_block(uint8_t *bytes, const uint8_t *values, const uint8_t *high,
                             __m512i table, const enum aglm_dtype type)
{
    X86_UNROLL
    for (int c = 0; c < 4; c++) {
        const struct codes v = read_codes(values, high, table, c, type);
        _mm512_storeu_si512(bytes + c * 64, v.lo);
        _mm512_storeu_si512(bytes + c * 64 + 256, v.hi);
    }
}

/* Where each token's activations are, k apart. Opaque, or GCC makes every address of a step a sum
 * of its own, 48 of them before each tile, and spills them. */
X86_INLINE void token_pointers(const int8_t *at[TILE], const int8_t *q, size_t k,
                               const unsigned tokens)
{
    X86_UNROLL
    for (unsigned t = 0; t < tokens; t++) {
        at[t] = q + t * k;
        __asm__ volatile("" : "+r"(at[t]));
    }
}

/* Adds to sum[panel][token] the dot products of `steps` steps of bytes, from column `first` on of
 * each chunk and of each token. */
X86_INLINE void dot_steps(__m512i sum[PAIR][TILE], const struct avx512_chunk *c,
                          const int8_t *const at[TILE], size_t first, const unsigned steps,
                          const unsigned panels, const unsigned tokens)
{
    X86_UNROLL
    for (unsigned s = 0; s < steps; s++) {
        __m512i w[PAIR];
        X86_UNROLL
        for (unsigned p = 0; p < panels; p++)
            w[p] = load(c[p].bytes + first * ROWS + s * 64);
        X86_UNROLL
        for (unsigned t = 0; t < tokens; t++) {
            const __m512i v = spread(at[t] + first + s * 4);
            X86_UNROLL
            for (unsigned p = 0; p < panels; p++)
                sum[p][t] = _mm512_dpbusd_epi32(sum[p][t], w[p], v);
        }
    }
}

void aglm_kernels_fill_avx512_blocks(struct aglm_kernels *k, bool ahead);
void aglm_kernels_fill_avx512_kquants(struct aglm_kernels *k, bool ahead);

#endif
