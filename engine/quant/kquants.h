/* The K formats' super-blocks of 256 as plain numbers, for decoding, encoding and tests. Private to
 * engine/quant.
 */
#ifndef AGLM_ENGINE_QUANT_KQUANTS_H
#define AGLM_ENGINE_QUANT_KQUANTS_H

#include "engine/dtype.h"

#include <stdint.h>

/* x[i] = d scale[i / run] q[i] - dmin min[i / run] */
struct aglm_kblock {
    uint16_t d, dmin; /* halves; dmin 0 where the format has no minima */
    int16_t scale[16];
    int16_t min[16];
    int8_t q[256];
};

/* A format: elements that share a scale, and the ranges of codes. */
struct aglm_kformat {
    enum aglm_dtype type;
    unsigned run, bytes;
    int q_low, q_high;
    int scale_low, scale_high;
    int min_high; /* 0: no minima */
    void (*unpack)(struct aglm_kblock *out, const uint8_t *block);
    void (*pack)(uint8_t *block, const struct aglm_kblock *in);
};

extern const struct aglm_kformat aglm_q2_k_format, aglm_q3_k_format, aglm_q4_k_format,
    aglm_q5_k_format, aglm_q6_k_format;

#endif
