/* The transformer, top-down: tokens in, logits out, all threads in step.
 *
 * Every thread runs the same functions. Each step shares its work out (tokens, heads or panels of a
 * matrix) and ends at a barrier. No output depends on who computed it, so results are the same bits
 * for any number of threads.
 */
#include "engine/cpu/state.h"

#include "engine/kernels/pack.h"

#include <math.h>
#include <string.h>

/* One thread's view of the batch in flight. */
struct run {
    struct aglm_cpu_state *s;
    const struct aglm_kernels *k;
    unsigned ith, n_threads;
};

static void done(const struct run *r)
{
    aglm_pool_barrier(r->s->pool);
}

/* How many activations share a scale for this group: 0 where all its weights are floats; 256 for
 * Q6_K, whose blocks are that long (as in llama.cpp, so that both round alike); else 32. */
static size_t act_block(const struct aglm_matrix_group *g)
{
    size_t block = 0;
    for (unsigned i = 0; i < g->n; i++) {
        if (!aglm_dtype_get(g->part[i].type)->quantized)
            continue;
        if (g->part[i].type != AGLM_Q6_K)
            return AGLM_ACT_BLOCK;
        block = 256;
    }
    return block;
}

/* Activations as a matrix product wants them. in: [n, k]. */
static void prepare(const struct run *r, const struct aglm_matrix_group *g, const float *in,
                    size_t token)
{
    struct aglm_cpu_state *s = r->s;
    const size_t k = g->part[0].k, block = act_block(g);
    if (block)
        r->k->quantize(s->act_q + token * k, s->act_scale + token * (k / 32),
                       s->act_sum + token * (k / 16), in + token * k, k, block);
}

/* out: [n, ld] = in: [n, k] times the group's rows, prepared before. Panels are dealt out four at a
 * time. */
static void matmul(const struct run *r, const struct aglm_matrix_group *g, const float *in,
                   size_t n, float *out, size_t ld)
{
    enum { CHUNK = 4 };
    struct aglm_cpu_state *s = r->s;
    const struct aglm_acts acts = {in, s->act_q, s->act_scale, s->act_sum};
    uint8_t *scratch = s->scratch + r->ith * s->scratch_bytes;
    for (unsigned i = 0; i < g->n; i++) {
        const struct aglm_matrix *m = &g->part[i];
        const size_t stride = aglm_panel_bytes(m->type, m->k);
        for (size_t p; (p = aglm_pool_next(s->pool) * CHUNK) < m->n_panels;) {
            size_t panels = m->n_panels - p < CHUNK ? m->n_panels - p : CHUNK;
            r->k->matmul[m->type](out + p * AGLM_PANEL_ROWS, ld, m->data + p * stride, &acts, m->k,
                                  panels, n, scratch);
        }
        out += m->n_rows;
        done(r); /* a part's padding may overlap the next part's start */
    }
}

static void add_bias(const struct run *r, const struct aglm_matrix_group *g, float *out)
{
    if (g->bias)
        r->k->add(out, g->bias, g->n_rows);
}

/* x: [n_embd] of each token from the embedding's row in the file. */
static void embed(const struct run *r)
{
    struct aglm_cpu_state *s = r->s;
    const struct aglm_gguf_tensor *e = s->model->tensors.token_embd;
    const size_t d = s->model->hp.n_embd, row_bytes = e->n_bytes / e->ne[1];
    for (size_t t = r->ith; t < s->n; t += r->n_threads)
        aglm_dtype_get(e->type)->to_float(
            s->x + t * d, (const uint8_t *)e->data + (size_t)s->tokens[t] * row_bytes, d);
}

/* x += what the last block computed (unless first), then the norm and the activations for the next
 * product. */
static void add_norm(const struct run *r, const float *weight, const struct aglm_matrix_group *next,
                     const struct aglm_matrix_group *last)
{
    struct aglm_cpu_state *s = r->s;
    const size_t d = s->model->hp.n_embd;
    for (size_t t = r->ith; t < s->n; t += r->n_threads) {
        if (last) {
            add_bias(r, last, s->proj + t * s->ld_embd);
            r->k->add(s->x + t * d, s->proj + t * s->ld_embd, d);
        }
        if (next) {
            r->k->rmsnorm(s->normed + t * d, s->x + t * d, weight, s->model->hp.rms_eps, d);
            prepare(r, next, s->normed, t);
        }
    }
    done(r);
}

/* Rotates the first n_rot elements of a head by its position's angles, neighbours or halves, and
 * scales the head. */
static void rotate(float *head, const float *angles, const struct aglm_hparams *hp, float scale)
{
    const size_t half = hp->n_rot / 2;
    const size_t a = hp->arch->rope == AGLM_ROPE_NORM ? 2 : 1,
                 b = hp->arch->rope == AGLM_ROPE_NORM ? 1 : half;
    for (size_t i = 0; i < half; i++) {
        float c = angles[i * 2], s = angles[i * 2 + 1], x = head[i * a], y = head[i * a + b];
        head[i * a] = (x * c - y * s) * scale;
        head[i * a + b] = (x * s + y * c) * scale;
    }
    for (size_t i = hp->n_rot; i < hp->head_dim; i++)
        head[i] *= scale;
}

/* Start of a layer's keys or values for one head: [n_ctx, head_dim]. */
static uint16_t *cache_at(const struct aglm_cpu_state *s, uint16_t *cache, size_t layer,
                          size_t head)
{
    return cache + (layer * s->model->hp.n_kv_heads + head) * s->n_ctx * s->model->hp.head_dim;
}

/* Bias and positions; queries take the softmax's scale, keys and values go to the cache as F16. */
static void position(const struct run *r, size_t layer)
{
    struct aglm_cpu_state *s = r->s;
    const struct aglm_hparams *hp = &s->model->hp;
    const size_t dim = hp->head_dim;
    const float scale = 1.0f / sqrtf((float)dim);
    for (size_t t = r->ith; t < s->n; t += r->n_threads) {
        float *row = s->qkv + t * s->ld_qkv;
        const float *angles = s->rope + (s->pos + t) * hp->n_rot;
        add_bias(r, &s->w->layers[layer].qkv, row);
        for (size_t h = 0; h < hp->n_heads; h++, row += dim)
            rotate(row, angles, hp, scale);
        for (size_t h = 0; h < hp->n_kv_heads; h++, row += dim) {
            rotate(row, angles, hp, 1.0f);
            r->k->to_half(cache_at(s, s->k_cache, layer, h) + (s->pos + t) * dim, row, dim);
        }
        for (size_t h = 0; h < hp->n_kv_heads; h++, row += dim)
            r->k->to_half(cache_at(s, s->v_cache, layer, h) + (s->pos + t) * dim, row, dim);
    }
    done(r);
}

/* Each token over all positions up to its own; the query heads of one key/value head together. */
static void attention(const struct run *r, size_t layer)
{
    struct aglm_cpu_state *s = r->s;
    const struct aglm_hparams *hp = &s->model->hp;
    const size_t dim = hp->head_dim, group = hp->n_heads / hp->n_kv_heads;
    for (size_t i; (i = aglm_pool_next(s->pool)) < s->n * hp->n_kv_heads;) {
        size_t t = i / hp->n_kv_heads, h = i % hp->n_kv_heads;
        const struct aglm_attend a = {
            .out = s->att + (t * hp->n_heads + h * group) * dim,
            .q = s->qkv + t * s->ld_qkv + h * group * dim,
            .k = (const uint8_t *)cache_at(s, s->k_cache, layer, h),
            .v = (const uint8_t *)cache_at(s, s->v_cache, layer, h),
            .scores = s->scores + r->ith * s->scores_len,
            .n_q = group,
            .head_dim = dim,
            .n_pos = s->pos + t + 1,
        };
        r->k->attend(&a);
    }
    done(r);
    for (size_t t = r->ith; t < s->n; t += r->n_threads)
        prepare(r, &s->w->layers[layer].out, s->att, t);
    done(r);
}

/* hidden = silu(gate) * up, prepared for the down projection. */
static void activate(const struct run *r, const struct aglm_cpu_layer *l)
{
    struct aglm_cpu_state *s = r->s;
    const size_t ff = s->model->hp.n_ff;
    for (size_t t = r->ith; t < s->n; t += r->n_threads) {
        const float *gate = s->up + t * s->ld_up;
        r->k->silu_mul(s->hidden + t * ff, gate, gate + ff, ff);
        prepare(r, &l->down, s->hidden, t);
    }
    done(r);
}

/* Logits of tokens first … first + n - 1 (n <= AGLM_LOGIT_ROWS) to rows: [n, n_vocab]. */
static void logits(const struct run *r, size_t first, size_t n, float *rows)
{
    struct aglm_cpu_state *s = r->s;
    const struct aglm_hparams *hp = &s->model->hp;
    const size_t d = hp->n_embd;
    for (size_t t = r->ith; t < n; t += r->n_threads) {
        r->k->rmsnorm(s->normed + t * d, s->x + (first + t) * d, s->w->output_norm, hp->rms_eps, d);
        prepare(r, &s->w->output, s->normed, t);
    }
    done(r);
    matmul(r, &s->w->output, s->normed, n, s->logits, s->ld_vocab);
    for (size_t t = r->ith; t < n; t += r->n_threads)
        memcpy(rows + t * hp->n_vocab, s->logits + t * s->ld_vocab, hp->n_vocab * sizeof(*rows));
    done(r);
}

static void transformer(void *ctx, unsigned ith, unsigned n_threads)
{
    struct aglm_cpu_state *s = ctx;
    const struct aglm_cpu_weights *w = s->w;
    const struct run run = {s, &w->kernels, ith, n_threads}, *r = &run;
    const struct aglm_matrix_group *last = NULL;

    embed(r);
    for (size_t i = 0; i < w->n_layers; i++) {
        const struct aglm_cpu_layer *l = &w->layers[i];
        add_norm(r, l->attn_norm, &l->qkv, last);
        matmul(r, &l->qkv, s->normed, s->n, s->qkv, s->ld_qkv);
        position(r, i);
        attention(r, i);
        matmul(r, &l->out, s->att, s->n, s->proj, s->ld_embd);

        add_norm(r, l->ffn_norm, &l->up, &l->out);
        matmul(r, &l->up, s->normed, s->n, s->up, s->ld_up);
        activate(r, l);
        matmul(r, &l->down, s->hidden, s->n, s->proj, s->ld_embd);
        last = &l->down;
    }
    add_norm(r, NULL, NULL, last);

    for (size_t t = 0; s->rows && t < s->n; t += AGLM_LOGIT_ROWS) {
        size_t n = s->n - t < AGLM_LOGIT_ROWS ? s->n - t : AGLM_LOGIT_ROWS;
        logits(r, t, n, s->rows + t * s->model->hp.n_vocab);
    }
    if (s->last)
        logits(r, s->n - 1, 1, s->last);
}

void aglm_cpu_forward(void *state, const int32_t *tokens, size_t n, size_t pos, float *rows,
                      float *last)
{
    struct aglm_cpu_state *s = state;
    s->tokens = tokens;
    s->n = n;
    s->pos = pos;
    s->rows = rows;
    s->last = last;
    aglm_pool_run(s->pool, transformer, s);
}
