/* Detects the instruction sets that kernels may use; see isa.h.
 *
 * Bits: Intel SDM volume 2A, CPUID; AMD APM volume 3, appendix E. Not asked of libcpuid, because it
 * neither looks at XCR0 nor knows AVX-512 on AMD processors (0.6.2). Arm: the Linux kernel's
 * arch/arm64/include/uapi/asm/hwcap.h and arch/arm/include/uapi/asm/hwcap.h. */
#include "probes/isa.h"

#if defined(__x86_64__) || defined(__i386__)

#include "probes/x86/xcr0.h"

#include <cpuid.h>
#include <stdbool.h>

static bool all(uint32_t reg, uint32_t bits)
{
    return (reg & bits) == bits;
}

/* Families are base and extended, models as Linux puts them together; which models of family 1Ah
 * are Zen 5 is from its arch/x86/kernel/cpu/amd.c. */
static bool is_zen5(void)
{
    uint32_t eax, ebx, ecx, edx;
    if (!__get_cpuid(0, &eax, &ebx, &ecx, &edx) || ebx != signature_AMD_ebx ||
        ecx != signature_AMD_ecx || edx != signature_AMD_edx ||
        !__get_cpuid(1, &eax, &ebx, &ecx, &edx))
        return false;
    const uint32_t family = (eax >> 8 & 0xf) + (eax >> 20 & 0xff);
    const uint32_t model = (eax >> 4 & 0xf) | (eax >> 12 & 0xf0);
    return family == 0x1a &&
           (model <= 0x2f || (model >= 0x40 && model <= 0x4f) || (model >= 0x60 && model <= 0x7f));
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
    if (flags && eax >= 1 && __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) &&
        all(eax, 1u << 4)) /* AVX_VNNI */
        flags |= AGLM_ISA_AVXVNNI;
    return is_zen5() ? flags | AGLM_ISA_AHEAD : flags;
}

#elif defined(__aarch64__)

#include <sys/auxv.h>

uint32_t aglm_isa_detect(void)
{
    const unsigned long simd = 1ul << 1, simd_dot = 1ul << 20; /* ASIMD, ASIMDDP */
    const unsigned long i8mm = 1ul << 13;
    const unsigned long caps = getauxval(AT_HWCAP), caps2 = getauxval(AT_HWCAP2);
    uint32_t flags = caps & simd ? AGLM_ISA_NEON : 0;
    if (flags && caps & simd_dot)
        flags |= AGLM_ISA_DOTPROD;
    if (flags & AGLM_ISA_DOTPROD && caps2 & i8mm)
        flags |= AGLM_ISA_I8MM;
    return flags;
}

#elif defined(__arm__)

#include <sys/auxv.h>

uint32_t aglm_isa_detect(void)
{
    const unsigned long wanted = 1ul << 12 | 1ul << 16; /* NEON, VFPv4: fused, with F16 */
    return (getauxval(AT_HWCAP) & wanted) == wanted ? AGLM_ISA_NEON : 0;
}

#else

uint32_t aglm_isa_detect(void)
{
    return 0;
}

#endif
