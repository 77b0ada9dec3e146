/* What `aglm-bench profile` prints beside the facts: thresholds, scenarios, advice, its test.
 * Shared by the command's files only. */
#ifndef AGLM_BENCH_CMD_PROFILE_H
#define AGLM_BENCH_CMD_PROFILE_H

#include "bench/advice.h"
#include "bench/verify.h"
#include "probes/profile.h"
#include "probes/thresholds.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    AGLM_PROFILE_VERIFY_MODELS = 2,
    AGLM_PROFILE_WITHIN_PERCENT = 25,
    AGLM_PROFILE_QUIET_PERCENT = 20
};

struct aglm_profile_page {
    const struct aglm_profile *profile;
    const struct aglm_thresholds *thresholds;
    struct aglm_advice_device device;
    struct aglm_verify_line verify[AGLM_PROFILE_VERIFY_MODELS]; /* [n_verify] */
    size_t n_verify;
};

/* The parts behind the facts, at most 80 columns wide. */
void aglm_profile_page_print(const struct aglm_profile_page *page);
/* The whole document (docs/profile.schema.json); the caller frees it. NULL for lack of memory. */
char *aglm_profile_page_json(const struct aglm_profile_page *page);

/* The first n of the CPUs in the order of use, "0-3"; "" where none is known. */
void aglm_profile_cpus(unsigned n, char *buf, size_t cap);

/* What aglm_profile_second remembers between seconds. */
struct aglm_profile_sustained {
    unsigned asked; /* seconds */
    double first;   /* what was done in the first */
};

/* An aglm_each_second whose ctx is an aglm_profile_sustained: says how it goes on standard error,
 * and takes SIGINT and SIGTERM for the wish to end it, from the beginning to the end of it. */
bool aglm_profile_second(void *ctx, unsigned second, double ops_per_s);

#endif
