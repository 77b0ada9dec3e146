/* Whether a run's energy can be known; see energy.h. */
#include "probes/energy.h"

#include <math.h>
#include <stdio.h>

#define POWERCAP "/sys/class/powercap"

/* The package whose counter is best known; NULL if there is none. */
static const struct aglm_rapl_domain *best_package(const struct aglm_rapl *rapl)
{
    const struct aglm_rapl_domain *package = NULL;
    for (size_t i = 0; i < rapl->n; i++)
        if (aglm_rapl_is_package(&rapl->v[i]) && (!package || package->code))
            package = &rapl->v[i];
    return package;
}

static void say(struct aglm_energy *out, const char *source, const char *words, const char *more)
{
    out->source = source;
    snprintf(out->words, sizeof(out->words), "%s%s", words, more);
}

/* What stands in the way of measuring by the battery. */
static void refuse_battery(struct aglm_energy *out, const struct aglm_battery *b)
{
    const bool connected = b->state == AGLM_BATTERY_IDLE || b->state == AGLM_BATTERY_FULL;
    if (b->state == AGLM_BATTERY_CHARGING)
        say(out, b->source, "charging: energy cannot be measured", "");
    else if (connected)
        say(out, b->source, "on external power: energy cannot be measured", "");
    else if (b->mains[0])
        say(out, b->source, "fed from outside too: energy cannot be measured", "");
    else if (isnan(b->amperes))
        say(out, b->source, "the battery's current: ", aglm_fsroot_reason(b->amperes_code));
    else if (isnan(b->volts))
        say(out, b->source, "the battery's voltage is unknown", "");
    else
        say(out, b->source, "whether the battery discharges is unknown", "");
}

void aglm_energy_judge(struct aglm_energy *out, const struct aglm_battery *b,
                       const struct aglm_rapl *rapl)
{
    const struct aglm_rapl_domain *package = best_package(rapl);
    out->how = AGLM_ENERGY_UNKNOWN;
    if (package && package->code == 0) {
        out->how = AGLM_ENERGY_RAPL;
        say(out, POWERCAP, "processor's counters (RAPL)", "");
    } else if (!isnan(aglm_battery_draw_watts(b)) && !b->mains[0]) {
        out->how = AGLM_ENERGY_BATTERY;
        say(out, b->source, "battery's current and voltage", "");
    } else if (b->present) {
        refuse_battery(out, b);
    } else if (package) {
        say(out, POWERCAP, "the processor's counters: ", aglm_fsroot_reason(package->code));
    } else {
        say(out, POWERCAP, "no energy counter and no battery", "");
    }
}
