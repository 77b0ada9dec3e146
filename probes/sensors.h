/* Sensors that are read again and again while something runs: temperatures, frequencies, cooling,
 * battery, energy counters.
 *
 * What there is, is found once, when they are opened. A reading then opens, reads and closes a file
 * for each and takes no memory. What cannot be read is NaN, also for one reading only. Not for two
 * threads at once.
 */
#ifndef AGLM_PROBES_SENSORS_H
#define AGLM_PROBES_SENSORS_H

#include "probes/cpus.h"
#include "probes/energy.h"
#include "probes/err.h"

struct aglm_sensors;

struct aglm_reading {
    double temperature_degc; /* of the hottest thermal zone */
    double frequency_khz;    /* of the fastest of the CPUs that are watched: others may be idle */
    /* The lowest limit on a watched CPU's frequency, in percent of the highest it is made for:
     * thermal governors lower it, and so can users. */
    double limit_percent;
    /* The highest state of the cooling devices that slow CPUs down, in percent of their last. */
    double cooling_percent;
    double throttles; /* times that the processor says it slowed itself down, since it started */
    double battery_degc;
    double watts;  /* out of the battery, where that is the device's energy; else NaN */
    double joules; /* of the processor's counters since the sensors were opened */
    struct aglm_energy energy;
};

/* Finds the sensors below root; NULL: of this machine. All online CPUs are watched. -ENOMEM, or
 * aglm_fsroot_open's codes. */
int aglm_sensors_open(struct aglm_sensors **out, const char *root, struct aglm_err *err);
void aglm_sensors_close(struct aglm_sensors **sensors);

/* Watches these CPUs only; those that share a frequency are read once. Looks for files again. */
void aglm_sensors_watch(struct aglm_sensors *sensors, const struct aglm_cpulist *cpus);

void aglm_sensors_read(struct aglm_sensors *sensors, struct aglm_reading *out);
/* The battery as the last reading found it. */
const struct aglm_battery *aglm_sensors_battery(const struct aglm_sensors *sensors);

#endif
