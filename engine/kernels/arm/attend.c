/* Attention with NEON: one pass over keys and values, in tiles of up to 32 positions.
 *
 * A tile of keys is converted to floats once and meets every query row (the heads of all tokens in
 * the call), then the tile of values likewise, so that the cache is read from memory once for all
 * of them. The softmax goes along: each row keeps its maximum and sum so far, and what it has mixed
 * is scaled down when the maximum grows. Tiles begin at multiples of their size, and each row's
 * arithmetic is the same whatever its neighbours are: a token gets the same bits alone or among
 * others. Heads that are no whole number of registers, or too long, go through the reference.
 */
#include "engine/kernels/arm/arm.h"
#include "engine/kernels/ref.h"

enum { TILE_FLOATS = 4096, TILE_POSITIONS = 32, LONGEST = 512, ROWS = 64 };

/* One query head of one token. */
struct row {
    const float *q; /* [dim] */
    float *out;     /* [dim] values mixed so far, relative to max */
    size_t first, end;
    float max, sum;
    float keep;      /* what the last tile's maximum leaves of everything before */
    unsigned lo, hi; /* positions of the last tile that the row sees */
};

/* Up to 64 rows that share a pass. */
struct pass {
    struct row row[ROWS];
    size_t n, dim;
    _Alignas(16) float tile[TILE_FLOATS];            /* [positions, dim] */
    _Alignas(16) float weight[ROWS][TILE_POSITIONS]; /* scores, then exp(score - max) */
};

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

/* n: positions, a multiple of 8. */
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

static inline void fill(float *w, unsigned from, unsigned to, float value)
{
    for (unsigned i = from; i < to; i++)
        w[i] = value;
}

/* Scores of the tile's positions, which begin at `start`, to weights. A NaN passes the maximum by
 * and shows in its weight. */
static void weigh(struct row *row, float *w, size_t start, unsigned n)
{
    row->lo = row->first > start ? (unsigned)(row->first - start < n ? row->first - start : n) : 0;
    row->hi = row->end > start ? (unsigned)(row->end - start < n ? row->end - start : n) : 0;
    row->keep = 1.0f;
    if (row->lo >= row->hi)
        return;
    fill(w, 0, row->lo, -INFINITY);
    fill(w, row->hi, n, -INFINITY);
    float32x4_t m = vdupq_n_f32(row->max);
    for (unsigned i = 0; i < n; i += 4)
        m = max_number(m, vld1q_f32(w + i));
    const float max = max_lanes(m);
    for (unsigned i = 0; i < n; i += 4) {
        vst1q_f32(w + i, vsubq_f32(vld1q_f32(w + i), vdupq_n_f32(max)));
        f4_store(w + i, f4_exp(f4_load(w + i)));
    }
    fill(w, 0, row->lo, 0);
    fill(w, row->hi, n, 0);
    float32x4_t sum = vdupq_n_f32(0);
    for (unsigned i = 0; i < n; i += 4)
        sum = vaddq_f32(sum, vld1q_f32(w + i));
    if (max > row->max)
        row->keep = aglm_expf(row->max - max);
    row->max = max;
    row->sum = fmaf(row->sum, row->keep, sum_lanes(sum));
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

static bool see_the_same(const struct row *row, unsigned n)
{
    for (unsigned i = 1; i < n; i++)
        if (row[i].lo != row->lo || row[i].hi != row->hi)
            return false;
    return true;
}

static void mix_values(struct pass *pass)
{
    for (size_t r = 0; r < pass->n;)
        if (r + 4 <= pass->n && see_the_same(pass->row + r, 4)) {
            mix_four(pass, r);
            r += 4;
        } else {
            mix_one(pass, r++);
        }
}

/* Rows r0 … r0 + n - 1 of the call, counted token by token, head by head. */
static void begin(struct pass *pass, const struct aglm_attend *a, size_t r0, size_t n)
{
    pass->n = n;
    pass->dim = a->head_dim;
    for (size_t i = 0; i < n; i++) {
        const size_t t = (r0 + i) / a->n_q, h = (r0 + i) % a->n_q, end = a->n_pos + t;
        pass->row[i] = (struct row){
            .q = a->q + t * a->ld_q + h * a->head_dim,
            .out = a->out + t * a->ld_out + h * a->head_dim,
            .first = a->window && a->window < end ? end - a->window : 0,
            .end = end,
            .max = -INFINITY,
        };
        memset(pass->row[i].out, 0, a->head_dim * sizeof(float));
    }
}

static void run(struct pass *pass, const struct aglm_attend *a)
{
    const size_t dim = a->head_dim, most = TILE_FLOATS / dim / 8 * 8;
    const size_t positions = most < TILE_POSITIONS ? most : TILE_POSITIONS;
    const size_t bytes_k = aglm_kv_row_bytes(a->type_k, dim);
    const size_t bytes_v = aglm_kv_row_bytes(a->type_v, dim);
    const size_t end = pass->row[pass->n - 1].end;
    for (size_t p = pass->row[0].first / positions * positions; p < end; p += positions) {
        const size_t n = end - p < positions ? end - p : positions, padded = (n + 7) / 8 * 8;
        aglm_kv_load_neon(pass->tile, a->k + p * bytes_k, n * dim, a->type_k);
        memset(pass->tile + n * dim, 0, (padded - n) * dim * sizeof(float));
        scores(pass, padded);
        for (size_t r = 0; r < pass->n; r++)
            weigh(&pass->row[r], pass->weight[r], p, (unsigned)padded);
        aglm_kv_load_neon(pass->tile, a->v + p * bytes_v, n * dim, a->type_v);
        mix_values(pass);
    }
}

static void finish(struct pass *pass)
{
    for (size_t r = 0; r < pass->n; r++) {
        const float inverse = 1.0f / pass->row[r].sum;
        for (size_t i = 0; i < pass->dim; i += 4)
            vst1q_f32(pass->row[r].out + i, vmulq_n_f32(vld1q_f32(pass->row[r].out + i), inverse));
    }
}

void aglm_attend_neon(const struct aglm_attend *a)
{
    struct pass pass;
    const size_t rows = a->n_tokens * a->n_q;
    if (a->head_dim % 8 || a->head_dim > LONGEST) {
        aglm_attend_c(a);
        return;
    }
    for (size_t r = 0; r < rows; r += ROWS) {
        begin(&pass, a, r, rows - r < ROWS ? rows - r : ROWS);
        run(&pass, a);
        finish(&pass);
    }
}
