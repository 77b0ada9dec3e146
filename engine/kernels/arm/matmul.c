/* Matrix products on Arm: the walk of several tokens, float weights, and the tables. Quantized
 * weights: blocks.c, kquants.c and int8.c. Bit for bit equal to matmul_c.c.
 */
#include "engine/kernels/arm/matmul.h"

_Static_assert(sizeof(struct arm_chunk) * STREAMS <= AGLM_SCRATCH_MIN, "chunks fit in scratch");

void aglm_arm_prefill(ARM_MATMUL_ARGS, size_t stride, const struct arm_prefill *type)
{
    struct arm_chunk *chunks = scratch;
    for (size_t p0 = 0; p0 < n_panels; p0 += STREAMS) {
        const size_t panels = n_panels - p0 < STREAMS ? n_panels - p0 : STREAMS;
        for (size_t k0 = 0; k0 < k; k0 += CHUNK) {
            const size_t n = k - k0 < CHUNK ? k - k0 : CHUNK;
            for (size_t p = 0; p < panels; p++)
                type->unpack(&chunks[p], w + (p0 + p) * stride, k, k0, n);
            for (size_t t = 0, tokens; t < n_tokens; t += tokens) {
                tokens = n_tokens - t < TILE ? 1 : TILE;
                for (size_t p = 0; p < panels; p++)
                    (tokens == TILE ? type->tile : type->one)(out + (p0 + p) * ROWS, ld_out,
                                                              &chunks[p], x, k, k0, n, t);
            }
        }
    }
}

/* ---- F32, F16, BF16: weights widened to float, one fused multiply-add a column. ---- */

#if defined(__aarch64__)
enum { FLOAT_STREAMS = 4, FLOAT_TILE = 4 };
#else
enum { FLOAT_STREAMS = 1, FLOAT_TILE = 1 }; /* sums fill the registers of VFP */
#endif

enum float_kind { KIND_F32, KIND_F16, KIND_BF16 };

ARM_INLINE f4 widen(const uint8_t *w, size_t i, const enum float_kind kind)
{
    if (kind == KIND_F32)
        return f4_load((const float *)(const void *)w + i);
    if (kind == KIND_F16)
        return f4_of_halves(w + i * 2);
    return f4_of_bits(vshll_n_u16(vreinterpret_u16_u8(vld1_u8(w + i * 2)), 16));
}

ARM_INLINE void float_streams(float *out, const uint8_t *w, size_t stride,
                              const struct aglm_acts *x, size_t k, const enum float_kind kind,
                              const unsigned panels)
{
    f4 acc[FLOAT_STREAMS][GROUPS];
    ARM_UNROLL
    for (unsigned p = 0; p < panels; p++)
        for (unsigned g = 0; g < GROUPS; g++)
            acc[p][g] = f4_all(0);
    for (size_t i = 0; i < k; i++) {
        const f4 v = f4_all(x->x[i]);
        ARM_UNROLL
        for (unsigned p = 0; p < panels; p++)
            ARM_UNROLL
        for (unsigned g = 0; g < GROUPS; g++)
            acc[p][g] = f4_fma(acc[p][g], widen(w + p * stride, i * ROWS + g * 4, kind), v);
    }
    ARM_UNROLL
    for (unsigned p = 0; p < panels; p++)
        for (unsigned g = 0; g < GROUPS; g++)
            f4_store(out + p * ROWS + g * 4, acc[p][g]);
}

ARM_INLINE void float_tile(float *out, size_t ld_out, const uint8_t *w, const struct aglm_acts *x,
                           size_t k, const enum float_kind kind, size_t t0, const unsigned tokens)
{
    f4 acc[FLOAT_TILE][GROUPS];
    ARM_UNROLL
    for (unsigned t = 0; t < tokens; t++)
        for (unsigned g = 0; g < GROUPS; g++)
            acc[t][g] = f4_all(0);
    for (size_t i = 0; i < k; i++) {
        f4 row[GROUPS];
        ARM_UNROLL
        for (unsigned g = 0; g < GROUPS; g++)
            row[g] = widen(w, i * ROWS + g * 4, kind);
        ARM_UNROLL
        for (unsigned t = 0; t < tokens; t++) {
            const f4 v = f4_all(x->x[(t0 + t) * k + i]);
            ARM_UNROLL
            for (unsigned g = 0; g < GROUPS; g++)
                acc[t][g] = f4_fma(acc[t][g], row[g], v);
        }
    }
    ARM_UNROLL
    for (unsigned t = 0; t < tokens; t++)
        for (unsigned g = 0; g < GROUPS; g++)
            f4_store(out + (t0 + t) * ld_out + g * 4, acc[t][g]);
}

ARM_INLINE void matmul_float(ARM_MATMUL_ARGS, size_t stride, const enum float_kind kind)
{
    (void)scratch;
    if (n_tokens == 1) {
        size_t p = 0;
        for (; p + FLOAT_STREAMS <= n_panels; p += FLOAT_STREAMS)
            float_streams(out + p * ROWS, w + p * stride, stride, x, k, kind, FLOAT_STREAMS);
        for (; p < n_panels; p++)
            float_streams(out + p * ROWS, w + p * stride, stride, x, k, kind, 1);
        return;
    }
    for (size_t p = 0; p < n_panels; p++) {
        size_t t = 0;
        for (; t + FLOAT_TILE <= n_tokens; t += FLOAT_TILE)
            float_tile(out + p * ROWS, ld_out, w + p * stride, x, k, kind, t, FLOAT_TILE);
        for (; t < n_tokens; t++)
            float_tile(out + p * ROWS, ld_out, w + p * stride, x, k, kind, t, 1);
    }
}

static void matmul_f32(ARM_MATMUL_ARGS)
{
    matmul_float(out, ld_out, w, x, k, n_panels, n_tokens, scratch, aglm_panel_bytes(AGLM_F32, k),
                 KIND_F32);
}

static void matmul_f16(ARM_MATMUL_ARGS)
{
    matmul_float(out, ld_out, w, x, k, n_panels, n_tokens, scratch, aglm_panel_bytes(AGLM_F16, k),
                 KIND_F16);
}

static void matmul_bf16(ARM_MATMUL_ARGS)
{
    matmul_float(out, ld_out, w, x, k, n_panels, n_tokens, scratch, aglm_panel_bytes(AGLM_BF16, k),
                 KIND_BF16);
}

void aglm_kernels_fill_neon(struct aglm_kernels *k)
{
    k->isa = "neon";
    k->pack = aglm_pack_panel_neon;
    k->matmul[AGLM_F32] = matmul_f32;
    k->matmul[AGLM_F16] = matmul_f16;
    k->matmul[AGLM_BF16] = matmul_bf16;
    aglm_kernels_fill_blocks_neon(k);
    aglm_kernels_fill_kquants_neon(k);
    aglm_kernels_fill_int8_neon(k);
    aglm_kernels_fill_neon_vector(k);
}

#if defined(__aarch64__)
void aglm_kernels_fill_dotprod(struct aglm_kernels *k)
{
    k->isa = "dotprod";
    aglm_kernels_fill_blocks_dotprod(k);
    aglm_kernels_fill_kquants_dotprod(k);
    aglm_kernels_fill_int8_dotprod(k);
}

void aglm_kernels_fill_i8mm(struct aglm_kernels *k)
{
    k->isa = "i8mm";
    aglm_kernels_fill_blocks_i8mm(k);
    aglm_kernels_fill_kquants_i8mm(k);
    aglm_kernels_fill_int8_i8mm(k);
}
#endif
