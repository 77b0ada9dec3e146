/* Tables for people: aligned, and on a narrow terminal short instead of broken; what tells the rows
 * of a sweep apart. */
#include "bench/record_options.h"
#include "bench/table.h"
#include "tests/unit/bench/samples.h"
#include "tests/unit/bench/suites.h"

#include <stdlib.h>
#include <string.h>

static const struct aglm_table_column columns[] = {
    {"model", false, NULL, .lift = true},  {"isa", false, "-", .lift = true},
    {"threads", true, NULL, .lift = true}, {"test", false, NULL},
    {"mean", true, NULL, .rank = 2},       {"median", true, NULL},
    {"p99", true, NULL, .rank = 1},
};
enum { N = sizeof(columns) / sizeof(columns[0]) };

static char *printed(const char *const *cells, size_t n, size_t width)
{
    struct aglm_table t;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    ck_assert_ptr_nonnull(out);
    aglm_table_init(&t, columns, N);
    for (size_t i = 0; i < n; i++) {
        aglm_table_add(&t, cells[i]);
    }
    ck_assert_int_eq(aglm_table_print(out, &t, width), 0);
    aglm_table_finish(&t);
    fclose(out);
    return text;
}

START_TEST(widths)
{
    static const char *const cells[] = {"m\xc3\xa4", "-", "1", "pp8", "10.5", "10", "0.1",
                                        "m\xc3\xa4", "-", "1", "tg4", "9",    "9",  "12"};
    static const char whole[] = "| model | threads | test | mean | median | p99 |\n"
                                "| ----- | ------: | ---- | ---: | -----: | --: |\n"
                                "| m\xc3\xa4    |       1 | pp8  | 10.5 |     10 | 0.1 |\n"
                                "| m\xc3\xa4    |       1 | tg4  |    9 |      9 |  12 |\n";
    char *text = printed(cells, 2 * N, 0);
    ck_assert_str_eq(text, whole);
    free(text);
    text = printed(cells, 2 * N, strcspn(whole, "\n"));
    ck_assert_str_eq(text, whole);
    free(text);
    text = printed(cells, 2 * N, 30);
    ck_assert_str_eq(text, "model m\xc3\xa4, threads 1\n\n"
                           "| test | mean | median | p99 |\n"
                           "| ---- | ---: | -----: | --: |\n"
                           "| pp8  | 10.5 |     10 | 0.1 |\n"
                           "| tg4  |    9 |      9 |  12 |\n");
    free(text);
    text = printed(cells, 2 * N, 18); /* the lesser columns go first, and are named */
    ck_assert_str_eq(text, "model m\xc3\xa4,\nthreads 1\n\n"
                           "| test | median |\n"
                           "| ---- | -----: |\n"
                           "| pp8  |     10 |\n"
                           "| tg4  |      9 |\n"
                           "\nnot on 18 columns: mean, p99\n");
    free(text);
    text = printed(cells, 0, 20);
    ck_assert_str_eq(text, "");
    free(text);
}
END_TEST

/* What differs stays in the table however narrow it is: else rows could not be told apart. */
START_TEST(what_differs_stays)
{
    static const char *const cells[] = {"a", "c", "1", "pp8", "1", "1", "1",
                                        "b", "c", "2", "pp8", "1", "1", "1"};
    char *text = printed(cells, 2 * N, 10);
    ck_assert_ptr_eq(strstr(text, "isa c\n\n| model | threads | test | median |\n"), text);
    free(text);
}
END_TEST

START_TEST(options_that_vary)
{
    struct aglm_record r[3];
    const struct aglm_record *const list[] = {&r[0], &r[1], &r[2]};
    char text[128];
    for (size_t i = 0; i < 3; i++) {
        aglm_samples_record(&r[i]);
    }
    ck_assert_uint_eq(aglm_record_options_varying(list, 0), 0);
    ck_assert_uint_eq(aglm_record_options_varying(list, 3), 0);
    r[1].n_threads = 7; /* columns of their own */
    snprintf(r[1].fuse, sizeof(r[1].fuse), "none");
    snprintf(r[1].test, sizeof(r[1].test), "tg1");
    ck_assert_uint_eq(aglm_record_options_varying(list, 3), 0);
    aglm_record_options_text(text, sizeof(text), &r[1], 0);
    ck_assert_str_eq(text, "");
    snprintf(r[1].isa, sizeof(r[1].isa), "c");
    snprintf(r[1].type_k, sizeof(r[1].type_k), "q4_0");
    r[2].cpu_strict = true;
    r[2].n_batch = 64;
    snprintf(r[2].requantize, sizeof(r[2].requantize), "q8_0");
    snprintf(r[2].load, sizeof(r[2].load), "pack");
    uint32_t varying = aglm_record_options_varying(list, 3);
    aglm_record_options_text(text, sizeof(text), &r[2], varying);
    ck_assert_str_eq(text, "isa avx2, -q q8_0, -C 0x0 strict, -b 64, -ctk f16, --load pack");
    snprintf(r[2].model_path, sizeof(r[2].model_path), "/x/y.gguf");
    snprintf(r[2].model_type, sizeof(r[2].model_type), "another"); /* which a table shows */
    ck_assert_uint_eq(aglm_record_options_varying(list, 3), varying);
    snprintf(r[1].model_path, sizeof(r[1].model_path), "/x/z.gguf");
    varying = aglm_record_options_varying(list, 3);
    aglm_record_options_text(text, 12, &r[2], varying); /* cut to fit */
    ck_assert_str_eq(text, "file y.gguf");
    for (size_t i = 0; i < 3; i++) {
        aglm_record_finish(&r[i]);
    }
}
END_TEST

Suite *aglm_suite_table(void)
{
    Suite *suite = suite_create("table");
    TCase *tc = tcase_create("table");
    tcase_add_test(tc, widths);
    tcase_add_test(tc, what_differs_stays);
    tcase_add_test(tc, options_that_vary);
    suite_add_tcase(suite, tc);
    return suite;
}
