/* Packs a model's matrices for the kernels; see weights.h.
 *
 * Two passes over the same list of matrices: the first decides types and offsets, the second
 * allocates and packs, at once or when asked to later. With `quantize` set, rows of an F32, F16 or
 * BF16 file are quantized on the way.
 */
#include "engine/cpu/weights.h"

#include "engine/cpu/panels.h"
#include "engine/int8.h"
#include "engine/kernels/pack.h"
#include "engine/pool.h"
#include "engine/quant/mix.h"
#include "engine/quant/prune.h"
#include "probes/clock.h"
#include "probes/isa.h"
#include "probes/profile.h"

#include <errno.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ROWS = AGLM_PANEL_ROWS };

struct loader {
    const struct aglm_model *model;
    const struct aglm_model_options *options;
    const struct aglm_quantize_mode *quantize; /* NULL: types as in the file, or INT8 */
    const char *target;                        /* what they become, in words; NULL: nothing else */
    uint32_t *types;                           /* of all tensors then, by their order in the file */
    bool int8;
    size_t n_groups;
    struct aglm_cpu_weights *w;
    struct aglm_pool *pool;
    float *row;         /* [n threads][k_max], when quantizing */
    uint8_t *quantized; /* [n threads][16][row bytes] */
    size_t quantized_stride;
    struct aglm_matrix *current;
    size_t stretch;                                 /* panels of it that a thread takes at a time */
    _Atomic(const struct aglm_gguf_tensor *) unfit; /* one with weights that the type cannot hold */
    struct aglm_err *err;
    int rc;
};

/* The type a matrix has in memory. Re-quantizing gives the types, and from the same encoders the
 * values, that a file quantized in this mode has. */
static enum aglm_dtype target_type(const struct loader *l, const struct aglm_gguf_tensor *t)
{
    if (l->int8 && t->ne[0] % 32 == 0)
        return l->w->fake_int8 ? AGLM_F32 : AGLM_INT8;
    if (!l->quantize)
        return t->type;
    return l->types[t - aglm_gguf_tensor_at(l->model->file, 0)];
}

static void plan_matrix(struct loader *l, struct aglm_matrix_group *group,
                        const struct aglm_gguf_tensor *const *sources, unsigned n)
{
    struct aglm_matrix *m = &group->part[group->n++];
    l->w->matrices[l->w->n_matrices++] = m;
    m->type = target_type(l, sources[0]);
    m->k = sources[0]->ne[0];
    m->n_rows = 0;
    m->n_sources = n;
    for (unsigned i = 0; i < n; i++) {
        m->source[i] = sources[i];
        m->n_rows += sources[i]->ne[1];
    }
    m->n_panels = (m->n_rows + ROWS - 1) / ROWS;
    const size_t block = aglm_act_block(m->type);
    if (l->int8 && m->k % 32 == 0)
        group->acts |= 1u << AGLM_ACTS_INT8;
    else if (block)
        group->acts |= 1u << (block == 256 ? AGLM_ACTS_256 : AGLM_ACTS_32);
    l->w->acts |= group->acts;
    const size_t panel = aglm_panel_bytes(m->type, m->k);
    m->offset = l->w->arena_bytes;
    l->w->arena_bytes += m->n_panels * panel;
    l->w->panel_bytes = panel > l->w->panel_bytes ? panel : l->w->panel_bytes;
    l->w->k_max = m->k > l->w->k_max ? m->k : l->w->k_max;
    group->n_rows += m->n_rows;
}

/* Up to three tensors over the same input: one matrix if their types agree and no panel would
 * straddle two of them with different padding, else one each. */
static void plan_group(struct loader *l, struct aglm_matrix_group *group,
                       const struct aglm_gguf_tensor *a, const struct aglm_gguf_tensor *b,
                       const struct aglm_gguf_tensor *c)
{
    const struct aglm_gguf_tensor *all[3] = {a, b, c};
    unsigned n = c ? 3 : b ? 2 : 1;
    bool same = true;
    group->site = l->n_groups++;
    if (l->options->int8 && l->options->int8->scales)
        group->int8_scale = l->options->int8->scales[group->site];
    for (unsigned i = 1; i < n; i++)
        same = same && target_type(l, all[i]) == target_type(l, a);
    if (same) {
        plan_matrix(l, group, all, n);
        return;
    }
    for (unsigned i = 0; i < n; i++)
        plan_matrix(l, group, &all[i], 1);
}

/* A vector of any float type as floats; NULL for NULL or, with rc set, for lack of memory. */
static float *copy_vector(struct loader *l, const struct aglm_gguf_tensor *t)
{
    if (!t || l->rc)
        return NULL;
    float *v = malloc(t->n_elements * sizeof(*v));
    if (!v) {
        l->rc = aglm_err_set(l->err, -ENOMEM, "%s: out of memory", l->options->path);
        return NULL;
    }
    aglm_dtype_get(t->type)->to_float(v, t->data, t->n_elements);
    return v;
}

/* Biases of up to three tensors one after another, zeros where one is absent; NULL if all are. */
static float *join_biases(struct loader *l, const struct aglm_gguf_tensor *const bias[3],
                          const size_t rows[3])
{
    if (l->rc || (!bias[0] && !bias[1] && !bias[2]))
        return NULL;
    float *v = calloc(rows[0] + rows[1] + rows[2], sizeof(*v));
    if (!v) {
        l->rc = aglm_err_set(l->err, -ENOMEM, "%s: out of memory", l->options->path);
        return NULL;
    }
    float *at = v;
    for (unsigned i = 0; i < 3; at += rows[i++])
        if (bias[i])
            aglm_dtype_get(bias[i]->type)->to_float(at, bias[i]->data, rows[i]);
    return v;
}

static void plan_layer(struct loader *l, struct aglm_cpu_layer *to,
                       const struct aglm_layer_tensors *from)
{
    const struct aglm_hparams *hp = &l->model->hp;
    const size_t kv = (size_t)hp->n_kv_heads * hp->head_dim;
    to->attn_norm = copy_vector(l, from->attn_norm);
    to->ffn_norm = copy_vector(l, from->ffn_norm);
    to->q_norm = copy_vector(l, from->q_norm);
    to->k_norm = copy_vector(l, from->k_norm);
    to->post_attn_norm = copy_vector(l, from->post_attn_norm);
    to->post_ffn_norm = copy_vector(l, from->post_ffn_norm);
    if (from->qkv) {
        plan_group(l, &to->qkv, from->qkv, NULL, NULL);
        to->qkv.bias = copy_vector(l, from->qkv_bias);
    } else {
        const struct aglm_gguf_tensor *const bias[3] = {from->q_bias, from->k_bias, from->v_bias};
        const size_t rows[3] = {(size_t)hp->n_heads * hp->head_dim, kv, kv};
        plan_group(l, &to->qkv, from->q, from->k, from->v);
        to->qkv.bias = join_biases(l, bias, rows);
    }
    plan_group(l, &to->out, from->attn_output, NULL, NULL);
    to->out.bias = copy_vector(l, from->attn_output_bias);
    plan_group(l, &to->up, from->gate ? from->gate : from->up, from->gate ? from->up : NULL, NULL);
    plan_group(l, &to->down, from->down, NULL, NULL);
}

/* Types that the kernel table has no product for are refused before anything is packed. */
static int check_kernels(const struct loader *l)
{
    for (size_t i = 0; i < l->w->n_matrices; i++) {
        enum aglm_dtype type = l->w->matrices[i]->type;
        if (!l->w->kernels.matmul[type])
            return aglm_err_set(l->err, -ENOTSUP, "%s: %s matrices cannot be run on this processor",
                                l->options->path, aglm_dtype_get(type)->name);
    }
    return 0;
}

static int plan(struct loader *l)
{
    const struct aglm_model *m = l->model;
    struct aglm_cpu_weights *w = l->w;
    w->n_layers = m->hp.n_layers;
    w->layers = calloc(m->hp.n_layers, sizeof(*w->layers));
    w->matrices = calloc((size_t)m->hp.n_layers * 8 + 1, sizeof(struct aglm_matrix *));
    if (!w->layers || !w->matrices)
        return aglm_err_set(l->err, -ENOMEM, "%s: out of memory", l->options->path);
    for (uint32_t i = 0; i < m->hp.n_layers; i++)
        plan_layer(l, &w->layers[i], &m->tensors.layers[i]);
    plan_group(l, &w->output, m->tensors.output, NULL, NULL);
    w->output_norm = copy_vector(l, m->tensors.output_norm);
    w->rope_freqs = copy_vector(l, m->tensors.rope_freqs);
    return l->rc ? l->rc : check_kernels(l);
}

static int allocate(struct loader *l)
{
    enum { HUGE_PAGE = 2 << 20 };
    struct aglm_cpu_weights *w = l->w;
    struct aglm_conditions now;
    aglm_conditions_take(&now, NULL);
    w->arena_bytes = (w->arena_bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    if (!isnan(now.memory_available_bytes) && (double)w->arena_bytes > now.memory_available_bytes)
        return aglm_err_set(l->err, -ENOMEM,
                            "%s: its weights take %.0f MiB in memory, but only %.0f MiB are "
                            "available; choose a smaller model or quantization",
                            l->options->path, (double)w->arena_bytes / 1048576,
                            now.memory_available_bytes / 1048576);
    void *p =
        mmap(NULL, w->arena_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return aglm_err_set(l->err, -errno, "%s: no memory for %zu bytes of weights: %s",
                            l->options->path, w->arena_bytes, strerror(errno));
    w->arena = p;
#ifdef MADV_HUGEPAGE
    (void)madvise(p, w->arena_bytes, MADV_HUGEPAGE); /* worth it, not needed */
#endif
    if (!l->quantize && !l->int8)
        return 0;
    unsigned n = aglm_pool_threads(l->pool);
    l->quantized_stride = w->k_max * 4; /* no type is longer than F32 */
    l->row = malloc(n * w->k_max * sizeof(*l->row));
    l->quantized = malloc(n * ROWS * l->quantized_stride);
    if (!l->row || !l->quantized)
        return aglm_err_set(l->err, -ENOMEM, "%s: out of memory", l->options->path);
    return 0;
}

/* Sixteen rows rounded to INT8; fake: as floats again. */
static void pack_int8(struct loader *l, const struct aglm_matrix *m, size_t panel, unsigned ith)
{
    uint8_t *dst = l->w->arena + m->offset + panel * aglm_panel_bytes(m->type, m->k);
    uint8_t *buffer = l->quantized + ith * ROWS * l->quantized_stride;
    float *row = l->row + ith * l->w->k_max, scale[ROWS];
    const int8_t *q[ROWS] = {NULL};
    const void *rows[ROWS] = {NULL};
    for (size_t i = 0; i < ROWS; i++, buffer += l->quantized_stride) {
        const struct aglm_gguf_tensor *of = NULL;
        const void *source = aglm_cpu_source_row(m, panel * ROWS + i, &of);
        if (!source)
            continue;
        int8_t *codes = (int8_t *)buffer;
        aglm_dtype_get(of->type)->to_float(row, source, m->k);
        if (!aglm_dtype_holds(AGLM_F32, row, m->k))
            l->unfit = of;
        aglm_prune_row(row, m->k, l->options->prune);
        scale[i] = aglm_int8_row(codes, row, m->k);
        q[i] = codes;
        if (!l->w->fake_int8)
            continue;
        for (size_t j = 0; j < m->k; j++)
            row[j] = (float)codes[j] * scale[i];
        memcpy(buffer, row, m->k * sizeof(*row));
        rows[i] = buffer;
    }
    if (l->w->fake_int8)
        l->w->kernels.pack(AGLM_F32, dst, rows, m->k);
    else
        aglm_pack_int8(dst, q, scale, m->k);
}

/* Sixteen rows in another type than the file's, where they are in one. */
static void pack_panel(struct loader *l, const struct aglm_matrix *m, size_t panel, unsigned ith)
{
    const struct aglm_dtype_info *to = aglm_dtype_get(m->type);
    const void *rows[ROWS];
    if (l->int8 && m->k % 32 == 0) {
        pack_int8(l, m, panel, ith);
        return;
    }
    for (size_t i = 0; i < ROWS; i++) {
        const struct aglm_gguf_tensor *of = NULL;
        rows[i] = aglm_cpu_source_row(m, panel * ROWS + i, &of);
        if (!rows[i] || ((enum aglm_dtype)of->type == m->type && l->options->prune <= 0))
            continue;
        float *row = l->row + ith * l->w->k_max;
        uint8_t *dst = l->quantized + (ith * ROWS + i) * l->quantized_stride;
        aglm_dtype_get(of->type)->to_float(row, rows[i], m->k);
        if (!aglm_dtype_holds(m->type, row, m->k)) {
            l->unfit = of;
            rows[i] = NULL;
            continue;
        }
        aglm_prune_row(row, m->k, l->options->prune);
        (l->options->quantize_quick ? to->from_float : to->quantize_row)(dst, row, m->k);
        rows[i] = dst;
    }
    l->w->kernels.pack(m->type, l->w->arena + m->offset + panel * aglm_panel_bytes(m->type, m->k),
                       rows, m->k);
}

/* A stretch's pages of the file come and go with it, so that file and arena together never take
 * much more memory than one of them. */
static void pack_matrix(void *ctx, unsigned ith, unsigned n_threads)
{
    struct loader *l = ctx;
    const struct aglm_matrix *m = l->current;
    uint8_t *dst = l->w->arena + m->offset;
    (void)n_threads;
    for (size_t at; (at = aglm_pool_next(l->pool) * l->stretch) < m->n_panels;) {
        const size_t n = m->n_panels - at < l->stretch ? m->n_panels - at : l->stretch;
        if (l->quantize || l->int8)
            for (size_t p = at; p < at + n; p++)
                pack_panel(l, m, p, ith);
        else
            (void)aglm_cpu_panels(l->w, m, at, n, dst + at * aglm_panel_bytes(m->type, m->k));
        aglm_cpu_pages_drop(m, at, n);
    }
}

static int go_through(struct loader *l)
{
    for (size_t i = 0; i < l->w->n_matrices; i++) {
        if (l->options->cancelled && l->options->cancelled(l->options->cancelled_ctx))
            return aglm_err_set(l->err, -ECANCELED, "%s: loading interrupted", l->options->path);
        l->current = l->w->matrices[i];
        l->stretch = aglm_cpu_panels_stretch(l->current, aglm_pool_threads(l->pool));
        aglm_pool_run(l->pool, pack_matrix, l);
        const struct aglm_gguf_tensor *unfit = l->unfit;
        if (unfit)
            return aglm_err_set(l->err, -EINVAL,
                                "%s: tensor %s holds weights that are not finite or too large for "
                                "-q %s; the file is damaged, or its training went wrong",
                                l->options->path, unfit->name, l->target);
        /* The pages that stretches share. */
        aglm_cpu_pages_drop(l->current, 0, l->current->n_panels);
    }
    return 0;
}

static int pack_all(struct loader *l, struct aglm_model_info *info)
{
    const uint64_t start_ns = aglm_clock_ns();
    int rc = allocate(l);
    if (!rc)
        rc = go_through(l);
    if (rc)
        return rc;
    for (size_t i = 0; i < l->w->n_matrices; i++)
        l->w->matrices[i]->data = l->w->arena + l->w->matrices[i]->offset;
    info->pack_ns = aglm_clock_ns() - start_ns;
    info->packed_bytes = l->w->arena_bytes;
    return 0;
}

/* What people call the mixture: the mode asked for, or the file's own name for itself if its
 * commonest type agrees, or that type. */
static const char *quantization_name(const struct loader *l, enum aglm_dtype commonest)
{
    uint64_t file_type = UINT64_MAX;
    if (l->w->fake_int8)
        return "int8-fake";
    if (commonest == AGLM_INT8)
        return "int8";
    if (l->quantize)
        return l->quantize->name;
    (void)aglm_gguf_get_u64(l->model->file, "general.file_type", &file_type, NULL);
    for (size_t i = 0; i < aglm_quantize_mode_count(); i++) {
        const struct aglm_quantize_mode *mode = aglm_quantize_mode_at(i);
        if (mode->mixed && mode->file_type == file_type && mode->type == commonest)
            return mode->name;
    }
    return aglm_dtype_get((uint32_t)commonest)->name;
}

/* What the engine says of the model: its quantization, and the bytes that a token reads. */
static void tell(const struct loader *l, struct aglm_model_info *info)
{
    size_t bytes_of[AGLM_MATMUL_SLOTS] = {0}, best = 0;
    const struct aglm_gguf_tensor *embd = l->model->tensors.token_embd;
    for (size_t i = 0; i < l->w->n_matrices; i++) {
        const struct aglm_matrix *m = l->w->matrices[i];
        const struct aglm_dtype_info *type = aglm_dtype_get(m->type);
        size_t bytes = m->type == AGLM_INT8
                           ? m->n_rows * (m->k + sizeof(float))
                           : m->n_rows * m->k / type->block_elements * type->block_bytes;
        bytes_of[m->type] += m->n_rows * m->k;
        info->bytes_per_token += bytes;
        info->matmul_params += m->n_rows * m->k;
    }
    for (size_t i = 0; i < AGLM_MATMUL_SLOTS; i++)
        best = bytes_of[i] > bytes_of[best] ? i : best;
    snprintf(info->quantization, sizeof(info->quantization), "%s",
             quantization_name(l, (enum aglm_dtype)best));
    snprintf(info->isa, sizeof(info->isa), "%s", l->w->kernels.isa);
    info->output_params = l->model->tensors.output->n_elements;
    info->int8_math = best == AGLM_INT8 || aglm_dtype_get((uint32_t)best)->quantized;
    /* Matrices, then what stays in the file's form: vectors, and an embedding that is no output
     * matrix. */
    const size_t row = l->w->embedding.row_bytes;
    info->size_bytes = info->bytes_per_token;
    if (embd != l->model->tensors.output)
        info->size_bytes += row * embd->ne[1];
    for (size_t i = 0; i < aglm_gguf_tensor_count(l->model->file); i++) {
        const struct aglm_gguf_tensor *t = aglm_gguf_tensor_at(l->model->file, i);
        if (t->n_dims == 1)
            info->size_bytes += t->n_bytes;
    }
    info->bytes_per_token += row;
}

/* Scales that fit the model, and rows whose integer sums fit 32 bits: 128 * 127 * k < 2^31. */
static int check_int8(struct loader *l)
{
    enum { MAX_K = 131072 };
    const struct aglm_hparams *hp = &l->model->hp;
    const struct aglm_int8_options *o = l->options->int8;
    const size_t sites = 4 * (size_t)hp->n_layers + 1;
    if (o && o->scales && o->n_sites != sites)
        return aglm_err_set(l->err, -EINVAL,
                            "%s: the calibration has %zu scales, but this model takes %zu; it is "
                            "of another model",
                            l->options->path, o->n_sites, sites);
    if (hp->n_ff > MAX_K)
        return aglm_err_set(l->err, -ENOTSUP, "%s: rows of %u weights are too long for int8",
                            l->options->path, hp->n_ff);
    return 0;
}

/* What has lost something already would lose twice, and the file's name would not say so. */
static int refuse_quantized(const struct loader *l)
{
    for (size_t i = 0; i < aglm_gguf_tensor_count(l->model->file); i++) {
        const struct aglm_gguf_tensor *t = aglm_gguf_tensor_at(l->model->file, i);
        const struct aglm_dtype_info *type = aglm_dtype_get(t->type);
        if (type && type->quantized)
            return aglm_err_set(l->err, -ENOTSUP,
                                "%s: is %s already (tensor %s); -q and --prune take only f32, f16 "
                                "and bf16 files",
                                l->options->path, type->name, t->name);
    }
    return 0;
}

/* What the weights become: -q's value; pruned ones are written anew in the file's own type. NULL:
 * they stay. */
static const char *target_name(const struct loader *l)
{
    const struct aglm_gguf_tensor *matrix = l->model->tensors.layers[0].down;
    if (l->options->quantize || l->options->prune <= 0)
        return l->options->quantize;
    return aglm_dtype_get(matrix->type)->name;
}

static int check_quantize(struct loader *l)
{
    const char *name = l->target = target_name(l);
    if (!name)
        return 0;
    if (l->options->load == AGLM_LOAD_MMAP)
        return aglm_err_set(l->err, -EINVAL,
                            "--load mmap with -q %s: mmap leaves the weights as they are in the "
                            "file, and -q makes others of them: give one of the two",
                            name);
    l->int8 = strcmp(name, "int8") == 0;
    l->w->fake_int8 = l->int8 && l->options->int8 && l->options->int8->fake;
    l->quantize = l->int8 ? NULL : aglm_quantize_mode_find(name);
    if (!l->int8 && !l->quantize)
        return aglm_err_set(l->err, -EINVAL, "-q %s: no such type; choose int8, %s", name,
                            aglm_quantize_mode_names());
    int rc = refuse_quantized(l);
    if (rc || l->int8)
        return rc ? rc : check_int8(l);
    l->types = calloc(aglm_gguf_tensor_count(l->model->file), sizeof(*l->types));
    if (!l->types)
        return aglm_err_set(l->err, -ENOMEM, "%s: out of memory", l->options->path);
    return aglm_quantize_choose_file(l->quantize, l->model->file, l->types, NULL, l->err);
}

int aglm_cpu_weights_load(void **out, const struct aglm_model *model,
                          const struct aglm_model_options *options, struct aglm_model_info *info,
                          struct aglm_err *err)
{
    struct loader l = {.model = model, .options = options, .err = err};
    l.w = calloc(1, sizeof(*l.w));
    if (!l.w)
        return aglm_err_set(err, -ENOMEM, "%s: out of memory", options->path);
    int rc = check_quantize(&l);
    if (!rc)
        rc = aglm_kernels_select(&l.w->kernels, options->isa, aglm_isa_detect(), err);
    if (!rc)
        rc = aglm_pool_create(&l.pool, options->n_load_threads, NULL, 0, false, err);
    if (!rc)
        rc = plan(&l);
    if (!rc && options->load == AGLM_LOAD_PACK)
        rc = pack_all(&l, info);
    if (!rc) {
        const struct aglm_gguf_tensor *embd = model->tensors.token_embd;
        enum aglm_dtype type = l.quantize ? target_type(&l, embd) : (enum aglm_dtype)embd->type;
        rc = aglm_cpu_embedding_make(&l.w->embedding, embd, type, options->quantize_quick, l.pool,
                                     options->path, err);
    }
    if (!rc) {
        tell(&l, info);
        *out = l.w;
        l.w = NULL;
    }
    aglm_pool_destroy(&l.pool);
    aglm_cpu_weights_free(l.w);
    free(l.types);
    free(l.row);
    free(l.quantized);
    return rc;
}

int aglm_cpu_weights_pack(void *weights, const struct aglm_model *model,
                          const struct aglm_model_options *options, struct aglm_model_info *info,
                          struct aglm_err *err)
{
    struct loader l = {.model = model, .options = options, .w = weights, .err = err};
    if (l.w->arena)
        return 0;
    int rc = aglm_pool_create(&l.pool, options->n_load_threads, NULL, 0, false, err);
    if (!rc)
        rc = pack_all(&l, info);
    if (rc && l.w->arena) {
        munmap(l.w->arena, l.w->arena_bytes);
        l.w->arena = NULL;
    }
    aglm_pool_destroy(&l.pool);
    return rc;
}

void aglm_cpu_weights_free(void *weights)
{
    struct aglm_cpu_weights *w = weights;
    if (!w)
        return;
    for (size_t i = 0; w->layers && i < w->n_layers; i++) {
        struct aglm_cpu_layer *l = &w->layers[i];
        free(l->attn_norm);
        free(l->ffn_norm);
        free(l->q_norm);
        free(l->k_norm);
        free(l->post_attn_norm);
        free(l->post_ffn_norm);
        free(l->qkv.bias);
        free(l->out.bias);
    }
    free(w->layers);
    free(w->matrices);
    aglm_cpu_embedding_finish(&w->embedding);
    free(w->output_norm);
    free(w->rope_freqs);
    if (w->arena)
        munmap(w->arena, w->arena_bytes);
    free(w);
}
