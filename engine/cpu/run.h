/* One thread's part of a forward pass: what forward.c and attention.c share. */
#ifndef AGLM_ENGINE_CPU_RUN_H
#define AGLM_ENGINE_CPU_RUN_H

#include "engine/cpu/state.h"

/* One thread's view of the batch in flight. */
struct aglm_cpu_run {
    struct aglm_cpu_state *s;
    const struct aglm_kernels *k;
    unsigned ith, n_threads;
};

/* Every thread calls it after its share of a step. */
static inline void aglm_cpu_done(const struct aglm_cpu_run *r)
{
    aglm_pool_barrier(r->s->pool);
}

#define AGLM_CPU_FIRST SIZE_MAX

/* Walks the n tokens of a step that needs all that was done before it:
 *
 *     for (size_t t = AGLM_CPU_FIRST; aglm_cpu_token(r, n, &t);)
 *
 * Every thread walks; at the end all tokens are done. So the step before ends without
 * aglm_cpu_done. Several tokens are dealt out to whoever is free. A single one is for the last
 * thread to arrive, so that there is one barrier and not two. */
static inline bool aglm_cpu_token(const struct aglm_cpu_run *r, size_t n, size_t *t)
{
    struct aglm_pool *pool = r->s->pool;
    const bool first = *t == AGLM_CPU_FIRST;
    if (n == 1) {
        if (first && !aglm_pool_last(pool))
            return false;
        if (!first)
            aglm_pool_release(pool);
        *t = 0;
        return first;
    }
    if (first)
        aglm_pool_barrier(pool);
    *t = aglm_pool_next(pool);
    if (*t < n)
        return true;
    aglm_pool_barrier(pool);
    return false;
}

/* Adds a group's bias, if it has one. out: [g->n_rows]. */
static inline void aglm_cpu_add_bias(const struct aglm_cpu_run *r,
                                     const struct aglm_matrix_group *g, float *out)
{
    if (g->bias)
        r->k->add(out, g->bias, g->n_rows);
}

/* Activations as the group's products want them. The only place where they are made. in: [n, k];
 * where INT8 is only played (fake), a row is rounded in place. */
void aglm_cpu_prepare(const struct aglm_cpu_run *r, const struct aglm_matrix_group *g, float *in,
                      size_t token);

/* From s->qkv to s->att, prepared for the layer's output matrix: biases, norms of heads, positions,
 * the KV cache, attention. */
void aglm_cpu_attention(const struct aglm_cpu_run *r, uint32_t layer);

#endif
