/* Which instruction sets this processor and this operating system let a program use.
 *
 * Checked are the CPUID feature bits and XCR0 (the state that the kernel saves), so that code which
 * asks here is never stopped by an illegal instruction. The flags are passed to whoever needs them;
 * nothing is global, so that a test can pretend to be a smaller machine.
 */
#ifndef AGLM_PROBES_ISA_H
#define AGLM_PROBES_ISA_H

#include <stdint.h>

enum aglm_isa_flag {
    AGLM_ISA_AVX2 = 1u << 0,   /* AVX2 + FMA + F16C, YMM state enabled */
    AGLM_ISA_AVX512 = 1u << 1, /* AVX-512 F, BW, VL, DQ and VNNI, ZMM state enabled */
};

/* The flags of the machine we run on. */
uint32_t aglm_isa_detect(void);

#endif
