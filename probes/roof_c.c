/* The roof's loops in plain C: what a compiler makes of them without being allowed more than the
 * base instruction set. */
#include "probes/roof_kernels.h"

#include <string.h>

enum { CHAINS = 8 };

/* The compiler must believe that v changes here: nothing is hoisted out of the loop around it. */
#define OPAQUE(v) __asm__ volatile("" : "+r"(v))

static uint64_t read_c(const uint8_t *p, size_t stride, size_t n)
{
    uint64_t sum[4] = {0};
    for (size_t i = 0; i < n; i += 64)
        for (size_t stream = 0; stream < 4; stream++) {
            uint64_t v[8];
            memcpy(v, p + stream * stride + i, 64);
            sum[stream] ^= v[0] ^ v[1] ^ v[2] ^ v[3] ^ v[4] ^ v[5] ^ v[6] ^ v[7];
        }
    return sum[0] ^ sum[1] ^ sum[2] ^ sum[3];
}

static uint64_t int8_c(size_t n, uint64_t *ops)
{
    int32_t sum[CHAINS] = {0};
    int32_t w = 3, x = 5;
    for (size_t i = 0; i < n; i++) {
        OPAQUE(w);
        for (int c = 0; c < CHAINS; c++)
            sum[c] = (int32_t)((uint32_t)sum[c] + (uint32_t)((int8_t)w * (int8_t)(x + c)));
    }
    uint64_t all = 0;
    for (int c = 0; c < CHAINS; c++)
        all += (uint32_t)sum[c];
    *ops = (uint64_t)n * CHAINS * 2;
    return all & 0xffff;
}

static uint64_t f32_c(size_t n, uint64_t *ops)
{
    float sum[CHAINS] = {0};
    uint32_t bits = 0x3f800001u;
    for (size_t i = 0; i < n; i++) {
        float w;
        OPAQUE(bits);
        memcpy(&w, &bits, 4);
        for (int c = 0; c < CHAINS; c++)
            sum[c] = sum[c] * w + w;
    }
    for (int c = 1; c < CHAINS; c++)
        sum[0] += sum[c];
    memcpy(&bits, &sum[0], 4);
    *ops = (uint64_t)n * CHAINS * 2;
    return bits;
}

const struct aglm_roof_kernels aglm_roof_c = {"c", read_c, int8_c, f32_c};
