/* Attention with NEON: the products and the softmax of attend_tiles.h. */
#include "engine/kernels/arm/arm.h"
#include "engine/kernels/attend_tiles.h"

static void load_tile(float *dst, const uint8_t *src, size_t n, enum aglm_dtype type)
{
    aglm_kv_load_neon(dst, src, n, type);
}

/* Sums of the lanes of four registers. */
static inline float32x4_t sum4x4(float32x4_t a, float32x4_t b, float32x4_t c, float32x4_t d)
{
    return add_float_pairs(add_float_pairs(a, b), add_float_pairs(c, d));
}

/* Scores of four rows with `keys` positions of the tile, 2 or 3. */
ARM_INLINE void dots_of_four(struct pass *pass, size_t r0, size_t p0, const unsigned keys)
{
    const size_t dim = pass->dim;
    const float *key = pass->tile + p0 * dim;
    const float *q[4] = {pass->row[r0].q, pass->row[r0 + 1].q, pass->row[r0 + 2].q,
                         pass->row[r0 + 3].q};
    float32x4_t acc[3][4];
    ARM_UNROLL
    for (unsigned p = 0; p < keys; p++)
        acc[p][0] = acc[p][1] = acc[p][2] = acc[p][3] = vdupq_n_f32(0);
    for (size_t i = 0; i < dim; i += 4) {
        float32x4_t k[3];
        ARM_UNROLL
        for (unsigned p = 0; p < keys; p++)
            k[p] = vld1q_f32(key + p * dim + i);
        ARM_UNROLL
        for (unsigned r = 0; r < 4; r++) {
            const float32x4_t v = vld1q_f32(q[r] + i);
            ARM_UNROLL
            for (unsigned p = 0; p < keys; p++)
                acc[p][r] = vfmaq_f32(acc[p][r], k[p], v);
        }
    }
    ARM_UNROLL
    for (unsigned p = 0; p < keys; p++) {
        float sum[4];
        vst1q_f32(sum, sum4x4(acc[p][0], acc[p][1], acc[p][2], acc[p][3]));
        ARM_UNROLL
        for (unsigned r = 0; r < 4; r++)
            pass->weight[r0 + r][p0 + p] = sum[r];
    }
}

/* Scores of one row with eight positions. */
static inline void dots_of_one(struct pass *pass, size_t r, size_t p0)
{
    const size_t dim = pass->dim;
    const float *key = pass->tile + p0 * dim, *q = pass->row[r].q;
    float32x4_t acc[8];
    ARM_UNROLL
    for (unsigned p = 0; p < 8; p++)
        acc[p] = vdupq_n_f32(0);
    for (size_t i = 0; i < dim; i += 4) {
        const float32x4_t v = vld1q_f32(q + i);
        ARM_UNROLL
        for (unsigned p = 0; p < 8; p++)
            acc[p] = vfmaq_f32(acc[p], vld1q_f32(key + p * dim + i), v);
    }
    ARM_UNROLL
    for (unsigned p = 0; p < 8; p += 4)
        vst1q_f32(pass->weight[r] + p0 + p, sum4x4(acc[p], acc[p + 1], acc[p + 2], acc[p + 3]));
}

static void scores(struct pass *pass, size_t n)
{
    size_t r = 0;
    for (; r + 4 <= pass->n; r += 4)
        for (size_t p = 0; p < n; p += 8) {
            dots_of_four(pass, r, p, 3);
            dots_of_four(pass, r, p + 3, 3);
            dots_of_four(pass, r, p + 6, 2);
        }
    for (; r < pass->n; r++)
        for (size_t p = 0; p < n; p += 8)
            dots_of_one(pass, r, p);
}

static float exp_all(float *w, unsigned n, float max)
{
    float32x4_t m = vdupq_n_f32(max);
    for (unsigned i = 0; i < n; i += 4)
        m = max_number(m, vld1q_f32(w + i));
    const float most = max_lanes(m);
    for (unsigned i = 0; i < n; i += 4) {
        vst1q_f32(w + i, vsubq_f32(vld1q_f32(w + i), vdupq_n_f32(most)));
        f4_store(w + i, f4_exp(f4_load(w + i)));
    }
    return most;
}

static float sum_all(const float *w, unsigned n)
{
    float32x4_t sum = vdupq_n_f32(0);
    for (unsigned i = 0; i < n; i += 4)
        sum = vaddq_f32(sum, vld1q_f32(w + i));
    return sum_lanes(sum);
}

/* Mixes columns i … i + 4 * cols - 1 of the values into `rows` rows, which see the same positions.
 */
ARM_INLINE void mix(struct pass *pass, size_t r0, size_t i, const unsigned rows,
                    const unsigned cols)
{
    struct row *row = pass->row + r0;
    float32x4_t acc[4][8];
    ARM_UNROLL
    for (unsigned r = 0; r < rows; r++)
        ARM_UNROLL
    for (unsigned c = 0; c < cols; c++)
        acc[r][c] = vmulq_n_f32(vld1q_f32(row[r].out + i + c * 4), row[r].keep);
    const float *value = pass->tile + i;
    for (size_t p = row->lo, hi = row->hi; p < hi; p++) {
        float32x4_t v[8];
        ARM_UNROLL
        for (unsigned c = 0; c < cols; c++)
            v[c] = vld1q_f32(value + p * pass->dim + c * 4);
        ARM_UNROLL
        for (unsigned r = 0; r < rows; r++) {
            const float32x4_t w = vdupq_n_f32(pass->weight[r0 + r][p]);
            ARM_UNROLL
            for (unsigned c = 0; c < cols; c++)
                acc[r][c] = vfmaq_f32(acc[r][c], w, v[c]);
        }
    }
    ARM_UNROLL
    for (unsigned r = 0; r < rows; r++)
        ARM_UNROLL
    for (unsigned c = 0; c < cols; c++)
        vst1q_f32(row[r].out + i + c * 4, acc[r][c]);
}

static void mix_four(struct pass *pass, size_t r)
{
    size_t i = 0;
#if defined(__aarch64__)
    for (; i + 16 <= pass->dim; i += 16)
        mix(pass, r, i, 4, 4);
#endif
    for (; i < pass->dim; i += 8)
        mix(pass, r, i, 4, 2);
}

static void mix_one(struct pass *pass, size_t r)
{
    size_t i = 0;
    for (; i + 32 <= pass->dim; i += 32)
        mix(pass, r, i, 1, 8);
    for (; i < pass->dim; i += 8)
        mix(pass, r, i, 1, 2);
}

static void scale_all(float *v, size_t n, float factor)
{
    for (size_t i = 0; i < n; i += 4)
        vst1q_f32(v + i, vmulq_n_f32(vld1q_f32(v + i), factor));
}

void aglm_attend_neon(const struct aglm_attend *a)
{
    attend(a);
}
