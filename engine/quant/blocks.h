/* Block formats: the rows of functions that engine/dtype.c's table is made of, and the little that
 * they share. Private to engine/dtype.c and engine/quant.
 *
 * Three functions a type: to_float decodes; from_float encodes by the plain formula (maxima, then
 * rounding), quick and good enough for caches and synthetic weights; quantize_row searches for the
 * scales of least squared error, for files that people keep. All are total: what is not finite
 * gives defined output.
 */
#ifndef AGLM_ENGINE_QUANT_BLOCKS_H
#define AGLM_ENGINE_QUANT_BLOCKS_H

#include "engine/dtype.h"

#include <stddef.h>
#include <stdint.h>

enum {
    AGLM_Q4_0_BYTES = 18,
    AGLM_Q4_1_BYTES = 20,
    AGLM_Q5_0_BYTES = 22,
    AGLM_Q5_1_BYTES = 24,
    AGLM_Q8_0_BYTES = 34,
    AGLM_IQ4_NL_BYTES = 18,
    AGLM_MXFP4_BYTES = 17,
    AGLM_Q2_K_BYTES = 84,
    AGLM_Q3_K_BYTES = 110,
    AGLM_Q4_K_BYTES = 144,
    AGLM_Q5_K_BYTES = 176,
    AGLM_Q6_K_BYTES = 210,
};

#define AGLM_DECLARE_BLOCKS(type)                                         \
    void aglm_##type##_to_float(float *dst, const void *src, size_t n);   \
    void aglm_##type##_from_float(void *dst, const float *src, size_t n); \
    void aglm_##type##_quantize_row(void *dst, const float *src, size_t n);
AGLM_DECLARE_BLOCKS(q8_0)
AGLM_DECLARE_BLOCKS(q4_0)
AGLM_DECLARE_BLOCKS(q4_1)
AGLM_DECLARE_BLOCKS(q5_0)
AGLM_DECLARE_BLOCKS(q5_1)
AGLM_DECLARE_BLOCKS(iq4_nl)
AGLM_DECLARE_BLOCKS(mxfp4)
AGLM_DECLARE_BLOCKS(q2_k)
AGLM_DECLARE_BLOCKS(q3_k)
AGLM_DECLARE_BLOCKS(q4_k)
AGLM_DECLARE_BLOCKS(q5_k)
AGLM_DECLARE_BLOCKS(q6_k)
#undef AGLM_DECLARE_BLOCKS
/* There is no aglm_q8_0_quantize_row: the plain formula leaves nothing worth a search. */

/* The values of IQ4_NL's sixteen codes, ascending; and of MXFP4's, doubled to be whole. */
extern const int8_t aglm_iq4_nl_values[16];
extern const int8_t aglm_mxfp4_values[16];
/* Half of MXFP4's block scale 2^(e - 127), to go with the doubled values. Exact for every e. */
float aglm_mxfp4_half_scale(uint8_t e);

static inline uint16_t aglm_load16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static inline void aglm_store16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v & 0xff);
    p[1] = (uint8_t)(v >> 8);
}

/* v cut to [low, high]; NaN becomes 0, so that a cast to int is always defined. */
static inline float aglm_bounded(float v, float low, float high)
{
    if (v > high)
        return high;
    if (v < low)
        return low;
    return v == v ? v : 0.0f;
}

/* Nearest integer, halves away from zero, like roundf but without a call. |v| <= 2^23. */
static inline int aglm_round_away(float v)
{
    int i = (int)v;
    float rest = v - (float)i;
    return i + (rest >= 0.5f) - (rest <= -0.5f);
}

/* Nearest code in [low, high]. */
static inline int aglm_nearest_code(float v, int low, int high)
{
    return aglm_round_away(aglm_bounded(v, (float)low, (float)high));
}

static inline float aglm_magnitude(float v)
{
    return v < 0 ? -v : v;
}

/* Of x [n] the value of largest magnitude, with its sign; NaN is passed over. */
static inline float aglm_extreme(const float *x, size_t n)
{
    float amax = 0.0f, max = 0.0f;
    for (size_t j = 0; j < n; j++) {
        float a = aglm_magnitude(x[j]);
        if (a > amax) {
            amax = a;
            max = x[j];
        }
    }
    return max;
}

/* 1/v, or 0 where v is 0 or so small that 1/v is infinite. */
static inline float aglm_inverse(float v)
{
    return aglm_magnitude(v) > 1e-37f ? 1.0f / v : 0.0f;
}

/* A block scale as half: what is too large becomes the largest, NaN 0, so that no code decodes to
 * infinity or NaN. */
static inline uint16_t aglm_scale_to_half(float scale)
{
    return aglm_float_to_half(aglm_bounded(scale, -65504.0f, 65504.0f));
}

#endif
