/* Packs rows of a GGUF file into panels; see pack.h for the layouts. */
#include "engine/kernels/pack.h"

#include <assert.h>
#include <string.h>

enum { ROWS = AGLM_PANEL_ROWS };

size_t aglm_panel_bytes(enum aglm_dtype type, size_t k)
{
    const struct aglm_dtype_info *info = aglm_dtype_get(type);
    assert(info && k % info->block_elements == 0);
    size_t bytes = k / info->block_elements * info->block_bytes * ROWS;
    return (bytes + 63) / 64 * 64;
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

static void pack_q8_0(uint8_t *dst, const void *const rows[ROWS], size_t k)
{
    uint8_t *scales = dst + aglm_q8_0_parts(k).scales;
    for (size_t r = 0; r < ROWS; r++) {
        const uint8_t *src = rows[r];
        for (size_t b = 0; src && b < k / 32; b++, src += 34) {
            memcpy(scales + (b * ROWS + r) * 2, src, 2);
            for (size_t s = 0; s < 8; s++)
                memcpy(dst + b * 512 + s * 64 + r * 4, src + 2 + s * 4, 4);
        }
    }
}

/* Low nibbles of a block of 32: value(i) gives element i's low four bits. */
static void put_nibbles(uint8_t *dst, size_t row, const uint8_t value[32])
{
    for (size_t c = 0; c < 4; c++)
        for (size_t i = 0; i < 4; i++)
            dst[c * 64 + row * 4 + i] =
                (uint8_t)((value[c * 4 + i] & 15) | (value[16 + c * 4 + i] & 15) << 4);
}

static void pack_q4_0(uint8_t *dst, const void *const rows[ROWS], size_t k)
{
    uint8_t *scales = dst + aglm_q4_0_parts(k).scales;
    for (size_t r = 0; r < ROWS; r++) {
        const uint8_t *src = rows[r];
        for (size_t b = 0; src && b < k / 32; b++, src += 18) {
            uint8_t value[32];
            memcpy(scales + (b * ROWS + r) * 2, src, 2);
            for (size_t i = 0; i < 16; i++) {
                value[i] = src[2 + i] & 15;
                value[i + 16] = src[2 + i] >> 4;
            }
            put_nibbles(dst + b * 256, r, value);
        }
    }
}

/* The 6-bit values of a Q6_K super-block: ql[128], qh[64]; half h of 128 elements, quarter j of 32.
 */
static void read_q6_k(uint8_t value[256], const uint8_t *src)
{
    const uint8_t *ql = src, *qh = src + 128;
    for (size_t h = 0; h < 2; h++)
        for (size_t j = 0; j < 4; j++)
            for (size_t i = 0; i < 32; i++) {
                uint8_t low = ql[h * 64 + (j & 1) * 32 + i];
                uint8_t high = (uint8_t)(qh[h * 32 + i] >> (2 * j) & 3);
                low = j < 2 ? low & 15 : low >> 4;
                value[h * 128 + j * 32 + i] = (uint8_t)(low | high << 4);
            }
}

static void pack_q6_k(uint8_t *dst, const void *const rows[ROWS], size_t k)
{
    struct aglm_panel_parts parts = aglm_q6_k_parts(k);
    for (size_t r = 0; r < ROWS; r++) {
        const uint8_t *src = rows[r];
        for (size_t sb = 0; src && sb < k / 256; sb++, src += 210) {
            uint8_t value[256];
            read_q6_k(value, src);
            for (size_t b = 0; b < 8; b++) {
                uint8_t *high = dst + parts.high + (sb * 8 + b) * 128;
                put_nibbles(dst + (sb * 8 + b) * 256, r, value + b * 32);
                for (size_t i = 0; i < 32; i++)
                    high[i / 16 * 64 + r * 4 + i % 4] |=
                        (uint8_t)((value[b * 32 + i] >> 4) << (2 * (i / 4 % 4)));
            }
            for (size_t j = 0; j < 16; j++)
                dst[parts.scales + (sb * 16 + j) * ROWS + r] = src[192 + j];
            memcpy(dst + parts.supers + (sb * ROWS + r) * 2, src + 208, 2);
        }
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
        pack_q4_0(dst, rows, k);
        break;
    case AGLM_Q6_K:
        pack_q6_k(dst, rows, k);
        break;
    default:
        assert(!"a type without a layout");
    }
}
