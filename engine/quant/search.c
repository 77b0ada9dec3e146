/* The search for a scale, and a minimum, with a small squared rounding error.
 *
 * Codes and scale are found in turn: for a scale, the codes are the nearest ones; for the codes,
 * the scale is the solution of a small least-squares problem. This comes to rest in the nearest
 * valley, so it is begun at many places: scales that map the extremes a little inside or outside
 * of the range of codes, in both directions. No trial is random, and sums are made in one order:
 * the same input gives the same bits.
 */
#include "engine/quant/search.h"
#include "engine/quant/blocks.h"

#include <math.h>
#include <string.h>

enum { STEPS = 3 };

/* A try that is so much worse than the best one is not followed. */
#define HOPELESS 1.25f

void aglm_tame(float *dst, const float *src, unsigned n)
{
    for (unsigned j = 0; j < n; j++)
        dst[j] = aglm_bounded(src[j], -1e9f, 1e9f);
}

/* Four floats at once: GNU C's vectors, which every target has in some form. */
typedef float vec __attribute__((vector_size(16)));
typedef int32_t mask __attribute__((vector_size(16)));

static vec choose(mask if_set, vec yes, vec no)
{
    return (vec)((if_set & (mask)yes) | (~if_set & (mask)no));
}

/* aglm_nearest_whole, four at once. */
static vec nearest_whole(vec v, vec low, vec high)
{
    v = choose(v < low, low, v);
    v = choose(v > high, high, v);
    return (v + 12582912.0f) - 12582912.0f;
}

struct sums {
    vec error, xq, qq, q, x;
};

static float total(vec lanes)
{
    return (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]);
}

static void sum_up(const struct aglm_grid *g, const float *x, const struct aglm_fit *fit,
                   struct sums *s)
{
    const vec zero = {0};
    const vec inverse = zero + aglm_inverse(fit->scale), scale = zero + fit->scale;
    const vec min = zero + fit->min, low = zero + g->low, high = zero + g->high;
    struct sums sum = {0};
    for (unsigned j = 0; j < g->n; j += 4) {
        vec v;
        memcpy(&v, x + j, sizeof(v));
        vec q = nearest_whole((v + min) * inverse, low, high);
        vec rest = v - (scale * q - min);
        sum.error += rest * rest;
        sum.xq += v * q;
        sum.qq += q * q;
        sum.q += q;
        sum.x += v;
    }
    *s = sum;
}

static float as_half(float v)
{
    return aglm_half_to_float(aglm_scale_to_half(v));
}

static void settle(const struct aglm_grid *g, struct aglm_fit *fit)
{
    if (!g->halves)
        return;
    fit->scale = as_half(fit->scale);
    fit->min = as_half(fit->min);
}

/* min sum (x - s q + m)^2 over s and m, or over s alone. */
static void least_squares(const struct aglm_grid *g, const struct sums *s, struct aglm_fit *out)
{
    const float n = (float)g->n, xq = total(s->xq), qq = total(s->qq);
    out->min = 0.0f;
    out->scale = qq > 0 ? xq / qq : 0.0f;
    if (!g->minimum)
        return;
    const float q = total(s->q), x = total(s->x), determinant = n * qq - q * q;
    if (!(determinant > 0))
        return;
    float scale = (n * xq - x * q) / determinant, min = (scale * q - x) / n;
    if (min < 0 && !g->minimum_signed)
        return; /* the best on the border: min 0 */
    out->scale = scale;
    out->min = min;
}

void aglm_fit_try(const struct aglm_grid *g, const float *x, struct aglm_fit *fit,
                  struct aglm_fit *better)
{
    struct sums s;
    settle(g, fit);
    sum_up(g, x, fit, &s);
    fit->error = total(s.error);
    if (better)
        least_squares(g, &s, better);
}

/* From start downhill; *best is replaced by what is better. */
static void descend(const struct aglm_grid *g, const float *x, struct aglm_fit start,
                    struct aglm_fit *best)
{
    for (int step = 0; step < STEPS; step++) {
        struct aglm_fit next;
        aglm_fit_try(g, x, &start, &next);
        if (start.error < best->error)
            *best = start;
        else if (start.error > HOPELESS * best->error || next.scale == start.scale)
            return;
        start = next;
    }
}

static struct aglm_fit search_symmetric(const struct aglm_grid *g, const float *x)
{
    const int starts = g->high < 8 ? 6 : 8; /* more take longer and gain less than a hundredth */
    float extreme = 0.0f;
    for (unsigned j = 0; j < g->n; j++)
        extreme = aglm_magnitude(x[j]) > aglm_magnitude(extreme) ? x[j] : extreme;
    struct aglm_fit best = {.error = INFINITY};
    descend(g, x, (struct aglm_fit){0}, &best);
    descend(g, x, (struct aglm_fit){.scale = extreme / g->low}, &best); /* the plain formula */
    for (int i = 0; i < starts && extreme != 0; i++) {
        /* the code that the extreme value would get, were there no end to them */
        float code =
            g->high * 0.8f + (1.15f * -g->low - g->high * 0.8f) * (float)i / (float)(starts - 1);
        descend(g, x, (struct aglm_fit){.scale = extreme / code}, &best);
        descend(g, x, (struct aglm_fit){.scale = extreme / -code}, &best);
    }
    return best;
}

static struct aglm_fit search_with_minimum(const struct aglm_grid *g, const float *x)
{
    enum { STARTS = 5 };
    float low = g->minimum_signed ? x[0] : 0.0f, high = low;
    for (unsigned j = 0; j < g->n; j++) {
        low = x[j] < low ? x[j] : low;
        high = x[j] > high ? x[j] : high;
    }
    struct aglm_fit best = {.error = INFINITY};
    descend(g, x, (struct aglm_fit){.min = -low}, &best); /* all alike */
    descend(g, x, (struct aglm_fit){.scale = (high - low) / g->high, .min = -low}, &best);
    for (int i = 0; i < STARTS && high > low; i++) {
        /* How many steps lie between the extremes; which of the two is kept, or neither. */
        float steps = g->high * (0.9f + 0.3f * (float)i / (STARTS - 1));
        float scale = (high - low) / steps, beyond = scale * (steps - g->high);
        for (int side = 0; side < 3; side++) {
            float min = -(low + beyond * 0.5f * (float)side);
            min = min < 0 && !g->minimum_signed ? 0.0f : min;
            descend(g, x, (struct aglm_fit){.scale = scale, .min = min}, &best);
        }
    }
    return best;
}

struct aglm_fit aglm_fit_search(const struct aglm_grid *g, const float *x)
{
    return g->minimum ? search_with_minimum(g, x) : search_symmetric(g, x);
}
