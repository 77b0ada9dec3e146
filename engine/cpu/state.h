/* A session's memory in the CPU backend: KV cache, buffers of one batch, threads. All of it is
 * allocated at open.
 */
#ifndef AGLM_ENGINE_CPU_STATE_H
#define AGLM_ENGINE_CPU_STATE_H

#include "engine/cpu/times.h"
#include "engine/cpu/weights.h"
#include "engine/ops.h"
#include "engine/pool.h"

#include <pthread.h>

/* Logit rows computed at a time when every position's are wanted. */
#define AGLM_LOGIT_ROWS 16
/* Where gate and up are fused: columns of a piece, and the most tokens that keep whole rows. */
#define AGLM_PIECE_COLUMNS 64
#define AGLM_FEW_TOKENS 8

/* Activations in 8 bit, with one of the two sizes of block. NULL where no matrix takes them. */
struct aglm_cpu_acts {
    int8_t *q;    /* [n_ubatch, k] */
    float *scale; /* [n_ubatch, k / 32] */
    int16_t *sum; /* [n_ubatch, k / 16] */
};

struct aglm_cpu_state {
    const struct aglm_model *model;
    const struct aglm_cpu_weights *w;
    struct aglm_pool *pool;
    size_t n_ctx, n_ubatch;
    uint8_t *memory; /* one allocation that holds all of the following */
    size_t memory_bytes;

    enum aglm_dtype type_k, type_v;
    size_t row_k, row_v;        /* bytes of one head's keys or values at one position */
    uint8_t *k_cache, *v_cache; /* [n_layers, n_kv_heads, n_ctx] rows */
    float *rope;                /* [n_ctx, n_rot / 2, 2]: cosine, sine */
    float *rope_local;          /* the same for layers with a window; NULL if there are none */

    float *x;      /* [n_ubatch, n_embd] the residual stream */
    float *normed; /* [n_ubatch, n_embd] */
    float *qkv;    /* [n_ubatch, ld_qkv] queries, keys, values of each token */
    float *att;    /* [n_ubatch, n_heads * head_dim] */
    float *proj;   /* [n_ubatch, ld_embd] what a block adds to x */
    float *up;     /* [n_ubatch, ld_up] gate, then up; with pieces at most AGLM_FEW_TOKENS rows */
    float *pieces; /* [threads, 2, n_ubatch, AGLM_PIECE_COLUMNS] of gate and up; NULL: none */
    float *hidden; /* [n_ubatch, n_ff] */
    float *logits; /* [AGLM_LOGIT_ROWS, ld_vocab] */
    size_t ld_qkv, ld_embd, ld_up, ld_vocab;

    struct aglm_cpu_acts acts[AGLM_ACT_SETS];
    /* The down product's: made while other threads still read those of gate and up. */
    struct aglm_cpu_acts acts_down[AGLM_ACT_SETS];
    uint8_t *scratch; /* [threads, scratch_bytes] for matmul */
    size_t scratch_bytes;
    uint8_t *panels; /* [threads, panels_bytes] packed as they are used; NULL: all are packed */
    size_t panels_bytes;

    uint32_t unfused; /* bits of enum aglm_fusion that are switched off */
    float *scores;    /* [n_heads, n, positions]; NULL where the softmax is fused */
    uint8_t *packed;  /* [threads, packed_bytes]: keys or values as panels; the same */
    size_t packed_bytes;

    struct aglm_op_profile *ops; /* NULL: not profiled */
    struct aglm_cpu_times times;

    /* The batch in flight. */
    const int32_t *tokens; /* [n] */
    size_t n, pos;
    float *rows, *last;
    void (*observe)(void *ctx, size_t site, const float *x, size_t n);
    void *observe_ctx;
    pthread_mutex_t observe_lock;
    bool stopped; /* by the first thread between layers; the others see it after a barrier */
    bool (*cancelled)(void *ctx);
    void *cancelled_ctx;
};

/* The transformer; see aglm_backend.forward. */
int aglm_cpu_forward(void *state, const int32_t *tokens, size_t n, size_t pos, float *rows,
                     float *last);

#endif
