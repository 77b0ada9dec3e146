/* The roofs of a run: the device's limits (probes/roof.h) for the thread counts, CPU masks and
 * instruction sets that a plan uses, measured several times during the run, because neighbours and
 * heat change them.
 */
#ifndef AGLM_BENCH_ROOFS_H
#define AGLM_BENCH_ROOFS_H

#include "bench/matrix.h"
#include "bench/record.h"
#include "probes/err.h"
#include "probes/roof.h"

#include <stdint.h>

struct aglm_roofs;

typedef int (*aglm_roof_fn)(struct aglm_roof *out, const struct aglm_roof_options *options,
                            struct aglm_err *err);

enum aglm_roofs_moment {
    AGLM_ROOFS_START, /* everything */
    AGLM_ROOFS_ROUND, /* between rounds: reading only */
    AGLM_ROOFS_END    /* everything */
};

/* Finds out what to measure; measure is aglm_roof_measure, or a test's. *out is NULL when no test
 * of the plan does arithmetic. isa_flags: enum aglm_isa_flag. -ENOMEM; -EINVAL for a bad mask. */
int aglm_roofs_create(struct aglm_roofs **out, const struct aglm_plan *plan, uint32_t isa_flags,
                      aglm_roof_fn measure, struct aglm_err *err);
void aglm_roofs_destroy(struct aglm_roofs **roofs);

/* Measures, in under 3 s, and adds the windows to those before. Errors as aglm_roof_measure. */
int aglm_roofs_measure(struct aglm_roofs *roofs, enum aglm_roofs_moment moment,
                       struct aglm_err *err);
/* How long the last one took in ns, 0: none yet. */
uint64_t aglm_roofs_last_ns(const struct aglm_roofs *roofs);

/* Sets the record's roof_* by its backend, threads, mask and instruction set; what was not measured
 * becomes NaN. roofs may be NULL. */
void aglm_roofs_fill(const struct aglm_roofs *roofs, struct aglm_record *record);

#endif
