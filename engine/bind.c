/* Binds tensors by name and checks their shapes; see bind.h. */
#include "engine/bind.h"

#include "engine/dtype.h"
#include "engine/kernels/kernels.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum need { REQUIRED, OPTIONAL };
enum kind { MATRIX, VECTOR };

struct binder {
    const struct aglm_gguf *file;
    struct aglm_err *err;
    const struct aglm_gguf_tensor **bound; /* [n_bound] */
    size_t n_bound;
    int rc; /* the first error; later calls do nothing */
};

/* "f32, f16, …": every type that the engine has, by id. */
static const char *runnable_types(char *buf, size_t size)
{
    size_t n = 0;
    buf[0] = '\0';
    for (uint32_t id = 0; id < AGLM_MATMUL_SLOTS && n < size; id++) {
        const struct aglm_dtype_info *info = aglm_dtype_get(id);
        if (info)
            n += (size_t)snprintf(buf + n, size - n, "%s%s", n ? ", " : "", info->name);
    }
    return buf;
}

static int check_type(struct binder *b, const struct aglm_gguf_tensor *t, enum kind kind)
{
    const struct aglm_dtype_info *info = aglm_dtype_get(t->type);
    if (!info) {
        const char *name = aglm_dtype_foreign_name(t->type);
        char types[256];
        return aglm_err_set(
            b->err, -ENOTSUP,
            "%s: tensor '%s' has type %s (%u), which this engine cannot run; it runs %s",
            aglm_gguf_path(b->file), t->name, name ? name : "unknown", t->type,
            runnable_types(types, sizeof(types)));
    }
    if (kind == VECTOR && info->quantized)
        return aglm_err_set(b->err, -ENOTSUP,
                            "%s: tensor '%s' is %s; norms and biases must be f32, f16 or bf16",
                            aglm_gguf_path(b->file), t->name, info->name);
    return 0;
}

/* rows of columns elements; a vector has rows = 1. */
static const struct aglm_gguf_tensor *bind(struct binder *b, enum need need, enum kind kind,
                                           const char *name, uint64_t columns, uint64_t rows)
{
    if (b->rc)
        return NULL;
    const struct aglm_gguf_tensor *t = aglm_gguf_tensor_find(b->file, name);
    if (!t) {
        if (need == REQUIRED)
            b->rc = aglm_err_set(b->err, -EINVAL,
                                 "%s: tensor '%s' is missing; the file is incomplete or of another "
                                 "architecture than it says",
                                 aglm_gguf_path(b->file), name);
        return NULL;
    }
    if (t->ne[0] != columns || t->ne[1] != rows || t->ne[2] != 1 || t->ne[3] != 1) {
        b->rc = aglm_err_set(
            b->err, -EINVAL,
            "%s: tensor '%s' is %llu x %llu x %llu x %llu, but the metadata asks for "
            "%llu x %llu; the file contradicts itself",
            aglm_gguf_path(b->file), name, (unsigned long long)t->ne[0],
            (unsigned long long)t->ne[1], (unsigned long long)t->ne[2],
            (unsigned long long)t->ne[3], (unsigned long long)columns, (unsigned long long)rows);
        return NULL;
    }
    b->rc = check_type(b, t, kind);
    if (b->rc)
        return NULL;
    b->bound[b->n_bound++] = t; /* every name is asked for once */
    return t;
}

static int by_address(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t) * (const void *const *)a, y = (uintptr_t) * (const void *const *)b;
    return (x > y) - (x < y);
}

/* A tensor that nobody asked for is a part of the model that would be left out silently. */
static void refuse_unbound(struct binder *b)
{
    const size_t n = aglm_gguf_tensor_count(b->file);
    if (b->rc || b->n_bound == n)
        return;
    qsort(b->bound, b->n_bound, sizeof(*b->bound), by_address);
    for (size_t i = 0; i < n; i++) {
        const struct aglm_gguf_tensor *t = aglm_gguf_tensor_at(b->file, i);
        if (!bsearch(&t, b->bound, b->n_bound, sizeof(*b->bound), by_address)) {
            b->rc = aglm_err_set(b->err, -ENOTSUP,
                                 "%s: tensor '%s' has no place in this architecture as the engine "
                                 "knows it; running without it would give wrong results",
                                 aglm_gguf_path(b->file), t->name);
            return;
        }
    }
}

static const struct aglm_gguf_tensor *bind_block(struct binder *b, enum need need, enum kind kind,
                                                 uint32_t layer, const char *part, uint64_t columns,
                                                 uint64_t rows)
{
    char name[64];
    snprintf(name, sizeof(name), "blk.%u.%s", layer, part);
    return bind(b, need, kind, name, columns, rows);
}

static void bind_attention(struct binder *b, const struct aglm_hparams *hp, uint32_t i,
                           struct aglm_layer_tensors *l)
{
    const uint64_t d = hp->n_embd, q = (uint64_t)hp->n_heads * hp->head_dim;
    const uint64_t kv = (uint64_t)hp->n_kv_heads * hp->head_dim;
    const enum need bias = hp->arch->qkv_bias ? REQUIRED : OPTIONAL;
    l->attn_norm = bind_block(b, REQUIRED, VECTOR, i, "attn_norm.weight", d, 1);
    l->qkv = bind_block(b, OPTIONAL, MATRIX, i, "attn_qkv.weight", d, q + 2 * kv);
    if (l->qkv) {
        l->qkv_bias = bind_block(b, bias, VECTOR, i, "attn_qkv.bias", q + 2 * kv, 1);
    } else {
        l->q = bind_block(b, REQUIRED, MATRIX, i, "attn_q.weight", d, q);
        l->k = bind_block(b, REQUIRED, MATRIX, i, "attn_k.weight", d, kv);
        l->v = bind_block(b, REQUIRED, MATRIX, i, "attn_v.weight", d, kv);
        l->q_bias = bind_block(b, bias, VECTOR, i, "attn_q.bias", q, 1);
        l->k_bias = bind_block(b, bias, VECTOR, i, "attn_k.bias", kv, 1);
        l->v_bias = bind_block(b, bias, VECTOR, i, "attn_v.bias", kv, 1);
    }
    if (hp->arch->qk_norm) {
        l->q_norm = bind_block(b, REQUIRED, VECTOR, i, "attn_q_norm.weight", hp->head_dim, 1);
        l->k_norm = bind_block(b, REQUIRED, VECTOR, i, "attn_k_norm.weight", hp->head_dim, 1);
    }
    l->attn_output = bind_block(b, REQUIRED, MATRIX, i, "attn_output.weight", q, d);
    l->attn_output_bias = bind_block(b, OPTIONAL, VECTOR, i, "attn_output.bias", d, 1);
    if (hp->arch->post_norms)
        l->post_attn_norm = bind_block(b, REQUIRED, VECTOR, i, "post_attention_norm.weight", d, 1);
}

static void bind_ffn(struct binder *b, const struct aglm_hparams *hp, uint32_t i,
                     struct aglm_layer_tensors *l)
{
    const uint64_t d = hp->n_embd, ff = hp->n_ff;
    l->ffn_norm = bind_block(b, REQUIRED, VECTOR, i, "ffn_norm.weight", d, 1);
    if (!hp->arch->fused_ffn_up)
        l->gate = bind_block(b, REQUIRED, MATRIX, i, "ffn_gate.weight", d, ff);
    l->up = bind_block(b, REQUIRED, MATRIX, i, "ffn_up.weight", d,
                       hp->arch->fused_ffn_up ? 2 * ff : ff);
    l->down = bind_block(b, REQUIRED, MATRIX, i, "ffn_down.weight", ff, d);
    if (hp->arch->post_norms)
        l->post_ffn_norm = bind_block(b, REQUIRED, VECTOR, i, "post_ffw_norm.weight", d, 1);
}

int aglm_tensors_bind(struct aglm_tensors *out, const struct aglm_gguf *file,
                      const struct aglm_hparams *hp, struct aglm_err *err)
{
    struct binder b = {.file = file, .err = err};
    struct aglm_tensors t = {0};
    t.layers = calloc(hp->n_layers, sizeof(*t.layers));
    b.bound = calloc(aglm_gguf_tensor_count(file) + 1, sizeof(*b.bound));
    if (!t.layers || !b.bound) {
        b.rc = aglm_err_set(err, -ENOMEM, "%s: out of memory", aglm_gguf_path(file));
        goto out;
    }
    t.token_embd = bind(&b, REQUIRED, MATRIX, "token_embd.weight", hp->n_embd, hp->n_vocab);
    t.output_norm = bind(&b, REQUIRED, VECTOR, "output_norm.weight", hp->n_embd, 1);
    t.output = bind(&b, OPTIONAL, MATRIX, "output.weight", hp->n_embd, hp->n_vocab);
    if (!t.output)
        t.output = t.token_embd;
    if (hp->arch->rope_freqs)
        t.rope_freqs = bind(&b, OPTIONAL, VECTOR, "rope_freqs.weight", hp->n_rot / 2, 1);
    for (uint32_t i = 0; i < hp->n_layers && !b.rc; i++) {
        bind_attention(&b, hp, i, &t.layers[i]);
        bind_ffn(&b, hp, i, &t.layers[i]);
    }
    refuse_unbound(&b);
out:
    free(b.bound);
    if (b.rc)
        free(t.layers);
    else
        *out = t;
    return b.rc;
}

void aglm_tensors_finish(struct aglm_tensors *tensors)
{
    free(tensors->layers);
    memset(tensors, 0, sizeof(*tensors));
}
