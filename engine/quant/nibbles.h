/* Codes of a block of 32 to and from their bytes, and nearest codes of the types with a table.
 * Private to engine/quant.
 */
#ifndef AGLM_ENGINE_QUANT_NIBBLES_H
#define AGLM_ENGINE_QUANT_NIBBLES_H

#include "engine/quant/blocks.h"

#include <string.h>

static inline void aglm_store_nibbles(uint8_t *dst, const uint8_t code[32])
{
    for (size_t j = 0; j < 16; j++)
        dst[j] = (uint8_t)((code[j] & 15) | (code[j + 16] & 15) << 4);
}

static inline void aglm_load_nibbles(uint8_t code[32], const uint8_t *src)
{
    for (size_t j = 0; j < 16; j++) {
        code[j] = src[j] & 15;
        code[j + 16] = src[j] >> 4;
    }
}

/* The fifth bits in front of the nibbles: 32 bits, bit j for element j. */
static inline void aglm_store_fives(uint8_t *dst, const uint8_t code[32])
{
    uint32_t high = 0;
    for (size_t j = 0; j < 32; j++)
        high |= (uint32_t)(code[j] >> 4 & 1) << j;
    memcpy(dst, &high, sizeof(high));
    aglm_store_nibbles(dst + 4, code);
}

static inline void aglm_load_fives(uint8_t code[32], const uint8_t *src)
{
    uint32_t high;
    memcpy(&high, src, sizeof(high));
    aglm_load_nibbles(code, src + 4);
    for (size_t j = 0; j < 32; j++)
        code[j] = (uint8_t)(code[j] | (high >> j & 1) << 4);
}

/* The code whose value is nearest, v in [-128, 128]. */
uint8_t aglm_nearest_iq4_nl(float v);
/* v in units of the doubled values. */
uint8_t aglm_nearest_mxfp4(float v);
/* The scale of the OCP microscaling specification for a block whose extreme value is given. */
uint8_t aglm_mxfp4_plain_exponent(float extreme);

#endif
