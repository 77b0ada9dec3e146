/* Vocabularies that are damaged or made to harm: one clear error each. */
#include "engine/text/tokenizer.h"
#include "tests/unit/engine/gguf_build.h"

#include <check.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Each case is a good vocabulary with something written over. */
#pragma GCC diagnostic ignored "-Woverride-init"

enum { MAX = 8 };

/* A file; what is NULL or 0 is left out. */
struct vocabulary {
    const char *model, *pre;
    const char *tokens[MAX];
    size_t n_tokens;
    int32_t types[MAX];
    size_t n_types;
    float scores[MAX];
    size_t n_scores;
    const char *merges[MAX];
    size_t n_merges;
    int bos; /* + 1 */
    bool add_bos, scores_as_text, tokens_as_numbers, merges_as_number;
};

#define KEY "tokenizer.ggml."

static void put_array(struct build *b, const char *key, uint32_t type, uint64_t n)
{
    put_string(b, key);
    put_u32(b, AGLM_GGUF_ARRAY);
    put_u32(b, type);
    put_u64(b, n);
}

static void put_strings(struct build *b, const char *key, const char *const *strings, size_t n)
{
    put_array(b, key, AGLM_GGUF_STRING, n);
    for (size_t i = 0; i < n; i++)
        put_string(b, strings[i]);
}

/* The keys, counted for the header, which comes first. */
static uint64_t put_keys(struct build *b, const struct vocabulary *v)
{
    uint64_t n = 0;
    if (v->model && ++n)
        put_kv_string(b, KEY "model", v->model);
    if (v->pre && ++n)
        put_kv_string(b, KEY "pre", v->pre);
    if (v->tokens_as_numbers && ++n) {
        put_array(b, KEY "tokens", AGLM_GGUF_I32, 1);
        put_u32(b, 1);
    } else if (v->n_tokens && ++n) {
        put_strings(b, KEY "tokens", v->tokens, v->n_tokens);
    }
    if (v->n_types && ++n) {
        put_array(b, KEY "token_type", AGLM_GGUF_I32, v->n_types);
        put_bytes(b, v->types, v->n_types * sizeof(v->types[0]));
    }
    if (v->scores_as_text && ++n) {
        put_kv_string(b, KEY "scores", "high");
    } else if (v->n_scores && ++n) {
        put_array(b, KEY "scores", AGLM_GGUF_F32, v->n_scores);
        put_bytes(b, v->scores, v->n_scores * sizeof(v->scores[0]));
    }
    if (v->merges_as_number && ++n)
        put_kv_u32(b, KEY "merges", 3);
    else if (v->n_merges && ++n)
        put_strings(b, KEY "merges", v->merges, v->n_merges);
    if (v->bos && ++n)
        put_kv_u32(b, KEY "bos_token_id", (uint32_t)v->bos - 1);
    if (v->add_bos && ++n) {
        put_string(b, KEY "add_bos_token");
        put_u32(b, AGLM_GGUF_BOOL);
        put_u8(b, 1);
    }
    return n;
}

static int open_vocabulary(struct aglm_tokenizer **out, const struct vocabulary *v,
                           struct aglm_err *err)
{
    static struct build b;
    struct aglm_gguf *file = NULL;
    uint8_t *copy = NULL;
    put_header(&b, 3, 0, 0);
    uint64_t n = put_keys(&b, v);
    memcpy(b.bytes + 16, &n, sizeof(n));
    ck_assert_msg(open_build(&file, &b, &copy, err) == 0, "%s", err->msg);
    int rc = aglm_tokenizer_open(out, file, err);
    aglm_gguf_close(&file);
    free(copy);
    return rc;
}

/* Good: a, b, ab, <|x|>. */
#define BPE                                                                             \
    .model = "gpt2", .pre = "glm4", .tokens = {"a", "b", "ab", "<|x|>"}, .n_tokens = 4, \
    .types = {1, 1, 1, 3}, .n_types = 4, .merges = {"a b"}, .n_merges = 1
#define SPM                                                                   \
    .model = "llama", .tokens = {"<unk>", "<s>", "</s>", "a"}, .n_tokens = 4, \
    .types = {2, 3, 3, 1}, .n_types = 4, .scores = {0}, .n_scores = 4

static const struct {
    struct vocabulary v;
    int code;
    const char *says;
} CASES[] = {
    {{.model = NULL}, -ENOENT, "has no vocabulary"},
    {{.model = "no_vocab"}, -ENOENT, "has no vocabulary"},
    {{.model = "gpt2"}, -ENOENT, "tokenizer.ggml.tokens is missing"},
    {{.model = "bert", .tokens = {"a"}, .n_tokens = 1}, -ENOTSUP, "known are gpt2 and llama"},
    {{.model = "gpt2", .pre = "tekken"}, -ENOTSUP, "tokenizer.ggml.pre is 'tekken'; known are"},
    {{BPE, .tokens_as_numbers = true}, -EINVAL, "tokens is not an array of strings"},
    {{.model = "gpt2", .tokens = {"a"}, .n_tokens = 1}, -EINVAL, "merges is missing"},
    {{BPE, .n_merges = 0, .merges_as_number = true}, -EINVAL, "tokenizer.ggml.merges"},
    {{BPE, .tokens = {"a", "b", "ab", "a"}}, -EINVAL, "0 and 3 are both 'a'"},
    {{BPE, .n_types = 3}, -EINVAL, "token_type has 3 entries for 4 tokens"},
    {{BPE, .types = {1, 1, 7, 3}}, -EINVAL, "token 2 has type 7"},
    {{BPE, .types = {1, -1, 1, 3}}, -EINVAL, "token 1 has type -1"},
    {{BPE, .types = {1, 6, 1, 3}}, -EINVAL, "byte token 1 is not of the form"},
    {{BPE, .merges = {"ab"}}, -EINVAL, "entry 0, 'ab', is not two texts"},
    {{BPE, .merges = {"a "}}, -EINVAL, "is not two texts"},
    {{BPE, .merges = {""}}, -EINVAL, "is not two texts"},
    {{BPE, .merges = {"a c"}}, -EINVAL, "'a c', joins what is no token"},
    {{BPE, .merges = {"b a"}}, -EINVAL, "'b a', makes what is no token"},
    {{BPE, .merges = {"ab <|x|>"}}, -EINVAL, "makes what is no token"},
    {{BPE, .bos = 5}, -EINVAL, "bos_token_id is 4, but there are 4 tokens"},
    {{BPE, .add_bos = true}, -EINVAL, "bos_token_id is missing"},
    {{SPM, .n_scores = 0}, -EINVAL, "scores is missing"},
    {{SPM, .n_scores = 2}, -EINVAL, "scores has 2 entries for 4 tokens"},
    {{SPM, .scores_as_text = true}, -EINVAL, "tokenizer.ggml.scores"},
    {{SPM, .scores = {0, NAN}}, -EINVAL, "that of token 1 is NaN"},
};

START_TEST(test_refused)
{
    struct aglm_tokenizer *t = NULL;
    struct aglm_err err = {0};
    int rc = open_vocabulary(&t, &CASES[_i].v, &err);
    ck_assert_msg(rc == CASES[_i].code, "case %d: %d %s", _i, rc, err.msg);
    ck_assert_ptr_null(t);
    ck_assert_msg(strstr(err.msg, CASES[_i].says) != NULL, "case %d: %s", _i, err.msg);
    ck_assert_int_eq(strncmp(err.msg, "test.gguf: ", 4), 0);
}
END_TEST

static void check_ids(const struct aglm_tokenizer *t, const char *text, const int32_t *want,
                      size_t n)
{
    struct aglm_tokens tokens = {0};
    ck_assert_int_eq(
        aglm_tokenizer_encode(t, text, strlen(text), AGLM_TOKENIZE_SPECIAL, &tokens, NULL), 0);
    ck_assert_uint_eq(tokens.n, n);
    for (size_t i = 0; i < n; i++)
        ck_assert_int_eq(tokens.ids[i], want[i]);
    aglm_tokens_finish(&tokens);
}

START_TEST(test_good)
{
    const struct vocabulary bpe = {BPE}, spm = {SPM};
    struct aglm_tokenizer *t = NULL;
    struct aglm_err err = {0};
    ck_assert_msg(open_vocabulary(&t, &bpe, &err) == 0, "%s", err.msg);
    check_ids(t, "ab<|x|>ba", (const int32_t[]){2, 3, 1, 0}, 4);
    aglm_tokenizer_close(&t);
    ck_assert_msg(open_vocabulary(&t, &spm, &err) == 0, "%s", err.msg);
    check_ids(t, "</s>", (const int32_t[]){2}, 1);
    ck_assert_int_eq(aglm_tokenizer_info(t)->bos, 1);
    aglm_tokenizer_close(&t);
}
END_TEST

/* A byte that no token stands for: an error, and the list as before. */
START_TEST(test_byte_missing)
{
    const struct vocabulary bpe = {BPE}, spm = {SPM};
    for (int i = 0; i < 2; i++) {
        struct aglm_tokenizer *t = NULL;
        struct aglm_tokens tokens = {0};
        struct aglm_err err = {0};
        ck_assert_int_eq(open_vocabulary(&t, i ? &spm : &bpe, &err), 0);
        ck_assert_int_eq(
            aglm_tokenizer_encode(t, "<|x|></s>", 5, AGLM_TOKENIZE_SPECIAL, &tokens, NULL) != 0, i);
        size_t n = tokens.n;
        ck_assert_int_eq(aglm_tokenizer_encode(t, "a!", 2, 0, &tokens, &err), -EINVAL);
        ck_assert_uint_eq(tokens.n, n);
        ck_assert_ptr_nonnull(strstr(err.msg, "the vocabulary has no token for byte 0x"));
        aglm_tokens_finish(&tokens);
        aglm_tokenizer_close(&t);
    }
}
END_TEST

/* Of two merges of one pair the first counts; an empty text is a token that nothing is. */
START_TEST(test_odd)
{
    const struct vocabulary twice = {BPE, .merges = {"a b", "a b"}, .n_merges = 2};
    const struct vocabulary empty = {BPE, .tokens = {"a", "b", "ab", ""}};
    const struct vocabulary *const good[] = {&twice, &empty};
    for (size_t i = 0; i < 2; i++) {
        struct aglm_tokenizer *t = NULL;
        struct aglm_err err = {0};
        ck_assert_msg(open_vocabulary(&t, good[i], &err) == 0, "%s", err.msg);
        check_ids(t, "abb", (const int32_t[]){2, 1}, 2);
        ck_assert_int_eq(aglm_tokenizer_find(t, ""), -1);
        ck_assert_int_eq(aglm_tokenizer_info(t)->bos, -1);
        aglm_tokenizer_close(&t);
    }
}
END_TEST

/* Scores of one value, infinite ones, and -0 beside 0: of equals the leftmost. */
START_TEST(test_scores)
{
    const struct vocabulary v = {
        .model = "llama",
        .tokens = {"<unk>", "<s>", "</s>", "a", "aa", "aaa", "aaaa"},
        .n_tokens = 7,
        .types = {2, 3, 3, 1, 1, 1, 1},
        .n_types = 7,
        .scores = {0, 0, 0, -INFINITY, -0.0f, 0.0f, INFINITY},
        .n_scores = 7,
    };
    struct aglm_tokenizer *t = NULL;
    struct aglm_err err = {0};
    ck_assert_msg(open_vocabulary(&t, &v, &err) == 0, "%s", err.msg);
    aglm_tokenizer_close(&t);
}
END_TEST

/* A special token beyond any sense is refused: one place of the text could cost that much work. */
START_TEST(test_long_special)
{
    char text[1100];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    struct vocabulary v = {BPE};
    v.tokens[3] = text;
    struct aglm_tokenizer *t = NULL;
    struct aglm_err err = {0};
    ck_assert_int_eq(open_vocabulary(&t, &v, &err), -EINVAL);
    ck_assert_ptr_nonnull(strstr(err.msg, "special token 3 has 1099 bytes"));
    v.types[3] = 1;
    ck_assert_int_eq(open_vocabulary(&t, &v, &err), 0);
    aglm_tokenizer_close(&t);
}
END_TEST

/* "</s>" ends a text only where the file says that it is a control token. */
START_TEST(test_html)
{
    struct vocabulary v = {BPE, .tokens = {"a", "b", "ab", "</s>"}};
    for (int32_t type = 1; type <= 4; type += type == 1 ? 2 : 1) {
        struct aglm_tokenizer *t = NULL;
        v.types[3] = type;
        ck_assert_int_eq(open_vocabulary(&t, &v, NULL), 0);
        ck_assert_int_eq(aglm_tokenizer_is_end(t, 3), type == 3);
        ck_assert_int_eq(aglm_tokenizer_is_control(t, 3), type == 3);
        aglm_tokenizer_close(&t);
    }
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("hostile vocabularies");
    tcase_add_loop_test(tc, test_refused, 0, sizeof(CASES) / sizeof(CASES[0]));
    tcase_add_test(tc, test_good);
    tcase_add_test(tc, test_byte_missing);
    tcase_add_test(tc, test_odd);
    tcase_add_test(tc, test_scores);
    tcase_add_test(tc, test_long_special);
    tcase_add_test(tc, test_html);
    Suite *suite = suite_create("tokenizer_hostile");
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
