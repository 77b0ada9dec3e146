/* From float to the K formats, the quick way: scales from the extremes of each run (Q6_K: from a
 * short search), minima likewise, then rounding.
 *
 * The super scales are rounded to half first and every code is chosen for the value that will be
 * decoded, so that later roundings make up for earlier ones.
 */
#include "engine/quant/kencode.h"
#include "engine/quant/blocks.h"

/* The scale s (either sign) whose rounding of x[16] to s q, q in [-32, 31], has a small squared
 * error. For each trial of the inverse scale the codes are rounded and the best s for those codes
 * is sum(xq)/sum(qq), which takes sum(xq)^2/sum(qq) off the error; the trial that takes most off
 * wins. */
static float q6_k_short_search(const float *x)
{
    float max = aglm_extreme(x, 16);
    if (!(aglm_magnitude(max) > 1e-30f && aglm_magnitude(max) < 1e30f))
        return 0.0f;

    float best_scale = 0.0f, best_gain = 0.0f;
    for (int trial = -8; trial <= 8; trial++) {
        float inverse = -(32.0f + 0.125f * (float)trial) / max;
        float sum_xq = 0.0f, sum_qq = 0.0f;
        for (int j = 0; j < 16; j++) {
            int q = aglm_nearest_code(x[j] * inverse, -32, 31);
            sum_xq += x[j] * (float)q;
            sum_qq += (float)(q * q);
        }
        float scale = sum_qq > 0 ? sum_xq / sum_qq : 0.0f;
        if (scale * sum_xq > best_gain) {
            best_gain = scale * sum_xq;
            best_scale = scale;
        }
    }
    return best_scale;
}

void aglm_k_plain_scales(const struct aglm_kformat *f, struct aglm_kscales *s, const float *x)
{
    for (unsigned r = 0; r < 256 / f->run; r++, x += f->run) {
        s->min[r] = 0.0f;
        if (!f->min_high) {
            s->scale[r] = f->type == AGLM_Q6_K ? q6_k_short_search(x)
                                               : aglm_extreme(x, f->run) / (float)f->q_low;
            continue;
        }
        float min = 0.0f, max = 0.0f;
        for (unsigned j = 0; j < f->run; j++) {
            min = x[j] < min ? x[j] : min;
            max = x[j] > max ? x[j] : max;
        }
        s->scale[r] = (max - min) / (float)f->q_high;
        s->min[r] = -min;
    }
}

void aglm_k_round_scales(const struct aglm_kformat *f, struct aglm_kblock *b,
                         const struct aglm_kscales *s, int short_by)
{
    unsigned runs = 256 / f->run;
    /* Symmetric formats: the largest scale becomes the lowest code, which is the farthest. */
    float largest = aglm_extreme(s->scale, runs), largest_min = aglm_extreme(s->min, runs);
    float far_code = (float)(f->min_high ? f->scale_high - short_by : f->scale_low + short_by);
    b->d = aglm_scale_to_half(largest / far_code);
    b->dmin = f->min_high ? aglm_scale_to_half(largest_min / (float)(f->min_high - short_by)) : 0;
    float inverse = aglm_inverse(aglm_half_to_float(b->d));
    float inverse_min = aglm_inverse(aglm_half_to_float(b->dmin));
    for (unsigned r = 0; r < runs; r++) {
        b->scale[r] =
            (int16_t)aglm_nearest_code(s->scale[r] * inverse, f->scale_low, f->scale_high);
        b->min[r] = (int16_t)aglm_nearest_code(s->min[r] * inverse_min, 0, f->min_high);
    }
}

void aglm_k_round_codes(const struct aglm_kformat *f, struct aglm_kblock *b, const float *x)
{
    float d = aglm_half_to_float(b->d), dmin = aglm_half_to_float(b->dmin);
    for (unsigned r = 0; r < 256 / f->run; r++) {
        float inverse = aglm_inverse(d * (float)b->scale[r]), min = dmin * (float)b->min[r];
        for (unsigned j = r * f->run; j < (r + 1) * f->run; j++)
            b->q[j] = (int8_t)aglm_nearest_code((x[j] + min) * inverse, f->q_low, f->q_high);
    }
}

static void from_float(const struct aglm_kformat *f, uint8_t *block, const float *src, size_t n)
{
    for (size_t i = 0; i < n; i += 256, block += f->bytes) {
        struct aglm_kscales s;
        struct aglm_kblock b;
        aglm_k_plain_scales(f, &s, src + i);
        aglm_k_round_scales(f, &b, &s, 0);
        aglm_k_round_codes(f, &b, src + i);
        f->pack(block, &b);
    }
}

void aglm_q2_k_from_float(void *dst, const float *src, size_t n)
{
    from_float(&aglm_q2_k_format, dst, src, n);
}

void aglm_q3_k_from_float(void *dst, const float *src, size_t n)
{
    from_float(&aglm_q3_k_format, dst, src, n);
}

void aglm_q4_k_from_float(void *dst, const float *src, size_t n)
{
    from_float(&aglm_q4_k_format, dst, src, n);
}

void aglm_q5_k_from_float(void *dst, const float *src, size_t n)
{
    from_float(&aglm_q5_k_format, dst, src, n);
}

void aglm_q6_k_from_float(void *dst, const float *src, size_t n)
{
    from_float(&aglm_q6_k_format, dst, src, n);
}
