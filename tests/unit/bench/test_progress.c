/* Progress: what goes to a pipe, the bar's text, the time left. */
#include "bench/escape.h"
#include "bench/estimate.h"
#include "bench/progress.h"
#include "tests/unit/bench/suites.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

START_TEST(bar_text)
{
    char buf[512];
    aglm_progress_text(buf, sizeof(buf), 80, false, 0.5, "pp512, 2 threads", 65);
    ck_assert_str_eq(buf, "############------------  50%  1m05s left  pp512, 2 threads");
    aglm_progress_text(buf, sizeof(buf), 80, false, 0, "x", NAN);
    ck_assert_str_eq(buf, "------------------------   0%  x");
    aglm_progress_text(buf, sizeof(buf), 80, false, 7, "x", 7300);
    ck_assert_str_eq(buf, "######################## 100%  2h01m left  x");
    aglm_progress_text(buf, sizeof(buf), 80, false, 0.999, "x", 0.2);
    ck_assert_str_eq(buf, "########################  99%  1s left  x");
}
END_TEST

START_TEST(bar_is_cut_at_characters)
{
    char buf[512];
    for (unsigned columns = 0; columns < 60; columns++) {
        aglm_progress_text(buf, sizeof(buf), columns, true, 0.4,
                           "gr\xc3\xbc\xc3\x9f"
                           "e und vieles andere",
                           5);
        ck_assert_uint_le(aglm_utf8_columns(buf), columns);
        for (const char *p = buf; *p != '\0'; p += aglm_utf8_length(p)) {
            ck_assert_uint_gt(aglm_utf8_length(p), 0);
        }
    }
}
END_TEST

/* What a non-terminal gets, asked for lines or not. */
static char *piped(bool lines, bool quiet)
{
    char *text = NULL;
    size_t size = 0;
    struct aglm_progress p;
    FILE *file = tmpfile();
    ck_assert_ptr_nonnull(file);
    aglm_progress_init(&p, file, lines, quiet);
    aglm_progress_say(&p, "loading");
    aglm_progress_draw(&p, 0.5, "never on a pipe", 3);
    aglm_progress_line(&p, "benchmark %d/%d: prompt run", 1, 4);
    aglm_progress_clear(&p);
    size = (size_t)ftell(file);
    rewind(file);
    text = calloc(size + 1, 1);
    ck_assert_uint_eq(fread(text, 1, size, file), size);
    fclose(file);
    return text;
}

START_TEST(pipes)
{
    char *text = piped(true, false);
    ck_assert_str_eq(text, "aglm-bench: loading\naglm-bench: benchmark 1/4: prompt run\n");
    free(text);
    text = piped(false, false);
    ck_assert_str_eq(text, "");
    free(text);
    text = piped(true, true);
    ck_assert_str_eq(text, "");
    free(text);
}
END_TEST

START_TEST(time_left)
{
    struct aglm_test tests[2] = {{.n_prompt = 100}, {.n_gen = 50}};
    struct aglm_plan plan = {.tests = tests, .n_tests = 2};
    struct aglm_estimate e;
    ck_assert_int_eq(aglm_estimate_create(&e, &plan, 3, 0), 0);
    ck_assert_double_nan(aglm_estimate_left_s(&e));
    aglm_estimate_add(&e, 0, 1000000000);
    /* test 0: two more of 1 s; test 1: three of 200 weighted tokens, where 100 took 1 s */
    ck_assert_double_eq_tol(aglm_estimate_left_s(&e), 2 + 3 * 2, 1e-9);
    aglm_estimate_add(&e, 1, 500000000);
    ck_assert_double_eq_tol(aglm_estimate_left_s(&e), 2 + 2 * 0.5, 1e-9);
    aglm_estimate_add(&e, 0, 3000000000);
    ck_assert_double_eq_tol(aglm_estimate_left_s(&e), 2 + 2 * 0.5, 1e-9);
    e.delay_ns = 1000000000;
    ck_assert_double_eq_tol(aglm_estimate_left_s(&e), 2 + 2 * 0.5 + 3, 1e-9);
    aglm_estimate_finish(&e);
}
END_TEST

Suite *aglm_suite_progress(void)
{
    Suite *suite = suite_create("progress");
    TCase *tc = tcase_create("progress");
    tcase_add_test(tc, bar_text);
    tcase_add_test(tc, bar_is_cut_at_characters);
    tcase_add_test(tc, pipes);
    tcase_add_test(tc, time_left);
    suite_add_tcase(suite, tc);
    return suite;
}
