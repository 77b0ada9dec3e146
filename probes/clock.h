/* The monotonic clock, in nanoseconds. Every duration in the project comes from here. */
#ifndef AGLM_PROBES_CLOCK_H
#define AGLM_PROBES_CLOCK_H

#include <stdint.h>

/* CLOCK_MONOTONIC in ns; cannot fail on any kernel that the project runs on. */
uint64_t aglm_clock_ns(void);

/* Wall clock in ms since 1970-01-01 UTC; for dates only, never for durations. */
int64_t aglm_clock_wall_ms(void);

/* Mean cost of one aglm_clock_ns() call in ns over n calls (0 for n = 0). */
double aglm_clock_overhead_ns(unsigned n);

#endif
