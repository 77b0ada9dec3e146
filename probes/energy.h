/* Whether the energy of a run can be known, and from what: the processor's counters (RAPL) or the
 * battery that feeds the device.
 *
 * Energy is not guessed: on a device that is being charged, or fed from outside, the battery's
 * current says what the charger gives and not what the run takes.
 */
#ifndef AGLM_PROBES_ENERGY_H
#define AGLM_PROBES_ENERGY_H

#include "probes/battery.h"
#include "probes/rapl.h"

enum aglm_energy_how { AGLM_ENERGY_UNKNOWN, AGLM_ENERGY_RAPL, AGLM_ENERGY_BATTERY };

struct aglm_energy {
    enum aglm_energy_how how;
    char words[96]; /* "battery's current and voltage"; or why not: "charging: energy cannot …" */
    const char *source; /* where that was read */
};

void aglm_energy_judge(struct aglm_energy *out, const struct aglm_battery *battery,
                       const struct aglm_rapl *rapl);

#endif
