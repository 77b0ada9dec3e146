/* XCR0: the register state that the operating system saves, and with it the vectors a program may
 * use.
 *
 * A CPUID bit alone is a promise by the processor; without the state in XCR0 the instruction still
 * faults. */
#ifndef AGLM_PROBES_X86_XCR0_H
#define AGLM_PROBES_X86_XCR0_H

#include <stdint.h>

#define AGLM_XCR0_YMM 0x06u    /* SSE and AVX state */
#define AGLM_XCR0_ZMM 0xe6u    /* and opmask, ZMM0-15 high, ZMM16-31 */
#define AGLM_XCR0_AMX 0x60000u /* tile configuration and data */

/* XCR0, or 0 where CPUID leaf 1 (its ecx is given) says that the system does not use XSAVE. */
static inline uint64_t aglm_x86_xcr0(uint32_t leaf1_ecx)
{
    if (!(leaf1_ecx & 1u << 27)) /* OSXSAVE */
        return 0;
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

#endif
