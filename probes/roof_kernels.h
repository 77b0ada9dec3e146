/* The loops whose speed is the roof: one struct of functions for each instruction set. */
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
    uint64_t (*int8)(size_t n, uint64_t *ops);
    uint64_t (*f32)(size_t n, uint64_t *ops);
};

extern const struct aglm_roof_kernels aglm_roof_c;
/* Only after the CPU was checked. */
extern const struct aglm_roof_kernels aglm_roof_avx2;
extern const struct aglm_roof_kernels aglm_roof_avx512;

#endif
