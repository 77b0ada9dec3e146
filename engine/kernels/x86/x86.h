/* What the x86 kernel files share: unrolling, and the split of a matrix product into streams and
 * tiles. */
#ifndef AGLM_ENGINE_KERNELS_X86_X86_H
#define AGLM_ENGINE_KERNELS_X86_X86_H

#include "engine/kernels/kernels.h"

#ifndef AGLM_SIMDE
#include <immintrin.h>
#endif

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

/* NAME and NAME_ahead: FN(arguments of a product, …, ahead). */
#define X86_MATMUL(NAME, FN, ...)                                                  \
    static void NAME(X86_MATMUL_ARGS)                                              \
    {                                                                              \
        FN(out, ld_out, w, x, k, n_panels, n_tokens, scratch, __VA_ARGS__, false); \
    }                                                                              \
    static void NAME##_ahead(X86_MATMUL_ARGS)                                      \
    {                                                                              \
        FN(out, ld_out, w, x, k, n_panels, n_tokens, scratch, __VA_ARGS__, true);  \
    }

/* One token: n panels at a time, then the rest one by one. fn(out, w, stride, …, panels). Needs
 * n_panels and ld_out in scope (ld_out is not used for a single token). */
#define X86_STREAMS(n, fn, out, w, stride, ...)                                 \
    {                                                                           \
        (void)ld_out;                                                           \
        size_t p_ = 0;                                                          \
        for (; p_ + (n) <= n_panels; p_ += (n))                                 \
            fn((out) + p_ * ROWS, (w) + p_ * (stride), stride, __VA_ARGS__, n); \
        for (; p_ < n_panels; p_++)                                             \
            fn((out) + p_ * ROWS, (w) + p_ * (stride), stride, __VA_ARGS__, 1); \
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

/* Where a processor does not itself ask far enough ahead for what decode reads (AGLM_ISA_AHEAD),
 * kernels ask for the lines this many bytes further on; of float weights, which are read in two
 * streams, of each. Zen 5, Llama-3.2-1B with AVX-512, tokens a second:
 *
 *                     not  2048  4096  6144  8192 bytes ahead
 *   Q4_K_M one thread 25.7 36.4  40.4  43.2  44.0
 *          two        44.3 51    62.6  66.1  66.2 (the first two while neighbours took more)
 *   Q4_0   one thread 37.8 38.5  43.1  47.6  48.2
 *          two        52          66.7  68.6  68.1
 *   F16    one thread 12.8       14.6  13.9  13.4
 *
 * Q8_0's are read fast enough by AVX-512 for the processor's own prefetcher (26.5 -> 26.6, so it
 * does not ask), not by AVX2 (kernel alone 29 -> 37 GB/s). Zen 4 gets slower by a tenth to a third.
 * INT8 does not ask: not tried. */
enum { X86_AHEAD = 6144, X86_AHEAD_OF_TWO = 4096 };

/* Asks for the bytes that lie `ahead` after p. */
X86_INLINE void ask_ahead_of(const uint8_t *p, size_t bytes, const size_t ahead)
{
    for (size_t i = 0; i < bytes; i += 64)
        _mm_prefetch((const char *)((uintptr_t)p + ahead + i), _MM_HINT_T0);
}

/* The same for part i of n of a record. */
X86_INLINE void ask_ahead_of_part(const uint8_t *record, size_t bytes, size_t i, size_t n)
{
    const size_t from = bytes / 64 * i / n * 64, to = bytes / 64 * (i + 1) / n * 64;
    ask_ahead_of(record + from, to - from, X86_AHEAD);
}

/* The other half of the AVX2 table, from avx2_vector.c; AVX-512 keeps it. */
void aglm_kernels_fill_avx2_vector(struct aglm_kernels *k);
void aglm_pack_panel_avx2(enum aglm_dtype type, uint8_t *dst,
                          const void *const rows[AGLM_PANEL_ROWS], size_t k);

/* Attention; what AVX-512's does not do, AVX2's does. */
void aglm_attend_avx2(const struct aglm_attend *a);
void aglm_attend_avx512(const struct aglm_attend *a);

#endif
