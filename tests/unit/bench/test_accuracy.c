/* Items from hostile files, counts, intervals with known answers, the verdict, files beside the
 * program. */
#include "bench/items.h"
#include "bench/minifiles.h"
#include "bench/tally.h"
#include "bench/verdict.h"
#include "tests/unit/bench/samples.h"
#include "tests/unit/bench/suites.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOLERANCE 0.005 /* percent: the published figures have four digits */

static char place[] = "/tmp/aglm-items-XXXXXX";
static char file[64];

static void make_place(void)
{
    ck_assert_ptr_nonnull(mkdtemp(place));
    snprintf(file, sizeof(file), "%s/items.jsonl", place);
}

static void remove_place(void)
{
    unlink(file);
    rmdir(place);
}

static void write_items(const char *text, size_t size)
{
    FILE *f = fopen(file, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(text, 1, size, f), size);
    ck_assert_int_eq(fclose(f), 0);
}

static int read_items(struct aglm_items *items, const char *text, struct aglm_err *err)
{
    write_items(text, strlen(text));
    return aglm_items_read(items, file, err);
}

#define ITEM(id, part, lang)                                    \
    "{\"id\":\"" id "\",\"part\":\"" part "\",\"lang\":\"" lang \
    "\",\"prompt\":\"p\",\"answer\":\"a\"}"

START_TEST(items_are_read)
{
    struct aglm_items items = {0}, again = {0};
    struct aglm_err err = {0};
    static const char text[] =
        "{\"answer\":\"do(\\\"x\\\")\\n\",\"prompt\":\"\\u6253\xe5\xbc\x80\","
        "\"lang\":\"zh\",\"part\":\"command\",\"id\":\"cmd-0001\",\"more\":[1]}\r\n"
        "\n" ITEM("cmd-0002", "step", "en");
    ck_assert_msg(read_items(&items, text, &err) == 0, "%s", err.msg);
    ck_assert_uint_eq(items.n, 2);
    ck_assert_uint_eq(items.n_file, 2);
    ck_assert_str_eq(items.list[0].id, "cmd-0001");
    ck_assert_str_eq(items.list[0].prompt, "\xe6\x89\x93\xe5\xbc\x80");
    ck_assert_str_eq(items.list[0].answer, "do(\"x\")\n");
    ck_assert_str_eq(items.list[1].part, "step");
    ck_assert_uint_eq(strlen(items.digest), 32);
    ck_assert_int_eq(read_items(&again, ITEM("cmd-0002", "step", "en") "\n", &err), 0);
    ck_assert_str_ne(items.digest, again.digest);
    aglm_items_finish(&items);
    aglm_items_finish(&again);
}
END_TEST

static const struct hostile {
    const char *text, *word;
} hostile[] = {
    {"", "empty"},
    {"\n\n", "no items"},
    {"nonsense", "line 1: is no JSON object"},
    {"[1]", "line 1: is no JSON object"},
    {"\"id\"", "line 1: is no JSON object"},
    {ITEM("a", "b", "c") "\n" ITEM("b", "b", "c") " x", "line 2: is no JSON object"},
    {ITEM("a", "b", "c") ITEM("d", "b", "c"), "line 1: is no JSON object"},
    {ITEM("a", "b", "c") "\n{\"id\":\"x\"", "line 2: is no JSON object"},
    {"{\"part\":\"b\",\"lang\":\"c\",\"prompt\":\"p\",\"answer\":\"a\"}", "\"id\""},
    {ITEM("", "b", "c"), "\"id\""},
    {ITEM("a b", "b", "c"), "letters, digits"},
    {ITEM("a", "b|c", "c"), "letters, digits"},
    {ITEM("a", "b", "\\u4e2d"), "letters, digits"},
    {ITEM("a", "a-part-with-a-name-that-is-too-long", "c"), "\"part\""},
    {ITEM("a", "b", "longer-than-that"), "\"lang\""},
    {"{\"id\":7,\"part\":\"b\",\"lang\":\"c\",\"prompt\":\"p\",\"answer\":\"a\"}", "\"id\""},
    {"{\"id\":\"a\",\"part\":\"b\",\"lang\":\"c\",\"prompt\":\"\",\"answer\":\"a\"}", "\"prompt\""},
    {"{\"id\":\"a\",\"part\":\"b\",\"lang\":\"c\",\"prompt\":\"p\"}", "\"answer\""},
    {"{\"id\":\"a\",\"part\":\"b\",\"lang\":\"c\",\"prompt\":\"p\",\"answer\":null}", "\"answer\""},
    {"{\"id\":\"a\",\"part\":\"b\",\"lang\":\"c\",\"prompt\":\"p\\u0000q\",\"answer\":\"a\"}",
     "NUL"},
    {ITEM("a", "b", "c") "\n" ITEM("z", "b", "c") "\n" ITEM("a", "b", "c"),
     "two items have the id a"},
};

START_TEST(hostile_files)
{
    struct aglm_items items = {0};
    struct aglm_err err = {0};
    const struct hostile *h = &hostile[_i];
    ck_assert_msg(read_items(&items, h->text, &err) == -EINVAL, "%s", h->text);
    ck_assert_msg(strstr(err.msg, h->word) && strstr(err.msg, file), "%s: %s", h->text, err.msg);
    ck_assert_ptr_null(strchr(err.msg, '\n'));
    ck_assert_ptr_null(items.list);
}
END_TEST

START_TEST(large_and_cut_files)
{
    static const char one[] = ITEM("a", "b", "c") "\n";
    struct aglm_items items = {0};
    struct aglm_err err = {0};
    for (size_t n = 1; n + 2 < sizeof(one); n++) { /* every beginning of an item */
        write_items(one, n);
        ck_assert_int_eq(aglm_items_read(&items, file, &err), -EINVAL);
    }
    write_items("{\"id\":\"a\0b\"}", 12);
    ck_assert_int_eq(aglm_items_read(&items, file, &err), -EINVAL);
    ck_assert_ptr_nonnull(strstr(err.msg, "NUL"));
    size_t size = 70000; /* a text longer than an item's may be */
    char *text = malloc(size + 200);
    int head =
        sprintf(text, "{\"id\":\"a\",\"part\":\"b\",\"lang\":\"c\",\"answer\":\"a\",\"prompt\":\"");
    memset(text + head, 'x', size);
    strcpy(text + head + size, "\"}\n");
    write_items(text, strlen(text));
    ck_assert_int_eq(aglm_items_read(&items, file, &err), -EINVAL);
    ck_assert_ptr_nonnull(strstr(err.msg, "\"prompt\""));
    free(text);
    ck_assert_int_eq(aglm_items_read(&items, "/nonexistent/items", &err), -ENOENT);
    ck_assert_int_lt(aglm_items_read(&items, place, &err), 0); /* a folder */
}
END_TEST

static void read_mixed(struct aglm_items *items)
{
    char text[4096];
    size_t n = 0;
    for (int i = 0; i < 30; i++)
        n += (size_t)sprintf(text + n, ITEM("i%d", "%s", "en") "\n", i,
                             i % 3 == 0   ? "step"
                             : i % 3 == 1 ? "command"
                                          : "command-ood");
    ck_assert_int_eq(read_items(items, text, NULL), 0);
}

START_TEST(parts_and_thinning)
{
    struct aglm_items items = {0};
    struct aglm_err err = {0};
    read_mixed(&items);
    ck_assert_int_eq(aglm_items_keep_parts(&items, "step,walk", &err), -EINVAL);
    ck_assert_msg(strstr(err.msg, "'walk'") && strstr(err.msg, "step, command, command-ood"), "%s",
                  err.msg);
    ck_assert_int_eq(aglm_items_keep_parts(&items, "", &err), -EINVAL);
    ck_assert_int_eq(aglm_items_keep_parts(&items, "com", &err), -EINVAL);
    ck_assert_uint_eq(items.n, 30);
    aglm_items_keep_counted(&items);
    ck_assert_uint_eq(items.n, 20);
    ck_assert_int_eq(aglm_items_keep_parts(&items, "command", &err), 0);
    ck_assert_uint_eq(items.n, 10);
    aglm_items_thin(&items, 4);
    ck_assert_uint_eq(items.n, 4);
    ck_assert_uint_eq(items.n_file, 30);
    aglm_items_thin(&items, 100);
    ck_assert_uint_eq(items.n, 4);
    aglm_items_finish(&items);
    read_mixed(&items);
    ck_assert_int_eq(aglm_items_keep_parts(&items, "command-ood", &err), 0);
    aglm_items_keep_counted(&items); /* nothing else is left: they stay */
    ck_assert_uint_eq(items.n, 10);
    aglm_items_finish(&items);
}
END_TEST

/* Newcombe, Statistics in Medicine 17 (1998), table I, method 3. */
START_TEST(wilson_known_answers)
{
    static const struct {
        uint64_t right, n;
        double low, high;
    } known[] = {
        {81, 263, 25.53, 36.62}, {15, 148, 6.24, 16.05}, {0, 20, 0, 16.11}, {1, 29, 0.61, 17.18}};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        struct aglm_interval w = aglm_wilson(known[i].right, known[i].n);
        ck_assert_double_eq_tol(w.low, known[i].low, TOLERANCE);
        ck_assert_double_eq_tol(w.high, known[i].high, TOLERANCE);
        struct aglm_interval m =
            aglm_wilson(known[i].n - known[i].right, known[i].n); /* mirrored */
        ck_assert_double_eq_tol(m.high, 100 - w.low, 1e-9);
    }
    ck_assert_double_eq(aglm_wilson(50, 50).high, 100);
    ck_assert_double_eq(aglm_wilson(0, 50).low, 0);
    ck_assert(isnan(aglm_wilson(0, 0).percent) && isnan(aglm_wilson(0, 0).low));
}
END_TEST

START_TEST(mcnemar_known_answers)
{
    ck_assert_double_eq_tol(aglm_mcnemar(0, 5), 0.0625, 1e-12);
    ck_assert_double_eq_tol(aglm_mcnemar(7, 1), 0.0703125, 1e-12);
    ck_assert_double_eq_tol(aglm_mcnemar(5, 15), 0.04138947, 1e-8);
    ck_assert_double_eq(aglm_mcnemar(4, 4), 1);
    ck_assert_double_eq(aglm_mcnemar(0, 0), 1);
    ck_assert_double_eq_tol(aglm_mcnemar(2000, 2000), 1, 1e-9);
    ck_assert_double_lt(aglm_mcnemar(0, 3000), 1e-300); /* and no NaN */
}
END_TEST

START_TEST(counting)
{
    struct aglm_accuracy a = {0};
    for (int i = 0; i < 10; i++) { /* right 7 of 10; reference 8: lost 2, gained 1 */
        bool right = i < 7;
        int reference = i == 0 ? 0 : i < 9;
        ck_assert_int_eq(aglm_accuracy_add(&a, "command", i % 2 ? "zh" : "en", right, reference),
                         0);
    }
    ck_assert_int_eq(aglm_accuracy_add(&a, "command-ood", "en", false, 1), 0);
    struct aglm_accuracy_part sum = aglm_accuracy_sum(&a, NULL, NULL);
    ck_assert_uint_eq(sum.n, 10);
    ck_assert_uint_eq(sum.right, 7);
    ck_assert_uint_eq(sum.reference_right, 8);
    ck_assert_uint_eq(sum.lost, 2);
    ck_assert_uint_eq(sum.gained, 1);
    ck_assert_double_eq_tol(aglm_accuracy_kept(&sum), 87.5, 1e-9);
    sum = aglm_accuracy_sum(&a, NULL, "zh");
    ck_assert_uint_eq(sum.n, 5);
    sum = aglm_accuracy_sum(&a, "command-ood", NULL);
    ck_assert_uint_eq(sum.n, 1);
    ck_assert_uint_eq(sum.lost, 1);
    ck_assert_int_eq(aglm_accuracy_add(&a, "command", "zh", true, -1), 0);
    sum = aglm_accuracy_sum(&a, NULL, NULL); /* one without the reference's answer */
    ck_assert(isnan(aglm_accuracy_kept(&sum)));
    aglm_accuracy_finish(&a);
    for (int i = 0; i < 64; i++) {
        char part[16];
        snprintf(part, sizeof(part), "p%d-ood", i);
        ck_assert_int_eq(aglm_accuracy_add(&a, part, "en", true, 0), 0);
    }
    ck_assert_int_eq(aglm_accuracy_add(&a, "one-more", "en", true, 0), -E2BIG);
    sum = aglm_accuracy_sum(&a, NULL, NULL);
    ck_assert_uint_eq(sum.n, 64);               /* no part counts: all do */
    ck_assert(isnan(aglm_accuracy_kept(&sum))); /* of nothing right no share is kept */
    aglm_accuracy_finish(&a);
}
END_TEST

static void answer(struct aglm_record *r, int n, int reference_right, int right)
{
    snprintf(r->accuracy.reference, sizeof(r->accuracy.reference), "F32");
    for (int i = 0; i < n; i++)
        ck_assert_int_eq(
            aglm_accuracy_add(&r->accuracy, "step", "en", i < right, i < reference_right), 0);
}

START_TEST(too_few_right_is_invalid)
{
    static const struct {
        int n, reference, right;
        double limit;
        bool valid;
    } cases[] = {{200, 100, 91, 91, true},  {200, 100, 90, 91, false},
                 {200, 100, 120, 91, true}, {99, 99, 0, 91, true}, /* too few to say */
                 {200, 100, 0, NAN, true},  {200, 0, 0, 91, true}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct aglm_record r;
        aglm_samples_record(&r);
        aglm_accuracy_finish(&r.accuracy);
        aglm_verdict_set(&r, NULL);
        answer(&r, cases[i].n, cases[i].reference, cases[i].right);
        aglm_verdict_accuracy(&r, cases[i].limit);
        ck_assert_msg(r.valid == cases[i].valid, "case %zu: %s", i, r.reasons);
        if (!r.valid)
            ck_assert_str_eq(r.reasons,
                             "accuracy: 90.0% of F32's is kept (90 right answers of 200, "
                             "not 100), the limit is 91%");
        aglm_record_finish(&r);
    }
}
END_TEST

/* The JSON form gives back every field, and refuses what contradicts itself. */
START_TEST(record_and_back)
{
    struct aglm_record r, back;
    struct aglm_err err = {0};
    static const char *const spoilt[][2] = {
        {"\"right\":90", "\"right\":201"},      {"\"n\":200", "\"n\":-1"},
        {"\"lost\":10", "\"lost\":101"},        {"\"lang\":\"en\"", "\"lang\":\"much-too-long\""},
        {"\"n_file\":", "\"no_file\":"},        {"\"parts\":[{", "\"parts\":7,\"x\":[{"},
        {"\"prune\":", "\"prune\":\"\",\"x\":"}};
    aglm_samples_record(&r);
    aglm_accuracy_finish(&r.accuracy);
    answer(&r, 200, 100, 90);
    snprintf(r.accuracy.model, sizeof(r.accuracy.model), "mini");
    r.accuracy.n_file = 1800;
    r.accuracy.n_items = 1500;
    r.accuracy.n_threads = 2;
    r.accuracy.prune = 0.3;
    r.accuracy.decode_ts = 5000.25;
    r.accuracy.prefill_ts = r.accuracy.wall_ns = r.accuracy.others_cpu_percent = NAN;
    char *json = aglm_record_json(&r);
    aglm_record_init(&back);
    ck_assert_msg(aglm_record_parse(&back, json, &err) == 0, "%s", err.msg);
    char *again = aglm_record_json(&back);
    ck_assert_str_eq(json, again);
    aglm_record_finish(&back);
    free(again);
    for (size_t i = 0; i < sizeof(spoilt) / sizeof(spoilt[0]); i++) {
        const char *at = strstr(json, spoilt[i][0]);
        ck_assert_msg(at != NULL, "%s: %s", spoilt[i][0], json);
        char *bad = malloc(strlen(json) + 64);
        sprintf(bad, "%.*s%s%s", (int)(at - json), json, spoilt[i][1], at + strlen(spoilt[i][0]));
        aglm_record_init(&back);
        ck_assert_msg(aglm_record_parse(&back, bad, &err) == -EINVAL, "%s", spoilt[i][1]);
        ck_assert_msg(strstr(err.msg, "accuracy.") != NULL, "%s", err.msg);
        free(bad);
    }
    free(json);
    aglm_record_finish(&r);
}
END_TEST

START_TEST(files_beside_the_program)
{
    char path[300], bin[64], share[64], found[128];
    struct aglm_err err = {0};
    snprintf(bin, sizeof(bin), "%s/bin", place);
    ck_assert_int_eq(aglm_minifile_from(path, sizeof(path), bin, "x.gguf", "-m", &err), -ENOENT);
    ck_assert_msg(strstr(err.msg, "x.gguf") && strstr(err.msg, bin) && strstr(err.msg, "-m"), "%s",
                  err.msg);
    snprintf(share, sizeof(share), "%s/share", place);
    ck_assert_int_eq(mkdir(bin, 0777) | mkdir(share, 0777), 0);
    snprintf(share, sizeof(share), "%s/share/aglm-bench", place);
    ck_assert_int_eq(mkdir(share, 0777), 0);
    snprintf(found, sizeof(found), "%s/x.gguf", share);
    fclose(fopen(found, "w"));
    ck_assert_int_eq(aglm_minifile_from(path, sizeof(path), bin, "x.gguf", "-m", &err), 0);
    ck_assert_msg(strstr(path, "/../share/aglm-bench/x.gguf") != NULL, "%s", path);
    snprintf(path, sizeof(path), "%s/x.gguf", bin);
    fclose(fopen(path, "w"));
    ck_assert_int_eq(aglm_minifile_from(path, sizeof(path), bin, "x.gguf", "-m", &err), 0);
    ck_assert_msg(strstr(path, "/bin/x.gguf") != NULL, "%s", path); /* what lies nearer wins */
    unlink(path);
    unlink(found);
    rmdir(share);
    snprintf(share, sizeof(share), "%s/share", place);
    rmdir(share);
    rmdir(bin);
    ck_assert_int_eq(aglm_minifile(path, sizeof(path), "no such file", "--items", &err), -ENOENT);
    ck_assert_ptr_nonnull(strstr(err.msg, "tests/unit/bench")); /* where this program lies */
}
END_TEST

Suite *aglm_suite_accuracy(void)
{
    Suite *s = suite_create("accuracy");
    TCase *tc = tcase_create("accuracy");
    tcase_add_checked_fixture(tc, make_place, remove_place);
    tcase_add_test(tc, items_are_read);
    tcase_add_loop_test(tc, hostile_files, 0, sizeof(hostile) / sizeof(hostile[0]));
    tcase_add_test(tc, large_and_cut_files);
    tcase_add_test(tc, parts_and_thinning);
    tcase_add_test(tc, wilson_known_answers);
    tcase_add_test(tc, mcnemar_known_answers);
    tcase_add_test(tc, counting);
    tcase_add_test(tc, too_few_right_is_invalid);
    tcase_add_test(tc, record_and_back);
    tcase_add_test(tc, files_beside_the_program);
    suite_add_tcase(s, tc);
    return s;
}
