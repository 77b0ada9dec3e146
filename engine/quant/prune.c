/* Magnitude pruning; see prune.h. Inputs: a row of finite floats. Outputs: the same with zeros. */
#include "engine/quant/prune.h"

#include <stdint.h>
#include <string.h>

/* The magnitude as a whole number: bits of floats without their sign are in the floats' order. */
static uint32_t magnitude(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof(bits));
    return bits & 0x7fffffff;
}

/* The kth smallest magnitude, k < n, digit by digit from the top; *below: how many are smaller. */
static uint32_t select(const float *row, size_t n, size_t k, size_t *below)
{
    uint32_t prefix = 0, mask = 0;
    *below = 0;
    for (int shift = 24; shift >= 0; shift -= 8) {
        size_t count[256] = {0}, digit = 0;
        for (size_t i = 0; i < n; i++) {
            uint32_t m = magnitude(row[i]);
            if ((m & mask) == prefix)
                count[m >> shift & 0xff]++;
        }
        while (*below + count[digit] <= k)
            *below += count[digit++];
        prefix |= (uint32_t)digit << shift;
        mask |= 0xffu << shift;
    }
    return prefix;
}

void aglm_prune_row(float *row, size_t n, double share)
{
    const double rounding = 1e-9; /* 0.29 * 100 is a little less than 29 */
    size_t zeros = (size_t)(share * (double)n + rounding), below;
    zeros = zeros < n ? zeros : n;
    if (zeros == 0)
        return;
    const uint32_t last = select(row, n, zeros - 1, &below);
    size_t equal = zeros - below; /* of those that are as small as the last one */
    for (size_t i = 0; i < n; i++) {
        const uint32_t m = magnitude(row[i]);
        if (m < last || (m == last && equal > 0)) {
            equal -= m == last;
            row[i] = 0;
        }
    }
}
