/* The loops whose speed is the roof: one struct of functions for each instruction set.
 *
 * The integer loops multiply 3 by -5 (C's by 5 … 12), the float loops add 0.001 in their first
 * round (C's: 1), so that a test can tell from the sums whether operations are counted right.
 */
#ifndef AGLM_PROBES_ROOF_KERNELS_H
#define AGLM_PROBES_ROOF_KERNELS_H

#include <stddef.h>
#include <stdint.h>

struct aglm_roof_kernels {
    const char *isa;
    /* Reads four streams of [n] bytes at p, p + stride, …; n a multiple of 64, p and stride aligned
     * to 64. What it returns depends on all of them. */
    uint64_t (*read)(const uint8_t *p, size_t stride, size_t n);
    /* n rounds of independent multiply-adds. *ops: operations done. */
    uint64_t (*int8)(size_t n, uint64_t *ops); /* the sum of all lanes, modulo 2^16 */
    uint64_t (*f32)(size_t n, uint64_t *ops);  /* the bits of the sum of all lanes, a float */
};

enum { AGLM_ROOF_MAX_SETS = 4 };

/* Fills sets with those that flags (enum aglm_isa_flag) allow, in ascending order; returns how
 * many. */
size_t aglm_roof_sets(const struct aglm_roof_kernels *sets[AGLM_ROOF_MAX_SETS], uint32_t flags);

extern const struct aglm_roof_kernels aglm_roof_c;
/* Only after the CPU was checked. */
extern const struct aglm_roof_kernels aglm_roof_avx2;
extern const struct aglm_roof_kernels aglm_roof_avxvnni;
extern const struct aglm_roof_kernels aglm_roof_avx512;
extern const struct aglm_roof_kernels aglm_roof_neon;
extern const struct aglm_roof_kernels aglm_roof_dotprod;
extern const struct aglm_roof_kernels aglm_roof_i8mm;

#endif
