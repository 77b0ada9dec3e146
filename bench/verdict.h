/* The verdict on a test: may its number be used? Pure functions over a record.
 */
#ifndef AGLM_BENCH_VERDICT_H
#define AGLM_BENCH_VERDICT_H

#include "bench/record.h"

/* Other processes may use this much of all CPUs during a repetition; above it the test is INVALID.
 */
#define AGLM_VERDICT_OTHERS_MAX_PERCENT 15.0
/* The kernel counts CPU time in ticks of 10 ms: fewer ticks of all CPUs together say too little. */
#define AGLM_VERDICT_MIN_TICKS 100.0
/* A limit on the frequency of CPUs may sink by this much of what they are made for. */
#define AGLM_VERDICT_LIMIT_PERCENT 1.0

/* The load of others in percent of all CPUs, the worst over the repetitions that are long enough to
 * be judged alone and over the short ones taken together; NaN when there is too little to judge. */
double aglm_verdict_others_percent(const struct aglm_record *record);

/* Why that is NaN: "too short to tell (…): …", "cannot be read on this system"; NULL where it is
 * known, or there are no samples. Nothing speaks against such a test, so it is VALID; that nobody
 * watched is said beside it. */
const char *aglm_verdict_others_unknown(const struct aglm_record *record);

/* Sets valid and reasons from the samples (load of others, throttling: any thermal status above
 * none, since even the lightest is known to cost a quarter of the speed), the affinity and how the
 * test ended. early: NULL when all repetitions were done, else why not ("interrupted", "time was
 * up", "failed: …", "in progress"). */
void aglm_verdict_set(struct aglm_record *record, const char *early);

/* Fewer answers than this are too few to condemn a quantization. */
#define AGLM_VERDICT_MIN_ANSWERS 100
/* Adds the verdict on the record's answers: INVALID when a smaller share of the reference's
 * accuracy is kept than at_least_percent (NaN: no limit). Unknown, and too few answers, are no
 * reason. */
void aglm_verdict_accuracy(struct aglm_record *record, double at_least_percent);

#endif
