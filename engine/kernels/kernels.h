/* The kernel table: every inner loop of the CPU backend, one slot each.
 *
 * aglm_kernels_select fills every slot with the C reference, then overrides what the wanted
 * instruction set does better. The CPU's flags are passed in, so that a test can ask for any table
 * that can run here.
 *
 * Matrices are packed once, when a model is loaded, into panels of 16 rows (pack.h); a kernel takes
 * whole panels. Weights of quantized types meet activations quantized to 8 bit in blocks of 32 or
 * 256. Integer sums are exact, and every output is one chain of fused multiply-adds in block order,
 * so that every instruction set, any batch size and any number of threads give the same bits for a
 * matrix product.
 */
#ifndef AGLM_ENGINE_KERNELS_KERNELS_H
#define AGLM_ENGINE_KERNELS_KERNELS_H

#include "engine/dtype.h"
#include "probes/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AGLM_PANEL_ROWS 16   /* rows interleaved in one panel */
#define AGLM_ACT_BLOCK 32    /* activations that share one scale */
#define AGLM_MATMUL_SLOTS 40 /* GGUF type ids are below this */

/* Activations of n tokens, as a matrix product takes them. Quantized weight types read q, scale and
 * sum, float types read x. Types with blocks of 256 (Q2_K … Q6_K) want activations whose scale is
 * shared by 256, the others by 32: aglm_act_block(type). */
struct aglm_acts {
    const float *x;     /* [n, k] */
    const int8_t *q;    /* [n, k], -127 … 127; with scales for 256, 16 sum to 1023 at most */
    const float *scale; /* [n, k / 32], of 32 each (acts.h), or eight equal ones of 256 */
    const int16_t *sum; /* [n, k / 16]: sums of 16 neighbours of q, |sum| <= 2032 */
};

/* 256 for Q2_K … Q6_K, 32 for the other quantized types, 0 for F32, F16, BF16. */
size_t aglm_act_block(enum aglm_dtype type);

/* out[t * ld_out + r] = dot(row r, activations of token t) for r < 16 * n_panels, t < n_tokens.
 * w: n_panels packed panels of k columns; scratch: aglm_matmul_scratch(k) bytes, 64-byte aligned.
 */
typedef void (*aglm_matmul_fn)(float *out, size_t ld_out, const uint8_t *w,
                               const struct aglm_acts *x, size_t k, size_t n_panels,
                               size_t n_tokens, void *scratch);

/* Attention of n_tokens tokens in a row, for the query heads that share a key/value head. A cached
 * row is head_dim elements in the type's own blocks as in a file (F16, Q8_0 or Q4_0),
 * aglm_kv_row_bytes() long; rows count from position 0. Token t sees the n_pos + t positions up to
 * its own, or with a window the last `window` of these. */
struct aglm_attend {
    float *out;       /* [n_tokens] [n_q, head_dim], ld_out floats from token to token */
    const float *q;   /* [n_tokens] [n_q, head_dim], ld_q apart, scaled by 1/sqrt(head_dim) */
    const uint8_t *k; /* [n_pos + n_tokens - 1] rows of type_k */
    const uint8_t *v; /* [n_pos + n_tokens - 1] rows of type_v */
    size_t n_tokens, n_q, head_dim, n_pos;
    size_t window; /* 0: all positions */
    size_t ld_q, ld_out;
    enum aglm_dtype type_k, type_v;
};

/* Bytes of one cached row of head_dim elements: F16, Q8_0 or Q4_0. */
size_t aglm_kv_row_bytes(enum aglm_dtype type, size_t head_dim);

struct aglm_kernels {
    const char *isa; /* "c", "avx2", "avxvnni", "avx512", "neon", "dotprod", "i8mm" */
    aglm_matmul_fn
        matmul[AGLM_MATMUL_SLOTS]; /* by enum aglm_dtype; NULL where there is no such type */
    /* aglm_pack_panel (pack.h), the same bytes. */
    void (*pack)(enum aglm_dtype type, uint8_t *dst, const void *const rows[AGLM_PANEL_ROWS],
                 size_t k);
    /* x: [n], n a multiple of block -> q: [n], scale: [n / 32], sum: [n / 16]. Each block of 32 or
     * 256 shares one scale (acts.h), written for every 32. A block that holds an infinity or NaN
     * becomes q = 0, scale = NaN, so that the fault shows in the logits. Exact. */
    void (*quantize)(int8_t *q, float *scale, int16_t *sum, const float *x, size_t n, size_t block);
    /* INT8 activations: q = clip(round(x / scale), -128, 127), halves to even; x: [n], n a multiple
     * of 32; sum as above. scale 0: dynamic, max|x| / 127. Returns the scale used, NaN (and q = 0)
     * when x holds an infinity or NaN. Exact. */
    float (*quantize_int8)(int8_t *q, int16_t *sum, const float *x, size_t n, float scale);
    /* out = x / sqrt(mean(x^2) + eps) * w, all [n]. */
    void (*rmsnorm)(float *out, const float *x, const float *w, float eps, size_t n);
    /* x += y, [n]. Exact. */
    void (*add)(float *x, const float *y, size_t n);
    /* out = silu(gate) * up, [n]; silu(z) = z / (1 + exp(-z)). Exact. */
    void (*silu_mul)(float *out, const float *gate, const float *up, size_t n);
    /* dst = F16 of src, rounded to nearest even, [n]. Exact. */
    void (*to_half)(uint16_t *dst, const float *src, size_t n);
    /* out = gelu(gate) * up, [n]; gelu(z) = z/2 (1 + tanh(sqrt(2/pi) (z + 0.044715 z^3))), tanh by
     * way of aglm_expf. Exact. */
    void (*gelu_mul)(float *out, const float *gate, const float *up, size_t n);
    /* One row of the KV cache: head_dim floats to F16, Q8_0 or Q4_0 blocks, the same bytes as the
     * type's from_float. Exact. */
    void (*kv_store)(uint8_t *dst, const float *src, size_t head_dim, enum aglm_dtype type);
    /* out = softmax(q k^T) v over the positions that each token sees, in one pass over them. Within
     * a tolerance of exact arithmetic; the same bits for a token alone or among others. */
    void (*attend)(const struct aglm_attend *a);
    /* x = softmax(x) in place, [n], n >= 1: exp(x - max) over its sum. For scores that were kept.
     * Within a tolerance. */
    void (*softmax)(float *x, size_t n);
};

/* Fills *out for isa "auto" (the best of flags) or one of its names. flags: enum aglm_isa_flag.
 * -ENOTSUP names an isa that the flags or this build lack, -EINVAL one that does not exist. */
int aglm_kernels_select(struct aglm_kernels *out, const char *isa, uint32_t flags,
                        struct aglm_err *err);

/* What isa may be, for help and errors. */
#define AGLM_ISA_NAMES "auto, c, avx2, avxvnni, avx512, neon, dotprod or i8mm"

/* Is it one of these, whether this machine has it or not? */
bool aglm_kernels_is_name(const char *isa);

/* Bytes of scratch a matmul may use for rows of k elements: at least AGLM_SCRATCH_MIN. */
#ifdef __x86_64__
#define AGLM_SCRATCH_MIN (272 * 1024)
#else
#define AGLM_SCRATCH_MIN (32 * 1024)
#endif
size_t aglm_matmul_scratch(size_t k);

/* One per instruction set: overrides slots. Never call what they enter without having checked the
 * CPU. ahead: decode asks for weights before it reads them (AGLM_ISA_AHEAD). */
void aglm_kernels_fill_c(struct aglm_kernels *k);
void aglm_kernels_fill_avx2(struct aglm_kernels *k, bool ahead);
void aglm_kernels_fill_avx512(struct aglm_kernels *k, bool ahead);
/* The products of AVX-VNNI; overrides what avx2 filled. */
void aglm_kernels_fill_avxvnni(struct aglm_kernels *k, bool ahead);
/* Arm's, INT8's slots among them; dotprod and i8mm override what neon filled. */
void aglm_kernels_fill_neon(struct aglm_kernels *k);
void aglm_kernels_fill_dotprod(struct aglm_kernels *k);
void aglm_kernels_fill_i8mm(struct aglm_kernels *k);
/* INT8's slots of each. */
void aglm_kernels_fill_int8_c(struct aglm_kernels *k);
void aglm_kernels_fill_int8_avx2(struct aglm_kernels *k);
void aglm_kernels_fill_int8_avxvnni(struct aglm_kernels *k);
void aglm_kernels_fill_int8_avx512(struct aglm_kernels *k);

/* exp(x) as every instruction set computes it: range reduction by ln 2 in two parts, then the
 * minimax polynomial of Cephes' expf (S. Moshier); relative error < 2e-7; x is clamped to -87.3
 * … 88. NaN stays NaN. */
float aglm_expf(float x);

#define AGLM_EXP_LO -87.3f
#define AGLM_EXP_HI 88.0f
#define AGLM_EXP_LOG2E 1.44269504088896341f
#define AGLM_EXP_LN2_HI 0.693359375f
#define AGLM_EXP_LN2_LO -2.12194440e-4f
/* exp(r) = 1 + r + r^2 * (C0 + r * (C1 + …)) for |r| <= ln2 / 2 */
#define AGLM_EXP_C0 5.0000001201e-1f
#define AGLM_EXP_C1 1.6666665459e-1f
#define AGLM_EXP_C2 4.1665795894e-2f
#define AGLM_EXP_C3 8.3334519073e-3f
#define AGLM_EXP_C4 1.3981999507e-3f
#define AGLM_EXP_C5 1.9875691500e-4f

/* gelu(z) = z / (1 + exp(-2 sqrt(2/pi) (z + 0.044715 z^3))) */
#define AGLM_GELU_CUBIC 0.044715f
#define AGLM_GELU_MINUS_2_ROOT -1.59576912160573071f

#endif
