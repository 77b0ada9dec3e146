/* Random tensor data in any type, made directly as bits: no encoder takes part, ours or another's.
 *
 * Every bit pattern that a block may hold comes up: extreme quants, scales of either sign, minima.
 * The scales are chosen so that the values a block stands for have the standard deviation asked
 * for, roughly. The same generator state gives the same bytes on every machine: the floating-point
 * arithmetic here is single multiplications and conversions only.
 */
#ifndef AGLM_TESTS_GOLDEN_BLOCKS_H
#define AGLM_TESTS_GOLDEN_BLOCKS_H

#include "engine/dtype.h"

#include <stddef.h>
#include <stdint.h>

struct blocks_rng {
    uint64_t state;
};

/* SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014). */
uint64_t blocks_random(struct blocks_rng *rng);
/* Nearly normal, mean 0, standard deviation 1: four uniform numbers added up. */
float blocks_normal(struct blocks_rng *rng);

/* Elements and bytes of a block; the sizes are those of the file format. */
void blocks_size(enum aglm_dtype type, size_t *elements, size_t *bytes);
/* Fills n elements, a whole number of blocks, at dst. */
void blocks_fill(enum aglm_dtype type, uint8_t *dst, size_t n, double deviation,
                 struct blocks_rng *rng);

#endif
