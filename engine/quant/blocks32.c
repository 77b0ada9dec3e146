/* Blocks of 32: Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, IQ4_NL, MXFP4, to float and, by the plain formulas,
 * back.
 *
 * Layouts (ggml's): a 16-bit scale d (MXFP4: one byte, the power of two), for _1 types a 16-bit
 * minimum, for Q5 types 32 fifth bits, then 16 bytes: byte j holds element j in its low and element
 * j + 16 in its high nibble. Q8_0: 32 signed bytes.
 */
#include "engine/quant/blocks.h"
#include "engine/quant/nibbles.h"

#include <string.h>

/* ---- Q8_0: f16 d, i8 q[32]; x = d q ---- */

void aglm_q8_0_to_float(float *dst, const void *src, size_t n)
{
    const uint8_t *block = src;
    for (size_t i = 0; i < n; i += 32, block += AGLM_Q8_0_BYTES) {
        float d = aglm_half_to_float(aglm_load16(block));
        for (size_t j = 0; j < 32; j++)
            dst[i + j] = d * (float)(int8_t)block[2 + j];
    }
}

void aglm_q8_0_from_float(void *dst, const float *src, size_t n)
{
    uint8_t *block = dst;
    for (size_t i = 0; i < n; i += 32, block += AGLM_Q8_0_BYTES) {
        float amax = 0.0f;
        for (size_t j = 0; j < 32; j++) {
            float a = aglm_magnitude(src[i + j]);
            amax = a > amax ? a : amax;
        }
        float d = amax / 127.0f;
        float inverse = d > 0 ? 1.0f / d : 0.0f;
        aglm_store16(block, aglm_float_to_half(d));
        for (size_t j = 0; j < 32; j++)
            block[2 + j] = (uint8_t)(int8_t)aglm_nearest_code(src[i + j] * inverse, -127, 127);
    }
}

/* ---- Q4_0, Q5_0: x = d (q - half), half 8 or 16 ---- */

void aglm_q4_0_to_float(float *dst, const void *src, size_t n)
{
    const uint8_t *block = src;
    for (size_t i = 0; i < n; i += 32, block += AGLM_Q4_0_BYTES) {
        float d = aglm_half_to_float(aglm_load16(block));
        for (size_t j = 0; j < 16; j++) {
            dst[i + j] = d * (float)((block[2 + j] & 0x0f) - 8);
            dst[i + 16 + j] = d * (float)((block[2 + j] >> 4) - 8);
        }
    }
}

void aglm_q5_0_to_float(float *dst, const void *src, size_t n)
{
    const uint8_t *block = src;
    for (size_t i = 0; i < n; i += 32, block += AGLM_Q5_0_BYTES) {
        float d = aglm_half_to_float(aglm_load16(block));
        uint8_t code[32];
        aglm_load_fives(code, block + 2);
        for (size_t j = 0; j < 32; j++)
            dst[i + j] = d * (float)(code[j] - 16);
    }
}

/* The value of largest magnitude becomes -half exactly, so that all codes are used. Returns d. */
static float plain_symmetric(uint8_t code[32], const float *x, int half)
{
    float d = aglm_extreme(x, 32) / (float)-half;
    float inverse = d != 0 ? 1.0f / d : 0.0f, limit = (float)half;
    for (size_t j = 0; j < 32; j++) {
        int q = (int)(aglm_bounded(x[j] * inverse, -limit, limit) + limit + 0.5f);
        code[j] = (uint8_t)(q > 2 * half - 1 ? 2 * half - 1 : q);
    }
    return d;
}

void aglm_q4_0_from_float(void *dst, const float *src, size_t n)
{
    uint8_t *block = dst;
    for (size_t i = 0; i < n; i += 32, block += AGLM_Q4_0_BYTES) {
        uint8_t code[32];
        aglm_store16(block, aglm_float_to_half(plain_symmetric(code, src + i, 8)));
        aglm_store_nibbles(block + 2, code);
    }
}

void aglm_q5_0_from_float(void *dst, const float *src, size_t n)
{
    uint8_t *block = dst;
    for (size_t i = 0; i < n; i += 32, block += AGLM_Q5_0_BYTES) {
        uint8_t code[32];
        aglm_store16(block, aglm_scale_to_half(plain_symmetric(code, src + i, 16)));
        aglm_store_fives(block + 2, code);
    }
}

/* ---- Q4_1, Q5_1: x = d q + m ---- */

void aglm_q4_1_to_float(float *dst, const void *src, size_t n)
{
    const uint8_t *block = src;
    for (size_t i = 0; i < n; i += 32, block += AGLM_Q4_1_BYTES) {
        float d = aglm_half_to_float(aglm_load16(block));
        float m = aglm_half_to_float(aglm_load16(block + 2));
        uint8_t code[32];
        aglm_load_nibbles(code, block + 4);
        for (size_t j = 0; j < 32; j++)
            dst[i + j] = d * (float)code[j] + m;
    }
}

void aglm_q5_1_to_float(float *dst, const void *src, size_t n)
{
    const uint8_t *block = src;
    for (size_t i = 0; i < n; i += 32, block += AGLM_Q5_1_BYTES) {
        float d = aglm_half_to_float(aglm_load16(block));
        float m = aglm_half_to_float(aglm_load16(block + 2));
        uint8_t code[32];
        aglm_load_fives(code, block + 4);
        for (size_t j = 0; j < 32; j++)
            dst[i + j] = d * (float)code[j] + m;
    }
}

/* Minimum and maximum become the first and the last code. Writes d and m. */
static void plain_from_minimum(uint8_t *block, uint8_t code[32], const float *x, int last)
{
    float min = aglm_bounded(x[0], -1e9f, 1e9f), max = min;
    for (size_t j = 1; j < 32; j++) {
        float v = aglm_bounded(x[j], -1e9f, 1e9f);
        min = v < min ? v : min;
        max = v > max ? v : max;
    }
    float d = (max - min) / (float)last, inverse = aglm_inverse(d);
    for (size_t j = 0; j < 32; j++)
        code[j] = (uint8_t)aglm_nearest_code((x[j] - min) * inverse, 0, last);
    aglm_store16(block, aglm_scale_to_half(d));
    aglm_store16(block + 2, aglm_scale_to_half(min));
}

void aglm_q4_1_from_float(void *dst, const float *src, size_t n)
{
    uint8_t *block = dst;
    for (size_t i = 0; i < n; i += 32, block += AGLM_Q4_1_BYTES) {
        uint8_t code[32];
        plain_from_minimum(block, code, src + i, 15);
        aglm_store_nibbles(block + 4, code);
    }
}

void aglm_q5_1_from_float(void *dst, const float *src, size_t n)
{
    uint8_t *block = dst;
    for (size_t i = 0; i < n; i += 32, block += AGLM_Q5_1_BYTES) {
        uint8_t code[32];
        plain_from_minimum(block, code, src + i, 31);
        aglm_store_fives(block + 4, code);
    }
}

/* ---- IQ4_NL, MXFP4: x = d values[q] ---- */

const int8_t aglm_iq4_nl_values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                       1,    13,   25,  38,  53,  69,  89,  113};
const int8_t aglm_mxfp4_values[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

float aglm_mxfp4_half_scale(uint8_t e)
{
    /* 2^(e - 128): a subnormal below e = 2. */
    uint32_t bits = e < 2 ? 0x00200000u << e : (uint32_t)(e - 1) << 23;
    float f;
    memcpy(&f, &bits, sizeof(f));
    return f;
}

void aglm_iq4_nl_to_float(float *dst, const void *src, size_t n)
{
    const uint8_t *block = src;
    for (size_t i = 0; i < n; i += 32, block += AGLM_IQ4_NL_BYTES) {
        float d = aglm_half_to_float(aglm_load16(block));
        for (size_t j = 0; j < 16; j++) {
            dst[i + j] = d * (float)aglm_iq4_nl_values[block[2 + j] & 15];
            dst[i + 16 + j] = d * (float)aglm_iq4_nl_values[block[2 + j] >> 4];
        }
    }
}

void aglm_mxfp4_to_float(float *dst, const void *src, size_t n)
{
    const uint8_t *block = src;
    for (size_t i = 0; i < n; i += 32, block += AGLM_MXFP4_BYTES) {
        float d = aglm_mxfp4_half_scale(block[0]);
        for (size_t j = 0; j < 16; j++) {
            dst[i + j] = d * (float)aglm_mxfp4_values[block[1 + j] & 15];
            dst[i + 16 + j] = d * (float)aglm_mxfp4_values[block[1 + j] >> 4];
        }
    }
}

/* Middles between neighbouring values are multiples of a half, so the code is constant between two
 * multiples; entry i is for v in [i/2 - 128, i/2 - 127.5). */
static const uint8_t iq4_nl_codes[513] = {
    0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,
    0,  1,  1,  1,  1,  1,  1,  1,  1,  1,  1,  1,  1,  1,  1,  1,  1,  1,  1,  1,  1,  1,  1,  1,
    1,  1,  1,  1,  1,  1,  1,  1,  1,  1,  1,  1,  1,  1,  1,  1,  1,  1,  1,  1,  1,  2,  2,  2,
    2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
    2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  3,  3,  3,  3,  3,  3,  3,  3,  3,  3,  3,  3,
    3,  3,  3,  3,  3,  3,  3,  3,  3,  3,  3,  3,  3,  3,  3,  3,  3,  3,  3,  3,  3,  3,  4,  4,
    4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,
    4,  4,  4,  4,  5,  5,  5,  5,  5,  5,  5,  5,  5,  5,  5,  5,  5,  5,  5,  5,  5,  5,  5,  5,
    5,  5,  5,  5,  5,  5,  5,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,
    6,  6,  6,  6,  6,  6,  6,  6,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,
    7,  7,  7,  7,  7,  7,  7,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,  8,
    8,  8,  8,  8,  8,  8,  9,  9,  9,  9,  9,  9,  9,  9,  9,  9,  9,  9,  9,  9,  9,  9,  9,  9,
    9,  9,  9,  9,  9,  9,  10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10,
    10, 10, 10, 10, 10, 10, 10, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11,
    11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12,
    12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 13, 13, 13, 13, 13, 13,
    13, 13, 13, 13, 13, 13, 13, 13, 13, 13, 13, 13, 13, 13, 13, 13, 13, 13, 13, 13, 13, 13, 13, 13,
    13, 13, 13, 13, 13, 13, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14,
    14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14,
    14, 14, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,
    15, 15, 15, 15, 15, 15, 15, 15, 15,
};

uint8_t aglm_nearest_iq4_nl(float v)
{
    return iq4_nl_codes[(unsigned)((v + 128.0f) * 2.0f)];
}

uint8_t aglm_nearest_mxfp4(float v)
{
    float a = 2.0f * aglm_magnitude(v);
    unsigned code = 0;
    for (unsigned i = 0; i < 7; i++)
        code += a > (float)(aglm_mxfp4_values[i] + aglm_mxfp4_values[i + 1]);
    return (uint8_t)(code | (v < 0 ? 8u : 0u));
}

void aglm_iq4_nl_from_float(void *dst, const float *src, size_t n)
{
    uint8_t *block = dst;
    for (size_t i = 0; i < n; i += 32, block += AGLM_IQ4_NL_BYTES) {
        float d = aglm_extreme(src + i, 32) / -127.0f, inverse = aglm_inverse(d);
        uint8_t code[32];
        for (size_t j = 0; j < 32; j++)
            code[j] = aglm_nearest_iq4_nl(aglm_bounded(src[i + j] * inverse, -128.0f, 128.0f));
        aglm_store16(block, aglm_scale_to_half(d));
        aglm_store_nibbles(block + 2, code);
    }
}

/* The largest power of two not above the largest magnitude, less the largest exponent of the
 * elements, 2. */
uint8_t aglm_mxfp4_plain_exponent(float extreme)
{
    float max = aglm_magnitude(extreme);
    uint32_t bits;
    memcpy(&bits, &max, sizeof(bits));
    int e = (int)(bits >> 23) - 2;
    return (uint8_t)(e < 0 ? 0 : e);
}

void aglm_mxfp4_from_float(void *dst, const float *src, size_t n)
{
    uint8_t *block = dst;
    for (size_t i = 0; i < n; i += 32, block += AGLM_MXFP4_BYTES) {
        block[0] = aglm_mxfp4_plain_exponent(aglm_extreme(src + i, 32));
        float inverse = aglm_inverse(aglm_mxfp4_half_scale(block[0]));
        uint8_t code[32];
        for (size_t j = 0; j < 32; j++)
            code[j] = aglm_nearest_mxfp4(aglm_bounded(src[i + j] * inverse, -12.0f, 12.0f));
        aglm_store_nibbles(block + 1, code);
    }
}
