/* A thread that watches the device while tests run: heat, frequencies, throttling, energy.
 *
 * It must not be felt by what is measured: it has a low priority, stays off the CPUs of the test
 * where there are others, takes no memory while a window is open, and reads so seldom that it uses
 * at most 0.5% of one core, whatever a reading costs on this device (the record tells what it
 * used). The window's own thread never waits for it. Commands (Android's services) are run between
 * windows only: to start a process is felt by all others.
 */
#ifndef AGLM_BENCH_TELEMETRY_H
#define AGLM_BENCH_TELEMETRY_H

#include "bench/during.h"
#include "probes/err.h"

#include <stddef.h>

struct aglm_telemetry;

struct aglm_telemetry_options {
    const char *root;   /* folder that stands for "/"; NULL: this machine */
    unsigned period_ms; /* between two readings at least; 0: 100 */
};

/* -ENOMEM, -EAGAIN (no thread), or a root that cannot be used. */
int aglm_telemetry_create(struct aglm_telemetry **out, const struct aglm_telemetry_options *options,
                          struct aglm_err *err);
void aglm_telemetry_destroy(struct aglm_telemetry **telemetry);

/* The functions below take NULL for "not watched". */

/* The CPUs that the next windows use, as lists separated by " | " (aglm_session_affinity):
 * their frequencies are watched, and the thread goes elsewhere if it may. */
void aglm_telemetry_cpus(struct aglm_telemetry *telemetry, const char *affinity);

/* Opens and closes a window. Each takes one reading, and asks Android's services if they were not
 * asked within the last second; both are outside of what is timed. */
void aglm_telemetry_begin(struct aglm_telemetry *telemetry);
void aglm_telemetry_end(struct aglm_telemetry *telemetry, struct aglm_during *out);

/* Readings in the window so far. */
size_t aglm_telemetry_readings(struct aglm_telemetry *telemetry);

#endif
