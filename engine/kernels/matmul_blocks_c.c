/* C reference of the matrix products whose weights share a scale by 32: Q4_0 Q4_1 Q5_0 Q5_1 Q8_0
 * IQ4_NL MXFP4.
 *
 * For each block of 32, in order: the sum of the products of the integers is exact; then
 *     acc = fma(d_w * d_x, sum, acc)
 * and, where weights are d q + m,
 *     acc = fma(m_w * d_x, sum of the activations' integers, acc).
 * Every instruction set does the same, so that the bits are the same.
 */
#include "engine/kernels/pack.h"
#include "engine/kernels/ref.h"
#include "engine/quant/blocks.h"

#include <math.h>
#include <string.h>

enum { ROWS = AGLM_PANEL_ROWS };

struct block {
    int8_t q[32];
    float d, m;
};

static float half_at(const uint8_t *p, size_t i)
{
    uint16_t h;
    memcpy(&h, p + i * 2, 2);
    return aglm_half_to_float(h);
}

static int code_value(enum aglm_dtype type, int code)
{
    switch (type) {
    case AGLM_Q4_0:
        return code - 8;
    case AGLM_Q5_0:
        return code - 16;
    case AGLM_IQ4_NL:
        return aglm_iq4_nl_values[code];
    case AGLM_MXFP4:
        return aglm_mxfp4_values[code];
    default:
        return code;
    }
}

/* Block b of row r of panel w. */
static void read_block(struct block *out, enum aglm_dtype type, const uint8_t *w, size_t b,
                       size_t r)
{
    const struct aglm_panel_parts parts = aglm_panel_parts(type);
    const uint8_t *record = aglm_panel_record(w, &parts, b);
    b %= parts.n_blocks;
    const uint8_t *values = record + parts.values + b * parts.block;
    const uint8_t *high = record + parts.high + b * parts.block;
    for (size_t i = 0; i < 32; i++) {
        const size_t step = i / 4, at = r * 4 + i % 4;
        if (type == AGLM_Q8_0) {
            out->q[i] = (int8_t)values[step * 64 + at];
            continue;
        }
        int code = values[step % 4 * 64 + at] >> (step / 4 * 4) & 15;
        if (parts.high)
            code |= (high[at] >> step & 1) << 4;
        out->q[i] = (int8_t)code_value(type, code);
    }
    out->d = type == AGLM_MXFP4 ? aglm_mxfp4_half_scale(record[parts.scales + b * ROWS + r])
                                : half_at(record + parts.scales, b * ROWS + r);
    out->m = parts.mins ? half_at(record + parts.mins, b * ROWS + r) : 0;
}

static void matmul_blocks(AGLM_MATMUL_ARGS, enum aglm_dtype type)
{
    (void)scratch;
    const bool has_min = aglm_panel_parts(type).mins != 0;
    for (size_t p = 0; p < n_panels; p++, w += aglm_panel_bytes(type, k))
        for (size_t r = 0; r < ROWS; r++) {
            float *acc = out + p * ROWS + r;
            for (size_t t = 0; t < n_tokens; t++)
                acc[t * ld_out] = 0;
            for (size_t b = 0; b < k / 32; b++) {
                struct block block;
                read_block(&block, type, w, b, r);
                for (size_t t = 0; t < n_tokens; t++) {
                    const size_t at = t * (k / 32) + b;
                    const int8_t *q = x->q + at * 32;
                    int32_t dot = 0;
                    for (size_t i = 0; i < 32; i++)
                        dot += block.q[i] * q[i];
                    float sum = fmaf(block.d * x->scale[at], (float)dot, acc[t * ld_out]);
                    if (has_min)
                        sum = fmaf(block.m * x->scale[at],
                                   (float)(x->sum[at * 2] + x->sum[at * 2 + 1]), sum);
                    acc[t * ld_out] = sum;
                }
            }
        }
}

#define MATMUL_BLOCKS(NAME, TYPE)                                               \
    void NAME(AGLM_MATMUL_ARGS)                                                 \
    {                                                                           \
        matmul_blocks(out, ld_out, w, x, k, n_panels, n_tokens, scratch, TYPE); \
    }

MATMUL_BLOCKS(aglm_matmul_q4_0_c, AGLM_Q4_0)
MATMUL_BLOCKS(aglm_matmul_q4_1_c, AGLM_Q4_1)
MATMUL_BLOCKS(aglm_matmul_q5_0_c, AGLM_Q5_0)
MATMUL_BLOCKS(aglm_matmul_q5_1_c, AGLM_Q5_1)
MATMUL_BLOCKS(aglm_matmul_q8_0_c, AGLM_Q8_0)
MATMUL_BLOCKS(aglm_matmul_iq4_nl_c, AGLM_IQ4_NL)
MATMUL_BLOCKS(aglm_matmul_mxfp4_c, AGLM_MXFP4)
