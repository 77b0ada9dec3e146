/* Chooses the kernel table; see kernels.h. */
#include "engine/kernels/kernels.h"

#include "probes/isa.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#if defined(__x86_64__) && !defined(AGLM_NO_SIMD)
#define HAVE_X86 1
#else
#define HAVE_X86 0
#endif
#if (defined(__aarch64__) || defined(__arm__)) && !defined(AGLM_NO_SIMD)
#define HAVE_ARM 1
#else
#define HAVE_ARM 0
#endif
#if defined(__aarch64__) && HAVE_ARM
#define HAVE_ARM64 1
#else
#define HAVE_ARM64 0
#endif

size_t aglm_act_block(enum aglm_dtype type)
{
    switch (type) {
    case AGLM_F32:
    case AGLM_F16:
    case AGLM_BF16:
        return 0;
    case AGLM_Q2_K:
    case AGLM_Q3_K:
    case AGLM_Q4_K:
    case AGLM_Q5_K:
    case AGLM_Q6_K:
        return 256;
    default:
        return AGLM_ACT_BLOCK;
    }
}

size_t aglm_matmul_scratch(size_t k)
{
    /* A panel unpacked to a byte a weight, with its scales as floats or 16-bit pairs; or some
     * columns of four. */
    return k * 16 + k * 4 + k * 2 + AGLM_SCRATCH_MIN;
}

/* In ascending order: the last that a machine has is its best. */
static const struct {
    const char *name;
    uint32_t flag;
    bool built;
    const char *needs;
} ISAS[] = {
    {"c", 0, true, ""},
    {"avx2", AGLM_ISA_AVX2, HAVE_X86, "AVX2 with FMA and F16C"},
    {"avxvnni", AGLM_ISA_AVXVNNI, HAVE_X86, "AVX2 with AVX-VNNI"},
    {"avx512", AGLM_ISA_AVX512, HAVE_X86, "AVX-512 F, BW, VL, DQ and VNNI"},
    {"neon", AGLM_ISA_NEON, HAVE_ARM, "NEON with fused multiply-add"},
    {"dotprod", AGLM_ISA_DOTPROD, HAVE_ARM64, "64-bit NEON with dot products"},
    {"i8mm", AGLM_ISA_I8MM, HAVE_ARM64, "64-bit NEON with int8 matrix products"},
};
enum { C, AVX2, AVXVNNI, AVX512, NEON, DOTPROD, I8MM, N_ISAS };

static bool has(uint32_t flags, int isa)
{
    return ISAS[isa].built && (flags & ISAS[isa].flag) == ISAS[isa].flag;
}

static void fill(struct aglm_kernels *out, int isa, bool ahead)
{
    memset(out, 0, sizeof(*out));
    aglm_kernels_fill_c(out);
    aglm_kernels_fill_int8_c(out);
#if HAVE_X86
    if (isa >= AVX2 && isa <= AVX512) {
        aglm_kernels_fill_avx2(out, ahead);
        aglm_kernels_fill_int8_avx2(out);
    }
    if (isa == AVXVNNI) {
        aglm_kernels_fill_avxvnni(out, ahead);
        aglm_kernels_fill_int8_avxvnni(out);
    }
    if (isa == AVX512) {
        aglm_kernels_fill_avx512(out, ahead);
        aglm_kernels_fill_int8_avx512(out);
    }
#endif
#if HAVE_ARM
    if (isa >= NEON)
        aglm_kernels_fill_neon(out);
#endif
#if HAVE_ARM64
    if (isa == DOTPROD)
        aglm_kernels_fill_dotprod(out);
    if (isa == I8MM)
        aglm_kernels_fill_i8mm(out);
#endif
}

bool aglm_kernels_is_name(const char *isa)
{
    bool found = strcmp(isa, "auto") == 0;
    for (int i = C; i < N_ISAS; i++)
        found = found || strcmp(isa, ISAS[i].name) == 0;
    return found;
}

/* With all that may be chosen instead. */
static int refuse(struct aglm_err *err, uint32_t flags, int isa)
{
    char usable[96] = "auto";
    for (int i = C; i < N_ISAS; i++) {
        const size_t n = strlen(usable);
        if (has(flags, i))
            snprintf(usable + n, sizeof(usable) - n, ", %s", ISAS[i].name);
    }
    return aglm_err_set(err, -ENOTSUP,
                        "isa '%s': this CPU or its operating system lacks %s; here there are %s",
                        ISAS[isa].name, ISAS[isa].needs, usable);
}

int aglm_kernels_select(struct aglm_kernels *out, const char *isa, uint32_t flags,
                        struct aglm_err *err)
{
    const bool best = strcmp(isa, "auto") == 0;
    int want = C;
    for (int i = C; best && i < N_ISAS; i++)
        want = has(flags, i) ? i : want;
    while (!best && want < N_ISAS && strcmp(isa, ISAS[want].name) != 0)
        want++;
    if (want == N_ISAS)
        return aglm_err_set(err, -EINVAL,
                            "isa '%s': no such instruction set; choose " AGLM_ISA_NAMES, isa);
    if (!has(flags, want))
        return refuse(err, flags, want);
    fill(out, want, flags & AGLM_ISA_AHEAD);
    return 0;
}
