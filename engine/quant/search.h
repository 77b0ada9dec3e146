/* The search for a scale, and a minimum, with a small squared rounding error. Private to
 * engine/quant.
 */
#ifndef AGLM_ENGINE_QUANT_SEARCH_H
#define AGLM_ENGINE_QUANT_SEARCH_H

#include <stdbool.h>

/* x is near scale q - min for whole q in [low, high]. */
struct aglm_grid {
    unsigned n; /* elements: 16 or 32 */
    float low, high;
    bool minimum;        /* is there one; else min is 0 */
    bool minimum_signed; /* may min be below 0 */
    bool halves;         /* scale and min are stored as halves: only such values are tried */
};

struct aglm_fit {
    float scale, min;
    float error; /* sum of squares */
};

/* One try: writes the squared error of x [n] under fit's scale and min, and into *better (which may
 * be NULL) the least-squares scale and min for the codes that these gave. */
void aglm_fit_try(const struct aglm_grid *g, const float *x, struct aglm_fit *fit,
                  struct aglm_fit *better);
/* The best of many tries for x [n], all finite. */
struct aglm_fit aglm_fit_search(const struct aglm_grid *g, const float *x);

/* The nearest whole number in [low, high], halves to even. |low|, |high| < 2^22; v not NaN. */
static inline float aglm_nearest_whole(float v, float low, float high)
{
    v = v < low ? low : v;
    v = v > high ? high : v;
    return (v + 12582912.0f) - 12582912.0f; /* 1.5 * 2^23: its unit is 1 */
}

/* Writes a copy of src [n] that arithmetic can bear: NaN as 0, magnitudes cut to 1e9. */
void aglm_tame(float *dst, const float *src, unsigned n);

#endif
