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
 * each record asks for the lines this many bytes further on. Zen 5, Llama-3.2-1B, tokens a second
 * before -> after with AVX-512: Q4_K_M 25.7 -> 38.7 (one thread), 44.3 -> 51 (two), Q4_0 37.8 ->
 * 42.3, 52 -> 55; 2048 and 6144 bytes: Q4_K_M 36.4 and 38.8 (one), 51 and 47.5 (two). Q8_0's are
 * read fast enough for the processor's own prefetcher: 26.5 -> 26.6. Zen 4 gets slower by a tenth
 * to a third. */
enum { X86_AHEAD = 4096 };

/* Asks for part i of n of what lies X86_AHEAD bytes after a record. */
X86_INLINE void ask_for_part(const uint8_t *record, size_t bytes, size_t i, size_t n)
{
    const uintptr_t at = (uintptr_t)record + X86_AHEAD;
    X86_UNROLL
    for (size_t line = bytes / 64 * i / n; line < bytes / 64 * (i + 1) / n; line++)
        _mm_prefetch((const char *)(at + line * 64), _MM_HINT_T0);
}

/* Of float weights, which are read once and not worth a place in the second cache: F16 12.8 -> 14.6
 * (one thread), 24.9 -> 26.7 (two); into all caches 12.8, 4096 bytes ahead 13.6. Then two panels
 * at a time are enough to hide a multiply-add's latency: a kernel alone, GB/s, 8, 4 and 2 panels:
 * 28.5, 34.7, 36.1. */
X86_INLINE void ask_for_floats(const uint8_t *w, size_t bytes)
{
    X86_UNROLL
    for (size_t i = 0; i < bytes; i += 64)
        _mm_prefetch((const char *)((uintptr_t)w + X86_AHEAD / 2 + i), _MM_HINT_NTA);
}

/* The other half of the AVX2 table, from avx2_vector.c; AVX-512 keeps it. */
void aglm_kernels_fill_avx2_vector(struct aglm_kernels *k);
void aglm_pack_panel_avx2(enum aglm_dtype type, uint8_t *dst,
                          const void *const rows[AGLM_PANEL_ROWS], size_t k);

/* Attention; what AVX-512's does not do, AVX2's does. */
void aglm_attend_avx2(const struct aglm_attend *a);
void aglm_attend_avx512(const struct aglm_attend *a);

#endif
