/* Counting right answers: intervals, and how two runs over the same questions differ; pure
 * functions.
 */
#ifndef AGLM_BENCH_TALLY_H
#define AGLM_BENCH_TALLY_H

#include "bench/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The 95% interval of a share of right answers, in percent (Wilson, JASA 22, 1927): it stays within
 * 0 … 100 and is not empty at either end. NaN for n = 0. */
struct aglm_interval {
    double percent, low, high;
};
struct aglm_interval aglm_wilson(uint64_t right, uint64_t n);

/* How likely it is that, of lost + gained answers that changed, so many or more changed the same
 * way, if neither were likelier: McNemar's test, exact and two-sided. 1 where none changed. */
double aglm_mcnemar(uint64_t lost, uint64_t gained);

/* Adds one answer to its part, which is made when it is new. reference: 1 right, 0 wrong, -1 not
 * known. -ENOMEM; -E2BIG above 64 parts and languages. */
int aglm_accuracy_add(struct aglm_accuracy *accuracy, const char *part, const char *lang,
                      bool right, int reference);

/* Sums of the parts that count (bench/items.h), of those in one part (NULL: any) and one language
 * (NULL: any). Where no part counts, all do. */
struct aglm_accuracy_part aglm_accuracy_sum(const struct aglm_accuracy *accuracy, const char *part,
                                            const char *lang);
/* The share of the reference's accuracy that is kept, in percent; NaN where it is not known. */
double aglm_accuracy_kept(const struct aglm_accuracy_part *sum);

#endif
