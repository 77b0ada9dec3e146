/* C reference of the matrix products: the arithmetic that every instruction set must reproduce bit
 * for bit.
 *
 * Each output is one chain of fused multiply-adds, over columns for float weights and over blocks
 * of 32 for quantized ones; sums within a block are integers and exact. Written to be read, not to
 * be fast.
 */
#include "engine/kernels/pack.h"
#include "engine/kernels/ref.h"

#include <math.h>
#include <string.h>

enum { ROWS = AGLM_PANEL_ROWS };

static float half_at(const uint8_t *p, size_t i)
{
    uint16_t h;
    memcpy(&h, p + i * 2, 2);
    return aglm_half_to_float(h);
}

static float bf16_at(const uint8_t *p, size_t i)
{
    uint16_t h;
    memcpy(&h, p + i * 2, 2);
    return aglm_bf16_to_float(h);
}

static float f32_at(const uint8_t *p, size_t i)
{
    float f;
    memcpy(&f, p + i * 4, 4);
    return f;
}

/* The three float types differ only in how a weight is read. */
#define MATMUL_FLOAT(NAME, TYPE, AT)                                                            \
    void NAME(float *out, size_t ld_out, const uint8_t *w, const struct aglm_acts *x, size_t k, \
              size_t n_panels, size_t n_tokens, void *scratch)                                  \
    {                                                                                           \
        (void)scratch;                                                                          \
        for (size_t p = 0; p < n_panels; p++, w += aglm_panel_bytes(TYPE, k))                   \
            for (size_t t = 0; t < n_tokens; t++)                                               \
                for (size_t r = 0; r < ROWS; r++) {                                             \
                    float acc = 0;                                                              \
                    for (size_t i = 0; i < k; i++)                                              \
                        acc = fmaf(AT(w, i * ROWS + r), x->x[t * k + i], acc);                  \
                    out[t * ld_out + p * ROWS + r] = acc;                                       \
                }                                                                               \
    }

MATMUL_FLOAT(aglm_matmul_f32_c, AGLM_F32, f32_at)
MATMUL_FLOAT(aglm_matmul_f16_c, AGLM_F16, half_at)
MATMUL_FLOAT(aglm_matmul_bf16_c, AGLM_BF16, bf16_at)

void aglm_matmul_q8_0_c(float *out, size_t ld_out, const uint8_t *w, const struct aglm_acts *x,
                        size_t k, size_t n_panels, size_t n_tokens, void *scratch)
{
    (void)scratch;
    const size_t blocks = k / 32;
    for (size_t p = 0; p < n_panels; p++, w += aglm_panel_bytes(AGLM_Q8_0, k)) {
        const uint8_t *scales = w + aglm_q8_0_parts(k).scales;
        for (size_t t = 0; t < n_tokens; t++)
            for (size_t r = 0; r < ROWS; r++) {
                float acc = 0;
                for (size_t b = 0; b < blocks; b++) {
                    const int8_t *q = x->q + t * k + b * 32;
                    int32_t sum = 0;
                    for (size_t i = 0; i < 32; i++)
                        sum += (int8_t)w[b * 512 + i / 4 * 64 + r * 4 + i % 4] * q[i];
                    acc = fmaf(half_at(scales, b * ROWS + r) * x->scale[t * blocks + b], (float)sum,
                               acc);
                }
                out[t * ld_out + p * ROWS + r] = acc;
            }
    }
}

/* Four bits of element i (0 … 31) of row r in a block's 256 bytes. */
static int nibble(const uint8_t *block, size_t r, size_t i)
{
    uint8_t byte = block[i / 4 % 4 * 64 + r * 4 + i % 4];
    return i < 16 ? byte & 15 : byte >> 4;
}

void aglm_matmul_q4_0_c(float *out, size_t ld_out, const uint8_t *w, const struct aglm_acts *x,
                        size_t k, size_t n_panels, size_t n_tokens, void *scratch)
{
    (void)scratch;
    const size_t blocks = k / 32;
    for (size_t p = 0; p < n_panels; p++, w += aglm_panel_bytes(AGLM_Q4_0, k)) {
        const uint8_t *scales = w + aglm_q4_0_parts(k).scales;
        for (size_t t = 0; t < n_tokens; t++)
            for (size_t r = 0; r < ROWS; r++) {
                float acc = 0;
                for (size_t b = 0; b < blocks; b++) {
                    const int8_t *q = x->q + t * k + b * 32;
                    int32_t sum = 0;
                    for (size_t i = 0; i < 32; i++)
                        sum += (nibble(w + b * 256, r, i) - 8) * q[i];
                    acc = fmaf(half_at(scales, b * ROWS + r) * x->scale[t * blocks + b], (float)sum,
                               acc);
                }
                out[t * ld_out + p * ROWS + r] = acc;
            }
    }
}

/* Integer dot product of a block of 32: two runs of 16 values, each with an 8-bit scale. */
static int32_t q6_k_block(const uint8_t *low, const uint8_t *high, const uint8_t *scales, size_t r,
                          const int8_t *q)
{
    int32_t total = 0;
    for (size_t h = 0; h < 2; h++) {
        int32_t sum = 0;
        for (size_t i = h * 16; i < h * 16 + 16; i++) {
            int bits = high[i / 16 * 64 + r * 4 + i % 4] >> (2 * (i / 4 % 4)) & 3;
            sum += ((nibble(low, r, i) | bits << 4) - 32) * q[i];
        }
        total += (int8_t)scales[h * ROWS + r] * sum;
    }
    return total;
}

void aglm_matmul_q6_k_c(float *out, size_t ld_out, const uint8_t *w, const struct aglm_acts *x,
                        size_t k, size_t n_panels, size_t n_tokens, void *scratch)
{
    (void)scratch;
    const size_t blocks = k / 32;
    const struct aglm_panel_parts parts = aglm_q6_k_parts(k);
    for (size_t p = 0; p < n_panels; p++, w += aglm_panel_bytes(AGLM_Q6_K, k))
        for (size_t t = 0; t < n_tokens; t++)
            for (size_t r = 0; r < ROWS; r++) {
                float acc = 0;
                for (size_t b = 0; b < blocks; b++) {
                    int32_t sum =
                        q6_k_block(w + b * 256, w + parts.high + b * 128,
                                   w + parts.scales + b * 2 * ROWS, r, x->q + t * k + b * 32);
                    float d = half_at(w + parts.supers, b / 8 * ROWS + r);
                    acc = fmaf(d * x->scale[t * blocks + b], (float)sum, acc);
                }
                out[t * ld_out + p * ROWS + r] = acc;
            }
}
