/* The text of Android's `dumpsys thermalservice`: throttling status, sensors with their thresholds,
 * cooling devices.
 *
 * Sensors come from the section "Current temperatures from HAL" or, when that is empty, from
 * "Cached temperatures". A sensor outside -40 … 150 °C or within 1 °C of zero is switched off and
 * its temperature unknown. Refused with -EILSEQ: text without the lines of this service.
 */
#ifndef AGLM_PROBES_ANDROID_THERMAL_H
#define AGLM_PROBES_ANDROID_THERMAL_H

#include <stdbool.h>
#include <stddef.h>

enum { AGLM_ANDROID_SENSORS_MAX = 128, AGLM_ANDROID_SEVERITIES = 7, AGLM_ANDROID_NO_STATUS = -2 };

struct aglm_android_sensor {
    char name[48];
    int type;    /* 0 CPU, 1 GPU, 2 battery, 3 skin, 4 USB, 5 power amplifier, …; -1 unknown */
    int status;  /* of this sensor, -1 … 6 */
    double degc; /* NaN unknown */
    /* [severity] thresholds from NONE to SHUTDOWN in °C, NaN where there is none */
    double hot[AGLM_ANDROID_SEVERITIES];
};

struct aglm_android_thermal {
    bool overridden; /* somebody faked the status: none of this is the device's own */
    int status;      /* -1 … 6, AGLM_ANDROID_NO_STATUS if it is not told */
    char hal[24];    /* "2.0", "AIDL 1"; "" not told or not connected */
    struct aglm_android_sensor v[AGLM_ANDROID_SENSORS_MAX]; /* [n] */
    size_t n;
    size_t cooling, cooling_active; /* cooling devices, and how many of them are at work */
};

int aglm_android_thermal_parse(struct aglm_android_thermal *out, const char *text);
/* "none", "light", … "shutdown"; NULL for what is no status. */
const char *aglm_android_status_word(int status);
/* "CPU", "skin", …; "sensor" for types without a name here. */
const char *aglm_android_type_word(int type);

#endif
