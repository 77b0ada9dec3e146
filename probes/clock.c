/* The monotonic clock; see clock.h. */
#include "probes/clock.h"

#include <time.h>

uint64_t aglm_clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int64_t aglm_clock_wall_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

double aglm_clock_overhead_ns(unsigned n)
{
    uint64_t first = aglm_clock_ns(), last = first;
    for (unsigned i = 0; i < n; i++)
        last = aglm_clock_ns();
    return n ? (double)(last - first) / n : 0;
}
