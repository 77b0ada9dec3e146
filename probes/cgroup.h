/* Limits that a control group sets on this process: CPU time and memory, versions 1 and 2.
 *
 * Input: <root>/proc/self/cgroup and <root>/sys/fs/cgroup. Every group from the process's own up to
 * the root is looked at and the tightest limit counts.
 */
#ifndef AGLM_PROBES_CGROUP_H
#define AGLM_PROBES_CGROUP_H

#include "probes/fsroot.h"

/* CPUs' worth of time, INFINITY for no limit. A code of fsroot.h where control groups cannot be
 * seen. */
int aglm_cgroup_cpus(const struct aglm_fsroot *fs, double *out);
/* Bytes, INFINITY for no limit; codes as above. The limit that kills (max) or the one that slows
 * down (version 2's high), whichever is less. */
int aglm_cgroup_memory(const struct aglm_fsroot *fs, double *out);
/* Bytes that can still be had below the tightest limit, page cache that can be dropped included;
 * INFINITY without a limit. */
int aglm_cgroup_memory_room(const struct aglm_fsroot *fs, double *out);
/* 1 or 2: which version limits memory here; a code of fsroot.h. */
int aglm_cgroup_memory_version(const struct aglm_fsroot *fs);

#endif
