/* The transformer, top-down: tokens in, logits out, all threads in step.
 *
 * Every thread runs the same functions. Each step shares its work out (tokens, heads or panels of a
 * matrix) and ends at a barrier. No output depends on who computed it, so results are the same bits
 * for any number of threads.
 */
#include "engine/cpu/run.h"

#include "engine/kernels/pack.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* Calibration looks on. One row at a time, whichever thread has it. */
static void observe(const struct aglm_cpu_run *r, const struct aglm_matrix_group *g,
                    const float *row)
{
    struct aglm_cpu_state *s = r->s;
    pthread_mutex_lock(&s->observe_lock);
    s->observe(s->observe_ctx, g->site, row, g->part[0].k);
    pthread_mutex_unlock(&s->observe_lock);
}

/* A row as INT8; fake: as the floats that its codes stand for. */
static void round_int8(const struct aglm_cpu_run *r, const struct aglm_matrix_group *g, float *row,
                       size_t token)
{
    const struct aglm_cpu_acts *a = &r->s->acts[AGLM_ACTS_INT8];
    const size_t k = g->part[0].k;
    int8_t *q = a->q + token * k;
    float scale = r->k->quantize_int8(q, a->sum + token * (k / 16), row, k, g->int8_scale);
    a->scale[token * (k / 32)] = scale;
    for (size_t i = 0; r->s->w->fake_int8 && i < k; i++)
        row[i] = (float)q[i] * scale;
}

/* Which activations a matrix takes. */
static const struct aglm_cpu_acts *acts_for(const struct aglm_cpu_state *s,
                                            const struct aglm_matrix *m)
{
    if (m->type == AGLM_INT8)
        return &s->acts[AGLM_ACTS_INT8];
    return &s->acts[aglm_act_block(m->type) == 256 ? AGLM_ACTS_256 : AGLM_ACTS_32];
}

void aglm_cpu_prepare(const struct aglm_cpu_run *r, const struct aglm_matrix_group *g, float *in,
                      size_t token)
{
    static const size_t BLOCK[] = {[AGLM_ACTS_32] = 32, [AGLM_ACTS_256] = 256};
    const size_t k = g->part[0].k;
    for (unsigned i = 0; i < AGLM_ACTS_INT8; i++) {
        const struct aglm_cpu_acts *a = &r->s->acts[i];
        if (g->acts >> i & 1)
            r->k->quantize(a->q + token * k, a->scale + token * (k / 32), a->sum + token * (k / 16),
                           in + token * k, k, BLOCK[i]);
    }
    if (r->s->observe)
        observe(r, g, in + token * k);
    if (g->acts >> AGLM_ACTS_INT8 & 1)
        round_int8(r, g, in + token * k, token);
}

/* out: [n, ld] = in: [n, k] times the group's rows, prepared before. Panels are dealt out four at a
 * time; the next step begins with aglm_cpu_token. */
static void matmul(const struct aglm_cpu_run *r, const struct aglm_matrix_group *g, const float *in,
                   size_t n, float *out, size_t ld)
{
    enum { CHUNK = 4 };
    struct aglm_cpu_state *s = r->s;
    uint8_t *scratch = s->scratch + r->ith * s->scratch_bytes;
    for (unsigned i = 0; i < g->n; i++) {
        const struct aglm_matrix *m = &g->part[i];
        const struct aglm_cpu_acts *a = acts_for(s, m);
        const struct aglm_acts acts = {in, a->q, a->scale, a->sum};
        const size_t stride = aglm_panel_bytes(m->type, m->k);
        const size_t pieces = (m->n_panels + CHUNK - 1) / CHUNK;
        for (size_t piece; (piece = aglm_pool_take(s->pool, r->ith, pieces)) < pieces;) {
            const size_t p = piece * CHUNK;
            size_t panels = m->n_panels - p < CHUNK ? m->n_panels - p : CHUNK;
            r->k->matmul[m->type](out + p * AGLM_PANEL_ROWS, ld, m->data + p * stride, &acts, m->k,
                                  panels, n, scratch);
        }
        out += m->n_rows;
        if (i + 1 < g->n)
            aglm_cpu_done(r); /* a part's padding may overlap the next part's start */
    }
}

/* x: [n_embd] of each token from its row of the embedding. */
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
}

/* x += what the last block computed (unless first), normalized where the architecture does that;
 * then the norm and the activations for the next product. */
static void add_norm(const struct aglm_cpu_run *r, const struct aglm_matrix_group *last,
                     const float *post, const struct aglm_matrix_group *next, const float *weight)
{
    struct aglm_cpu_state *s = r->s;
    const size_t d = s->model->hp.n_embd;
    const float eps = s->model->hp.rms_eps;
    for (size_t t = AGLM_CPU_FIRST; aglm_cpu_token(r, s->n, &t);) {
        float *proj = s->proj + t * s->ld_embd;
        if (last) {
            aglm_cpu_add_bias(r, last, proj);
            if (post)
                r->k->rmsnorm(proj, proj, post, eps, d);
            r->k->add(s->x + t * d, proj, d);
        }
        if (next) {
            r->k->rmsnorm(s->normed + t * d, s->x + t * d, weight, eps, d);
            aglm_cpu_prepare(r, next, s->normed, t);
        }
    }
}

/* hidden = f(gate) * up, prepared for the down projection. */
static void activate(const struct aglm_cpu_run *r, const struct aglm_cpu_layer *l)
{
    struct aglm_cpu_state *s = r->s;
    const size_t ff = s->model->hp.n_ff;
    for (size_t t = AGLM_CPU_FIRST; aglm_cpu_token(r, s->n, &t);) {
        const float *gate = s->up + t * s->ld_up;
        if (s->model->hp.arch->activation == AGLM_GELU)
            r->k->gelu_mul(s->hidden + t * ff, gate, gate + ff, ff);
        else
            r->k->silu_mul(s->hidden + t * ff, gate, gate + ff, ff);
        aglm_cpu_prepare(r, &l->down, s->hidden, t);
    }
}

/* Logits of tokens first … first + n - 1 (n <= AGLM_LOGIT_ROWS) to rows: [n, n_vocab]. */
static void logits(const struct aglm_cpu_run *r, size_t first, size_t n, float *rows)
{
    struct aglm_cpu_state *s = r->s;
    const struct aglm_hparams *hp = &s->model->hp;
    const size_t d = hp->n_embd;
    for (size_t t = AGLM_CPU_FIRST; aglm_cpu_token(r, n, &t);) {
        r->k->rmsnorm(s->normed + t * d, s->x + (first + t) * d, s->w->output_norm, hp->rms_eps, d);
        aglm_cpu_prepare(r, &s->w->output, s->normed, t);
    }
    matmul(r, &s->w->output, s->normed, n, s->logits, s->ld_vocab);
    const float cap = hp->logit_softcap;
    for (size_t t = AGLM_CPU_FIRST; aglm_cpu_token(r, n, &t);) {
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

static void transformer(void *ctx, unsigned ith, unsigned n_threads)
{
    struct aglm_cpu_state *s = ctx;
    const struct aglm_cpu_weights *w = s->w;
    const struct aglm_cpu_run run = {s, &w->kernels, ith, n_threads}, *r = &run;
    const struct aglm_cpu_layer *last = &w->layers[w->n_layers - 1];

    embed(r);
    for (uint32_t i = 0; i < w->n_layers; i++) {
        const struct aglm_cpu_layer *l = &w->layers[i];
        ask(r);
        add_norm(r, i ? &l[-1].down : NULL, i ? l[-1].post_ffn_norm : NULL, &l->qkv, l->attn_norm);
        if (s->stopped)
            return;
        matmul(r, &l->qkv, s->normed, s->n, s->qkv, s->ld_qkv);
        aglm_cpu_attention(r, i);
        matmul(r, &l->out, s->att, s->n, s->proj, s->ld_embd);

        add_norm(r, &l->out, l->post_attn_norm, &l->up, l->ffn_norm);
        matmul(r, &l->up, s->normed, s->n, s->up, s->ld_up);
        activate(r, l);
        matmul(r, &l->down, s->hidden, s->n, s->proj, s->ld_embd);
    }
    add_norm(r, &last->down, last->post_ffn_norm, NULL, NULL);

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
    aglm_pool_run(s->pool, transformer, s);
    return s->stopped ? -ECANCELED : 0;
}
