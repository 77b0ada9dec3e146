/* Energy counters of the processor packages: <root>/sys/class/powercap/intel-rapl:N (AMD too).
 *
 * Since 2020 kernels let only root read them: "denied" is the usual answer. The counter wraps at
 * max_energy_range_uj. */
#ifndef AGLM_PROBES_RAPL_H
#define AGLM_PROBES_RAPL_H

#include "probes/fsroot.h"

enum { AGLM_RAPL_MAX = 32 };

struct aglm_rapl_domain {
    char folder[40]; /* "intel-rapl:0:1" */
    char name[32];   /* "package-0", "dram", "core", … */
    int64_t uj;      /* counter in µJ, -1 unknown */
    int64_t range_uj;
    int code; /* why it is unknown: a code of fsroot.h */
};

struct aglm_rapl {
    struct aglm_rapl_domain v[AGLM_RAPL_MAX]; /* [n] */
    size_t n;
    int code; /* why n is 0: a code of fsroot.h, or 0: there are none */
};

void aglm_rapl_read(struct aglm_rapl *out, const struct aglm_fsroot *fs);
/* Reads the counters of the same domains again, without a look at the folder and without memory. */
void aglm_rapl_again(struct aglm_rapl *rapl, const struct aglm_fsroot *fs);
/* Whether a domain is a whole package; others are parts of one, or the whole device (psys). */
bool aglm_rapl_is_package(const struct aglm_rapl_domain *domain);
/* Joules that all packages used between two readings; NaN if one of them is unknown. */
double aglm_rapl_joules(const struct aglm_rapl *before, const struct aglm_rapl *after);

#endif
