/* Matrix products of a forward pass: activations made ready, panels dealt out, and gate and up with
 * the activation between them and the down product.
 *
 * In: activations as floats. Out: rows of products. Panels are dealt out four at a time, to whoever
 * is free. What is not fused takes walks of its own, with a barrier after each; the bits are the
 * same.
 */
#include "engine/cpu/run.h"

#include "engine/cpu/panels.h"
#include "engine/int8.h"
#include "engine/kernels/pack.h"

enum { CHUNK = AGLM_CPU_CHUNK, ROWS = AGLM_PANEL_ROWS };
_Static_assert(CHUNK *ROWS == AGLM_PIECE_COLUMNS, "a piece is what a chunk computes");

/* ---- activations ---- */

/* Calibration looks on. One row at a time, whichever thread has it. */
static void observe(const struct aglm_cpu_run *r, const struct aglm_matrix_group *g,
                    const float *row)
{
    struct aglm_cpu_state *s = r->s;
    pthread_mutex_lock(&s->observe_lock);
    s->observe(s->observe_ctx, g->site, row, g->part[0].k);
    pthread_mutex_unlock(&s->observe_lock);
}

/* Where a group's activations are. */
static const struct aglm_cpu_acts *acts_of(const struct aglm_cpu_state *s,
                                           const struct aglm_matrix_group *g)
{
    return g->site % 4 == AGLM_INT8_DOWN ? s->acts_down : s->acts;
}

/* A row as INT8; fake: as the floats that its codes stand for. */
static void round_int8(const struct aglm_cpu_run *r, const struct aglm_matrix_group *g, float *row,
                       size_t token)
{
    const struct aglm_cpu_acts *a = &acts_of(r->s, g)[AGLM_ACTS_INT8];
    const size_t k = g->part[0].k;
    int8_t *q = a->q + token * k;
    float scale = r->k->quantize_int8(q, a->sum + token * (k / 16), row, k, g->int8_scale);
    a->scale[token * (k / 32)] = scale;
    for (size_t i = 0; r->s->w->fake_int8 && i < k; i++)
        row[i] = (float)q[i] * scale;
}

void aglm_cpu_prepare_columns(const struct aglm_cpu_run *r, const struct aglm_matrix_group *g,
                              const float *in, size_t token, size_t from, size_t n)
{
    static const size_t BLOCK[] = {[AGLM_ACTS_32] = 32, [AGLM_ACTS_256] = 256};
    const size_t k = g->part[0].k, at = token * k + from;
    const struct aglm_cpu_acts *a = acts_of(r->s, g);
    for (unsigned i = 0; i < AGLM_ACTS_INT8; i++)
        if (g->acts >> i & 1)
            r->k->quantize(a[i].q + at, a[i].scale + token * (k / 32) + from / 32,
                           a[i].sum + token * (k / 16) + from / 16, in, n, BLOCK[i]);
}

size_t aglm_cpu_prepares_columns(const struct aglm_cpu_run *r, const struct aglm_matrix_group *g)
{
    if (r->s->observe || g->acts >> AGLM_ACTS_INT8 & 1)
        return 0;
    return g->acts >> AGLM_ACTS_256 & 1 ? 256 : 32;
}

void aglm_cpu_prepare(const struct aglm_cpu_run *r, const struct aglm_matrix_group *g, float *in,
                      size_t token)
{
    const size_t k = g->part[0].k;
    aglm_cpu_prepare_columns(r, g, in + token * k, token, 0, k);
    if (r->s->observe)
        observe(r, g, in + token * k);
    if (g->acts >> AGLM_ACTS_INT8 & 1)
        round_int8(r, g, in + token * k, token);
}

/* ---- panels ---- */

/* Panels first … first + n - 1 of a matrix, whose rows go to out from column on. */
struct span {
    const struct aglm_matrix *m;
    const struct aglm_cpu_acts *acts;
    size_t first, n, column;
};

static void multiply(const struct aglm_cpu_run *r, const struct span *a, size_t at, size_t panels,
                     const float *in, size_t n, float *out, size_t ld)
{
    struct aglm_cpu_state *s = r->s;
    const struct aglm_matrix *m = a->m;
    const struct aglm_acts acts = {in, a->acts->q, a->acts->scale, a->acts->sum};
    uint8_t *room = s->panels ? s->panels + r->ith * s->panels_bytes : NULL;
    r->k->matmul[m->type](out, ld, aglm_cpu_panels(s->w, m, a->first + at, panels, room), &acts,
                          m->k, panels, n, s->scratch + r->ith * s->scratch_bytes);
}

static struct span span_of(const struct aglm_cpu_state *s, const struct aglm_matrix_group *g,
                           const struct aglm_matrix *m, size_t first, size_t n, size_t column)
{
    const unsigned form = m->type == AGLM_INT8             ? AGLM_ACTS_INT8
                          : aglm_act_block(m->type) == 256 ? AGLM_ACTS_256
                                                           : AGLM_ACTS_32;
    return (struct span){m, &acts_of(s, g)[form], first, n, column};
}

static size_t chunks(const struct span *a)
{
    return (a->n + CHUNK - 1) / CHUNK;
}

/* All panels of n_spans spans, one after another. */
static void walk(const struct aglm_cpu_run *r, const struct span *spans, unsigned n_spans,
                 const float *in, size_t n, float *out, size_t ld)
{
    size_t before = 0, total = 0;
    for (unsigned i = 0; i < n_spans; i++)
        total += chunks(&spans[i]);
    for (size_t i = 0, c; (c = aglm_pool_take(r->s->pool, r->ith, total)) < total;) {
        if (c < before) /* another thread's part */
            i = 0, before = 0;
        while (c >= before + chunks(&spans[i]))
            before += chunks(&spans[i++]);
        const size_t at = (c - before) * CHUNK, left = spans[i].n - at;
        multiply(r, &spans[i], at, left < CHUNK ? left : CHUNK, in, n,
                 out + spans[i].column + at * ROWS, ld);
    }
}

static double bytes_of(const struct aglm_matrix *m)
{
    const struct aglm_dtype_info *type = aglm_dtype_get(m->type);
    if (m->type == AGLM_INT8)
        return (double)m->n_rows * ((double)m->k + sizeof(float));
    return (double)m->n_rows * (double)(m->k / type->block_elements * type->block_bytes);
}

/* The work of a group's product with n tokens. */
static void count(const struct aglm_cpu_run *r, const struct aglm_matrix_group *g, size_t n,
                  enum aglm_op op)
{
    if (!r->ops)
        return;
    struct aglm_op_count *c = &r->ops->op[op];
    c->calls++;
    for (unsigned i = 0; i < g->n; i++) {
        const struct aglm_matrix *m = &g->part[i];
        const double ops = 2.0 * (double)m->n_rows * (double)m->k * (double)n;
        const bool int8 = m->type == AGLM_INT8 || aglm_act_block(m->type) != 0;
        *(int8 ? &c->int8_ops : &c->float_ops) += ops;
        c->weight_bytes += bytes_of(m);
        c->act_bytes += (double)n * ((double)m->n_rows * sizeof(float) +
                                     (double)m->k * (int8 ? 1.25 : sizeof(float)));
    }
}

void aglm_cpu_matmul(const struct aglm_cpu_run *r, const struct aglm_matrix_group *g,
                     const float *in, size_t n, float *out, size_t ld, enum aglm_op op)
{
    struct span spans[3];
    unsigned n_spans = 0;
    size_t column = 0;
    count(r, g, n, op);
    for (unsigned i = 0; i < g->n; i++) {
        const struct aglm_matrix *m = &g->part[i];
        spans[n_spans++] = span_of(r->s, g, m, 0, m->n_panels, column);
        column += m->n_rows;
        /* A ragged part's padding overlaps the next part's start, which must come later. */
        if (i + 1 < g->n && m->n_rows % ROWS == 0)
            continue;
        walk(r, spans, n_spans, in, n, out, ld);
        if (i + 1 < g->n)
            aglm_cpu_done(r, op);
        n_spans = 0;
    }
    aglm_cpu_mark(r, op);
}

/* The panels that hold rows from … from + n - 1 of a group, as spans. A panel that holds rows of
 * two runs is computed in both: the same bits again. */
static unsigned find_spans(const struct aglm_cpu_state *s, const struct aglm_matrix_group *g,
                           size_t from, size_t n, struct span spans[3])
{
    unsigned found = 0;
    size_t start = 0; /* of the part */
    for (unsigned i = 0; i < g->n; start += g->part[i++].n_rows) {
        const struct aglm_matrix *m = &g->part[i];
        const size_t a = from > start ? from - start : 0;
        const size_t b = from + n > start ? from + n - start : 0;
        const size_t end = b < m->n_rows ? b : m->n_rows;
        if (a >= end)
            continue;
        const size_t first = a / ROWS, last = (end + ROWS - 1) / ROWS;
        spans[found++] = span_of(s, g, m, first, last - first, start + first * ROWS);
    }
    return found;
}

void aglm_cpu_matmul_apart(const struct aglm_cpu_run *r, const struct aglm_matrix_group *g,
                           const float *in, size_t n, float *out, size_t ld, const size_t *rows,
                           unsigned n_runs, enum aglm_op op)
{
    struct span spans[3];
    size_t from = 0;
    count(r, g, n, op);
    for (unsigned i = 0; i < n_runs; from += rows[i++]) {
        walk(r, spans, find_spans(r->s, g, from, rows[i], spans), in, n, out, ld);
        if (i + 1 < n_runs)
            aglm_cpu_done(r, op);
    }
    aglm_cpu_mark(r, op);
}

/* ---- gate, up, activation ---- */

/* hidden = f(gate) * up, all [n]. */
static void activate(const struct aglm_cpu_run *r, float *hidden, const float *gate,
                     const float *up, size_t n)
{
    if (r->s->model->hp.arch->activation == AGLM_GELU)
        r->k->gelu_mul(hidden, gate, up, n);
    else
        r->k->silu_mul(hidden, gate, up, n);
}

/* The same of columns from … from + n - 1 of a token, from s->up to s->hidden. */
static void activate_columns(const struct aglm_cpu_run *r, size_t token, size_t from, size_t n)
{
    struct aglm_cpu_state *s = r->s;
    const size_t ff = s->model->hp.n_ff;
    const float *gate = s->up + token * s->ld_up + from;
    activate(r, s->hidden + token * ff + from, gate, gate + ff, n);
}

static void count_activation(const struct aglm_cpu_run *r)
{
    if (r->ops) {
        struct aglm_op_count *c = &r->ops->op[AGLM_OP_ACTIVATION];
        c->calls++;
        c->act_bytes += 3.0 * sizeof(float) * (double)r->s->n * r->s->model->hp.n_ff;
    }
}

static void prepare_all(const struct aglm_cpu_run *r, const struct aglm_cpu_layer *l)
{
    struct aglm_cpu_state *s = r->s;
    for (size_t t = AGLM_CPU_FIRST; aglm_cpu_token(r, s->n, &t, AGLM_OP_ACTIVATION);)
        aglm_cpu_prepare(r, &l->down, s->hidden, t);
}

/* A walk for gate, one for up, a pass for the activation, one for the quantization. */
static void gate_up_apart(const struct aglm_cpu_run *r, const struct aglm_cpu_layer *l)
{
    struct aglm_cpu_state *s = r->s;
    const size_t ff = s->model->hp.n_ff, rows[] = {ff, ff};
    aglm_cpu_matmul_apart(r, &l->up, s->normed, s->n, s->up, s->ld_up, rows, 2, AGLM_OP_GATEUP);
    for (size_t t = AGLM_CPU_FIRST; aglm_cpu_token(r, s->n, &t, AGLM_OP_ACTIVATION);)
        activate_columns(r, t, 0, ff);
    prepare_all(r, l);
}

/* Few tokens, bound by reading weights: one walk undisturbed, then the activation in pieces, so
 * that a single token's row is everybody's work. */
static void gate_up_few(const struct aglm_cpu_run *r, const struct aglm_cpu_layer *l)
{
    enum { PIECE = 256 };
    struct aglm_cpu_state *s = r->s;
    const size_t ff = s->model->hp.n_ff, pieces = (ff + PIECE - 1) / PIECE;
    const bool at_once = aglm_cpu_prepares_columns(r, &l->down) != 0;
    aglm_cpu_matmul(r, &l->up, s->normed, s->n, s->up, s->ld_up, AGLM_OP_GATEUP);
    aglm_cpu_wait(r);
    for (size_t i; (i = aglm_pool_next(s->pool)) < s->n * pieces;) {
        const size_t t = i / pieces, from = i % pieces * PIECE;
        const size_t n = ff - from < PIECE ? ff - from : PIECE;
        activate_columns(r, t, from, n);
        if (at_once)
            aglm_cpu_prepare_columns(r, &l->down, s->hidden + t * ff + from, t, from, n);
    }
    if (at_once)
        aglm_cpu_done(r, AGLM_OP_ACTIVATION);
    else
        prepare_all(r, l);
}

/* The next panels of gate, and of up, for whoever is free: as many as elsewhere in all, once the
 * end is near, lest somebody be left with twice the work of the others. 0: none are left. */
static size_t next_pair(const struct aglm_cpu_run *r, size_t n_panels, size_t *first)
{
    enum { HALF = CHUNK / 2, LAST = 4 /* whole chunks a thread */ };
    const size_t last = (size_t)LAST * CHUNK * r->n_threads, c = aglm_pool_next(r->s->pool);
    const size_t whole = n_panels > last ? (n_panels - last) / CHUNK : 0;
    const size_t n = c < whole ? CHUNK : HALF;
    *first = c < whole ? c * CHUNK : whole * CHUNK + (c - whole) * HALF;
    if (*first >= n_panels)
        return 0;
    return n_panels - *first < n ? n_panels - *first : n;
}

/* A piece of gate and of up of all tokens to activations; floats only where somebody wants them. */
static void activate_piece(const struct aglm_cpu_run *r, const struct aglm_cpu_layer *l,
                           const float *gate, const float *up, size_t from, size_t n)
{
    enum { WIDTH = AGLM_PIECE_COLUMNS };
    struct aglm_cpu_state *s = r->s;
    const size_t pieces = aglm_cpu_prepares_columns(r, &l->down);
    const bool at_once = pieces != 0 && WIDTH / 2 % pieces == 0;
    float row[WIDTH];
    for (size_t t = 0; t < s->n; t++) {
        const bool keep = !at_once || l->down.acts == 0;
        float *hidden = keep ? s->hidden + t * s->model->hp.n_ff + from : row;
        activate(r, hidden, gate + t * WIDTH, up + t * WIDTH, n);
        if (at_once)
            aglm_cpu_prepare_columns(r, &l->down, hidden, t, from, n);
    }
}

/* Many tokens, bound by arithmetic: pieces of gate and up lie side by side in a cache, and never
 * become whole rows. */
static void gate_up_many(const struct aglm_cpu_run *r, const struct aglm_cpu_layer *l)
{
    enum { WIDTH = AGLM_PIECE_COLUMNS };
    struct aglm_cpu_state *s = r->s;
    const size_t ff = s->model->hp.n_ff, pieces = aglm_cpu_prepares_columns(r, &l->down);
    float *gate_out = s->pieces + r->ith * 2 * s->n_ubatch * WIDTH;
    float *up_out = gate_out + s->n_ubatch * WIDTH;
    struct span gate[3], up[3]; /* one each: whole panels */
    count(r, &l->up, s->n, AGLM_OP_GATEUP);
    find_spans(s, &l->up, 0, ff, gate);
    find_spans(s, &l->up, ff, ff, up);
    for (size_t p, panels; (panels = next_pair(r, gate->n, &p)) > 0;) {
        multiply(r, gate, p, panels, s->normed, s->n, gate_out, WIDTH);
        multiply(r, up, p, panels, s->normed, s->n, up_out, WIDTH);
        aglm_cpu_mark_piece(r, AGLM_OP_GATEUP, AGLM_CPU_GATEUP_ACTIVATION);
        activate_piece(r, l, gate_out, up_out, p * ROWS, panels * ROWS);
        aglm_cpu_mark_piece(r, AGLM_OP_ACTIVATION, AGLM_CPU_GATEUP_ACTIVATION);
    }
    aglm_cpu_mark_mixed(r, AGLM_OP_GATEUP, AGLM_CPU_GATEUP_ACTIVATION);
    aglm_cpu_wait(r);
    if (pieces == 0 || WIDTH / 2 % pieces != 0)
        prepare_all(r, l);
}

void aglm_cpu_gate_up(const struct aglm_cpu_run *r, const struct aglm_cpu_layer *l)
{
    count_activation(r);
    if (!aglm_cpu_fused(r, AGLM_FUSE_GATEUP))
        gate_up_apart(r, l);
    else if (r->s->n <= AGLM_FEW_TOKENS || !r->s->pieces)
        gate_up_few(r, l);
    else
        gate_up_many(r, l);
}
