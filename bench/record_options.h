/* The options of a record: by which of them two tests differ, and their values in words. For tables
 * whose rows come from a sweep.
 */
#ifndef AGLM_BENCH_RECORD_OPTIONS_H
#define AGLM_BENCH_RECORD_OPTIONS_H

#include "bench/record.h"

/* The options that n records differ in: a bit each. Left out is what every table has: the test, its
 * model's description, threads and fused operators. Different files count where their description
 * is the same. */
uint32_t aglm_record_options_varying(const struct aglm_record *const *records, size_t n);
/* "isa avx2, load mmap": the options of these bits, into buf, cut to fit; "" for none. */
void aglm_record_options_text(char *buf, size_t size, const struct aglm_record *record,
                              uint32_t which);

#endif
