/* What Android's services tell about a window: throttling status, and heat and battery where their
 * files are denied. They are asked outside of windows only, and at most once a second; a device
 * without them is asked once. Only for bench/telemetry.c.
 */
#ifndef AGLM_BENCH_TELEMETRY_ANDROID_H
#define AGLM_BENCH_TELEMETRY_ANDROID_H

#include "bench/during.h"
#include "probes/battery.h"
#include "probes/err.h"
#include "probes/fsroot.h"

#include <stdbool.h>

struct aglm_telemetry_android {
    struct aglm_fsroot fs;
    bool no_thermal, no_battery;     /* not to be asked: there is no such service, or files tell */
    uint64_t thermal_ns, battery_ns; /* when each was asked last; 0: never */
    double status, degc;             /* of the last answer; NaN unknown */
    double opened_status, opened_degc;
    struct aglm_battery battery; /* by the service alone */
};

int aglm_telemetry_android_open(struct aglm_telemetry_android *android, const char *root,
                                struct aglm_err *err);
void aglm_telemetry_android_close(struct aglm_telemetry_android *android);

void aglm_telemetry_android_open_window(struct aglm_telemetry_android *android);
/* Fills android_status, and of what is unknown in *during the temperatures and why there is no
 * energy. */
void aglm_telemetry_android_close_window(struct aglm_telemetry_android *android,
                                         struct aglm_during *during);

#endif
