/* Which instruction sets this processor and this operating system let a program use.
 *
 * Checked are the CPUID feature bits and XCR0 (the state that the kernel saves), on Arm the HWCAP
 * bits that Linux gives a program, so that code which asks here is never stopped by an illegal
 * instruction. The flags are passed to whoever needs them;
 * nothing is global, so that a test can pretend to be a smaller machine.
 */
#ifndef AGLM_PROBES_ISA_H
#define AGLM_PROBES_ISA_H

#include <stdint.h>

enum aglm_isa_flag {
    AGLM_ISA_AVX2 = 1u << 0,    /* AVX2 + FMA + F16C, YMM state enabled */
    AGLM_ISA_AVX512 = 1u << 1,  /* AVX-512 F, BW, VL, DQ and VNNI, ZMM state enabled */
    AGLM_ISA_AVXVNNI = 1u << 2, /* AVX2's and AVX-VNNI */
    AGLM_ISA_AHEAD = 1u << 3,   /* no instructions: decode is faster if it asks for weights before
                                   it reads them, found by measuring: Zen 5 */
    AGLM_ISA_NEON = 1u << 8,    /* aarch64: Advanced SIMD; 32-bit Arm: NEON with VFPv4 (FMA, F16) */
    AGLM_ISA_DOTPROD = 1u << 9, /* aarch64 only: NEON and the dot product instructions */
    AGLM_ISA_I8MM = 1u << 10,   /* aarch64 only: these and the int8 matrix multiplication */
};

/* The flags of the machine we run on. */
uint32_t aglm_isa_detect(void);

#endif
