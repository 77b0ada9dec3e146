/* The scale of a block of 8-bit activations, the same for every instruction set.
 *
 * Blocks of 32 have scales of three significant bits, 2^e times 1, 1.25, 1.5 or 1.75. Then AVX-512
 * needs no multiplication to bring a weight's scale and an activation's together: it has the four
 * products ready and moves exponents (vscalefps), on ports that vpdpbusd does not use (Zen 4). The
 * largest code is 102 … 127 and not always 127, so that the power of the rounding is a fifth larger
 * on average; CONTRIBUTING.md has what both are worth. Blocks of 256, whose scale is needed once
 * for 64 times vpdpbusd, have max|x| / 127, or as much more as keeps the codes of 16 neighbours
 * within AGLM_ACT_PEAK: then the sums of 16 products with codes up to 32, or of 32 with codes up to
 * 15, fit in 16 bits, and one vpdpwssd scales two of them. More is needed only where 16 neighbours
 * are half as large as the block's largest value on average, so not where one value stands out.
 */
#ifndef AGLM_ENGINE_KERNELS_ACTS_H
#define AGLM_ENGINE_KERNELS_ACTS_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct aglm_act_scale {
    float scale, inverse; /* a code is x * inverse, rounded to even: at most 127 in magnitude */
};

/* max: the bits of the block's largest magnitude. Where that is infinite or NaN, the scale is NaN.
 */
static inline struct aglm_act_scale aglm_act_scale(uint32_t max, size_t block)
{
    struct aglm_act_scale s = {NAN, 0};
    if (max >= 0x7f800000u)
        return s;
    float amax;
    memcpy(&amax, &max, 4);
    if (block == 32) {
        /* Up to the next quarter; never so small that subnormal numbers count. */
        enum { BELOW = (1 << 21) - 1, LEAST = (127 - 100) << 23 };
        const float least = amax / 127.4f;
        uint32_t bits;
        memcpy(&bits, &least, 4);
        bits = bits > LEAST ? (bits + BELOW) & ~(uint32_t)BELOW : LEAST;
        memcpy(&s.scale, &bits, 4);
        s.inverse = 1.0f / s.scale;
    } else {
        s.inverse = amax > 1e-30f ? 127.0f / amax : 0.0f;
        s.scale = amax / 127.0f;
    }
    return s;
}

/* What the magnitudes of 16 neighbouring codes sum to at most, in blocks of 256. */
enum { AGLM_ACT_PEAK = 1023 };

/* The largest sum of the magnitudes of 16 neighbours among 256 codes. */
static inline int aglm_act_peak(const int8_t q[256])
{
    int peak = 0;
    for (size_t run = 0; run < 256; run += 16) {
        int sum = 0;
        for (size_t i = run; i < run + 16; i++)
            sum += abs(q[i]);
        peak = sum > peak ? sum : peak;
    }
    return peak;
}

/* The scale for a block of 256 whose codes with scale s have this peak, above AGLM_ACT_PEAK:
 * rounding 16 values moves their sum by at most 8 before and after, 8000 / peak + 8 + 1000
 * together.
 */
static inline struct aglm_act_scale aglm_act_flatter(struct aglm_act_scale s, int peak)
{
    const float more = (float)peak / 1000.0f;
    return (struct aglm_act_scale){s.scale * more, s.inverse / more};
}

/* What an instruction set has of its own: the largest magnitude of n values as bits, and 32 codes
 * with the sums of their halves. */
typedef uint32_t (*aglm_act_max_fn)(const float *x, size_t n);
typedef void (*aglm_act_codes_fn)(int8_t *q, int16_t *sum, const float *x, struct aglm_act_scale s);

/* `quantize` of kernels.h, from these two. */
static inline void aglm_act_quantize(int8_t *q, float *scale, int16_t *sum, const float *x,
                                     size_t n, size_t block, aglm_act_max_fn max,
                                     aglm_act_codes_fn codes)
{
    for (size_t i = 0; i < n; i += block) {
        struct aglm_act_scale s = aglm_act_scale(max(x + i, block), block);
        for (size_t j = i; j < i + block; j += 32)
            codes(q + j, sum + j / 16, x + j, s);
        const int peak = block == 256 ? aglm_act_peak(q + i) : 0;
        if (peak > AGLM_ACT_PEAK) {
            s = aglm_act_flatter(s, peak);
            for (size_t j = i; j < i + block; j += 32)
                codes(q + j, sum + j / 16, x + j, s);
        }
        for (size_t j = i; j < i + block; j += 32)
            scale[j / 32] = s.scale;
    }
}

#endif
