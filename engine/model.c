/* Opens a model: file, hyperparameters, tensors, then the backend's weights; and describes it. */
#include "engine/backend.h"

#include "engine/dtype.h"
#include "probes/clock.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static const struct aglm_backend *const BACKENDS[] = {&aglm_backend_cpu, &aglm_backend_null};

static const struct aglm_backend *find_backend(const char *name, struct aglm_err *err)
{
    for (size_t i = 0; i < sizeof(BACKENDS) / sizeof(*BACKENDS); i++)
        if (strcmp(BACKENDS[i]->name, name) == 0)
            return BACKENDS[i];
    aglm_err_set(err, -EINVAL, "backend '%s': no such backend; choose cpu or null", name);
    return NULL;
}

/* Identifies a file without reading gigabytes: everything before the tensor data, the file's size,
 * and 64 KiB from each of 64 places spread over the data. Two files that differ in one weight
 * elsewhere share a digest. */
static void digest(const struct aglm_gguf *file, char out[33])
{
    enum { SAMPLES = 64, SAMPLE_BYTES = 65536 };
    const struct aglm_gguf_tensor *first = aglm_gguf_tensor_at(file, 0);
    uint64_t size = aglm_gguf_file_size(file), start = first->offset;
    for (size_t i = 1; i < aglm_gguf_tensor_count(file); i++) {
        const struct aglm_gguf_tensor *t = aglm_gguf_tensor_at(file, i);
        if (t->offset < start) {
            start = t->offset;
            first = t;
        }
    }
    const uint8_t *base = (const uint8_t *)first->data - start;
    XXH3_state_t *state = XXH3_createState();
    out[0] = '\0';
    if (!state)
        return;
    XXH3_128bits_reset(state);
    XXH3_128bits_update(state, &size, sizeof(size));
    XXH3_128bits_update(state, base, start);
    for (uint64_t i = 0; i < SAMPLES; i++) {
        uint64_t at = start + (size - start) / SAMPLES * i;
        uint64_t n = size - at < SAMPLE_BYTES ? size - at : SAMPLE_BYTES;
        XXH3_128bits_update(state, base + at, n);
    }
    XXH128_hash_t h = XXH3_128bits_digest(state);
    XXH3_freeState(state);
    snprintf(out, 33, "%016llx%016llx", (unsigned long long)h.high64, (unsigned long long)h.low64);
}

/* "1.5B", "494M": as model cards round it. */
static void size_name(char *buf, size_t size, uint64_t n_params)
{
    double n = (double)n_params;
    if (n >= 1e9)
        snprintf(buf, size, n < 9.95e9 ? "%.1fB" : "%.0fB", n / 1e9);
    else
        snprintf(buf, size, n < 9.95e5 ? "%.1fM" : "%.0fM", n / 1e6);
}

static void describe(struct aglm_model *m, const struct aglm_model_options *options)
{
    struct aglm_model_info *info = &m->info;
    const char *name = NULL, *slash = strrchr(options->path, '/');
    char size[16];
    if (aglm_gguf_get_string(m->file, "general.name", &name, NULL) || !*name)
        name = slash ? slash + 1 : options->path;
    snprintf(info->name, sizeof(info->name), "%s", name);
    snprintf(info->arch, sizeof(info->arch), "%s", m->hp.arch->name);
    snprintf(info->backend, sizeof(info->backend), "%s", m->backend->name);
    for (char *p = info->quantization; *p; p++)
        *p = (char)toupper((unsigned char)*p);
    snprintf(info->load, sizeof(info->load), "%s",
             options->load == AGLM_LOAD_MMAP ? "mmap" : "pack");
    size_name(size, sizeof(size), info->n_params);
    snprintf(info->description, sizeof(info->description), "%s %s %s", info->arch, size,
             info->quantization);
    info->n_vocab = m->hp.n_vocab;
    info->n_ctx_train = m->hp.n_ctx_train;
    info->n_layers = m->hp.n_layers;
    info->n_embd = m->hp.n_embd;
}

int aglm_model_open(struct aglm_model **out, const struct aglm_model_options *options,
                    struct aglm_err *err)
{
    assert(options->path && options->backend && options->isa && options->n_load_threads >= 1);
    const uint64_t start_ns = aglm_clock_ns();
    const struct aglm_backend *backend = find_backend(options->backend, err);
    if (!backend)
        return -EINVAL;
    struct aglm_model *m = calloc(1, sizeof(*m));
    if (!m)
        return aglm_err_set(err, -ENOMEM, "%s: out of memory", options->path);
    m->backend = backend;
    int rc = aglm_gguf_open(&m->file, options->path, err);
    if (rc)
        goto fail;
    rc = aglm_hparams_read(&m->hp, m->file, err);
    if (rc)
        goto fail;
    if (options->n_ctx_override)
        rc = aglm_hparams_override_ctx(&m->hp, options->path, options->n_ctx_override, err);
    if (rc)
        goto fail;
    rc = aglm_tensors_bind(&m->tensors, m->file, &m->hp, err);
    if (rc)
        goto fail;
    for (size_t i = 0; i < aglm_gguf_tensor_count(m->file); i++)
        m->info.n_params += aglm_gguf_tensor_at(m->file, i)->n_elements;
    /* Not part of loading, but first: the pages that it reads are given back with the others. */
    const uint64_t digest_ns = aglm_clock_ns();
    digest(m->file, m->info.digest);
    const uint64_t load_ns = aglm_clock_ns();
    rc = backend->load(&m->weights, m, options, &m->info, err);
    if (rc)
        goto fail;
    m->info.load_ns = aglm_clock_ns() - load_ns + (digest_ns - start_ns);
    describe(m, options);
    *out = m;
    return 0;
fail:
    aglm_model_close(&m);
    return rc;
}

int aglm_model_pack(struct aglm_model *model, const struct aglm_model_options *options,
                    struct aglm_err *err)
{
    return model->backend->pack
               ? model->backend->pack(model->weights, model, options, &model->info, err)
               : 0;
}

void aglm_model_close(struct aglm_model **model)
{
    struct aglm_model *m = *model;
    if (!m)
        return;
    *model = NULL;
    if (m->weights)
        m->backend->weights_free(m->weights);
    aglm_tokenizer_close(&m->tokenizer);
    aglm_tensors_finish(&m->tensors);
    aglm_gguf_close(&m->file);
    free(m);
}

const struct aglm_model_info *aglm_model_info(const struct aglm_model *model)
{
    return &model->info;
}

uint64_t aglm_model_attention_madds(const struct aglm_model *model, uint64_t first, uint64_t n)
{
    const struct aglm_hparams *hp = &model->hp;
    uint64_t all = 0, local = 0, n_local = 0;
    for (uint32_t i = 0; i < hp->n_layers; i++)
        n_local += aglm_layer_is_local(hp, i);
    for (uint64_t seen = first + 1; seen <= first + n; seen++) {
        all += seen;
        local += hp->n_window && seen > hp->n_window ? hp->n_window : seen;
    }
    return 2 * (uint64_t)hp->n_heads * hp->head_dim *
           ((hp->n_layers - n_local) * all + n_local * local);
}

const struct aglm_gguf *aglm_model_file(const struct aglm_model *model)
{
    return model->file;
}

int aglm_model_tokenizer(struct aglm_model *model, const struct aglm_tokenizer **out,
                         struct aglm_err *err)
{
    int rc = model->tokenizer ? 0 : aglm_tokenizer_open(&model->tokenizer, model->file, err);
    if (!rc)
        *out = model->tokenizer;
    return rc;
}
