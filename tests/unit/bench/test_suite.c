/* The standard suite: its texts, exact lengths with a tokenizer and without, what stays whole when
 * a prompt is cut, and how the runner takes its prompts. The vocabulary is bytes, so ids can be
 * read.
 */
#include "bench/runner.h"
#include "bench/suite.h"
#include "tests/unit/bench/fake_session.h"
#include "tests/unit/bench/suites.h"
#include "tests/unit/engine/chat_build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { IMAGE = 262 };

static struct aglm_gguf *file;
static struct aglm_tokenizer *tokenizer;
static struct aglm_model *model;
static struct build build;
static uint8_t *copy;

static void setup(void)
{
    memset(&fake_engine, 0, sizeof(fake_engine));
    const struct aglm_model_options options = {.path = "m"};
    ck_assert_int_eq(aglm_model_open(&model, &options, NULL), 0);
}

static void teardown(void)
{
    aglm_model_close(&model);
    aglm_tokenizer_close(&tokenizer);
    aglm_gguf_close(&file);
    free(copy);
    copy = NULL;
}

static void give_tokenizer(const char *jinja)
{
    static const char *const controls[] = {"<|endoftext|>", "<|user|>",        "<|assistant|>",
                                           "<|system|>",    "<|observation|>", "<|image|>"};
    build_chat(&build, jinja, controls, 6, false);
    ck_assert_int_eq(open_build(&file, &build, &copy, NULL), 0);
    ck_assert_int_eq(aglm_tokenizer_open(&tokenizer, file, NULL), 0);
    fake_engine.tokenizer = tokenizer;
    fake_engine.file = file;
}

static const struct aglm_suite_entry *entry_at(int i)
{
    size_t n;
    const struct aglm_suite_entry *entries = aglm_suite_entries(&n);
    ck_assert_uint_eq(n, 14);
    return &entries[i];
}

/* What every entry's text is now. A changed text is another test: its results must not be compared
 * with older ones, and NEWS must say so. */
static const char *const digests[] = {
    "20b094d5cfeb5d40a61b411e499bb8b7", "3db53c5d42b0ecd42fc539c067f2dc34",
    "f54ca35fe876f6771603358a8ee363ef", "2dfd0b6959e720afa9808ef7c7438526",
    "027ab10c6b1facb6769bdc8d30a02120", "027ab10c6b1facb6769bdc8d30a02120",
    "11df12b8225a885f15d2cfcce48f6871", "94ae07945a914297030531c6afb7fd9a",
    "4ebdafa2edbc445267d8f76c0edf3724", "6c7e74d337f239a1a8981188b6cf8639",
    "066a7f8ef853ab2eb598092aee4b44c4", "869a9c0e8e4545702ac4203d044d08b1",
    "1416a9f02515d151acdce6f8eace38e2", "b9267c8363227a625c1991f579eea6ca"};

START_TEST(texts)
{
    const struct aglm_suite_entry *e = entry_at(_i);
    char digest[AGLM_SUITE_DIGEST_SIZE];
    ck_assert_ptr_eq(aglm_suite_find(e->id), e);
    ck_assert_ptr_nonnull(strstr(e->text, "--- ask\n"));
    ck_assert_int_eq(aglm_suite_text_digest(e, digest, NULL), 0);
    ck_assert_str_eq(digest, digests[_i]);
    ck_assert_ptr_null(aglm_suite_find(""));
    ck_assert_ptr_null(aglm_suite_find("voice"));
}
END_TEST

START_TEST(random_without_tokenizer)
{
    const struct aglm_suite_entry *e = entry_at(_i);
    struct aglm_suite_prompt a, b, c;
    ck_assert_int_eq(aglm_suite_prompt_make(&a, e, model, 1, NULL), 0);
    ck_assert_int_eq(aglm_suite_prompt_make(&b, e, model, 1, NULL), 0);
    ck_assert_int_eq(aglm_suite_prompt_make(&c, e, model, 2, NULL), 0);
    for (uint32_t i = 0; i < e->n_cached + e->n_prompt; i++)
        ck_assert(a.ids[i] >= 0 && a.ids[i] < FAKE_VOCAB);
    ck_assert_str_eq(a.text_digest, "");
    ck_assert_str_eq(a.ids_digest, b.ids_digest);
    ck_assert_str_ne(a.ids_digest, c.ids_digest);
    aglm_suite_prompt_finish(&a);
    aglm_suite_prompt_finish(&b);
    aglm_suite_prompt_finish(&c);
}
END_TEST

/* The last line of the entry's file, without its newline. */
static size_t last_line(const char *text, const char **line)
{
    size_t size = strlen(text) - 1;
    *line = text + size;
    while (**line != '\0' && (*line)[-1] != '\n')
        (*line)--;
    return (size_t)(text + size - *line);
}

static const char edge[] = "{% if r == 'user' %}<|user|>\n{{ c }}{% endif %}<|assistant|>";

START_TEST(exact_length_with_tokenizer)
{
    const struct aglm_suite_entry *e = entry_at(_i);
    struct aglm_suite_prompt p, again;
    const char *line;
    give_tokenizer(edge);
    ck_assert_int_eq(aglm_suite_prompt_make(&p, e, model, 1, NULL), 0);
    ck_assert_int_eq(aglm_suite_prompt_make(&again, e, model, 2, NULL), 0);
    ck_assert_str_eq(p.text_digest, digests[_i]);
    size_t n = (size_t)e->n_cached + e->n_prompt, images = 0, last = last_line(e->text, &line);
    for (size_t i = 0; i < n; i++) {
        images += p.ids[i] == IMAGE;
        ck_assert(p.ids[i] != IMAGE || i >= e->n_cached);
    }
    ck_assert_uint_eq(images, e->n_image);
    ck_assert(p.ids[0] == 260 || p.ids[0] == 258); /* <|system|>, <|user|> */
    ck_assert_int_eq(p.ids[n - 1], 259);           /* <|assistant|> */
    if (last + 1 <
        e->n_prompt -
            e->n_image) /* in bytes some questions alone are longer than their prompts in tokens */
        for (size_t i = 0; i < last; i++)
            ck_assert_int_eq(p.ids[n - 1 - last + i], (uint8_t)line[i]);
    for (uint32_t i = 0; i < e->n_gen; i++)
        ck_assert_int_eq(p.ids[n + i], 0);
    ck_assert_str_eq(p.ids_digest, again.ids_digest); /* nothing random in it */
    aglm_suite_prompt_finish(&p);
    aglm_suite_prompt_finish(&again);
}
END_TEST

START_TEST(no_template_is_plain_text)
{
    struct aglm_suite_prompt p;
    give_tokenizer(NULL);
    ck_assert_int_eq(aglm_suite_prompt_make(&p, aglm_suite_find("ref-512"), model, 1, NULL), 0);
    ck_assert_int_eq(p.ids[0], 'C');
    ck_assert_int_eq(p.ids[511], '.');
    ck_assert_str_ne(p.text_digest, "");
    aglm_suite_prompt_finish(&p);
}
END_TEST

/* ---- in a run ---- */

static unsigned skipped;

static bool not_cancelled(void *ctx)
{
    return false;
}

static void on_event(void *ctx, const struct aglm_run_event *event) {}

static void on_record(void *ctx, const struct aglm_record *record) {}

static void on_failed(void *ctx, const struct aglm_err *err)
{
    skipped += strstr(err->msg, "skipped: it needs") != NULL;
}

static void run_suite(char *suite, struct aglm_run_result *result, struct aglm_options *options,
                      struct aglm_plan *plan)
{
    static char m[] = "-m", name[] = "m", option[] = "--suite", r[] = "-r", two[] = "2",
                run[] = "run";
    char *argv[] = {run, m, name, option, suite, r, two};
    char *const paths[] = {name};
    struct aglm_record common;
    ck_assert_int_eq(aglm_options_parse(options, 7, argv, 1, NULL), 0);
    ck_assert_int_eq(aglm_plan_create(plan, options, NULL), 0);
    aglm_record_init(&common);
    const struct aglm_run_setup s = {.options = options,
                                     .plan = plan,
                                     .paths = paths,
                                     .common = &common,
                                     .cancelled = not_cancelled,
                                     .event = on_event,
                                     .record = on_record,
                                     .failed = on_failed};
    skipped = 0;
    ck_assert_int_eq(aglm_run(result, &s, NULL), 0);
}

START_TEST(too_long_is_skipped)
{
    static char all[] = "standard";
    struct aglm_run_result result;
    struct aglm_options options;
    struct aglm_plan plan;
    run_suite(all, &result, &options, &plan);
    ck_assert_uint_eq(plan.n_tests, 14);
    ck_assert_uint_eq(skipped, 14); /* the fake has 100 positions: each said once, none a failure */
    ck_assert_uint_eq(result.n_skipped, 14);
    ck_assert_uint_eq(result.n_failed, 0);
    ck_assert_uint_eq(result.n, 0);
    aglm_run_result_finish(&result);
    aglm_plan_finish(&plan);
    aglm_options_finish(&options);
}
END_TEST

START_TEST(in_a_run)
{
    static char some[] = "standard:agent-next-zh,voice-zh,agent-next-zh";
    struct aglm_run_result result;
    struct aglm_options options;
    struct aglm_plan plan;
    struct aglm_suite_prompt p;
    give_tokenizer(edge);
    fake_engine.n_ctx_train = 8192;
    ck_assert_int_eq(aglm_suite_prompt_make(&p, aglm_suite_find("agent-next-zh"), model, 1, NULL),
                     0);
    run_suite(some, &result, &options, &plan);
    ck_assert_uint_eq(result.n, 2); /* each entry once */
    const struct aglm_record *next = &result.records[0], *voice = &result.records[1];
    ck_assert_str_eq(next->suite, "standard");
    ck_assert_str_eq(next->test, "agent-next-zh");
    ck_assert_str_eq(next->prompt_digest, p.ids_digest);
    ck_assert_str_eq(next->text_digest, p.text_digest);
    ck_assert_uint_eq(next->n_depth, 2048);
    ck_assert_uint_eq(next->n_prompt, 3300);
    ck_assert_uint_eq(next->n_gen, 64);
    ck_assert_uint_eq(next->samples[1].n_token_ns, 63);
    ck_assert_str_eq(voice->test, "voice-zh");
    ck_assert_uint_eq(voice->n_prompt, 128);
    ck_assert_str_ne(voice->prompt_digest, next->prompt_digest);
    ck_assert(!fake_engine.bad_call);
    aglm_suite_prompt_finish(&p);
    aglm_run_result_finish(&result);
    aglm_plan_finish(&plan);
    aglm_options_finish(&options);
}
END_TEST

static void expect_usage(const char *a, const char *b, const char *c, const char *word)
{
    char text[3][64];
    static char run[] = "run";
    char *argv[] = {run, text[0], text[1], text[2]};
    struct aglm_options options;
    struct aglm_err err = {0};
    int n = 2 + (b != NULL) + (c != NULL);
    snprintf(text[0], sizeof(text[0]), "%s", a);
    snprintf(text[1], sizeof(text[1]), "%s", b != NULL ? b : "");
    snprintf(text[2], sizeof(text[2]), "%s", c != NULL ? c : "");
    ck_assert_int_eq(aglm_options_parse(&options, n, argv, 1, &err), -EINVAL);
    ck_assert_msg(strstr(err.msg, word) != NULL, "%s", err.msg);
}

START_TEST(usage)
{
    expect_usage("--suite=quick", NULL, NULL, "standard");
    expect_usage("--suite=standard:", NULL, NULL, "empty item");
    expect_usage("--suite=standard:voice-fr", NULL, NULL, "voice-fr");
    expect_usage("--suite=standard", "-p", "5", "leave out -p");
    expect_usage("--suite=standard", "-d", "5", "-d");
}
END_TEST

Suite *aglm_suite_prompts(void)
{
    Suite *suite = suite_create("suite");
    TCase *tests = tcase_create("suite");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, texts, 0, 14);
    tcase_add_loop_test(tests, random_without_tokenizer, 0, 14);
    tcase_add_loop_test(tests, exact_length_with_tokenizer, 0, 14);
    tcase_add_test(tests, no_template_is_plain_text);
    tcase_add_test(tests, too_long_is_skipped);
    tcase_add_test(tests, in_a_run);
    tcase_add_test(tests, usage);
    suite_add_tcase(suite, tests);
    return suite;
}
