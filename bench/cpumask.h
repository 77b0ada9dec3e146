/* CPU masks as llama-bench's -C takes them ("0x3", "f0"), and the comparison of what was asked for
 * with what the threads got.
 */
#ifndef AGLM_BENCH_CPUMASK_H
#define AGLM_BENCH_CPUMASK_H

#include "probes/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AGLM_CPUMASK_BITS 512

struct aglm_cpumask {
    uint8_t bits[AGLM_CPUMASK_BITS / 8]; /* bit i of byte i/8 is CPU i */
};

/* Hexadecimal, with or without 0x, at most 128 digits; the lowest bit is CPU 0. An empty mask
 * ("0x0") is allowed and means: no pinning. */
int aglm_cpumask_parse(struct aglm_cpumask *out, const char *text, struct aglm_err *err);
bool aglm_cpumask_is_empty(const struct aglm_cpumask *mask);
/* As the kernel writes CPU lists: "0-3,6"; cut to fit. */
void aglm_cpumask_list(const struct aglm_cpumask *mask, char *buf, size_t size);

/* Whether the affinity that was read back ("0-1", or one list per thread: "0 | 1") is the one asked
 * for: every thread on CPUs of the mask only, and on all of them; with strict_threads (0: not
 * strict), on as many different ones as there are threads or CPUs in the mask. False also for text
 * that is no list. */
bool aglm_cpumask_granted(const struct aglm_cpumask *asked, unsigned strict_threads,
                          const char *readback);

#endif
