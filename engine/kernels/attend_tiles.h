/* Attention's walk over tiles of up to 32 positions, for instruction sets whose registers hold four
 * or eight floats (NEON, AVX2).
 *
 * A tile of keys is converted to floats once and meets every query row (the heads of all tokens in
 * the call), then the tile of values likewise, so that the cache is read from memory once for all
 * of them. The softmax goes along: each row keeps its maximum and sum so far, and what it has mixed
 * is scaled down when the maximum grows. Tiles begin at multiples of their size, and each row's
 * arithmetic is the same whatever its neighbours are: a token gets the same bits alone or among
 * others. Heads that are no whole number of registers, or too long, go through the reference.
 *
 * A file includes this once, defines what is declared below as its own, and calls attend().
 */
#ifndef AGLM_ENGINE_KERNELS_ATTEND_TILES_H
#define AGLM_ENGINE_KERNELS_ATTEND_TILES_H

#include "engine/kernels/ref.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

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
    _Alignas(32) float tile[TILE_FLOATS];            /* [positions, dim] */
    _Alignas(32) float weight[ROWS][TILE_POSITIONS]; /* scores, then exp(score - max) */
};

/* ---- what the instruction set gives ---- */

/* n elements of the cache as floats. */
static void load_tile(float *dst, const uint8_t *src, size_t n, enum aglm_dtype type);
/* Scores of all rows with n positions of the tile, a multiple of 8. */
static void scores(struct pass *pass, size_t n);
/* exp(w - the largest of them and of max) in place, n a multiple of 8; returns that largest. A NaN
 * passes it by and shows in its weight. */
static float exp_all(float *w, unsigned n, float max);
/* n a multiple of 8. */
static float sum_all(const float *w, unsigned n);
/* Mixes the tile's values into one row; into four that see the same positions. */
static void mix_one(struct pass *pass, size_t r);
static void mix_four(struct pass *pass, size_t r);
/* v[i] *= factor; n a multiple of 8. */
static void scale_all(float *v, size_t n, float factor);

/* ---- the walk ---- */

static inline unsigned inside(size_t position, size_t start, unsigned n)
{
    const size_t at = position > start ? position - start : 0;
    return at < n ? (unsigned)at : n;
}

/* What the row does not see of n positions. */
static inline void fill_unseen(const struct row *row, float *w, unsigned n, float value)
{
    for (unsigned i = 0; i < row->lo; i++)
        w[i] = value;
    for (unsigned i = row->hi; i < n; i++)
        w[i] = value;
}

/* Scores of the tile's positions, which begin at `start`, to weights. */
static void weigh(struct row *row, float *w, size_t start, unsigned n)
{
    row->lo = inside(row->first, start, n);
    row->hi = inside(row->end, start, n);
    row->keep = 1.0f;
    if (row->lo >= row->hi)
        return;
    fill_unseen(row, w, n, -INFINITY);
    const float max = exp_all(w, n, row->max);
    fill_unseen(row, w, n, 0);
    if (max > row->max)
        row->keep = aglm_expf(row->max - max);
    row->max = max;
    row->sum = fmaf(row->sum, row->keep, sum_all(w, n));
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
        load_tile(pass->tile, a->k + p * bytes_k, n * dim, a->type_k);
        memset(pass->tile + n * dim, 0, (padded - n) * dim * sizeof(float));
        scores(pass, padded);
        for (size_t r = 0; r < pass->n; r++)
            weigh(&pass->row[r], pass->weight[r], p, (unsigned)padded);
        load_tile(pass->tile, a->v + p * bytes_v, n * dim, a->type_v);
        mix_values(pass);
    }
}

static void attend(const struct aglm_attend *a)
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
        for (size_t i = 0; i < pass.n; i++)
            scale_all(pass.row[i].out, pass.dim, 1.0f / pass.row[i].sum);
    }
}

#endif
