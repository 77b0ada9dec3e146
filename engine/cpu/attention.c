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

/* One token, the query heads that share key/value head h: all positions up to its own, or the
 * window's. */
static void attend(const struct aglm_cpu_run *r, uint32_t layer, size_t t, size_t h)
{
    const struct aglm_cpu_state *s = r->s;
    const struct aglm_hparams *hp = &s->model->hp;
    const size_t dim = hp->head_dim, group = hp->n_heads / hp->n_kv_heads;
    size_t n = s->pos + t + 1, first = 0;
    if (aglm_layer_is_local(hp, layer) && n > hp->n_window)
        first = n - hp->n_window;
    const struct aglm_attend a = {
        .out = s->att + (t * hp->n_heads + h * group) * dim,
        .q = s->qkv + t * s->ld_qkv + h * group * dim,
        .k = cache_at(s, s->k_cache, layer, h, s->row_k) + first * s->row_k,
        .v = cache_at(s, s->v_cache, layer, h, s->row_v) + first * s->row_v,
        .scores = s->scores + r->ith * s->scores_len,
        .n_q = group,
        .head_dim = dim,
        .n_pos = n - first,
        .type_k = s->type_k,
        .type_v = s->type_v,
    };
    r->k->attend(&a);
}

void aglm_cpu_attention(const struct aglm_cpu_run *r, uint32_t layer)
{
    struct aglm_cpu_state *s = r->s;
    const size_t n_kv = s->model->hp.n_kv_heads;
    for (size_t t = r->ith; t < s->n; t += r->n_threads)
        position(r, layer, t);
    aglm_cpu_done(r);
    for (size_t i; (i = aglm_pool_next(s->pool)) < s->n * n_kv;)
        attend(r, layer, i / n_kv, i % n_kv);
    aglm_cpu_done(r);
    for (size_t t = r->ith; t < s->n; t += r->n_threads)
        aglm_cpu_prepare(r, &s->w->layers[layer].out, s->att, t);
    aglm_cpu_done(r);
}
