/* Architectures and their hyperparameters.
 *
 * In: an open GGUF file. Out: struct aglm_hparams, every value within limits and consistent with
 * the others. Refused: architectures not in the table, experts, rope scaling other than linear,
 * per-layer values that differ, parts of split models, zero or absurd sizes. Key names: the GGUF
 * specification.
 */
#include "engine/arch.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct aglm_arch archs[] = {
    {.name = "chatglm", .rope = AGLM_ROPE_NORM, .fused_ffn_up = true},
    {.name = "llama", .rope = AGLM_ROPE_NORM, .fused_ffn_up = false},
    {.name = "qwen2", .rope = AGLM_ROPE_NEOX, .fused_ffn_up = false, .qkv_bias = true},
};

const struct aglm_arch *aglm_arch_find(const char *name)
{
    for (size_t i = 0; i < sizeof(archs) / sizeof(archs[0]); i++)
        if (strcmp(archs[i].name, name) == 0)
            return &archs[i];
    return NULL;
}

const char *aglm_arch_names(void)
{
    return "chatglm, llama, qwen2";
}

enum {
    MAX_LAYERS = 1024,
    MAX_EMBD = 1 << 16,
    MAX_HEADS = 1024,
    MAX_HEAD_DIM = 512,
    MAX_FF = 1 << 20,
    MAX_VOCAB = 1 << 24,
    MAX_CTX = 1 << 28,
};

/* One reading: the file, the prefix of its keys, where messages go. */
struct reader {
    const struct aglm_gguf *file;
    const char *arch;
    struct aglm_err *err;
    char key[96];
};

/* "{arch}.suffix"; both are short literals of this file. */
static const char *key_of(struct reader *r, const char *suffix)
{
    snprintf(r->key, sizeof(r->key), "%s.%s", r->arch, suffix);
    return r->key;
}

static int check_range(struct reader *r, uint64_t value, uint64_t max)
{
    if (value >= 1 && value <= max)
        return 0;
    return aglm_err_set(r->err, -EINVAL, "%s: key %s is %" PRIu64 ", must be 1 to %" PRIu64,
                        aglm_gguf_path(r->file), r->key, value, max);
}

/* A value that some files give per layer: u32 or i32 array, accepted when all are the same. -EINVAL
 * without a message: the key is no array. */
static int read_uniform(struct reader *r, uint64_t *out)
{
    struct aglm_gguf_array array;
    int rc = aglm_gguf_get_array(r->file, r->key, &array, NULL);
    if (rc)
        return rc;
    uint32_t first = 0;
    bool same = array.n >= 1 && (array.type == AGLM_GGUF_U32 || array.type == AGLM_GGUF_I32);
    for (uint64_t i = 0; same && i < array.n; i++) {
        uint32_t v;
        memcpy(&v, (const uint8_t *)array.data + 4 * i, sizeof(v));
        if (i == 0)
            first = v;
        same = v == first;
    }
    if (!same)
        return aglm_err_set(r->err, -ENOTSUP,
                            "%s: key %s differs from layer to layer; such models cannot be run",
                            aglm_gguf_path(r->file), r->key);
    *out = first;
    return 0;
}

/* Reads {arch}.suffix, 1 to max. fallback 0: the key is required. */
static int read_count(struct reader *r, const char *suffix, uint64_t max, uint32_t fallback,
                      uint32_t *out)
{
    uint64_t value = 0;
    const char *key = key_of(r, suffix);
    int rc = aglm_gguf_get_u64(r->file, key, &value, NULL);
    if (rc == -EINVAL) {
        rc = read_uniform(r, &value);
        if (rc == -EINVAL)
            rc = aglm_gguf_get_u64(r->file, key, &value, r->err);
    }
    if (rc == -ENOENT && fallback != 0) {
        *out = fallback;
        return 0;
    }
    if (rc == -ENOENT)
        return aglm_err_set(r->err, -EINVAL, "%s: key %s is missing; convert the model again",
                            aglm_gguf_path(r->file), key);
    if (!rc)
        rc = check_range(r, value, max);
    if (!rc)
        *out = (uint32_t)value;
    return rc;
}

/* Reads {arch}.suffix, low <= value <= high. fallback NaN: the key is required. */
static int read_real(struct reader *r, const char *suffix, float low, float high, float fallback,
                     float *out)
{
    float value = fallback;
    const char *key = key_of(r, suffix);
    int rc = aglm_gguf_get_f32(r->file, key, &value, r->err);
    if (rc == -ENOENT && isnan(fallback))
        return aglm_err_set(r->err, -EINVAL, "%s: key %s is missing; convert the model again",
                            aglm_gguf_path(r->file), key);
    if (rc && rc != -ENOENT)
        return rc;
    if (!(value >= low && value <= high))
        return aglm_err_set(r->err, -EINVAL, "%s: key %s is %g, must be %g to %g",
                            aglm_gguf_path(r->file), key, (double)value, (double)low, (double)high);
    *out = value;
    return 0;
}

/* ---- groups of keys ---- */

static int read_arch(const struct aglm_gguf *file, const struct aglm_arch **out,
                     struct aglm_err *err)
{
    const char *name = "", *path = aglm_gguf_path(file);
    uint64_t parts = 1;
    int rc = aglm_gguf_get_string(file, "general.architecture", &name, err);
    if (rc == -ENOENT)
        return aglm_err_set(err, -EINVAL,
                            "%s: key general.architecture is missing; this is no language model",
                            path);
    if (rc)
        return rc;
    const struct aglm_arch *arch = aglm_arch_find(name);
    if (!arch)
        return aglm_err_set(err, -ENOTSUP,
                            "%s: architecture \"%.40s\" cannot be run; those that can: %s", path,
                            name, aglm_arch_names());
    rc = aglm_gguf_get_u64(file, "split.count", &parts, err);
    if (rc && rc != -ENOENT)
        return rc;
    if (parts > 1)
        return aglm_err_set(err, -ENOTSUP,
                            "%s: one of %" PRIu64
                            " parts of a model; join them first (llama-gguf-split --merge)",
                            path, parts);
    *out = arch;
    return 0;
}

static int refuse_experts(struct reader *r)
{
    uint64_t experts = 0;
    const char *key = key_of(r, "expert_count");
    int rc = aglm_gguf_get_u64(r->file, key, &experts, r->err);
    if (rc && rc != -ENOENT)
        return rc;
    if (experts > 0)
        return aglm_err_set(r->err, -ENOTSUP,
                            "%s: key %s is %" PRIu64 "; mixtures of experts cannot be run",
                            aglm_gguf_path(r->file), key, experts);
    return 0;
}

static int read_heads(struct reader *r, struct aglm_hparams *h)
{
    uint32_t value_dim = 0;
    int rc = read_count(r, "attention.head_count", MAX_HEADS, 0, &h->n_heads);
    if (!rc)
        rc = read_count(r, "attention.head_count_kv", MAX_HEADS, h->n_heads, &h->n_kv_heads);
    if (rc)
        return rc;
    if (h->n_heads % h->n_kv_heads != 0)
        return aglm_err_set(r->err, -EINVAL,
                            "%s: key %s.attention.head_count is %" PRIu32
                            ", not a multiple of head_count_kv, which is %" PRIu32,
                            aglm_gguf_path(r->file), r->arch, h->n_heads, h->n_kv_heads);
    /* 0 as a fallback would mean "required", and that is right: fewer channels than heads is
     * nonsense. */
    uint32_t even_split = h->n_embd % h->n_heads == 0 ? h->n_embd / h->n_heads : 0;
    rc = read_count(r, "attention.key_length", MAX_HEAD_DIM, even_split, &h->head_dim);
    if (!rc)
        rc = read_count(r, "attention.value_length", MAX_HEAD_DIM, h->head_dim, &value_dim);
    if (rc)
        return rc;
    if (value_dim != h->head_dim)
        return aglm_err_set(r->err, -ENOTSUP,
                            "%s: key %s.attention.value_length is %" PRIu32
                            ", key_length is %" PRIu32 "; they must be equal",
                            aglm_gguf_path(r->file), r->arch, value_dim, h->head_dim);
    if (h->head_dim > MAX_HEAD_DIM || h->head_dim % 2 != 0)
        return aglm_err_set(r->err, -EINVAL,
                            "%s: key %s.attention.key_length (or embedding_length / head_count) is "
                            "%" PRIu32 ", must be even and at most %d",
                            aglm_gguf_path(r->file), r->arch, h->head_dim, MAX_HEAD_DIM);
    return 0;
}

static int read_rope_scaling(struct reader *r, float *freq_scale)
{
    const char *type = "linear"; /* what a factor without a type means */
    float factor = 1.0f;
    const char *key = key_of(r, "rope.scaling.type");
    int rc = aglm_gguf_get_string(r->file, key, &type, r->err);
    if (rc && rc != -ENOENT)
        return rc;
    if (strcmp(type, "none") == 0) {
        *freq_scale = 1.0f;
        return 0;
    }
    if (strcmp(type, "linear") != 0)
        return aglm_err_set(r->err, -ENOTSUP,
                            "%s: key %s is \"%.40s\"; only \"none\" and \"linear\" can be run",
                            aglm_gguf_path(r->file), key, type);
    rc = read_real(r, "rope.scale_linear", 0.0f, 1e6f, 1.0f, &factor); /* the key's old name */
    if (!rc)
        rc = read_real(r, "rope.scaling.factor", 0.0f, 1e6f, factor, &factor);
    if (rc)
        return rc;
    if (factor != 0.0f && factor < 1e-6f)
        return aglm_err_set(r->err, -EINVAL, "%s: key %s is %g, must be 1e-06 to 1e+06",
                            aglm_gguf_path(r->file), r->key, (double)factor);
    *freq_scale = factor == 0.0f ? 1.0f : 1.0f / factor; /* 0: not scaled */
    return 0;
}

static int read_rope(struct reader *r, struct aglm_hparams *h)
{
    int rc = read_count(r, "rope.dimension_count", MAX_HEAD_DIM, h->head_dim, &h->n_rot);
    if (rc)
        return rc;
    if (h->n_rot % 2 != 0 || h->n_rot > h->head_dim)
        return aglm_err_set(r->err, -EINVAL,
                            "%s: key %s is %" PRIu32
                            ", must be even and at most the head's size, %" PRIu32,
                            aglm_gguf_path(r->file), r->key, h->n_rot, h->head_dim);
    rc = read_real(r, "rope.freq_base", 1.0f, 1e12f, 10000.0f, &h->rope_theta);
    return rc ? rc : read_rope_scaling(r, &h->rope_freq_scale);
}

static int read_vocab(struct reader *r, struct aglm_hparams *h)
{
    const char *path = aglm_gguf_path(r->file);
    const struct aglm_gguf_tensor *t = aglm_gguf_tensor_find(r->file, "token_embd.weight");
    if (!t)
        return aglm_err_set(r->err, -EINVAL,
                            "%s: tensor token_embd.weight is missing; the file is incomplete",
                            path);
    if (t->n_dims > 2 && (t->ne[2] != 1 || t->ne[3] != 1))
        return aglm_err_set(r->err, -EINVAL,
                            "%s: tensor token_embd.weight has %" PRIu32 " dimensions, must have 2",
                            path, t->n_dims);
    if (t->ne[0] != h->n_embd)
        return aglm_err_set(r->err, -EINVAL,
                            "%s: tensor token_embd.weight has rows of %" PRIu64
                            ", key %s.embedding_length says %" PRIu32,
                            path, t->ne[0], r->arch, h->n_embd);
    if (t->ne[1] > MAX_VOCAB)
        return aglm_err_set(r->err, -EINVAL,
                            "%s: tensor token_embd.weight has %" PRIu64 " rows, at most %d can be",
                            path, t->ne[1], MAX_VOCAB);
    h->n_vocab = (uint32_t)t->ne[1];
    return 0;
}

/* Keys that change the arithmetic and that the engine does not know: a value other than the neutral
 * one would be ignored, and the results wrong. */
static int refuse_unknown_arithmetic(struct reader *r)
{
    static const struct {
        const char *key;
        float neutral;
    } KEYS[] = {{"rope.scaling.attn_factor", 1.0f}, {"attention.clamp_kqv", 0.0f},
                {"attention.scale", 0.0f},          {"logit_scale", 1.0f},
                {"embedding_scale", 1.0f},          {"residual_scale", 1.0f}};
    for (size_t i = 0; i < sizeof(KEYS) / sizeof(*KEYS); i++) {
        float value = KEYS[i].neutral;
        const char *key = key_of(r, KEYS[i].key);
        int rc = aglm_gguf_get_f32(r->file, key, &value, r->err);
        if (rc && rc != -ENOENT)
            return rc;
        if (value != KEYS[i].neutral)
            return aglm_err_set(r->err, -ENOTSUP, "%s: key %s is %g; only %g can be run",
                                aglm_gguf_path(r->file), key, (double)value,
                                (double)KEYS[i].neutral);
    }
    return 0;
}

int aglm_hparams_read(struct aglm_hparams *out, const struct aglm_gguf *file, struct aglm_err *err)
{
    struct aglm_hparams h = {0};
    int rc = read_arch(file, &h.arch, err);
    if (rc)
        return rc;
    struct reader r = {.file = file, .arch = h.arch->name, .err = err};
    rc = refuse_experts(&r);
    if (!rc)
        rc = refuse_unknown_arithmetic(&r);
    if (!rc)
        rc = read_count(&r, "block_count", MAX_LAYERS, 0, &h.n_layers);
    if (!rc)
        rc = read_count(&r, "embedding_length", MAX_EMBD, 0, &h.n_embd);
    if (!rc)
        rc = read_count(&r, "feed_forward_length", MAX_FF, 0, &h.n_ff);
    if (!rc)
        rc = read_count(&r, "context_length", MAX_CTX, 0, &h.n_ctx_train);
    if (!rc)
        rc = read_heads(&r, &h);
    if (!rc)
        rc = read_rope(&r, &h);
    if (!rc)
        rc = read_real(&r, "attention.layer_norm_rms_epsilon", 1e-20f, 1.0f, NAN, &h.rms_eps);
    if (!rc)
        rc = read_vocab(&r, &h);
    if (!rc)
        *out = h;
    return rc;
}
