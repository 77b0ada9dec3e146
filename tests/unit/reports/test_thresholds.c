/* Thresholds: every figure of the requirements, judging at the limits, and files of the user's own.
 */
#include "probes/thresholds.h"
#include "tests/unit/reports/suites.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static struct aglm_thresholds *load(const char *path)
{
    struct aglm_thresholds *set = NULL;
    struct aglm_err err = {0};
    ck_assert_msg(aglm_thresholds_load(&set, path, &err) == 0, "%s", err.msg);
    return set;
}

static void write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fputs(text, f), 0);
    ck_assert_int_eq(fclose(f), 0);
}

START_TEST(built_in_figures)
{
    static const struct {
        const char *id, *unit;
        double good, alert;
    } expected[] = {{"cpu_utilisation", "%", 70, 90},
                    {"free_memory", "MiB", 512, 128},
                    {"ram_voice_assistant", "GiB", 4, 4},
                    {"gpu_summary", "", 1, 1},
                    {"int8_speedup", "x", 3, 3},
                    {"edge_gateway", "ms", 50, 50},
                    {"cloud_analysis", "min", 5, 5},
                    {"trimmed_build", "%", 40, 40},
                    {"ref_tensorrt", "ms", 8.2, NAN},
                    {"ref_openvino", "ms", 9.7, NAN},
                    {"ref_jetson_vision", "ms", 38, NAN},
                    {"ref_jetson_accuracy", "%", 91, NAN},
                    {"ttft", "ms", 500, 2000},
                    {"tpot", "ms", 30, 100}};
    struct aglm_thresholds *set = load(NULL);
    for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++) {
        const struct aglm_threshold *t = aglm_thresholds_find(set, expected[i].id);
        ck_assert_msg(t != NULL, "%s", expected[i].id);
        ck_assert_str_eq(t->unit, expected[i].unit);
        ck_assert_double_eq(t->good, expected[i].good);
        if (isnan(expected[i].alert))
            ck_assert_int_eq(t->kind, AGLM_THRESHOLD_REFERENCE);
        else
            ck_assert_double_eq(t->alert, expected[i].alert);
    }
    for (size_t i = 0; i < aglm_thresholds_count(set); i++)
        ck_assert_msg(aglm_thresholds_at(set, i)->source[0], "%s", aglm_thresholds_at(set, i)->id);
    ck_assert_ptr_null(aglm_thresholds_find(set, "no such"));
    aglm_thresholds_destroy(&set);
    ck_assert_ptr_null(set);
}
END_TEST

START_TEST(judges)
{
    struct aglm_thresholds *set = load(NULL);
    const struct aglm_threshold *cpu = aglm_thresholds_find(set, "cpu_utilisation");
    const struct aglm_threshold *memory = aglm_thresholds_find(set, "free_memory");
    const struct aglm_threshold *int8 = aglm_thresholds_find(set, "int8_speedup");
    ck_assert_int_eq(aglm_threshold_judge(cpu, 69), AGLM_STATUS_GOOD);
    ck_assert_int_eq(aglm_threshold_judge(cpu, 70.1), AGLM_STATUS_WATCH);
    ck_assert_int_eq(aglm_threshold_judge(cpu, 90), AGLM_STATUS_WATCH);
    ck_assert_int_eq(aglm_threshold_judge(cpu, 90.1), AGLM_STATUS_ALERT);
    ck_assert_int_eq(aglm_threshold_judge(memory, 513), AGLM_STATUS_GOOD);
    ck_assert_int_eq(aglm_threshold_judge(memory, 300), AGLM_STATUS_WATCH);
    ck_assert_int_eq(aglm_threshold_judge(memory, 127), AGLM_STATUS_ALERT);
    ck_assert_int_eq(aglm_threshold_judge(int8, 3), AGLM_STATUS_GOOD);
    ck_assert_int_eq(aglm_threshold_judge(int8, 2.99), AGLM_STATUS_ALERT);
    ck_assert_int_eq(aglm_threshold_judge(int8, NAN), AGLM_STATUS_UNKNOWN);
    ck_assert_int_eq(aglm_threshold_judge(NULL, 1), AGLM_STATUS_UNKNOWN);
    ck_assert_int_eq(aglm_threshold_judge(aglm_thresholds_find(set, "ref_tensorrt"), 1),
                     AGLM_STATUS_UNKNOWN);
    ck_assert_str_eq(aglm_status_word(AGLM_STATUS_WATCH), "watch");
    aglm_thresholds_destroy(&set);
}
END_TEST

START_TEST(override_changes_only_what_it_names)
{
    const char *path = scratch("own.ini");
    write_text(path, "[tpot]\nalert = 250\n[mine]\nlabel = Mine\nkind = above\nunit = tok/s\ngood "
                     "= 9\nalert = 3\n");
    struct aglm_thresholds *set = load(path);
    ck_assert_double_eq(aglm_thresholds_find(set, "tpot")->alert, 250);
    ck_assert_double_eq(aglm_thresholds_find(set, "tpot")->good, 30);
    ck_assert_double_eq(aglm_thresholds_find(set, "mine")->alert, 3);
    aglm_thresholds_destroy(&set);
}
END_TEST

START_TEST(refuses_bad_files)
{
    static const struct {
        const char *text, *word;
    } bad[] = {{"[tpot]\ngood = fast\n", ":2:"},
               {"[tpot]\ngood = nan\n", ":2:"},
               {"[tpot]\ncolour = red\n", "colour"},
               {"[tpot]\nalert = 10\n", "tpot"}, /* on the good side of good */
               {"[tpot]\n\nrubbish\n", ":3:"},
               {"[new]\nlabel = New\n", "new"},
               {"[tpot]\nkind = sideways\n", "sideways"}};
    const char *path = scratch("bad.ini");
    struct aglm_thresholds *set = NULL;
    struct aglm_err err;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        write_text(path, bad[i].text);
        err = (struct aglm_err){0};
        ck_assert_int_eq(aglm_thresholds_load(&set, path, &err), -EINVAL);
        ck_assert_msg(strstr(err.msg, "bad.ini") && strstr(err.msg, bad[i].word), "%s", err.msg);
        ck_assert_ptr_null(set);
    }
    ck_assert_int_eq(aglm_thresholds_load(&set, "/nonexistent.ini", &err), -ENOENT);
    ck_assert_int_lt(aglm_thresholds_load(&set, "/", &err), 0);
    FILE *f = fopen(path, "w");
    for (int i = 0; i < 400; i++)
        fprintf(f, "[s%d]\nlabel = x\n", i);
    fclose(f);
    ck_assert_int_eq(aglm_thresholds_load(&set, path, &err), -E2BIG);
}
END_TEST

Suite *thresholds_suite(void)
{
    Suite *s = suite_create("thresholds");
    TCase *tc = tcase_create("thresholds");
    tcase_add_test(tc, built_in_figures);
    tcase_add_test(tc, judges);
    tcase_add_test(tc, override_changes_only_what_it_names);
    tcase_add_test(tc, refuses_bad_files);
    suite_add_tcase(s, tc);
    return s;
}
