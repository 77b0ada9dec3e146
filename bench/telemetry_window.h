/* One window of telemetry: readings in, what the record keeps out. No clock, no files, no threads;
 * only for bench/telemetry*.c and their tests.
 */
#ifndef AGLM_BENCH_TELEMETRY_WINDOW_H
#define AGLM_BENCH_TELEMETRY_WINDOW_H

#include "bench/during.h"
#include "probes/sensors.h"

#include <stddef.h>
#include <stdint.h>

enum { AGLM_WINDOW_TEMPERATURES = 4096 }; /* the median is of the last that many */

struct aglm_window {
    struct aglm_during during; /* minima and maxima so far */
    uint64_t first_ns, last_ns;
    struct aglm_reading first, last;
    double battery_joules;                           /* so far; NaN: a reading lacked watts */
    char no_energy[96];                              /* why, of the first that lacked it */
    double limit_top_percent, cooling_floor_percent; /* of all windows */
    double temperatures[AGLM_WINDOW_TEMPERATURES];   /* ring, [at readings - 1] the last */
    double sorted[AGLM_WINDOW_TEMPERATURES];         /* room for finish */
};

/* Once; then open, add at least twice, finish, and open again. */
void aglm_window_init(struct aglm_window *window);
void aglm_window_open(struct aglm_window *window);
void aglm_window_add(struct aglm_window *window, uint64_t at_ns,
                     const struct aglm_reading *reading);
/* Fills all of *out but what readings do not say: started_ms, own_cpu_percent, android_status. */
void aglm_window_finish(struct aglm_window *window, struct aglm_during *out);

#endif
