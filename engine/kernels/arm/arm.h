/* What the Arm kernel files share: intrinsics that 32-bit Arm lacks, four floats in a row, exp, and
 * each other's entries in the table.
 *
 * The files of matrix products of integers are compiled once for each instruction set, each time
 * with names of their own: ARM_NAME(x) is x_neon, x_dotprod or x_i8mm.
 *
 * NEON of armv7 flushes subnormal numbers to zero and gives every NaN the same bits; VFP does
 * neither. What must equal the reference bit for bit is computed with struct f4, which is a NEON
 * register on aarch64 and four VFP registers on armv7.
 */
#ifndef AGLM_ENGINE_KERNELS_ARM_ARM_H
#define AGLM_ENGINE_KERNELS_ARM_ARM_H

#include "engine/kernels/kernels.h"

#include <arm_neon.h>
#include <math.h>
#include <string.h>

#if defined(__ARM_FEATURE_MATMUL_INT8)
#define ARM_NAME(name) name##_i8mm
#elif defined(__ARM_FEATURE_DOTPROD)
#define ARM_NAME(name) name##_dotprod
#else
#define ARM_NAME(name) name##_neon
#endif

/* A function whose last arguments are constants in every call: inlined, so that loops unroll. */
#define ARM_INLINE static inline __attribute__((always_inline))
#if defined(__clang__)
#define ARM_UNROLL _Pragma("clang loop unroll(full)")
#define ARM_ROLLED _Pragma("clang loop unroll(disable)")
#else
#define ARM_UNROLL _Pragma("GCC unroll 16")
#define ARM_ROLLED _Pragma("GCC unroll 1")
#endif

#define ARM_MATMUL_ARGS                                                               \
    float *out, size_t ld_out, const uint8_t *w, const struct aglm_acts *x, size_t k, \
        size_t n_panels, size_t n_tokens, void *scratch

static inline uint8x16_t load_bytes(const void *p)
{
    return vld1q_u8(p);
}

static inline int8x16_t load_signed(const void *p)
{
    return vld1q_s8(p);
}

#if defined(__aarch64__)

typedef float32x4_t f4;

static inline f4 f4_load(const float *p)
{
    return vld1q_f32(p);
}

static inline void f4_store(float *p, f4 v)
{
    vst1q_f32(p, v);
}

static inline f4 f4_all(float v)
{
    return vdupq_n_f32(v);
}

static inline f4 f4_add(f4 a, f4 b)
{
    return vaddq_f32(a, b);
}

static inline f4 f4_mul(f4 a, f4 b)
{
    return vmulq_f32(a, b);
}

static inline f4 f4_div(f4 a, f4 b)
{
    return vdivq_f32(a, b);
}

/* acc + a * b and acc - a * b, rounded once. */
static inline f4 f4_fma(f4 acc, f4 a, f4 b)
{
    return vfmaq_f32(acc, a, b);
}

static inline f4 f4_fms(f4 acc, f4 a, f4 b)
{
    return vfmsq_f32(acc, a, b);
}

static inline f4 f4_of_ints(int32x4_t v)
{
    return vcvtq_f32_s32(v);
}

static inline f4 f4_of_bits(uint32x4_t v)
{
    return vreinterpretq_f32_u32(v);
}

static inline f4 f4_of_halves(const uint8_t *p)
{
    return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(p)));
}

static inline void f4_to_halves(void *p, f4 v)
{
    vst1_u8(p, vreinterpret_u8_f16(vcvt_f16_f32(v)));
}

static inline float32x4_t neon_of(f4 v)
{
    return v;
}

/* aglm_expf, bit for bit. Max and min keep a NaN. */
static inline f4 f4_exp(f4 x)
{
    x = vmaxq_f32(x, vdupq_n_f32(AGLM_EXP_LO));
    x = vminq_f32(x, vdupq_n_f32(AGLM_EXP_HI));
    f4 n = vrndnq_f32(vmulq_f32(x, vdupq_n_f32(AGLM_EXP_LOG2E)));
    f4 r = vfmaq_f32(x, n, vdupq_n_f32(-AGLM_EXP_LN2_HI));
    r = vfmaq_f32(r, n, vdupq_n_f32(-AGLM_EXP_LN2_LO));
    f4 p = vdupq_n_f32(AGLM_EXP_C5);
    p = vfmaq_f32(vdupq_n_f32(AGLM_EXP_C4), p, r);
    p = vfmaq_f32(vdupq_n_f32(AGLM_EXP_C3), p, r);
    p = vfmaq_f32(vdupq_n_f32(AGLM_EXP_C2), p, r);
    p = vfmaq_f32(vdupq_n_f32(AGLM_EXP_C1), p, r);
    p = vfmaq_f32(vdupq_n_f32(AGLM_EXP_C0), p, r);
    p = vaddq_f32(vfmaq_f32(r, p, vmulq_f32(r, r)), vdupq_n_f32(1.0f));
    int32x4_t e = vaddq_s32(vcvtnq_s32_f32(n), vdupq_n_s32(127));
    return vmulq_f32(p, vreinterpretq_f32_s32(vshlq_n_s32(e, 23)));
}

static inline int32x4_t add_pairs(int32x4_t a, int32x4_t b)
{
    return vpaddq_s32(a, b);
}

static inline int8x16_t look_up(int8x16_t table, uint8x16_t at)
{
    return vqtbl1q_s8(table, at);
}

/* To integers, halves to even; |v| < 2^22. */
static inline int32x4_t round_even(float32x4_t v)
{
    return vcvtnq_s32_f32(v);
}

static inline float32x4_t add_float_pairs(float32x4_t a, float32x4_t b)
{
    return vpaddq_f32(a, b);
}

static inline float max_lanes(float32x4_t v)
{
    return vmaxnmvq_f32(v);
}

static inline uint32_t max_bits_lanes(uint32x4_t v)
{
    return vmaxvq_u32(v);
}

/* The larger one; a number before NaN. */
static inline float32x4_t max_number(float32x4_t a, float32x4_t b)
{
    return vmaxnmq_f32(a, b);
}

#else

typedef struct {
    float v[4];
} f4;

static inline f4 f4_load(const float *p)
{
    return (f4){{p[0], p[1], p[2], p[3]}};
}

static inline void f4_store(float *p, f4 v)
{
    p[0] = v.v[0], p[1] = v.v[1], p[2] = v.v[2], p[3] = v.v[3];
}

static inline f4 f4_all(float v)
{
    return (f4){{v, v, v, v}};
}

static inline f4 f4_add(f4 a, f4 b)
{
    return (f4){{a.v[0] + b.v[0], a.v[1] + b.v[1], a.v[2] + b.v[2], a.v[3] + b.v[3]}};
}

static inline f4 f4_mul(f4 a, f4 b)
{
    return (f4){{a.v[0] * b.v[0], a.v[1] * b.v[1], a.v[2] * b.v[2], a.v[3] * b.v[3]}};
}

static inline f4 f4_div(f4 a, f4 b)
{
    return (f4){{a.v[0] / b.v[0], a.v[1] / b.v[1], a.v[2] / b.v[2], a.v[3] / b.v[3]}};
}

static inline f4 f4_fma(f4 acc, f4 a, f4 b)
{
    return (f4){{fmaf(a.v[0], b.v[0], acc.v[0]), fmaf(a.v[1], b.v[1], acc.v[1]),
                 fmaf(a.v[2], b.v[2], acc.v[2]), fmaf(a.v[3], b.v[3], acc.v[3])}};
}

static inline f4 f4_fms(f4 acc, f4 a, f4 b)
{
    return (f4){{fmaf(-a.v[0], b.v[0], acc.v[0]), fmaf(-a.v[1], b.v[1], acc.v[1]),
                 fmaf(-a.v[2], b.v[2], acc.v[2]), fmaf(-a.v[3], b.v[3], acc.v[3])}};
}

/* By way of memory: GCC moves lanes one by one through the integer registers. */
static inline f4 f4_of_neon(float32x4_t v)
{
    f4 f;
    vst1q_f32(f.v, v);
    __asm__("" : "+m"(f));
    return f;
}

static inline f4 f4_of_ints(int32x4_t v)
{
    return f4_of_neon(vcvtq_f32_s32(v));
}

static inline f4 f4_of_bits(uint32x4_t v)
{
    return f4_of_neon(vreinterpretq_f32_u32(v));
}

static inline f4 f4_of_halves(const uint8_t *p)
{
    /* Subnormal halves are normal floats, which nothing flushes. */
    return f4_of_neon(vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(p))));
}

static inline void f4_to_halves(void *p, f4 v)
{
    __fp16 h[4] = {(__fp16)v.v[0], (__fp16)v.v[1], (__fp16)v.v[2], (__fp16)v.v[3]};
    memcpy(p, h, sizeof(h));
}

static inline float32x4_t neon_of(f4 v)
{
    return vld1q_f32(v.v);
}

/* aglm_expf, bit for bit. */
static inline float vfp_exp(float x)
{
    const float shift = 0x1.8p23f; /* adding it rounds to an integer, halves to even */
    x = x < AGLM_EXP_LO ? AGLM_EXP_LO : x;
    x = x > AGLM_EXP_HI ? AGLM_EXP_HI : x;
    float n = (x * AGLM_EXP_LOG2E + shift) - shift;
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

static inline f4 f4_exp(f4 x)
{
    return (f4){{vfp_exp(x.v[0]), vfp_exp(x.v[1]), vfp_exp(x.v[2]), vfp_exp(x.v[3])}};
}

static inline int32x4_t add_pairs(int32x4_t a, int32x4_t b)
{
    return vcombine_s32(vpadd_s32(vget_low_s32(a), vget_high_s32(a)),
                        vpadd_s32(vget_low_s32(b), vget_high_s32(b)));
}

static inline int8x16_t look_up(int8x16_t table, uint8x16_t at)
{
    const int8x8x2_t t = {{vget_low_s8(table), vget_high_s8(table)}};
    const int8x16_t i = vreinterpretq_s8_u8(at);
    return vcombine_s8(vtbl2_s8(t, vget_low_s8(i)), vtbl2_s8(t, vget_high_s8(i)));
}

static inline int32x4_t round_even(float32x4_t v)
{
    const float32x4_t shift = vdupq_n_f32(0x1.8p23f);
    return vsubq_s32(vreinterpretq_s32_f32(vaddq_f32(v, shift)), vreinterpretq_s32_f32(shift));
}

static inline float32x4_t add_float_pairs(float32x4_t a, float32x4_t b)
{
    return vcombine_f32(vpadd_f32(vget_low_f32(a), vget_high_f32(a)),
                        vpadd_f32(vget_low_f32(b), vget_high_f32(b)));
}

static inline float32x4_t max_number(float32x4_t a, float32x4_t b)
{
    uint32x4_t first = vorrq_u32(vcgtq_f32(a, b), vmvnq_u32(vceqq_f32(b, b)));
    return vbslq_f32(first, a, b);
}

static inline float max_lanes(float32x4_t v)
{
    float lane[4];
    vst1q_f32(lane, v);
    return fmaxf(fmaxf(lane[0], lane[1]), fmaxf(lane[2], lane[3]));
}

static inline uint32_t max_bits_lanes(uint32x4_t v)
{
    uint32x2_t m = vpmax_u32(vget_low_u32(v), vget_high_u32(v));
    return vget_lane_u32(vpmax_u32(m, m), 0);
}

#endif

static inline float sum_lanes(float32x4_t v)
{
    v = add_float_pairs(v, v);
    return vgetq_lane_f32(add_float_pairs(v, v), 0);
}

/* Integers of four registers, each within a signed byte, to sixteen bytes in order. */
static inline int8x16_t narrow_ints(const int32x4_t i[4])
{
    int16x8_t a = vcombine_s16(vmovn_s32(i[0]), vmovn_s32(i[1]));
    int16x8_t b = vcombine_s16(vmovn_s32(i[2]), vmovn_s32(i[3]));
    return vcombine_s8(vmovn_s16(a), vmovn_s16(b));
}

/* The sum of sixteen bytes; |sum| <= 2048. */
static inline int16_t sum_bytes(int8x16_t v)
{
    int64x2_t s = vpaddlq_s32(vpaddlq_s16(vpaddlq_s8(v)));
    return (int16_t)(vgetq_lane_s64(s, 0) + vgetq_lane_s64(s, 1));
}

/* The parts of the tables: products with integers of each instruction set, and the rest. */
#define ARM_FILLS(isa)                                            \
    void aglm_kernels_fill_blocks_##isa(struct aglm_kernels *k);  \
    void aglm_kernels_fill_kquants_##isa(struct aglm_kernels *k); \
    void aglm_kernels_fill_int8_##isa(struct aglm_kernels *k);
ARM_FILLS(neon)
ARM_FILLS(dotprod)
ARM_FILLS(i8mm)
void aglm_kernels_fill_neon_vector(struct aglm_kernels *k);
void aglm_pack_panel_neon(enum aglm_dtype type, uint8_t *dst,
                          const void *const rows[AGLM_PANEL_ROWS], size_t k);

void aglm_kv_store_neon(uint8_t *dst, const float *src, size_t head_dim, enum aglm_dtype type);
/* n cached elements to floats, n a multiple of 8 (F16) or 32. */
void aglm_kv_load_neon(float *dst, const uint8_t *src, size_t n, enum aglm_dtype type);
void aglm_attend_neon(const struct aglm_attend *a);

#endif
