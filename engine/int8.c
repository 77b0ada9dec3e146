/* Calibration of INT8: histograms of magnitudes, and the three ways from a histogram to a scale.
 *
 * A histogram has a fixed number of bins from 0 to a limit; when a larger magnitude comes, the
 * limit doubles and neighbouring bins merge, so one pass over the sample is enough and memory is
 * fixed.
 */
#include "engine/int8.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BINS = 8192, LEVELS = 128 };

struct site {
    uint64_t
        bin[BINS]; /* bin i: magnitudes in [i, i + 1) * limit / BINS; bin 0 without the zeros */
    uint64_t n, zeros;
    float limit; /* 0: nothing but zeros so far */
    float max;
};

struct aglm_int8_stats {
    size_t n_sites;
    struct site *site;
};

int aglm_int8_stats_create(struct aglm_int8_stats **out, size_t n_sites, struct aglm_err *err)
{
    struct aglm_int8_stats *s = calloc(1, sizeof(*s));
    if (s)
        s->site = calloc(n_sites, sizeof(*s->site));
    if (!s || !s->site) {
        free(s);
        return aglm_err_set(err, -ENOMEM, "calibration: out of memory for %zu histograms", n_sites);
    }
    s->n_sites = n_sites;
    *out = s;
    return 0;
}

void aglm_int8_stats_destroy(struct aglm_int8_stats **stats)
{
    if (!*stats)
        return;
    free((*stats)->site);
    free(*stats);
    *stats = NULL;
}

size_t aglm_int8_stats_sites(const struct aglm_int8_stats *stats)
{
    return stats->n_sites;
}

static void widen(struct site *s, float magnitude)
{
    if (s->limit == 0) {
        /* The next power of two, so that doubling stays exact. */
        int exponent;
        frexpf(magnitude, &exponent);
        s->limit = ldexpf(1.0f, exponent);
        return;
    }
    while (magnitude >= s->limit) {
        for (size_t i = 0; i < BINS / 2; i++)
            s->bin[i] = s->bin[2 * i] + s->bin[2 * i + 1];
        memset(s->bin + BINS / 2, 0, BINS / 2 * sizeof(*s->bin));
        s->limit *= 2;
    }
}

void aglm_int8_stats_add(struct aglm_int8_stats *stats, size_t site, const float *x, size_t n)
{
    struct site *s = &stats->site[site];
    for (size_t i = 0; i < n; i++) {
        float magnitude = fabsf(x[i]);
        if (!(magnitude < 1e30f))
            continue;
        s->n++;
        if (magnitude < 1e-30f) {
            s->zeros++;
            continue;
        }
        if (magnitude >= s->limit)
            widen(s, magnitude);
        s->max = magnitude > s->max ? magnitude : s->max;
        s->bin[(size_t)(magnitude / s->limit * BINS)]++;
    }
}

/* The magnitude below which the share lies, interpolated within its bin. */
static double percentile_of(const struct site *s, double percent)
{
    double wanted = percent / 100 * (double)s->n, below = (double)s->zeros;
    for (size_t i = 0; i < BINS; i++) {
        if (s->bin[i] && below + (double)s->bin[i] >= wanted) {
            double part = (wanted - below) / (double)s->bin[i];
            double at = ((double)i + (part > 0 ? part : 0)) * (double)s->limit / BINS;
            return at < (double)s->max ? at : (double)s->max;
        }
        below += (double)s->bin[i];
    }
    return (double)s->max;
}

/* KL(P || Q) for the threshold at bin n: P is the histogram with everything beyond put into the
 * last bin that is not empty; Q is the part below the threshold at LEVELS levels, each level's
 * weight spread evenly over its bins that are not empty. */
static double divergence(const struct site *s, size_t n, uint64_t beyond)
{
    double total_p = 0, total_q = 0, sum = 0;
    size_t last = n;
    for (size_t i = 0; i < n; i++) {
        total_q += (double)s->bin[i];
        last = s->bin[i] ? i : last;
    }
    total_p = total_q + (double)beyond;
    if (total_q == 0)
        return INFINITY;
    for (size_t level = 0; level < LEVELS; level++) {
        size_t from = level * n / LEVELS, to = (level + 1) * n / LEVELS, used = 0;
        double weight = 0;
        for (size_t i = from; i < to; i++) {
            weight += (double)s->bin[i];
            used += s->bin[i] != 0;
        }
        for (size_t i = from; i < to; i++) {
            double p = (double)s->bin[i] + (i == last ? (double)beyond : 0);
            if (s->bin[i] == 0)
                continue;
            double q = weight / (double)used / total_q;
            p /= total_p;
            sum += p * log(p / q);
        }
    }
    return sum;
}

static double kl_threshold(const struct site *s)
{
    const double width = (double)s->limit / BINS;
    size_t last = (size_t)((double)s->max / width) + 1;
    last = last > BINS ? BINS : last;
    double best = INFINITY;
    size_t best_n = last;
    uint64_t within = 0, all = s->n - s->zeros;
    size_t next = 0;
    for (size_t n = LEVELS; n <= last; n += n / LEVELS) { /* finer than what it decides */
        while (next < n)
            within += s->bin[next++];
        double d = divergence(s, n, all - within);
        if (d < best) {
            best = d;
            best_n = n;
        }
    }
    double threshold = (double)best_n * width;
    return threshold < (double)s->max ? threshold : (double)s->max;
}

int aglm_int8_scales(float *scales, const struct aglm_int8_stats *stats,
                     enum aglm_int8_method method, double percentile, struct aglm_err *err)
{
    if (method == AGLM_INT8_PERCENTILE && !(percentile > 50 && percentile <= 100))
        return aglm_err_set(
            err, -EINVAL, "calibration: percentile %g: must be above 50, at most 100", percentile);
    for (size_t i = 0; i < stats->n_sites; i++)
        if (stats->site[i].n == 0)
            return aglm_err_set(err, -EINVAL,
                                "calibration: place %zu of %zu saw no value; run the sample text "
                                "through the model first",
                                i, stats->n_sites);
    for (size_t i = 0; i < stats->n_sites; i++) {
        const struct site *s = &stats->site[i];
        double threshold = (double)s->max;
        if (method == AGLM_INT8_PERCENTILE)
            threshold = percentile_of(s, percentile);
        else if (method == AGLM_INT8_KL && s->max > 0)
            threshold = kl_threshold(s);
        scales[i] = threshold > 0 ? (float)(threshold / 127) : s->max > 0 ? s->max / 127 : 1.0f;
    }
    return 0;
}

float aglm_int8_row(int8_t *q, const float *x, size_t k)
{
    float max = 0;
    for (size_t i = 0; i < k; i++) {
        float magnitude = fabsf(x[i]);
        if (!(magnitude <= 3.4028234e38f)) {
            memset(q, 0, k);
            return NAN;
        }
        max = magnitude > max ? magnitude : max;
    }
    float scale = max / 127;
    if (scale == 0) {
        memset(q, 0, k);
        return 0;
    }
    for (size_t i = 0; i < k; i++) {
        long v = lrintf(x[i] / scale);
        q[i] = (int8_t)(v > 127 ? 127 : v < -127 ? -127 : v);
    }
    return scale;
}
