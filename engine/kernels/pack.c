/* Packs rows of a GGUF file into panels; see pack.h for the layouts.
 *
 * In: sixteen rows of blocks as they lie in a file. Out: one panel. Every bit pattern is accepted
 * and kept; what it means is the kernels' business.
 */
#include "engine/kernels/pack.h"

#include <assert.h>
#include <string.h>

enum { ROWS = AGLM_PANEL_ROWS };

size_t aglm_panel_bytes(enum aglm_dtype type, size_t k)
{
    const struct aglm_panel_parts parts = aglm_panel_parts(type);
    unsigned elements = 1, bytes = 0;
    if (type == AGLM_INT8)
        return k * ROWS + ROWS * sizeof(float);
    if (parts.record)
        return (k / 32 + parts.n_blocks - 1) / parts.n_blocks * parts.record;
    int rc = aglm_dtype_block(type, &elements, &bytes);
    assert(rc == 0 && k % elements == 0);
    (void)rc;
    return (k / elements * bytes * ROWS + 63) / 64 * 64;
}

static void pack_plain(uint8_t *dst, const void *const rows[ROWS], size_t k, size_t bytes)
{
    enum { TILE = 64 }; /* columns at a time, so that what is written stays in the first cache */
    for (size_t i0 = 0; i0 < k; i0 += TILE) {
        const size_t end = i0 + TILE < k ? i0 + TILE : k;
        for (size_t r = 0; r < ROWS; r++)
            for (size_t i = i0; i < end; i++)
                if (rows[r])
                    memcpy(dst + (i * ROWS + r) * bytes, (const uint8_t *)rows[r] + i * bytes,
                           bytes);
                else
                    memset(dst + (i * ROWS + r) * bytes, 0, bytes);
    }
}

/* ---- the four ways to hold a block of 32 values. A word is the four values of a step, a byte
 * each, so that what is done to a word is done to four. ---- */

#define NIBBLES 0x0f0f0f0fu
#define PAIRS 0x03030303u
#define BITS 0x01010101u

static uint32_t load_word(const uint8_t *p)
{
    uint32_t w;
    memcpy(&w, p, 4);
    return w;
}

static void store_word(uint8_t *panel, size_t row, uint32_t w)
{
    memcpy(panel + row * 4, &w, 4);
}

/* Values of four bits. */
static void put_nibbles(uint8_t *dst, size_t row, const uint32_t v[8])
{
    for (size_t c = 0; c < 4; c++)
        store_word(dst + c * 64, row, v[c] | v[c + 4] << 4);
}

/* Values of two bits. */
static void put_pairs(uint8_t *dst, size_t row, const uint32_t v[8])
{
    for (size_t h = 0; h < 2; h++, v += 4)
        store_word(dst + h * 64, row, v[0] | v[1] << 2 | v[2] << 4 | v[3] << 6);
}

/* Values of one bit. */
static void put_bits(uint8_t *dst, size_t row, const uint32_t v[8])
{
    uint32_t w = 0;
    for (size_t s = 0; s < 8; s++)
        w |= v[s] << s;
    store_word(dst, row, w);
}

/* Values of six bits. */
static void put_sixes(uint8_t *dst, size_t row, const uint32_t v[8])
{
    for (size_t h = 0; h < 2; h++, v += 4)
        for (size_t i = 0; i < 3; i++)
            store_word(dst + (h * 3 + i) * 64, row, v[i] | (v[3] >> (i * 2) & PAIRS) << 6);
}

/* 32 values from the bits of 32 bytes from shift on; mask: those bits in each byte. */
static void read_words(uint32_t v[8], const uint8_t *src, size_t shift, uint32_t mask)
{
    for (size_t s = 0; s < 8; s++)
        v[s] = load_word(src + s * 4) >> shift & mask;
}

/* ---- blocks of 32: a scale, then a min, then fifth bits, then nibbles, whichever there are ----
 */

static void pack_q8_0(uint8_t *dst, const void *const rows[ROWS], size_t k)
{
    const struct aglm_panel_parts parts = aglm_panel_parts(AGLM_Q8_0);
    for (size_t r = 0; r < ROWS; r++) {
        const uint8_t *src = rows[r];
        for (size_t b = 0; src && b < k / 32; b++, src += 34) {
            uint8_t *record = dst + b / parts.n_blocks * parts.record;
            const size_t i = b % parts.n_blocks;
            memcpy(record + parts.scales + (i * ROWS + r) * 2, src, 2);
            for (size_t s = 0; s < 8; s++)
                memcpy(record + parts.values + i * parts.block + s * 64 + r * 4, src + 2 + s * 4,
                       4);
        }
    }
}

/* The fifth bits of a block: bit i of 32 is value i's. A byte of the panel takes every fourth. */
static void put_fifth_bits(uint8_t *dst, size_t row, uint32_t bits)
{
    for (size_t i = 0; i < 4; i++) {
        uint32_t w = bits >> i & 0x11111111u;
        w = (w | w >> 3) & PAIRS;
        w = (w | w >> 6) & 0x000f000fu;
        dst[row * 4 + i] = (uint8_t)(w | w >> 12);
    }
}

static void pack_blocks(enum aglm_dtype type, uint8_t *dst, const void *const rows[ROWS], size_t k)
{
    const struct aglm_panel_parts parts = aglm_panel_parts(type);
    const size_t scale_bytes = type == AGLM_MXFP4 ? 1 : 2;
    for (size_t r = 0; r < ROWS; r++) {
        const uint8_t *src = rows[r];
        for (size_t b = 0; src && b < k / 32; b++) {
            uint8_t *record = dst + b / parts.n_blocks * parts.record;
            const size_t i = b % parts.n_blocks;
            memcpy(record + parts.scales + (i * ROWS + r) * scale_bytes, src, scale_bytes);
            src += scale_bytes;
            if (parts.mins) {
                memcpy(record + parts.mins + (i * ROWS + r) * 2, src, 2);
                src += 2;
            }
            if (parts.high) {
                put_fifth_bits(record + parts.high + i * parts.block, r, load_word(src));
                src += 4;
            }
            /* A byte holds values i and i + 16, in the file as in the panel. */
            for (size_t c = 0; c < 4; c++, src += 4)
                memcpy(record + parts.values + i * parts.block + c * 64 + r * 4, src, 4);
        }
    }
}

/* ---- blocks of 256: eight runs of 32, whose bits share bytes. Two bits (Q2_K's and Q3_K's qs,
 * Q6_K's qh): four runs in 32 bytes. One bit (Q3_K's hmask, Q5_K's qh): eight runs in 32 bytes.
 * Four bits (Q4_K, Q5_K): two runs in 32 bytes; of Q6_K: runs 0 and 2, and 1 and 3, of each half.
 * ---- */

static void put_run_pairs(uint8_t *dst, size_t row, const uint8_t src[64], size_t run)
{
    uint32_t v[8];
    read_words(v, src + run / 4 * 32, run % 4 * 2, PAIRS);
    put_pairs(dst, row, v);
}

static void put_run_bits(uint8_t *dst, size_t row, const uint8_t src[32], size_t run)
{
    uint32_t v[8];
    read_words(v, src, run, BITS);
    put_bits(dst, row, v);
}

static void put_run_nibbles(uint8_t *dst, size_t row, const uint8_t *src, size_t shift)
{
    uint32_t v[8];
    read_words(v, src, shift, NIBBLES);
    put_nibbles(dst, row, v);
}

static void pack_q2_k(uint8_t *record, size_t r, const uint8_t *src)
{
    const struct aglm_panel_parts parts = aglm_panel_parts(AGLM_Q2_K);
    for (size_t b = 0; b < 8; b++)
        put_run_pairs(record + parts.values + b * parts.block, r, src + 16, b);
    for (size_t j = 0; j < 16; j++)
        record[parts.scales + j * ROWS + r] = src[j];
    memcpy(record + parts.supers + r * 2, src + 80, 2);
    memcpy(record + parts.mins + r * 2, src + 82, 2);
}

/* Six bits of each of the 16 scales: low four in 8 bytes (0 … 7 low nibbles, 8 … 15 high ones),
 * high two in 4 bytes (scale j in byte j % 4, bits j / 4 * 2). */
static void pack_q3_k_scales(uint8_t *dst, size_t r, const uint8_t src[12])
{
    for (size_t j = 0; j < 16; j++) {
        unsigned low = src[j % 8] >> (j / 8 * 4) & 15u;
        unsigned high = src[8 + j % 4] >> (j / 4 * 2) & 3u;
        dst[j / 2 * ROWS + r] |= (uint8_t)(low << (j % 2 * 4));
        dst[(8 + j / 4) * ROWS + r] |= (uint8_t)(high << (j % 4 * 2));
    }
}

static void pack_q3_k(uint8_t *record, size_t r, const uint8_t *src)
{
    const struct aglm_panel_parts parts = aglm_panel_parts(AGLM_Q3_K);
    for (size_t b = 0; b < 8; b++) {
        put_run_pairs(record + parts.values + b * parts.block, r, src + 32, b);
        put_run_bits(record + parts.high + b * parts.block, r, src, b);
    }
    pack_q3_k_scales(record + parts.scales, r, src + 96);
    memcpy(record + parts.supers + r * 2, src + 108, 2);
}

/* Eight scales and eight mins of six bits in 12 bytes: those of blocks 0 … 3 whole in the low bits
 * of bytes 0 … 3 and 4 … 7; of blocks 4 … 7 the low four in bytes 8 … 11, the high two on top of
 * the first eight bytes. */
static void pack_q4_k_scales(uint8_t *dst, size_t r, const uint8_t src[12])
{
    for (size_t j = 0; j < 8; j++) {
        unsigned scale, min;
        if (j < 4) {
            scale = src[j] & 63u;
            min = src[j + 4] & 63u;
        } else {
            scale = (src[j + 4] & 15u) | (src[j - 4] >> 6u) << 4;
            min = (src[j + 4] >> 4u) | (src[j] >> 6u) << 4;
        }
        dst[j * ROWS + r] = (uint8_t)((scale & 15) | (min & 15) << 4);
        dst[(8 + j / 2) * ROWS + r] |= (uint8_t)((scale >> 4 | min >> 4 << 2) << (j % 2 * 4));
    }
}

static void pack_q45_k(enum aglm_dtype type, uint8_t *record, size_t r, const uint8_t *src)
{
    const struct aglm_panel_parts parts = aglm_panel_parts(type);
    const uint8_t *nibbles = src + (type == AGLM_Q5_K ? 48 : 16);
    for (size_t b = 0; b < 8; b++) {
        put_run_nibbles(record + parts.values + b * parts.block, r, nibbles + b / 2 * 32,
                        b % 2 * 4);
        if (type == AGLM_Q5_K)
            put_run_bits(record + parts.high + b * parts.block, r, src + 16, b);
    }
    pack_q4_k_scales(record + parts.scales, r, src + 4);
    memcpy(record + parts.supers + r * 2, src, 2);
    memcpy(record + parts.mins + r * 2, src + 2, 2);
}

static void pack_q6_k(uint8_t *record, size_t r, const uint8_t *src)
{
    const struct aglm_panel_parts parts = aglm_panel_parts(AGLM_Q6_K);
    for (size_t b = 0; b < 8; b++) {
        uint32_t low[8], v[8];
        read_words(low, src + b / 4 * 64 + b % 2 * 32, b / 2 % 2 * 4, NIBBLES);
        read_words(v, src + 128 + b / 4 * 32, b % 4 * 2, PAIRS);
        for (size_t s = 0; s < 8; s++)
            v[s] = low[s] | v[s] << 4;
        put_sixes(record + parts.values + b * parts.block, r, v);
    }
    for (size_t j = 0; j < 16; j++)
        record[parts.scales + j * ROWS + r] = src[192 + j];
    memcpy(record + parts.supers + r * 2, src + 208, 2);
}

static void pack_k(enum aglm_dtype type, uint8_t *dst, const void *const rows[ROWS], size_t k)
{
    unsigned elements = 0, bytes = 0;
    const size_t record_bytes = aglm_panel_parts(type).record;
    (void)aglm_dtype_block(type, &elements, &bytes);
    for (size_t r = 0; r < ROWS; r++) {
        const uint8_t *src = rows[r];
        uint8_t *record = dst;
        for (size_t sb = 0; src && sb < k / 256; sb++, src += bytes, record += record_bytes)
            if (type == AGLM_Q2_K)
                pack_q2_k(record, r, src);
            else if (type == AGLM_Q3_K)
                pack_q3_k(record, r, src);
            else if (type == AGLM_Q6_K)
                pack_q6_k(record, r, src);
            else
                pack_q45_k(type, record, r, src);
    }
}

void aglm_pack_panel(enum aglm_dtype type, uint8_t *dst, const void *const rows[ROWS], size_t k)
{
    const size_t bytes = aglm_panel_bytes(type, k);
    if (type != AGLM_F32 && type != AGLM_F16 && type != AGLM_BF16)
        memset(dst, 0, bytes);
    else if (bytes > 32) /* a ragged end */
        memset(dst + bytes - 32, 0, 32);
    switch (type) {
    case AGLM_F32:
        pack_plain(dst, rows, k, 4);
        break;
    case AGLM_F16:
    case AGLM_BF16:
        pack_plain(dst, rows, k, 2);
        break;
    case AGLM_Q8_0:
        pack_q8_0(dst, rows, k);
        break;
    case AGLM_Q4_0:
    case AGLM_Q4_1:
    case AGLM_Q5_0:
    case AGLM_Q5_1:
    case AGLM_IQ4_NL:
    case AGLM_MXFP4:
        pack_blocks(type, dst, rows, k);
        break;
    case AGLM_Q2_K:
    case AGLM_Q3_K:
    case AGLM_Q4_K:
    case AGLM_Q5_K:
    case AGLM_Q6_K:
        pack_k(type, dst, rows, k);
        break;
    default:
        assert(!"a type without a layout");
    }
}
