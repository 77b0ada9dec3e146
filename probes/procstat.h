/* The CPU time counters of <root>/proc/stat, summed over all CPUs. */
#ifndef AGLM_PROBES_PROCSTAT_H
#define AGLM_PROBES_PROCSTAT_H

#include "probes/fsroot.h"

/* Ticks since the machine started. idle includes waiting for I/O: the CPU is free then. */
struct aglm_procstat {
    double total, idle, steal;
    double iowait;  /* part of idle */
    double running; /* tasks that run or could run now, this one among them; -1: not said */
};

/* 0, or a code of fsroot.h. */
int aglm_procstat_read(struct aglm_procstat *out, const struct aglm_fsroot *fs);

/* CPU time of this process so far, in the same ticks. */
double aglm_procstat_self_ticks(void);

#endif
