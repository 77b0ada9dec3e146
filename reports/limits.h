/* A device's limits by thread count: what it reads and computes at most. They come from the newest
 * profile that measured them, else from what runs measured beside their tests.
 */
#ifndef AGLM_REPORTS_LIMITS_H
#define AGLM_REPORTS_LIMITS_H

#include "bench/advice.h"
#include "reports/dataset.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct aglm_limit {
    unsigned threads;
    struct aglm_roof_range read, int8, f32; /* the median is NaN where a profile measured */
};

struct aglm_limits {
    struct aglm_limit line[AGLM_ADVICE_MAX_COUNTS]; /* [n], by threads */
    size_t n;
    /* For predictions; without limits where those of one thread are not known, which they start
     * from. */
    struct aglm_advice_device advice;
    char isa[16];    /* of the arithmetic */
    int64_t when_ms; /* of the profile, or of the newest test that measured; 0: not measured */
    bool from_runs;
};

void aglm_limits_read(struct aglm_limits *out, const struct aglm_dataset *set);

#endif
