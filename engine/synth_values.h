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

/* Llama 3's frequency divisors, dst: [head_dim / 2], head_dim a power of two; factor 32, low 1,
 * high 4, original context 8192, as published with Llama 3.2. */
void synth_rope_freqs(float *dst, uint32_t head_dim, float theta);

#endif
