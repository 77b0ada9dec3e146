/* Splitmix64 and an unbiased draw below n. Inputs: seed and stream. Outputs: 64-bit numbers.
 * Refuses nothing but n = 0, which is the caller's mistake.
 */
#include "bench/prng.h"

#include <assert.h>

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

void aglm_prng_init(struct aglm_prng *prng, uint64_t seed, uint64_t stream)
{
    prng->state = mix(seed) ^ mix(stream * 0x9e3779b97f4a7c15ull + 1);
}

uint64_t aglm_prng_next(struct aglm_prng *prng)
{
    prng->state += 0x9e3779b97f4a7c15ull;
    return mix(prng->state);
}

uint64_t aglm_prng_below(struct aglm_prng *prng, uint64_t n)
{
    assert(n >= 1);
    /* Values under (2^64 mod n) would make the low remainders likelier: draw again. */
    uint64_t reject = (0 - n) % n;
    uint64_t x;
    do {
        x = aglm_prng_next(prng);
    } while (x < reject);
    return x % n;
}
