/* Thermal zones: <root>/sys/class/thermal/thermal_zoneN with its type and temperature. */
#ifndef AGLM_PROBES_THERMAL_H
#define AGLM_PROBES_THERMAL_H

#include "probes/fsroot.h"

struct aglm_thermal_zone {
    char type[64]; /* "cpu-thermal"; "" unknown */
    double degc;   /* NaN unknown */
    int code;      /* why it is unknown: a code of fsroot.h */
};

/* Reads one zone by its folder's name. A temperature outside -40 … 150 °C, or within 1 °C of zero,
 * where sensors that are off and drivers that count in whole degrees are found, is not believed:
 * -ERANGE. */
void aglm_thermal_zone_read(struct aglm_thermal_zone *out, const struct aglm_fsroot *fs,
                            const char *name);

/* The hottest of the zones that can be read (at most 128 are looked at), in °C; NaN if none can. */
double aglm_thermal_hottest(const struct aglm_fsroot *fs);

#endif
