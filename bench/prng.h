/* A small seeded generator (splitmix64) for orders and token ids: the same seed gives the same
 * sequence on every machine. Not for secrets. Source: Steele, Lea, Flood, "Fast splittable
 * pseudorandom number generators", OOPSLA 2014.
 */
#ifndef AGLM_BENCH_PRNG_H
#define AGLM_BENCH_PRNG_H

#include <stdint.h>

struct aglm_prng {
    uint64_t state;
};

/* stream separates sequences that share a seed: rounds, tokens. */
void aglm_prng_init(struct aglm_prng *prng, uint64_t seed, uint64_t stream);
uint64_t aglm_prng_next(struct aglm_prng *prng);
/* Uniform in [0, n), without bias; n >= 1. */
uint64_t aglm_prng_below(struct aglm_prng *prng, uint64_t n);

#endif
