/* Matrix products on Arm of the types with super-blocks of 256: Q2_K Q3_K Q4_K Q5_K Q6_K. Bit for
 * bit equal to matmul_kquants_c.c. Compiled once for each instruction set.
 *
 * The integer sum of a run (of Q4_K and Q5_K: of a block) meets its scale in one integer
 * multiply-add; mins meet the activations' sums.
 */
#include "engine/kernels/arm/matmul.h"

ARM_INLINE bool has_min(const enum aglm_dtype type)
{
    return type == AGLM_Q2_K || type == AGLM_Q4_K || type == AGLM_Q5_K;
}

/* Q4_K and Q5_K have one scale and one min for a block, the others for each run of 16. */
ARM_INLINE bool by_block(const enum aglm_dtype type)
{
    return type == AGLM_Q4_K || type == AGLM_Q5_K;
}

ARM_INLINE void put_sixteen(int16_t dst[ROWS], uint8x16_t v)
{
    const int8x16_t s = vreinterpretq_s8_u8(v);
    vst1q_s16(dst, vmovl_s8(vget_low_s8(s)));
    vst1q_s16(dst + 8, vmovl_s8(vget_high_s8(s)));
}

/* Two numbers of six bits: low four in both nibbles of v, high two in bits 0 … 3 of high. */
ARM_INLINE void split_six_bits(uint8x16_t two[2], uint8x16_t v, uint8x16_t high)
{
    const uint8x16_t top = vdupq_n_u8(48);
    two[0] = vbslq_u8(top, vshlq_n_u8(high, 4), vandq_u8(v, vdupq_n_u8(15)));
    two[1] = vbslq_u8(top, vshlq_n_u8(high, 2), vshrq_n_u8(v, 4));
}

ARM_INLINE void read_six_bits(struct arm_scales *out, const uint8_t *src,
                              const enum aglm_dtype type)
{
    for (size_t i = 0; i < 8; i++) {
        uint8x16_t two[2], high = load_bytes(src + (8 + i / 2) * ROWS);
        high = i % 2 ? vshrq_n_u8(high, 4) : high;
        split_six_bits(two, load_bytes(src + i * ROWS), high);
        if (by_block(type)) {
            put_sixteen(out->scale[i], two[0]);
            put_sixteen(out->min[i], two[1]);
        } else {
            put_sixteen(out->scale[i * 2], vsubq_u8(two[0], vdupq_n_u8(32)));
            put_sixteen(out->scale[i * 2 + 1], vsubq_u8(two[1], vdupq_n_u8(32)));
        }
    }
}

ARM_INLINE void read_scales(struct arm_scales *out, const uint8_t *scales,
                            const enum aglm_dtype type)
{
    if (type != AGLM_Q2_K && type != AGLM_Q6_K) {
        read_six_bits(out, scales, type);
        return;
    }
    for (size_t j = 0; j < 16; j++) {
        const uint8x16_t v = load_bytes(scales + j * ROWS);
        put_sixteen(out->scale[j], type == AGLM_Q2_K ? vandq_u8(v, vdupq_n_u8(15)) : v);
        if (type == AGLM_Q2_K)
            put_sixteen(out->min[j], vshrq_n_u8(v, 4));
    }
}

/* Mins of four rows, from row r on, times the activations' sums. */
ARM_INLINE int32x4_t dot_mins(const struct arm_scales *scales, const int16_t *sums,
                              const unsigned r, const enum aglm_dtype type)
{
    const unsigned n = by_block(type) ? 8 : 16;
    int32x4_t total = vdupq_n_s32(0);
    ARM_UNROLL
    for (unsigned j = 0; j < n; j++) {
        const int sum = by_block(type) ? sums[j * 2] + sums[j * 2 + 1] : sums[j];
        total = vmlal_s16(total, vld1_s16(scales->min[j] + r), vdup_n_s16((int16_t)sum));
    }
    return total;
}

/* total + scale * sum; scale: of four rows. */
ARM_INLINE int32x4_t add_scaled(int32x4_t total, int32x4_t sum, const int16_t *scale)
{
    return vmlaq_s32(total, sum, vmovl_s16(vld1_s16(scale)));
}

/* ---- one token ---- */

/* total + scales * dot products of a block i of a super-block; v: the group's codes. */
ARM_INLINE int32x4_t add_block(int32x4_t total, const int8x16_t v[8], arm_run v0, arm_run v1,
                               const struct arm_scales *scales, const int16_t *sums, size_t i,
                               const unsigned r, const enum aglm_dtype type)
{
    if (by_block(type))
        return add_scaled(total, dot_block(vdupq_n_s32(0), v, v0, v1, false), scales->scale[i] + r);
    const int32x4_t less0 = vdupq_n_s32(-code_offset(type) * sums[i * 2]);
    const int32x4_t less1 = vdupq_n_s32(-code_offset(type) * sums[i * 2 + 1]);
    total = add_scaled(total, dot_run(less0, v, v0, false), scales->scale[i * 2] + r);
    return add_scaled(total, dot_run(less1, v + 4, v1, false), scales->scale[i * 2 + 1] + r);
}

/* A super-block's sums of four rows times their scales. */
ARM_INLINE f4 close_super(f4 acc, int32x4_t total, int32x4_t mins, f4 d, f4 m, f4 scale_x,
                          const enum aglm_dtype type)
{
    acc = accumulate(acc, total, d, scale_x);
    return has_min(type) ? f4_fms(acc, f4_mul(m, scale_x), f4_of_ints(mins)) : acc;
}

/* out: [16], of one panel. */
ARM_INLINE void k_panel(float *out, const uint8_t *w, const struct aglm_acts *x, size_t k,
                        const enum aglm_dtype type)
{
    const struct aglm_panel_parts parts = aglm_panel_parts(type);
    f4 acc[GROUPS];
    for (unsigned g = 0; g < GROUPS; g++)
        acc[g] = f4_all(0);
    for (size_t sb = 0; sb < k / 256; sb++) {
        const uint8_t *record = w + sb * parts.record;
        const int16_t *sums = x->sum + sb * 16;
        const f4 scale_x = f4_all(x->scale[sb * 8]);
        struct arm_scales scales;
        int32x4_t total[GROUPS] = {vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0)};
        read_scales(&scales, record + parts.scales, type);
        ARM_ROLLED
        for (size_t i = 0; i < 8; i++) {
            const size_t b = sb * 8 + i;
            const arm_run v0 = load_run(x->q + b * 32), v1 = load_run(x->q + b * 32 + 16);
            ARM_UNROLL
            for (unsigned g = 0; g < GROUPS; g++) {
                int8x16_t v[8];
                read_group(v, record + parts.values + i * parts.block + g * GROUP,
                           record + parts.high + i * parts.block + g * GROUP, vdupq_n_s8(0), type);
                total[g] = add_block(total[g], v, v0, v1, &scales, sums, i, g * 4, type);
            }
        }
        ARM_UNROLL
        for (unsigned g = 0; g < GROUPS; g++) {
            int32x4_t mins = vdupq_n_s32(0);
            f4 m = f4_all(0);
            if (has_min(type)) {
                mins = dot_mins(&scales, sums, g * 4, type);
                m = f4_of_halves(record + parts.mins + g * 8);
            }
            acc[g] = close_super(acc[g], total[g], mins,
                                 f4_of_halves(record + parts.supers + g * 8), m, scale_x, type);
        }
    }
    for (unsigned g = 0; g < GROUPS; g++)
        f4_store(out + g * 4, acc[g]);
}

/* ---- several tokens. A chunk is one super-block. ---- */

ARM_INLINE void k_unpack(struct arm_chunk *c, const uint8_t *panel, size_t k, size_t k0, size_t n,
                         const enum aglm_dtype type)
{
    const struct aglm_panel_parts parts = aglm_panel_parts(type);
    const uint8_t *record = aglm_panel_record(panel, &parts, k0 / 32);
    (void)k;
    for (size_t i = 0; i < n / 32; i++) {
        for (unsigned g = 0; g < GROUPS; g++) {
            int8x16_t v[8];
            read_group(v, record + parts.values + i * parts.block + g * GROUP,
                       record + parts.high + i * parts.block + g * GROUP, vdupq_n_s8(0), type);
            put_group(c->bytes + i * 512 + g * GROUP, v, type);
        }
    }
    read_scales(&c->k, record + parts.scales, type);
    for (unsigned r = 0; r < ROWS; r += 4) {
        f4_store(&c->d[0][r], f4_of_halves(record + parts.supers + r * 2));
        if (has_min(type))
            f4_store(&c->m[0][r], f4_of_halves(record + parts.mins + r * 2));
    }
}

/* Eight rows, from row r on. */
ARM_INLINE void k_half(ARM_TILE_ARGS, const unsigned r, const enum aglm_dtype type,
                       const unsigned tokens)
{
    const size_t at0 = t0 * k + k0;
    const unsigned steps = by_block(type) ? 8 : 4;
    int32x4_t total[TILE][2];
    f4 acc[TILE][2];
    (void)n;
    ARM_UNROLL
    for (unsigned t = 0; t < tokens; t++)
        total[t][0] = total[t][1] = vdupq_n_s32(0);
    ARM_ROLLED
    for (unsigned j = 0; j < 64 / steps; j++) {
        int32x4_t sum[TILE][2];
        dot_tile(sum, c->bytes + j * steps * 64 + r * 4, x->q + at0 + j * steps * 4, k, steps,
                 false, tokens);
        ARM_UNROLL
        for (unsigned t = 0; t < tokens; t++)
            for (unsigned g = 0; g < 2; g++)
                total[t][g] = add_scaled(total[t][g], sum[t][g], c->k.scale[j] + r + g * 4);
    }
    load_tile(acc, out + t0 * ld_out + r, ld_out, k0, tokens);
    ARM_UNROLL
    for (unsigned t = 0; t < tokens; t++) {
        const f4 scale_x = f4_all(x->scale[(at0 + t * k) / 32]);
        ARM_UNROLL
        for (unsigned g = 0; g < 2; g++) {
            const unsigned at = r + g * 4;
            int32x4_t mins = vdupq_n_s32(0);
            f4 m = f4_all(0);
            if (has_min(type)) {
                mins = dot_mins(&c->k, x->sum + (at0 + t * k) / 16, at, type);
                m = f4_load(&c->m[0][at]);
            }
            acc[t][g] =
                close_super(acc[t][g], total[t][g], mins, f4_load(&c->d[0][at]), m, scale_x, type);
        }
    }
    store_tile(out + t0 * ld_out + r, ld_out, acc, tokens);
}

ARM_INLINE void k_tile(ARM_TILE_ARGS, const enum aglm_dtype type, const unsigned tokens)
{
    ARM_ROLLED
    for (unsigned r = 0; r < ROWS; r += 8)
        k_half(out, ld_out, c, x, k, k0, n, t0, r, type, tokens);
}

ARM_MATMUL(k, q2_k, AGLM_Q2_K)
ARM_MATMUL(k, q3_k, AGLM_Q3_K)
ARM_MATMUL(k, q4_k, AGLM_Q4_K)
ARM_MATMUL(k, q5_k, AGLM_Q5_K)
ARM_MATMUL(k, q6_k, AGLM_Q6_K)

void ARM_NAME(aglm_kernels_fill_kquants)(struct aglm_kernels *k)
{
    k->matmul[AGLM_Q2_K] = q2_k;
    k->matmul[AGLM_Q3_K] = q3_k;
    k->matmul[AGLM_Q4_K] = q4_k;
    k->matmul[AGLM_Q5_K] = q5_k;
    k->matmul[AGLM_Q6_K] = q6_k;
}
