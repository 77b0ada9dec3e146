/* C reference of everything that is neither matrix product nor attention, and the reference table
 * itself. */
#include "engine/kernels/acts.h"
#include "engine/kernels/pack.h"
#include "engine/kernels/ref.h"

#include <math.h>
#include <string.h>

float aglm_expf(float x)
{
    x = x < AGLM_EXP_LO ? AGLM_EXP_LO : x;
    x = x > AGLM_EXP_HI ? AGLM_EXP_HI : x;
    float n = rintf(x * AGLM_EXP_LOG2E);
    float r = fmaf(n, -AGLM_EXP_LN2_HI, x);
    r = fmaf(n, -AGLM_EXP_LN2_LO, r);
    float p = AGLM_EXP_C5;
    p = fmaf(p, r, AGLM_EXP_C4);
    p = fmaf(p, r, AGLM_EXP_C3);
    p = fmaf(p, r, AGLM_EXP_C2);
    p = fmaf(p, r, AGLM_EXP_C1);
    p = fmaf(p, r, AGLM_EXP_C0);
    p = fmaf(p, r * r, r) + 1.0f;
    if (isnan(x))
        return x;
    uint32_t bits = (uint32_t)((int32_t)n + 127) << 23;
    float scale;
    memcpy(&scale, &bits, sizeof(scale));
    return p * scale;
}

/* Largest magnitude as bits, so that infinity and NaN sort above every number. */
static uint32_t max_bits(const float *x, size_t n)
{
    uint32_t max = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], 4);
        bits &= 0x7fffffffu;
        max = bits > max ? bits : max;
    }
    return max;
}

/* 32 codes and the sums of their halves. */
static void quantize_32(int8_t *q, int16_t *sum, const float *x, struct aglm_act_scale s)
{
    if (isnan(s.scale)) {
        memset(q, 0, 32);
        sum[0] = sum[1] = 0;
        return;
    }
    for (size_t h = 0; h < 2; h++) {
        int total = 0;
        for (size_t i = h * 16; i < h * 16 + 16; i++) {
            q[i] = (int8_t)lrintf(x[i] * s.inverse);
            total += q[i];
        }
        sum[h] = (int16_t)total;
    }
}

static void quantize_c(int8_t *q, float *scale, int16_t *sum, const float *x, size_t n,
                       size_t block)
{
    aglm_act_quantize(q, scale, sum, x, n, block, max_bits, quantize_32);
}

static void rmsnorm_c(float *out, const float *x, const float *w, float eps, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * x[i];
    float scale = 1.0f / sqrtf((float)(sum / (double)n) + eps);
    for (size_t i = 0; i < n; i++)
        out[i] = x[i] * scale * w[i];
}

static void add_c(float *x, const float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] += y[i];
}

static void silu_mul_c(float *out, const float *gate, const float *up, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = gate[i] / (1.0f + aglm_expf(-gate[i])) * up[i];
}

static void softmax_c(float *x, size_t n)
{
    float max = x[0];
    double sum = 0;
    for (size_t i = 1; i < n; i++)
        max = x[i] > max ? x[i] : max;
    for (size_t i = 0; i < n; i++) {
        x[i] = aglm_expf(x[i] - max);
        sum += (double)x[i];
    }
    const float inverse = (float)(1.0 / sum);
    for (size_t i = 0; i < n; i++)
        x[i] *= inverse;
}

static void to_half_c(uint16_t *dst, const float *src, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = aglm_float_to_half(src[i]);
}

static void gelu_mul_c(float *out, const float *gate, const float *up, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        /* z/2 (1 + tanh(u)) = z / (1 + exp(-2u)) */
        float z = gate[i], cubic = fmaf(AGLM_GELU_CUBIC * z * z, z, z);
        out[i] = z / (1.0f + aglm_expf(AGLM_GELU_MINUS_2_ROOT * cubic)) * up[i];
    }
}

void aglm_kernels_fill_c(struct aglm_kernels *k)
{
    k->isa = "c";
    k->pack = aglm_pack_panel;
    k->matmul[AGLM_F32] = aglm_matmul_f32_c;
    k->matmul[AGLM_F16] = aglm_matmul_f16_c;
    k->matmul[AGLM_BF16] = aglm_matmul_bf16_c;
    k->matmul[AGLM_Q4_0] = aglm_matmul_q4_0_c;
    k->matmul[AGLM_Q4_1] = aglm_matmul_q4_1_c;
    k->matmul[AGLM_Q5_0] = aglm_matmul_q5_0_c;
    k->matmul[AGLM_Q5_1] = aglm_matmul_q5_1_c;
    k->matmul[AGLM_Q8_0] = aglm_matmul_q8_0_c;
    k->matmul[AGLM_IQ4_NL] = aglm_matmul_iq4_nl_c;
    k->matmul[AGLM_MXFP4] = aglm_matmul_mxfp4_c;
    k->matmul[AGLM_Q2_K] = aglm_matmul_q2_k_c;
    k->matmul[AGLM_Q3_K] = aglm_matmul_q3_k_c;
    k->matmul[AGLM_Q4_K] = aglm_matmul_q4_k_c;
    k->matmul[AGLM_Q5_K] = aglm_matmul_q5_k_c;
    k->matmul[AGLM_Q6_K] = aglm_matmul_q6_k_c;
    k->quantize = quantize_c;
    k->rmsnorm = rmsnorm_c;
    k->add = add_c;
    k->silu_mul = silu_mul_c;
    k->to_half = to_half_c;
    k->gelu_mul = gelu_mul_c;
    k->kv_store = aglm_kv_store_c;
    k->attend = aglm_attend_c;
    k->softmax = softmax_c;
}
