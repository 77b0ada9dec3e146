/* CPUs grouped by kind: the clusters of a phone, the performance and efficiency cores of a laptop,
 * one group where all are alike.
 *
 * Two CPUs are of one kind if they are the same Arm part or the same sort of x86 core, and no gap
 * lies between their capacities or maximum frequencies. Firmware gives single cores a few percent
 * more than their neighbours (Intel's and AMD's favoured cores, voltage bins of RK3588), so that
 * only a gap counts: 5% on Arm, where a phone's prime core is its sibling at 8% more, and 12%
 * elsewhere.
 */
#ifndef AGLM_PROBES_KINDS_H
#define AGLM_PROBES_KINDS_H

#include "probes/cpus.h"

enum { AGLM_KINDS_MAX = 16 };

struct aglm_kind {
    const struct aglm_cpu *model; /* the first CPU of the kind */
    struct aglm_cpulist cpus;
    size_t count;
    double max_khz, now_khz; /* the highest maximum, the mean of now; -1 unknown */
    bool one_revision;       /* all have the model's variant and revision */
    char governors[96];      /* "schedutil", or several with commas; "" unknown */
};

/* Sorts the online CPUs into kinds, in the order of their first CPU; their number. A kind beyond
 * AGLM_KINDS_MAX is left out, and for lack of memory all are. */
size_t aglm_kinds_find(struct aglm_kind kinds[AGLM_KINDS_MAX], const struct aglm_cpus *cpus);

#endif
