/* Verdicts: what makes a test INVALID, and what does not. */
#include "bench/verdict.h"
#include "tests/unit/bench/samples.h"
#include "tests/unit/bench/suites.h"

#include <math.h>
#include <stddef.h>
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

static const struct {
    size_t offset;
    double value, baseline; /* baseline: of the figure behind it, 0 where there is none */
    const char *reason;
} throttled[] = {
    {offsetof(struct aglm_during, android_status), 1, 0,
     "throttled: Android's thermal status was light"},
    {offsetof(struct aglm_during, android_status), 3, 0,
     "throttled: Android's thermal status was severe"},
    {offsetof(struct aglm_during, throttles), 4, 0,
     "throttled: the CPU slowed itself down (counted 4)"},
    {offsetof(struct aglm_during, limit_low_percent), 62, 100,
     "throttled: the limit on CPU frequencies fell from 100% to 62%"},
    {offsetof(struct aglm_during, limit_low_percent), 62, 62, ""}, /* set so before the run */
    {offsetof(struct aglm_during, limit_low_percent), 99.5, 100, ""},
    {offsetof(struct aglm_during, cooling_max_percent), 30, 0,
     "throttled: cooling devices slowed the CPUs (at 30% of what they can)"},
    {offsetof(struct aglm_during, cooling_max_percent), 30, 30, ""},
    {offsetof(struct aglm_during, temperature_max_degc), 99, 0, ""}, /* hot is not slow */
    {offsetof(struct aglm_during, android_status), NAN, 0, ""},
};

/* Each figure alone, in the second of three repetitions. */
START_TEST(throttling)
{
    struct aglm_record r;
    aglm_samples_record(&r);
    for (int i = 0; i < 3; i++) {
        add(&r, 1000, 0);
        aglm_samples_during(&r);
    }
    aglm_verdict_set(&r, NULL);
    ck_assert(r.valid);
    double *figure = (double *)(void *)((char *)&r.samples[1].during + throttled[_i].offset);
    figure[0] = throttled[_i].value;
    if (throttled[_i].baseline > 0) {
        figure[1] = throttled[_i].baseline;
    }
    aglm_verdict_set(&r, NULL);
    ck_assert_str_eq(r.reasons, throttled[_i].reason);
    ck_assert(r.valid == (throttled[_i].reason[0] == '\0'));
    r.samples[1].during.readings = 0; /* nobody watched */
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
    tcase_add_loop_test(tc, throttling, 0, (int)(sizeof(throttled) / sizeof(*throttled)));
    tcase_add_test(tc, ended_early);
    suite_add_tcase(suite, tc);
    return suite;
}
