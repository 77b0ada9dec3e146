/* INT8 as a mode of running a model: symmetric, weights with one scale per row, activations with
 * one scale per place in the network.
 *
 *   q = clip(round(x / scale), -128, 127)        x' = q * scale
 *
 * Weights: scale = max|row| / 127, so q >= -127. Activations: the scale of a place (the input of a
 * layer's q/k/v, attention output, gate/up or down product, or of the output matrix) is fixed
 * beforehand, calibrated from sample text, or taken anew from each token ("dynamic"). Products are
 * exact integer sums over the whole row. Post-training: nothing is learned.
 *
 * Sources: B. Jacob et al. 2018 (arXiv 1712.05877) for the scheme; S. Migacz, "8-bit inference with
 * TensorRT", GTC 2017, for calibration by KL divergence.
 */
#ifndef AGLM_ENGINE_INT8_H
#define AGLM_ENGINE_INT8_H

#include "probes/err.h"

#include <stddef.h>
#include <stdint.h>

/* How a scale is found from the magnitudes seen. */
enum aglm_int8_method {
    AGLM_INT8_MINMAX,     /* the largest magnitude becomes 127 */
    AGLM_INT8_PERCENTILE, /* the magnitude that a share of all values stays below does; others clip
                           */
    AGLM_INT8_KL,         /* the threshold whose clipped and rounded distribution has the least
                             Kullback-Leibler         divergence from the one seen */
};

/* Magnitudes of the activations at each place, as histograms that widen as larger values come. */
struct aglm_int8_stats;

/* n_sites: 4 * layers + 1, in the order of enum aglm_int8_place within a layer. */
int aglm_int8_stats_create(struct aglm_int8_stats **out, size_t n_sites, struct aglm_err *err);
void aglm_int8_stats_destroy(struct aglm_int8_stats **stats);
/* Adds n values at a site; values that are not finite are left out. */
void aglm_int8_stats_add(struct aglm_int8_stats *stats, size_t site, const float *x, size_t n);
size_t aglm_int8_stats_sites(const struct aglm_int8_stats *stats);

/* scales: [n_sites]. percentile: of AGLM_INT8_PERCENTILE, 50 < p <= 100, in percent. A site that
 * saw nothing but zeros gets scale 1. -EINVAL: percentile out of range, or a site that saw no
 * value. */
int aglm_int8_scales(float *scales, const struct aglm_int8_stats *stats,
                     enum aglm_int8_method method, double percentile, struct aglm_err *err);

/* The places of a layer; the output matrix's input is site 4 * n_layers. */
enum aglm_int8_place { AGLM_INT8_QKV, AGLM_INT8_OUT, AGLM_INT8_UP, AGLM_INT8_DOWN };

/* A row of k weights as q: [k] with its scale, max|x| / 127; 0 for a row of zeros, NaN (and q = 0)
 * for one that is not finite. */
float aglm_int8_row(int8_t *q, const float *x, size_t k);

/* What a model is to be run with. */
struct aglm_int8_options {
    const float *scales; /* [n_sites], or NULL: dynamic */
    size_t n_sites;
    int fake; /* rounded all the same, but multiplied as floats: what the integers should give */
};

#endif
