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

uint8_t *aglm_cpu_cache_at(const struct aglm_cpu_state *s, uint8_t *cache, size_t layer,
                           size_t head, size_t row_bytes)
{
    return cache + (layer * s->model->hp.n_kv_heads + head) * s->n_ctx * row_bytes;
}

/* What happens to queries, keys and values between their product and attention. */
enum { BIAS = 1, ROTATE = 2, STORE = 4, POSITION = 7 };

/* Bias and norm of a head's n rows, which begin at row `at` of [q | k | v]. */
static void begin(const struct aglm_cpu_run *r, const struct aglm_cpu_layer *l, float *row,
                  size_t at, size_t n, const float *norm)
{
    const size_t dim = r->s->model->hp.head_dim;
    if (l->qkv.bias)
        r->k->add(row + at, l->qkv.bias + at, n * dim);
    for (size_t h = 0; norm && h < n; h++)
        r->k->rmsnorm(row + at + h * dim, row + at + h * dim, norm, r->s->model->hp.rms_eps, dim);
}

/* Of one token: key/value head h and the queries that share it (scaled for the softmax). */
static void position(const struct aglm_cpu_run *r, uint32_t layer, size_t t, size_t h,
                     unsigned steps)
{
    const struct aglm_cpu_state *s = r->s;
    const struct aglm_hparams *hp = &s->model->hp;
    const struct aglm_cpu_layer *l = &s->w->layers[layer];
    const size_t dim = hp->head_dim, pos = s->pos + t, group = hp->n_heads / hp->n_kv_heads;
    const float *rope = aglm_layer_is_local(hp, layer) ? s->rope_local : s->rope;
    const float *angles = rope + pos * hp->n_rot;
    float *row = s->qkv + t * s->ld_qkv; /* [q | k | v] */
    const size_t q = h * group * dim, k = (hp->n_heads + h) * dim, v = k + hp->n_kv_heads * dim;
    if (steps & BIAS) {
        begin(r, l, row, q, group, l->q_norm);
        begin(r, l, row, k, 1, l->k_norm);
        begin(r, l, row, v, 1, NULL);
    }
    if (steps & ROTATE) {
        for (size_t i = 0; i < group; i++)
            rotate(row + q + i * dim, angles, hp, hp->query_scale);
        rotate(row + k, angles, hp, 1.0f);
    }
    if (steps & STORE) {
        r->k->kv_store(aglm_cpu_cache_at(s, s->k_cache, layer, h, s->row_k) + pos * s->row_k,
                       row + k, dim, s->type_k);
        r->k->kv_store(aglm_cpu_cache_at(s, s->v_cache, layer, h, s->row_v) + pos * s->row_v,
                       row + v, dim, s->type_v);
    }
}

/* All tokens and heads, in one pass or in one for each step. */
static void position_all(const struct aglm_cpu_run *r, uint32_t layer)
{
    static const unsigned AT_ONCE[] = {POSITION, 0}, APART[] = {BIAS, ROTATE, STORE, 0};
    const struct aglm_cpu_state *s = r->s;
    const size_t n_kv = s->model->hp.n_kv_heads;
    for (const unsigned *steps = aglm_cpu_fused(r, AGLM_FUSE_ROPE) ? AT_ONCE : APART; *steps;
         steps++) {
        for (size_t t = AGLM_CPU_FIRST; aglm_cpu_token(r, s->n, &t, AGLM_OP_ROPE);)
            for (size_t h = 0; h < n_kv; h++)
                position(r, layer, t, h, *steps);
    }
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
        .k = aglm_cpu_cache_at(s, s->k_cache, layer, h, s->row_k),
        .v = aglm_cpu_cache_at(s, s->v_cache, layer, h, s->row_v),
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

static size_t tokens_in_a_run(const struct aglm_hparams *hp)
{
    const size_t group = hp->n_heads / hp->n_kv_heads;
    return group < TASK_ROWS ? TASK_ROWS / group : 1;
}

/* Runs of tokens by key/value head, the longest rows of keys first. With one run a head needs
 * nothing of the others, and whoever attends makes its queries, keys and values ready first. */
static void attend_all(const struct aglm_cpu_run *r, uint32_t layer, bool one_run)
{
    const struct aglm_cpu_state *s = r->s;
    const size_t n_kv = s->model->hp.n_kv_heads, run = tokens_in_a_run(&s->model->hp);
    const size_t runs = (s->n + run - 1) / run;
    for (size_t i; (i = aglm_pool_next(s->pool)) < runs * n_kv;) {
        const size_t first = (runs - 1 - i / n_kv) * run;
        for (size_t t = 0; one_run && t < s->n; t++)
            position(r, layer, t, i, POSITION);
        if (one_run)
            aglm_cpu_mark_piece(r, AGLM_OP_ROPE, AGLM_CPU_ROPE_ATTENTION);
        attend(r, layer, first, s->n - first < run ? s->n - first : run, i % n_kv);
        if (one_run)
            aglm_cpu_mark_piece(r, AGLM_OP_ATTENTION, AGLM_CPU_ROPE_ATTENTION);
    }
    if (one_run)
        aglm_cpu_mark_mixed(r, AGLM_OP_ATTENTION, AGLM_CPU_ROPE_ATTENTION);
    else
        aglm_cpu_mark(r, AGLM_OP_ATTENTION);
}

static void count(const struct aglm_cpu_run *r, uint32_t layer)
{
    const struct aglm_cpu_state *s = r->s;
    const struct aglm_hparams *hp = &s->model->hp;
    const size_t window = aglm_layer_is_local(hp, layer) ? hp->n_window : 0;
    const size_t end = s->pos + s->n,
                 first = window && s->pos + 1 > window ? s->pos + 1 - window : 0;
    const double row = (double)hp->n_kv_heads * (double)(s->row_k + s->row_v);
    const double q = (double)hp->n_heads * hp->head_dim, n = (double)s->n;
    const double kv = 2.0 * hp->n_kv_heads * hp->head_dim;
    double seen = 0;
    if (!r->ops)
        return;
    for (size_t t = s->pos + 1; t <= end; t++)
        seen += (double)(window && t > window ? window : t);
    r->ops->op[AGLM_OP_ROPE].calls++;
    r->ops->op[AGLM_OP_ROPE].kv_bytes += n * row;
    r->ops->op[AGLM_OP_ROPE].act_bytes += n * (2 * q + 1.5 * kv) * sizeof(float);
    r->ops->op[AGLM_OP_ATTENTION].calls++;
    r->ops->op[AGLM_OP_ATTENTION].kv_bytes += (double)(end - first) * row;
    r->ops->op[AGLM_OP_ATTENTION].act_bytes += 2 * n * q * sizeof(float);
    r->ops->op[AGLM_OP_ATTENTION].float_ops += 4 * q * seen;
    r->ops->op[AGLM_OP_QUANTIZE].calls++;
    r->ops->op[AGLM_OP_QUANTIZE].act_bytes += n * q * sizeof(float);
}

void aglm_cpu_attention(const struct aglm_cpu_run *r, uint32_t layer)
{
    struct aglm_cpu_state *s = r->s;
    const bool one_run = aglm_cpu_fused(r, AGLM_FUSE_ROPE) &&
                         aglm_cpu_fused(r, AGLM_FUSE_SOFTMAX) &&
                         s->n <= tokens_in_a_run(&s->model->hp);
    count(r, layer);
    if (one_run)
        aglm_cpu_wait(r);
    else
        position_all(r, layer);
    if (aglm_cpu_fused(r, AGLM_FUSE_SOFTMAX))
        attend_all(r, layer, one_run);
    else
        aglm_cpu_scores(r, layer);
    for (size_t t = AGLM_CPU_FIRST; aglm_cpu_token(r, s->n, &t, AGLM_OP_QUANTIZE);)
        aglm_cpu_prepare(r, &s->w->layers[layer].out, s->att, t);
}
