/* What the two halves of AVX-512's attention share: the pass, and its products. */
#ifndef AGLM_ENGINE_KERNELS_X86_AVX512_ATTEND_H
#define AGLM_ENGINE_KERNELS_X86_AVX512_ATTEND_H

#include "engine/kernels/x86/avx512_kv.h"

enum { TILE = 64, VECTORS = TILE / LANES, LONGEST = 256, ROWS = 64, GROUP = 4, FEW = 8 };

/* One query head of one token. */
struct row {
    const float *q; /* [dim] */
    float *out;     /* [dim] values mixed so far, relative to max */
    size_t first, end;
    unsigned lo, hi; /* positions of the tile that the row sees */
};

/* Up to 64 rows that share a pass. Scores and maxima are powers of two: times log2(e). */
struct pass {
    _Alignas(64) float tile[TILE * LONGEST];    /* keys: [dim][TILE]; values: [TILE][dim] */
    _Alignas(64) float weight[ROWS][TILE];      /* scores, then 2^(score - max) */
    _Alignas(64) float sum[ROWS][LANES];        /* of weights so far */
    _Alignas(64) float max[ROWS], before[ROWS]; /* of the scores so far; before the tile */
    _Alignas(64) float keep[ROWS]; /* what the tile's maximum leaves of everything before */
    struct row row[ROWS];
    size_t n, dim;
    bool few; /* few rows of one token (decode): they meet the cache without a tile between */
};

/* weight[r][p] = q · key of the tile's n positions, from `keys` on, for the sixteens that row r
 * sees any of. */
void aglm_avx512_scores(struct pass *pass, const uint8_t *keys, size_t n, enum aglm_dtype type);
/* out = out * keep + the values of the tile's n positions times their weights. */
void aglm_avx512_mix(struct pass *pass, const uint8_t *values, size_t n, enum aglm_dtype type);

#endif
