/* Verdicts: what makes a test INVALID, and what does not. */
#include "bench/verdict.h"
#include "tests/unit/bench/samples.h"
#include "tests/unit/bench/suites.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Adds a repetition of total ticks, of which others used part. */
static void add(struct aglm_record *r, double total, double others)
{
    aglm_samples_add(r, 5, 7, 9, 2);
    struct aglm_sample *s = &r->samples[r->n_samples - 1];
    s->after = s->before;
    s->after.cpu_total_ticks += total;
    s->after.cpu_self_ticks += (total - others) / 2;
    s->after.cpu_idle_ticks += (total - others) / 2;
    aglm_conditions_between(&s->before, &s->after);
}

START_TEST(quiet_is_valid)
{
    struct aglm_record r;
    aglm_samples_record(&r);
    add(&r, 1000, 149);
    aglm_verdict_set(&r, NULL);
    ck_assert_str_eq(r.reasons, "");
    ck_assert(r.valid);
    aglm_record_finish(&r);
}
END_TEST

START_TEST(load_of_others)
{
    struct aglm_record r;
    aglm_samples_record(&r);
    add(&r, 1000, 0);
    add(&r, 1000, 230);
    aglm_verdict_set(&r, NULL);
    ck_assert_str_eq(r.reasons, "others used 23% of the CPU");
    ck_assert(!r.valid);
    aglm_record_finish(&r);
}
END_TEST

START_TEST(short_repetitions_are_judged_together)
{
    struct aglm_record r;
    aglm_samples_record(&r);
    for (int i = 0; i < 9; i++) {
        add(&r, 10, 5);
    }
    ck_assert_double_nan(aglm_verdict_others_percent(&r)); /* 90 ticks say too little */
    ck_assert_ptr_eq(strstr(aglm_verdict_others_unknown(&r), "too short to tell"),
                     aglm_verdict_others_unknown(&r));
    aglm_verdict_set(&r, NULL);
    ck_assert(r.valid);
    add(&r, 10, 5);
    ck_assert_double_eq_tol(aglm_verdict_others_percent(&r), 50, 1e-9);
    ck_assert_ptr_null(aglm_verdict_others_unknown(&r));
    aglm_verdict_set(&r, NULL);
    ck_assert(!r.valid);
    aglm_record_finish(&r);
}
END_TEST

START_TEST(unknown_load_is_no_reason)
{
    struct aglm_record r;
    aglm_samples_record(&r);
    add(&r, 1000, 500);
    r.samples[0].after.cpu_total_ticks = NAN;
    r.samples[0].after.others_cpu_percent = NAN;
    ck_assert_str_eq(aglm_verdict_others_unknown(&r), "cannot be read on this system");
    aglm_verdict_set(&r, NULL);
    ck_assert(r.valid);
    aglm_record_finish(&r);
}
END_TEST

START_TEST(affinity)
{
    struct aglm_record r;
    aglm_samples_record(&r);
    snprintf(r.cpu_mask, sizeof(r.cpu_mask), "0xff");
    aglm_verdict_set(&r, NULL);
    ck_assert_str_eq(r.reasons, "affinity not granted: asked for CPUs 0-7, got 0-1");
    snprintf(r.cpu_mask, sizeof(r.cpu_mask), "0x3");
    aglm_verdict_set(&r, NULL);
    ck_assert(r.valid);
    aglm_record_finish(&r);
}
END_TEST

START_TEST(ended_early)
{
    struct aglm_record r;
    aglm_samples_record(&r);
    add(&r, 1000, 230);
    aglm_verdict_set(&r, "in progress:");
    ck_assert_str_eq(r.reasons, "in progress: 1 of 5 repetitions; others used 23% of the CPU");
    aglm_verdict_set(&r, "interrupted after");
    ck_assert_str_eq(r.reasons, "interrupted after 1 of 5 repetitions; others used 23% of the CPU");
    ck_assert(!r.valid);
    aglm_record_finish(&r);
}
END_TEST

Suite *aglm_suite_verdict(void)
{
    Suite *suite = suite_create("verdict");
    TCase *tc = tcase_create("verdict");
    tcase_add_test(tc, quiet_is_valid);
    tcase_add_test(tc, load_of_others);
    tcase_add_test(tc, short_repetitions_are_judged_together);
    tcase_add_test(tc, unknown_load_is_no_reason);
    tcase_add_test(tc, affinity);
    tcase_add_test(tc, ended_early);
    suite_add_tcase(suite, tc);
    return suite;
}
