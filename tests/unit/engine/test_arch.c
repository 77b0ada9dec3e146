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
    enum { U32, F32, TEXT, ARRAY, ABSENT } kind;
    uint32_t u;
    float f;
    const char *text;
    uint32_t array[4]; /* u32 x 4 */
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

static void put_key(struct build *b, const struct key *k)
{
    if (k->kind == U32)
        put_kv_u32(b, k->name, k->u);
    if (k->kind == F32)
        put_kv_f32(b, k->name, k->f);
    if (k->kind == TEXT)
        put_kv_string(b, k->name, k->text);
    if (k->kind == ARRAY) {
        put_string(b, k->name);
        put_u32(b, AGLM_GGUF_ARRAY);
        put_u32(b, AGLM_GGUF_U32);
        put_u64(b, 4);
        put_bytes(b, k->array, sizeof(k->array));
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
    tcase_add_loop_test(tc, nonsense_is_refused, 0, N_BAD);
    tcase_add_test(tc, embedding_must_fit);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
