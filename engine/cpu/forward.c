/* The transformer, top-down: tokens in, logits out, all threads in step.
 *
 * Every thread runs the same functions. Each step shares its work out (tokens, heads or panels of a
 * matrix) and ends at a barrier. No output depends on who computed it, so results are the same bits
 * for any number of threads.
 */
#include "engine/cpu/run.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* x: [n_embd] of each token from its row of the embedding. Only the same thread reads it
 * next, so no barrier. */
static void embed(const struct aglm_cpu_run *r)
{
    struct aglm_cpu_state *s = r->s;
    const struct aglm_cpu_embedding *e = &s->w->embedding;
    const size_t d = s->model->hp.n_embd;
    const float scale = s->model->hp.embd_scale;
    for (size_t t = r->ith; t < s->n; t += r->n_threads) {
        float *x = s->x + t * d;
        aglm_dtype_get(e->type)->to_float(x, e->rows + (size_t)s->tokens[t] * e->row_bytes, d);
        for (size_t i = 0; scale != 1.0f && i < d; i++)
            x[i] *= scale;
    }
    if (r->ops) {
        struct aglm_op_count *c = &r->ops->op[AGLM_OP_EMBED];
        c->calls++;
        c->weight_bytes += (double)s->n * (double)e->row_bytes;
        c->act_bytes += (double)s->n * (double)d * sizeof(float);
    }
    aglm_cpu_mark(r, AGLM_OP_EMBED);
}

/* The steps of a norm between blocks. */
enum { SUM = 1, NORM = 2, PREPARE = 4 };

struct norm {
    const struct aglm_matrix_group *last; /* whose product is added to x, or NULL */
    const float *post;                    /* that product's own norm, or NULL */
    const struct aglm_matrix_group *next; /* which takes the result; NULL: nothing does */
    const float *weight;
};

static void norm_token(const struct aglm_cpu_run *r, const struct norm *a, size_t t, unsigned steps)
{
    struct aglm_cpu_state *s = r->s;
    const size_t d = s->model->hp.n_embd;
    const float eps = s->model->hp.rms_eps;
    float *proj = s->proj + t * s->ld_embd;
    if (a->last && steps & SUM) {
        aglm_cpu_add_bias(r, a->last, proj);
        if (a->post)
            r->k->rmsnorm(proj, proj, a->post, eps, d);
        r->k->add(s->x + t * d, proj, d);
    }
    if (a->next && steps & NORM)
        r->k->rmsnorm(s->normed + t * d, s->x + t * d, a->weight, eps, d);
    if (a->next && steps & PREPARE)
        aglm_cpu_prepare(r, a->next, s->normed, t);
}

static void count_norm(const struct aglm_cpu_run *r, const struct norm *a)
{
    if (r->ops) {
        struct aglm_op_count *c = &r->ops->op[AGLM_OP_NORM];
        const double row = (double)r->s->n * r->s->model->hp.n_embd * sizeof(float);
        c->calls++;
        c->act_bytes += (a->last ? 3 * row : 0) + (a->next ? 2 * row : 0);
    }
}

/* x += what the last block computed, normalized where the architecture does that; then the norm
 * and the activations for the next product. */
static void add_norm(const struct aglm_cpu_run *r, const struct norm *a)
{
    static const unsigned AT_ONCE[] = {SUM | NORM | PREPARE, 0}, APART[] = {SUM, NORM, PREPARE, 0};
    const struct aglm_cpu_state *s = r->s;
    const unsigned *steps = aglm_cpu_fused(r, AGLM_FUSE_NORM) ? AT_ONCE : APART;
    count_norm(r, a);
    for (; *steps; steps++) {
        for (size_t t = AGLM_CPU_FIRST; aglm_cpu_token(r, s->n, &t, AGLM_OP_NORM);)
            norm_token(r, a, t, *steps);
    }
}

/* Logits of tokens first … first + n - 1 (n <= AGLM_LOGIT_ROWS) to rows: [n, n_vocab]. */
static void logits(const struct aglm_cpu_run *r, size_t first, size_t n, float *rows)
{
    struct aglm_cpu_state *s = r->s;
    const struct aglm_hparams *hp = &s->model->hp;
    const size_t d = hp->n_embd;
    for (size_t t = AGLM_CPU_FIRST; aglm_cpu_token(r, n, &t, AGLM_OP_NORM);) {
        r->k->rmsnorm(s->normed + t * d, s->x + (first + t) * d, s->w->output_norm, hp->rms_eps, d);
        aglm_cpu_prepare(r, &s->w->output, s->normed, t);
    }
    aglm_cpu_matmul(r, &s->w->output, s->normed, n, s->logits, s->ld_vocab, AGLM_OP_LOGITS);
    const float cap = hp->logit_softcap;
    for (size_t t = AGLM_CPU_FIRST; aglm_cpu_token(r, n, &t, AGLM_OP_LOGITS);) {
        float *row = rows + t * hp->n_vocab;
        memcpy(row, s->logits + t * s->ld_vocab, hp->n_vocab * sizeof(*row));
        for (size_t i = 0; cap > 0 && i < hp->n_vocab; i++)
            row[i] = cap * tanhf(row[i] / cap);
    }
}

/* Between layers: has the session been told to stop? The first thread asks, the next barrier tells
 * the others. */
static void ask(const struct aglm_cpu_run *r)
{
    struct aglm_cpu_state *s = r->s;
    if (r->ith == 0 && s->cancelled && s->cancelled(s->cancelled_ctx))
        s->stopped = true;
}

static void qkv(const struct aglm_cpu_run *r, const struct aglm_cpu_layer *l)
{
    struct aglm_cpu_state *s = r->s;
    const struct aglm_hparams *hp = &s->model->hp;
    const size_t kv = (size_t)hp->n_kv_heads * hp->head_dim;
    const size_t rows[] = {(size_t)hp->n_heads * hp->head_dim, kv, kv};
    if (aglm_cpu_fused(r, AGLM_FUSE_QKV))
        aglm_cpu_matmul(r, &l->qkv, s->normed, s->n, s->qkv, s->ld_qkv, AGLM_OP_QKV);
    else
        aglm_cpu_matmul_apart(r, &l->qkv, s->normed, s->n, s->qkv, s->ld_qkv, rows, 3, AGLM_OP_QKV);
}

static void transformer(void *ctx, unsigned ith, unsigned n_threads)
{
    struct aglm_cpu_state *s = ctx;
    const struct aglm_cpu_weights *w = s->w;
    const struct aglm_cpu_run run = {.s = s,
                                     .k = &w->kernels,
                                     .ith = ith,
                                     .n_threads = n_threads,
                                     .ops = ith == 0 ? s->ops : NULL,
                                     .slot = s->ops ? &s->times.slots[ith] : NULL};
    const struct aglm_cpu_run *r = &run;
    const struct aglm_cpu_layer *l = w->layers;

    if (r->slot)
        r->slot->mark_ns = aglm_clock_ns();
    embed(r);
    for (uint32_t i = 0; i < w->n_layers; i++, l++) {
        const struct norm first = {i ? &l[-1].down : NULL, i ? l[-1].post_ffn_norm : NULL, &l->qkv,
                                   l->attn_norm};
        const struct norm second = {&l->out, l->post_attn_norm, &l->up, l->ffn_norm};
        ask(r);
        add_norm(r, &first);
        if (s->stopped)
            return;
        qkv(r, l);
        aglm_cpu_attention(r, i);
        aglm_cpu_matmul(r, &l->out, s->att, s->n, s->proj, s->ld_embd, AGLM_OP_OUT);

        add_norm(r, &second);
        aglm_cpu_gate_up(r, l);
        aglm_cpu_matmul(r, &l->down, s->hidden, s->n, s->proj, s->ld_embd, AGLM_OP_DOWN);
    }
    add_norm(r, &(struct norm){.last = &l[-1].down, .post = l[-1].post_ffn_norm});

    for (size_t t = 0; s->rows && t < s->n; t += AGLM_LOGIT_ROWS) {
        size_t n = s->n - t < AGLM_LOGIT_ROWS ? s->n - t : AGLM_LOGIT_ROWS;
        logits(r, t, n, s->rows + t * s->model->hp.n_vocab);
    }
    if (s->last)
        logits(r, s->n - 1, 1, s->last);
}

int aglm_cpu_forward(void *state, const int32_t *tokens, size_t n, size_t pos, float *rows,
                     float *last)
{
    struct aglm_cpu_state *s = state;
    s->tokens = tokens;
    s->n = n;
    s->pos = pos;
    s->rows = rows;
    s->last = last;
    s->stopped = false;
    if (s->ops)
        aglm_cpu_times_begin(&s->times, aglm_pool_threads(s->pool));
    aglm_pool_run(s->pool, transformer, s);
    if (s->ops)
        aglm_cpu_times_add(&s->times, aglm_pool_threads(s->pool), s->ops);
    return s->stopped ? -ECANCELED : 0;
}
