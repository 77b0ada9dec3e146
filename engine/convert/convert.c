/* A Hugging Face folder to one GGUF file; see convert.h. */
#include "engine/convert/convert.h"
#include "engine/convert/plan.h"
#include "engine/convert/target.h"
#include "engine/convert/vocab.h"
#include "engine/gguf.h"
#include "engine/pool.h"
#include "engine/quant/mix.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Elements that are converted at a time, but at least a row. */
enum { PIECE = 1 << 20, MAX_CONFIG_BYTES = 16 * 1024 * 1024 };

struct job {
    const struct aglm_convert_options *options;
    const char *folder, *path;
    char config_path[4096];
    cJSON *config_tree;
    struct aglm_hf_config config;
    struct aglm_weights *weights;
    struct aglm_hf_vocab vocab;
    bool has_vocab;
    const struct aglm_quantize_mode *mode;
    struct aglm_hf_plan plan;
    size_t n_fallback; /* matrices whose rows do not fit the type they should have got */
    struct aglm_gguf_writer *writer;
    struct aglm_pool *pool;
    float *floats;
    uint8_t *bytes;
    uint64_t done, total;
};

/* ---- what it is ---- */

static int out_of_memory(const struct job *j, struct aglm_err *err)
{
    return aglm_err_set(err, -ENOMEM, "%s: out of memory", j->folder);
}

static int choose_mode(struct job *j, struct aglm_err *err)
{
    const char *name = j->options->type;
    enum aglm_dtype usual = AGLM_F16;
    for (size_t i = 0; !name && i < aglm_weights_count(j->weights); i++) {
        const struct aglm_safetensor *t = aglm_weights_at(j->weights, i);
        if (t->n_dims == 2 && t->dtype == AGLM_ST_BF16 && !aglm_hf_left_out(t->name))
            usual = AGLM_BF16;
    }
    j->mode = name ? aglm_quantize_mode_find(name) : aglm_quantize_mode_of(usual);
    if (j->mode)
        return 0;
    return aglm_err_set(err, -EINVAL, "no type \"%.40s\"; there are %s", name ? name : "f16",
                        aglm_quantize_mode_names());
}

/* In a mixture each matrix has its own type, the same as when a finished file is quantized. */
static int choose_types(struct job *j, struct aglm_err *err)
{
    const struct aglm_hf_config *c = &j->config;
    struct aglm_quantize_shape shape = {
        .n_layers = c->n_layers, .n_heads = c->n_heads, .n_kv_heads = c->n_kv_heads};
    struct {
        uint64_t ne[2];
    } *dims = calloc(j->plan.n, sizeof(*dims));
    struct aglm_quantize_tensor *list = calloc(j->plan.n, sizeof(*list));
    int rc = dims && list ? 0 : out_of_memory(j, err);
    snprintf(shape.arch, sizeof(shape.arch), "%s", c->arch->gguf);
    for (size_t i = 0; i < j->plan.n && !rc; i++) {
        const struct aglm_hf_plan_item *item = &j->plan.items[i];
        dims[i].ne[0] = item->columns;
        dims[i].ne[1] = item->rows;
        list[i] = (struct aglm_quantize_tensor){.name = item->name,
                                                .n_dims = item->rows == 1 ? 1 : 2,
                                                .ne = dims[i].ne,
                                                .type = (uint32_t)item->type};
    }
    if (!rc && aglm_quantize_choose(j->mode, &shape, list, j->plan.n) != 0)
        rc = out_of_memory(j, err);
    for (size_t i = 0; i < j->plan.n && !rc; i++) {
        j->plan.items[i].type = (enum aglm_dtype)list[i].chosen;
        j->n_fallback += list[i].fallback;
    }
    free(dims);
    free(list);
    return rc;
}

static int make_plan(struct job *j, struct aglm_err *err)
{
    const struct aglm_dtype_info *info = aglm_dtype_get((uint32_t)j->mode->type);
    const bool quantized = !info || info->quantized;
    int rc = aglm_hf_plan_make(&j->plan, &j->config, j->weights,
                               quantized ? AGLM_F16 : j->mode->type, j->folder, err);
    return rc || !quantized ? rc : choose_types(j, err);
}

static int read_vocab(struct job *j, struct aglm_err *err)
{
    const struct aglm_hf_vocab_options options = {.gguf_arch = j->config.arch->gguf,
                                                  .pre = j->options->pre};
    if (j->options->no_tokenizer)
        return 0;
    if (aglm_hf_vocab_init(&j->vocab, j->config.n_vocab) != 0)
        return out_of_memory(j, err);
    j->has_vocab = true;
    return aglm_hf_vocab_read(&j->vocab, j->folder, j->config_tree, &options, err);
}

static int read_folder(struct job *j, struct aglm_err *err)
{
    int n = snprintf(j->config_path, sizeof(j->config_path), "%s/config.json", j->folder);
    if (n < 0 || (size_t)n >= sizeof(j->config_path))
        return aglm_err_set(err, -ENAMETOOLONG, "%.200s…: the path is too long", j->folder);
    struct stat st;
    if (stat(j->folder, &st) == 0 && !S_ISDIR(st.st_mode))
        return aglm_err_set(err, -ENOTDIR,
                            "%s: is no folder; give the Hugging Face folder that holds config.json",
                            j->folder);
    int rc = aglm_json_open(&j->config_tree, j->config_path, MAX_CONFIG_BYTES, err);
    if (!rc)
        rc = aglm_hf_config_read(&j->config, j->config_tree, j->config_path, err);
    if (!rc)
        rc = aglm_weights_open(&j->weights, j->folder, err);
    if (!rc)
        rc = choose_mode(j, err);
    if (!rc)
        rc = make_plan(j, err);
    return rc ? rc : read_vocab(j, err);
}

/* ---- metadata ---- */

struct keys {
    struct aglm_gguf_writer *writer;
    const char *arch;
    char key[96];
};

static const char *key_of(struct keys *k, const char *suffix)
{
    snprintf(k->key, sizeof(k->key), "%s.%s", k->arch, suffix);
    return k->key;
}

static void put_u32(struct keys *k, const char *suffix, uint32_t value)
{
    aglm_gguf_writer_u32(k->writer, key_of(k, suffix), value);
}

static void put_real(struct keys *k, const char *suffix, double value)
{
    aglm_gguf_writer_f32(k->writer, key_of(k, suffix), (float)value);
}

static void write_positions(struct keys *k, const struct aglm_hf_config *c)
{
    put_u32(k, "rope.dimension_count", c->n_rot);
    put_real(k, "rope.freq_base", c->rope_theta);
    if (c->rope == AGLM_HF_ROPE_LINEAR) {
        aglm_gguf_writer_string(k->writer, key_of(k, "rope.scaling.type"), "linear");
        put_real(k, "rope.scaling.factor", c->rope_factor);
    }
    if (c->sections[0])
        aglm_gguf_writer_array(k->writer, key_of(k, "rope.dimension_sections"), AGLM_GGUF_I32, 4,
                               c->sections, sizeof(c->sections));
    if (c->window) {
        put_u32(k, "attention.sliding_window", c->window);
        put_real(k, "rope.freq_base_swa", c->window_theta);
    }
    if (c->logit_softcap > 0)
        put_real(k, "final_logit_softcapping", c->logit_softcap);
}

/* The folder's last name, for files whose config names none. */
static void base_name(char *out, size_t size, const char *folder)
{
    size_t end = strlen(folder);
    while (end > 1 && folder[end - 1] == '/')
        end--;
    size_t start = end;
    while (start > 0 && folder[start - 1] != '/')
        start--;
    snprintf(out, size, "%.*s", (int)(end - start), folder + start);
}

static int declare(struct job *j, struct aglm_err *err)
{
    const struct aglm_hf_config *c = &j->config;
    struct keys k = {.writer = j->writer, .arch = c->arch->gguf};
    char name[256];
    base_name(name, sizeof(name), j->folder);
    aglm_gguf_writer_string(j->writer, "general.architecture", k.arch);
    aglm_gguf_writer_string(j->writer, "general.type", "model");
    aglm_gguf_writer_string(j->writer, "general.name", c->name[0] ? c->name : name);
    aglm_gguf_writer_u32(j->writer, "general.file_type", j->mode->file_type);
    aglm_gguf_writer_u32(j->writer, "general.quantization_version", 2);
    put_u32(&k, "block_count", c->n_layers);
    put_u32(&k, "context_length", c->n_ctx);
    put_u32(&k, "embedding_length", c->n_embd);
    put_u32(&k, "feed_forward_length", c->n_ff);
    put_u32(&k, "attention.head_count", c->n_heads);
    put_u32(&k, "attention.head_count_kv", c->n_kv_heads);
    put_u32(&k, "attention.key_length", c->head_dim);
    put_u32(&k, "attention.value_length", c->head_dim);
    put_real(&k, "attention.layer_norm_rms_epsilon", c->rms_eps);
    put_u32(&k, "vocab_size", c->n_vocab);
    write_positions(&k, c);
    for (size_t i = 0; i < j->plan.n; i++) {
        const struct aglm_hf_plan_item *item = &j->plan.items[i];
        const uint64_t ne[2] = {item->columns, item->rows};
        aglm_gguf_writer_tensor(j->writer, item->name, item->type, item->rows == 1 ? 1 : 2, ne);
    }
    if (j->has_vocab)
        return aglm_hf_vocab_write(&j->vocab, j->writer, err);
    aglm_gguf_writer_string(j->writer, "tokenizer.ggml.model", "no_vocab");
    return 0;
}

/* ---- data ---- */

static void to_floats(float *out, const struct aglm_safetensor *t, uint64_t first, size_t n)
{
    static const enum aglm_dtype TYPES[] = {
        [AGLM_ST_F32] = AGLM_F32, [AGLM_ST_F16] = AGLM_F16, [AGLM_ST_BF16] = AGLM_BF16};
    const struct aglm_dtype_info *info = aglm_dtype_get((uint32_t)TYPES[t->dtype]);
    info->to_float(out, t->data + first * info->block_bytes, n);
}

/* Everything finite, and small enough for the type. */
static int check_values(const struct job *j, const struct aglm_hf_plan_item *item, size_t n,
                        struct aglm_err *err)
{
    const struct aglm_dtype_info *info = aglm_dtype_get((uint32_t)item->type);
    const bool half = item->type == AGLM_F16 || info->quantized; /* with scales in 16 bits */
    float largest = 0.0f;
    for (size_t i = 0; i < n; i++) {
        float a = fabsf(j->floats[i]);
        if (!(a <= 3.4028235e38f))
            return aglm_err_set(err, -EINVAL,
                                "%s: tensor '%s' holds a value that is not finite (NaN or "
                                "infinity); the file is damaged",
                                item->from->path, item->from->name);
        largest = a > largest ? a : largest;
    }
    if (half && largest > 65504.0f)
        return aglm_err_set(err, -ERANGE,
                            "%s: tensor '%s' holds %g, more than %s can; use -q bf16 or -q f32",
                            item->from->path, item->from->name, (double)largest, info->name);
    return 0;
}

static int put(struct job *j, const void *data, size_t bytes, struct aglm_err *err)
{
    const struct aglm_convert_options *o = j->options;
    int rc = aglm_gguf_writer_data(j->writer, data, bytes, err);
    j->done += bytes;
    if (!rc && o->progress && !o->progress(o->progress_ctx, j->done, j->total))
        rc = aglm_err_set(err, -ECANCELED, "%s: stopped; nothing was kept", j->path);
    return rc;
}

struct rows {
    const struct aglm_dtype_info *info;
    const float *from;
    uint8_t *to;
    size_t columns, n;
};

static void quantize_rows(void *ctx, unsigned ith, unsigned n_threads)
{
    const struct rows *r = ctx;
    const size_t first = r->n * ith / n_threads, end = r->n * (ith + 1) / n_threads;
    const size_t row_bytes = r->columns / r->info->block_elements * r->info->block_bytes;
    if (first < end)
        r->info->quantize_row(r->to + first * row_bytes, r->from + first * r->columns,
                              (end - first) * r->columns);
}

/* The floats in hand, as the item's type, to the file. */
static int put_floats(struct job *j, const struct aglm_hf_plan_item *item, size_t n,
                      struct aglm_err *err)
{
    const struct aglm_dtype_info *info = aglm_dtype_get((uint32_t)item->type);
    if (item->change == AGLM_HF_PLUS_ONE)
        for (size_t i = 0; i < n; i++)
            j->floats[i] += 1.0f;
    int rc = check_values(j, item, n, err);
    if (rc)
        return rc;
    aglm_pool_run(j->pool, quantize_rows,
                  &(struct rows){info, j->floats, j->bytes, (size_t)item->columns,
                                 n / (size_t)item->columns});
    return put(j, j->bytes, n / info->block_elements * info->block_bytes, err);
}

static int write_vector(struct job *j, const struct aglm_hf_plan_item *item, struct aglm_err *err)
{
    if (!item->from) {
        aglm_hf_rope_freqs(&j->config, j->floats);
        return put(j, j->floats, (size_t)item->columns * sizeof(float), err);
    }
    for (uint64_t i = 0; i < item->columns; i++)
        to_floats(j->floats + i, item->from, aglm_hf_plan_row(item, &j->config, i), 1);
    return put_floats(j, item, (size_t)item->columns, err);
}

static int write_matrix(struct job *j, const struct aglm_hf_plan_item *item, struct aglm_err *err)
{
    const uint64_t at_once = item->columns < PIECE ? PIECE / item->columns : 1;
    int rc = 0;
    for (uint64_t row = 0; row < item->rows && !rc; row += at_once) {
        uint64_t n = item->rows - row < at_once ? item->rows - row : at_once;
        for (uint64_t i = 0; i < n; i++)
            to_floats(j->floats + i * item->columns, item->from,
                      aglm_hf_plan_row(item, &j->config, row + i) * item->columns,
                      (size_t)item->columns);
        rc = put_floats(j, item, (size_t)(n * item->columns), err);
    }
    return rc;
}

static int write_data(struct job *j, struct aglm_err *err)
{
    size_t most = PIECE; /* a row or a vector may be longer */
    for (size_t i = 0; i < j->plan.n; i++)
        if (j->plan.items[i].columns > most)
            most = (size_t)j->plan.items[i].columns;
    j->floats = malloc(most * sizeof(float));
    j->bytes = malloc(most * sizeof(float));
    int rc = j->floats && j->bytes ? 0 : out_of_memory(j, err);
    for (size_t i = 0; i < j->plan.n && !rc; i++) {
        const struct aglm_hf_plan_item *item = &j->plan.items[i];
        rc = item->type == AGLM_F32 && item->rows == 1 ? write_vector(j, item, err)
                                                       : write_matrix(j, item, err);
    }
    return rc;
}

/* ---- the whole ---- */

static void fill_notes(struct aglm_convert_notes *notes, const struct job *j)
{
    *notes = (struct aglm_convert_notes){.bytes = j->total,
                                         .n_tensors = j->plan.n,
                                         .n_vision = j->plan.n_vision,
                                         .n_other = j->plan.n_other,
                                         .n_fallback = j->n_fallback};
    snprintf(notes->arch, sizeof(notes->arch), "%s", j->config.arch->gguf);
    snprintf(notes->type, sizeof(notes->type), "%s", j->mode->name);
    if (!j->has_vocab)
        return;
    const bool spm = strcmp(j->vocab.model, "llama") == 0;
    notes->n_tokens = j->vocab.n;
    notes->n_padded = j->vocab.n_padded;
    notes->n_dropped = j->vocab.n_dropped;
    notes->composes = j->vocab.composes;
    snprintf(notes->tokenizer, sizeof(notes->tokenizer), "%s%s%s", j->vocab.model, spm ? "" : ", ",
             spm ? "" : j->vocab.pre);
}

static void finish(struct job *j)
{
    aglm_gguf_writer_destroy(&j->writer);
    aglm_pool_destroy(&j->pool);
    aglm_hf_plan_finish(&j->plan);
    if (j->has_vocab)
        aglm_hf_vocab_finish(&j->vocab);
    aglm_weights_close(&j->weights);
    cJSON_Delete(j->config_tree);
    free(j->floats);
    free(j->bytes);
}

int aglm_convert(const char *folder, const char *path, const struct aglm_convert_options *options,
                 struct aglm_convert_notes *notes, struct aglm_err *err)
{
    struct job j = {.options = options, .folder = folder, .path = path};
    int rc = aglm_convert_check_target(path, err);
    if (!rc)
        rc = read_folder(&j, err);
    if (!rc)
        rc = aglm_gguf_writer_create(&j.writer, path, err);
    if (!rc)
        rc = declare(&j, err);
    if (!rc) {
        j.total = aglm_gguf_writer_size(j.writer);
        rc = aglm_gguf_writer_check_space(j.writer, err);
    }
    if (!rc)
        rc = aglm_pool_create(&j.pool, options->n_threads ? options->n_threads : 1, NULL, 0, false,
                              err);
    if (!rc)
        rc = write_data(&j, err);
    if (!rc)
        rc = aglm_gguf_writer_finish(j.writer, err);
    if (!rc && notes)
        fill_notes(notes, &j);
    finish(&j);
    return rc;
}
