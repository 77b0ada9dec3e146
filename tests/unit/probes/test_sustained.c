/* What the cores keep up: curve, facts and how it ends. How fast anything is, is not tested: the
 * figures are given, or windows are a millisecond long and only counted. */
#include "probes/isa.h"
#include "probes/judge.h"
#include "probes/sustained.h"
#include "tests/unit/probes/suites.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct aglm_sustained s;

/* So many seconds, each from first falling by step. */
static void given(unsigned asked, unsigned n, double first, double step)
{
    s = (struct aglm_sustained){.isa = "neon",
                                .threads = 8,
                                .asked = asked,
                                .n = n,
                                .others_percent = 3,
                                .start_degc = 31,
                                .end_degc = NAN};
    for (unsigned i = 0; i < n; i++)
        s.per_s[i] = first - step * i;
}

static struct aglm_profile profile;

static const struct aglm_fact *fact(const char *key)
{
    return aglm_profile_find(&profile, key);
}

static void add(void)
{
    aglm_facts_finish(&profile.facts);
    aglm_sustained_facts(&profile.facts, &s);
    ck_assert(!profile.facts.out_of_memory);
}

START_TEST(curve_is_of_tenths)
{
    double percent[AGLM_SUSTAINED_POINTS];
    given(20, 20, 200e9, 5e9); /* 200, 195, ... 105: tenths of two seconds */
    ck_assert_uint_eq(aglm_sustained_curve(percent, &s), 10);
    ck_assert_double_eq(percent[0], 100);
    ck_assert_double_eq_tol(percent[1], 187.5 / 197.5 * 100, 1e-9);
    ck_assert_double_eq_tol(percent[9], 107.5 / 197.5 * 100, 1e-9);
    given(600, 600, 700, 1); /* as long as can be */
    ck_assert_uint_eq(aglm_sustained_curve(percent, &s), 10);
    ck_assert_double_eq_tol(percent[9], (700 - 569.5) / (700 - 29.5) * 100, 1e-9);
    given(20, 17, 200, 0); /* does not divide: every second is in one tenth */
    s.per_s[16] = 100;
    ck_assert_uint_eq(aglm_sustained_curve(percent, &s), 10);
    ck_assert_double_eq(percent[8], 100);
    ck_assert_double_eq(percent[9], 75);
    given(20, 3, 200, 50);
    ck_assert_uint_eq(aglm_sustained_curve(percent, &s), 3);
    ck_assert_double_eq(percent[2], 50);
    given(20, 0, 0, 0);
    ck_assert_uint_eq(aglm_sustained_curve(percent, &s), 0);
}
END_TEST

START_TEST(facts_of_a_device_that_throttles)
{
    given(10, 10, 200e9, 10e9);
    add();
    ck_assert_str_eq(fact("roof.sustained.curve")->text, "100 95 90 85 80 75 70 65 60 55 %");
    ck_assert_double_eq(fact("roof.sustained.start")->number, 200e9);
    ck_assert_double_eq(fact("roof.sustained.end")->number, 110e9);
    ck_assert_double_eq_tol(fact("roof.sustained.share")->number, 55, 1e-9);
    ck_assert_double_eq(fact("roof.sustained.lowest")->number, 110e9);
    ck_assert_double_eq(fact("roof.sustained.time")->number, 10);
    ck_assert_str_eq(fact("roof.sustained.each")->text, "200 190 180 170 160 150 140 130 120 110");
    ck_assert_str_eq(fact("roof.sustained.share")->source, "measured: neon, 8 threads, 10 of 10 s");
    ck_assert_ptr_null(fact("roof.sustained.stopped"));
}
END_TEST

START_TEST(what_others_took_is_not_heat)
{
    given(10, 10, 200e9, 10e9);
    s.others_percent = AGLM_SUSTAINED_QUIET_PERCENT + 1;
    add();
    ck_assert_int_eq(fact("roof.sustained.share")->kind, AGLM_FACT_UNKNOWN);
    ck_assert_str_eq(fact("roof.sustained.share")->text, "others used 21% of the CPUs meanwhile");
    ck_assert_double_eq(fact("roof.sustained.others_cpu")->number, 21);
    ck_assert_double_eq(fact("roof.sustained.temperature_start")->number, 31);
    ck_assert_int_eq(fact("roof.sustained.temperature_end")->kind, AGLM_FACT_UNKNOWN);
    s.others_percent = AGLM_SUSTAINED_QUIET_PERCENT;
    add();
    ck_assert_double_eq_tol(fact("roof.sustained.share")->number, 55, 1e-9);
    s.others_percent = NAN; /* Android shows no counters to programs without rights */
    add();
    ck_assert_double_eq_tol(fact("roof.sustained.share")->number, 55, 1e-9);
    ck_assert_int_eq(fact("roof.sustained.others_cpu")->kind, AGLM_FACT_UNKNOWN);
}
END_TEST

START_TEST(facts_of_one_that_was_stopped)
{
    given(60, 9, 100e9, 0);
    add();
    ck_assert_str_eq(fact("roof.sustained.stopped")->text, "after 9 of 60 s");
    ck_assert_int_eq(fact("roof.sustained.share")->kind, AGLM_FACT_UNKNOWN);
    ck_assert_ptr_nonnull(strstr(fact("roof.sustained.share")->text, "after 9 s"));
    ck_assert_double_eq(fact("roof.sustained.end")->number, 100e9);
    given(60, 10, 100e9, 0); /* enough */
    add();
    ck_assert_double_eq(fact("roof.sustained.share")->number, 100);
    given(60, 0, 0, 0);
    add();
    ck_assert_uint_eq(profile.facts.n, 1);
    ck_assert_int_eq(fact("roof.sustained.share")->kind, AGLM_FACT_UNKNOWN);
}
END_TEST

static enum aglm_status verdict(double last)
{
    struct aglm_thresholds *thresholds = NULL;
    struct aglm_judgement j;
    given(10, 10, 100e9, 0);
    s.per_s[9] = last;
    add();
    ck_assert(!aglm_thresholds_load(&thresholds, NULL, NULL));
    aglm_judge(&j, &profile, aglm_thresholds_find(thresholds, "sustained"));
    aglm_thresholds_destroy(&thresholds);
    return j.status;
}

START_TEST(verdicts)
{
    ck_assert_int_eq(verdict(91e9), AGLM_STATUS_GOOD);
    ck_assert_int_eq(verdict(80e9), AGLM_STATUS_WATCH);
    ck_assert_int_eq(verdict(69e9), AGLM_STATUS_ALERT);
}
END_TEST

/* All 600 seconds, wide figures: no line is over 80 columns and the figures stay in the JSON. */
START_TEST(text_is_narrow)
{
    char *text = NULL, *json;
    size_t size = 0;
    given(600, 600, 123.456789e12, 1e9);
    add();
    FILE *out = open_memstream(&text, &size);
    aglm_profile_print(&profile, out);
    fclose(out);
    ck_assert_ptr_nonnull(strstr(text, "Limits, kept up\n"));
    ck_assert_ptr_null(strstr(text, "Each second"));
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
        ck_assert_uint_le(strlen(line), 80);
    json = aglm_profile_json(&profile);
    ck_assert_ptr_nonnull(strstr(json, "\"roof.sustained.each\""));
    free(json);
    free(text);
}
END_TEST

/* ---- measuring ---- */

struct calls {
    unsigned n, last, stop_after;
    bool began, all_positive;
};

static bool each(void *ctx, unsigned second, double per_s)
{
    struct calls *c = ctx;
    if (second == 0) {
        c->began = isnan(per_s) && c->n == 0;
    } else {
        c->n++;
        c->last = second;
        c->all_positive = (c->n == 1 || c->all_positive) && per_s > 0;
    }
    return second < c->stop_after;
}

START_TEST(measures_until_the_end_or_until_told)
{
    struct calls c = {.stop_after = 1000};
    struct aglm_sustained_options o = {
        .threads = 2, .seconds = 5, .window_ms = 1, .each = each, .ctx = &c};
    struct aglm_err err = {0};
    o.isa_flags = aglm_isa_detect();
    ck_assert_msg(!aglm_sustained_measure(&s, &o, &err), "%s", err.msg);
    ck_assert_uint_eq(s.n, 5);
    ck_assert_uint_eq(s.threads, 2);
    ck_assert(c.began && c.all_positive);
    ck_assert_uint_eq(c.n, 5);
    ck_assert_uint_eq(c.last, 5);
    c = (struct calls){.stop_after = 3};
    ck_assert(!aglm_sustained_measure(&s, &o, &err));
    ck_assert_uint_eq(s.n, 3);
    ck_assert_uint_eq(s.asked, 5);
    c = (struct calls){.stop_after = 0}; /* before the first */
    ck_assert(!aglm_sustained_measure(&s, &o, &err));
    ck_assert_uint_eq(s.n, 0);
    o.each = NULL;
    o.isa_flags = 0;
    ck_assert(!aglm_sustained_measure(&s, &o, &err));
    ck_assert_uint_eq(s.n, 5);
    ck_assert_str_eq(s.isa, "c");
}
END_TEST

START_TEST(measuring_refused)
{
    struct aglm_sustained_options o = {.threads = 1, .seconds = 601, .window_ms = 1};
    struct aglm_profile *none = NULL;
    struct aglm_err err = {0};
    ck_assert_int_eq(aglm_sustained_measure(&s, &o, &err), -EINVAL);
    ck_assert_ptr_nonnull(strstr(err.msg, "601 seconds"));
    o.seconds = 0;
    ck_assert_int_eq(aglm_sustained_measure(&s, &o, &err), -EINVAL);
    o = (struct aglm_sustained_options){.threads = 0, .seconds = 1};
    ck_assert_int_eq(aglm_sustained_measure(&s, &o, &err), -EINVAL);
    ck_assert_int_eq(
        aglm_profile_create(&none, &(struct aglm_profile_options){.root = "/", .sustained_s = 10},
                            &err),
        -EINVAL);
    ck_assert_ptr_null(none);
}
END_TEST

Suite *sustained_suite(void)
{
    Suite *suite = suite_create("sustained");
    TCase *tc = tcase_create("sustained");
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, curve_is_of_tenths);
    tcase_add_test(tc, facts_of_a_device_that_throttles);
    tcase_add_test(tc, what_others_took_is_not_heat);
    tcase_add_test(tc, facts_of_one_that_was_stopped);
    tcase_add_test(tc, verdicts);
    tcase_add_test(tc, text_is_narrow);
    tcase_add_test(tc, measures_until_the_end_or_until_told);
    tcase_add_test(tc, measuring_refused);
    suite_add_tcase(suite, tc);
    return suite;
}
