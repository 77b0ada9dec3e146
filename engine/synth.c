/* Synthetic models: the list of tensors of a preset, and the file that holds them.
 *
 * In: a preset, a type, a seed. Out: a GGUF file that llama.cpp loads as well: the keys its loader
 * demands, no tokenizer ("no_vocab"). Weights have a deviation of 1/sqrt(fan-in), so activations
 * stay of order 1 through any number of layers. Refused: a folder without the space for the file.
 */
#include "engine/synth.h"

#include "engine/arch.h"
#include "engine/gguf_write.h"
#include "engine/pool.h"
#include "engine/synth_values.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the tensors of a preset ---- */

struct item {
    char name[64];
    enum aglm_dtype type;
    unsigned n_dims;
    uint64_t ne[2];
    float mean, std;
    bool rope_freqs;
};

struct plan {
    const struct aglm_preset *preset;
    const struct aglm_quantize_mode *mode;
    const struct aglm_arch *arch;
    struct item *items;
    size_t n, capacity;
};

static struct item *add(struct plan *p, const char *name)
{
    struct item *item = &p->items[p->n++];
    snprintf(item->name, sizeof(item->name), "%s", name);
    return item;
}

static void add_vector(struct plan *p, const char *name, uint64_t n, float mean, float std)
{
    struct item *item = add(p, name);
    item->type = AGLM_F32;
    item->n_dims = 1;
    item->ne[0] = n;
    item->ne[1] = 1;
    item->mean = mean;
    item->std = std;
}

/* [rows, row]: y = W x with x of row elements. */
static void add_matrix(struct plan *p, const char *name, uint64_t row, uint64_t rows)
{
    struct item *item = add(p, name);
    item->type = AGLM_F32; /* chosen when all are there */
    item->n_dims = 2;
    item->ne[0] = row;
    item->ne[1] = rows;
    item->std = (float)(1.0 / sqrt((double)row));
}

static const char *block_name(char buf[64], uint32_t layer, const char *suffix)
{
    snprintf(buf, 64, "blk.%" PRIu32 ".%s", layer, suffix);
    return buf;
}

static void add_attention(struct plan *p, uint32_t layer)
{
    const struct aglm_preset *m = p->preset;
    const uint64_t q = (uint64_t)m->n_heads * m->head_dim;
    const uint64_t kv = (uint64_t)m->n_kv_heads * m->head_dim;
    const float bias_std = 0.02f;
    char name[64];

    add_vector(p, block_name(name, layer, "attn_norm.weight"), m->n_embd, 1.0f, 0.05f);
    if (m->fused_qkv) {
        add_matrix(p, block_name(name, layer, "attn_qkv.weight"), m->n_embd, q + 2 * kv);
        if (m->qkv_bias)
            add_vector(p, block_name(name, layer, "attn_qkv.bias"), q + 2 * kv, 0.0f, bias_std);
    } else {
        static const char *const weights[] = {"attn_q.weight", "attn_k.weight", "attn_v.weight"};
        static const char *const biases[] = {"attn_q.bias", "attn_k.bias", "attn_v.bias"};
        for (size_t i = 0; i < 3; i++) {
            uint64_t rows = i == 0 ? q : kv;
            add_matrix(p, block_name(name, layer, weights[i]), m->n_embd, rows);
            if (m->qkv_bias)
                add_vector(p, block_name(name, layer, biases[i]), rows, 0.0f, bias_std);
        }
    }
    if (p->arch->qk_norm) {
        add_vector(p, block_name(name, layer, "attn_q_norm.weight"), m->head_dim, 1.0f, 0.05f);
        add_vector(p, block_name(name, layer, "attn_k_norm.weight"), m->head_dim, 1.0f, 0.05f);
    }
    add_matrix(p, block_name(name, layer, "attn_output.weight"), q, m->n_embd);
    if (p->arch->post_norms)
        add_vector(p, block_name(name, layer, "post_attention_norm.weight"), m->n_embd, 1.0f,
                   0.05f);
}

static void add_feed_forward(struct plan *p, uint32_t layer)
{
    const struct aglm_preset *m = p->preset;
    const bool fused = p->arch->fused_ffn_up;
    char name[64];

    add_vector(p, block_name(name, layer, "ffn_norm.weight"), m->n_embd, 1.0f, 0.05f);
    if (!fused)
        add_matrix(p, block_name(name, layer, "ffn_gate.weight"), m->n_embd, m->n_ff);
    add_matrix(p, block_name(name, layer, "ffn_up.weight"), m->n_embd,
               (fused ? 2 : 1) * (uint64_t)m->n_ff);
    add_matrix(p, block_name(name, layer, "ffn_down.weight"), m->n_ff, m->n_embd);
    if (p->arch->post_norms)
        add_vector(p, block_name(name, layer, "post_ffw_norm.weight"), m->n_embd, 1.0f, 0.05f);
}

/* The types that llama.cpp's quantizer would choose. */
static int choose_types(struct plan *p)
{
    struct aglm_quantize_shape shape = {.n_layers = p->preset->n_layers,
                                        .n_heads = p->preset->n_heads,
                                        .n_kv_heads = p->preset->n_kv_heads};
    struct aglm_quantize_tensor *tensors = calloc(p->n, sizeof(*tensors));
    if (!tensors)
        return -ENOMEM;
    snprintf(shape.arch, sizeof(shape.arch), "%s", p->preset->arch);
    for (size_t i = 0; i < p->n; i++)
        tensors[i] = (struct aglm_quantize_tensor){.name = p->items[i].name,
                                                   .n_dims = p->items[i].n_dims,
                                                   .ne = p->items[i].ne,
                                                   .type = p->items[i].type};
    int rc = aglm_quantize_choose(p->mode, &shape, tensors, p->n);
    for (size_t i = 0; i < p->n && !rc; i++)
        p->items[i].type = (enum aglm_dtype)tensors[i].chosen;
    free(tensors);
    return rc;
}

static int plan_tensors(struct plan *p, const struct aglm_preset *preset,
                        const struct aglm_quantize_mode *mode, struct aglm_err *err)
{
    const uint64_t n_vocab = preset->n_vocab;
    *p = (struct plan){.preset = preset,
                       .mode = mode,
                       .arch = aglm_arch_find(preset->arch),
                       .capacity = 16 * (size_t)preset->n_layers + 4};
    assert(p->arch); /* presets are our own */
    p->items = calloc(p->capacity, sizeof(*p->items));
    if (!p->items)
        return aglm_err_set(err, -ENOMEM, "preset %s: out of memory", preset->name);
    if (preset->rope_freqs) {
        add_vector(p, "rope_freqs.weight", preset->head_dim / 2, 0.0f, 0.0f);
        p->items[0].rope_freqs = true;
    }
    add_matrix(p, "token_embd.weight", preset->n_embd, n_vocab);
    for (uint32_t layer = 0; layer < preset->n_layers; layer++) {
        add_attention(p, layer);
        add_feed_forward(p, layer);
    }
    add_vector(p, "output_norm.weight", preset->n_embd, 1.0f, 0.05f);
    if (!preset->tied)
        add_matrix(p, "output.weight", preset->n_embd, n_vocab);
    return choose_types(p) ? aglm_err_set(err, -ENOMEM, "preset %s: out of memory", preset->name)
                           : 0;
}

/* ---- metadata ---- */

static void declare(struct aglm_gguf_writer *w, const struct plan *p)
{
    const struct aglm_preset *m = p->preset;
    const struct {
        const char *key;
        uint32_t value;
    } counts[] = {
        {"block_count", m->n_layers},          {"context_length", m->n_ctx_train},
        {"embedding_length", m->n_embd},       {"feed_forward_length", m->n_ff},
        {"attention.head_count", m->n_heads},  {"attention.head_count_kv", m->n_kv_heads},
        {"attention.key_length", m->head_dim}, {"attention.value_length", m->head_dim},
        {"rope.dimension_count", m->n_rot},    {"vocab_size", m->n_vocab},
    };
    char text[128];
    aglm_gguf_writer_string(w, "general.architecture", m->arch);
    snprintf(text, sizeof(text), "%s (synthetic)", m->title);
    aglm_gguf_writer_string(w, "general.name", text);
    aglm_gguf_writer_u32(w, "general.file_type", p->mode->file_type);
    aglm_gguf_writer_u32(w, "general.quantization_version", 2);
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        snprintf(text, sizeof(text), "%s.%s", m->arch, counts[i].key);
        aglm_gguf_writer_u32(w, text, counts[i].value);
    }
    snprintf(text, sizeof(text), "%s.attention.layer_norm_rms_epsilon", m->arch);
    aglm_gguf_writer_f32(w, text, m->rms_eps);
    snprintf(text, sizeof(text), "%s.rope.freq_base", m->arch);
    aglm_gguf_writer_f32(w, text, m->rope_theta);
    if (m->n_window) {
        snprintf(text, sizeof(text), "%s.attention.sliding_window", m->arch);
        aglm_gguf_writer_u32(w, text, m->n_window);
    }
    if (m->rope_sections[0]) {
        const uint32_t s[4] = {m->rope_sections[0], m->rope_sections[1], m->rope_sections[2]};
        snprintf(text, sizeof(text), "%s.rope.dimension_sections", m->arch);
        aglm_gguf_writer_array(w, text, AGLM_GGUF_I32, 4, s, sizeof(s));
    }
    aglm_gguf_writer_string(w, "tokenizer.ggml.model", "no_vocab");
    for (size_t i = 0; i < p->n; i++)
        aglm_gguf_writer_tensor(w, p->items[i].name, p->items[i].type, p->items[i].n_dims,
                                p->items[i].ne);
}

uint64_t aglm_synth_size(const struct aglm_preset *preset, enum aglm_dtype type)
{
    return aglm_synth_size_of(preset, aglm_quantize_mode_of(type));
}

uint64_t aglm_synth_size_of(const struct aglm_preset *preset, const struct aglm_quantize_mode *mode)
{
    struct plan plan = {0};
    struct aglm_gguf_writer *w = NULL;
    uint64_t size = 0;
    if (plan_tensors(&plan, preset, mode, NULL) == 0 &&
        aglm_gguf_writer_create(&w, NULL, NULL) == 0) {
        declare(w, &plan);
        size = aglm_gguf_writer_size(w);
    }
    aglm_gguf_writer_destroy(&w);
    free(plan.items);
    return size;
}

/* ---- data ---- */

/* Elements that one thread makes at a time, and such pieces per write. */
enum { PIECE = 1 << 18, PIECES = 16 };

struct round {
    struct aglm_pool *pool;
    const struct item *item;
    uint8_t *buffer;
    uint64_t key, first, n; /* elements of this round */
};

static void fill_pieces(void *ctx, unsigned ith, unsigned n_threads)
{
    const struct round *r = ctx;
    const struct aglm_dtype_info *info = aglm_dtype_get(r->item->type);
    for (;;) {
        uint64_t start = (uint64_t)aglm_pool_next(r->pool) * PIECE;
        if (start >= r->n)
            return;
        uint64_t n = r->n - start < PIECE ? r->n - start : PIECE;
        synth_fill(r->buffer + start / info->block_elements * info->block_bytes, info->type, r->key,
                   r->first + start, (size_t)n, r->item->mean, r->item->std);
    }
}

struct job {
    const struct aglm_synth_options *options;
    const char *path;
    struct plan plan;
    struct aglm_pool *pool;
    struct aglm_gguf_writer *writer;
    uint8_t *buffer; /* PIECES * PIECE floats */
    uint64_t done, total;
};

static int report(struct job *job, uint64_t bytes, struct aglm_err *err)
{
    const struct aglm_synth_options *o = job->options;
    job->done += bytes;
    if (o->progress && !o->progress(o->progress_ctx, job->done, job->total))
        return aglm_err_set(err, -ECANCELED, "%s: stopped; nothing was kept", job->path);
    return 0;
}

static int write_tensor(struct job *job, size_t index, struct aglm_err *err)
{
    const struct item *item = &job->plan.items[index];
    const struct aglm_dtype_info *info = aglm_dtype_get(item->type);
    const uint64_t n = item->ne[0] * item->ne[1];
    struct round round = {.pool = job->pool,
                          .item = item,
                          .buffer = job->buffer,
                          .key = synth_key(job->options->seed, index)};
    if (item->rope_freqs) {
        float freqs[256];
        synth_rope_freqs(freqs, 2 * (uint32_t)n, job->plan.preset->rope_theta);
        return aglm_gguf_writer_data(job->writer, freqs, (size_t)n * sizeof(float), err);
    }
    for (uint64_t first = 0; first < n; first += round.n) {
        round.first = first;
        round.n = n - first < (uint64_t)PIECE * PIECES ? n - first : (uint64_t)PIECE * PIECES;
        aglm_pool_run(job->pool, fill_pieces, &round);
        uint64_t bytes = round.n / info->block_elements * info->block_bytes;
        int rc = aglm_gguf_writer_data(job->writer, job->buffer, (size_t)bytes, err);
        if (!rc)
            rc = report(job, bytes, err);
        if (rc)
            return rc;
    }
    return 0;
}

static const struct aglm_quantize_mode *mode_of(const struct aglm_synth_options *options)
{
    return options->mode ? options->mode : aglm_quantize_mode_of(options->type);
}

static int check_options(const struct aglm_preset *preset, const struct aglm_synth_options *options,
                         struct aglm_err *err)
{
    if (!mode_of(options))
        return aglm_err_set(err, -EINVAL, "preset %s: type id %d cannot be written", preset->name,
                            (int)options->type);
    if (options->n_threads < 1 || options->n_threads > 512)
        return aglm_err_set(err, -EINVAL, "preset %s: %u threads; give 1 to 512", preset->name,
                            options->n_threads);
    return 0;
}

int aglm_synth_write(const struct aglm_preset *preset, const struct aglm_synth_options *options,
                     const char *path, struct aglm_err *err)
{
    struct job job = {.options = options, .path = path};
    int rc = check_options(preset, options, err);
    if (rc)
        return rc;
    rc = plan_tensors(&job.plan, preset, mode_of(options), err);
    if (rc)
        goto out;
    rc = aglm_gguf_writer_create(&job.writer, path, err); /* truncates an older partial file */
    if (rc)
        goto out;
    declare(job.writer, &job.plan);
    job.total = aglm_gguf_writer_size(job.writer);
    rc = aglm_gguf_writer_check_space(job.writer, err);
    if (rc)
        goto out;
    job.buffer = malloc((size_t)PIECES * PIECE * sizeof(float));
    if (!job.buffer) {
        rc = aglm_err_set(err, -ENOMEM, "%s: out of memory", path);
        goto out;
    }
    rc = aglm_pool_create(&job.pool, options->n_threads, NULL, 0, false, err);
    for (size_t i = 0; i < job.plan.n && !rc; i++)
        rc = write_tensor(&job, i, err);
    if (!rc)
        rc = aglm_gguf_writer_finish(job.writer, err);
    if (!rc) /* padding and header; the file is there, too late to stop */
        (void)report(&job, job.total - job.done, NULL);
out:
    aglm_pool_destroy(&job.pool);
    aglm_gguf_writer_destroy(&job.writer);
    free(job.buffer);
    free(job.plan.items);
    return rc;
}
