/* What the x86 kernel files share: unrolling, and the split of a matrix product into streams and
 * tiles. */
#ifndef AGLM_ENGINE_KERNELS_X86_X86_H
#define AGLM_ENGINE_KERNELS_X86_X86_H

#include "engine/kernels/kernels.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define X86_SANITIZED 1
#endif
#endif
#if defined(AGLM_SIMDE) || defined(__SANITIZE_ADDRESS__) || defined(X86_SANITIZED)
/* Emulated or sanitized for a test: small functions, or compilers take minutes over one file. */
#define X86_INLINE static __attribute__((noinline, unused))
#define X86_UNROLL
#define X86_ROLLED
#else
/* A function whose last argument is a constant in every call: inlined, so that its loops unroll.
 * Rolled: loops whose bodies fill the registers; unrolled, they would spill. */
#define X86_INLINE static inline __attribute__((always_inline))
#if defined(__clang__)
#define X86_UNROLL _Pragma("clang loop unroll(full)")
#define X86_ROLLED _Pragma("clang loop unroll(disable)")
#else
#define X86_UNROLL _Pragma("GCC unroll 16")
#define X86_ROLLED _Pragma("GCC unroll 1")
#endif
#endif

#define X86_MATMUL_ARGS                                                               \
    float *out, size_t ld_out, const uint8_t *w, const struct aglm_acts *x, size_t k, \
        size_t n_panels, size_t n_tokens, void *scratch

/* One token: STREAMS panels at a time, then the rest one by one. fn(out, w, stride, …, panels).
 * Needs n_panels and ld_out in scope (ld_out is not used for a single token). */
#define X86_STREAMS(fn, out, w, stride, ...)                                          \
    {                                                                                 \
        (void)ld_out;                                                                 \
        size_t p_ = 0;                                                                \
        for (; p_ + STREAMS <= n_panels; p_ += STREAMS)                               \
            fn((out) + p_ * ROWS, (w) + p_ * (stride), stride, __VA_ARGS__, STREAMS); \
        for (; p_ < n_panels; p_++)                                                   \
            fn((out) + p_ * ROWS, (w) + p_ * (stride), stride, __VA_ARGS__, 1);       \
    }

/* Several tokens over one panel: TILE at a time, then the rest one by one. fn(…, first token,
 * tokens). */
#define X86_TILES(fn, ...)                        \
    {                                             \
        size_t t_ = 0;                            \
        for (; t_ + TILE <= n_tokens; t_ += TILE) \
            fn(__VA_ARGS__, t_, TILE);            \
        for (; t_ < n_tokens; t_++)               \
            fn(__VA_ARGS__, t_, 1);               \
    }

/* The other half of the AVX2 table, from avx2_vector.c; AVX-512 keeps it. */
void aglm_kernels_fill_avx2_vector(struct aglm_kernels *k);
void aglm_pack_panel_avx2(enum aglm_dtype type, uint8_t *dst,
                          const void *const rows[AGLM_PANEL_ROWS], size_t k);

/* Attention; what AVX-512's does not do, AVX2's does. */
void aglm_attend_avx2(const struct aglm_attend *a);
void aglm_attend_avx512(const struct aglm_attend *a);

#endif
