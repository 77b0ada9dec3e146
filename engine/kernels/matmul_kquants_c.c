/* C reference of the matrix products whose weights come in super-blocks of 256: Q2_K … Q6_K.
 *
 * A super-block is 16 runs of 16 values, each run with a small integer scale (Q4_K and Q5_K: the
 * same for two neighbouring runs) and some types with a small integer min; the activations of a
 * super-block share one scale. For each super-block, in order, integers are summed exactly:
 *     sum = sum over runs of scale * dot,    acc = fma(d * d_x, sum, acc)
 * and, where there are mins,
 *     sum = sum over runs of min * sum of the activations,    acc = fma(-(dmin * d_x), sum, acc).
 * The largest |sum| is 16 * 32 * 1023 * 128 < 2^26 (AGLM_ACT_PEAK). Every instruction set does the
 * same, so that the bits are the same.
 */
#include "engine/kernels/pack.h"
#include "engine/kernels/ref.h"

#include <math.h>
#include <string.h>

enum { ROWS = AGLM_PANEL_ROWS };

struct super_block {
    int8_t q[256];
    int scale[16], min[16];
    float d, dmin;
};

static float half_at(const uint8_t *p, size_t i)
{
    uint16_t h;
    memcpy(&h, p + i * 2, 2);
    return aglm_half_to_float(h);
}

/* Step s of the four that three vectors hold. */
static int read_six(const uint8_t *w, size_t s)
{
    return s < 3 ? w[s * 64] & 63 : w[0] >> 6 | w[64] >> 6 << 2 | w[128] >> 6 << 4;
}

/* The integers of a record's super-block of row r, by the layouts of pack.h. */
static void read_values(struct super_block *out, enum aglm_dtype type, const uint8_t *record,
                        const struct aglm_panel_parts *parts, size_t r)
{
    for (size_t i = 0; i < 256; i++) {
        const size_t step = i % 32 / 4, at = r * 4 + i % 4;
        const uint8_t *w = record + parts->values + i / 32 * parts->block;
        const uint8_t *high = record + parts->high + i / 32 * parts->block;
        int v;
        if (type == AGLM_Q6_K)
            v = read_six(w + step / 4 * 192 + at, step % 4);
        else if (type == AGLM_Q2_K || type == AGLM_Q3_K)
            v = w[step / 4 * 64 + at] >> (step % 4 * 2) & 3;
        else
            v = w[step % 4 * 64 + at] >> (step / 4 * 4) & 15;
        if (type == AGLM_Q3_K)
            v += (high[at] >> step & 1) * 4 - 4;
        else if (type == AGLM_Q5_K)
            v += (high[at] >> step & 1) * 16;
        else if (type == AGLM_Q6_K)
            v -= 32;
        out->q[i] = (int8_t)v;
    }
}

static void read_scales(struct super_block *out, enum aglm_dtype type, const uint8_t *scales,
                        size_t r)
{
    for (size_t j = 0; j < 16; j++) {
        const uint8_t *at = scales + j * ROWS + r; /* Q2_K, Q6_K: a byte a run */
        const uint8_t *six = scales + r;           /* the others: six bits */
        out->min[j] = 0;
        if (type == AGLM_Q2_K) {
            out->scale[j] = *at & 15;
            out->min[j] = *at >> 4;
        } else if (type == AGLM_Q6_K) {
            out->scale[j] = (int8_t)*at;
        } else if (type == AGLM_Q3_K) {
            int low = six[j / 2 * ROWS] >> (j % 2 * 4) & 15;
            int high = six[(8 + j / 4) * ROWS] >> (j % 4 * 2) & 3;
            out->scale[j] = (low | high << 4) - 32;
        } else {
            int low = six[j / 2 * ROWS];
            int high = six[(8 + j / 4) * ROWS] >> (j / 2 % 2 * 4);
            out->scale[j] = (low & 15) | (high & 3) << 4;
            out->min[j] = low >> 4 | (high >> 2 & 3) << 4;
        }
    }
}

/* acc plus the product of a super-block with its 256 activations. */
static float add_product(float acc, const struct super_block *b, bool has_min, const int8_t *q,
                         float scale, const int16_t *sums)
{
    int32_t total = 0, mins = 0;
    for (size_t j = 0; j < 16; j++) {
        int32_t dot = 0;
        for (size_t i = j * 16; i < j * 16 + 16; i++)
            dot += b->q[i] * q[i];
        total += b->scale[j] * dot;
        mins += b->min[j] * sums[j];
    }
    acc = fmaf(b->d * scale, (float)total, acc);
    return has_min ? fmaf(-(b->dmin * scale), (float)mins, acc) : acc;
}

static void matmul_k(AGLM_MATMUL_ARGS, enum aglm_dtype type)
{
    (void)scratch;
    const struct aglm_panel_parts parts = aglm_panel_parts(type);
    for (size_t p = 0; p < n_panels; p++, w += aglm_panel_bytes(type, k))
        for (size_t r = 0; r < ROWS; r++) {
            float *acc = out + p * ROWS + r;
            for (size_t t = 0; t < n_tokens; t++)
                acc[t * ld_out] = 0;
            for (size_t sb = 0; sb < k / 256; sb++) {
                struct super_block b;
                const uint8_t *record = w + sb * parts.record;
                read_values(&b, type, record, &parts, r);
                read_scales(&b, type, record + parts.scales, r);
                b.d = half_at(record + parts.supers, r);
                b.dmin = parts.mins ? half_at(record + parts.mins, r) : 0;
                for (size_t t = 0; t < n_tokens; t++)
                    acc[t * ld_out] = add_product(
                        acc[t * ld_out], &b, parts.mins != 0, x->q + t * k + sb * 256,
                        x->scale[t * (k / 32) + sb * 8], x->sum + t * (k / 16) + sb * 16);
            }
        }
}

#define MATMUL_K(NAME, TYPE)                                               \
    void NAME(AGLM_MATMUL_ARGS)                                            \
    {                                                                      \
        matmul_k(out, ld_out, w, x, k, n_panels, n_tokens, scratch, TYPE); \
    }

MATMUL_K(aglm_matmul_q2_k_c, AGLM_Q2_K)
MATMUL_K(aglm_matmul_q3_k_c, AGLM_Q3_K)
MATMUL_K(aglm_matmul_q4_k_c, AGLM_Q4_K)
MATMUL_K(aglm_matmul_q5_k_c, AGLM_Q5_K)
MATMUL_K(aglm_matmul_q6_k_c, AGLM_Q6_K)
