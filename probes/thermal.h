/* Thermal zones: <root>/sys/class/thermal/thermal_zoneN with its type and temperature. */
#ifndef AGLM_PROBES_THERMAL_H
#define AGLM_PROBES_THERMAL_H

#include "probes/facts.h"
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
/* Its temperature alone, NaN with the code. */
int aglm_thermal_zone_degrees(const struct aglm_fsroot *fs, const char *name, double *degc);

/* The hottest of the zones that can be read (at most 128 are looked at), in °C; NaN if none can. */
double aglm_thermal_hottest(const struct aglm_fsroot *fs);

/* Parts of the thermal probe: adds the trip points of a zone as "KEY.trips", if it has any; what
 * the cooling devices are and whether one is at work. */
void aglm_thermal_add_trips(struct aglm_facts *facts, const struct aglm_fsroot *fs,
                            const char *zone, const char *key, const char *label,
                            const char *source);
void aglm_thermal_add_cooling(struct aglm_facts *facts, const struct aglm_fsroot *fs);

struct aglm_android_thermal;
/* Asks Android's thermal service: 0, or a code of probes/command.h; -ENOENT elsewhere. Its status
 * is added, or why there is none. */
int aglm_thermal_ask_service(struct aglm_facts *facts, const struct aglm_fsroot *fs,
                             struct aglm_android_thermal *out);
/* Its sensors as "thermal.sensorN", with their thresholds. */
void aglm_thermal_add_sensors(struct aglm_facts *facts, const struct aglm_android_thermal *service);

#endif
