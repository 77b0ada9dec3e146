/* Which type each tensor of a file gets when a whole model is quantized: llama.cpp's choice.
 *
 * In: a mode and a list of tensors. Out: a type for each. The rules speak of the how-manieth
 * attention value matrix and feed-forward output matrix a tensor is; llama.cpp counts them by layer
 * and then by name, so that is done here too, whatever their order in the file.
 */
#include "engine/quant/mix.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- modes ---- */

static const struct aglm_quantize_mode modes[] = {
    {"f32", AGLM_F32, 0, false},      {"f16", AGLM_F16, 1, false},
    {"bf16", AGLM_BF16, 32, false},   {"q8_0", AGLM_Q8_0, 7, false},
    {"q6_k", AGLM_Q6_K, 18, false},   {"q5_k_m", AGLM_Q5_K, 17, true},
    {"q5_k_s", AGLM_Q5_K, 16, true},  {"q5_1", AGLM_Q5_1, 9, false},
    {"q5_0", AGLM_Q5_0, 8, false},    {"q4_k_m", AGLM_Q4_K, 15, true},
    {"q4_k_s", AGLM_Q4_K, 14, true},  {"q4_1", AGLM_Q4_1, 3, false},
    {"q4_0", AGLM_Q4_0, 2, false},    {"iq4_nl", AGLM_IQ4_NL, 25, false},
    {"mxfp4", AGLM_MXFP4, 38, false}, {"q3_k_l", AGLM_Q3_K, 13, true},
    {"q3_k_m", AGLM_Q3_K, 12, true},  {"q3_k_s", AGLM_Q3_K, 11, true},
    {"q2_k", AGLM_Q2_K, 10, true},
};

/* By file_type, for the rules. */
enum {
    Q2_K = 10,
    Q3_K_M = 12,
    Q3_K_L = 13,
    Q4_K_S = 14,
    Q4_K_M = 15,
    Q5_K_M = 17,
    IQ4_NL = 25,
};

size_t aglm_quantize_mode_count(void)
{
    return sizeof(modes) / sizeof(modes[0]);
}

const struct aglm_quantize_mode *aglm_quantize_mode_at(size_t i)
{
    return &modes[i];
}

const struct aglm_quantize_mode *aglm_quantize_mode_find(const char *name)
{
    static const char *const aliases[][2] = {
        {"q3_k", "q3_k_m"}, {"q4_k", "q4_k_m"}, {"q5_k", "q5_k_m"}};
    for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
        if (strcasecmp(name, aliases[i][0]) == 0)
            name = aliases[i][1];
    for (size_t i = 0; i < aglm_quantize_mode_count(); i++)
        if (strcasecmp(name, modes[i].name) == 0)
            return &modes[i];
    return NULL;
}

const struct aglm_quantize_mode *aglm_quantize_mode_of(enum aglm_dtype type)
{
    const struct aglm_dtype_info *info = aglm_dtype_get((uint32_t)type);
    return info ? aglm_quantize_mode_find(info->name) : NULL;
}

const char *aglm_quantize_mode_names(void)
{
    return "f32, f16, bf16, q8_0, q6_k, q5_k_m, q5_k_s, q5_1, q5_0, q4_k_m, q4_k_s, q4_1, q4_0, "
           "iq4_nl, mxfp4, q3_k_l, q3_k_m, q3_k_s, q2_k";
}

/* ---- kinds of tensors ---- */

enum kind { OUTPUT, EMBEDDING, VALUE, ATTENTION_OUTPUT, FFN_DOWN, OTHER };

static bool contains(const char *name, const char *part)
{
    return strstr(name, part) != NULL;
}

static enum kind kind_of(const char *name)
{
    if (strcmp(name, "output.weight") == 0)
        return OUTPUT;
    if (strcmp(name, "token_embd.weight") == 0 || strcmp(name, "per_layer_token_embd.weight") == 0)
        return EMBEDDING;
    if (contains(name, "attn_v.weight") || contains(name, "attn_qkv.weight") ||
        contains(name, "attn_kv_b.weight"))
        return VALUE;
    if (contains(name, "attn_output.weight"))
        return ATTENTION_OUTPUT;
    if (contains(name, "ffn_down"))
        return FFN_DOWN;
    return OTHER;
}

/* Vectors and norms stay as they are, and so does what llama.cpp names besides. */
static bool is_matrix(const struct aglm_quantize_tensor *t)
{
    static const char *const kept[] = {"_norm.weight",
                                       "ffn_gate_inp.weight",
                                       "altup",
                                       "laurel",
                                       "per_layer_model_proj",
                                       "ssm_conv1d",
                                       "shortconv.conv.weight",
                                       "attn_rel_b.weight"};
    unsigned n_dims = t->n_dims;
    while (n_dims > 1 && t->ne[n_dims - 1] == 1)
        n_dims--;
    size_t length = strlen(t->name);
    if (n_dims < 2 || length < 6 || strcmp(t->name + length - 6, "weight") != 0)
        return false;
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
        if (contains(t->name, kept[i]))
            return false;
    return strcmp(t->name, "position_embd.weight") != 0 &&
           strcmp(t->name, "token_types.weight") != 0;
}

/* ---- rules ---- */

struct rules {
    uint32_t mode;
    enum aglm_dtype type;
    uint64_t gqa; /* query heads for each key-value head */
    bool has_70b_shape;
    bool tied;
    uint64_t n_layers, n_values; /* n_values: tensors of kind VALUE */
    uint64_t i_value, i_down;    /* how many came before */
};

/* The first and the last eighth of the layers, and each third one between them. */
static bool more_bits(uint64_t i, uint64_t n)
{
    return i < n / 8 || i >= 7 * n / 8 || (i - n / 8) % 3 == 2;
}

static enum aglm_dtype value_type(const struct rules *r, enum aglm_dtype type)
{
    if (r->mode == Q2_K)
        type = r->gqa >= 4 ? AGLM_Q4_K : AGLM_Q3_K;
    else if (r->mode == Q3_K_M)
        type = r->i_value < 2 ? AGLM_Q5_K : AGLM_Q4_K;
    else if (r->mode == Q3_K_L || (r->mode == IQ4_NL && r->gqa >= 4) ||
             (r->mode == Q4_K_S && r->i_value < 4))
        type = AGLM_Q5_K;
    else if ((r->mode == Q4_K_M || r->mode == Q5_K_M) && more_bits(r->i_value, r->n_values))
        type = AGLM_Q6_K;
    /* Small beside the rest where eight heads share it. */
    if (r->has_70b_shape && (type == AGLM_Q3_K || type == AGLM_Q4_K))
        type = AGLM_Q5_K;
    return type;
}

static enum aglm_dtype ffn_down_type(const struct rules *r, enum aglm_dtype type)
{
    const uint64_t i = r->i_down, n = r->n_layers;
    switch (r->mode) {
    case Q2_K:
        return AGLM_Q3_K;
    case Q3_K_M:
        return i < n / 16 ? AGLM_Q5_K : AGLM_Q4_K;
    case Q3_K_L:
        return AGLM_Q5_K;
    case Q4_K_M:
    case Q5_K_M:
        return more_bits(i, n) ? AGLM_Q6_K : type;
    case IQ4_NL:
    case Q4_K_S:
        return i < n / 8 ? AGLM_Q5_K : type;
    default:
        return type;
    }
}

static enum aglm_dtype attention_output_type(const struct rules *r, enum aglm_dtype type)
{
    switch (r->mode) {
    case Q2_K:
        return AGLM_Q3_K;
    case Q3_K_M:
        return AGLM_Q4_K;
    case Q3_K_L:
        return AGLM_Q5_K;
    default:
        return type;
    }
}

/* The matrix that makes the logits gets more bits. */
static enum aglm_dtype output_type(enum aglm_dtype type, uint64_t row)
{
    if (type == AGLM_MXFP4 || type == AGLM_Q8_0 || row % aglm_dtype_get(type)->block_elements != 0)
        return AGLM_Q8_0;
    return AGLM_Q6_K;
}

static enum aglm_dtype wanted(struct rules *r, const struct aglm_quantize_tensor *t)
{
    const enum kind kind = kind_of(t->name);
    enum aglm_dtype type = r->type;
    if (kind == OUTPUT || (kind == EMBEDDING && r->tied))
        return output_type(type, t->ne[0]);
    if (kind == VALUE) {
        type = value_type(r, type);
        r->i_value++;
    } else if (kind == FFN_DOWN) {
        type = ffn_down_type(r, type);
        r->i_down++;
    } else if (kind == ATTENTION_OUTPUT) {
        type = attention_output_type(r, type);
    }
    return type;
}

/* What a row that is no whole number of blocks gets instead. */
static enum aglm_dtype fitting(enum aglm_dtype type, uint64_t row)
{
    if (row % aglm_dtype_get(type)->block_elements == 0)
        return type;
    if (type == AGLM_Q2_K || type == AGLM_Q3_K)
        type = AGLM_Q4_0;
    else if (type == AGLM_Q4_K)
        type = AGLM_Q5_0;
    else if (type == AGLM_Q5_K)
        type = AGLM_Q5_1;
    else if (type == AGLM_Q6_K)
        type = AGLM_Q8_0;
    return row % aglm_dtype_get(type)->block_elements == 0 ? type : AGLM_F16;
}

/* ---- in llama.cpp's order ---- */

static long layer_of(const char *name)
{
    char *end;
    if (strncmp(name, "blk.", 4) != 0)
        return -1;
    long layer = strtol(name + 4, &end, 10);
    return *end == '.' ? layer : -1;
}

static int by_layer_and_name(const void *a, const void *b)
{
    const struct aglm_quantize_tensor *const *x = a, *const *y = b;
    long i = layer_of((*x)->name), j = layer_of((*y)->name);
    return i != j ? (i < j ? -1 : 1) : strcmp((*x)->name, (*y)->name);
}

static void choose_one(struct rules *r, struct aglm_quantize_tensor *t)
{
    t->chosen = t->type;
    t->fallback = false;
    if (!is_matrix(t))
        return;
    enum aglm_dtype type = r->type;
    if (aglm_dtype_get((uint32_t)type)->quantized) {
        enum aglm_dtype want = wanted(r, t);
        type = fitting(want, t->ne[0]);
        t->fallback = type != want;
    }
    t->chosen = (uint32_t)type;
}

int aglm_quantize_choose(const struct aglm_quantize_mode *mode,
                         const struct aglm_quantize_shape *shape,
                         struct aglm_quantize_tensor *tensors, size_t n)
{
    struct rules r = {.mode = mode->file_type,
                      .type = mode->type,
                      .tied = true,
                      .gqa = shape->n_kv_heads ? shape->n_heads / shape->n_kv_heads : 0,
                      .n_layers = shape->n_layers};
    r.has_70b_shape = shape->n_layers == 80 &&
                      (strcmp(shape->arch, "qwen2") == 0 ||
                       (strcmp(shape->arch, "llama") == 0 && shape->n_heads != shape->n_kv_heads));
    struct aglm_quantize_tensor **order = calloc(n + 1, sizeof(struct aglm_quantize_tensor *));
    if (!order)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        enum kind kind = kind_of(tensors[i].name);
        r.n_values += kind == VALUE;
        r.tied = r.tied && kind != OUTPUT;
        order[i] = &tensors[i];
    }
    qsort(order, n, sizeof(struct aglm_quantize_tensor *), by_layer_and_name);
    for (size_t i = 0; i < n; i++)
        choose_one(&r, order[i]);
    free(order);
    return 0;
}

/* ---- files ---- */

/* A count, or the first of an array of counts; 0 if there is none. */
static uint64_t first_count(const struct aglm_gguf *file, const char *arch, const char *what)
{
    char key[160];
    uint64_t value = 0;
    struct aglm_gguf_array array;
    snprintf(key, sizeof(key), "%s.%s", arch, what);
    if (aglm_gguf_get_u64(file, key, &value, NULL) == 0)
        return value;
    if (aglm_gguf_get_array(file, key, &array, NULL) == 0 && array.n > 0 &&
        (array.type == AGLM_GGUF_U32 || array.type == AGLM_GGUF_I32)) {
        uint32_t first;
        memcpy(&first, array.data, sizeof(first));
        return first;
    }
    return 0;
}

int aglm_quantize_shape_read(struct aglm_quantize_shape *out, const struct aglm_gguf *file,
                             struct aglm_err *err)
{
    const char *path = aglm_gguf_path(file), *arch = NULL;
    struct aglm_quantize_shape shape = {0};
    int rc = aglm_gguf_get_string(file, "general.architecture", &arch, err);
    if (rc == -ENOENT || (!rc && (!arch[0] || strlen(arch) >= sizeof(shape.arch))))
        return aglm_err_set(err, -EINVAL, "%s: no general.architecture; it is no model", path);
    if (rc)
        return rc;
    memcpy(shape.arch, arch, strlen(arch) + 1);
    shape.n_layers = first_count(file, arch, "block_count");
    shape.n_heads = first_count(file, arch, "attention.head_count");
    shape.n_kv_heads = first_count(file, arch, "attention.head_count_kv");
    if (shape.n_layers < 1 || shape.n_layers > 100000 || shape.n_heads < 1)
        return aglm_err_set(err, -EINVAL,
                            "%s: %s.block_count or %s.attention.head_count is missing or absurd",
                            path, arch, arch);
    if (shape.n_kv_heads == 0)
        shape.n_kv_heads = shape.n_heads;
    if (first_count(file, arch, "expert_count") > 1)
        return aglm_err_set(err, -ENOTSUP, "%s: a mixture of experts, which is not supported",
                            path);
    *out = shape;
    return 0;
}

int aglm_quantize_choose_file(const struct aglm_quantize_mode *mode, const struct aglm_gguf *file,
                              uint32_t *types, uint64_t *n_fallback, struct aglm_err *err)
{
    struct aglm_quantize_shape shape;
    const size_t n = aglm_gguf_tensor_count(file);
    int rc = aglm_quantize_shape_read(&shape, file, err);
    if (rc)
        return rc;
    struct aglm_quantize_tensor *tensors = calloc(n + 1, sizeof(*tensors));
    rc = tensors ? 0 : -ENOMEM;
    for (size_t i = 0; i < n && !rc; i++) {
        const struct aglm_gguf_tensor *t = aglm_gguf_tensor_at(file, i);
        tensors[i] = (struct aglm_quantize_tensor){
            .name = t->name, .n_dims = t->n_dims, .ne = t->ne, .type = t->type};
    }
    if (!rc)
        rc = aglm_quantize_choose(mode, &shape, tensors, n);
    uint64_t fallback = 0;
    for (size_t i = 0; i < n && !rc; i++) {
        types[i] = tensors[i].chosen;
        fallback += tensors[i].fallback;
    }
    if (!rc && n_fallback)
        *n_fallback = fallback;
    free(tensors);
    return rc ? aglm_err_set(err, rc, "%s: out of memory", aglm_gguf_path(file)) : 0;
}
