/* config.json of a Hugging Face folder; see config.h. */
#include "engine/convert/config.h"
#include "engine/convert/names.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    MAX_LAYERS = 1024,
    MAX_EMBD = 1 << 16, /* these limits are the engine's (engine/arch.c) */
    MAX_WIDTH = 1 << 20,
    MAX_HEADS = 1024,
    MAX_VOCAB = 1 << 24,
    MAX_CTX = 1 << 28,
    FULL_EVERY = 6, /* Gemma 3: layers with a window, then one without */
};

/* What the config says and only one value of which can be converted. */
static void refuse_unless(struct aglm_json_reader *r, const char *key, bool ok, const char *why)
{
    if (!r->rc && !ok)
        r->rc = aglm_err_set(r->err, -ENOTSUP, "%s: key \"%s\": %s", r->file, key, why);
}

static void refuse_unless_bool(struct aglm_json_reader *r, const char *key, bool must)
{
    bool value = must;
    aglm_json_bool(r, key, must, &value);
    refuse_unless(r, key, value == must,
                  must ? "only true can be converted" : "only false can be converted");
}

static void read_activation(struct aglm_json_reader *r, const struct aglm_hf_arch *arch)
{
    static const char *const KEYS[] = {"hidden_activation", "hidden_act"};
    for (size_t i = 0; i < 2; i++) {
        const char *value = NULL;
        aglm_json_string(r, KEYS[i], NULL, &value);
        if (!r->rc && value) {
            refuse_unless(r, KEYS[i], strcmp(value, arch->activation) == 0,
                          "an activation that this architecture does not have here");
            return;
        }
    }
}

/* ---- positions ---- */

static void read_sections(struct aglm_json_reader *r, const cJSON *list, struct aglm_hf_config *c)
{
    const cJSON *item;
    uint64_t sum = 0, value;
    unsigned n = 0;
    if (r->rc || !list)
        return;
    cJSON_ArrayForEach(item, list)
    {
        if (n == 3 || aglm_json_whole(item, &value) != 0 || value > MAX_HEADS) {
            n = 0;
            break;
        }
        c->sections[n++] = (uint32_t)value;
        sum += value;
    }
    if (!cJSON_IsArray(list) || n != 3 || sum != c->n_rot / 2 || c->sections[0] == 0 ||
        c->sections[1] == 0)
        r->rc = aglm_err_set(r->err, -EINVAL,
                             "%s: key \"mrope_section\" must be three whole numbers whose sum is "
                             "%u, half of the rotated dimensions",
                             r->file, c->n_rot / 2);
}

/* r: the object that says how positions are scaled. */
static void read_scaling(struct aglm_json_reader *r, struct aglm_hf_config *c)
{
    static const double LOW = 1.0, HIGH = 4.0;
    const char *type = NULL;
    aglm_json_string(r, "rope_type", NULL, &type);
    if (!r->rc && !type)
        aglm_json_string(r, "type", "default", &type);
    if (r->rc || strcmp(type, "default") == 0 || strcmp(type, "mrope") == 0)
        return;
    if (strcmp(type, "linear") == 0) {
        c->rope = AGLM_HF_ROPE_LINEAR;
        aglm_json_real(r, "factor", 1e-3, 1e6, NULL, &c->rope_factor);
    } else if (strcmp(type, "llama3") == 0 && c->arch->llama3_rope) {
        c->rope = AGLM_HF_ROPE_LLAMA3;
        aglm_json_real(r, "factor", 1e-3, 1e6, NULL, &c->rope_factor);
        aglm_json_real(r, "low_freq_factor", 1e-3, 1e6, &LOW, &c->rope_low_freq);
        aglm_json_real(r, "high_freq_factor", 1e-3, 1e6, &HIGH, &c->rope_high_freq);
        aglm_json_u32(r, "original_max_position_embeddings", 1, MAX_CTX, NULL, &c->rope_n_ctx);
        if (!r->rc && !(c->rope_high_freq > c->rope_low_freq))
            r->rc = aglm_err_set(r->err, -EINVAL,
                                 "%s: key \"high_freq_factor\" must be larger than "
                                 "\"low_freq_factor\"",
                                 r->file);
    } else {
        r->rc = aglm_err_set(r->err, -ENOTSUP,
                             "%s: rope scaling \"%.40s\" cannot be converted for this "
                             "architecture; linear%s can",
                             r->file, type, c->arch->llama3_rope ? " and llama3" : "");
    }
}

/* Angles and the rotated part. Newer files have all of it in "rope_parameters" (Gemma: one for each
 * kind of layer), older ones in single keys and "rope_scaling". */
static void read_rope(struct aglm_json_reader *r, struct aglm_hf_config *c)
{
    const struct aglm_hf_arch *arch = c->arch;
    const cJSON *parameters = aglm_json_get(r->object, "rope_parameters");
    const cJSON *full = aglm_json_get(parameters, "full_attention");
    const cJSON *local = aglm_json_get(parameters, "sliding_attention");
    const cJSON *scaling = aglm_json_get(r->object, "rope_scaling");
    double theta = arch->windows ? 1e6 : 1e4, window_theta = 1e4, rotated = arch->rotated;
    aglm_json_real(r, "rope_theta", 1.0, 1e12, &theta, &theta);
    aglm_json_real(r, "rope_local_base_freq", 1.0, 1e12, &window_theta, &window_theta);
    aglm_json_real(r, "partial_rotary_factor", 1e-3, 1.0, &rotated, &rotated);
    const cJSON *own = full ? full : parameters ? parameters : scaling;
    struct aglm_json_reader p = {.file = r->file, .object = own, .err = r->err, .rc = r->rc};
    if (own && !cJSON_IsObject(own))
        p.rc =
            aglm_err_set(p.err, -EINVAL, "%s: key \"%s\" must be an object", p.file, own->string);
    aglm_json_real(&p, "rope_theta", 1.0, 1e12, &theta, &c->rope_theta);
    aglm_json_real(&p, "partial_rotary_factor", 1e-3, 1.0, &rotated, &rotated);
    if (!p.rc && own)
        read_scaling(&p, c);
    p.object = local;
    aglm_json_real(&p, "rope_theta", 1.0, 1e12, &window_theta, &c->window_theta);
    r->rc = p.rc;
    if (r->rc)
        return;
    c->n_rot = (uint32_t)(c->head_dim * rotated);
    if (c->n_rot < 2 || c->n_rot % 2 || (arch->rotated >= 1.0 && c->n_rot != c->head_dim))
        r->rc = aglm_err_set(r->err, -ENOTSUP,
                             "%s: %g of head_dim %u is rotated; this architecture cannot be "
                             "converted with that",
                             r->file, rotated, c->head_dim);
    if (strcmp(arch->gguf, "glm4") == 0)
        read_sections(r, aglm_json_get(own, "mrope_section"), c);
}

/* ---- Gemma's windows ---- */

static bool is_regular(const cJSON *types)
{
    const cJSON *item;
    unsigned i = 0;
    cJSON_ArrayForEach(item, types)
    {
        const char *must = ++i % FULL_EVERY ? "sliding_attention" : "full_attention";
        if (!cJSON_IsString(item) || strcmp(item->valuestring, must) != 0)
            return false;
    }
    return cJSON_IsArray(types);
}

static void read_windows(struct aglm_json_reader *r, struct aglm_hf_config *c)
{
    static const uint32_t EVERY = FULL_EVERY;
    static const double SCALAR = 256.0, NONE = 0.0;
    const cJSON *types = aglm_json_get(r->object, "layer_types");
    uint32_t every = EVERY;
    double scalar = 0.0;
    if (!c->arch->windows) {
        refuse_unless_bool(r, "use_sliding_window", false);
        return;
    }
    aglm_json_u32(r, "sliding_window", 1, MAX_CTX, NULL, &c->window);
    aglm_json_u32(r, "sliding_window_pattern", 1, MAX_LAYERS, &EVERY, &every);
    refuse_unless(r, types ? "layer_types" : "sliding_window_pattern",
                  types ? is_regular(types) : every == EVERY,
                  "only a full layer after every five with a window can be converted");
    aglm_json_real(r, "query_pre_attn_scalar", 1e-3, 1e6, &SCALAR, &scalar);
    uint32_t expected = c->n_layers == 62 ? c->n_embd / c->n_heads : c->head_dim;
    refuse_unless(r, "query_pre_attn_scalar", scalar == (double)expected,
                  "only the width of a head can be converted");
    refuse_unless(r, "attn_logit_softcapping", !aglm_json_get(r->object, "attn_logit_softcapping"),
                  "this cannot be converted");
    refuse_unless_bool(r, "use_bidirectional_attention", false);
    aglm_json_real(r, "final_logit_softcapping", 0.0, 1e6, &NONE, &c->logit_softcap);
}

/* ---- the whole ---- */

static void read_head_dim(struct aglm_json_reader *r, const char *key, struct aglm_hf_config *c)
{
    uint32_t usual = c->arch->head_dim;
    if (r->rc)
        return;
    if (!usual)
        usual = c->n_embd / c->n_heads;
    if (!aglm_json_get(r->object, key) && !c->arch->head_dim && c->n_embd % c->n_heads)
        r->rc = aglm_err_set(r->err, -EINVAL,
                             "%s: key \"%s\" is missing, and %u heads do not divide the width %u",
                             r->file, key, c->n_heads, c->n_embd);
    aglm_json_u32(r, key, 2, MAX_WIDTH, &usual, &c->head_dim);
}

static void check_heads(struct aglm_json_reader *r, const struct aglm_hf_config *c)
{
    if (!r->rc && (c->n_kv_heads > c->n_heads || c->n_heads % c->n_kv_heads ||
                   (uint64_t)c->n_heads * c->head_dim > MAX_WIDTH))
        r->rc = aglm_err_set(r->err, -EINVAL,
                             "%s: %u query heads of %u cannot share %u key-value heads", r->file,
                             c->n_heads, c->head_dim, c->n_kv_heads);
}

static void read_usual(struct aglm_json_reader *r, struct aglm_hf_config *c)
{
    aglm_json_u32(r, "num_hidden_layers", 1, MAX_LAYERS, NULL, &c->n_layers);
    aglm_json_u32(r, "hidden_size", 1, MAX_EMBD, NULL, &c->n_embd);
    aglm_json_u32(r, "num_attention_heads", 1, MAX_HEADS, NULL, &c->n_heads);
    aglm_json_u32(r, "num_key_value_heads", 1, MAX_HEADS, &c->n_heads, &c->n_kv_heads);
    aglm_json_u32(r, "intermediate_size", 1, MAX_WIDTH, NULL, &c->n_ff);
    aglm_json_u32(r, "vocab_size", 1, MAX_VOCAB, NULL, &c->n_vocab);
    aglm_json_u32(r, "max_position_embeddings", 1, MAX_CTX, NULL, &c->n_ctx);
    aglm_json_real(r, "rms_norm_eps", 1e-20, 1.0, NULL, &c->rms_eps);
    read_head_dim(r, "head_dim", c);
    check_heads(r, c);
    read_activation(r, c->arch);
    read_rope(r, c);
    read_windows(r, c);
}

/* ChatGLM's own code: other words, and switches for what only older models had. */
static void read_chatglm(struct aglm_json_reader *r, struct aglm_hf_config *c)
{
    static const double ONE = 1.0;
    double ratio = 1.0;
    aglm_json_u32(r, "num_layers", 1, MAX_LAYERS, NULL, &c->n_layers);
    aglm_json_u32(r, "hidden_size", 1, MAX_EMBD, NULL, &c->n_embd);
    aglm_json_u32(r, "num_attention_heads", 1, MAX_HEADS, NULL, &c->n_heads);
    aglm_json_u32(r, "multi_query_group_num", 1, MAX_HEADS, NULL, &c->n_kv_heads);
    aglm_json_u32(r, "ffn_hidden_size", 1, MAX_WIDTH, NULL, &c->n_ff);
    aglm_json_u32(r, "padded_vocab_size", 1, MAX_VOCAB, NULL, &c->n_vocab);
    aglm_json_u32(r, "seq_length", 1, MAX_CTX, NULL, &c->n_ctx);
    aglm_json_real(r, "layernorm_epsilon", 1e-20, 1.0, NULL, &c->rms_eps);
    aglm_json_real(r, "rope_ratio", 1e-3, 1e9, &ONE, &ratio);
    read_head_dim(r, "kv_channels", c);
    check_heads(r, c);
    bool shared = false;
    aglm_json_bool(r, "multi_query_attention", false, &shared);
    refuse_unless(r, "multi_query_attention", shared, "only true can be converted");
    refuse_unless_bool(r, "rmsnorm", true);
    refuse_unless_bool(r, "post_layer_norm", true);
    refuse_unless_bool(r, "original_rope", true);
    refuse_unless_bool(r, "add_bias_linear", false);
    refuse_unless_bool(r, "apply_residual_connection_post_layernorm", false);
    if (r->rc)
        return;
    c->rope_theta = 1e4 * ratio;
    c->n_rot = c->head_dim / 2;
    if (c->n_rot % 2)
        r->rc = aglm_err_set(r->err, -EINVAL, "%s: key \"kv_channels\" must be a multiple of 4",
                             r->file);
}

static int find_arch(const struct aglm_hf_arch **out, const cJSON *root, const char *file,
                     struct aglm_err *err)
{
    const cJSON *list = aglm_json_get(root, "architectures");
    const cJSON *first = cJSON_IsArray(list) ? list->child : NULL;
    if (!cJSON_IsString(first))
        return aglm_err_set(err, -EINVAL,
                            "%s: key \"architectures\" is missing or no list of names; is this the "
                            "config.json of a Hugging Face model?",
                            file);
    *out = aglm_hf_arch_find(first->valuestring);
    if (!*out)
        return aglm_err_set(err, -ENOTSUP,
                            "%s: architecture \"%.60s\" cannot be converted; these can: %s", file,
                            first->valuestring, aglm_hf_arch_names());
    return 0;
}

static void read_name(struct aglm_hf_config *c, const cJSON *root)
{
    const cJSON *item = aglm_json_get(root, "_name_or_path");
    const char *path = cJSON_IsString(item) ? item->valuestring : "";
    const char *slash = strrchr(path, '/');
    snprintf(c->name, sizeof(c->name), "%s", slash ? slash + 1 : path);
}

int aglm_hf_config_read(struct aglm_hf_config *out, const cJSON *root, const char *file,
                        struct aglm_err *err)
{
    struct aglm_hf_config c = {0};
    struct aglm_json_reader r = {.file = file, .object = root, .err = err};
    r.rc = find_arch(&c.arch, root, file, err);
    if (r.rc)
        return r.rc;
    read_name(&c, root);
    refuse_unless(&r, "quantization_config", !aglm_json_get(root, "quantization_config"),
                  "the weights are quantized already; give the folder of the original model");
    aglm_json_bool(&r, "tie_word_embeddings", c.arch->tied, &c.tied);
    if (c.arch->text_config) {
        r.object = aglm_json_get(root, "text_config");
        if (!r.rc && !cJSON_IsObject(r.object))
            r.rc =
                aglm_err_set(err, -EINVAL, "%s: key \"text_config\" is missing or no object", file);
        aglm_json_bool(&r, "tie_word_embeddings", c.tied, &c.tied);
    }
    if (c.arch->chatglm_keys)
        read_chatglm(&r, &c);
    else
        read_usual(&r, &c);
    c.tied = c.tied || c.arch->output_unused;
    if (!r.rc)
        *out = c;
    return r.rc;
}

/* Wavelengths shorter than n_ctx / high stay, longer than n_ctx / low are stretched by the factor,
 * in between the frequencies are blended: "llama3" in the transformers library's
 * modeling_rope_utils. */
void aglm_hf_rope_freqs(const struct aglm_hf_config *c, float *out)
{
    const double n_ctx = c->rope_n_ctx, pi = 3.14159265358979323846;
    for (uint32_t i = 0; i < c->n_rot / 2; i++) {
        double frequency = pow(c->rope_theta, -2.0 * i / c->n_rot);
        double length = 2.0 * pi / frequency, divisor;
        if (length < n_ctx / c->rope_high_freq) {
            divisor = 1.0;
        } else if (length > n_ctx / c->rope_low_freq) {
            divisor = c->rope_factor;
        } else {
            double smooth =
                (n_ctx / length - c->rope_low_freq) / (c->rope_high_freq - c->rope_low_freq);
            divisor = 1.0 / ((1.0 - smooth) / c->rope_factor + smooth);
        }
        out[i] = (float)divisor;
    }
}
