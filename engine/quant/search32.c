/* From float to blocks of 32 with the scales of least squared error, for files that people keep.
 *
 * Q8_0 has no function here: its plain formula leaves nothing worth searching for.
 */
#include "engine/quant/blocks.h"
#include "engine/quant/nibbles.h"
#include "engine/quant/search.h"

#include <math.h>
#include <string.h>

/* ---- Q4_0, Q5_0, Q4_1, Q5_1 ---- */

/* Codes from 0 on for the block that fit describes. */
static void codes_of(const struct aglm_grid *g, const struct aglm_fit *fit, const float *x,
                     uint8_t code[32])
{
    float inverse = aglm_inverse(fit->scale);
    for (unsigned j = 0; j < 32; j++) {
        float q = aglm_nearest_whole((x[j] + fit->min) * inverse, g->low, g->high);
        code[j] = (uint8_t)(int)(q - g->low);
    }
}

/* Writes the scale, and the minimum as ggml's sign has it; returns the bytes that they take. */
static size_t search_block(const struct aglm_grid *g, uint8_t *block, const float *src,
                           uint8_t code[32])
{
    float x[32];
    aglm_tame(x, src, 32);
    struct aglm_fit fit = aglm_fit_search(g, x);
    codes_of(g, &fit, x, code);
    aglm_store16(block, aglm_scale_to_half(fit.scale));
    if (!g->minimum)
        return 2;
    aglm_store16(block + 2, aglm_scale_to_half(-fit.min));
    return 4;
}

static const struct aglm_grid q4_0_grid = {32, -8, 7, false, false, true};
static const struct aglm_grid q5_0_grid = {32, -16, 15, false, false, true};
static const struct aglm_grid q4_1_grid = {32, 0, 15, true, true, true};
static const struct aglm_grid q5_1_grid = {32, 0, 31, true, true, true};

static void quantize_fours(const struct aglm_grid *g, uint8_t *block, const float *src, size_t n)
{
    for (size_t i = 0; i < n; i += 32) {
        uint8_t code[32];
        block += search_block(g, block, src + i, code);
        aglm_store_nibbles(block, code);
        block += 16;
    }
}

static void quantize_fives(const struct aglm_grid *g, uint8_t *block, const float *src, size_t n)
{
    for (size_t i = 0; i < n; i += 32) {
        uint8_t code[32];
        block += search_block(g, block, src + i, code);
        aglm_store_fives(block, code);
        block += 20;
    }
}

void aglm_q4_0_quantize_row(void *dst, const float *src, size_t n)
{
    quantize_fours(&q4_0_grid, dst, src, n);
}

void aglm_q5_0_quantize_row(void *dst, const float *src, size_t n)
{
    quantize_fives(&q5_0_grid, dst, src, n);
}

void aglm_q4_1_quantize_row(void *dst, const float *src, size_t n)
{
    quantize_fours(&q4_1_grid, dst, src, n);
}

void aglm_q5_1_quantize_row(void *dst, const float *src, size_t n)
{
    quantize_fives(&q5_1_grid, dst, src, n);
}

/* ---- IQ4_NL ---- */

/* Squared error of x under scale, the codes, and the least-squares scale for these codes. */
static float try_iq4_nl(const float *x, float scale, uint8_t code[32], float *better)
{
    float inverse = aglm_inverse(scale), error = 0.0f, xv = 0.0f, vv = 0.0f;
    for (unsigned j = 0; j < 32; j++) {
        code[j] = aglm_nearest_iq4_nl(aglm_bounded(x[j] * inverse, -128.0f, 128.0f));
        float v = (float)aglm_iq4_nl_values[code[j]], rest = x[j] - scale * v;
        error += rest * rest;
        xv += x[j] * v;
        vv += v * v;
    }
    *better = xv / vv; /* no value is 0 */
    return error;
}

static void search_iq4_nl(const float *x, float extreme, float *best_scale, uint8_t best[32])
{
    enum { STARTS = 9, STEPS = 3 };
    float best_error = INFINITY, refit;
    *best_scale = 0.0f;
    best_error = try_iq4_nl(x, 0.0f, best, &refit);
    for (int i = 0; i < 2 * STARTS && extreme != 0; i++) {
        float value = 92.0f + 6.0f * (float)(i / 2);
        float scale = extreme / (i % 2 ? value : -value);
        for (int step = 0; step < STEPS; step++) {
            uint8_t code[32];
            scale = aglm_half_to_float(aglm_scale_to_half(scale));
            float error = try_iq4_nl(x, scale, code, &refit);
            if (error < best_error) {
                best_error = error;
                *best_scale = scale;
                memcpy(best, code, 32);
            }
            scale = refit;
        }
    }
}

void aglm_iq4_nl_quantize_row(void *dst, const float *src, size_t n)
{
    uint8_t *block = dst;
    for (size_t i = 0; i < n; i += 32, block += AGLM_IQ4_NL_BYTES) {
        float x[32], scale;
        uint8_t code[32];
        aglm_tame(x, src + i, 32);
        search_iq4_nl(x, aglm_extreme(x, 32), &scale, code);
        aglm_store16(block, aglm_scale_to_half(scale));
        aglm_store_nibbles(block + 2, code);
    }
}

/* ---- MXFP4: the power of two itself and its neighbours ---- */

static float try_mxfp4(const float *x, uint8_t e, uint8_t code[32])
{
    float d = aglm_mxfp4_half_scale(e), inverse = aglm_inverse(d), error = 0.0f;
    for (unsigned j = 0; j < 32; j++) {
        code[j] = aglm_nearest_mxfp4(aglm_bounded(x[j] * inverse, -12.0f, 12.0f));
        float rest = x[j] - d * (float)aglm_mxfp4_values[code[j]];
        error += rest * rest;
    }
    return error;
}

void aglm_mxfp4_quantize_row(void *dst, const float *src, size_t n)
{
    uint8_t *block = dst;
    for (size_t i = 0; i < n; i += 32, block += AGLM_MXFP4_BYTES) {
        float x[32], best = INFINITY;
        aglm_tame(x, src + i, 32);
        uint8_t plain = aglm_mxfp4_plain_exponent(aglm_extreme(x, 32));
        for (int e = plain - 2; e <= plain + 2; e++) {
            uint8_t code[32];
            if (e < 0 || e > 254)
                continue;
            float error = try_mxfp4(x, (uint8_t)e, code);
            if (error < best) {
                best = error;
                block[0] = (uint8_t)e;
                aglm_store_nibbles(block + 1, code);
            }
        }
    }
}
