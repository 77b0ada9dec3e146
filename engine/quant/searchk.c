/* From float to the K formats with a small squared error, for files that people keep.
 *
 * Each run is searched on its own first. Then scales and minima must become small whole numbers
 * times the super-block's two halves: for these, whole numbers next to the wishes are tried with
 * the error that they really give; for the whole numbers and codes, the halves come from least
 * squares over the super-block; and so on in turn. What is best of all rounds is written.
 */
#include "engine/quant/blocks.h"
#include "engine/quant/kencode.h"
#include "engine/quant/search.h"

#include <math.h>

enum { ROUNDS = 3, STARTS = 3 };

static struct aglm_grid grid_of(const struct aglm_kformat *f)
{
    return (struct aglm_grid){
        .n = f->run, .low = (float)f->q_low, .high = (float)f->q_high, .minimum = f->min_high > 0};
}

/* The whole scale and minimum next to b's for run r with the least error, which is returned. */
static float nudge(const struct aglm_kformat *f, const struct aglm_grid *g, struct aglm_kblock *b,
                   unsigned r, const float *x)
{
    const float d = aglm_half_to_float(b->d), dmin = aglm_half_to_float(b->dmin);
    const int scale = b->scale[r], min = b->min[r], reach = f->min_high ? 1 : 0;
    float best = INFINITY;
    for (int s = scale - 1; s <= scale + 1; s++) {
        for (int m = min - reach; m <= min + reach; m++) {
            if (s < f->scale_low || s > f->scale_high || m < 0 || m > f->min_high)
                continue;
            struct aglm_fit fit = {.scale = d * (float)s, .min = dmin * (float)m};
            aglm_fit_try(g, x, &fit, NULL);
            if (fit.error < best) {
                best = fit.error;
                b->scale[r] = (int16_t)s;
                b->min[r] = (int16_t)m;
            }
        }
    }
    return best;
}

static float nudge_all(const struct aglm_kformat *f, const struct aglm_grid *g,
                       struct aglm_kblock *b, const float *x)
{
    float error = 0.0f;
    for (unsigned r = 0; r < 256 / f->run; r++)
        error += nudge(f, g, b, r, x + r * f->run);
    return error;
}

/* d and dmin that minimise sum (x - d scale q + dmin min)^2 for b's scale, min and q. */
static void refit_halves(const struct aglm_kformat *f, struct aglm_kblock *b, const float *x)
{
    float aa = 0, bb = 0, ab = 0, xa = 0, xb = 0;
    for (unsigned r = 0; r < 256 / f->run; r++) {
        const float scale = (float)b->scale[r], m = (float)b->min[r];
        float xq = 0, qq = 0, sum_q = 0, sum_x = 0;
        for (unsigned j = r * f->run; j < (r + 1) * f->run; j++) {
            float q = (float)b->q[j];
            xq += x[j] * q;
            qq += q * q;
            sum_q += q;
            sum_x += x[j];
        }
        aa += scale * scale * qq;
        ab += scale * m * sum_q;
        bb += m * m * (float)f->run;
        xa += scale * xq;
        xb += m * sum_x;
    }
    float determinant = aa * bb - ab * ab;
    float d = aa > 0 ? xa / aa : 0.0f, dmin = 0.0f;
    if (f->min_high && determinant > 1e-6f * aa * bb) {
        d = (xa * bb - xb * ab) / determinant;
        dmin = (xa * ab - xb * aa) / determinant;
    } else if (f->min_high && bb > 0) {
        d = aglm_half_to_float(b->d);
        dmin = (d * ab - xb) / bb;
    }
    b->d = aglm_scale_to_half(d);
    b->dmin = f->min_high ? aglm_scale_to_half(dmin > 0 ? dmin : 0.0f) : 0;
}

/* In turn from where b's scales and minima are; *best is replaced by what is better. */
static void improve(const struct aglm_kformat *f, const float *x, struct aglm_kblock *b,
                    struct aglm_kblock *best, float *best_error)
{
    const struct aglm_grid g = grid_of(f);
    for (int round = 0; round < ROUNDS; round++) {
        float error = nudge_all(f, &g, b, x);
        if (!(error < *best_error))
            return;
        aglm_k_round_codes(f, b, x);
        *best_error = error;
        *best = *b;
        refit_halves(f, b, x);
    }
}

static void search_block(const struct aglm_kformat *f, uint8_t *block, const float *x)
{
    const struct aglm_grid g = grid_of(f);
    struct aglm_kscales wishes = {0};
    struct aglm_kblock b, best = {0};
    float error = INFINITY;
    for (unsigned r = 0; r < 256 / f->run; r++) {
        struct aglm_fit fit = aglm_fit_search(&g, x + r * f->run);
        wishes.scale[r] = fit.scale;
        wishes.min[r] = fit.min;
    }
    for (int short_by = 0; short_by < STARTS; short_by++) {
        aglm_k_round_scales(f, &b, &wishes, short_by);
        improve(f, x, &b, &best, &error);
    }
    /* Runs of few values have wild best scales, which share a super-block badly: also from the
     * extremes of each run. */
    aglm_k_plain_scales(f, &wishes, x);
    aglm_k_round_scales(f, &b, &wishes, 0);
    improve(f, x, &b, &best, &error);
    f->pack(block, &best);
}

static void quantize_row(const struct aglm_kformat *f, uint8_t *block, const float *src, size_t n)
{
    for (size_t i = 0; i < n; i += 256, block += f->bytes) {
        float x[256];
        aglm_tame(x, src + i, 256);
        search_block(f, block, x);
    }
}

void aglm_q2_k_quantize_row(void *dst, const float *src, size_t n)
{
    quantize_row(&aglm_q2_k_format, dst, src, n);
}

void aglm_q3_k_quantize_row(void *dst, const float *src, size_t n)
{
    quantize_row(&aglm_q3_k_format, dst, src, n);
}

void aglm_q4_k_quantize_row(void *dst, const float *src, size_t n)
{
    quantize_row(&aglm_q4_k_format, dst, src, n);
}

void aglm_q5_k_quantize_row(void *dst, const float *src, size_t n)
{
    quantize_row(&aglm_q5_k_format, dst, src, n);
}

void aglm_q6_k_quantize_row(void *dst, const float *src, size_t n)
{
    quantize_row(&aglm_q6_k_format, dst, src, n);
}
