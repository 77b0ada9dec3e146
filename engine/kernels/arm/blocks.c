/* Matrix products on Arm of the types whose weights share a scale by 32: Q4_0 Q4_1 Q5_0 Q5_1 Q8_0
 * IQ4_NL MXFP4. Bit for bit equal to matmul_blocks_c.c. Compiled once for each instruction set.
 */
#include "engine/quant/blocks.h"
#include "engine/kernels/arm/matmul.h"

ARM_INLINE bool has_min(const enum aglm_dtype type)
{
    return type == AGLM_Q4_1 || type == AGLM_Q5_1;
}

ARM_INLINE int8x16_t table_for(const enum aglm_dtype type)
{
    if (type == AGLM_IQ4_NL)
        return vld1q_s8(aglm_iq4_nl_values);
    return type == AGLM_MXFP4 ? vld1q_s8(aglm_mxfp4_values) : vdupq_n_s8(0);
}

/* Four rows' scales; at: in elements. An MXFP4 scale e is 2^(e - 128): e - 1 in a float's exponent,
 * or for e = 0 and 1 the subnormals 2^21 and 2^22 as bits. */
ARM_INLINE f4 read_scales(const uint8_t *scales, size_t at, const enum aglm_dtype type)
{
    if (type != AGLM_MXFP4)
        return f4_of_halves(scales + at * 2);
    uint32_t four;
    memcpy(&four, scales + at, 4);
    const uint8x8_t bytes = vreinterpret_u8_u32(vdup_n_u32(four));
    const uint32x4_t e = vmovl_u16(vget_low_u16(vmovl_u8(bytes)));
    const uint32x4_t normal = vshlq_n_u32(vsubq_u32(e, vdupq_n_u32(1)), 23);
    const uint32x4_t small = vshlq_u32(vdupq_n_u32(1u << 21), vreinterpretq_s32_u32(e));
    return f4_of_bits(vbslq_u32(vcltq_u32(e, vdupq_n_u32(2)), small, normal));
}

/* out: [16], of one panel. */
ARM_INLINE void blocks_panel(float *out, const uint8_t *w, const struct aglm_acts *x, size_t k,
                             const enum aglm_dtype type)
{
    const struct aglm_panel_parts parts = aglm_panel_parts(type);
    const int8x16_t table = table_for(type);
    f4 acc[GROUPS];
    for (unsigned g = 0; g < GROUPS; g++)
        acc[g] = f4_all(0);
    for (size_t b = 0; b < k / 32; b++) {
        const uint8_t *record = aglm_panel_record(w, &parts, b);
        const size_t i = b % parts.n_blocks;
        const f4 scale_x = f4_all(x->scale[b]);
        const int total = x->sum[b * 2] + x->sum[b * 2 + 1];
        const int32x4_t less = vdupq_n_s32(-code_offset(type) * total);
        const arm_run v0 = load_run(x->q + b * 32), v1 = load_run(x->q + b * 32 + 16);
        ARM_UNROLL
        for (unsigned g = 0; g < GROUPS; g++) {
            const size_t at = i * ROWS + g * 4;
            int8x16_t v[8];
            read_group(v, record + parts.values + i * parts.block + g * GROUP,
                       record + parts.high + i * parts.block + g * GROUP, table, type);
            const int32x4_t sum = dot_block(less, v, v0, v1, is_wide(type));
            acc[g] = accumulate(acc[g], sum, read_scales(record + parts.scales, at, type), scale_x);
            if (has_min(type))
                acc[g] = accumulate(acc[g], vdupq_n_s32(total),
                                    f4_of_halves(record + parts.mins + at * 2), scale_x);
        }
    }
    for (unsigned g = 0; g < GROUPS; g++)
        f4_store(out + g * 4, acc[g]);
}

ARM_INLINE void blocks_unpack(struct arm_chunk *c, const uint8_t *panel, size_t k, size_t k0,
                              size_t n, const enum aglm_dtype type)
{
    const struct aglm_panel_parts parts = aglm_panel_parts(type);
    const int8x16_t table = table_for(type);
    for (size_t i = 0; i < n / 32; i++) {
        const uint8_t *record = aglm_panel_record(panel, &parts, k0 / 32 + i);
        const size_t b = (k0 / 32 + i) % parts.n_blocks;
        for (unsigned g = 0; g < GROUPS; g++) {
            const size_t at = b * ROWS + g * 4;
            int8x16_t v[8];
            read_group(v, record + parts.values + b * parts.block + g * GROUP,
                       record + parts.high + b * parts.block + g * GROUP, table, type);
            put_group(c->bytes + i * 512 + g * GROUP, v, type);
            f4_store(&c->d[i][g * 4], read_scales(record + parts.scales, at, type));
            if (has_min(type))
                f4_store(&c->m[i][g * 4], f4_of_halves(record + parts.mins + at * 2));
        }
    }
}

/* Eight rows, from row r on. */
ARM_INLINE void blocks_half(ARM_TILE_ARGS, const unsigned r, const enum aglm_dtype type,
                            const unsigned tokens)
{
    const size_t blocks = k / 32;
    f4 acc[TILE][2];
    load_tile(acc, out + t0 * ld_out + r, ld_out, k0, tokens);
    ARM_ROLLED
    for (size_t i = 0; i < n / 32; i++) {
        const size_t at0 = t0 * blocks + k0 / 32 + i;
        int32x4_t sum[TILE][2];
        dot_tile(sum, c->bytes + i * 512 + r * 4, x->q + at0 * 32, k, 8, is_wide(type), tokens);
        ARM_UNROLL
        for (unsigned t = 0; t < tokens; t++) {
            const size_t at = at0 + t * blocks;
            const f4 scale_x = f4_all(x->scale[at]);
            const int total = x->sum[at * 2] + x->sum[at * 2 + 1];
            ARM_UNROLL
            for (unsigned g = 0; g < 2; g++) {
                acc[t][g] = accumulate(acc[t][g], sum[t][g], f4_load(&c->d[i][r + g * 4]), scale_x);
                if (has_min(type))
                    acc[t][g] = accumulate(acc[t][g], vdupq_n_s32(total),
                                           f4_load(&c->m[i][r + g * 4]), scale_x);
            }
        }
    }
    store_tile(out + t0 * ld_out + r, ld_out, acc, tokens);
}

ARM_INLINE void blocks_tile(ARM_TILE_ARGS, const enum aglm_dtype type, const unsigned tokens)
{
    ARM_ROLLED
    for (unsigned r = 0; r < ROWS; r += 8)
        blocks_half(out, ld_out, c, x, k, k0, n, t0, r, type, tokens);
}

ARM_MATMUL(blocks, q4_0, AGLM_Q4_0)
ARM_MATMUL(blocks, q4_1, AGLM_Q4_1)
ARM_MATMUL(blocks, q5_0, AGLM_Q5_0)
ARM_MATMUL(blocks, q5_1, AGLM_Q5_1)
ARM_MATMUL(blocks, q8_0, AGLM_Q8_0)
ARM_MATMUL(blocks, iq4_nl, AGLM_IQ4_NL)
ARM_MATMUL(blocks, mxfp4, AGLM_MXFP4)

void ARM_NAME(aglm_kernels_fill_blocks)(struct aglm_kernels *k)
{
    k->matmul[AGLM_Q4_0] = q4_0;
    k->matmul[AGLM_Q4_1] = q4_1;
    k->matmul[AGLM_Q5_0] = q5_0;
    k->matmul[AGLM_Q5_1] = q5_1;
    k->matmul[AGLM_Q8_0] = q8_0;
    k->matmul[AGLM_IQ4_NL] = iq4_nl;
    k->matmul[AGLM_MXFP4] = mxfp4;
}
