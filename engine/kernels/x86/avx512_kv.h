/* Rows of the KV cache with AVX-512, as floats in registers: keys sixteen positions to a register,
 * values as they lie. Every float is the one that the type's to_float gives. */
#ifndef AGLM_ENGINE_KERNELS_X86_AVX512_KV_H
#define AGLM_ENGINE_KERNELS_X86_AVX512_KV_H

#include "engine/kernels/x86/avx512.h"

#include <string.h>

enum { LANES = 16 };

static inline __m128i quarter(const uint8_t *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

/* Element i of a row: the block it is in. */
static inline const uint8_t *block_of(const uint8_t *row, size_t i, const enum aglm_dtype type)
{
    return row + i / 32 * (type == AGLM_Q8_0 ? 34 : 18);
}

static inline int16_t half_at(const uint8_t *p)
{
    int16_t h;
    memcpy(&h, p, 2);
    return h;
}

/* ---- keys ---- */

/* Transposes 8 x 8 words in each half of eight registers. */
static inline void transpose_words(__m256i a[8])
{
    __m256i b[8];
    X86_UNROLL
    for (unsigned r = 0; r < 4; r++) {
        b[2 * r] = _mm256_unpacklo_epi16(a[r], a[r + 4]);
        b[2 * r + 1] = _mm256_unpackhi_epi16(a[r], a[r + 4]);
    }
    X86_UNROLL
    for (unsigned r = 0; r < 4; r++) {
        a[2 * r] = _mm256_unpacklo_epi16(b[r], b[r + 4]);
        a[2 * r + 1] = _mm256_unpackhi_epi16(b[r], b[r + 4]);
    }
    X86_UNROLL
    for (unsigned r = 0; r < 4; r++) {
        b[2 * r] = _mm256_unpacklo_epi16(a[r], a[r + 4]);
        b[2 * r + 1] = _mm256_unpackhi_epi16(a[r], a[r + 4]);
    }
    X86_UNROLL
    for (unsigned r = 0; r < 8; r++)
        a[r] = b[r];
}

/* Registers of 32 bytes are no slower here than of 64, and can be half as long a chain. */
static inline void keys_f16(__m512 x[LANES], const uint8_t *const row[LANES], size_t i)
{
    X86_UNROLL
    for (unsigned h = 0; h < 2; h++) {
        const size_t at = (i + h * 8) * 2;
        __m256i a[8];
        X86_UNROLL
        for (unsigned r = 0; r < 8; r++)
            a[r] = _mm256_inserti128_si256(_mm256_castsi128_si256(quarter(row[r] + at)),
                                           quarter(row[r + 8] + at), 1);
        transpose_words(a);
        X86_UNROLL
        for (unsigned e = 0; e < 8; e++)
            x[h * 8 + e] = _mm512_cvtph_ps(a[e]);
    }
}

/* Sixteen bytes of each row, at `at` of its block: q[c] has the c-th four of all. */
static inline void transpose_fours(__m512i q[4], const uint8_t *const row[LANES], size_t at)
{
    __m512i a[4], b[4];
    X86_UNROLL
    for (unsigned r = 0; r < 4; r++) {
        a[r] = _mm512_castsi128_si512(quarter(row[r] + at));
        a[r] = _mm512_inserti32x4(a[r], quarter(row[r + 4] + at), 1);
        a[r] = _mm512_inserti32x4(a[r], quarter(row[r + 8] + at), 2);
        a[r] = _mm512_inserti32x4(a[r], quarter(row[r + 12] + at), 3);
    }
    X86_UNROLL
    for (unsigned r = 0; r < 2; r++) {
        b[2 * r] = _mm512_unpacklo_epi32(a[r], a[r + 2]);
        b[2 * r + 1] = _mm512_unpackhi_epi32(a[r], a[r + 2]);
    }
    X86_UNROLL
    for (unsigned r = 0; r < 2; r++) {
        q[2 * r] = _mm512_unpacklo_epi32(b[r], b[r + 2]);
        q[2 * r + 1] = _mm512_unpackhi_epi32(b[r], b[r + 2]);
    }
}

/* Scales of the blocks that element i of sixteen rows is in; F16 has none. */
X86_INLINE __m512 scales16(const uint8_t *const row[LANES], size_t i, const enum aglm_dtype type)
{
    __m128i h[2];
    if (type == AGLM_F16)
        return _mm512_setzero_ps();
    X86_UNROLL
    for (unsigned r = 0; r < 2; r++) {
        const uint8_t *const *of = row + r * 8;
        h[r] = _mm_loadu_si16(block_of(of[0], i, type));
        h[r] = _mm_insert_epi16(h[r], half_at(block_of(of[1], i, type)), 1);
        h[r] = _mm_insert_epi16(h[r], half_at(block_of(of[2], i, type)), 2);
        h[r] = _mm_insert_epi16(h[r], half_at(block_of(of[3], i, type)), 3);
        h[r] = _mm_insert_epi16(h[r], half_at(block_of(of[4], i, type)), 4);
        h[r] = _mm_insert_epi16(h[r], half_at(block_of(of[5], i, type)), 5);
        h[r] = _mm_insert_epi16(h[r], half_at(block_of(of[6], i, type)), 6);
        h[r] = _mm_insert_epi16(h[r], half_at(block_of(of[7], i, type)), 7);
    }
    return _mm512_cvtph_ps(_mm256_inserti128_si256(_mm256_castsi128_si256(h[0]), h[1], 1));
}

/* A byte b = q + 128 becomes the float 32768 + b by being put into its mantissa; what is too much
 * goes with the scale: d (32768 + b) - d 32896 is d q, and exact, for d has 11 bits. */
static inline void keys_q8_0(__m512 x[LANES], const uint8_t *const row[LANES], size_t i, __m512 d)
{
    const size_t block = i / 32 * 34;
    const __m512 much = _mm512_mul_ps(d, _mm512_set1_ps(32896.0f));
    const __m512i whole = _mm512_castps_si512(_mm512_set1_ps(32768.0f));
    __m512i q[4];
    transpose_fours(q, row, block + 2 + i % 32);
    X86_UNROLL
    for (unsigned c = 0; c < 4; c++)
        q[c] = _mm512_xor_si512(q[c], _mm512_set1_epi8(-128));
    X86_UNROLL
    for (int e = 0; e < LANES; e++) {
        const int at = e % 4 << 8;
        const __m512i put = _mm512_set4_epi32(0xc00 + at, 0x800 + at, 0x400 + at, at);
        const __m512i v = _mm512_mask_shuffle_epi8(whole, 0x2222222222222222u, q[e / 4], put);
        x[e] = _mm512_fmsub_ps(_mm512_castsi512_ps(v), d, much);
    }
}

/* What a code of Q4_0 means, by its four bits; permutations look at no more bits of an index. */
static inline __m512 codes_q4_0(void)
{
    return _mm512_setr_ps(-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7);
}

static inline void keys_q4_0(__m512 x[LANES], const uint8_t *const row[LANES], size_t i, __m512 d)
{
    const size_t block = i / 32 * 18;
    const unsigned high = i % 32 ? 4 : 0;
    __m512i q[4];
    transpose_fours(q, row, block + 2);
    X86_UNROLL
    for (unsigned e = 0; e < LANES; e++) {
        const __m512i v = _mm512_srli_epi32(q[e / 4], e % 4 * 8 + high);
        x[e] = _mm512_mul_ps(d, _mm512_permutexvar_ps(v, codes_q4_0()));
    }
}

/* Elements i … i + 15 of sixteen rows: x[e] has element i + e of all. */
X86_INLINE void keys16(__m512 x[LANES], const uint8_t *const row[LANES], size_t i, __m512 d,
                       const enum aglm_dtype type)
{
    if (type == AGLM_Q8_0)
        keys_q8_0(x, row, i, d);
    else if (type == AGLM_Q4_0)
        keys_q4_0(x, row, i, d);
    else
        keys_f16(x, row, i);
}

/* ---- values ---- */

/* Elements i … i + 15 of a row. */
X86_INLINE __m512 values16(const uint8_t *row, size_t i, const enum aglm_dtype type)
{
    if (type == AGLM_F16)
        return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)(row + i * 2)));
    const uint8_t *block = block_of(row, i, type);
    uint16_t scale;
    memcpy(&scale, block, 2);
    const __m512 d = _mm512_set1_ps(_cvtsh_ss(scale));
    if (type == AGLM_Q8_0) {
        const __m512i q = _mm512_cvtepi8_epi32(quarter(block + 2 + i % 32));
        return _mm512_mul_ps(d, _mm512_cvtepi32_ps(q));
    }
    const __m512i q = _mm512_cvtepu8_epi32(quarter(block + 2));
    return _mm512_mul_ps(d,
                         _mm512_permutexvar_ps(i % 32 ? _mm512_srli_epi32(q, 4) : q, codes_q4_0()));
}

#endif
