/* The random weights of synthetic models.
 *
 * In: a key and a place. Out: blocks of the type asked for. Quantized blocks are drawn directly:
 * codes are sums of two uniform integers (a triangular distribution, symmetric about 0, near enough
 * to normal for timing and for stable activations), the block's scale varies by a third, so that a
 * kernel which forgets it is found out.
 */
#include "engine/synth_values.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* splitmix64 (Steele, Lea, Flood 2014): its output for a counter is a good hash of that counter. */
static const uint64_t golden = 0x9e3779b97f4a7c15u;

static uint64_t mix(uint64_t z)
{
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint64_t synth_random(uint64_t key, uint64_t counter)
{
    return mix(key + golden * (counter + 1));
}

uint64_t synth_key(uint64_t seed, uint64_t tensor)
{
    return mix(mix(seed + golden) + golden * (tensor + 1));
}

uint16_t synth_varied_half(float scale, uint64_t r)
{
    return aglm_float_to_half(scale * (0.75f + (float)(r & 511) * (1.0f / 1024.0f)));
}

static void put_half(uint8_t *p, uint16_t h)
{
    p[0] = (uint8_t)(h & 0xff);
    p[1] = (uint8_t)(h >> 8);
}

/* Codes 8 + (a + b - 7) with a, b uniform in 0..7: deviation 3.24. Six bits of each random byte for
 * a code. */
static void fill_q4_0(uint8_t *block, uint64_t key, uint64_t first, size_t n, float std)
{
    const float scale = std * (1.0f / 3.24f);
    for (uint64_t b = first / 32; b < (first + n) / 32; b++, block += 18) {
        put_half(block, synth_varied_half(scale, synth_random(key, 5 * b)));
        for (unsigned half = 0; half < 2; half++) {
            uint64_t r = synth_random(key, 5 * b + 1 + 2 * half);
            uint64_t s = synth_random(key, 5 * b + 2 + 2 * half);
            const uint64_t three = 0x0707070707070707u, one = 0x0101010101010101u;
            uint64_t low = (r & three) + (r >> 3 & three) + one;
            uint64_t high = (s & three) + (s >> 3 & three) + one;
            for (unsigned j = 0; j < 8; j++)
                block[2 + 8 * half + j] =
                    (uint8_t)((low >> 8 * j & 15) | (high >> 8 * j & 15) << 4);
        }
    }
}

/* Codes a + b - 127 with a, b uniform in 0..127: deviation 52.3. */
static void fill_q8_0(uint8_t *block, uint64_t key, uint64_t first, size_t n, float std)
{
    const float scale = std * (1.0f / 52.3f);
    for (uint64_t b = first / 32; b < (first + n) / 32; b++, block += 34) {
        put_half(block, synth_varied_half(scale, synth_random(key, 9 * b)));
        for (unsigned eighth = 0; eighth < 4; eighth++) {
            const uint64_t seven = 0x7f7f7f7f7f7f7f7fu;
            uint64_t r = (synth_random(key, 9 * b + 1 + 2 * eighth) & seven) +
                         (synth_random(key, 9 * b + 2 + 2 * eighth) & seven);
            for (unsigned j = 0; j < 8; j++)
                block[2 + 8 * eighth + j] = (uint8_t)((r >> 8 * j) - 127);
        }
    }
}

/* Codes a + b - 31 with a, b uniform in 0..31, stored plus 32: deviation 13.06; the sub-blocks'
 * scales are 64 to 95, 79.5 in the mean. The low four bits and the high two of a code are stored
 * apart, and code 0 (value -32) is never drawn. */
static void fill_q6_k(uint8_t *block, uint64_t key, uint64_t first, size_t n, float std)
{
    const float scale = std * (1.0f / (13.06f * 79.5f));
    for (uint64_t b = first / 256; b < (first + n) / 256; b++, block += 210) {
        uint64_t counter = 68 * b;
        uint8_t code[256];
        for (unsigned i = 0; i < 32; i++) {
            const uint64_t five = 0x1f1f1f1f1f1f1f1fu, one = 0x0101010101010101u;
            uint64_t r = (synth_random(key, counter + 2 * i) & five) +
                         (synth_random(key, counter + 2 * i + 1) & five) + one;
            for (unsigned j = 0; j < 8; j++)
                code[8 * i + j] = (uint8_t)(r >> 8 * j);
        }
        for (unsigned half = 0; half < 2; half++) {
            const uint8_t *c = code + 128 * half;
            for (unsigned l = 0; l < 32; l++) {
                block[64 * half + l] = (uint8_t)((c[l] & 15) | (c[l + 64] & 15) << 4);
                block[64 * half + 32 + l] = (uint8_t)((c[l + 32] & 15) | (c[l + 96] & 15) << 4);
                block[128 + 32 * half + l] = (uint8_t)(c[l] >> 4 | c[l + 32] >> 4 << 2 |
                                                       c[l + 64] >> 4 << 4 | c[l + 96] >> 4 << 6);
            }
        }
        for (unsigned s = 0; s < 16; s++)
            block[192 + s] =
                (uint8_t)(64 + (synth_random(key, counter + 64 + s / 8) >> 8 * (s % 8) & 31));
        put_half(block + 208, synth_varied_half(scale, synth_random(key, counter + 66)));
    }
}

/* Sum of four 16-bit integers less its mean: deviation 37837. One rounding each for product and
 * sum. */
static float normal_at(uint64_t key, uint64_t i, float mean, float scale)
{
    uint64_t r = synth_random(key, i);
    int sum = (int)((r & 0xffff) + (r >> 16 & 0xffff) + (r >> 32 & 0xffff) + (r >> 48));
    return mean + (float)(sum - 131070) * scale;
}

static void fill_float(uint8_t *dst, const struct aglm_dtype_info *info, uint64_t key,
                       uint64_t first, size_t n, float mean, float std)
{
    const float scale = std * (1.0f / 37837.0f);
    float row[256];
    for (size_t i = 0; i < n; i += 256) {
        size_t count = n - i < 256 ? n - i : 256;
        for (size_t j = 0; j < count; j++)
            row[j] = normal_at(key, first + i + j, mean, scale);
        info->from_float(dst + i * info->block_bytes, row, count);
    }
}

static void fill_blocks(uint8_t *dst, const struct aglm_dtype_info *info, uint64_t key,
                        uint64_t first, size_t n, float std)
{
    const uint64_t begin = first / info->block_elements;
    for (uint64_t b = begin; b < begin + n / info->block_elements; b++, dst += info->block_bytes)
        synth_fill_block(dst, info, key, b, std);
}

void synth_fill(void *dst, enum aglm_dtype type, uint64_t key, uint64_t first, size_t n, float mean,
                float std)
{
    const struct aglm_dtype_info *info = aglm_dtype_get(type);
    assert(info && first % info->block_elements == 0 && n % info->block_elements == 0);
    if (type == AGLM_Q4_0)
        fill_q4_0(dst, key, first, n, std);
    else if (type == AGLM_Q8_0)
        fill_q8_0(dst, key, first, n, std);
    else if (type == AGLM_Q6_K)
        fill_q6_k(dst, key, first, n, std);
    else if (info->quantized)
        fill_blocks(dst, info, key, first, n, std);
    else
        fill_float(dst, info, key, first, n, mean, std);
}

void synth_rope_freqs(float *dst, uint32_t head_dim, float theta)
{
    const double factor = 32.0, low = 1.0, high = 4.0, context = 8192.0;
    const double two_pi = 6.283185307179586;
    uint32_t half = head_dim / 2;
    assert(half >= 1 && (half & (half - 1)) == 0);

    /* theta^(1/half) by square roots, which IEEE 754 rounds exactly, as no machine's pow() must. */
    double step = (double)theta;
    for (uint32_t h = half; h > 1; h /= 2)
        step = sqrt(step);
    double inverse_freq = 1.0; /* theta^(i/half) */
    for (uint32_t i = 0; i < half; i++, inverse_freq *= step) {
        double turns = context / (two_pi * inverse_freq); /* of this pair in the original context */
        double smooth = (turns - low) / (high - low);
        if (turns > high)
            dst[i] = 1.0f;
        else if (turns < low)
            dst[i] = (float)factor;
        else
            dst[i] = (float)(1.0 / ((1.0 - smooth) / factor + smooth));
    }
}
