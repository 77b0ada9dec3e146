/* One thread's part of a forward pass: what the files of the forward pass share. */
#ifndef AGLM_ENGINE_CPU_RUN_H
#define AGLM_ENGINE_CPU_RUN_H

#include "engine/cpu/state.h"
#include "engine/fusion.h"

/* One thread's view of the batch in flight. */
struct aglm_cpu_run {
    struct aglm_cpu_state *s;
    const struct aglm_kernels *k;
    unsigned ith, n_threads;
    /* Both NULL where nothing is profiled: what is counted, by the first thread for all; a slot of
     * every thread's own. */
    struct aglm_op_profile *ops;
    struct aglm_cpu_slot *slot;
};

static inline bool aglm_cpu_fused(const struct aglm_cpu_run *r, enum aglm_fusion which)
{
    return (r->s->unfused & which) == 0;
}

/* Every thread calls it where its share of a step ends, before the barrier. */
static inline void aglm_cpu_mark(const struct aglm_cpu_run *r, enum aglm_op op)
{
    if (r->slot) {
        r->slot->step = op;
        r->slot->op = op;
    }
}

/* The same in a step of two operators. */
static inline void aglm_cpu_mark_mixed(const struct aglm_cpu_run *r, enum aglm_op op,
                                       enum aglm_cpu_mix mix)
{
    if (r->slot) {
        r->slot->step = AGLM_OPS + (unsigned)mix;
        r->slot->op = op;
    }
}

/* There, after each piece of either. */
static inline void aglm_cpu_mark_piece(const struct aglm_cpu_run *r, enum aglm_op op,
                                       enum aglm_cpu_mix mix)
{
    aglm_cpu_mark_mixed(r, op, mix);
    if (r->slot)
        aglm_cpu_slot_read(r->slot);
}

/* aglm_pool_last; the step that was marked ends when the last thread arrives, which reads the clock
 * once if it can tell that it is the last. */
static inline bool aglm_cpu_last(const struct aglm_cpu_run *r)
{
    if (r->slot && !aglm_pool_others_wait(r->s->pool))
        aglm_cpu_slot_read(r->slot);
    const bool last = aglm_pool_last(r->s->pool);
    if (r->slot && last) {
        aglm_cpu_slot_read(r->slot);
        aglm_cpu_times_step(&r->s->times, r->slot);
    } else if (r->slot) {
        r->slot->mark_ns = aglm_clock_ns();
    }
    return last;
}

/* Waits for all threads. */
static inline void aglm_cpu_wait(const struct aglm_cpu_run *r)
{
    if (aglm_cpu_last(r))
        aglm_pool_release(r->s->pool);
}

/* Every thread calls it after its share of a step, which was part of op. */
static inline void aglm_cpu_done(const struct aglm_cpu_run *r, enum aglm_op op)
{
    aglm_cpu_mark(r, op);
    aglm_cpu_wait(r);
}

#define AGLM_CPU_FIRST SIZE_MAX

/* Walks the n tokens of a step that needs all that was done before it:
 *
 *     for (size_t t = AGLM_CPU_FIRST; aglm_cpu_token(r, n, &t, op);)
 *
 * Every thread walks; at the end all tokens are done. So the step before ends with aglm_cpu_mark,
 * without aglm_cpu_done. Several tokens are dealt out to whoever is free. A single one is for the
 * last thread to arrive, so that there is one barrier and not two. */
static inline bool aglm_cpu_token(const struct aglm_cpu_run *r, size_t n, size_t *t,
                                  enum aglm_op op)
{
    struct aglm_pool *pool = r->s->pool;
    const bool first = *t == AGLM_CPU_FIRST;
    if (n == 1) {
        if (first && !aglm_cpu_last(r))
            return false;
        if (!first) {
            aglm_cpu_mark(r, op);
            if (r->slot) {
                aglm_cpu_slot_read(r->slot);
                aglm_cpu_times_step(&r->s->times, r->slot);
            }
            aglm_pool_release(pool);
        }
        *t = 0;
        return first;
    }
    if (first)
        aglm_cpu_wait(r);
    *t = aglm_pool_next(pool);
    if (*t < n)
        return true;
    aglm_cpu_done(r, op);
    return false;
}

/* Adds a group's bias, if it has one. out: [g->n_rows]. */
static inline void aglm_cpu_add_bias(const struct aglm_cpu_run *r,
                                     const struct aglm_matrix_group *g, float *out)
{
    if (g->bias)
        r->k->add(out, g->bias, g->n_rows);
}

/* ---- product.c ---- */

/* Activations as the group's products want them. in: [n, k]; where INT8 is only played (fake), a
 * row is rounded in place. This and the next are the only places where they are made. */
void aglm_cpu_prepare(const struct aglm_cpu_run *r, const struct aglm_matrix_group *g, float *in,
                      size_t token);
/* The same for columns from … from + n - 1, in: [n], whole blocks of the group's types. Only where
 * aglm_cpu_prepares_columns(). */
void aglm_cpu_prepare_columns(const struct aglm_cpu_run *r, const struct aglm_matrix_group *g,
                              const float *in, size_t token, size_t from, size_t n);
/* Whether a row can be prepared in pieces, and of how many columns each: multiples of it; 0: no. */
size_t aglm_cpu_prepares_columns(const struct aglm_cpu_run *r, const struct aglm_matrix_group *g);

/* out: [n, ld] = in: [n, k] times the group's rows, prepared before. The next step begins with
 * aglm_cpu_wait or aglm_cpu_token; so for the following. */
void aglm_cpu_matmul(const struct aglm_cpu_run *r, const struct aglm_matrix_group *g,
                     const float *in, size_t n, float *out, size_t ld, enum aglm_op op);
/* The same, one walk for each of n_runs runs of rows: rows[i] of them. */
void aglm_cpu_matmul_apart(const struct aglm_cpu_run *r, const struct aglm_matrix_group *g,
                           const float *in, size_t n, float *out, size_t ld, const size_t *rows,
                           unsigned n_runs, enum aglm_op op);
/* hidden = f(gate) * up, prepared for the down projection. */
void aglm_cpu_gate_up(const struct aglm_cpu_run *r, const struct aglm_cpu_layer *l);

/* ---- attention.c, scores.c ---- */

/* From s->qkv to s->att, prepared for the layer's output matrix: biases, norms of heads, positions,
 * the KV cache, attention. */
void aglm_cpu_attention(const struct aglm_cpu_run *r, uint32_t layer);
/* Attention by way of a matrix of scores in memory: three passes. */
void aglm_cpu_scores(const struct aglm_cpu_run *r, uint32_t layer);
/* Start of a layer's keys or values for one head: rows of row_bytes. */
uint8_t *aglm_cpu_cache_at(const struct aglm_cpu_state *s, uint8_t *cache, size_t layer,
                           size_t head, size_t row_bytes);

#endif
