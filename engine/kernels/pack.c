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
    unsigned elements = 1, bytes = 0;
    if (type == AGLM_INT8)
        return k * ROWS + ROWS * sizeof(float);
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

/* ---- the three ways to hold a block of 32 values ---- */

static void put_nibbles(uint8_t *dst, size_t row, const uint8_t value[32])
{
    for (size_t c = 0; c < 4; c++)
        for (size_t i = 0; i < 4; i++)
            dst[c * 64 + row * 4 + i] =
                (uint8_t)((value[c * 4 + i] & 15) | (value[16 + c * 4 + i] & 15) << 4);
}

/* Bits shift and shift + 1 of each value. */
static void put_pairs(uint8_t *dst, size_t row, const uint8_t value[32], unsigned shift)
{
    for (size_t h = 0; h < 2; h++)
        for (size_t i = 0; i < 4; i++) {
            unsigned byte = 0;
            for (size_t s = 0; s < 4; s++)
                byte |= (value[h * 16 + s * 4 + i] >> shift & 3u) << (2 * s);
            dst[h * 64 + row * 4 + i] = (uint8_t)byte;
        }
}

/* Bit shift of each value. */
static void put_bits(uint8_t *dst, size_t row, const uint8_t value[32], unsigned shift)
{
    for (size_t i = 0; i < 4; i++) {
        unsigned byte = 0;
        for (size_t s = 0; s < 8; s++)
            byte |= (value[s * 4 + i] >> shift & 1u) << s;
        dst[row * 4 + i] = (uint8_t)byte;
    }
}

/* ---- blocks of 32: a scale, then a min, then fifth bits, then nibbles, whichever there are ----
 */

static void pack_q8_0(uint8_t *dst, const void *const rows[ROWS], size_t k)
{
    uint8_t *scales = dst + aglm_panel_parts(AGLM_Q8_0, k).scales;
    for (size_t r = 0; r < ROWS; r++) {
        const uint8_t *src = rows[r];
        for (size_t b = 0; src && b < k / 32; b++, src += 34) {
            memcpy(scales + (b * ROWS + r) * 2, src, 2);
            for (size_t s = 0; s < 8; s++)
                memcpy(dst + b * 512 + s * 64 + r * 4, src + 2 + s * 4, 4);
        }
    }
}

static void pack_blocks(enum aglm_dtype type, uint8_t *dst, const void *const rows[ROWS], size_t k)
{
    const struct aglm_panel_parts parts = aglm_panel_parts(type, k);
    const size_t scale_bytes = type == AGLM_MXFP4 ? 1 : 2;
    for (size_t r = 0; r < ROWS; r++) {
        const uint8_t *src = rows[r];
        for (size_t b = 0; src && b < k / 32; b++) {
            uint8_t value[32];
            memcpy(dst + parts.scales + (b * ROWS + r) * scale_bytes, src, scale_bytes);
            src += scale_bytes;
            if (parts.mins) {
                memcpy(dst + parts.mins + (b * ROWS + r) * 2, src, 2);
                src += 2;
            }
            const uint8_t *fifth = src;
            if (parts.high)
                src += 4;
            for (size_t i = 0; i < 16; i++, src++) {
                value[i] = *src & 15;
                value[i + 16] = *src >> 4;
            }
            put_nibbles(dst + b * 256, r, value);
            if (!parts.high)
                continue;
            for (size_t i = 0; i < 32; i++)
                value[i] = fifth[i / 8] >> (i % 8) & 1;
            put_bits(dst + parts.high + b * 64, r, value, 0);
        }
    }
}

/* ---- blocks of 256. Values lie in runs of 32 whose bits share bytes: ---- */

/* Two bits a value: half h of 128, run j of 32, as in Q2_K's and Q3_K's qs and Q6_K's qh. */
static void read_pairs(uint8_t value[256], const uint8_t src[64], unsigned shift)
{
    for (size_t i = 0; i < 256; i++)
        value[i] |= (uint8_t)((src[i / 128 * 32 + i % 32] >> (i / 32 % 4 * 2) & 3) << shift);
}

/* One bit a value: bit j of the 32 bytes belongs to run j. */
static void read_bits(uint8_t value[256], const uint8_t src[32], unsigned shift)
{
    for (size_t i = 0; i < 256; i++)
        value[i] |= (uint8_t)((src[i % 32] >> (i / 32) & 1) << shift);
}

/* Q4_K and Q5_K: 32 bytes hold run 2j in their low nibbles and run 2j + 1 in their high ones. */
static void read_nibbles(uint8_t value[256], const uint8_t src[128])
{
    for (size_t i = 0; i < 256; i++)
        value[i] |= src[i / 64 * 32 + i % 32] >> (i / 32 % 2 * 4) & 15;
}

/* Q6_K: 64 bytes hold runs 0 and 1 of a half in their low nibbles and runs 2 and 3 in the high. */
static void read_nibbles_by_64(uint8_t value[256], const uint8_t src[128])
{
    for (size_t i = 0; i < 256; i++)
        value[i] |= src[i / 128 * 64 + i % 64] >> (i / 64 % 2 * 4) & 15;
}

static void pack_q2_k(uint8_t *panel, size_t k, size_t r, size_t sb, const uint8_t *src)
{
    const struct aglm_panel_parts parts = aglm_panel_parts(AGLM_Q2_K, k);
    uint8_t value[256] = {0};
    read_pairs(value, src + 16, 0);
    for (size_t b = 0; b < 8; b++)
        put_pairs(panel + (sb * 8 + b) * 128, r, value + b * 32, 0);
    for (size_t j = 0; j < 16; j++)
        panel[parts.scales + (sb * 16 + j) * ROWS + r] = src[j];
    memcpy(panel + parts.supers + (sb * ROWS + r) * 2, src + 80, 2);
    memcpy(panel + parts.mins + (sb * ROWS + r) * 2, src + 82, 2);
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

static void pack_q3_k(uint8_t *panel, size_t k, size_t r, size_t sb, const uint8_t *src)
{
    const struct aglm_panel_parts parts = aglm_panel_parts(AGLM_Q3_K, k);
    uint8_t value[256] = {0};
    read_bits(value, src, 2);
    read_pairs(value, src + 32, 0);
    for (size_t b = 0; b < 8; b++) {
        put_pairs(panel + (sb * 8 + b) * 128, r, value + b * 32, 0);
        put_bits(panel + parts.high + (sb * 8 + b) * 64, r, value + b * 32, 2);
    }
    pack_q3_k_scales(panel + parts.scales + sb * 192, r, src + 96);
    memcpy(panel + parts.supers + (sb * ROWS + r) * 2, src + 108, 2);
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

static void pack_q45_k(enum aglm_dtype type, uint8_t *panel, size_t k, size_t r, size_t sb,
                       const uint8_t *src)
{
    const struct aglm_panel_parts parts = aglm_panel_parts(type, k);
    uint8_t value[256] = {0};
    if (type == AGLM_Q5_K)
        read_bits(value, src + 16, 4);
    read_nibbles(value, src + (type == AGLM_Q5_K ? 48 : 16));
    for (size_t b = 0; b < 8; b++) {
        put_nibbles(panel + (sb * 8 + b) * 256, r, value + b * 32);
        if (type == AGLM_Q5_K)
            put_bits(panel + parts.high + (sb * 8 + b) * 64, r, value + b * 32, 4);
    }
    pack_q4_k_scales(panel + parts.scales + sb * 192, r, src + 4);
    memcpy(panel + parts.supers + (sb * ROWS + r) * 2, src, 2);
    memcpy(panel + parts.mins + (sb * ROWS + r) * 2, src + 2, 2);
}

static void pack_q6_k(uint8_t *panel, size_t k, size_t r, size_t sb, const uint8_t *src)
{
    const struct aglm_panel_parts parts = aglm_panel_parts(AGLM_Q6_K, k);
    uint8_t value[256] = {0};
    read_nibbles_by_64(value, src);
    read_pairs(value, src + 128, 4);
    for (size_t b = 0; b < 8; b++) {
        put_nibbles(panel + (sb * 8 + b) * 256, r, value + b * 32);
        put_pairs(panel + parts.high + (sb * 8 + b) * 128, r, value + b * 32, 4);
    }
    for (size_t j = 0; j < 16; j++)
        panel[parts.scales + (sb * 16 + j) * ROWS + r] = src[192 + j];
    memcpy(panel + parts.supers + (sb * ROWS + r) * 2, src + 208, 2);
}

static void pack_k(enum aglm_dtype type, uint8_t *dst, const void *const rows[ROWS], size_t k)
{
    unsigned elements = 0, bytes = 0;
    (void)aglm_dtype_block(type, &elements, &bytes);
    for (size_t r = 0; r < ROWS; r++) {
        const uint8_t *src = rows[r];
        for (size_t sb = 0; src && sb < k / 256; sb++, src += bytes)
            if (type == AGLM_Q2_K)
                pack_q2_k(dst, k, r, sb, src);
            else if (type == AGLM_Q3_K)
                pack_q3_k(dst, k, r, sb, src);
            else if (type == AGLM_Q6_K)
                pack_q6_k(dst, k, r, sb, src);
            else
                pack_q45_k(type, dst, k, r, sb, src);
    }
}

void aglm_pack_panel(enum aglm_dtype type, uint8_t *dst, const void *const rows[ROWS], size_t k)
{
    if (type != AGLM_F32 && type != AGLM_F16 && type != AGLM_BF16)
        memset(dst, 0, aglm_panel_bytes(type, k));
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
