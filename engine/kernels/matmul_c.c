/* C reference of the matrix products with float weights: the arithmetic that every instruction set
 * must reproduce bit for bit. Quantized weights: matmul_blocks_c.c and matmul_kquants_c.c.
 *
 * Each output is one chain of fused multiply-adds over the columns. Written to be read, not to be
 * fast.
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
