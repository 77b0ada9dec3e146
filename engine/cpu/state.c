/* Allocates a session's memory in one piece and offers the CPU backend; see state.h. */
#include "engine/cpu/state.h"
#include "engine/cpu/scores.h"
#include "engine/fusion.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ALIGN = 64 };

/* A row of n floats with room for the last panel's padding. */
static size_t padded(size_t n)
{
    return (n + AGLM_PANEL_ROWS - 1) / AGLM_PANEL_ROWS * AGLM_PANEL_ROWS;
}

/* Hands out the next count * size bytes of the allocation; the first time round only counts. */
static void *take(struct aglm_cpu_state *s, size_t *used, size_t count, size_t size)
{
    void *p = s->memory ? s->memory + *used : NULL;
    *used += (count * size + ALIGN - 1) / ALIGN * ALIGN;
    return p;
}

/* n rows of k activations in every form that the model takes. */
static void take_acts(struct aglm_cpu_state *s, struct aglm_cpu_acts *acts, size_t *used, size_t n,
                      size_t k)
{
    for (unsigned i = 0; i < AGLM_ACT_SETS; i++) {
        if (!(s->w->acts >> i & 1))
            continue;
        acts[i].q = take(s, used, n * k, sizeof(int8_t));
        acts[i].scale = take(s, used, n * (k / 32 + 1), sizeof(float));
        acts[i].sum = take(s, used, n * (k / 16 + 1), sizeof(int16_t));
    }
}

static size_t lay_out(struct aglm_cpu_state *s, unsigned threads)
{
    const struct aglm_hparams *hp = &s->model->hp;
    const size_t n = s->n_ubatch, q = (size_t)hp->n_heads * hp->head_dim;
    const size_t kv = (size_t)hp->n_kv_heads * hp->head_dim;
    const size_t cache = hp->n_layers * s->n_ctx * hp->n_kv_heads, k_max = s->w->k_max;
    size_t used = 0;
    /* Each part of a group may pad the next one's start, which is written later. */
    s->ld_qkv = padded(q + 2 * kv) + AGLM_PANEL_ROWS;
    s->ld_embd = padded(hp->n_embd) + AGLM_PANEL_ROWS;
    s->ld_up = padded(2 * (size_t)hp->n_ff) + AGLM_PANEL_ROWS;
    s->ld_vocab = padded(hp->n_vocab);
    s->scratch_bytes = (aglm_matmul_scratch(k_max) + ALIGN - 1) / ALIGN * ALIGN;

    s->k_cache = take(s, &used, cache, s->row_k);
    s->v_cache = take(s, &used, cache, s->row_v);
    s->rope = take(s, &used, s->n_ctx * hp->n_rot, sizeof(*s->rope));
    if (hp->n_window)
        s->rope_local = take(s, &used, s->n_ctx * hp->n_rot, sizeof(*s->rope_local));
    s->x = take(s, &used, n * hp->n_embd, sizeof(float));
    s->normed = take(s, &used, n * hp->n_embd, sizeof(float));
    s->qkv = take(s, &used, n * s->ld_qkv, sizeof(float));
    s->att = take(s, &used, n * q, sizeof(float));
    s->proj = take(s, &used, n * s->ld_embd, sizeof(float));
    const bool pieces = !(s->unfused & AGLM_FUSE_GATEUP) && hp->n_ff % AGLM_PANEL_ROWS == 0;
    if (pieces)
        s->pieces = take(s, &used, threads * 2 * n, AGLM_PIECE_COLUMNS * sizeof(float));
    const size_t whole = pieces && n > AGLM_FEW_TOKENS ? AGLM_FEW_TOKENS : n;
    s->up = take(s, &used, whole * s->ld_up, sizeof(float));
    s->hidden = take(s, &used, n * hp->n_ff, sizeof(float));
    s->logits = take(s, &used, AGLM_LOGIT_ROWS * s->ld_vocab, sizeof(float));
    const size_t rows = n > AGLM_LOGIT_ROWS ? n : AGLM_LOGIT_ROWS;
    take_acts(s, s->acts, &used, rows, hp->n_embd > q ? hp->n_embd : q);
    take_acts(s, s->acts_down, &used, n, hp->n_ff);
    s->scratch = take(s, &used, threads * s->scratch_bytes, 1);
    s->times.slots = take(s, &used, threads, sizeof(*s->times.slots));
    if (!s->w->arena) {
        s->panels_bytes = AGLM_CPU_CHUNK * s->w->panel_bytes;
        s->panels = take(s, &used, threads * s->panels_bytes, 1);
    }
    if (s->unfused & AGLM_FUSE_SOFTMAX) {
        s->packed_bytes = aglm_cpu_scores_packed_bytes(s);
        s->scores = take(s, &used, hp->n_heads * n, padded(s->n_ctx) * sizeof(float));
        s->packed = take(s, &used, threads, s->packed_bytes);
    }
    return used;
}

/* Angles in double, so that late positions are exact: pos * scale * theta^(-2i / n_rot) /
 * factor[i]. */
static void fill_rope(const struct aglm_cpu_state *s, float *rope, float theta, float scale)
{
    const size_t n_rot = s->model->hp.n_rot, half = n_rot / 2;
    for (size_t i = 0; i < half; i++) {
        double step = pow((double)theta, -2.0 * (double)i / (double)n_rot) * (double)scale;
        if (s->w->rope_freqs)
            step /= (double)s->w->rope_freqs[i];
        for (size_t p = 0; p < s->n_ctx; p++) {
            rope[(p * half + i) * 2] = (float)cos((double)p * step);
            rope[(p * half + i) * 2 + 1] = (float)sin((double)p * step);
        }
    }
}

/* Bytes of one row of the cache; head_dim is a whole number of the type's blocks. */
static size_t row_bytes(enum aglm_dtype type, size_t head_dim)
{
    const struct aglm_dtype_info *info = aglm_dtype_get(type);
    return head_dim / info->block_elements * info->block_bytes;
}

static void cpu_close(void *state)
{
    struct aglm_cpu_state *s = state;
    if (!s)
        return;
    aglm_pool_destroy(&s->pool);
    pthread_mutex_destroy(&s->observe_lock);
    if (s->memory)
        munmap(s->memory, s->memory_bytes);
    free(s);
}

static void touch(void *ctx, unsigned ith, unsigned n)
{
    (void)ctx, (void)ith, (void)n;
}

static int cpu_open(void **state, const struct aglm_model *model,
                    const struct aglm_session_options *options, struct aglm_err *err)
{
    struct aglm_cpu_state *s = calloc(1, sizeof(*s));
    const unsigned n_threads =
        aglm_pool_fit(options->n_threads, options->cpu_mask, options->cpu_mask_bytes);
    int rc = 0;
    if (!s)
        return aglm_err_set(err, -ENOMEM, "%s: out of memory for a session", model->info.name);
    pthread_mutex_init(&s->observe_lock, NULL);
    s->model = model;
    s->w = model->weights;
    s->n_ctx = options->n_ctx;
    s->n_ubatch = options->n_ubatch;
    s->type_k = options->type_k;
    s->type_v = options->type_v;
    s->row_k = row_bytes(s->type_k, model->hp.head_dim);
    s->row_v = row_bytes(s->type_v, model->hp.head_dim);
    s->unfused = options->unfused;
    s->cancelled = options->cancelled;
    s->cancelled_ctx = options->cancelled_ctx;
    s->memory_bytes = lay_out(s, n_threads);
    void *p =
        mmap(NULL, s->memory_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        rc =
            aglm_err_set(err, -errno,
                         "%s: a context of %u tokens takes %zu MiB, which there is not: %s; choose "
                         "a smaller one",
                         model->info.name, options->n_ctx, s->memory_bytes >> 20, strerror(errno));
        goto fail;
    }
    s->memory = p;
#ifdef MADV_HUGEPAGE
    (void)madvise(p, s->memory_bytes, MADV_HUGEPAGE);
#endif
    lay_out(s, n_threads);
    fill_rope(s, s->rope, model->hp.rope_theta, model->hp.rope_freq_scale);
    if (s->rope_local)
        fill_rope(s, s->rope_local, model->hp.rope_theta_local, 1.0f);
    rc = aglm_pool_create(&s->pool, n_threads, options->cpu_mask, options->cpu_mask_bytes,
                          options->cpu_strict, err);
    if (rc)
        goto fail;
    aglm_pool_run(s->pool, touch, NULL); /* threads are up and pinned before anything is timed */
    *state = s;
    return 0;
fail:
    cpu_close(s);
    return rc;
}

static void cpu_observe(void *state, void (*fn)(void *ctx, size_t site, const float *x, size_t n),
                        void *ctx)
{
    struct aglm_cpu_state *s = state;
    s->observe = fn;
    s->observe_ctx = ctx;
}

static void cpu_profile(void *state, struct aglm_op_profile *into)
{
    struct aglm_cpu_state *s = state;
    s->ops = into;
}

static void cpu_affinity(const void *state, char *buf, size_t size)
{
    const struct aglm_cpu_state *s = state;
    aglm_pool_affinity(s->pool, buf, size);
}

static uint64_t cpu_kv_bytes(const struct aglm_model *model,
                             const struct aglm_session_options *options, size_t depth)
{
    const struct aglm_hparams *hp = &model->hp;
    const uint64_t row =
        row_bytes(options->type_k, hp->head_dim) + row_bytes(options->type_v, hp->head_dim);
    uint64_t positions = 0; /* of all layers */
    for (uint32_t i = 0; i < hp->n_layers; i++)
        positions += aglm_layer_is_local(hp, i) && depth > hp->n_window ? hp->n_window : depth;
    return positions * hp->n_kv_heads * row;
}

const struct aglm_backend aglm_backend_cpu = {
    .name = "cpu",
    .load = aglm_cpu_weights_load,
    .pack = aglm_cpu_weights_pack,
    .weights_free = aglm_cpu_weights_free,
    .open = cpu_open,
    .close = cpu_close,
    .forward = aglm_cpu_forward,
    .observe = cpu_observe,
    .profile = cpu_profile,
    .affinity = cpu_affinity,
    .kv_bytes = cpu_kv_bytes,
};
