/* Statistics against known answers. */
#include "bench/stats.h"
#include "tests/unit/bench/suites.h"

#include <math.h>

#define EPS 1e-12

START_TEST(mean_and_sd)
{
    const double x[] = {2, 4, 4, 4, 5, 5, 7, 9};
    ck_assert_double_eq_tol(aglm_stats_mean(x, 8), 5, EPS);
    ck_assert_double_eq_tol(aglm_stats_sd(x, 8), sqrt(32.0 / 7), EPS);
    ck_assert_double_eq_tol(aglm_stats_sd(x, 2), sqrt(2.0), EPS);
}
END_TEST

START_TEST(too_few_is_unknown)
{
    const double x[] = {3};
    double low, high;
    bool is_range;
    ck_assert_double_nan(aglm_stats_mean(x, 0));
    ck_assert_double_nan(aglm_stats_sd(x, 0));
    ck_assert_double_nan(aglm_stats_sd(x, 1));
    ck_assert_double_nan(aglm_stats_median(x, 0));
    ck_assert_double_eq(aglm_stats_median(x, 1), 3);
    aglm_stats_median_interval(x, 0, &low, &high, &is_range);
    ck_assert_double_nan(low);
    ck_assert_double_nan(high);
    ck_assert(is_range);
}
END_TEST

START_TEST(sd_keeps_its_digits)
{
    /* the textbook formula with sums of squares loses all digits here; the exact answer is sqrt(30)
     */
    const double x[] = {1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16};
    ck_assert_double_eq_tol(aglm_stats_sd(x, 4), sqrt(30.0), EPS);
}
END_TEST

START_TEST(quantiles)
{
    double x[] = {9, 1, 3, 7, 5};
    aglm_stats_sort(x, 5);
    ck_assert_double_eq(x[0], 1);
    ck_assert_double_eq(x[4], 9);
    ck_assert_double_eq_tol(aglm_stats_quantile(x, 5, 0), 1, EPS);
    ck_assert_double_eq_tol(aglm_stats_quantile(x, 5, 0.1), 1.8, EPS); /* R: quantile(x, .1) */
    ck_assert_double_eq_tol(aglm_stats_quantile(x, 5, 0.25), 3, EPS);
    ck_assert_double_eq_tol(aglm_stats_quantile(x, 5, 0.99), 8.92, EPS);
    ck_assert_double_eq_tol(aglm_stats_quantile(x, 5, 1), 9, EPS);
    ck_assert_double_eq_tol(aglm_stats_median(x, 4), 4, EPS);
}
END_TEST

/* The largest k (from 1) with 1 - 2 P(Bin(n, 1/2) <= k - 1) >= 95%: tables of the sign test's
 * interval. */
static const struct {
    size_t n, k;
} intervals[] = {{6, 1},  {8, 1},  {9, 2},  {11, 2},  {12, 3},  {14, 3},   {15, 4},
                 {17, 5}, {20, 6}, {25, 8}, {30, 10}, {50, 18}, {100, 40}, {5000, 2431}};

START_TEST(median_interval)
{
    static double x[5000];
    double low, high;
    bool is_range;
    size_t n = intervals[_i].n, k = intervals[_i].k;
    for (size_t i = 0; i < n; i++) {
        x[i] = (double)(i + 1);
    }
    aglm_stats_median_interval(x, n, &low, &high, &is_range);
    ck_assert(!is_range);
    ck_assert_double_eq(low, (double)k);
    ck_assert_double_eq(high, (double)(n + 1 - k));
}
END_TEST

START_TEST(range_under_six)
{
    const double x[] = {1, 2, 3, 4, 10};
    double low, high;
    bool is_range;
    aglm_stats_median_interval(x, 5, &low, &high, &is_range);
    ck_assert(is_range);
    ck_assert_double_eq(low, 1);
    ck_assert_double_eq(high, 10);
}
END_TEST

Suite *aglm_suite_stats(void)
{
    Suite *suite = suite_create("stats");
    TCase *tc = tcase_create("stats");
    tcase_add_test(tc, mean_and_sd);
    tcase_add_test(tc, too_few_is_unknown);
    tcase_add_test(tc, sd_keeps_its_digits);
    tcase_add_test(tc, quantiles);
    tcase_add_loop_test(tc, median_interval, 0, sizeof(intervals) / sizeof(intervals[0]));
    tcase_add_test(tc, range_under_six);
    suite_add_tcase(suite, tc);
    return suite;
}
