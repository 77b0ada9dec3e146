/* Rows of the KV cache with NEON: floats to F16, Q8_0 or Q4_0 blocks, and back.
 *
 * Storing gives the same bytes as the types' from_float, whose rounding is half away from zero for
 * Q8_0 and half up for Q4_0. Heads that are no whole number of registers go through the reference,
 * and blocks on armv7, whose NEON takes subnormal numbers for zero.
 */
#include "engine/kernels/arm/arm.h"
#include "engine/kernels/ref.h"

enum { Q8_0_BYTES = 34, Q4_0_BYTES = 18 };

static inline float scale_at(const uint8_t *block)
{
    __fp16 h;
    memcpy(&h, block, 2);
    return (float)h;
}

/* ---- to blocks ---- */

#if defined(__aarch64__)
static inline void put_scale(uint8_t *block, float d)
{
    const __fp16 h = (__fp16)d;
    memcpy(block, &h, 2);
}

/* Largest magnitude of 32 values; NaN does not count. */
static inline float max_magnitude(const float *x)
{
    float32x4_t max = vdupq_n_f32(0);
    ARM_UNROLL
    for (unsigned i = 0; i < 8; i++)
        max = max_number(max, vabsq_f32(vld1q_f32(x + i * 4)));
    return max_lanes(max);
}

/* v cut to [-limit, limit], NaN to 0. */
static inline float32x4_t bounded(float32x4_t v, float limit)
{
    const uint32x4_t number = vandq_u32(vreinterpretq_u32_f32(v), vceqq_f32(v, v));
    v = vminq_f32(vreinterpretq_f32_u32(number), vdupq_n_f32(limit));
    return vmaxq_f32(v, vdupq_n_f32(-limit));
}

static void store_q8_0(uint8_t *block, const float *x)
{
    const float d = max_magnitude(x) / 127.0f;
    const float inverse = d > 0 ? 1.0f / d : 0.0f;
    put_scale(block, d);
    for (unsigned h = 0; h < 32; h += 16) {
        int32x4_t i[4];
        ARM_UNROLL
        for (unsigned j = 0; j < 4; j++) /* halves away from zero */
            i[j] = vcvtaq_s32_f32(bounded(vmulq_n_f32(vld1q_f32(x + h + j * 4), inverse), 127.0f));
        vst1q_u8(block + 2 + h, vreinterpretq_u8_s8(narrow_ints(i)));
    }
}

/* The first of the values whose magnitude is the largest; 0 if all are NaN. */
static inline float first_extreme(const float *x)
{
    const float max = max_magnitude(x);
    if (!(max > 0))
        return 0;
    for (unsigned i = 0; i < 32; i++)
        if (fabsf(x[i]) == max)
            return x[i];
    return 0;
}

static void store_q4_0(uint8_t *block, const float *x)
{
    const float d = first_extreme(x) / -8.0f;
    const float inverse = d != 0 ? 1.0f / d : 0.0f;
    uint8x16_t half[2];
    for (unsigned h = 0; h < 2; h++) {
        int32x4_t i[4];
        ARM_UNROLL
        for (unsigned j = 0; j < 4; j++) {
            float32x4_t v = vmulq_n_f32(vld1q_f32(x + h * 16 + j * 4), inverse);
            v = vaddq_f32(bounded(v, 8.0f), vdupq_n_f32(8.5f));
            i[j] = vminq_s32(vcvtq_s32_f32(v), vdupq_n_s32(15));
        }
        half[h] = vreinterpretq_u8_s8(narrow_ints(i));
    }
    put_scale(block, d);
    vst1q_u8(block + 2, vorrq_u8(half[0], vshlq_n_u8(half[1], 4)));
}
#endif

void aglm_kv_store_neon(uint8_t *dst, const float *src, size_t head_dim, enum aglm_dtype type)
{
    if (type == AGLM_F16 && head_dim % 4 == 0) {
        for (size_t i = 0; i < head_dim; i += 4, dst += 8)
            f4_to_halves(dst, f4_load(src + i));
        return;
    }
#if defined(__aarch64__)
    if (type == AGLM_Q8_0 && head_dim % 32 == 0) {
        for (size_t i = 0; i < head_dim; i += 32, dst += Q8_0_BYTES)
            store_q8_0(dst, src + i);
        return;
    }
    if (type == AGLM_Q4_0 && head_dim % 32 == 0) {
        for (size_t i = 0; i < head_dim; i += 32, dst += Q4_0_BYTES)
            store_q4_0(dst, src + i);
        return;
    }
#endif
    aglm_kv_store_c(dst, src, head_dim, type);
}

/* ---- to floats ---- */

static inline void load_f16(float *dst, const uint8_t *src, size_t n)
{
    for (size_t i = 0; i < n; i += 4)
        f4_store(dst + i, f4_of_halves(src + 2 * i));
}

/* d times sixteen signed bytes. */
static inline void put_sixteen(float *dst, int8x16_t q, float d)
{
    const int16x8_t half[2] = {vmovl_s8(vget_low_s8(q)), vmovl_s8(vget_high_s8(q))};
    ARM_UNROLL
    for (unsigned h = 0; h < 2; h++) {
        const int32x4_t lo = vmovl_s16(vget_low_s16(half[h]));
        const int32x4_t hi = vmovl_s16(vget_high_s16(half[h]));
        vst1q_f32(dst + h * 8, vmulq_n_f32(vcvtq_f32_s32(lo), d));
        vst1q_f32(dst + h * 8 + 4, vmulq_n_f32(vcvtq_f32_s32(hi), d));
    }
}

static inline void load_q8_0(float *dst, const uint8_t *src, size_t n)
{
    for (size_t i = 0; i < n; i += 32, src += Q8_0_BYTES) {
        const float d = scale_at(src);
        put_sixteen(dst + i, load_signed(src + 2), d);
        put_sixteen(dst + i + 16, load_signed(src + 18), d);
    }
}

static inline void load_q4_0(float *dst, const uint8_t *src, size_t n)
{
    const uint8x16_t low = vdupq_n_u8(15);
    const int8x16_t eight = vdupq_n_s8(8);
    for (size_t i = 0; i < n; i += 32, src += Q4_0_BYTES) {
        const float d = scale_at(src);
        const uint8x16_t v = load_bytes(src + 2);
        put_sixteen(dst + i, vsubq_s8(vreinterpretq_s8_u8(vandq_u8(v, low)), eight), d);
        put_sixteen(dst + i + 16, vsubq_s8(vreinterpretq_s8_u8(vshrq_n_u8(v, 4)), eight), d);
    }
}

void aglm_kv_load_neon(float *dst, const uint8_t *src, size_t n, enum aglm_dtype type)
{
    if (type == AGLM_Q8_0)
        load_q8_0(dst, src, n);
    else if (type == AGLM_Q4_0)
        load_q4_0(dst, src, n);
    else
        load_f16(dst, src, n);
}
