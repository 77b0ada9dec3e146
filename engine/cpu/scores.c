/* Attention as the textbook has it, to show what the one pass of attention.c is worth: all scores
 * go to memory, then the softmax over them, then their product with the values.
 *
 * In: queries, keys and values as attention.c has placed them. Out: s->att, within rounding of the
 * fused way. Both products are those of float matrices: a slice of keys, or sixteen columns of the
 * values, is packed as a panel on the spot, in F16 where the cache is F16, else in F32.
 */
#include "engine/cpu/scores.h"

#include "engine/cpu/run.h"
#include "engine/kernels/pack.h"

#include <string.h>

enum { ROWS = AGLM_PANEL_ROWS, SLICE = 256 /* positions of a task */ };

static size_t padded(size_t n)
{
    return (n + ROWS - 1) / ROWS * ROWS;
}

static size_t most(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* What a thread has: panels, then rows of queries or of mixed values, then sixteen keys as floats.
 */
struct room {
    uint8_t *panels;
    float *rows, *keys;
};

static size_t panel_bytes(const struct aglm_cpu_state *s)
{
    return most(SLICE * (size_t)s->model->hp.head_dim, padded(s->n_ctx) * ROWS) * sizeof(float);
}

static size_t row_floats(const struct aglm_cpu_state *s)
{
    return padded(s->n_ubatch * most(s->model->hp.head_dim, ROWS));
}

size_t aglm_cpu_scores_packed_bytes(const struct aglm_cpu_state *s)
{
    const size_t floats = row_floats(s) + ROWS * (size_t)s->model->hp.head_dim;
    return padded(panel_bytes(s) / sizeof(float) + floats) * sizeof(float); /* whole cache lines */
}

static struct room room_of(const struct aglm_cpu_run *r)
{
    uint8_t *at = r->s->packed + r->ith * r->s->packed_bytes;
    float *rows = (float *)(void *)(at + panel_bytes(r->s));
    return (struct room){at, rows, rows + row_floats(r->s)};
}

static enum aglm_dtype panel_type(enum aglm_dtype cache)
{
    return cache == AGLM_F16 ? AGLM_F16 : AGLM_F32;
}

/* Positions of the batch's matrix of scores: its columns. */
static size_t columns(const struct aglm_cpu_state *s)
{
    return padded(s->pos + s->n);
}

static float *scores_of(const struct aglm_cpu_state *s, size_t head)
{
    return s->scores + head * s->n * columns(s);
}

static void multiply(const struct aglm_cpu_run *r, enum aglm_dtype type, const struct room *room,
                     const float *in, size_t k, size_t n_panels, float *out, size_t ld)
{
    const struct aglm_acts acts = {.x = in};
    r->k->matmul[type](out, ld, room->panels, &acts, k, n_panels, r->s->n,
                       r->s->scratch + r->ith * r->s->scratch_bytes);
}

/* Positions first … first + n - 1 of a head's keys as panels; past the end rows of zeros. */
static void pack_keys(const struct aglm_cpu_run *r, const struct room *room, const uint8_t *cache,
                      size_t first, size_t n)
{
    const struct aglm_cpu_state *s = r->s;
    const size_t dim = s->model->hp.head_dim;
    const enum aglm_dtype type = panel_type(s->type_k);
    for (size_t p = 0; p < n; p += ROWS) {
        const void *rows[ROWS] = {NULL};
        for (size_t i = 0; i < ROWS && p + i < n; i++) {
            rows[i] = cache + (first + p + i) * s->row_k;
            if (type == s->type_k)
                continue;
            aglm_dtype_get(s->type_k)->to_float(room->keys + i * dim, rows[i], dim);
            rows[i] = room->keys + i * dim;
        }
        aglm_pack_panel(type, room->panels + p / ROWS * aglm_panel_bytes(type, dim), rows, dim);
    }
}

/* Scores of a slice of positions for the query heads that share key/value head h. */
static void score(const struct aglm_cpu_run *r, uint32_t layer, size_t h, size_t first)
{
    const struct aglm_cpu_state *s = r->s;
    const struct aglm_hparams *hp = &s->model->hp;
    const size_t dim = hp->head_dim, group = hp->n_heads / hp->n_kv_heads;
    const size_t left = s->pos + s->n - first, n = left < SLICE ? left : SLICE;
    const struct room room = room_of(r);
    pack_keys(r, &room, aglm_cpu_cache_at(s, s->k_cache, layer, h, s->row_k), first, n);
    for (size_t head = h * group; head < (h + 1) * group; head++) {
        for (size_t t = 0; t < s->n; t++)
            memcpy(room.rows + t * dim, s->qkv + t * s->ld_qkv + head * dim, dim * sizeof(float));
        multiply(r, panel_type(s->type_k), &room, room.rows, dim, padded(n) / ROWS,
                 scores_of(s, head) + first, columns(s));
    }
}

/* What a token may not see weighs nothing. */
static void weigh(const struct aglm_cpu_run *r, uint32_t layer, float *row, size_t token)
{
    const struct aglm_cpu_state *s = r->s;
    const struct aglm_hparams *hp = &s->model->hp;
    const size_t end = s->pos + token + 1, window = hp->n_window;
    const size_t first = aglm_layer_is_local(hp, layer) && end > window ? end - window : 0;
    memset(row, 0, first * sizeof(*row));
    memset(row + end, 0, (columns(s) - end) * sizeof(*row));
    r->k->softmax(row + first, end - first);
}

/* Columns first … first + n - 1 of a head's values as a panel: row i of it is column first + i. */
static void pack_values(const struct aglm_cpu_run *r, const struct room *room, const uint8_t *cache,
                        size_t first, size_t n)
{
    const struct aglm_cpu_state *s = r->s;
    const bool half = s->type_v == AGLM_F16;
    const size_t used = s->pos + s->n, bytes = half ? sizeof(uint16_t) : sizeof(float);
    const struct aglm_dtype_info *type = aglm_dtype_get(s->type_v);
    memset(room->panels, 0, columns(s) * ROWS * bytes);
    for (size_t p = 0; p < used; p++) {
        const uint8_t *row = cache + p * s->row_v;
        uint8_t *dst = room->panels + p * ROWS * bytes;
        if (half) {
            memcpy(dst, row + first * bytes, n * bytes);
        } else { /* the block that the columns are of */
            float block[32];
            type->to_float(block, row + first / 32 * type->block_bytes, 32);
            memcpy(dst, block + first % 32, n * bytes);
        }
    }
}

/* Sixteen columns of the mixed values of the query heads that share key/value head h. */
static void mix(const struct aglm_cpu_run *r, uint32_t layer, size_t h, size_t first)
{
    const struct aglm_cpu_state *s = r->s;
    const struct aglm_hparams *hp = &s->model->hp;
    const size_t dim = hp->head_dim, group = hp->n_heads / hp->n_kv_heads;
    const size_t n = dim - first < ROWS ? dim - first : ROWS;
    const struct room room = room_of(r);
    pack_values(r, &room, aglm_cpu_cache_at(s, s->v_cache, layer, h, s->row_v), first, n);
    for (size_t head = h * group; head < (h + 1) * group; head++) {
        multiply(r, panel_type(s->type_v), &room, scores_of(s, head), columns(s), 1, room.rows,
                 ROWS);
        for (size_t t = 0; t < s->n; t++)
            memcpy(s->att + (t * hp->n_heads + head) * dim + first, room.rows + t * ROWS,
                   n * sizeof(float));
    }
}

void aglm_cpu_scores(const struct aglm_cpu_run *r, uint32_t layer)
{
    const struct aglm_cpu_state *s = r->s;
    const struct aglm_hparams *hp = &s->model->hp;
    const size_t slices = (s->pos + s->n + SLICE - 1) / SLICE;
    const size_t pieces = padded(hp->head_dim) / ROWS, rows = hp->n_heads * s->n;
    for (size_t i; (i = aglm_pool_next(s->pool)) < hp->n_kv_heads * slices;)
        score(r, layer, i / slices, i % slices * SLICE);
    aglm_cpu_done(r, AGLM_OP_ATTENTION);
    for (size_t i; (i = aglm_pool_next(s->pool)) < rows;)
        weigh(r, layer, s->scores + i * columns(s), i % s->n);
    aglm_cpu_done(r, AGLM_OP_ATTENTION);
    for (size_t i; (i = aglm_pool_next(s->pool)) < hp->n_kv_heads * pieces;)
        mix(r, layer, i / pieces, i % pieces * ROWS);
    aglm_cpu_mark(r, AGLM_OP_ATTENTION);
}
