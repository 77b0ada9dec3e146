/* The roof's loops with NEON, compiled once for each instruction set: NEON itself (64 and 32 bit),
 * dot products, int8 matrix products.
 *
 * Integer: the densest exact product of each: a widening multiply-add of 8 bytes to 16 bits
 * (gathering these in 32 bits, which real code needs now and then, is left out), sdot of 16 to 32
 * bits, smmla of 32. Written in place: of intrinsics compilers make copies and spills.
 */
#include "probes/roof_kernels.h"

#include <arm_neon.h>
#include <string.h>

#if defined(__ARM_FEATURE_MATMUL_INT8)
#define KERNELS aglm_roof_i8mm
#define ISA "i8mm"
#elif defined(__ARM_FEATURE_DOTPROD)
#define KERNELS aglm_roof_dotprod
#define ISA "dotprod"
#else
#define KERNELS aglm_roof_neon
#define ISA "neon"
#endif

/* As many chains as hide the latency of four multiply-adds a cycle, or as there are registers. */
#define TWELVE(step) \
    step(s0);        \
    step(s1);        \
    step(s2);        \
    step(s3);        \
    step(s4);        \
    step(s5);        \
    step(s6);        \
    step(s7);        \
    step(s8);        \
    step(s9);        \
    step(s10);       \
    step(s11)
#if defined(__aarch64__)
enum { CHAINS = 16 };
#define EACH_CHAIN(step) \
    TWELVE(step);        \
    step(s12);           \
    step(s13);           \
    step(s14);           \
    step(s15)
#define MORE_CHAINS(start) , s12 = start, s13 = start, s14 = start, s15 = start
#else
enum { CHAINS = 12 };
#define EACH_CHAIN(step) TWELVE(step)
#define MORE_CHAINS(start)
#endif
#define START_CHAINS(start)                                                             \
    s0 = start, s1 = start, s2 = start, s3 = start, s4 = start, s5 = start, s6 = start, \
    s7 = start, s8 = start, s9 = start, s10 = start, s11 = start MORE_CHAINS(start)

static uint64_t read_neon(const uint8_t *p, size_t stride, size_t n)
{
    uint8x16_t sum[4] = {vdupq_n_u8(0), vdupq_n_u8(0), vdupq_n_u8(0), vdupq_n_u8(0)};
    for (size_t i = 0; i < n; i += 64)
        for (size_t s = 0; s < 4; s++) {
            const uint8_t *at = p + s * stride + i;
            const uint8x16_t a = veorq_u8(vld1q_u8(at), vld1q_u8(at + 16));
            sum[s] = veorq_u8(sum[s], veorq_u8(a, veorq_u8(vld1q_u8(at + 32), vld1q_u8(at + 48))));
        }
    uint64_t lane[2];
    sum[0] = veorq_u8(veorq_u8(sum[0], sum[1]), veorq_u8(sum[2], sum[3]));
    memcpy(lane, &sum[0], sizeof(lane));
    return lane[0] ^ lane[1];
}

#if defined(__ARM_FEATURE_MATMUL_INT8)
enum { PRODUCTS = 32 };
#define STEP(sum) __asm__ volatile("smmla %0.4s, %1.16b, %2.16b" : "+w"(sum) : "w"(w), "w"(x))
#elif defined(__ARM_FEATURE_DOTPROD)
enum { PRODUCTS = 16 };
#define STEP(sum) __asm__ volatile("sdot %0.4s, %1.16b, %2.16b" : "+w"(sum) : "w"(w), "w"(x))
#elif defined(__aarch64__)
enum { PRODUCTS = 8 };
#define STEP(sum) __asm__ volatile("smlal %0.8h, %1.8b, %2.8b" : "+w"(sum) : "w"(w), "w"(x))
#else
enum { PRODUCTS = 8 };
#define STEP(sum) __asm__ volatile("vmlal.s8 %q0, %e1, %e2" : "+w"(sum) : "w"(w), "w"(x))
#endif

/* 16-bit lanes: the low halves of 32-bit ones add up to the same, modulo 2^16. */
#define ADD_LANES(sum)                                                                    \
    for (int i = 0; i<(int)sizeof(lane) / (int)sizeof(*lane); i += PRODUCTS> 8 ? 2 : 1) { \
        memcpy(lane, &(sum), sizeof(lane));                                               \
        all += lane[i];                                                                   \
    }

static uint64_t int8_neon(size_t n, uint64_t *ops)
{
    const int8x16_t w = vdupq_n_s8(3), x = vdupq_n_s8(-5);
    const int16x8_t zero = vdupq_n_s16(0);
    int16x8_t START_CHAINS(zero);
    uint16_t lane[8];
    uint64_t all = 0;
    for (size_t r = 0; r < n; r++) {
        EACH_CHAIN(STEP);
    }
    EACH_CHAIN(ADD_LANES);
    *ops = (uint64_t)n * CHAINS * PRODUCTS * 2;
    return all & 0xffff;
}

#if defined(__aarch64__)
#define FMA_STEP(sum) __asm__ volatile("fmla %0.4s, %1.4s, %2.4s" : "+w"(sum) : "w"(w), "w"(x))
#else
#define FMA_STEP(sum) __asm__ volatile("vfma.f32 %q0, %q1, %q2" : "+w"(sum) : "w"(w), "w"(x))
#endif
#define ADD_FLOATS(sum)                 \
    memcpy(lane, &(sum), sizeof(lane)); \
    all += lane[0] + lane[1] + lane[2] + lane[3]

static uint64_t f32_neon(size_t n, uint64_t *ops)
{
    const float32x4_t w = vdupq_n_f32(0.5f), x = vdupq_n_f32(0.002f), zero = vdupq_n_f32(0);
    float32x4_t START_CHAINS(zero);
    float lane[4], all = 0;
    uint32_t bits;
    for (size_t r = 0; r < n; r++) {
        EACH_CHAIN(FMA_STEP);
    }
    EACH_CHAIN(ADD_FLOATS);
    *ops = (uint64_t)n * CHAINS * 4 * 2;
    memcpy(&bits, &all, sizeof(bits));
    return bits;
}

const struct aglm_roof_kernels KERNELS = {ISA, read_neon, int8_neon, f32_neon};
