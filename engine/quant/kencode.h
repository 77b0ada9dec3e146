/* Steps that the quick and the searching encoders of the K formats share. Private to engine/quant.
 */
#ifndef AGLM_ENGINE_QUANT_KENCODE_H
#define AGLM_ENGINE_QUANT_KENCODE_H

#include "engine/quant/kquants.h"

/* What each run of a super-block would like: x is near scale q - min. Only the first 256/run
 * count. */
struct aglm_kscales {
    float scale[16], min[16];
};

/* Scales from the extremes of each run of x [256]; minima are what is subtracted, not below 0. */
void aglm_k_plain_scales(const struct aglm_kformat *f, struct aglm_kscales *s, const float *x);
/* Writes d, dmin, scale and min of b: the wishes rounded to what the format can say. The largest
 * scale and minimum get the code that is short by that many of the farthest from 0. */
void aglm_k_round_scales(const struct aglm_kformat *f, struct aglm_kblock *b,
                         const struct aglm_kscales *s, int short_by);
/* Writes b->q: for x [256] the nearest codes under b's scales. */
void aglm_k_round_codes(const struct aglm_kformat *f, struct aglm_kblock *b, const float *x);

#endif
