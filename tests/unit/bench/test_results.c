/* Figures derived from samples, against answers worked out by hand. */
#include "bench/record.h"
#include "tests/unit/bench/samples.h"
#include "tests/unit/bench/suites.h"

#include <math.h>

#define EPS 1e-9

START_TEST(prompt_and_generation)
{
    struct aglm_record r;
    struct aglm_results d;
    aglm_samples_record(&r);                                /* 64 + 8 tokens, 1 MB per token */
    aglm_samples_add(&r, 100000000, 10000000, 20000000, 7); /* 250 ms */
    aglm_samples_add(&r, 200000000, 30000000, 10000000, 7); /* 300 ms */
    aglm_samples_add(&r, 100000000, 20000000, 40000000, 7); /* 400 ms */
    aglm_results_derive(&d, &r);
    ck_assert_double_eq_tol(d.avg_ns, 950e6 / 3, 1e-3);
    ck_assert_double_eq_tol(d.avg_ts, (72 / .25 + 72 / .3 + 72 / .4) / 3, EPS);
    ck_assert_double_eq_tol(d.stddev_ts, sqrt(2928), EPS);
    ck_assert_double_eq_tol(d.median_ts, 240, EPS);
    ck_assert_double_eq_tol(d.ci_low_ts, 180, EPS);
    ck_assert_double_eq_tol(d.ci_high_ts, 288, EPS);
    ck_assert(d.ci_is_range);
    ck_assert_double_eq_tol(d.prefill_ts, 640, EPS);
    ck_assert_double_eq_tol(d.ttft_ms, 120, EPS);  /* of 110, 230, 120 */
    ck_assert_double_eq_tol(d.decode_ts, 50, EPS); /* of 50, 100, 25 */
    ck_assert_double_eq_tol(d.decode_gbps, 0.05, EPS);
    ck_assert_double_eq_tol(d.tpot_ms, 70.0 / 3, EPS);
    ck_assert_double_eq_tol(d.tpot_p50_ms, 20, EPS);
    ck_assert_double_nan(d.tpot_p99_ms); /* 21 samples are too few */
    ck_assert_double_eq_tol(d.cv_percent, 100 * d.stddev_ts / d.avg_ts, EPS);
    ck_assert_double_eq(d.peak_rss_bytes, 123456789);
    ck_assert_double_eq(d.others_cpu_percent_max, 0);
    aglm_record_finish(&r);
}
END_TEST

START_TEST(shares_of_the_roof)
{
    struct aglm_record r;
    struct aglm_results d;
    aglm_samples_record(&r); /* prompt: 64 G operations; token: 1 MB of weights, 250 kB of cache */
    aglm_samples_add(&r, 100000000, 10000000, 20000000, 7); /* 640 and 50 tokens/s */
    aglm_results_derive(&d, &r);
    ck_assert_double_eq_tol(d.prefill_gops, 640, EPS);
    ck_assert_double_eq_tol(d.prefill_roof_percent, 50, EPS); /* of 1280 Gop/s */
    ck_assert_double_eq_tol(d.decode_roof_percent, 50, EPS);  /* 62.5 of 125 MB/s */
    snprintf(r.prefill_kind, sizeof(r.prefill_kind), "f32");
    aglm_results_derive(&d, &r);
    ck_assert_double_nan(d.prefill_roof_percent); /* that peak was not measured */
    ck_assert_double_eq_tol(d.prefill_gops, 640, EPS);
    r.roof_f32.best = 640e9;
    aglm_results_derive(&d, &r);
    ck_assert_double_eq_tol(d.prefill_roof_percent, 100, EPS);
    r.kv_bytes_per_token = NAN;
    r.prefill_kind[0] = '\0';
    aglm_results_derive(&d, &r);
    ck_assert_double_nan(d.decode_roof_percent);
    ck_assert_double_nan(d.prefill_roof_percent);
    r.kv_bytes_per_token = 0;
    r.roof_read.best = 0;
    aglm_results_derive(&d, &r);
    ck_assert_double_nan(d.decode_roof_percent);
    aglm_record_finish(&r);
}
END_TEST

START_TEST(phases_that_are_not_there)
{
    struct aglm_record r;
    struct aglm_results d;
    aglm_samples_record(&r);
    r.n_prompt = 0;
    r.n_gen = 1;
    aglm_samples_add(&r, 0, 5000000, 0, 0);
    aglm_results_derive(&d, &r);
    ck_assert_double_eq_tol(d.avg_ts, 200, EPS);
    ck_assert_double_nan(d.stddev_ts); /* one sample has no spread */
    ck_assert_double_nan(d.prefill_ts);
    ck_assert_double_nan(d.ttft_ms);
    ck_assert_double_nan(d.decode_ts);
    ck_assert_double_nan(d.tpot_ms);
    ck_assert_double_nan(d.decode_gbps);
    ck_assert_double_nan(d.prefill_roof_percent);
    ck_assert_double_nan(d.decode_roof_percent);
    aglm_record_finish(&r);
}
END_TEST

START_TEST(p99_from_a_hundred_tokens)
{
    struct aglm_record r;
    struct aglm_results d;
    aglm_samples_record(&r);
    aglm_samples_add(&r, 1, 1, 1000000, 100);
    for (uint64_t i = 0; i < 100; i++) {
        r.samples[0].token_ns[i] = (i + 1) * 1000000;
    }
    aglm_results_derive(&d, &r);
    ck_assert_double_eq_tol(d.tpot_p99_ms, 99.01, EPS);
    ck_assert_double_eq_tol(d.tpot_ms, 50.5, EPS);
    aglm_record_finish(&r);
}
END_TEST

START_TEST(while_it_ran)
{
    struct aglm_record r;
    struct aglm_results d;
    aglm_samples_record(&r);
    for (int i = 0; i < 3; i++) {
        aglm_samples_add(&r, 5, 7, 9, 7);
    }
    aglm_samples_add(&r, 5, 7, 9, 7);
    aglm_results_derive(&d, &r);
    ck_assert_double_nan(d.temperature_max_degc);
    ck_assert_double_nan(d.joules_per_token);
    ck_assert_str_eq(d.energy, "");
    r.n_samples -= 2; /* watch the second, then the third */
    aglm_samples_during(&r);
    r.n_samples++;
    aglm_samples_during(&r);
    struct aglm_during *last = &r.samples[2].during;
    last->temperature_min_degc = NAN;
    last->temperature_median_degc = 60.5;
    last->temperature_max_degc = 70;
    last->own_cpu_percent = 0.25;
    last->joules = NAN;
    snprintf(last->energy, sizeof(last->energy), "charging: energy cannot be measured");
    r.n_samples++;
    aglm_results_derive(&d, &r);
    ck_assert_double_eq(d.temperature_min_degc, 41);
    ck_assert_double_eq(d.temperature_median_degc, (48.5 + 60.5) / 2);
    ck_assert_double_eq(d.temperature_max_degc, 70);
    ck_assert_double_eq(d.frequency_low_khz, 1804800);
    ck_assert(d.limit_low_percent == 100 && d.cooling_max_percent == 0);
    ck_assert_double_eq(d.android_status_max, 0);
    ck_assert_double_eq_tol(d.joules_per_token, 12.5 / (64 + 8), EPS);
    ck_assert_double_eq(d.telemetry_cpu_percent, 0.25);
    ck_assert_str_eq(d.energy, "charging: energy cannot be measured");
    aglm_record_finish(&r);
}
END_TEST

START_TEST(nothing_measured)
{
    struct aglm_record r;
    struct aglm_results d;
    aglm_samples_record(&r);
    aglm_results_derive(&d, &r);
    ck_assert_double_nan(d.avg_ns);
    ck_assert_double_nan(d.median_ts);
    ck_assert_double_nan(d.ci_low_ts);
    ck_assert_double_nan(d.peak_rss_bytes);
    ck_assert_double_nan(d.others_cpu_percent_max);
    aglm_record_finish(&r);
}
END_TEST

START_TEST(null_backend_reads_no_bytes)
{
    struct aglm_record r;
    struct aglm_results d;
    aglm_samples_record(&r);
    r.bytes_per_token = 0;
    aglm_samples_add(&r, 1000, 1000, 1000, 7);
    aglm_results_derive(&d, &r);
    ck_assert_double_nan(d.decode_gbps);
    ck_assert_double_eq_tol(d.decode_ts, 1e6, 1e-3);
    aglm_record_finish(&r);
}
END_TEST

Suite *aglm_suite_results(void)
{
    Suite *suite = suite_create("results");
    TCase *tc = tcase_create("results");
    tcase_add_test(tc, prompt_and_generation);
    tcase_add_test(tc, shares_of_the_roof);
    tcase_add_test(tc, phases_that_are_not_there);
    tcase_add_test(tc, p99_from_a_hundred_tokens);
    tcase_add_test(tc, while_it_ran);
    tcase_add_test(tc, nothing_measured);
    tcase_add_test(tc, null_backend_reads_no_bytes);
    suite_add_tcase(suite, tc);
    return suite;
}
