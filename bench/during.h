/* What a device went through while a repetition ran; part of the record. What is not known is NaN.
 */
#ifndef AGLM_BENCH_DURING_H
#define AGLM_BENCH_DURING_H

#include <stdint.h>

struct aglm_during {
    int64_t started_ms;     /* wall clock when the window opened; 0: it was not watched */
    uint32_t readings;      /* one before the window, one behind it, and those between */
    double own_cpu_percent; /* of one core, what the watching thread used meanwhile */
    double temperature_min_degc, temperature_median_degc, temperature_max_degc; /* hottest zone */
    double frequency_low_khz; /* lowest that the fastest of the CPUs in use ran at */
    /* Limit on the frequency of CPUs in use, percent of the highest they are made for: the lowest
     * in the window, and the highest seen in this run so far. */
    double limit_low_percent, limit_top_percent;
    /* State of the cooling devices that slow CPUs, percent of their last: the highest in the
     * window, and the lowest seen in this run so far. */
    double cooling_max_percent, cooling_floor_percent;
    double throttles;      /* times that the processor says it slowed itself down */
    double android_status; /* the higher of before and behind: 0 none, 1 light … 6 shutdown */
    double battery_max_degc;
    double joules;   /* of the window; see energy */
    char energy[96]; /* what joules is from: "processor's counters (RAPL)"; or why it is unknown */
};

/* All unknown. */
void aglm_during_init(struct aglm_during *during);

#endif
