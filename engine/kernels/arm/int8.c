/* INT8 on Arm: exact integer sums over whole rows, then one scale. Bit for bit equal to int8_c.c.
 * Compiled once for each instruction set.
 */
#include "engine/kernels/arm/matmul.h"

ARM_INLINE f4 finish(int32x4_t sum, const uint8_t *scales, float scale_x)
{
    const f4 scale_w = f4_load((const float *)(const void *)scales);
    return f4_mul(f4_of_ints(sum), f4_mul(scale_w, f4_all(scale_x)));
}

static void int8_streams(float *out, const uint8_t *w, const struct aglm_acts *x, size_t k,
                         size_t panels)
{
    const size_t stride = aglm_panel_bytes(AGLM_INT8, k);
    int32x4_t sum[STREAMS][GROUPS];
    for (size_t p = 0; p < panels; p++)
        for (unsigned g = 0; g < GROUPS; g++)
            sum[p][g] = vdupq_n_s32(0);
    for (size_t b = 0; b < k / 32; b++) {
        const arm_run v0 = load_run(x->q + b * 32), v1 = load_run(x->q + b * 32 + 16);
        ARM_ROLLED
        for (size_t p = 0; p < panels; p++) {
            const uint8_t *at = w + p * stride + b * 512;
            ARM_UNROLL
            for (unsigned g = 0; g < GROUPS; g++) {
                int8x16_t v[8];
                ARM_UNROLL
                for (unsigned s = 0; s < 8; s++)
                    v[s] = load_signed(at + s * 64 + g * GROUP);
                sum[p][g] = dot_block(sum[p][g], v, v0, v1, true);
            }
        }
    }
    for (size_t p = 0; p < panels; p++)
        for (unsigned g = 0; g < GROUPS; g++)
            f4_store(out + p * ROWS + g * 4,
                     finish(sum[p][g], w + p * stride + k * ROWS + g * 16, x->scale[0]));
}

static void int8_unpack(struct arm_chunk *c, const uint8_t *panel, size_t k0, size_t n)
{
    for (size_t i = 0; i < n / 32; i++)
        for (unsigned g = 0; g < GROUPS; g++) {
            int8x16_t v[8];
            ARM_UNROLL
            for (unsigned s = 0; s < 8; s++)
                v[s] = load_signed(panel + k0 * ROWS + i * 512 + s * 64 + g * GROUP);
            put_group(c->bytes + i * 512 + g * GROUP, v, AGLM_INT8);
        }
}

/* Eight rows' integer sums so far are kept in out; the last columns turn them into floats. */
ARM_INLINE void int8_half(ARM_TILE_ARGS, const uint8_t *scales, const unsigned r,
                          const unsigned tokens)
{
    int32x4_t total[TILE][2];
    ARM_UNROLL
    for (unsigned t = 0; t < tokens; t++)
        for (unsigned g = 0; g < 2; g++)
            total[t][g] = k0 ? vreinterpretq_s32_f32(vld1q_f32(out + (t0 + t) * ld_out + r + g * 4))
                             : vdupq_n_s32(0);
    ARM_ROLLED
    for (size_t i = 0; i < n / 32; i++) {
        int32x4_t sum[TILE][2];
        dot_tile(sum, c->bytes + i * 512 + r * 4, x->q + t0 * k + k0 + i * 32, k, 8, true, tokens);
        ARM_UNROLL
        for (unsigned t = 0; t < tokens; t++)
            for (unsigned g = 0; g < 2; g++)
                total[t][g] = vaddq_s32(total[t][g], sum[t][g]);
    }
    ARM_UNROLL
    for (unsigned t = 0; t < tokens; t++)
        for (unsigned g = 0; g < 2; g++) {
            float *at = out + (t0 + t) * ld_out + r + g * 4;
            if (k0 + n < k)
                vst1q_f32(at, vreinterpretq_f32_s32(total[t][g]));
            else
                f4_store(at, finish(total[t][g], scales + (r + g * 4) * 4,
                                    x->scale[(t0 + t) * (k / 32)]));
        }
}

static void int8_tile(ARM_TILE_ARGS, const uint8_t *scales)
{
    for (unsigned r = 0; r < ROWS; r += 8)
        int8_half(out, ld_out, c, x, k, k0, n, t0, scales, r, TILE);
}

static void int8_one(ARM_TILE_ARGS, const uint8_t *scales)
{
    for (unsigned r = 0; r < ROWS; r += 8)
        int8_half(out, ld_out, c, x, k, k0, n, t0, scales, r, 1);
}

static void matmul_int8(ARM_MATMUL_ARGS)
{
    const size_t stride = aglm_panel_bytes(AGLM_INT8, k);
    struct arm_chunk *c = scratch;
    if (n_tokens == 1) {
        for (size_t p = 0; p < n_panels; p += STREAMS)
            int8_streams(out + p * ROWS, w + p * stride, x, k,
                         n_panels - p < STREAMS ? n_panels - p : STREAMS);
        return;
    }
    for (size_t p = 0; p < n_panels; p++, w += stride)
        for (size_t k0 = 0; k0 < k; k0 += CHUNK) {
            const size_t n = k - k0 < CHUNK ? k - k0 : CHUNK;
            float *to = out + p * ROWS;
            size_t t = 0;
            int8_unpack(c, w, k0, n);
            for (; t + TILE <= n_tokens; t += TILE)
                int8_tile(to, ld_out, c, x, k, k0, n, t, w + k * ROWS);
            for (; t < n_tokens; t++)
                int8_one(to, ld_out, c, x, k, k0, n, t, w + k * ROWS);
        }
}

void ARM_NAME(aglm_kernels_fill_int8)(struct aglm_kernels *k)
{
    k->matmul[AGLM_INT8] = matmul_int8;
}
