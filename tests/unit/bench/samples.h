/* Records to test with. */
#ifndef AGLM_TESTS_BENCH_SAMPLES_H
#define AGLM_TESTS_BENCH_SAMPLES_H

#include "bench/record.h"

#include <stdint.h>

/* A record with every field set, and no samples; the caller finishes it. */
void aglm_samples_record(struct aglm_record *record);
/* Adds a repetition with quiet conditions: token_ns holds n_token_ns equal times. */
void aglm_samples_add(struct aglm_record *record, uint64_t prefill_ns, uint64_t first_token_ns,
                      uint64_t token_ns, size_t n_token_ns);

/* Watches the last repetition: nothing slowed it down, 12.5 J. */
void aglm_samples_during(struct aglm_record *record);

/* One operator in both phases. */
void aglm_samples_operators(struct aglm_record *record);

#endif
