/* What the Arm matrix products of integers share: reading codes of a packed panel, dot products,
 * and the walk over panels, columns and tokens.
 *
 * A step of a panel, 16 rows x 4 columns, is four registers of 4 rows, a group each. One token
 * (decode) reads one panel after another: codes are unpacked into registers and meet the block's
 * activations. Several tokens (prefill) go through chunks of 256 columns of four panels, unpacked
 * once into scratch that the first cache holds, in tiles of four tokens by eight rows.
 *
 * Codes are bytes 0 … 63 or signed values. What an unsigned code must be lowered by is taken off
 * when a chunk is unpacked; for one token it meets the sum of the activations, which starts a dot
 * product. Without the dot product instructions, products are summed in 16 bit: a lane takes 8
 * products of codes up to 31 or 4 up to 63 (at most 8 * 31 * 127 = 31496 and 4 * 63 * 127 = 32004),
 * of wide values two (2 * 128 * 127 = 32512).
 *
 * With i8mm, chunks hold pairs of steps zipped to registers of 2 rows x 8 columns, and tokens go in
 * pairs; an odd token is its own neighbour.
 */
#ifndef AGLM_ENGINE_KERNELS_ARM_MATMUL_H
#define AGLM_ENGINE_KERNELS_ARM_MATMUL_H

#include "engine/kernels/arm/arm.h"
#include "engine/kernels/pack.h"

enum { ROWS = AGLM_PANEL_ROWS, STREAMS = 4, TILE = 4, CHUNK = 256, GROUP = 16, GROUPS = 4 };

/* ---- codes ---- */

/* What an unsigned code must be lowered by. */
ARM_INLINE int code_offset(const enum aglm_dtype type)
{
    switch (type) {
    case AGLM_Q4_0:
        return 8;
    case AGLM_Q5_0:
        return 16;
    case AGLM_Q3_K:
        return 4;
    case AGLM_Q6_K:
        return 32;
    default:
        return 0;
    }
}

/* Values of all eight bits. */
ARM_INLINE bool is_wide(const enum aglm_dtype type)
{
    return type == AGLM_Q8_0 || type == AGLM_IQ4_NL || type == AGLM_INT8;
}

/* Bits moved up (n > 0) or down; n is constant once unrolled, shifts want it as a literal. */
ARM_INLINE uint8x16_t shifted(uint8x16_t v, const int n)
{
    switch (n) {
    case 4:
        return vshlq_n_u8(v, 4);
    case 3:
        return vshlq_n_u8(v, 3);
    case 2:
        return vshlq_n_u8(v, 2);
    case 1:
        return vshlq_n_u8(v, 1);
    case -1:
        return vshrq_n_u8(v, 1);
    case -2:
        return vshrq_n_u8(v, 2);
    case -3:
        return vshrq_n_u8(v, 3);
    case -4:
        return vshrq_n_u8(v, 4);
    case -5:
        return vshrq_n_u8(v, 5);
    case -6:
        return vshrq_n_u8(v, 6);
    default:
        return v;
    }
}

ARM_INLINE void add_high_bits(uint8x16_t v[8], const uint8_t *high, const enum aglm_dtype type)
{
    const uint8x16_t h = load_bytes(high);
    ARM_UNROLL
    for (int s = 0; s < 8; s++)
        if (type == AGLM_Q3_K)
            v[s] = vbslq_u8(vdupq_n_u8(4), shifted(h, 2 - s), v[s]);
        else
            v[s] = vbslq_u8(vdupq_n_u8(16), shifted(h, 4 - s), v[s]);
}

/* The four steps that three vectors hold: see sixes in pack.h. */
ARM_INLINE void read_sixes(uint8x16_t v[4], const uint8_t *values)
{
    const uint8x16_t v0 = load_bytes(values), v1 = load_bytes(values + 64);
    const uint8x16_t v2 = load_bytes(values + 128), six = vdupq_n_u8(63);
    v[0] = vandq_u8(v0, six);
    v[1] = vandq_u8(v1, six);
    v[2] = vandq_u8(v2, six);
    v[3] = vsriq_n_u8(vsriq_n_u8(vshrq_n_u8(v2, 2), v1, 4), v0, 6);
}

/* A group's eight steps of a block; values, high: the block's, from the group on. */
ARM_INLINE void read_group(int8x16_t out[8], const uint8_t *values, const uint8_t *high,
                           int8x16_t table, const enum aglm_dtype type)
{
    uint8x16_t v[8];
    if (type == AGLM_Q6_K) {
        read_sixes(v, values);
        read_sixes(v + 4, values + 192);
    }
    ARM_UNROLL
    for (int c = 0; c < 4 && type != AGLM_Q6_K; c++) {
        if (type == AGLM_Q8_0) {
            v[c] = load_bytes(values + c * 64);
            v[c + 4] = load_bytes(values + (c + 4) * 64);
        } else if (type == AGLM_Q2_K || type == AGLM_Q3_K) {
            const uint8x16_t lo = load_bytes(values), hi = load_bytes(values + 64);
            v[c] = shifted(lo, -2 * c);
            v[c + 4] = shifted(hi, -2 * c);
            if (c < 3) {
                v[c] = vandq_u8(v[c], vdupq_n_u8(3));
                v[c + 4] = vandq_u8(v[c + 4], vdupq_n_u8(3));
            }
        } else {
            const uint8x16_t both = load_bytes(values + c * 64);
            v[c] = vandq_u8(both, vdupq_n_u8(15));
            v[c + 4] = vshrq_n_u8(both, 4);
        }
    }
    if (type == AGLM_Q5_0 || type == AGLM_Q5_1 || type == AGLM_Q5_K || type == AGLM_Q3_K)
        add_high_bits(v, high, type);
    ARM_UNROLL
    for (int s = 0; s < 8; s++)
        out[s] = type == AGLM_IQ4_NL || type == AGLM_MXFP4 ? look_up(table, v[s])
                                                           : vreinterpretq_s8_u8(v[s]);
}

/* acc + scale_w * scale_x * sum, as the reference orders it. */
ARM_INLINE f4 accumulate(f4 acc, int32x4_t sum, f4 scale_w, f4 scale_x)
{
    return f4_fma(acc, f4_mul(scale_w, scale_x), f4_of_ints(sum));
}

/* ---- dot products of one token ---- */

/* Sixteen activations. */
#if defined(__ARM_FEATURE_DOTPROD)
typedef int8x16_t arm_run;

ARM_INLINE arm_run load_run(const int8_t *q)
{
    return vld1q_s8(q);
}

/* sum + dot products of four rows and sixteen columns. */
ARM_INLINE int32x4_t dot_run(int32x4_t sum, const int8x16_t w[4], arm_run v, const bool wide)
{
    (void)wide;
    sum = vdotq_laneq_s32(sum, w[0], v, 0);
    sum = vdotq_laneq_s32(sum, w[1], v, 1);
    sum = vdotq_laneq_s32(sum, w[2], v, 2);
    return vdotq_laneq_s32(sum, w[3], v, 3);
}

ARM_INLINE int32x4_t dot_block(int32x4_t sum, const int8x16_t w[8], arm_run v0, arm_run v1,
                               const bool wide)
{
    return dot_run(dot_run(sum, w, v0, wide), w + 4, v1, wide);
}

#else
typedef struct {
    int8x8_t step[4]; /* four activations, twice */
} arm_run;

ARM_INLINE int8x8_t spread(const int8_t *q)
{
    int32_t v;
    memcpy(&v, q, 4);
    return vreinterpret_s8_s32(vdup_n_s32(v));
}

ARM_INLINE arm_run load_run(const int8_t *q)
{
    return (arm_run){{spread(q), spread(q + 4), spread(q + 8), spread(q + 12)}};
}

/* Products of rows 0 and 1, and of rows 2 and 3, two columns or more in each lane. */
struct products {
    int16x8_t lo, hi;
};

ARM_INLINE struct products multiply_step(int8x16_t w, int8x8_t v)
{
    return (struct products){vmull_s8(vget_low_s8(w), v), vmull_s8(vget_high_s8(w), v)};
}

ARM_INLINE struct products add_step(struct products p, int8x16_t w, int8x8_t v)
{
    p.lo = vmlal_s8(p.lo, vget_low_s8(w), v);
    p.hi = vmlal_s8(p.hi, vget_high_s8(w), v);
    return p;
}

ARM_INLINE int32x4_t dot_run(int32x4_t sum, const int8x16_t w[4], arm_run v, const bool wide)
{
    struct products p = add_step(multiply_step(w[0], v.step[0]), w[1], v.step[1]);
    if (!wide) {
        p = add_step(add_step(p, w[2], v.step[2]), w[3], v.step[3]);
        return vaddq_s32(sum, add_pairs(vpaddlq_s16(p.lo), vpaddlq_s16(p.hi)));
    }
    struct products more = add_step(multiply_step(w[2], v.step[2]), w[3], v.step[3]);
    return vaddq_s32(sum, add_pairs(vpadalq_s16(vpaddlq_s16(p.lo), more.lo),
                                    vpadalq_s16(vpaddlq_s16(p.hi), more.hi)));
}

ARM_INLINE int32x4_t dot_block(int32x4_t sum, const int8x16_t w[8], arm_run v0, arm_run v1,
                               const bool wide)
{
    if (wide)
        return dot_run(dot_run(sum, w, v0, wide), w + 4, v1, wide);
    struct products p = multiply_step(w[0], v0.step[0]);
    ARM_UNROLL
    for (unsigned s = 1; s < 8; s++)
        p = add_step(p, w[s], s < 4 ? v0.step[s % 4] : v1.step[s % 4]);
    return vaddq_s32(sum, add_pairs(vpaddlq_s16(p.lo), vpaddlq_s16(p.hi)));
}
#endif

/* ---- prefill ---- */

/* A super-block's scales and mins, [16], or [8] of types with one for each block. */
struct arm_scales {
    int16_t scale[CHUNK / 16][ROWS], min[CHUNK / 16][ROWS];
};

/* Some columns of a panel, unpacked. */
struct arm_chunk {
    _Alignas(64) int8_t bytes[CHUNK * ROWS]; /* [CHUNK / 4][64] */
    struct arm_scales k;
    float d[CHUNK / 32][ROWS], m[CHUNK / 32][ROWS];
};

/* What the walk needs of a type. A tile adds n columns from k0 on to out[t0 …] of TILE tokens or of
 * one; the first columns start from 0. */
struct arm_prefill {
    void (*unpack)(struct arm_chunk *c, const uint8_t *panel, size_t k, size_t k0, size_t n);
    void (*tile)(float *out, size_t ld_out, const struct arm_chunk *c, const struct aglm_acts *x,
                 size_t k, size_t k0, size_t n, size_t t0);
    void (*one)(float *out, size_t ld_out, const struct arm_chunk *c, const struct aglm_acts *x,
                size_t k, size_t k0, size_t n, size_t t0);
};

#define ARM_TILE_ARGS                                                                          \
    float *out, size_t ld_out, const struct arm_chunk *c, const struct aglm_acts *x, size_t k, \
        size_t k0, size_t n, size_t t0

void aglm_arm_prefill(ARM_MATMUL_ARGS, size_t stride, const struct arm_prefill *type);

/* A group's eight steps of a block as dot_tile wants them, lowered by their offset; bytes: the
 * block's, from the group on. */
ARM_INLINE void put_group(int8_t *bytes, int8x16_t v[8], const enum aglm_dtype type)
{
    ARM_UNROLL
    for (unsigned s = 0; s < 8; s++)
        if (code_offset(type))
            v[s] = vsubq_s8(v[s], vdupq_n_s8((int8_t)code_offset(type)));
    ARM_UNROLL
    for (unsigned s = 0; s < 8; s += 2) {
#if defined(__ARM_FEATURE_MATMUL_INT8)
        const int32x4_t a = vreinterpretq_s32_s8(v[s]), b = vreinterpretq_s32_s8(v[s + 1]);
        vst1q_s8(bytes + s * 64, vreinterpretq_s8_s32(vzip1q_s32(a, b)));
        vst1q_s8(bytes + s * 64 + 64, vreinterpretq_s8_s32(vzip2q_s32(a, b)));
#else
        vst1q_s8(bytes + s * 64, v[s]);
        vst1q_s8(bytes + s * 64 + 64, v[s + 1]);
#endif
    }
}

/* sum[t]: dot products of `steps` steps of eight rows with the activations of each token, k apart.
 */
#if defined(__ARM_FEATURE_MATMUL_INT8)
ARM_INLINE void dot_tile(int32x4_t sum[TILE][2], const int8_t *bytes, const int8_t *q, size_t k,
                         const unsigned steps, const bool wide, const unsigned tokens)
{
    const unsigned pairs = (tokens + 1) / 2;
    int32x4_t square[TILE / 2][4]; /* of two rows: first with both tokens, second with both */
    (void)wide;
    ARM_UNROLL
    for (unsigned t = 0; t < pairs; t++)
        for (unsigned i = 0; i < 4; i++)
            square[t][i] = vdupq_n_s32(0);
    ARM_UNROLL
    for (unsigned s = 0; s < steps; s += 2) {
        int8x16_t w[4];
        ARM_UNROLL
        for (unsigned i = 0; i < 4; i++)
            w[i] = load_signed(bytes + (s + i % 2) * 64 + i / 2 * GROUP);
        ARM_UNROLL
        for (unsigned t = 0; t < pairs; t++) {
            const int8_t *at = q + t * 2 * k + s * 4;
            const int8x16_t v = vcombine_s8(vld1_s8(at), vld1_s8(tokens > 1 ? at + k : at));
            ARM_UNROLL
            for (unsigned i = 0; i < 4; i++)
                square[t][i] = vmmlaq_s32(square[t][i], w[i], v);
        }
    }
    ARM_UNROLL
    for (unsigned t = 0; t < tokens; t++)
        for (unsigned g = 0; g < 2; g++)
            sum[t][g] = t % 2 ? vuzp2q_s32(square[t / 2][g * 2], square[t / 2][g * 2 + 1])
                              : vuzp1q_s32(square[t / 2][g * 2], square[t / 2][g * 2 + 1]);
}
#elif defined(__ARM_FEATURE_DOTPROD)
#define ARM_DOT_STEP(lane)                                                   \
    {                                                                        \
        const int8x16_t w0 = load_signed(bytes + (s + (lane)) * 64);         \
        const int8x16_t w1 = load_signed(bytes + (s + (lane)) * 64 + GROUP); \
        ARM_UNROLL                                                           \
        for (unsigned t = 0; t < tokens; t++) {                              \
            sum[t][0] = vdotq_laneq_s32(sum[t][0], w0, v[t], lane);          \
            sum[t][1] = vdotq_laneq_s32(sum[t][1], w1, v[t], lane);          \
        }                                                                    \
    }

ARM_INLINE void dot_tile(int32x4_t sum[TILE][2], const int8_t *bytes, const int8_t *q, size_t k,
                         const unsigned steps, const bool wide, const unsigned tokens)
{
    (void)wide;
    ARM_UNROLL
    for (unsigned t = 0; t < tokens; t++)
        sum[t][0] = sum[t][1] = vdupq_n_s32(0);
    ARM_UNROLL
    for (unsigned s = 0; s < steps; s += 4) {
        int8x16_t v[TILE];
        ARM_UNROLL
        for (unsigned t = 0; t < tokens; t++)
            v[t] = vld1q_s8(q + t * k + s * 4);
        ARM_DOT_STEP(0)
        ARM_DOT_STEP(1)
        ARM_DOT_STEP(2)
        ARM_DOT_STEP(3)
    }
}
#else
ARM_INLINE void dot_tile(int32x4_t sum[TILE][2], const int8_t *bytes, const int8_t *q, size_t k,
                         const unsigned steps, const bool wide, const unsigned tokens)
{
    const unsigned fold = wide ? 2 : steps; /* products that fit a 16-bit lane */
    ARM_UNROLL
    for (unsigned g = 0; g < 2; g++) {
        struct products p[TILE];
        int32x4_t lo[TILE], hi[TILE];
        ARM_UNROLL
        for (unsigned s = 0; s < steps; s++) {
            const int8x16_t w = load_signed(bytes + s * 64 + g * GROUP);
            ARM_UNROLL
            for (unsigned t = 0; t < tokens; t++) {
                const int8x8_t v = spread(q + t * k + s * 4);
                p[t] = s % fold == 0 ? multiply_step(w, v) : add_step(p[t], w, v);
                if (s % fold != fold - 1)
                    continue;
                lo[t] = s < fold ? vpaddlq_s16(p[t].lo) : vpadalq_s16(lo[t], p[t].lo);
                hi[t] = s < fold ? vpaddlq_s16(p[t].hi) : vpadalq_s16(hi[t], p[t].hi);
            }
        }
        ARM_UNROLL
        for (unsigned t = 0; t < tokens; t++)
            sum[t][g] = add_pairs(lo[t], hi[t]);
    }
}
#endif

/* A tile's sums so far of eight rows: [tokens][2]. */
ARM_INLINE void load_tile(f4 acc[TILE][2], const float *out, size_t ld_out, size_t k0,
                          const unsigned tokens)
{
    ARM_UNROLL
    for (unsigned t = 0; t < tokens; t++)
        for (unsigned g = 0; g < 2; g++)
            acc[t][g] = k0 ? f4_load(out + t * ld_out + g * 4) : f4_all(0);
}

ARM_INLINE void store_tile(float *out, size_t ld_out, f4 acc[TILE][2], const unsigned tokens)
{
    ARM_UNROLL
    for (unsigned t = 0; t < tokens; t++)
        for (unsigned g = 0; g < 2; g++)
            f4_store(out + t * ld_out + g * 4, acc[t][g]);
}

/* One type's functions, and its entry; FAMILY: blocks or k. */
#define ARM_MATMUL(FAMILY, NAME, TYPE)                                                          \
    static void NAME##_unpack(struct arm_chunk *c, const uint8_t *panel, size_t k, size_t k0,   \
                              size_t n)                                                         \
    {                                                                                           \
        FAMILY##_unpack(c, panel, k, k0, n, TYPE);                                              \
    }                                                                                           \
    static void NAME##_tile(ARM_TILE_ARGS)                                                      \
    {                                                                                           \
        FAMILY##_tile(out, ld_out, c, x, k, k0, n, t0, TYPE, TILE);                             \
    }                                                                                           \
    static void NAME##_one(ARM_TILE_ARGS)                                                       \
    {                                                                                           \
        FAMILY##_tile(out, ld_out, c, x, k, k0, n, t0, TYPE, 1);                                \
    }                                                                                           \
    static void NAME(ARM_MATMUL_ARGS)                                                           \
    {                                                                                           \
        static const struct arm_prefill type = {NAME##_unpack, NAME##_tile, NAME##_one};        \
        const size_t stride = aglm_panel_bytes(TYPE, k);                                        \
        if (n_tokens != 1)                                                                      \
            aglm_arm_prefill(out, ld_out, w, x, k, n_panels, n_tokens, scratch, stride, &type); \
        else                                                                                    \
            for (size_t p = 0; p < n_panels; p++)                                               \
                FAMILY##_panel(out + p * ROWS, w + p * stride, x, k, TYPE);                     \
    }

#endif
