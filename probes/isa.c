/* Detects the instruction sets that kernels may use; see isa.h.
 *
 * Bits: Intel SDM volume 2A, CPUID; AMD APM volume 3, appendix E. Not asked of libcpuid, because it
 * neither looks at XCR0 nor knows AVX-512 on AMD processors (0.6.2). */
#include "probes/isa.h"

#if defined(__x86_64__) || defined(__i386__)

#include "probes/x86/xcr0.h"

#include <cpuid.h>
#include <stdbool.h>

static bool all(uint32_t reg, uint32_t bits)
{
    return (reg & bits) == bits;
}

uint32_t aglm_isa_detect(void)
{
    const uint32_t avx2_leaf1_ecx = 1u << 12 | 1u << 28 | 1u << 29;        /* FMA, AVX, F16C */
    const uint32_t avx512_ebx = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31; /* F, DQ, BW, VL */
    uint32_t eax, ebx, ecx, edx, flags = 0;
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !all(ecx, avx2_leaf1_ecx))
        return 0;
    uint64_t xcr0 = aglm_x86_xcr0(ecx);
    if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) || !all(ebx, 1u << 5)) /* AVX2 */
        return 0;
    if ((xcr0 & AGLM_XCR0_YMM) == AGLM_XCR0_YMM)
        flags |= AGLM_ISA_AVX2;
    if (flags && (xcr0 & AGLM_XCR0_ZMM) == AGLM_XCR0_ZMM && all(ebx, avx512_ebx) &&
        all(ecx, 1u << 11)) /* AVX512_VNNI */
        flags |= AGLM_ISA_AVX512;
    return flags;
}

#else

uint32_t aglm_isa_detect(void)
{
    return 0;
}

#endif
