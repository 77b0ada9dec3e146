/* The random blocks of synthetic models, types other than Q4_0, Q8_0 and Q6_K (synth_values.c).
 *
 * In: a key and a place. Out: blocks. As there, codes are sums of two uniform integers, symmetric
 * about 0, and the scales of runs and blocks vary. Where a format has minima, they put the middle
 * of the codes at 0. Such blocks are plausible, not the best ones for any weights: enough for
 * timing and for stable activations.
 */
#include "engine/quant/kquants.h"
#include "engine/quant/nibbles.h"
#include "engine/synth_values.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* Codes: (r & mask) + (r >> shift & mask) + least for each random byte r. */
struct codes {
    uint8_t mask, shift, least;
    float deviation; /* of the codes, or of the values they stand for */
};

static const struct codes four_bits = {7, 3, 1, 3.24f};        /* 1 to 15, middle 8 */
static const struct codes five_bits = {15, 4, 1, 6.519f};      /* 1 to 31, middle 16 */
static const struct codes three_bits = {3, 2, 1, 1.581f};      /* 1 to 7, middle 4 */
static const struct codes two_bits = {1, 1, 0, 0.7071f};       /* 0 to 2, middle 1 */
static const struct codes four_bits_table = {7, 3, 1, 43.82f}; /* through IQ4_NL's values */

/* n a multiple of 8; uses n/8 counters. */
static void draw_codes(uint8_t *code, unsigned n, const struct codes *c, uint64_t key,
                       uint64_t counter)
{
    const uint64_t ones = 0x0101010101010101u, mask = ones * c->mask;
    for (unsigned i = 0; i < n / 8; i++) {
        uint64_t r = synth_random(key, counter + i);
        uint64_t sum = (r & mask) + (r >> c->shift & mask) + ones * c->least;
        for (unsigned j = 0; j < 8; j++)
            code[8 * i + j] = (uint8_t)(sum >> 8 * j);
    }
}

/* ---- blocks of 32 ---- */

static float half_value(uint16_t h)
{
    return aglm_half_to_float(h);
}

static void fill_32(uint8_t *block, const struct aglm_dtype_info *info, const struct codes *c,
                    uint64_t key, uint64_t b, float std)
{
    const bool fives = info->type == AGLM_Q5_0 || info->type == AGLM_Q5_1;
    uint8_t code[32];
    draw_codes(code, 32, c, key, 5 * b);
    uint64_t r = synth_random(key, 5 * b + 4);
    uint16_t d = synth_varied_half(std / c->deviation, r);
    if (info->type == AGLM_IQ4_NL && r >> 63)
        d ^= 0x8000; /* the table's mean is not 0; that of blocks of both signs is */
    aglm_store16(block, d);
    block += 2;
    if (info->type == AGLM_Q4_1 || info->type == AGLM_Q5_1) {
        aglm_store16(block, aglm_float_to_half(half_value(d) * (fives ? -16.0f : -8.0f)));
        block += 2;
    }
    if (fives)
        aglm_store_fives(block, code);
    else
        aglm_store_nibbles(block, code);
}

/* All codes alike often: deviation 5.852 of the doubled values. The scale is one of two powers of
 * two about the one it should be, in the proportion that makes the mean square right. */
static void fill_mxfp4(uint8_t *block, uint64_t key, uint64_t b, float std)
{
    int exponent;
    float fraction = 2.0f * frexpf(std / 5.852f, &exponent); /* [1, 2) */
    float of_high = (fraction * fraction - 1.0f) / 3.0f;
    uint64_t r = synth_random(key, 5 * b);
    int e = exponent - 1 + 128 + ((float)(r & 0xffff) * (1.0f / 65536.0f) < of_high);
    block[0] = (uint8_t)(e < 0 ? 0 : e > 254 ? 254 : e);
    for (unsigned i = 0; i < 2; i++) {
        uint64_t codes = synth_random(key, 5 * b + 1 + i);
        memcpy(block + 1 + 8 * i, &codes, 8);
    }
}

/* ---- super-blocks of 256 ---- */

/* middle: the code that stands for 0; in types with minima, dmin is that many times d and every
 * minimum equals its scale. base: scales are base to 2 base - 1. */
static void fill_k(uint8_t *block, const struct aglm_kformat *f, const struct codes *c, int middle,
                   unsigned base, uint64_t key, uint64_t b, float std)
{
    const float mean_scale = 1.5f * (float)base - 0.5f;
    struct aglm_kblock k = {0};
    uint8_t code[256];
    draw_codes(code, 256, c, key, 36 * b);
    for (unsigned i = 0; i < 256; i++)
        k.q[i] = (int8_t)(code[i] + (f->min_high ? 0 : -middle));
    for (unsigned r = 0; r < 16; r++) {
        uint64_t bits = synth_random(key, 36 * b + 32 + r / 8) >> 8 * (r % 8);
        k.scale[r] = (int16_t)(base + (bits & (base - 1)));
        k.min[r] = f->min_high ? k.scale[r] : 0;
    }
    k.d = synth_varied_half(std / (c->deviation * mean_scale), synth_random(key, 36 * b + 34));
    if (f->min_high)
        k.dmin = aglm_float_to_half(half_value(k.d) * (float)middle);
    f->pack(block, &k);
}

void synth_fill_block(uint8_t *block, const struct aglm_dtype_info *info, uint64_t key, uint64_t b,
                      float std)
{
    switch (info->type) {
    case AGLM_Q4_1:
        fill_32(block, info, &four_bits, key, b, std);
        return;
    case AGLM_IQ4_NL:
        fill_32(block, info, &four_bits_table, key, b, std);
        return;
    case AGLM_Q5_0:
    case AGLM_Q5_1:
        fill_32(block, info, &five_bits, key, b, std);
        return;
    case AGLM_MXFP4:
        fill_mxfp4(block, key, b, std);
        return;
    case AGLM_Q2_K:
        fill_k(block, &aglm_q2_k_format, &two_bits, 1, 8, key, b, std);
        return;
    case AGLM_Q3_K:
        fill_k(block, &aglm_q3_k_format, &three_bits, 4, 16, key, b, std);
        return;
    case AGLM_Q4_K:
        fill_k(block, &aglm_q4_k_format, &four_bits, 8, 32, key, b, std);
        return;
    case AGLM_Q5_K:
        fill_k(block, &aglm_q5_k_format, &five_bits, 16, 32, key, b, std);
        return;
    default:
        assert(!"a type that is filled elsewhere");
    }
}
