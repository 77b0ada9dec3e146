/* Hyperparameters: what is read from good metadata, and that nonsense is refused with the key's
 * name and value. */
#include "engine/arch.h"
#include "tests/unit/engine/gguf_build.h"

#include <check.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One key of a test file: a number, a float or a text. */
struct key {
    const char *name;
    enum { U32, F32, TEXT, ARRAY, FLOATS, BOOLS, BOOL, ABSENT } kind;
    uint32_t u;
    float f;
    const char *text;
    uint32_t array[5]; /* n_array of u32 or, for BOOLS, of bool */
    uint32_t n_array;  /* 0: 4 */
};

/* A small model that runs: 4 layers, d 64, 4 heads of 16, 2 for keys, vocabulary 10. */
static const struct key base[] = {
    {"general.architecture", TEXT, .text = "llama"},
    {"llama.block_count", U32, 4},
    {"llama.context_length", U32, 2048},
    {"llama.embedding_length", U32, 64},
    {"llama.feed_forward_length", U32, 96},
    {"llama.attention.head_count", U32, 4},
    {"llama.attention.head_count_kv", U32, 2},
    {"llama.attention.layer_norm_rms_epsilon", F32, .f = 1e-5f},
};

enum { N_BASE = sizeof(base) / sizeof(base[0]) };

/* The architecture whose keys the tests write; "llama." in the tables stands for it. */
static const char *arch = "llama";

static void put_key(struct build *b, const struct key *k)
{
    char name[96];
    const bool ours = strncmp(k->name, "llama.", 6) == 0;
    snprintf(name, sizeof(name), "%s%s", ours ? arch : "", ours ? k->name + 5 : k->name);
    if (k->kind == U32)
        put_kv_u32(b, name, k->u);
    if (k->kind == F32)
        put_kv_f32(b, name, k->f);
    if (k->kind == TEXT)
        put_kv_string(b, name, strcmp(k->text, "llama") == 0 ? arch : k->text);
    const uint32_t n = k->n_array ? k->n_array : 4;
    if (k->kind == BOOL) {
        put_string(b, name);
        put_u32(b, AGLM_GGUF_BOOL);
        put_bytes(b, &(uint8_t){k->u != 0}, 1);
    }
    if (k->kind == ARRAY || k->kind == FLOATS || k->kind == BOOLS) {
        put_string(b, name);
        put_u32(b, AGLM_GGUF_ARRAY);
        put_u32(b, k->kind == ARRAY    ? AGLM_GGUF_U32
                   : k->kind == FLOATS ? AGLM_GGUF_F32
                                       : AGLM_GGUF_BOOL);
        put_u64(b, n);
        for (uint32_t i = 0; i < n; i++)
            put_bytes(b,
                      k->kind == BOOLS ? (const void *)&(uint8_t){k->array[i] != 0}
                                       : (const void *)&k->array[i],
                      k->kind == BOOLS ? 1 : 4);
    }
}

/* The base with keys replaced or added, and token_embd [rows of row]. */
static int read_with(struct aglm_hparams *out, const struct key *changes, size_t n_changes,
                     const char *tensor, uint64_t row, uint64_t rows, struct aglm_err *err)
{
    static struct build b;
    struct key keys[N_BASE + 4];
    size_t n = N_BASE, n_kv = 0;
    memcpy(keys, base, sizeof(base));
    for (size_t c = 0; c < n_changes; c++) {
        size_t i = 0;
        while (i < n && strcmp(keys[i].name, changes[c].name) != 0)
            i++;
        n += i == n;
        keys[i] = changes[c];
    }
    for (size_t i = 0; i < n; i++)
        n_kv += keys[i].kind != ABSENT;
    put_header(&b, 3, 1, n_kv);
    for (size_t i = 0; i < n; i++)
        put_key(&b, &keys[i]);
    put_tensor(&b, tensor, 2, (const uint64_t[]){row, rows}, 1, 0);
    put_data(&b, 32, row * rows * 2);

    struct aglm_gguf *file = NULL;
    uint8_t *copy;
    ck_assert_msg(open_build(&file, &b, &copy, err) == 0, "%s", err->msg);
    int rc = aglm_hparams_read(out, file, err);
    aglm_gguf_close(&file);
    free(copy);
    return rc;
}

static struct aglm_hparams read_good(const struct key *changes, size_t n)
{
    struct aglm_hparams h = {0};
    struct aglm_err err = {0};
    int rc = read_with(&h, changes, n, "token_embd.weight", 64, 10, &err);
    ck_assert_msg(rc == 0, "%s", err.msg);
    return h;
}

START_TEST(names)
{
    ck_assert_str_eq(aglm_arch_find("llama")->name, "llama");
    ck_assert_int_eq(aglm_arch_find("llama")->rope, AGLM_ROPE_NORM);
    ck_assert_int_eq(aglm_arch_find("qwen2")->rope, AGLM_ROPE_NEOX);
    ck_assert(aglm_arch_find("chatglm")->fused_ffn_up);
    ck_assert(!aglm_arch_find("qwen2")->fused_ffn_up);
    ck_assert_ptr_null(aglm_arch_find("glm"));
    ck_assert_ptr_null(aglm_arch_find(""));
    ck_assert_str_eq(aglm_arch_names(), "chatglm, gemma3, glm4, llama, qwen2, qwen3");
}
END_TEST

START_TEST(reads_with_defaults)
{
    struct aglm_hparams h = read_good(NULL, 0);
    ck_assert_str_eq(h.arch->name, "llama");
    ck_assert_uint_eq(h.n_layers, 4);
    ck_assert_uint_eq(h.n_embd, 64);
    ck_assert_uint_eq(h.n_heads, 4);
    ck_assert_uint_eq(h.n_kv_heads, 2);
    ck_assert_uint_eq(h.head_dim, 16);
    ck_assert_uint_eq(h.n_ff, 96);
    ck_assert_uint_eq(h.n_vocab, 10);
    ck_assert_uint_eq(h.n_rot, 16);
    ck_assert_uint_eq(h.n_ctx_train, 2048);
    ck_assert(h.rms_eps == 1e-5f && h.rope_theta == 10000.0f && h.rope_freq_scale == 1.0f);
}
END_TEST

START_TEST(reads_what_is_given)
{
    const struct key changes[] = {
        {"llama.attention.key_length", U32, 32},
        {"llama.attention.value_length", U32, 32},
        {"llama.rope.dimension_count", U32, 8},
        {"llama.rope.freq_base", F32, .f = 5e5f},
    };
    struct aglm_hparams h = read_good(changes, 4);
    ck_assert_uint_eq(h.head_dim, 32);
    ck_assert_uint_eq(h.n_rot, 8);
    ck_assert(h.rope_theta == 5e5f);
    ck_assert_uint_eq(
        read_good(&(struct key){"llama.attention.head_count_kv", ABSENT}, 1).n_kv_heads, 4);
    ck_assert_uint_eq(read_good(&(struct key){"llama.rope.freq_base", U32, 10000}, 1).n_layers, 4);
}
END_TEST

START_TEST(reads_linear_scaling)
{
    const struct key linear[] = {{"llama.rope.scaling.type", TEXT, .text = "linear"},
                                 {"llama.rope.scaling.factor", F32, .f = 4}};
    const struct key none[] = {{"llama.rope.scaling.type", TEXT, .text = "none"},
                               {"llama.rope.scaling.factor", F32, .f = 4}};
    ck_assert(read_good(linear, 2).rope_freq_scale == 0.25f);
    ck_assert(read_good(linear + 1, 1).rope_freq_scale == 0.25f);
    ck_assert(read_good(none, 2).rope_freq_scale == 1.0f);
    ck_assert(read_good(&(struct key){"llama.rope.scale_linear", F32, .f = 2}, 1).rope_freq_scale ==
              0.5f);
    ck_assert(
        read_good(&(struct key){"llama.rope.scaling.factor", F32, .f = 0}, 1).rope_freq_scale ==
        1.0f);
}
END_TEST

START_TEST(reads_uniform_arrays)
{
    const struct key changes[] = {{"llama.attention.head_count_kv", ARRAY, .array = {1, 1, 1, 1}},
                                  {"llama.feed_forward_length", ARRAY, .array = {32, 32, 32, 32}}};
    struct aglm_hparams h = read_good(changes, 2);
    ck_assert_uint_eq(h.n_kv_heads, 1);
    ck_assert_uint_eq(h.n_ff, 32);
}
END_TEST

/* ---- what architectures add ---- */

static struct aglm_hparams read_arch(const char *name, const struct key *changes, size_t n)
{
    arch = name;
    struct aglm_hparams h = read_good(changes, n);
    arch = "llama";
    return h;
}

START_TEST(plain_architectures_are_plain)
{
    static const char *const plain[] = {"chatglm", "llama", "qwen2", "qwen3", "glm4"};
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
        const struct key wide = {"llama.attention.sliding_window", U32, 2048}; /* the context */
        struct aglm_hparams h = read_arch(plain[i], &wide, 1);
        ck_assert_str_eq(h.arch->name, plain[i]);
        ck_assert_int_eq(h.rope, h.arch->rope);
        ck_assert(h.embd_scale == 1 && h.query_scale == 0.25f && h.logit_softcap == 0);
        ck_assert_uint_eq(h.n_window, 0);
        for (uint32_t l = 0; l < h.n_layers; l++)
            ck_assert(!aglm_layer_is_local(&h, l));
    }
}
END_TEST

START_TEST(glm4_sections_choose_the_rotation)
{
    const struct key sections = {"llama.rope.dimension_sections", ARRAY, .array = {2, 3, 3, 0}};
    const struct key three = {"llama.rope.dimension_sections", ARRAY, .array = {2, 3, 3},
                              .n_array = 3};
    const struct key none = {"llama.rope.dimension_sections", ARRAY, .array = {0, 0, 0, 0}};
    ck_assert_int_eq(read_arch("glm4", &sections, 1).rope, AGLM_ROPE_NEOX);
    ck_assert_int_eq(read_arch("glm4", &three, 1).rope, AGLM_ROPE_NEOX);
    ck_assert_int_eq(read_arch("glm4", &none, 1).rope, AGLM_ROPE_NORM);
    ck_assert_int_eq(read_arch("glm4", NULL, 0).rope, AGLM_ROPE_NORM);
    ck_assert(read_arch("glm4", NULL, 0).arch->post_norms);
}
END_TEST

/* Every layer of the model as '1' (a window) or '0'. */
static const char *windows(const struct aglm_hparams *h)
{
    static char text[AGLM_MAX_LAYERS + 1];
    for (uint32_t l = 0; l < h->n_layers; l++)
        text[l] = aglm_layer_is_local(h, l) ? '1' : '0';
    text[h->n_layers] = '\0';
    return text;
}

START_TEST(gemma3_windows)
{
    struct key keys[] = {{"llama.block_count", U32, 13},
                         {"llama.attention.sliding_window", U32, 512},
                         {"llama.attention.sliding_window_pattern", U32, 2},
                         {"llama.rope.freq_base_swa", F32, .f = 500}};
    struct aglm_hparams h = read_arch("gemma3", keys, 2);
    ck_assert_str_eq(windows(&h), "1111101111101");
    ck_assert_uint_eq(h.n_window, 512);
    ck_assert(h.rope_theta_local == 1e4f);
    h = read_arch("gemma3", keys, 4);
    ck_assert_str_eq(windows(&h), "1010101010101");
    ck_assert(h.rope_theta_local == 500);
    keys[2].u = 0;
    h = read_arch("gemma3", keys, 3);
    ck_assert_str_eq(windows(&h), "1111111111111");
    keys[2].u = 1;
    h = read_arch("gemma3", keys, 3);
    ck_assert_str_eq(windows(&h), "0000000000000");
    keys[0].u = 3;
    keys[2] = (struct key){"llama.attention.sliding_window_pattern", BOOLS, .array = {0, 1, 0, 1}};
    h = read_arch("gemma3", keys, 3);
    ck_assert_str_eq(windows(&h), "010");
    keys[2].kind = ARRAY;
    h = read_arch("gemma3", keys, 3);
    ck_assert_str_eq(windows(&h), "010");
    h = read_arch("gemma3", NULL, 0);
    ck_assert_str_eq(windows(&h), "0000");
    ck_assert_uint_eq(h.n_window, 0);
}
END_TEST

START_TEST(gemma3_scales)
{
    const struct key keys[] = {{"llama.attention.key_length", U32, 64},
                               {"llama.attention.value_length", U32, 64},
                               {"llama.final_logit_softcapping", F32, .f = 30},
                               {"llama.block_count", U32, 62}};
    struct aglm_hparams h = read_arch("gemma3", keys, 3);
    ck_assert(h.embd_scale == 8 && h.query_scale == 0.125f && h.logit_softcap == 30);
    ck_assert(h.arch->activation == AGLM_GELU && h.arch->qk_norm && h.arch->post_norms);
    ck_assert(read_arch("gemma3", keys, 4).query_scale == 0.25f); /* the 27B: 64 / 4 */
    ck_assert(read_arch("gemma3", NULL, 0).logit_softcap == 0);
}
END_TEST

START_TEST(context_can_be_overridden)
{
    struct aglm_hparams h = read_good(NULL, 0);
    struct aglm_err e = {0};
    ck_assert_int_eq(aglm_hparams_override_ctx(&h, "test.gguf", 8192, &e), 0);
    ck_assert_uint_eq(h.n_ctx_train, 8192);
    ck_assert_int_eq(aglm_hparams_override_ctx(&h, "test.gguf", 1, &e), 0);
    h = read_good(&(struct key){"llama.context_length", U32, 32768}, 1);
    ck_assert_int_eq(aglm_hparams_override_ctx(&h, "test.gguf", 32768, &e), 0);
    ck_assert_int_eq(aglm_hparams_override_ctx(&h, "test.gguf", 32769, &e), -EINVAL);
    ck_assert_ptr_nonnull(strstr(e.msg, "--override-ctx 32769: must be 1 to 32768"));
    ck_assert_uint_eq(h.n_ctx_train, 32768);
    ck_assert_int_eq(aglm_hparams_override_ctx(&h, "test.gguf", 0, &e), -EINVAL);
}
END_TEST

/* ---- nonsense ---- */

static const struct {
    struct key change;
    int code;
    const char *words;
} bad[] = {
    {{"general.architecture", ABSENT}, -EINVAL, "general.architecture is missing"},
    {{"general.architecture", U32, 1}, -EINVAL, "general.architecture is of type u32"},
    {{"general.architecture", TEXT, .text = "gpt2"},
     -ENOTSUP,
     "\"gpt2\" cannot be run; those that can: chatglm, gemma3, glm4, llama, qwen2, qwen3"},
    {{"split.count", U32, 3}, -ENOTSUP, "3 parts"},
    {{"llama.expert_count", U32, 8}, -ENOTSUP, "llama.expert_count is 8"},
    {{"llama.block_count", ABSENT}, -EINVAL, "llama.block_count is missing"},
    {{"llama.block_count", U32, 0}, -EINVAL, "llama.block_count is 0"},
    {{"llama.block_count", U32, 1025}, -EINVAL, "llama.block_count is 1025"},
    {{"llama.block_count", F32, .f = 4}, -EINVAL, "llama.block_count is of type f32"},
    {{"llama.embedding_length", ABSENT}, -EINVAL, "llama.embedding_length is missing"},
    {{"llama.embedding_length", U32, 0}, -EINVAL, "llama.embedding_length is 0"},
    {{"llama.embedding_length", U32, 1u << 31}, -EINVAL, "llama.embedding_length is 2147483648"},
    {{"llama.embedding_length", U32, 32},
     -EINVAL,
     "has rows of 64, key llama.embedding_length says 32"},
    {{"llama.feed_forward_length", ABSENT}, -EINVAL, "llama.feed_forward_length is missing"},
    {{"llama.feed_forward_length", U32, 0}, -EINVAL, "llama.feed_forward_length is 0"},
    {{"llama.feed_forward_length", U32, UINT32_MAX},
     -EINVAL,
     "llama.feed_forward_length is 4294967295"},
    {{"llama.feed_forward_length", ARRAY, .array = {96, 96, 96, 95}},
     -ENOTSUP,
     "llama.feed_forward_length differs"},
    {{"llama.context_length", ABSENT}, -EINVAL, "llama.context_length is missing"},
    {{"llama.context_length", U32, 0}, -EINVAL, "llama.context_length is 0"},
    {{"llama.attention.head_count", ABSENT}, -EINVAL, "llama.attention.head_count is missing"},
    {{"llama.attention.head_count", U32, 0}, -EINVAL, "llama.attention.head_count is 0"},
    {{"llama.attention.head_count", U32, 100000}, -EINVAL, "llama.attention.head_count is 100000"},
    {{"llama.attention.head_count", ARRAY, .array = {4, 4, 2, 4}},
     -ENOTSUP,
     "llama.attention.head_count differs"},
    {{"llama.attention.head_count_kv", U32, 0}, -EINVAL, "llama.attention.head_count_kv is 0"},
    {{"llama.attention.head_count_kv", U32, 3},
     -EINVAL,
     "llama.attention.head_count is 4, not a multiple of head_count_kv, which is 3"},
    {{"llama.attention.head_count_kv", U32, 8}, -EINVAL, "which is 8"},
    {{"llama.attention.head_count_kv", ARRAY, .array = {0, 0, 0, 0}},
     -EINVAL,
     "head_count_kv is 0"},
    {{"llama.attention.key_length", U32, 0}, -EINVAL, "llama.attention.key_length is 0"},
    {{"llama.attention.key_length", U32, 15}, -EINVAL, "is 15, must be even"},
    {{"llama.attention.key_length", U32, 514}, -EINVAL, "llama.attention.key_length is 514"},
    {{"llama.attention.value_length", U32, 32}, -ENOTSUP, "llama.attention.value_length is 32"},
    {{"llama.rope.dimension_count", U32, 0}, -EINVAL, "llama.rope.dimension_count is 0"},
    {{"llama.rope.dimension_count", U32, 7}, -EINVAL, "llama.rope.dimension_count is 7"},
    {{"llama.rope.dimension_count", U32, 18}, -EINVAL, "llama.rope.dimension_count is 18"},
    {{"llama.rope.freq_base", F32, .f = 0}, -EINVAL, "llama.rope.freq_base is 0"},
    {{"llama.rope.freq_base", F32, .f = -1e4f}, -EINVAL, "llama.rope.freq_base is -10000"},
    {{"llama.rope.freq_base", F32, .f = NAN}, -EINVAL, "llama.rope.freq_base is nan"},
    {{"llama.rope.freq_base", F32, .f = INFINITY}, -EINVAL, "llama.rope.freq_base is inf"},
    {{"llama.rope.freq_base", TEXT, .text = "10000"},
     -EINVAL,
     "llama.rope.freq_base is of type string"},
    {{"llama.rope.scaling.type", TEXT, .text = "yarn"},
     -ENOTSUP,
     "llama.rope.scaling.type is \"yarn\""},
    {{"llama.rope.scaling.type", U32, 1}, -EINVAL, "llama.rope.scaling.type is of type u32"},
    {{"llama.rope.scaling.factor", F32, .f = -2}, -EINVAL, "llama.rope.scaling.factor is -2"},
    {{"llama.rope.scaling.factor", F32, .f = NAN}, -EINVAL, "llama.rope.scaling.factor is nan"},
    {{"llama.rope.scaling.factor", F32, .f = 1e-30f},
     -EINVAL,
     "llama.rope.scaling.factor is 1e-30"},
    {{"llama.attention.layer_norm_rms_epsilon", ABSENT},
     -EINVAL,
     "layer_norm_rms_epsilon is missing"},
    {{"llama.attention.layer_norm_rms_epsilon", F32, .f = 0},
     -EINVAL,
     "layer_norm_rms_epsilon is 0"},
    {{"llama.attention.layer_norm_rms_epsilon", F32, .f = -1},
     -EINVAL,
     "layer_norm_rms_epsilon is -1"},
    {{"llama.attention.layer_norm_rms_epsilon", F32, .f = NAN},
     -EINVAL,
     "layer_norm_rms_epsilon is nan"},
    {{"llama.attention.layer_norm_rms_epsilon", F32, .f = INFINITY},
     -EINVAL,
     "layer_norm_rms_epsilon is inf"},
    {{"llama.attention.sliding_window", U32, 512},
     -ENOTSUP,
     "llama.attention.sliding_window is 512"},
    {{"llama.attention.sliding_window", F32, .f = 512}, -EINVAL, "sliding_window is of type f32"},
    {{"llama.attention.causal", BOOL, 0}, -ENOTSUP, "llama.attention.causal is false"},
    {{"llama.rope.dimension_sections", ARRAY, .array = {2, 3, 3, 0}},
     -ENOTSUP,
     "llama.rope.dimension_sections is there"},
    {{"llama.rope.scaling.type", TEXT, .text = "longrope"}, -ENOTSUP, "\"longrope\""},
    {{"llama.rope.scaling.alpha", F32, .f = 1000}, -ENOTSUP, "rope.scaling.alpha is 1000"},
    {{"llama.attn_logit_softcapping", F32, .f = 50}, -ENOTSUP, "attn_logit_softcapping is 50"},
    {{"llama.final_logit_softcapping", F32, .f = 30}, -ENOTSUP, "final_logit_softcapping is 30"},
    {{"llama.final_logit_softcapping", F32, .f = NAN}, -ENOTSUP, "final_logit_softcapping is nan"},
    {{"llama.nextn_predict_layers", U32, 1}, -ENOTSUP, "llama.nextn_predict_layers is 1"},
    {{"llama.attention.max_alibi_bias", F32, .f = 8}, -ENOTSUP, "max_alibi_bias is 8"},
    {{"llama.attention.temperature_scale", F32, .f = 0.1f}, -ENOTSUP, "temperature_scale is 0.1"},
};

enum { N_BAD = sizeof(bad) / sizeof(bad[0]) };

static void expect(int rc, int code, const struct aglm_err *err, const char *words)
{
    ck_assert_msg(rc == code, "%s: returned %d (%s)", words, rc, err->msg);
    ck_assert_int_eq(err->code, code);
    ck_assert_msg(strncmp(err->msg, "test.gguf: ", 11) == 0, "no file name: %s", err->msg);
    ck_assert_msg(strstr(err->msg, words) != NULL, "\"%s\" is not in: %s", words, err->msg);
}

START_TEST(nonsense_is_refused)
{
    struct aglm_hparams h, untouched;
    struct aglm_err err = {0};
    memset(&h, 0x5a, sizeof(h));
    memcpy(&untouched, &h, sizeof(h));
    int rc = read_with(&h, &bad[_i].change, 1, "token_embd.weight", 64, 10, &err);
    expect(rc, bad[_i].code, &err, bad[_i].words);
    ck_assert_int_eq(memcmp(&h, &untouched, sizeof(h)), 0);
    if (_i == 0)
        printf("arch: %d nonsensical metadata\n", N_BAD);
}
END_TEST

static const struct {
    const char *arch;
    struct key change;
    int code;
    const char *words;
} bad_for[] = {
    {"glm4",
     {"llama.rope.dimension_sections", ARRAY, .array = {2, 3, 2, 0}},
     -ENOTSUP,
     "glm4.rope.dimension_sections is 2, 3, 2, 0; only three parts that add up to 8"},
    {"glm4",
     {"llama.rope.dimension_sections", ARRAY, .array = {2, 3, 2, 1}},
     -ENOTSUP,
     "2, 3, 2, 1"},
    {"glm4",
     {"llama.rope.dimension_sections", ARRAY, .array = {0, 4, 4, 0}},
     -ENOTSUP,
     "0, 4, 4, 0"},
    {"glm4",
     {"llama.rope.dimension_sections", ARRAY, .array = {8, 0, 0, 0}},
     -ENOTSUP,
     "8, 0, 0, 0"},
    {"glm4",
     {"llama.rope.dimension_sections", ARRAY, .array = {UINT32_MAX, 9, 0, 0}},
     -ENOTSUP,
     "4294967295, 9"},
    {"glm4",
     {"llama.rope.dimension_sections", ARRAY, .array = {2, 3, 3, 0, 0}, .n_array = 5},
     -EINVAL,
     "glm4.rope.dimension_sections has 5 values, at most 4"},
    {"glm4",
     {"llama.rope.dimension_sections", FLOATS, .array = {2, 3, 3, 0}},
     -EINVAL,
     "neither u32, i32 nor bool"},
    {"glm4",
     {"llama.rope.dimension_sections", U32, 8},
     -EINVAL,
     "glm4.rope.dimension_sections is of type u32"},
    {"gemma3",
     {"llama.attention.sliding_window_pattern", BOOLS, .array = {1, 1, 1}, .n_array = 3},
     -EINVAL,
     "gemma3.attention.sliding_window_pattern has 3 values, fewer than the 4 layers"},
    {"gemma3",
     {"llama.attention.sliding_window_pattern", TEXT, .text = "local"},
     -EINVAL,
     "gemma3.attention.sliding_window_pattern is of type string"},
    {"gemma3",
     {"llama.attention.key_length_swa", U32, 32},
     -ENOTSUP,
     "gemma3.attention.key_length_swa is 32, in other layers 16"},
    {"gemma3", {"llama.attention.value_length_swa", U32, 0}, -EINVAL, "value_length_swa is 0"},
    {"gemma3", {"llama.rope.dimension_count_swa", U32, 8}, -ENOTSUP, "dimension_count_swa is 8"},
    {"gemma3", {"llama.rope.freq_base_swa", F32, .f = 0}, -EINVAL, "rope.freq_base_swa is 0"},
    {"gemma3", {"llama.rope.freq_base_swa", F32, .f = NAN}, -EINVAL, "rope.freq_base_swa is nan"},
    {"gemma3", {"llama.final_logit_softcapping", F32, .f = -30}, -EINVAL, "softcapping is -30"},
    {"gemma3", {"llama.final_logit_softcapping", F32, .f = NAN}, -EINVAL, "softcapping is nan"},
    {"gemma3", {"llama.attn_logit_softcapping", F32, .f = 50}, -ENOTSUP, "softcapping is 50"},
};

enum { N_BAD_FOR = sizeof(bad_for) / sizeof(bad_for[0]) };

START_TEST(nonsense_of_architectures_is_refused)
{
    const struct key changes[] = {{"llama.attention.sliding_window", U32, 512}, bad_for[_i].change};
    const bool windowed = strcmp(bad_for[_i].arch, "gemma3") == 0;
    struct aglm_hparams h;
    struct aglm_err err = {0};
    arch = bad_for[_i].arch;
    int rc = read_with(&h, changes + !windowed, 1 + windowed, "token_embd.weight", 64, 10, &err);
    expect(rc, bad_for[_i].code, &err, bad_for[_i].words);
}
END_TEST

START_TEST(embedding_must_fit)
{
    struct aglm_hparams h;
    struct aglm_err err = {0};
    expect(read_with(&h, NULL, 0, "token_embd.weigh", 64, 10, &err), -EINVAL, &err,
           "token_embd.weight is missing");
    expect(read_with(&h, NULL, 0, "token_embd.weight", 32, 10, &err), -EINVAL, &err, "rows of 32");
    struct key odd = {"llama.attention.head_count", U32, 3}; /* 64 / 3 */
    struct key kv = {"llama.attention.head_count_kv", U32, 3};
    const struct key both[] = {odd, kv};
    expect(read_with(&h, both, 2, "token_embd.weight", 64, 10, &err), -EINVAL, &err,
           "key_length is missing");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("arch");
    TCase *tc = tcase_create("arch");
    tcase_add_test(tc, names);
    tcase_add_test(tc, reads_with_defaults);
    tcase_add_test(tc, reads_what_is_given);
    tcase_add_test(tc, reads_linear_scaling);
    tcase_add_test(tc, reads_uniform_arrays);
    tcase_add_test(tc, plain_architectures_are_plain);
    tcase_add_test(tc, glm4_sections_choose_the_rotation);
    tcase_add_test(tc, gemma3_windows);
    tcase_add_test(tc, gemma3_scales);
    tcase_add_test(tc, context_can_be_overridden);
    tcase_add_loop_test(tc, nonsense_is_refused, 0, N_BAD);
    tcase_add_loop_test(tc, nonsense_of_architectures_is_refused, 0, N_BAD_FOR);
    tcase_add_test(tc, embedding_must_fit);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
