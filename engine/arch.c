/* Architectures and their hyperparameters.
 *
 * In: an open GGUF file. Out: struct aglm_hparams, every value within limits and consistent with
 * the others. Refused: architectures not in the table, experts, rope scaling other than linear,
 * per-layer values that differ, parts of split models, zero or absurd sizes, keys that change the
 * arithmetic in ways the engine does not know. Key names: the GGUF specification.
 */
#include "engine/arch.h"

#include "engine/arch/archs.h"
#include "engine/arch_keys.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* In alphabetical order, as messages list them. */
static const struct aglm_arch *const archs[] = {&aglm_arch_chatglm, &aglm_arch_gemma3,
                                                &aglm_arch_glm4,    &aglm_arch_llama,
                                                &aglm_arch_qwen2,   &aglm_arch_qwen3};
static const char NAMES[] = "chatglm, gemma3, glm4, llama, qwen2, qwen3";

const struct aglm_arch *aglm_arch_find(const char *name)
{
    for (size_t i = 0; i < sizeof(archs) / sizeof(archs[0]); i++)
        if (strcmp(archs[i]->name, name) == 0)
            return archs[i];
    return NULL;
}

const char *aglm_arch_names(void)
{
    return NAMES;
}

enum {
    MAX_EMBD = 1 << 16,
    MAX_HEADS = 1024,
    MAX_HEAD_DIM = 512,
    MAX_FF = 1 << 20,
    MAX_VOCAB = 1 << 24,
    MAX_CTX = 1 << 28,
};

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

static int refuse_experts(struct aglm_keys *k)
{
    uint64_t experts = 0;
    const char *key = aglm_keys_name(k, "expert_count");
    int rc = aglm_gguf_get_u64(k->file, key, &experts, k->err);
    if (rc && rc != -ENOENT)
        return rc;
    if (experts > 0)
        return aglm_err_set(k->err, -ENOTSUP,
                            "%s: key %s is %" PRIu64 "; mixtures of experts cannot be run",
                            aglm_gguf_path(k->file), key, experts);
    return 0;
}

static int read_heads(struct aglm_keys *k, struct aglm_hparams *h)
{
    uint32_t value_dim = 0;
    int rc = aglm_keys_count(k, "attention.head_count", MAX_HEADS, 0, &h->n_heads);
    if (!rc)
        rc = aglm_keys_count(k, "attention.head_count_kv", MAX_HEADS, h->n_heads, &h->n_kv_heads);
    if (rc)
        return rc;
    if (h->n_heads % h->n_kv_heads != 0)
        return aglm_err_set(k->err, -EINVAL,
                            "%s: key %s.attention.head_count is %" PRIu32
                            ", not a multiple of head_count_kv, which is %" PRIu32,
                            aglm_gguf_path(k->file), k->arch, h->n_heads, h->n_kv_heads);
    /* 0 as a fallback would mean "required", and that is right: fewer channels than heads is
     * nonsense. */
    uint32_t even_split = h->n_embd % h->n_heads == 0 ? h->n_embd / h->n_heads : 0;
    rc = aglm_keys_count(k, "attention.key_length", MAX_HEAD_DIM, even_split, &h->head_dim);
    if (!rc)
        rc = aglm_keys_count(k, "attention.value_length", MAX_HEAD_DIM, h->head_dim, &value_dim);
    if (rc)
        return rc;
    if (value_dim != h->head_dim)
        return aglm_err_set(k->err, -ENOTSUP,
                            "%s: key %s.attention.value_length is %" PRIu32
                            ", key_length is %" PRIu32 "; they must be equal",
                            aglm_gguf_path(k->file), k->arch, value_dim, h->head_dim);
    if (h->head_dim > MAX_HEAD_DIM || h->head_dim % 2 != 0)
        return aglm_err_set(k->err, -EINVAL,
                            "%s: key %s.attention.key_length (or embedding_length / head_count) is "
                            "%" PRIu32 ", must be even and at most %d",
                            aglm_gguf_path(k->file), k->arch, h->head_dim, MAX_HEAD_DIM);
    return 0;
}

static int read_rope_scaling(struct aglm_keys *k, float *freq_scale)
{
    const char *type = "linear"; /* what a factor without a type means */
    float factor = 1.0f;
    const char *key = aglm_keys_name(k, "rope.scaling.type");
    int rc = aglm_gguf_get_string(k->file, key, &type, k->err);
    if (rc && rc != -ENOENT)
        return rc;
    if (strcmp(type, "none") == 0) {
        *freq_scale = 1.0f;
        return 0;
    }
    if (strcmp(type, "linear") != 0)
        return aglm_err_set(k->err, -ENOTSUP,
                            "%s: key %s is \"%.40s\"; only \"none\" and \"linear\" can be run",
                            aglm_gguf_path(k->file), key, type);
    rc = aglm_keys_real(k, "rope.scale_linear", 0.0f, 1e6f, 1.0f, &factor); /* the key's old name */
    if (!rc)
        rc = aglm_keys_real(k, "rope.scaling.factor", 0.0f, 1e6f, factor, &factor);
    if (rc)
        return rc;
    if (factor != 0.0f && factor < 1e-6f)
        return aglm_err_set(k->err, -EINVAL, "%s: key %s is %g, must be 1e-06 to 1e+06",
                            aglm_gguf_path(k->file), k->name, (double)factor);
    *freq_scale = factor == 0.0f ? 1.0f : 1.0f / factor; /* 0: not scaled */
    return 0;
}

/* rope.dimension_sections: how many pairs take their angle from the position in time, height and
 * width. Those of text are equal, so only the style of rotation differs. */
static int read_rope_sections(struct aglm_keys *k, struct aglm_hparams *h)
{
    uint32_t s[4] = {0};
    size_t n = 0;
    h->rope = h->arch->rope;
    int rc = aglm_keys_array(k, "rope.dimension_sections", 4, s, &n);
    if (rc == -ENOENT)
        return 0;
    if (rc)
        return rc;
    uint64_t sum = (uint64_t)s[0] + s[1] + s[2] + s[3];
    if (sum == 0)
        return 0;
    if (!h->arch->rope_sections)
        return aglm_err_set(k->err, -ENOTSUP, "%s: key %s is there; %s with it cannot be run",
                            aglm_gguf_path(k->file), k->name, h->arch->name);
    if (s[0] == 0 || s[1] == 0 || s[3] != 0 || sum != h->n_rot / 2)
        return aglm_err_set(k->err, -ENOTSUP,
                            "%s: key %s is %" PRIu32 ", %" PRIu32 ", %" PRIu32 ", %" PRIu32
                            "; only three parts that add up to %" PRIu32 " can be run",
                            aglm_gguf_path(k->file), k->name, s[0], s[1], s[2], s[3], h->n_rot / 2);
    h->rope = AGLM_ROPE_NEOX;
    return 0;
}

static int read_rope(struct aglm_keys *k, struct aglm_hparams *h)
{
    int rc = aglm_keys_count(k, "rope.dimension_count", MAX_HEAD_DIM, h->head_dim, &h->n_rot);
    if (rc)
        return rc;
    if (h->n_rot % 2 != 0 || h->n_rot > h->head_dim)
        return aglm_err_set(k->err, -EINVAL,
                            "%s: key %s is %" PRIu32
                            ", must be even and at most the head's size, %" PRIu32,
                            aglm_gguf_path(k->file), k->name, h->n_rot, h->head_dim);
    rc = aglm_keys_real(k, "rope.freq_base", 1.0f, 1e12f, 10000.0f, &h->rope_theta);
    if (!rc)
        rc = read_rope_scaling(k, &h->rope_freq_scale);
    if (!rc)
        rc = read_rope_sections(k, h);
    return rc;
}

/* Window layers may have heads of other sizes in the format, not in any model we know. */
static int check_same_when_local(struct aglm_keys *k, const char *suffix, uint32_t global)
{
    uint32_t local = global;
    int rc = aglm_keys_count(k, suffix, MAX_HEAD_DIM, global, &local);
    if (!rc && local != global)
        rc = aglm_err_set(k->err, -ENOTSUP,
                          "%s: key %s is %" PRIu32 ", in other layers %" PRIu32
                          "; such models cannot be run",
                          aglm_gguf_path(k->file), k->name, local, global);
    return rc;
}

/* Which layers have the window: an array of truth values, or every n-th has not. */
static int read_window_pattern(struct aglm_keys *k, struct aglm_hparams *h)
{
    uint32_t local[AGLM_MAX_LAYERS];
    uint64_t every = h->arch->window_every;
    size_t n = 0;
    const char *suffix = "attention.sliding_window_pattern";
    int rc = aglm_gguf_get_u64(k->file, aglm_keys_name(k, suffix), &every, NULL);
    if (rc == -EINVAL) {
        rc = aglm_keys_array(k, suffix, AGLM_MAX_LAYERS, local, &n);
        if (!rc && n < h->n_layers)
            rc = aglm_err_set(k->err, -EINVAL,
                              "%s: key %s has %zu values, fewer than the %" PRIu32 " layers",
                              aglm_gguf_path(k->file), k->name, n, h->n_layers);
    }
    if (rc && rc != -ENOENT)
        return rc;
    for (uint32_t i = 0; i < h->n_layers; i++)
        if (n ? local[i] != 0 : every == 0 || (i + 1) % every != 0)
            h->local_layers[i / 8] |= (uint8_t)(1u << (i % 8));
    return 0;
}

static int read_window(struct aglm_keys *k, struct aglm_hparams *h)
{
    uint64_t window = 0;
    int rc =
        aglm_gguf_get_u64(k->file, aglm_keys_name(k, "attention.sliding_window"), &window, k->err);
    if (rc && rc != -ENOENT)
        return rc;
    if (window == 0)
        return 0;
    if (!h->arch->window_every) {
        if (window >= h->n_ctx_train)
            return 0; /* never felt */
        return aglm_err_set(k->err, -ENOTSUP,
                            "%s: key %s is %" PRIu64 "; %s with a sliding window cannot be run",
                            aglm_gguf_path(k->file), k->name, window, h->arch->name);
    }
    h->n_window = window < MAX_CTX ? (uint32_t)window : MAX_CTX;
    rc = read_window_pattern(k, h);
    if (!rc)
        rc = aglm_keys_real(k, "rope.freq_base_swa", 1.0f, 1e12f, 10000.0f, &h->rope_theta_local);
    if (!rc)
        rc = check_same_when_local(k, "attention.key_length_swa", h->head_dim);
    if (!rc)
        rc = check_same_when_local(k, "attention.value_length_swa", h->head_dim);
    if (!rc)
        rc = check_same_when_local(k, "rope.dimension_count_swa", h->n_rot);
    return rc;
}

/* Numbers that the architecture itself sets, or a key where it asks for one. */
static int read_scales(struct aglm_keys *k, struct aglm_hparams *h)
{
    const bool even = h->n_layers == h->arch->even_scale_layers;
    h->query_scale = 1.0f / sqrtf((float)(even ? h->n_embd / h->n_heads : h->head_dim));
    h->embd_scale = h->arch->embd_scaled ? sqrtf((float)h->n_embd) : 1.0f;
    h->logit_softcap = 0.0f;
    if (!h->arch->logit_softcap)
        return 0; /* refuse_unknown_arithmetic has seen the key */
    return aglm_keys_real(k, "final_logit_softcapping", 0.0f, 1e6f, 0.0f, &h->logit_softcap);
}

static int read_vocab(struct aglm_keys *k, struct aglm_hparams *h)
{
    const char *path = aglm_gguf_path(k->file);
    const struct aglm_gguf_tensor *t = aglm_gguf_tensor_find(k->file, "token_embd.weight");
    if (!t)
        return aglm_err_set(k->err, -EINVAL,
                            "%s: tensor token_embd.weight is missing; the file is incomplete",
                            path);
    if (t->n_dims > 2 && (t->ne[2] != 1 || t->ne[3] != 1))
        return aglm_err_set(k->err, -EINVAL,
                            "%s: tensor token_embd.weight has %" PRIu32 " dimensions, must have 2",
                            path, t->n_dims);
    if (t->ne[0] != h->n_embd)
        return aglm_err_set(k->err, -EINVAL,
                            "%s: tensor token_embd.weight has rows of %" PRIu64
                            ", key %s.embedding_length says %" PRIu32,
                            path, t->ne[0], k->arch, h->n_embd);
    if (t->ne[1] > MAX_VOCAB)
        return aglm_err_set(k->err, -EINVAL,
                            "%s: tensor token_embd.weight has %" PRIu64 " rows, at most %d can be",
                            path, t->ne[1], MAX_VOCAB);
    h->n_vocab = (uint32_t)t->ne[1];
    return 0;
}

/* Keys that change the arithmetic and that the engine does not know: a value other than the neutral
 * one would be ignored, and the results wrong. */
static int refuse_unknown_arithmetic(struct aglm_keys *k, const struct aglm_arch *arch)
{
    const struct {
        const char *key;
        float neutral;
        bool known; /* to this architecture, and read elsewhere */
    } KEYS[] = {{"rope.scaling.attn_factor", 1.0f, false},
                {"rope.scaling.alpha", 0.0f, false},
                {"attention.clamp_kqv", 0.0f, false},
                {"attention.scale", 0.0f, false},
                {"attention.max_alibi_bias", 0.0f, false},
                {"attention.shared_kv_layers", 0.0f, false},
                {"attention.temperature_scale", 0.0f, false},
                {"attention.value_scale", 1.0f, false},
                {"attention.output_scale", 0.0f, false},
                {"nextn_predict_layers", 0.0f, false},
                {"attn_logit_softcapping", 0.0f, false},
                {"final_logit_softcapping", 0.0f, arch->logit_softcap},
                {"logit_scale", 1.0f, false},
                {"embedding_scale", 1.0f, false},
                {"residual_scale", 1.0f, false}};
    for (size_t i = 0; i < sizeof(KEYS) / sizeof(*KEYS); i++) {
        float value = KEYS[i].neutral;
        const char *key = aglm_keys_name(k, KEYS[i].key);
        int rc = aglm_gguf_get_f32(k->file, key, &value, k->err);
        if (rc && rc != -ENOENT)
            return rc;
        if (value != KEYS[i].neutral && !KEYS[i].known)
            return aglm_err_set(k->err, -ENOTSUP, "%s: key %s is %g; only %g can be run",
                                aglm_gguf_path(k->file), key, (double)value,
                                (double)KEYS[i].neutral);
    }
    return 0;
}

static int refuse_both_ways(struct aglm_keys *k)
{
    bool causal = true;
    int rc = aglm_gguf_get_bool(k->file, aglm_keys_name(k, "attention.causal"), &causal, k->err);
    if (rc && rc != -ENOENT)
        return rc;
    if (!causal)
        return aglm_err_set(k->err, -ENOTSUP, "%s: key %s is false; the model does not write text",
                            aglm_gguf_path(k->file), k->name);
    return 0;
}

static int read_counts(struct aglm_keys *k, struct aglm_hparams *h)
{
    int rc = aglm_keys_count(k, "block_count", AGLM_MAX_LAYERS, 0, &h->n_layers);
    if (!rc)
        rc = aglm_keys_count(k, "embedding_length", MAX_EMBD, 0, &h->n_embd);
    if (!rc)
        rc = aglm_keys_count(k, "feed_forward_length", MAX_FF, 0, &h->n_ff);
    if (!rc)
        rc = aglm_keys_count(k, "context_length", MAX_CTX, 0, &h->n_ctx_train);
    return rc;
}

int aglm_hparams_read(struct aglm_hparams *out, const struct aglm_gguf *file, struct aglm_err *err)
{
    struct aglm_hparams h = {0};
    int rc = read_arch(file, &h.arch, err);
    if (rc)
        return rc;
    struct aglm_keys keys = {.file = file, .arch = h.arch->name, .err = err}, *k = &keys;
    rc = refuse_experts(k);
    if (!rc)
        rc = refuse_unknown_arithmetic(k, h.arch);
    if (!rc)
        rc = refuse_both_ways(k);
    if (!rc)
        rc = read_counts(k, &h);
    if (!rc)
        rc = read_heads(k, &h);
    if (!rc)
        rc = read_rope(k, &h);
    if (!rc)
        rc = read_window(k, &h);
    if (!rc)
        rc = read_scales(k, &h);
    if (!rc)
        rc = aglm_keys_real(k, "attention.layer_norm_rms_epsilon", 1e-20f, 1.0f, NAN, &h.rms_eps);
    if (!rc)
        rc = read_vocab(k, &h);
    if (!rc)
        *out = h;
    return rc;
}

int aglm_hparams_override_ctx(struct aglm_hparams *hp, const char *path, uint32_t n_ctx,
                              struct aglm_err *err)
{
    uint32_t most = hp->n_ctx_train > AGLM_OVERRIDE_CTX ? hp->n_ctx_train : AGLM_OVERRIDE_CTX;
    if (n_ctx < 1 || n_ctx > most)
        return aglm_err_set(err, -EINVAL,
                            "%s: --override-ctx %" PRIu32 ": must be 1 to %" PRIu32
                            " (the file's context is %" PRIu32 ")",
                            path, n_ctx, most, hp->n_ctx_train);
    hp->n_ctx_train = n_ctx;
    return 0;
}
