/* Attention of one layer: positions, the KV cache, and each token over what it may see.
 *
 * In: queries, keys and values of a batch, as the matrix product left them. Out: the heads' mixed
 * values. The cache is one run of rows for each layer and key/value head; a layer with a window
 * keeps all positions and reads its last ones.
 */
#include "engine/cpu/run.h"

/* Rotates the first n_rot elements of a head by its position's angles, neighbours or halves, and
 * scales the head. */
static void rotate(float *head, const float *angles, const struct aglm_hparams *hp, float scale)
{
    const size_t half = hp->n_rot / 2;
    const size_t a = hp->rope == AGLM_ROPE_NORM ? 2 : 1, b = hp->rope == AGLM_ROPE_NORM ? 1 : half;
    for (size_t i = 0; i < half; i++) {
        float c = angles[i * 2], s = angles[i * 2 + 1], x = head[i * a], y = head[i * a + b];
        head[i * a] = (x * c - y * s) * scale;
        head[i * a + b] = (x * s + y * c) * scale;
    }
    for (size_t i = hp->n_rot; i < hp->head_dim; i++)
        head[i] *= scale;
}

/* Start of a layer's keys or values for one head: rows of row_bytes. */
static uint8_t *cache_at(const struct aglm_cpu_state *s, uint8_t *cache, size_t layer, size_t head,
                         size_t row_bytes)
{
    return cache + (layer * s->model->hp.n_kv_heads + head) * s->n_ctx * row_bytes;
}

/* One token's queries (scaled for the softmax), keys and values. row: [q | k | v]. */
static void position(const struct aglm_cpu_run *r, uint32_t layer, size_t t)
{
    const struct aglm_cpu_state *s = r->s;
    const struct aglm_hparams *hp = &s->model->hp;
    const struct aglm_cpu_layer *l = &s->w->layers[layer];
    const size_t dim = hp->head_dim, pos = s->pos + t;
    const float *rope = aglm_layer_is_local(hp, layer) ? s->rope_local : s->rope;
    const float *angles = rope + pos * hp->n_rot;
    float *row = s->qkv + t * s->ld_qkv;

    aglm_cpu_add_bias(r, &l->qkv, row);
    for (size_t h = 0; h < hp->n_heads; h++, row += dim) {
        if (l->q_norm)
            r->k->rmsnorm(row, row, l->q_norm, hp->rms_eps, dim);
        rotate(row, angles, hp, hp->query_scale);
    }
    for (size_t h = 0; h < hp->n_kv_heads; h++, row += dim) {
        if (l->k_norm)
            r->k->rmsnorm(row, row, l->k_norm, hp->rms_eps, dim);
        rotate(row, angles, hp, 1.0f);
        r->k->kv_store(cache_at(s, s->k_cache, layer, h, s->row_k) + pos * s->row_k, row, dim,
                       s->type_k);
    }
    for (size_t h = 0; h < hp->n_kv_heads; h++, row += dim)
        r->k->kv_store(cache_at(s, s->v_cache, layer, h, s->row_v) + pos * s->row_v, row, dim,
                       s->type_v);
}

/* Query rows of a task: more tokens share each key and value, fewer leave more tasks to deal out.
 */
enum { TASK_ROWS = 64 };

/* Tokens first … first + n - 1 of the batch, the query heads that share key/value head h: all
 * positions up to each token's own, or the window's. */
static void attend(const struct aglm_cpu_run *r, uint32_t layer, size_t first, size_t n, size_t h)
{
    const struct aglm_cpu_state *s = r->s;
    const struct aglm_hparams *hp = &s->model->hp;
    const size_t dim = hp->head_dim, group = hp->n_heads / hp->n_kv_heads;
    const struct aglm_attend a = {
        .out = s->att + (first * hp->n_heads + h * group) * dim,
        .q = s->qkv + first * s->ld_qkv + h * group * dim,
        .k = cache_at(s, s->k_cache, layer, h, s->row_k),
        .v = cache_at(s, s->v_cache, layer, h, s->row_v),
        .n_tokens = n,
        .n_q = group,
        .head_dim = dim,
        .n_pos = s->pos + first + 1,
        .window = aglm_layer_is_local(hp, layer) ? hp->n_window : 0,
        .ld_q = s->ld_qkv,
        .ld_out = hp->n_heads * dim,
        .type_k = s->type_k,
        .type_v = s->type_v,
    };
    r->k->attend(&a);
}

/* Runs of tokens by key/value head, the longest rows of keys first. */
static void attend_all(const struct aglm_cpu_run *r, uint32_t layer)
{
    const struct aglm_cpu_state *s = r->s;
    const size_t n_kv = s->model->hp.n_kv_heads, group = s->model->hp.n_heads / n_kv;
    const size_t run = group < TASK_ROWS ? TASK_ROWS / group : 1, runs = (s->n + run - 1) / run;
    for (size_t i; (i = aglm_pool_next(s->pool)) < runs * n_kv;) {
        const size_t first = (runs - 1 - i / n_kv) * run;
        attend(r, layer, first, s->n - first < run ? s->n - first : run, i % n_kv);
    }
}

void aglm_cpu_attention(const struct aglm_cpu_run *r, uint32_t layer)
{
    struct aglm_cpu_state *s = r->s;
    for (size_t t = AGLM_CPU_FIRST; aglm_cpu_token(r, s->n, &t);)
        position(r, layer, t);
    attend_all(r, layer);
    for (size_t t = AGLM_CPU_FIRST; aglm_cpu_token(r, s->n, &t);)
        aglm_cpu_prepare(r, &s->w->layers[layer].out, s->att, t);
}
