/* The battery, in units one can trust: from /sys/class/power_supply and `dumpsys battery`.
 *
 * The kernel's files are in µV and µA by rule, but drivers count in mV and mA too, some with the
 * sign turned round; Android's dump has mV and tenths of a degree, and set-top boxes volts and
 * whole degrees. Ranges that no battery of these devices leaves tell them apart; what fits none is
 * unknown.
 */
#ifndef AGLM_PROBES_BATTERY_H
#define AGLM_PROBES_BATTERY_H

#include "probes/fsroot.h"

enum aglm_battery_state {
    AGLM_BATTERY_UNKNOWN,
    AGLM_BATTERY_CHARGING,
    AGLM_BATTERY_DISCHARGING,
    AGLM_BATTERY_IDLE, /* connected and not charging */
    AGLM_BATTERY_FULL
};

struct aglm_battery {
    bool present;
    enum aglm_battery_state state;
    double percent, volts, degc, amperes_hours; /* NaN unknown */
    double amperes;     /* > 0 into the battery, < 0 out of it; NaN unknown */
    bool turned;        /* the driver's sign was the other way round */
    char health[32];    /* "good", "overheat", …; "" unknown */
    char name[64];      /* of its folder in /sys/class/power_supply; "" if it came from the dump */
    char mains[64];     /* what feeds the device: "USB", "Mains"; "" nothing or unknown */
    int code;           /* why there is no battery, or 0: a code of fsroot.h */
    int amperes_code;   /* why amperes is unknown */
    const char *source; /* "/sys/class/power_supply", "dumpsys battery" */
};

/* Volts of a figure in µV, mV or V; NaN if it is none of them (1 to 60 V are believed). */
double aglm_battery_volts(int64_t raw);
/* Amperes of a figure in µA or mA, sign kept: up to ±10000 is mA, more is µA, since no running
 * device draws less than 10 mA. NaN over 20 A, and for 0 unless nothing need flow in this state. */
double aglm_battery_amperes(int64_t raw, enum aglm_battery_state state);

/* Reads the first battery that powers the device and the supplies beside it. code is -ENOENT where
 * the folder is missing; with the folder and without a battery it is 0 and present false. */
void aglm_battery_read(struct aglm_battery *out, const struct aglm_fsroot *fs);
/* Reads state, voltage, current and temperature of the same battery again, without a look at the
 * folder and without memory; b->name must not be empty. */
void aglm_battery_again(struct aglm_battery *b, const struct aglm_fsroot *fs);
/* Takes over from the text of `dumpsys battery` what is unknown in b. -EILSEQ, and b as it was, if
 * the text is no such dump; -ECANCELED if its values are set by hand ("UPDATES STOPPED"). */
int aglm_battery_merge_dump(struct aglm_battery *b, const char *text);

/* Watts flowing out of the battery: NaN unless it discharges and both figures are known. */
double aglm_battery_draw_watts(const struct aglm_battery *b);
const char *aglm_battery_state_word(enum aglm_battery_state state);

#endif
