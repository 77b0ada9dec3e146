/* Norm, quantization, activation and conversion with NEON.
 *
 * Lengths need not be a multiple of the register: what is left over goes one by one through the
 * same arithmetic. Of quantization, NEON's flushing of subnormal numbers on armv7 changes nothing:
 * what it flushes rounds to 0 anyway.
 */
#include "engine/kernels/acts.h"
#include "engine/kernels/arm/arm.h"

/* Largest magnitude of n values (a multiple of 8) as bits: infinity and NaN sort above every
 * number. */
static uint32_t max_magnitude(const float *x, size_t n)
{
    const uint32x4_t mask = vdupq_n_u32(0x7fffffffu);
    uint32x4_t a = vdupq_n_u32(0), b = a;
    for (size_t i = 0; i < n; i += 8) {
        a = vmaxq_u32(a, vandq_u32(vreinterpretq_u32_f32(vld1q_f32(x + i)), mask));
        b = vmaxq_u32(b, vandq_u32(vreinterpretq_u32_f32(vld1q_f32(x + i + 4)), mask));
    }
    return max_bits_lanes(vmaxq_u32(a, b));
}

/* 32 codes and the sums of their halves. */
static void quantize_32(int8_t *q, int16_t *sum, const float *x, struct aglm_act_scale s)
{
    if (isnan(s.scale)) {
        memset(q, 0, 32);
        sum[0] = sum[1] = 0;
        return;
    }
    for (unsigned h = 0; h < 2; h++) {
        int32x4_t i[4];
        ARM_UNROLL
        for (unsigned j = 0; j < 4; j++)
            i[j] = round_even(vmulq_n_f32(vld1q_f32(x + h * 16 + j * 4), s.inverse));
        const int8x16_t bytes = narrow_ints(i);
        vst1q_s8(q + h * 16, bytes);
        sum[h] = sum_bytes(bytes);
    }
}

static void quantize(int8_t *q, float *scale, int16_t *sum, const float *x, size_t n, size_t block)
{
    aglm_act_quantize(q, scale, sum, x, n, block, max_magnitude, quantize_32);
}

static int32x4_t round_4(const float *x, f4 scale)
{
    float32x4_t v = neon_of(f4_div(f4_load(x), scale));
    v = vmaxq_f32(vminq_f32(v, vdupq_n_f32(127)), vdupq_n_f32(-128));
    return round_even(v);
}

static float quantize_int8(int8_t *q, int16_t *sum, const float *x, size_t n, float scale)
{
    const uint32_t max = max_magnitude(x, n);
    if (scale == 0) {
        memcpy(&scale, &max, 4);
        scale /= 127;
    }
    if (max >= 0x7f800000u || scale == 0) {
        memset(q, 0, n);
        memset(sum, 0, n / 16 * sizeof(*sum));
        return max >= 0x7f800000u ? NAN : scale;
    }
    const f4 s = f4_all(scale);
    for (size_t i = 0; i < n; i += 16) {
        int32x4_t ints[4];
        for (unsigned j = 0; j < 4; j++)
            ints[j] = round_4(x + i + j * 4, s);
        const int8x16_t bytes = narrow_ints(ints);
        vst1q_s8(q + i, bytes);
        sum[i / 16] = sum_bytes(bytes);
    }
    return scale;
}

static void rmsnorm(float *out, const float *x, const float *w, float eps, size_t n)
{
    float32x4_t sums[4] = {vdupq_n_f32(0), vdupq_n_f32(0), vdupq_n_f32(0), vdupq_n_f32(0)};
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        for (unsigned j = 0; j < 4; j++) {
            const float32x4_t v = vld1q_f32(x + i + j * 4);
            sums[j] = vfmaq_f32(sums[j], v, v);
        }
    float sum = sum_lanes(vaddq_f32(vaddq_f32(sums[0], sums[1]), vaddq_f32(sums[2], sums[3])));
    for (; i < n; i++)
        sum += x[i] * x[i];
    const float scale = 1.0f / sqrtf(sum / (float)n + eps);
    for (i = 0; i + 4 <= n; i += 4)
        vst1q_f32(out + i, vmulq_f32(vmulq_n_f32(vld1q_f32(x + i), scale), vld1q_f32(w + i)));
    for (; i < n; i++)
        out[i] = x[i] * scale * w[i];
}

static void add(float *x, const float *y, size_t n)
{
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        f4_store(x + i, f4_add(f4_load(x + i), f4_load(y + i)));
    for (; i < n; i++)
        x[i] += y[i];
}

/* z / (1 + exp(minus_u)) * up */
static inline f4 gated(f4 z, f4 minus_u, f4 up)
{
    return f4_mul(f4_div(z, f4_add(f4_all(1.0f), f4_exp(minus_u))), up);
}

static void silu_mul(float *out, const float *gate, const float *up, size_t n)
{
    size_t i = 0;
    for (; i + 4 <= n; i += 4) {
        const f4 z = f4_load(gate + i);
        f4_store(out + i, gated(z, f4_mul(z, f4_all(-1.0f)), f4_load(up + i)));
    }
    for (; i < n; i++)
        out[i] = gate[i] / (1.0f + aglm_expf(-gate[i])) * up[i];
}

static void gelu_mul(float *out, const float *gate, const float *up, size_t n)
{
    size_t i = 0;
    for (; i + 4 <= n; i += 4) {
        const f4 z = f4_load(gate + i);
        const f4 cubic = f4_fma(z, f4_mul(f4_mul(f4_all(AGLM_GELU_CUBIC), z), z), z);
        const f4 minus_u = f4_mul(f4_all(AGLM_GELU_MINUS_2_ROOT), cubic);
        f4_store(out + i, gated(z, minus_u, f4_load(up + i)));
    }
    for (; i < n; i++) {
        const float z = gate[i], cubic = fmaf(AGLM_GELU_CUBIC * z * z, z, z);
        out[i] = z / (1.0f + aglm_expf(AGLM_GELU_MINUS_2_ROOT * cubic)) * up[i];
    }
}

static void to_half(uint16_t *dst, const float *src, size_t n)
{
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        f4_to_halves(dst + i, f4_load(src + i));
    for (; i < n; i++)
        dst[i] = aglm_float_to_half(src[i]);
}

void aglm_kernels_fill_neon_vector(struct aglm_kernels *k)
{
    k->quantize = quantize;
    k->quantize_int8 = quantize_int8;
    k->rmsnorm = rmsnorm;
    k->add = add;
    k->silu_mul = silu_mul;
    k->to_half = to_half;
    k->gelu_mul = gelu_mul;
    k->kv_store = aglm_kv_store_neon;
    k->attend = aglm_attend_neon;
}
