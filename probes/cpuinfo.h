/* /proc/cpuinfo in the forms of x86, of 64-bit and of 32-bit Arm, as text that may hold anything.
 *
 * Newer kernels write one block for each CPU. Arm's older ones write the CPUs' numbers first and
 * then once, for all of them, what the core is; "Processor" with a capital letter names the
 * architecture there and is no number.
 */
#ifndef AGLM_PROBES_CPUINFO_H
#define AGLM_PROBES_CPUINFO_H

#include "probes/cpus.h"

/* The set of the "processor : N" lines. -ENOENT if there is none. */
int aglm_cpuinfo_list(const char *text, struct aglm_cpulist *out);

/* Fills what text says into the CPUs of the table and into the fields on the whole processor; a
 * value outside its limits is left out. */
void aglm_cpuinfo_parse(struct aglm_cpus *cpus, const char *text);

#endif
