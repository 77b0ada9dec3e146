/* Statistics over a few samples; pure functions. NaN where there is nothing to say: never 0. */
#ifndef AGLM_BENCH_STATS_H
#define AGLM_BENCH_STATS_H

#include <stdbool.h>
#include <stddef.h>

double aglm_stats_mean(const double *x, size_t n); /* NaN for n = 0 */
double aglm_stats_sd(const double *x, size_t n);   /* sample sd (n - 1); NaN for n < 2 */
/* Sorts in place, ascending. */
void aglm_stats_sort(double *x, size_t n);
/* Quantile of sorted x by linear interpolation between order statistics (Hyndman & Fan's type 7);
 * 0 <= q <= 1; NaN for n = 0. */
double aglm_stats_quantile(const double *sorted, size_t n, double q);
double aglm_stats_median(const double *sorted, size_t n);

/* An interval for the median of sorted x. From n >= 6: the narrowest [x(k), x(n+1-k)] whose
 * coverage 1 - 2 P(Bin(n, 1/2) <= k - 1) is at least 95% (Conover, Practical Nonparametric
 * Statistics, 3.2). Under 6 samples no such interval exists: the range, and *is_range is true. NaN
 * for n = 0. */
void aglm_stats_median_interval(const double *sorted, size_t n, double *low, double *high,
                                bool *is_range);

#endif
