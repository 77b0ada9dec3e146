/* Attention with AVX2, FMA and F16C: the products and the softmax of attend_tiles.h. */
#include "engine/kernels/attend_tiles.h"
#include "engine/kernels/x86/avx2.h"

static void load_tile(float *dst, const uint8_t *src, size_t n, enum aglm_dtype type)
{
    aglm_kv_load_avx2(dst, src, n, type);
}

/* Sums of the lanes of four registers. */
static inline __m128 sum8x4(__m256 a, __m256 b, __m256 c, __m256 d)
{
    __m256 s = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
    return _mm_add_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps(s, 1));
}

/* Scores of four rows with `keys` positions of the tile, 2 or 3. */
X86_INLINE void dots_of_four(struct pass *pass, size_t r0, size_t p0, const unsigned keys)
{
    const size_t dim = pass->dim;
    const float *key = pass->tile + p0 * dim;
    const float *q[4] = {pass->row[r0].q, pass->row[r0 + 1].q, pass->row[r0 + 2].q,
                         pass->row[r0 + 3].q};
    __m256 acc[3][4];
    X86_UNROLL
    for (unsigned p = 0; p < keys; p++)
        acc[p][0] = acc[p][1] = acc[p][2] = acc[p][3] = _mm256_setzero_ps();
    for (size_t i = 0; i < dim; i += 8) {
        __m256 k[3];
        X86_UNROLL
        for (unsigned p = 0; p < keys; p++)
            k[p] = _mm256_loadu_ps(key + p * dim + i);
        X86_UNROLL
        for (unsigned r = 0; r < 4; r++) {
            const __m256 v = _mm256_loadu_ps(q[r] + i);
            X86_UNROLL
            for (unsigned p = 0; p < keys; p++)
                acc[p][r] = _mm256_fmadd_ps(k[p], v, acc[p][r]);
        }
    }
    X86_UNROLL
    for (unsigned p = 0; p < keys; p++) {
        float sum[4];
        _mm_storeu_ps(sum, sum8x4(acc[p][0], acc[p][1], acc[p][2], acc[p][3]));
        X86_UNROLL
        for (unsigned r = 0; r < 4; r++)
            pass->weight[r0 + r][p0 + p] = sum[r];
    }
}

/* Scores of one row with eight positions. */
static inline void dots_of_one(struct pass *pass, size_t r, size_t p0)
{
    const size_t dim = pass->dim;
    const float *key = pass->tile + p0 * dim, *q = pass->row[r].q;
    __m256 acc[8];
    X86_UNROLL
    for (unsigned p = 0; p < 8; p++)
        acc[p] = _mm256_setzero_ps();
    for (size_t i = 0; i < dim; i += 8) {
        const __m256 v = _mm256_loadu_ps(q + i);
        X86_UNROLL
        for (unsigned p = 0; p < 8; p++)
            acc[p] = _mm256_fmadd_ps(_mm256_loadu_ps(key + p * dim + i), v, acc[p]);
    }
    X86_UNROLL
    for (unsigned p = 0; p < 8; p += 4)
        _mm_storeu_ps(pass->weight[r] + p0 + p, sum8x4(acc[p], acc[p + 1], acc[p + 2], acc[p + 3]));
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

static inline float max_lane(__m256 v)
{
    __m128 m = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    m = _mm_max_ps(m, _mm_movehl_ps(m, m));
    return _mm_cvtss_f32(_mm_max_ss(m, _mm_shuffle_ps(m, m, 1)));
}

static float exp_all(float *w, unsigned n, float max)
{
    __m256 m = _mm256_set1_ps(max);
    for (unsigned i = 0; i < n; i += 8)
        m = _mm256_max_ps(_mm256_loadu_ps(w + i), m);
    const float most = max_lane(m);
    for (unsigned i = 0; i < n; i += 8)
        _mm256_storeu_ps(w + i, exp8(_mm256_sub_ps(_mm256_loadu_ps(w + i), _mm256_set1_ps(most))));
    return most;
}

static float sum_all(const float *w, unsigned n)
{
    __m256 sum = _mm256_setzero_ps();
    for (unsigned i = 0; i < n; i += 8)
        sum = _mm256_add_ps(sum, _mm256_loadu_ps(w + i));
    return sum8(sum);
}

/* Mixes columns i … i + 8 * cols - 1 of the values into `rows` rows, which see the same positions.
 */
X86_INLINE void mix(struct pass *pass, size_t r0, size_t i, const unsigned rows,
                    const unsigned cols)
{
    struct row *row = pass->row + r0;
    __m256 acc[4][8];
    X86_UNROLL
    for (unsigned r = 0; r < rows; r++)
        X86_UNROLL
    for (unsigned c = 0; c < cols; c++)
        acc[r][c] =
            _mm256_mul_ps(_mm256_loadu_ps(row[r].out + i + c * 8), _mm256_set1_ps(row[r].keep));
    const float *value = pass->tile + i;
    for (size_t p = row->lo, hi = row->hi; p < hi; p++) {
        __m256 v[8];
        X86_UNROLL
        for (unsigned c = 0; c < cols; c++)
            v[c] = _mm256_loadu_ps(value + p * pass->dim + c * 8);
        X86_UNROLL
        for (unsigned r = 0; r < rows; r++) {
            const __m256 w = _mm256_broadcast_ss(&pass->weight[r0 + r][p]);
            X86_UNROLL
            for (unsigned c = 0; c < cols; c++)
                acc[r][c] = _mm256_fmadd_ps(w, v[c], acc[r][c]);
        }
    }
    X86_UNROLL
    for (unsigned r = 0; r < rows; r++)
        X86_UNROLL
    for (unsigned c = 0; c < cols; c++)
        _mm256_storeu_ps(row[r].out + i + c * 8, acc[r][c]);
}

static void mix_four(struct pass *pass, size_t r)
{
    size_t i = 0;
    for (; i + 16 <= pass->dim; i += 16)
        mix(pass, r, i, 4, 2);
    for (; i < pass->dim; i += 8)
        mix(pass, r, i, 4, 1);
}

static void mix_one(struct pass *pass, size_t r)
{
    size_t i = 0;
    for (; i + 64 <= pass->dim; i += 64)
        mix(pass, r, i, 1, 8);
    for (; i + 16 <= pass->dim; i += 16)
        mix(pass, r, i, 1, 2);
    for (; i < pass->dim; i += 8)
        mix(pass, r, i, 1, 1);
}

static void scale_all(float *v, size_t n, float factor)
{
    for (size_t i = 0; i < n; i += 8)
        _mm256_storeu_ps(v + i, _mm256_mul_ps(_mm256_loadu_ps(v + i), _mm256_set1_ps(factor)));
}

void aglm_attend_avx2(const struct aglm_attend *a)
{
    attend(a);
}
