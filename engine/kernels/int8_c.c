/* C reference of INT8: activations rounded with a fixed or dynamic scale, and products as exact
 * integer sums over whole rows.
 *
 * Panel (engine/kernels/pack.h): values [k/4][16][4] i8, then scales [16] f32. Of the activations'
 * scales only a token's first is read.
 */
#include "engine/kernels/pack.h"
#include "engine/kernels/ref.h"

#include <math.h>
#include <string.h>

enum { ROWS = AGLM_PANEL_ROWS };

void aglm_pack_int8(uint8_t *dst, const int8_t *const q[ROWS], const float scale[ROWS], size_t k)
{
    for (size_t r = 0; r < ROWS; r++) {
        for (size_t s = 0; s < k / 4; s++)
            if (q[r])
                memcpy(dst + s * 64 + r * 4, q[r] + s * 4, 4);
            else
                memset(dst + s * 64 + r * 4, 0, 4);
        float own = q[r] ? scale[r] : 0.0f;
        memcpy(dst + k * ROWS + r * 4, &own, 4);
    }
}

static float quantize_int8_c(int8_t *q, int16_t *sum, const float *x, size_t n, float scale)
{
    uint32_t max = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], 4);
        bits &= 0x7fffffffu;
        max = bits > max ? bits : max;
    }
    if (scale == 0) {
        memcpy(&scale, &max, 4);
        scale /= 127;
    }
    if (max >= 0x7f800000u || scale == 0) {
        memset(q, 0, n);
        memset(sum, 0, n / 16 * sizeof(*sum));
        return max >= 0x7f800000u ? NAN : scale;
    }
    for (size_t i = 0; i < n; i += 16) {
        int total = 0;
        for (size_t j = i; j < i + 16; j++) {
            float v = x[j] / scale;
            v = v > 127 ? 127 : v < -128 ? -128 : v;
            q[j] = (int8_t)lrintf(v);
            total += q[j];
        }
        sum[i / 16] = (int16_t)total;
    }
    return scale;
}

static void matmul_int8_c(AGLM_MATMUL_ARGS)
{
    (void)scratch;
    for (size_t p = 0; p < n_panels; p++, w += aglm_panel_bytes(AGLM_INT8, k))
        for (size_t t = 0; t < n_tokens; t++)
            for (size_t r = 0; r < ROWS; r++) {
                const int8_t *q = x->q + t * k;
                int32_t total = 0;
                float scale;
                for (size_t i = 0; i < k; i++)
                    total += (int8_t)w[i / 4 * 64 + r * 4 + i % 4] * q[i];
                memcpy(&scale, w + k * ROWS + r * 4, 4);
                out[t * ld_out + p * ROWS + r] = (float)total * (scale * x->scale[t * (k / 32)]);
            }
}

void aglm_kernels_fill_int8_c(struct aglm_kernels *k)
{
    k->quantize_int8 = quantize_int8_c;
    k->matmul[AGLM_INT8] = matmul_int8_c;
}
