/* Tokenizers against llama.cpp's ids, both directions, on the small vocabularies of
 * tests/fixtures/tokenizer. */
#include "tests/unit/engine/vocab_fixture.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER AGLM_TOKENIZER_FIXTURES

static struct aglm_tokenizer *open_index(int i)
{
    struct aglm_tokenizer *t = open_variant(FOLDER, &vocab_variants[i]);
    ck_assert_ptr_nonnull(t);
    return t;
}

static struct aglm_tokenizer *open_name(const char *name)
{
    for (int i = 0; i < N_VOCAB_VARIANTS; i++)
        if (strcmp(vocab_variants[i].name, name) == 0)
            return open_index(i);
    ck_abort_msg("%s: no such variant", name);
    return NULL;
}

/* The next line without its end; NULL behind the last. */
static char *next_line(char **text)
{
    char *line = *text, *end = line ? strchr(line, '\n') : NULL;
    if (!end)
        return NULL;
    *end = '\0';
    *text = end + 1;
    return line;
}

/* Hexadecimal digits in place; returns the number of bytes. */
static size_t unhex(char *line)
{
    size_t n = 0;
    for (; line[2 * n]; n++) {
        const char byte[3] = {line[2 * n], line[2 * n + 1], 0};
        line[n] = (char)strtoul(byte, NULL, 16);
    }
    return n;
}

static void append_ids(char *out, size_t size, const struct aglm_tokens *tokens)
{
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; i < tokens->n && n + 16 < size; i++)
        n += (size_t)snprintf(out + n, size - n, "%s%d", i ? " " : "", tokens->ids[i]);
}

static void check_ids(const struct aglm_tokenizer *t, const char *name, int line, const char *text,
                      size_t size, unsigned flags, const char *want)
{
    char got[4096];
    struct aglm_tokens tokens = {0};
    struct aglm_err err = {0};
    int rc = aglm_tokenizer_encode(t, text, size, flags, &tokens, &err);
    ck_assert_msg(rc == 0, "%s, string %d: %s", name, line, err.msg);
    append_ids(got, sizeof(got), &tokens);
    ck_assert_msg(strcmp(got, want) == 0, "%s, string %d, flags %u: got %s, want %s", name, line,
                  flags, got, want);
    aglm_tokens_finish(&tokens);
}

/* Each line of NAME.ids: the ids with special tokens and, behind a bar, without, if they differ. */
START_TEST(test_reference)
{
    const char *name = vocab_variants[_i].name;
    char file[64];
    size_t size;
    snprintf(file, sizeof(file), "%s.ids", name);
    struct aglm_tokenizer *t = open_index(_i);
    char *strings = (char *)read_fixture(FOLDER, "strings.txt", &size), *s = strings, *string;
    char *ids = (char *)read_fixture(FOLDER, file, &size), *p = ids;
    int n = 0;
    ck_assert(strings && ids);
    for (; (string = next_line(&s)); n++) {
        char *with = next_line(&p), *bar = with ? strchr(with, '|') : NULL;
        ck_assert_msg(with != NULL, "%s ends at line %d", file, n);
        if (bar)
            *bar = '\0';
        size_t bytes = unhex(string);
        check_ids(t, name, n, string, bytes, AGLM_TOKENIZE_SPECIAL, with);
        check_ids(t, name, n, string, bytes, 0, bar ? bar + 1 : with);
    }
    ck_assert_int_ge(n, 400);
    ck_assert_ptr_null(next_line(&p));
    free(strings);
    free(ids);
    aglm_tokenizer_close(&t);
}
END_TEST

static void check_round_trip(const struct aglm_tokenizer *t, const char *text, size_t size,
                             unsigned flags)
{
    struct aglm_tokens tokens = {0};
    struct aglm_err err = {0};
    char *back = NULL;
    size_t n = 0;
    ck_assert_msg(aglm_tokenizer_encode(t, text, size, flags, &tokens, &err) == 0, "%s", err.msg);
    ck_assert_int_eq(aglm_tokenizer_decode(t, tokens.ids, tokens.n, true, &back, &n, &err), 0);
    ck_assert_msg(n == size && memcmp(back, text, n) == 0, "'%.*s' came back as '%s'", (int)size,
                  text, back);
    ck_assert_int_eq(back[n], 0);
    free(back);
    aglm_tokens_finish(&tokens);
}

START_TEST(test_round_trip)
{
    struct aglm_tokenizer *t = open_index(_i);
    size_t size;
    char *strings = (char *)read_fixture(FOLDER, "strings.txt", &size), *s = strings, *string;
    ck_assert_ptr_nonnull(strings);
    while ((string = next_line(&s))) {
        size_t n = unhex(string);
        if (!vocab_variants[_i].pre && memmem(string, n, "\xe2\x96\x81", 3))
            continue; /* SentencePiece's space */
        check_round_trip(t, string, n, AGLM_TOKENIZE_RAW | AGLM_TOKENIZE_SPECIAL);
        check_round_trip(t, string, n, AGLM_TOKENIZE_RAW);
    }
    free(strings);
    aglm_tokenizer_close(&t);
}
END_TEST

/* An eighth of a megabyte without a place to cut: with quadratic work the test would run into its
 * time limit. */
START_TEST(test_long)
{
    static const char *const UNITS[] = {"a",   " ",    "\n",   "=",    "<|", "<|im_start|",
                                        "a\n", "\xff", "x=y,", "'s's", "1",  "\xcc\x81"};
    enum { SIZE = 1 << 17 };
    struct aglm_tokenizer *t = open_index(_i);
    char *text = malloc(SIZE);
    ck_assert_ptr_nonnull(text);
    for (size_t u = 0; u < sizeof(UNITS) / sizeof(UNITS[0]); u++) {
        size_t unit = strlen(UNITS[u]), n = SIZE / unit * unit;
        for (size_t i = 0; i < n; i++)
            text[i] = UNITS[u][i % unit];
        check_round_trip(t, text, n, AGLM_TOKENIZE_RAW | AGLM_TOKENIZE_SPECIAL);
    }
    free(text);
    aglm_tokenizer_close(&t);
}
END_TEST

START_TEST(test_marks)
{
    struct aglm_tokenizer *bpe = open_name("llama-bpe"), *glm = open_name("glm4"),
                          *spm = open_name("spm");
    const struct aglm_tokenizer_info *info = aglm_tokenizer_info(bpe);
    char want[64];
    ck_assert_str_eq(info->model, "gpt2");
    ck_assert_str_eq(info->pre, "llama-bpe");
    ck_assert(info->add_bos && !info->add_eos);
    snprintf(want, sizeof(want), "%d %d", info->bos, aglm_tokenizer_find(bpe, "a"));
    check_ids(bpe, "llama-bpe", 0, "a", 1, AGLM_TOKENIZE_MARKS, want);
    ck_assert(!aglm_tokenizer_info(glm)->add_bos);
    snprintf(want, sizeof(want), "%d", aglm_tokenizer_find(glm, "a"));
    check_ids(glm, "glm4", 0, "a", 1, AGLM_TOKENIZE_MARKS, want);
    check_ids(spm, "spm", 0, "", 0, AGLM_TOKENIZE_MARKS, "1");
    check_ids(spm, "spm", 0, "", 0, 0, "");
    aglm_tokenizer_close(&bpe);
    aglm_tokenizer_close(&glm);
    aglm_tokenizer_close(&spm);
}
END_TEST

START_TEST(test_tokens)
{
    struct aglm_tokenizer *t = open_index(_i);
    int32_t user = aglm_tokenizer_find(t, "<|user|>"), think = aglm_tokenizer_find(t, "<think>");
    size_t n;
    ck_assert_int_ge(user, 0);
    ck_assert_int_ge(think, 0);
    ck_assert(aglm_tokenizer_is_control(t, user) && !aglm_tokenizer_is_control(t, think));
    ck_assert(aglm_tokenizer_is_end(t, user) && !aglm_tokenizer_is_end(t, think));
    ck_assert(aglm_tokenizer_is_end(t, aglm_tokenizer_find(t, "<|observation|>")));
    ck_assert(aglm_tokenizer_is_end(t, aglm_tokenizer_find(t, "<|endoftext|>")));
    ck_assert(aglm_tokenizer_is_end(t, aglm_tokenizer_find(t, "<|im_end|>")));
    ck_assert(!aglm_tokenizer_is_end(t, -1));
    const char *piece = aglm_tokenizer_piece(t, user, &n);
    ck_assert(n == 8 && memcmp(piece, "<|user|>", 8) == 0);
    aglm_tokenizer_piece(t, aglm_tokenizer_find(t, "[PAD]x"), &n);
    ck_assert_uint_eq(n, 0); /* unused */
    aglm_tokenizer_piece(t, -1, &n);
    ck_assert_uint_eq(n, 0);
    aglm_tokenizer_piece(t, INT32_MAX, &n);
    ck_assert_uint_eq(n, 0);
    ck_assert(!aglm_tokenizer_is_control(t, -1) && !aglm_tokenizer_is_control(t, INT32_MAX));
    ck_assert_int_eq(aglm_tokenizer_find(t, ""), -1);
    ck_assert_int_eq(aglm_tokenizer_find(t, "no token is written so"), -1);
    aglm_tokenizer_close(&t);
}
END_TEST

START_TEST(test_decode)
{
    struct aglm_tokenizer *t = open_index(_i);
    struct aglm_tokens tokens = {0};
    struct aglm_err err = {0};
    char *text = NULL;
    size_t n;
    static const char SAID[] = "a<|user|>b<think> c";
    ck_assert_int_eq(
        aglm_tokenizer_encode(t, SAID, strlen(SAID), AGLM_TOKENIZE_SPECIAL, &tokens, &err), 0);
    ck_assert_int_eq(aglm_tokenizer_decode(t, tokens.ids, tokens.n, true, &text, &n, &err), 0);
    ck_assert_str_eq(text, SAID);
    free(text);
    ck_assert_int_eq(aglm_tokenizer_decode(t, tokens.ids, tokens.n, false, &text, &n, &err), 0);
    ck_assert_str_eq(text, "ab<think> c");
    free(text);
    ck_assert_int_eq(aglm_tokenizer_decode(t, NULL, 0, true, &text, &n, &err), 0);
    ck_assert(n == 0 && text[0] == '\0');
    free(text);
    const int32_t outside[] = {5, (int32_t)aglm_tokenizer_info(t)->n_tokens}, below = -1;
    text = NULL;
    ck_assert_int_eq(aglm_tokenizer_decode(t, outside, 2, true, &text, &n, &err), -EINVAL);
    ck_assert_ptr_nonnull(strstr(err.msg, "outside the vocabulary"));
    ck_assert_int_eq(aglm_tokenizer_decode(t, &below, 1, true, &text, &n, &err), -EINVAL);
    ck_assert_ptr_null(text);
    aglm_tokens_finish(&tokens);
    aglm_tokenizer_close(&t);
}
END_TEST

/* What is no UTF-8 becomes U+FFFD, an overlong form the character it spells. */
START_TEST(test_mended)
{
    struct aglm_tokenizer *t = open_index(_i);
    static const struct {
        const char *text, *back;
    } CASES[] = {{"a\xff", "a\xef\xbf\xbd"},
                 {"\xe4\xbd", "\xef\xbf\xbd\xef\xbf\xbd"},
                 {"\xc1\xa1!", "a!"},
                 {"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
                 {"\xed\xa0\x80", "\xed\xa0\x80"}};
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        struct aglm_tokens tokens = {0};
        char *back = NULL;
        size_t n;
        ck_assert_int_eq(
            aglm_tokenizer_encode(t, CASES[i].text, strlen(CASES[i].text), 0, &tokens, NULL), 0);
        ck_assert_int_eq(aglm_tokenizer_decode(t, tokens.ids, tokens.n, true, &back, &n, NULL), 0);
        ck_assert_str_eq(back, CASES[i].back);
        free(back);
        aglm_tokens_finish(&tokens);
    }
    aglm_tokenizer_close(&t);
}
END_TEST

int main(void)
{
    const int n_bpe = N_VOCAB_VARIANTS - 2;
    TCase *tc = tcase_create("tokenizer");
    tcase_set_timeout(tc, 100);
    tcase_add_loop_test(tc, test_reference, 0, N_VOCAB_VARIANTS);
    tcase_add_loop_test(tc, test_round_trip, 0, N_VOCAB_VARIANTS);
    tcase_add_loop_test(tc, test_long, 0, N_VOCAB_VARIANTS);
    tcase_add_test(tc, test_marks);
    tcase_add_loop_test(tc, test_tokens, 0, N_VOCAB_VARIANTS);
    tcase_add_loop_test(tc, test_decode, 0, N_VOCAB_VARIANTS);
    tcase_add_loop_test(tc, test_mended, 0, n_bpe);
    Suite *suite = suite_create("tokenizer");
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
