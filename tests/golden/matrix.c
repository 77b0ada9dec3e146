/* Describes the cases of the matrix and builds their files; see matrix.h.
 *
 * A file is put together in memory by this code alone, not by the engine's writer: header and
 * metadata, tensor declarations, data. The weights are scaled by 1/sqrt(fan in), q and k by more,
 * so that attention is far from flat and positions matter; norms and biases stray from 1 and 0.
 */
#include "tests/golden/matrix.h"
#include "engine/gguf.h"
#include "tests/golden/blocks.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TIED = 1,
    BIAS = 2,
    FUSED_QKV = 4,
    FUSED_UP = 8,
    QK_NORM = 16,
    POST_NORMS = 32,
    SECTIONS = 64,
    FREQS = 128,
    WINDOW = 256, /* of 4 positions */
    HALF_ROT = 512,
};

struct dims {
    unsigned layers, embd, heads, kv, head_dim, ff;
};

/* small: rows of 32s, for all types but the K types; large: rows of 256. */
static const struct form {
    const char *group, *arch;
    struct dims small, large;
    unsigned flags;
    float theta, eps;
} FORMS[] = {
    {"llama", "llama", {2, 128, 4, 2, 32, 160}, {1, 256, 4, 2, 64, 256}, 0, 1e4f, 1e-5f},
    {"llama-freqs",
     "llama",
     {2, 64, 2, 2, 32, 96},
     {1, 256, 8, 2, 32, 256},
     FREQS | TIED,
     5e5f,
     1e-5f},
    {"qwen2", "qwen2", {2, 64, 2, 1, 32, 96}, {1, 256, 4, 1, 64, 256}, BIAS | TIED, 1e6f, 1e-6f},
    {"qwen3", "qwen3", {2, 64, 4, 2, 32, 96}, {1, 256, 4, 2, 128, 256}, QK_NORM, 1e6f, 0.03f},
    {"chatglm-edge",
     "chatglm",
     {2, 96, 3, 3, 32, 96},
     {1, 256, 4, 1, 64, 256},
     FUSED_UP,
     1e4f,
     1e-5f},
    {"chatglm-glm4",
     "chatglm",
     {2, 128, 4, 2, 32, 96},
     {1, 256, 4, 2, 64, 256},
     FUSED_UP | FUSED_QKV | BIAS | HALF_ROT,
     5e6f,
     1.5625e-7f},
    {"glm4",
     "glm4",
     {2, 128, 4, 2, 32, 96},
     {1, 256, 4, 2, 64, 256},
     FUSED_UP | BIAS | HALF_ROT | POST_NORMS,
     1e4f,
     0.02f},
    {"glm4-mrope",
     "glm4",
     {2, 64, 2, 2, 32, 96},
     {1, 256, 4, 1, 64, 256},
     FUSED_UP | HALF_ROT | POST_NORMS | SECTIONS,
     1e4f,
     1e-5f},
    {"gemma3",
     "gemma3",
     {7, 64, 4, 2, 32, 96},
     {7, 256, 2, 1, 64, 256},
     QK_NORM | POST_NORMS | WINDOW | TIED,
     1e6f,
     0.05f},
};

enum { N_FORMS = sizeof(FORMS) / sizeof(FORMS[0]) };

/* What a tensor is for, as far as its type depends on it. */
enum role { EMBD, OUTPUT, Q, K, V, QKV, O, GATE, UP, DOWN, N_ROLES };

/* The columns of the matrix. Mixed ones name the type of each role; "q4_k_m" follows llama.cpp's
 * rules for such files: Q6_K for the output matrix and for V and down of every second layer, Q5_K
 * for fused QKV, and where rows are no multiple of 256 the next simpler type. */
static const struct column {
    const char *name;
    enum aglm_dtype type;
    bool large;
    bool q4_k_m;
    const enum aglm_dtype *roles; /* [N_ROLES] or NULL */
} COLUMNS[] = {
    {"f32", AGLM_F32, false, false, NULL},
    {"f16", AGLM_F16, false, false, NULL},
    {"bf16", AGLM_BF16, false, false, NULL},
    {"q8_0", AGLM_Q8_0, false, false, NULL},
    {"q4_0", AGLM_Q4_0, false, false, NULL},
    {"q4_1", AGLM_Q4_1, false, false, NULL},
    {"q5_0", AGLM_Q5_0, false, false, NULL},
    {"q5_1", AGLM_Q5_1, false, false, NULL},
    {"q2_K", AGLM_Q2_K, true, false, NULL},
    {"q3_K", AGLM_Q3_K, true, false, NULL},
    {"q4_K", AGLM_Q4_K, true, false, NULL},
    {"q5_K", AGLM_Q5_K, true, false, NULL},
    {"q6_K", AGLM_Q6_K, true, false, NULL},
    {"iq4_nl", AGLM_IQ4_NL, false, false, NULL},
    {"mxfp4", AGLM_MXFP4, false, false, NULL},
    {"q4_K_M", AGLM_Q4_K, true, true, NULL},
    {"mixed", AGLM_Q4_0, false, false,
     (const enum aglm_dtype[N_ROLES]){AGLM_BF16, AGLM_Q5_0, AGLM_Q4_0, AGLM_Q8_0, AGLM_F16,
                                      AGLM_Q5_1, AGLM_Q5_1, AGLM_Q4_1, AGLM_IQ4_NL, AGLM_MXFP4}},
    {"mixed-K", AGLM_Q4_K, true, false,
     (const enum aglm_dtype[N_ROLES]){AGLM_Q8_0, AGLM_Q4_K, AGLM_Q2_K, AGLM_Q3_K, AGLM_Q6_K,
                                      AGLM_Q5_K, AGLM_Q5_K, AGLM_Q4_K, AGLM_Q3_K, AGLM_Q2_K}},
};

enum { N_COLUMNS = sizeof(COLUMNS) / sizeof(COLUMNS[0]) };

/* Cache cases: F32 files of these forms (heads of 32) with each pair of cache types. */
static const size_t CACHE_FORMS[] = {0, 3, 5, 6, 8};
static const struct {
    enum aglm_dtype k, v;
    const char *name;
} CACHES[] = {{AGLM_F16, AGLM_F16, "kv f16 f16"},
              {AGLM_Q8_0, AGLM_Q8_0, "kv q8_0 q8_0"},
              {AGLM_Q4_0, AGLM_Q4_0, "kv q4_0 q4_0"},
              {AGLM_Q8_0, AGLM_Q4_0, "kv q8_0 q4_0"},
              {AGLM_F16, AGLM_Q8_0, "kv f16 q8_0"}};

enum {
    N_CACHE_FORMS = sizeof(CACHE_FORMS) / sizeof(CACHE_FORMS[0]),
    N_CACHES = sizeof(CACHES) / sizeof(CACHES[0])
};

/* ---- the cases ---- */

size_t matrix_count(void)
{
    return N_FORMS * N_COLUMNS + N_CACHE_FORMS * N_CACHES;
}

size_t matrix_position(size_t r)
{
    return 2 + 3 * r;
}

static uint64_t seed_of(const char *name)
{
    return matrix_digest((const uint8_t *)name, strlen(name));
}

/* Ids drawn, with the first and last of the vocabulary and repeats at other positions. */
static void draw_tokens(struct matrix_case *c)
{
    struct blocks_rng rng = {seed_of(c->name) + 1};
    for (size_t i = 0; i < MATRIX_TOKENS; i++)
        c->tokens[i] = (int32_t)(blocks_random(&rng) % MATRIX_VOCAB);
    c->tokens[0] = MATRIX_VOCAB - 1;
    c->tokens[3] = 0;
    c->tokens[5] = c->tokens[2];
    c->tokens[11] = c->tokens[1];
}

void matrix_describe(struct matrix_case *out, size_t i)
{
    *out = (struct matrix_case){0};
    if (i < N_FORMS * N_COLUMNS) {
        out->index_shape = i / N_COLUMNS;
        out->index_type = i % N_COLUMNS;
        snprintf(out->type, sizeof(out->type), "%s", COLUMNS[out->index_type].name);
    } else {
        size_t k = (i - N_FORMS * N_COLUMNS) % N_CACHES;
        out->index_shape = CACHE_FORMS[(i - N_FORMS * N_COLUMNS) / N_CACHES];
        out->cache = true;
        out->type_k = CACHES[k].k;
        out->type_v = CACHES[k].v;
        snprintf(out->type, sizeof(out->type), "%s", CACHES[k].name);
    }
    out->group = FORMS[out->index_shape].group;
    out->arch = FORMS[out->index_shape].arch;
    snprintf(out->name, sizeof(out->name), "%s %s", out->group, out->type);
    draw_tokens(out);
}

uint64_t matrix_digest(const uint8_t *bytes, size_t size)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < size; i++)
        h = (h ^ bytes[i]) * 0x100000001b3u;
    return h;
}

/* ---- a file ---- */

struct buffer {
    uint8_t *bytes;
    size_t size, capacity;
};

struct file {
    const struct form *form;
    const struct column *column;
    struct dims dims;
    struct buffer kv, infos, data;
    uint64_t n_kv, n_tensors;
    struct blocks_rng rng;
};

static void *grow(struct buffer *b, size_t n)
{
    if (!b->bytes || b->capacity - b->size < n) {
        b->capacity = (b->capacity + n) * 2 + 64;
        b->bytes = realloc(b->bytes, b->capacity);
        if (!b->bytes)
            abort();
    }
    b->size += n;
    return b->bytes + b->size - n;
}

static void put(struct buffer *b, const void *data, size_t n)
{
    memcpy(grow(b, n), data, n);
}

static void put_u32(struct buffer *b, uint32_t v)
{
    put(b, &v, sizeof(v));
}

static void put_u64(struct buffer *b, uint64_t v)
{
    put(b, &v, sizeof(v));
}

static void put_string(struct buffer *b, const char *s)
{
    put_u64(b, strlen(s));
    put(b, s, strlen(s));
}

static void pad(struct buffer *b)
{
    size_t n = (32 - b->size % 32) % 32;
    memset(grow(b, n), 0, n);
}

/* suffix "general.…" and "tokenizer.…" as they are, others below the architecture's name. */
static void put_key(struct file *f, const char *suffix, uint32_t type)
{
    char key[64];
    bool whole = strncmp(suffix, "general.", 8) == 0 || strncmp(suffix, "tokenizer.", 10) == 0;
    snprintf(key, sizeof(key), "%s%s%s", whole ? "" : f->form->arch, whole ? "" : ".", suffix);
    put_string(&f->kv, key);
    put_u32(&f->kv, type);
    f->n_kv++;
}

static void put_count(struct file *f, const char *suffix, uint32_t value)
{
    put_key(f, suffix, AGLM_GGUF_U32);
    put_u32(&f->kv, value);
}

static void put_real(struct file *f, const char *suffix, float value)
{
    put_key(f, suffix, AGLM_GGUF_F32);
    put(&f->kv, &value, sizeof(value));
}

static void put_text(struct file *f, const char *suffix, const char *value)
{
    put_key(f, suffix, AGLM_GGUF_STRING);
    put_string(&f->kv, value);
}

static void put_metadata(struct file *f, const char *name)
{
    const struct form *form = f->form;
    const struct dims *d = &f->dims;
    unsigned n_rot = form->flags & HALF_ROT ? d->head_dim / 2 : d->head_dim;
    put_text(f, "general.architecture", form->arch);
    put_text(f, "general.name", name);
    put_text(f, "tokenizer.ggml.model", "no_vocab");
    put_count(f, "vocab_size", MATRIX_VOCAB);
    put_count(f, "context_length", 64);
    put_count(f, "embedding_length", d->embd);
    put_count(f, "block_count", d->layers);
    put_count(f, "feed_forward_length", d->ff);
    put_count(f, "attention.head_count", d->heads);
    put_count(f, "attention.head_count_kv", d->kv);
    put_count(f, "attention.key_length", d->head_dim);
    put_count(f, "attention.value_length", d->head_dim);
    put_real(f, "attention.layer_norm_rms_epsilon", form->eps);
    put_count(f, "rope.dimension_count", n_rot);
    put_real(f, "rope.freq_base", form->theta);
    if (form->flags & WINDOW)
        put_count(f, "attention.sliding_window", 4);
    if (form->flags & SECTIONS) {
        put_key(f, "rope.dimension_sections", AGLM_GGUF_ARRAY);
        put_u32(&f->kv, AGLM_GGUF_I32);
        put_u64(&f->kv, 4);
        put_u32(&f->kv, n_rot / 8);
        put_u32(&f->kv, n_rot / 8);
        put_u32(&f->kv, n_rot / 2 - 2 * (n_rot / 8));
        put_u32(&f->kv, 0);
    }
}

static uint8_t *put_tensor(struct file *f, const char *name, enum aglm_dtype type, size_t rows,
                           size_t cols)
{
    size_t elements, bytes;
    blocks_size(type, &elements, &bytes);
    pad(&f->data);
    put_string(&f->infos, name);
    put_u32(&f->infos, rows ? 2 : 1);
    put_u64(&f->infos, cols);
    if (rows)
        put_u64(&f->infos, rows);
    put_u32(&f->infos, (uint32_t)type);
    put_u64(&f->infos, f->data.size);
    f->n_tensors++;
    return grow(&f->data, (rows ? rows : 1) * cols / elements * bytes);
}

/* layer < 0: a tensor of the whole model. */
static void name_tensor(char name[static 64], int layer, const char *what)
{
    if (layer < 0)
        snprintf(name, 64, "%s", what);
    else
        snprintf(name, 64, "blk.%d.%s", layer, what);
}

/* [n] floats around mean. */
static void put_vector(struct file *f, int layer, const char *what, size_t n, float mean,
                       float deviation)
{
    char name[64];
    name_tensor(name, layer, what);
    uint8_t *dst = put_tensor(f, name, AGLM_F32, 0, n);
    for (size_t i = 0; i < n; i++) {
        float value = deviation * blocks_normal(&f->rng);
        value += mean;
        memcpy(dst + 4 * i, &value, sizeof(value));
    }
}

/* What a file that cannot have a type for its row length has instead. */
static enum aglm_dtype fallback(enum aglm_dtype type)
{
    switch (type) {
    case AGLM_Q4_K:
        return AGLM_Q5_0;
    case AGLM_Q5_K:
        return AGLM_Q5_1;
    case AGLM_Q6_K:
        return AGLM_Q8_0;
    case AGLM_Q2_K:
    case AGLM_Q3_K:
        return AGLM_IQ4_NL;
    default:
        return type;
    }
}

static enum aglm_dtype type_of(const struct file *f, int layer, enum role role, size_t cols)
{
    enum aglm_dtype type = f->column->roles ? f->column->roles[role] : f->column->type;
    if (f->column->q4_k_m) {
        bool tied = f->form->flags & TIED;
        if (role == OUTPUT || (role == EMBD && tied) ||
            ((role == V || role == DOWN) && layer % 2 == 0))
            type = AGLM_Q6_K;
        else if (role == QKV)
            type = AGLM_Q5_K;
    }
    return cols % 256 == 0 ? type : fallback(type);
}

static void put_matrix(struct file *f, int layer, const char *what, enum role role, size_t rows,
                       size_t cols, double gain)
{
    char name[64];
    name_tensor(name, layer, what);
    enum aglm_dtype type = type_of(f, layer, role, cols);
    uint8_t *dst = put_tensor(f, name, type, rows, cols);
    blocks_fill(type, dst, rows * cols, gain / sqrt((double)cols), &f->rng);
}

static void put_norm(struct file *f, int layer, const char *what, size_t n, float mean)
{
    put_vector(f, layer, what, n, mean, 0.25f * mean);
}

static void put_attention(struct file *f, int layer)
{
    const struct dims *d = &f->dims;
    const unsigned flags = f->form->flags;
    const size_t q = d->heads * d->head_dim, kv = d->kv * d->head_dim;
    put_norm(f, layer, "attn_norm.weight", d->embd, 1.0f);
    if (flags & FUSED_QKV) {
        put_matrix(f, layer, "attn_qkv.weight", QKV, q + 2 * kv, d->embd, 1.3);
        if (flags & BIAS)
            put_vector(f, layer, "attn_qkv.bias", q + 2 * kv, 0.0f, 0.5f);
    } else {
        put_matrix(f, layer, "attn_q.weight", Q, q, d->embd, 1.3);
        put_matrix(f, layer, "attn_k.weight", K, kv, d->embd, 1.3);
        put_matrix(f, layer, "attn_v.weight", V, kv, d->embd, 1.0);
        if (flags & BIAS) {
            put_vector(f, layer, "attn_q.bias", q, 0.0f, 0.5f);
            put_vector(f, layer, "attn_k.bias", kv, 0.0f, 0.5f);
            put_vector(f, layer, "attn_v.bias", kv, 0.0f, 0.5f);
        }
    }
    if (flags & QK_NORM) {
        float mean = flags & WINDOW ? 1.1f : 1.4f; /* seven layers amplify enough */
        put_norm(f, layer, "attn_q_norm.weight", d->head_dim, mean);
        put_norm(f, layer, "attn_k_norm.weight", d->head_dim, mean);
    }
    put_matrix(f, layer, "attn_output.weight", O, d->embd, q, 1.2);
    if (flags & POST_NORMS)
        put_norm(f, layer, "post_attention_norm.weight", d->embd, 0.8f);
}

static void put_feed_forward(struct file *f, int layer)
{
    const struct dims *d = &f->dims;
    put_norm(f, layer, "ffn_norm.weight", d->embd, 1.0f);
    if (f->form->flags & FUSED_UP) {
        put_matrix(f, layer, "ffn_up.weight", UP, 2 * d->ff, d->embd, 1.2);
    } else {
        put_matrix(f, layer, "ffn_gate.weight", GATE, d->ff, d->embd, 1.2);
        put_matrix(f, layer, "ffn_up.weight", UP, d->ff, d->embd, 1.2);
    }
    put_matrix(f, layer, "ffn_down.weight", DOWN, d->embd, d->ff, 1.2);
    if (f->form->flags & POST_NORMS)
        put_norm(f, layer, "post_ffw_norm.weight", d->embd, 0.8f);
}

static void put_tensors(struct file *f)
{
    const struct dims *d = &f->dims;
    const bool tied = f->form->flags & TIED;
    /* A tied matrix is small, or every token would predict itself and hide the rest of the model;
     * gemma3 multiplies embeddings by sqrt(embd). */
    double spread = f->form->flags & WINDOW ? 1.0 : tied ? 2.0 : 0.7 * sqrt((double)d->embd);
    put_matrix(f, -1, "token_embd.weight", EMBD, MATRIX_VOCAB, d->embd, spread);
    put_norm(f, -1, "output_norm.weight", d->embd, 1.0f);
    if (!tied)
        put_matrix(f, -1, "output.weight", OUTPUT, MATRIX_VOCAB, d->embd, 2.0);
    if (f->form->flags & FREQS) {
        size_t n = d->head_dim / 2;
        uint8_t *dst = put_tensor(f, "rope_freqs.weight", AGLM_F32, 0, n);
        for (size_t i = 0; i < n; i++) {
            float value = (float)(1 + i * i % 8); /* 1 … 8 */
            memcpy(dst + 4 * i, &value, sizeof(value));
        }
    }
    for (unsigned i = 0; i < d->layers; i++) {
        put_attention(f, (int)i);
        put_feed_forward(f, (int)i);
    }
}

uint8_t *matrix_model(const struct matrix_case *c, size_t *size)
{
    struct file f = {.form = &FORMS[c->index_shape],
                     .column = &COLUMNS[c->index_type],
                     .rng = {seed_of(c->name)}};
    struct buffer out = {0};
    f.dims = f.column->large ? f.form->large : f.form->small;
    if (f.column->q4_k_m) {
        f.dims.ff = 320; /* no multiple of 256 */
        f.dims.layers = f.dims.layers < 2 ? 2 : f.dims.layers;
    }
    put_metadata(&f, c->name);
    put_tensors(&f);
    put(&out, "GGUF", 4);
    put_u32(&out, 3);
    put_u64(&out, f.n_tensors);
    put_u64(&out, f.n_kv);
    put(&out, f.kv.bytes, f.kv.size);
    put(&out, f.infos.bytes, f.infos.size);
    pad(&out);
    put(&out, f.data.bytes, f.data.size);
    free(f.kv.bytes);
    free(f.infos.bytes);
    free(f.data.bytes);
    *size = out.size;
    return out.bytes;
}
