/* Packing a whole panel with vectors; the same bytes as pack.c's, which is the reference.
 *
 * An instruction set's file defines two functions and includes this, then calls pack_lanes(). Once
 * the words of sixteen rows lie side by side, a lane for each row, every layout of pack.h is the
 * same few operations on all lanes: plain loops over sixteen, which compilers turn into vectors.
 *
 *   static inline void gather(uint8_t *out, const uint8_t *const rows[16], size_t words);
 *
 * writes word w (four bytes) of row r to out + w * 64 + r * 4; words is 4 or 8, a constant.
 *
 *   static inline void gather_halves(uint8_t *out, const uint8_t *const rows[16]);
 *
 * writes half h (two bytes) of row r to out + h * 32 + r * 2, for h < 8. */
#ifndef AGLM_ENGINE_KERNELS_PACK_LANES_H
#define AGLM_ENGINE_KERNELS_PACK_LANES_H

#include "engine/kernels/pack.h"

#include <stdbool.h>
#include <string.h>

#define LANES_INLINE static inline __attribute__((always_inline))

enum { LANES = AGLM_PANEL_ROWS };

/* Words of sixteen rows. */
struct lanes {
    uint32_t w[8][LANES];
};

LANES_INLINE void read_lanes(struct lanes *to, const uint8_t *const p[LANES], size_t at,
                             const size_t words)
{
    const uint8_t *q[LANES];
    for (size_t r = 0; r < LANES; r++)
        q[r] = p[r] + at;
    gather((uint8_t *)to->w, q, words);
}

LANES_INLINE void put_words(uint8_t *dst, const uint32_t w[LANES])
{
    memcpy(dst, w, LANES * sizeof(*w));
}

/* The lowest byte of each lane, and the lowest two. */
LANES_INLINE void put_lane_bytes(uint8_t *dst, const uint32_t w[LANES])
{
    for (size_t r = 0; r < LANES; r++)
        dst[r] = (uint8_t)w[r];
}

LANES_INLINE void put_lane_halves(uint8_t *dst, const uint32_t w[LANES], const unsigned shift)
{
    uint16_t half[LANES];
    for (size_t r = 0; r < LANES; r++)
        half[r] = (uint16_t)(w[r] >> shift);
    memcpy(dst, half, sizeof(half));
}

/* Two bytes of each row, at any place. */
LANES_INLINE void copy_halves(uint8_t *dst, const uint8_t *const p[LANES], size_t at)
{
    for (size_t r = 0; r < LANES; r++)
        memcpy(dst + r * 2, p[r] + at, 2);
}

/* ---- floats ---- */

LANES_INLINE void lanes_f32(uint8_t *dst, const uint8_t *const p[LANES], size_t k)
{
    size_t i = 0;
    const uint8_t *q[LANES];
    for (; i + 8 <= k; i += 8) {
        for (size_t r = 0; r < LANES; r++)
            q[r] = p[r] + i * 4;
        gather(dst + i * 64, q, 8);
    }
    for (; i < k; i++)
        for (size_t r = 0; r < LANES; r++)
            memcpy(dst + i * 64 + r * 4, p[r] + i * 4, 4);
}

LANES_INLINE void lanes_f16(uint8_t *dst, const uint8_t *const p[LANES], size_t k)
{
    size_t i = 0;
    const uint8_t *q[LANES];
    for (; i + 8 <= k; i += 8) {
        for (size_t r = 0; r < LANES; r++)
            q[r] = p[r] + i * 2;
        gather_halves(dst + i * 32, q);
    }
    for (; i < k; i++)
        copy_halves(dst + i * 32, p, i * 2);
}

/* ---- blocks of 32 ---- */

LANES_INLINE void lanes_q8_0(uint8_t *dst, const struct aglm_panel_parts *parts, size_t b,
                             const uint8_t *const p[LANES])
{
    const uint8_t *q[LANES];
    copy_halves(dst + parts->scales + b * 32, p, 0);
    for (size_t r = 0; r < LANES; r++)
        q[r] = p[r] + 2;
    gather(dst + parts->values + b * parts->block, q, 8);
}

/* Bit i of a word is value i's. A byte of the panel takes every fourth. */
LANES_INLINE void put_fifth_lanes(uint8_t *dst, const uint32_t bits[LANES])
{
    uint32_t out[LANES];
    for (size_t r = 0; r < LANES; r++) {
        uint32_t all = 0;
        for (unsigned i = 0; i < 4; i++) {
            uint32_t w = bits[r] >> i & 0x11111111u;
            w = (w | w >> 3) & 0x03030303u;
            w = (w | w >> 6) & 0x000f000fu;
            all |= ((w | w >> 12) & 0xff) << (i * 8);
        }
        out[r] = all;
    }
    put_words(dst, out);
}

LANES_INLINE void lanes_block(uint8_t *dst, const struct aglm_panel_parts *parts, size_t b,
                              const uint8_t *const p[LANES], const enum aglm_dtype type)
{
    const size_t scale_bytes = type == AGLM_MXFP4 ? 1 : 2;
    const bool mins = type == AGLM_Q4_1 || type == AGLM_Q5_1;
    const bool high = type == AGLM_Q5_0 || type == AGLM_Q5_1;
    const size_t at_high = scale_bytes + (mins ? 2 : 0), at = at_high + (high ? 4 : 0);
    const uint8_t *q[LANES];
    if (type == AGLM_MXFP4)
        for (size_t r = 0; r < LANES; r++)
            dst[parts->scales + b * LANES + r] = p[r][0];
    else
        copy_halves(dst + parts->scales + b * 32, p, 0);
    if (mins)
        copy_halves(dst + parts->mins + b * 32, p, 2);
    if (high) {
        uint32_t bits[LANES];
        for (size_t r = 0; r < LANES; r++)
            memcpy(&bits[r], p[r] + at_high, 4);
        put_fifth_lanes(dst + parts->high + b * parts->block, bits);
    }
    for (size_t r = 0; r < LANES; r++)
        q[r] = p[r] + at;
    gather(dst + parts->values + b * parts->block, q, 4);
}

/* ---- blocks of 256; pack.c says which runs share bytes ---- */

/* Two bits, from shift on, of the words of a run. */
LANES_INLINE void put_pair_lanes(uint8_t *dst, const struct lanes *l, const unsigned shift)
{
    for (size_t h = 0; h < 2; h++) {
        uint32_t out[LANES];
        const uint32_t(*v)[LANES] = &l->w[h * 4];
        for (size_t r = 0; r < LANES; r++)
            out[r] = (v[0][r] >> shift & 0x03030303u) | (v[1][r] >> shift & 0x03030303u) << 2 |
                     (v[2][r] >> shift & 0x03030303u) << 4 | (v[3][r] >> shift & 0x03030303u) << 6;
        put_words(dst + h * 64, out);
    }
}

LANES_INLINE void put_bit_lanes(uint8_t *dst, const struct lanes *l, const unsigned shift)
{
    uint32_t out[LANES] = {0};
    for (unsigned s = 0; s < 8; s++)
        for (size_t r = 0; r < LANES; r++)
            out[r] |= (l->w[s][r] >> shift & 0x01010101u) << s;
    put_words(dst, out);
}

LANES_INLINE void put_nibble_lanes(uint8_t *dst, const struct lanes *l, const unsigned shift)
{
    for (size_t c = 0; c < 4; c++) {
        uint32_t out[LANES];
        for (size_t r = 0; r < LANES; r++)
            out[r] = (l->w[c][r] >> shift & 0x0f0f0f0fu) | (l->w[c + 4][r] >> shift & 0x0f0f0f0fu)
                                                               << 4;
        put_words(dst + c * 64, out);
    }
}

/* Six bits: four of `low`, two of `high`, from their shifts on. */
LANES_INLINE void put_six_lanes(uint8_t *dst, const struct lanes *low, const unsigned low_shift,
                                const struct lanes *high, const unsigned high_shift)
{
    for (size_t h = 0; h < 2; h++) {
        uint32_t v[4][LANES];
        for (size_t i = 0; i < 4; i++)
            for (size_t r = 0; r < LANES; r++)
                v[i][r] = (low->w[h * 4 + i][r] >> low_shift & 0x0f0f0f0fu) |
                          (high->w[h * 4 + i][r] >> high_shift & 0x03030303u) << 4;
        for (size_t i = 0; i < 3; i++) {
            for (size_t r = 0; r < LANES; r++)
                v[i][r] |= (v[3][r] >> (i * 2) & 0x03030303u) << 6;
            put_words(dst + (h * 3 + i) * 64, v[i]);
        }
    }
}

/* The sixteen bytes of each row from at on, byte j of all rows side by side. */
LANES_INLINE void put_scale_bytes(uint8_t *dst, const uint8_t *const p[LANES], size_t at)
{
    struct lanes l;
    read_lanes(&l, p, at, 4);
    for (size_t j = 0; j < 16; j++) {
        uint32_t out[LANES];
        for (size_t r = 0; r < LANES; r++)
            out[r] = l.w[j / 4][r] >> (j % 4 * 8);
        put_lane_bytes(dst + j * LANES, out);
    }
}

LANES_INLINE void lanes_q2_k(uint8_t *dst, const struct aglm_panel_parts *parts,
                             const uint8_t *const p[LANES])
{
    struct lanes l;
    for (size_t half = 0; half < 2; half++) {
        read_lanes(&l, p, 16 + half * 32, 8);
        for (unsigned b = 0; b < 4; b++)
            put_pair_lanes(dst + parts->values + (half * 4 + b) * parts->block, &l, b * 2);
    }
    put_scale_bytes(dst + parts->scales, p, 0);
    copy_halves(dst + parts->supers, p, 80);
    copy_halves(dst + parts->mins, p, 82);
}

/* Twelve bytes of each row, as three words: low four bits in 8 bytes, high two in 4. */
LANES_INLINE void put_q3_k_scales(uint8_t *dst, const struct lanes *s)
{
    uint32_t out[LANES];
    for (unsigned i = 0; i < 8; i++) { /* scales 2i and 2i + 1 */
        const unsigned word = i / 2 % 2, byte = i % 2 * 16, nibble = i / 4 * 4;
        for (size_t r = 0; r < LANES; r++)
            out[r] = (s->w[word][r] >> (byte + nibble) & 15) |
                     (s->w[word][r] >> (byte + 8 + nibble) & 15) << 4;
        put_lane_bytes(dst + i * LANES, out);
    }
    for (unsigned i = 0; i < 4; i++) { /* scales 4i … 4i + 3 */
        for (size_t r = 0; r < LANES; r++) {
            const uint32_t w = s->w[2][r] >> (i * 2);
            out[r] = (w & 3) | (w >> 8 & 3) << 2 | (w >> 16 & 3) << 4 | (w >> 24 & 3) << 6;
        }
        put_lane_bytes(dst + (8 + i) * LANES, out);
    }
}

LANES_INLINE void lanes_q3_k(uint8_t *dst, const struct aglm_panel_parts *parts,
                             const uint8_t *const p[LANES])
{
    struct lanes l, s;
    read_lanes(&l, p, 0, 8);
    for (unsigned b = 0; b < 8; b++)
        put_bit_lanes(dst + parts->high + b * parts->block, &l, b);
    for (size_t half = 0; half < 2; half++) {
        read_lanes(&l, p, 32 + half * 32, 8);
        for (unsigned b = 0; b < 4; b++)
            put_pair_lanes(dst + parts->values + (half * 4 + b) * parts->block, &l, b * 2);
    }
    /* Scales are the bytes 96 … 107; four words from 94 on end with the block. */
    read_lanes(&l, p, 94, 4);
    for (size_t i = 0; i < 3; i++)
        for (size_t r = 0; r < LANES; r++)
            s.w[i][r] = l.w[i][r] >> 16 | l.w[i + 1][r] << 16;
    put_q3_k_scales(dst + parts->scales, &s);
    put_lane_halves(dst + parts->supers, l.w[3], 16);
    memset(dst + parts->supers + 32, 0, parts->high - parts->supers - 32);
}

/* Eight scales and eight mins in words 1 … 3; pack.c says where. */
LANES_INLINE void put_q45_k_scales(uint8_t *dst, const struct lanes *s)
{
    uint32_t high[LANES] = {0};
    for (unsigned j = 0; j < 8; j++) {
        const unsigned at = j % 4 * 8;
        uint32_t out[LANES];
        for (size_t r = 0; r < LANES; r++) {
            const uint32_t a = s->w[1][r] >> at, b = s->w[2][r] >> at, c = s->w[3][r] >> at;
            const uint32_t low = j < 4 ? (a & 15) | (b & 15) << 4 : c & 255;
            const uint32_t top =
                j < 4 ? (a >> 4 & 3) | (b >> 4 & 3) << 2 : (a >> 6 & 3) | (b >> 6 & 3) << 2;
            out[r] = low;
            high[r] = j % 2 ? high[r] | top << 4 : top;
        }
        put_lane_bytes(dst + j * LANES, out);
        if (j % 2)
            put_lane_bytes(dst + (8 + j / 2) * LANES, high);
    }
}

LANES_INLINE void lanes_q45_k(uint8_t *dst, const struct aglm_panel_parts *parts,
                              const uint8_t *const p[LANES], const enum aglm_dtype type)
{
    const size_t nibbles = type == AGLM_Q5_K ? 48 : 16;
    struct lanes l;
    read_lanes(&l, p, 0, 4);
    put_lane_halves(dst + parts->supers, l.w[0], 0);
    put_lane_halves(dst + parts->mins, l.w[0], 16);
    put_q45_k_scales(dst + parts->scales, &l);
    for (size_t i = 0; i < 4; i++) {
        read_lanes(&l, p, nibbles + i * 32, 8);
        put_nibble_lanes(dst + parts->values + i * 2 * parts->block, &l, 0);
        put_nibble_lanes(dst + parts->values + (i * 2 + 1) * parts->block, &l, 4);
    }
    if (type == AGLM_Q4_K)
        return;
    read_lanes(&l, p, 16, 8);
    for (unsigned b = 0; b < 8; b++)
        put_bit_lanes(dst + parts->high + b * parts->block, &l, b);
}

LANES_INLINE void lanes_q6_k(uint8_t *dst, const struct aglm_panel_parts *parts,
                             const uint8_t *const p[LANES])
{
    struct lanes low, high;
    for (unsigned half = 0; half < 2; half++) {
        read_lanes(&high, p, 128 + half * 32, 8);
        for (unsigned i = 0; i < 2; i++) {
            uint8_t *at = dst + parts->values + (half * 4 + i) * parts->block;
            read_lanes(&low, p, half * 64 + i * 32, 8);
            put_six_lanes(at, &low, 0, &high, i * 2);
            put_six_lanes(at + 2 * parts->block, &low, 4, &high, i * 2 + 4);
        }
    }
    put_scale_bytes(dst + parts->scales, p, 192);
    copy_halves(dst + parts->supers, p, 208);
    memset(dst + parts->supers + 32, 0, parts->values - parts->supers - 32);
}

/* Reads the rows, which follow one another in a file, front to back: the processor foresees one
 * stream, but not sixteen of a few bytes at a time. Twice as fast from memory. */
LANES_INLINE void fetch_rows(const uint8_t *const rows[LANES], size_t row_bytes)
{
    for (size_t r = 0; r < LANES; r++)
        for (size_t i = 0; i < row_bytes; i += 64)
            (void)*(const volatile uint8_t *)(rows[r] + i);
}

/* ---- all ---- */

LANES_INLINE void lanes_blocks(enum aglm_dtype type, uint8_t *dst, const uint8_t *const rows[LANES],
                               size_t k)
{
    const struct aglm_panel_parts parts = aglm_panel_parts(type);
    unsigned elements = 1, bytes = 0;
    const uint8_t *p[LANES];
    (void)aglm_dtype_block(type, &elements, &bytes);
    if (k / 32 % parts.n_blocks) /* the last record lacks columns */
        memset(dst + k / 32 / parts.n_blocks * parts.record, 0, parts.record);
    fetch_rows(rows, k / elements * bytes);
    memcpy(p, rows, sizeof(p));
    for (size_t b = 0; b < k / elements; b++) {
        uint8_t *record = dst + b * elements / 32 / parts.n_blocks * parts.record;
        switch (type) {
        case AGLM_Q8_0:
            lanes_q8_0(record, &parts, b % parts.n_blocks, p);
            break;
        case AGLM_Q2_K:
            lanes_q2_k(record, &parts, p);
            break;
        case AGLM_Q3_K:
            lanes_q3_k(record, &parts, p);
            break;
        case AGLM_Q4_K:
        case AGLM_Q5_K:
            lanes_q45_k(record, &parts, p, type);
            break;
        case AGLM_Q6_K:
            lanes_q6_k(record, &parts, p);
            break;
        default:
            lanes_block(record, &parts, b % parts.n_blocks, p, type);
        }
        for (size_t r = 0; r < LANES; r++)
            p[r] += bytes;
    }
}

/* aglm_pack_panel with vectors. False: not done, because a row is missing or the type has none. */
static bool pack_lanes(enum aglm_dtype type, uint8_t *dst, const void *const rows[LANES], size_t k)
{
    const uint8_t *p[LANES];
    for (size_t r = 0; r < LANES; r++) {
        p[r] = rows[r];
        if (!p[r])
            return false;
    }
#define LANES_CASE(t)               \
    case t:                         \
        lanes_blocks(t, dst, p, k); \
        return true
    switch (type) {
    case AGLM_F32:
        lanes_f32(dst, p, k);
        return true;
    case AGLM_F16:
    case AGLM_BF16:
        lanes_f16(dst, p, k);
        memset(dst + k * 2 * LANES, 0, aglm_panel_bytes(type, k) - k * 2 * LANES);
        return true;
        LANES_CASE(AGLM_Q8_0);
        LANES_CASE(AGLM_Q4_0);
        LANES_CASE(AGLM_Q4_1);
        LANES_CASE(AGLM_Q5_0);
        LANES_CASE(AGLM_Q5_1);
        LANES_CASE(AGLM_IQ4_NL);
        LANES_CASE(AGLM_MXFP4);
        LANES_CASE(AGLM_Q2_K);
        LANES_CASE(AGLM_Q3_K);
        LANES_CASE(AGLM_Q4_K);
        LANES_CASE(AGLM_Q5_K);
        LANES_CASE(AGLM_Q6_K);
    default:
        return false;
    }
}

#endif
