/* The random weights of synthetic models; internal to synth.
 *
 * A value depends only on its key and its place, so any thread can make any part. All arithmetic is
 * integer or exactly rounded by IEEE 754: the same bytes on every machine.
 */
#ifndef AGLM_ENGINE_SYNTH_VALUES_H
#define AGLM_ENGINE_SYNTH_VALUES_H

#include "engine/dtype.h"

#include <stddef.h>
#include <stdint.h>

/* A tensor's key, from the file's seed and the tensor's number. */
uint64_t synth_key(uint64_t seed, uint64_t tensor);

/* Writes elements first … first + n of a tensor to dst; both multiples of 256, or n the rest of the
 * tensor, which is whole blocks. Values are about normal with the mean and standard deviation given
 * (quantized types: mean 0). */
void synth_fill(void *dst, enum aglm_dtype type, uint64_t key, uint64_t first, size_t n, float mean,
                float std);

/* 64 random bits for a place. */
uint64_t synth_random(uint64_t key, uint64_t counter);
/* (3 + r/256)/4 of scale, 0.75 to 1.25 with the mean near 1, as a half; r: 9 random bits. */
uint16_t synth_varied_half(float scale, uint64_t r);
/* Block b of a tensor, of a quantized type other than Q4_0, Q8_0 and Q6_K. */
void synth_fill_block(uint8_t *block, const struct aglm_dtype_info *info, uint64_t key, uint64_t b,
                      float std);

/* Llama 3's frequency divisors, dst: [head_dim / 2], head_dim a power of two; factor 32, low 1,
 * high 4, original context 8192, as published with Llama 3.2. */
void synth_rope_freqs(float *dst, uint32_t head_dim, float theta);

#endif
