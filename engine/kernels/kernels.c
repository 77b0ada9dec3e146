/* Chooses the kernel table; see kernels.h. */
#include "engine/kernels/kernels.h"

#include "probes/isa.h"

#include <errno.h>
#include <string.h>

#if defined(__x86_64__) && !defined(AGLM_NO_SIMD)
#define HAVE_X86 1
#else
#define HAVE_X86 0
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

int aglm_kernels_select(struct aglm_kernels *out, const char *isa, uint32_t flags,
                        struct aglm_err *err)
{
    enum { C, AVX2, AVX512 } want = C;
    if (!HAVE_X86)
        flags = 0;
    if (strcmp(isa, "auto") == 0)
        want = flags & AGLM_ISA_AVX512 ? AVX512 : flags & AGLM_ISA_AVX2 ? AVX2 : C;
    else if (strcmp(isa, "avx2") == 0)
        want = AVX2;
    else if (strcmp(isa, "avx512") == 0)
        want = AVX512;
    else if (strcmp(isa, "c") != 0)
        return aglm_err_set(
            err, -EINVAL, "isa '%s': no such instruction set; choose auto, c, avx2 or avx512", isa);
    if (want == AVX2 && !(flags & AGLM_ISA_AVX2))
        return aglm_err_set(err, -ENOTSUP,
                            "isa 'avx2': this CPU or its operating system lacks AVX2 with FMA and "
                            "F16C; choose auto or c");
    if (want == AVX512 && !(flags & AGLM_ISA_AVX512))
        return aglm_err_set(
            err, -ENOTSUP,
            "isa 'avx512': this CPU or its operating system lacks AVX-512 F, BW, VL, "
            "DQ and VNNI; choose auto, avx2 or c");
    memset(out, 0, sizeof(*out));
    aglm_kernels_fill_c(out);
    aglm_kernels_fill_int8_c(out);
#if HAVE_X86
    if (want >= AVX2) {
        aglm_kernels_fill_avx2(out);
        aglm_kernels_fill_int8_avx2(out);
    }
    if (want >= AVX512) {
        aglm_kernels_fill_avx512(out);
        aglm_kernels_fill_int8_avx512(out);
    }
#endif
    return 0;
}
