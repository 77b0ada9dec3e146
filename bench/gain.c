/* Gains from pairs; see gain.h. */
#include "bench/gain.h"

#include "bench/stats.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

int aglm_gain_derive(struct aglm_gain *out, const uint64_t *without_ns, const uint64_t *with_ns,
                     size_t n)
{
    struct aglm_gain gain = {.n = n, .low = NAN, .high = NAN};
    bool is_range = true;
    double *x = calloc(n + 1, sizeof(*x));
    if (x == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        x[i] = 100 * ((double)without_ns[i] / (double)with_ns[i] - 1);
        gain.faster += x[i] > 0;
    }
    aglm_stats_sort(x, n);
    gain.percent = aglm_stats_median(x, n);
    if (n > 1) {
        aglm_stats_median_interval(x, n, &gain.low, &gain.high, &is_range);
    }
    gain.clear = !is_range && (gain.low > 0 || gain.high < 0);
    free(x);
    *out = gain;
    return 0;
}
