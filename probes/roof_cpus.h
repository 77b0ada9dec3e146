/* On which CPUs the roof's threads sit, best first. */
#ifndef AGLM_PROBES_ROOF_CPUS_H
#define AGLM_PROBES_ROOF_CPUS_H

#include <stddef.h>
#include <stdint.h>

enum { AGLM_ROOF_CPUS_MAX = 1024 };

struct aglm_cpus;

/* The CPUs of mask (bit i of byte i/8), or without one those that the calling thread may use: first
 * one of each core, then their siblings; the most capable (by the kernel's capacity, else top
 * frequency) first, then by number. Returns how many are in out: 0 when none is known. */
size_t aglm_roof_cpus(unsigned out[AGLM_ROOF_CPUS_MAX], const uint8_t *mask, size_t mask_bytes);

/* The same order of n CPU numbers under a table. */
void aglm_roof_cpus_sort(unsigned *cpus, size_t n, const struct aglm_cpus *table);

#endif
