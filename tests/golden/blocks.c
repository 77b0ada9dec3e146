/* Random blocks; see blocks.h. The layouts are those of the file format (ggml's block structs).
 *
 * For each quantized type `rms` is the root mean square of the values that its random bits give at
 * a scale of 1, so that scale = deviation / rms. Types with minima get minimum scales of about half
 * the range, which centres the values.
 */
#include "tests/golden/blocks.h"

#include <assert.h>
#include <string.h>

uint64_t blocks_random(struct blocks_rng *rng)
{
    uint64_t z = rng->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

float blocks_normal(struct blocks_rng *rng)
{
    uint64_t r = blocks_random(rng);
    int32_t sum = 0;
    for (int i = 0; i < 4; i++)
        sum += (int32_t)(r >> 16 * i & 0xffff);
    return (float)(sum - 2 * 65535) * (1.0f / 37837.0f);
}

/* Where the scales lie in a block of n bytes; everything else is random bits. */
static const struct layout {
    enum aglm_dtype type;
    size_t elements, bytes;
    size_t d;             /* offset of the f16 scale */
    size_t min;           /* offset of the f16 minimum (or its scale); 0: none */
    double rms;           /* of the values at scale 1 */
    double min_per_scale; /* the minimum's scale in units of the scale */
} LAYOUTS[] = {
    {AGLM_Q4_0, 32, 18, 0, 0, 4.64, 0},     {AGLM_Q4_1, 32, 20, 0, 2, 4.61, -7.5},
    {AGLM_Q5_0, 32, 22, 0, 0, 9.25, 0},     {AGLM_Q5_1, 32, 24, 0, 2, 9.23, -15.5},
    {AGLM_Q8_0, 32, 34, 0, 0, 73.9, 0},     {AGLM_Q2_K, 256, 84, 80, 82, 14.1, 1.5},
    {AGLM_Q3_K, 256, 110, 108, 0, 43.3, 0}, {AGLM_Q4_K, 256, 144, 0, 2, 257, 7.5},
    {AGLM_Q5_K, 256, 176, 0, 2, 526, 15.5}, {AGLM_Q6_K, 256, 210, 208, 0, 1367, 0},
    {AGLM_IQ4_NL, 32, 18, 0, 0, 66.0, 0},
};

static const struct layout *layout_of(enum aglm_dtype type)
{
    for (size_t i = 0; i < sizeof(LAYOUTS) / sizeof(LAYOUTS[0]); i++)
        if (LAYOUTS[i].type == type)
            return &LAYOUTS[i];
    return NULL;
}

void blocks_size(enum aglm_dtype type, size_t *elements, size_t *bytes)
{
    const struct layout *layout = layout_of(type);
    *elements = layout ? layout->elements : type == AGLM_MXFP4 ? 32 : 1;
    *bytes = layout ? layout->bytes : type == AGLM_MXFP4 ? 17 : type == AGLM_F32 ? 4 : 2;
}

static void put_half(uint8_t *dst, float value)
{
    uint16_t half = aglm_float_to_half(value);
    memcpy(dst, &half, sizeof(half));
}

static void random_bytes(uint8_t *dst, size_t n, struct blocks_rng *rng)
{
    for (size_t i = 0; i < n; i += 8) {
        uint64_t r = blocks_random(rng);
        memcpy(dst + i, &r, n - i < 8 ? n - i : 8);
    }
}

static void fill_quantized(const struct layout *layout, uint8_t *dst, size_t n_blocks,
                           double deviation, struct blocks_rng *rng)
{
    const float scale = (float)(deviation / layout->rms);
    const float min = (float)layout->min_per_scale;
    for (size_t b = 0; b < n_blocks; b++, dst += layout->bytes) {
        random_bytes(dst, layout->bytes, rng);
        /* Within a factor of 2 of each other; of either sign. */
        uint64_t r = blocks_random(rng);
        float d =
            scale * (0.75f + (float)(r & 0xff) * (0.5f / 255.0f)) * (r & 0x100 ? -1.0f : 1.0f);
        put_half(dst + layout->d, d);
        if (layout->min)
            put_half(dst + layout->min,
                     d * min * (0.75f + (float)(r >> 9 & 0xff) * (0.5f / 255.0f)));
    }
}

/* One byte of exponent: value = e2m1 * 2^(byte - 127), where e2m1 has a root mean square of 2.9. */
static void fill_mxfp4(uint8_t *dst, size_t n_blocks, double deviation, struct blocks_rng *rng)
{
    int exponent = 127;
    for (double s = deviation / 2.9; s < 0.75; s *= 2)
        exponent--;
    for (size_t b = 0; b < n_blocks; b++, dst += 17) {
        random_bytes(dst, 17, rng);
        dst[0] = (uint8_t)(exponent - 1 + dst[0] % 3);
    }
}

void blocks_fill(enum aglm_dtype type, uint8_t *dst, size_t n, double deviation,
                 struct blocks_rng *rng)
{
    const struct layout *layout = layout_of(type);
    const float scale = (float)deviation;
    if (layout || type == AGLM_MXFP4) {
        size_t elements = layout ? layout->elements : 32;
        assert(n % elements == 0);
        if (layout)
            fill_quantized(layout, dst, n / elements, deviation, rng);
        else
            fill_mxfp4(dst, n / elements, deviation, rng);
        return;
    }
    assert(type == AGLM_F32 || type == AGLM_F16 || type == AGLM_BF16);
    for (size_t i = 0; i < n; i++) {
        float value = scale * blocks_normal(rng);
        uint16_t half = type == AGLM_F16 ? aglm_float_to_half(value) : aglm_float_to_bf16(value);
        if (type == AGLM_F32)
            memcpy(dst + i * 4, &value, 4);
        else
            memcpy(dst + i * 2, &half, 2);
    }
}
