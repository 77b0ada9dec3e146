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
