/* What the options of `aglm-bench run` may not be together, and values given twice. Only for
 * bench/options.c.
 */
#ifndef AGLM_BENCH_OPTIONS_CHECK_H
#define AGLM_BENCH_OPTIONS_CHECK_H

#include "bench/options.h"

/* Before the defaults are filled in. -EINVAL names the options. */
int aglm_options_check(const struct aglm_options *options, struct aglm_err *err);

/* Leaves the first of equal values in every list: a combination is measured once, repetitions are
 * -r. */
void aglm_options_unique(struct aglm_options *options);

#endif
