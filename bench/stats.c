/* Mean, sample sd, quantiles and the order-statistics interval of the median. Inputs: arrays of
 * finite doubles. Outputs: doubles, NaN where n is too small. No allocation.
 */
#include "bench/stats.h"

#include <math.h>
#include <stdlib.h>

double aglm_stats_mean(const double *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += x[i];
    }
    return n > 0 ? sum / (double)n : NAN;
}

double aglm_stats_sd(const double *x, size_t n)
{
    if (n < 2) {
        return NAN;
    }
    double mean = aglm_stats_mean(x, n);
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (x[i] - mean) * (x[i] - mean);
    }
    return sqrt(sum / (double)(n - 1));
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

void aglm_stats_sort(double *x, size_t n)
{
    if (n > 1) {
        qsort(x, n, sizeof(*x), compare);
    }
}

double aglm_stats_quantile(const double *sorted, size_t n, double q)
{
    if (n == 0) {
        return NAN;
    }
    double at = q * (double)(n - 1);
    size_t i = (size_t)at;
    if (i + 1 >= n) {
        return sorted[n - 1];
    }
    return sorted[i] + (at - (double)i) * (sorted[i + 1] - sorted[i]);
}

double aglm_stats_median(const double *sorted, size_t n)
{
    return aglm_stats_quantile(sorted, n, 0.5);
}

void aglm_stats_median_interval(const double *sorted, size_t n, double *low, double *high,
                                bool *is_range)
{
    *low = n > 0 ? sorted[0] : NAN;
    *high = n > 0 ? sorted[n - 1] : NAN;
    *is_range = n < 6;
    if (n < 6) {
        return;
    }
    /* tail = P(Bin(n, 1/2) <= k); by logarithms, as 2^-n is no double for large n. */
    double log_choose = 0; /* log C(n, k) */
    double tail = 0;
    for (size_t k = 0; k < n / 2; k++) {
        tail += exp(log_choose - (double)n * log(2.0));
        if (1 - 2 * tail < 0.95) {
            break;
        }
        *low = sorted[k];
        *high = sorted[n - 1 - k];
        log_choose += log((double)(n - k)) - log((double)(k + 1));
    }
}
