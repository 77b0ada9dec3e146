/* Power: the battery, the processor's energy counters, and whether a run's energy can be known.
 *
 * Input: <root>/sys/class/power_supply, `dumpsys battery` where there is such a command,
 * <root>/sys/class/powercap. Energy is not guessed: on a device that is being charged the battery's
 * current says what the charger gives and not what the run takes. */
#include "probes/battery.h"
#include "probes/command.h"
#include "probes/energy.h"
#include "probes/probe.h"
#include "probes/rapl.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define POWERCAP "/sys/class/powercap"

static double rounded(double value)
{
    return round(value * 1000) / 1000;
}

/* Adds a figure that is known, or nothing: its absence is part of what the state's source says. */
static void add_figure(struct aglm_facts *facts, const struct aglm_battery *b, const char *key,
                       const char *label, const char *unit, double value)
{
    if (isnan(value))
        aglm_facts_unknown(facts, key, label, b->source, "not there, or implausible");
    else
        aglm_facts_number(facts, key, label, b->source, unit, rounded(value));
}

static void add_current(struct aglm_facts *facts, const struct aglm_battery *b)
{
    const char *key = "power.battery.current", *label = "Battery current";
    if (isnan(b->amperes))
        aglm_facts_unknown(facts, key, label, b->source, "%s", aglm_fsroot_reason(b->amperes_code));
    else
        aglm_facts_number(facts, key, label, b->source, "mA", round(b->amperes * 1000));
    if (b->turned)
        aglm_facts_text(facts, "power.battery.sign", "Sign of the current", b->source,
                        "turned: this driver counts it the other way round");
}

static void add_battery(struct aglm_facts *facts, const struct aglm_battery *b)
{
    const char *key = "power.battery", *label = "Battery";
    if (b->code) {
        aglm_facts_unknown(facts, key, label, b->source, "%s", aglm_fsroot_reason(b->code));
        return;
    }
    if (!b->present) {
        aglm_facts_text(facts, key, label, b->source, "none");
        return;
    }
    if (b->state == AGLM_BATTERY_UNKNOWN)
        aglm_facts_unknown(facts, key, label, b->source, "its state is not told");
    else if (b->mains[0])
        aglm_facts_text(facts, key, label, b->source, "%s, fed by %s",
                        aglm_battery_state_word(b->state), b->mains);
    else
        aglm_facts_text(facts, key, label, b->source, "%s", aglm_battery_state_word(b->state));
    add_figure(facts, b, "power.battery.level", "Battery level", "percent", b->percent);
    add_figure(facts, b, "power.battery.voltage", "Battery voltage", "V", b->volts);
    add_current(facts, b);
    if (b->state == AGLM_BATTERY_DISCHARGING)
        add_figure(facts, b, "power.battery.draw", "Drawn from the battery", "W",
                   aglm_battery_draw_watts(b));
    add_figure(facts, b, "power.battery.temperature", "Battery temperature", "degC", b->degc);
    if (!isnan(b->amperes_hours))
        add_figure(facts, b, "power.battery.charge", "Battery charge", "mAh",
                   b->amperes_hours * 1000);
    if (b->health[0])
        aglm_facts_text(facts, "power.battery.health", "Battery health", b->source, "%s",
                        b->health);
}

static void add_rapl(struct aglm_facts *facts, const struct aglm_rapl *rapl)
{
    for (size_t i = 0; i < rapl->n; i++) {
        const struct aglm_rapl_domain *d = &rapl->v[i];
        char key[64], label[64], source[96];
        snprintf(key, sizeof(key), "power.rapl%s", d->folder + strlen("intel-rapl"));
        snprintf(label, sizeof(label), "Energy of %s", d->name);
        snprintf(source, sizeof(source), POWERCAP "/%s", d->folder);
        if (d->code)
            aglm_facts_unknown(facts, key, label, source, "%s", aglm_fsroot_reason(d->code));
        else
            aglm_facts_number(facts, key, label, source, "J", rounded((double)d->uj / 1e6));
    }
}

/* How a run's energy could be measured, or why it cannot. */
static void add_energy(struct aglm_facts *facts, const struct aglm_battery *b,
                       const struct aglm_rapl *rapl)
{
    const char *key = "power.energy", *label = "Energy of a run";
    struct aglm_energy energy;
    aglm_energy_judge(&energy, b, rapl);
    if (energy.how == AGLM_ENERGY_UNKNOWN)
        aglm_facts_unknown(facts, key, label, energy.source, "%s", energy.words);
    else
        aglm_facts_text(facts, key, label, energy.source, "from the %s", energy.words);
}

static const char *const dumpsys[] = {"dumpsys", "battery", NULL};

/* Android tells of its battery by a service; elsewhere there is no such command. */
static void ask_service(struct aglm_facts *facts, const struct aglm_fsroot *fs,
                        struct aglm_battery *b)
{
    struct aglm_command command;
    char reason[64];
    int rc =
        aglm_command_run(&command, fs, dumpsys, AGLM_COMMAND_TIMEOUT_MS, AGLM_COMMAND_BYTES_MAX);
    if (rc == 0)
        rc = aglm_battery_merge_dump(b, command.text);
    if (rc == -ECANCELED && command.code == 0)
        aglm_facts_unknown(facts, "power.battery.service", "dumpsys battery", "dumpsys battery",
                           "its values were set by hand (dumpsys battery reset undoes it)");
    else if (rc && rc != -ENOENT) {
        command.code = rc;
        aglm_facts_unknown(facts, "power.battery.service", "dumpsys battery", "dumpsys battery",
                           "%s", aglm_command_reason(&command, reason, sizeof(reason)));
    }
    aglm_command_finish(&command);
}

void aglm_probe_power(struct aglm_facts *facts, const struct aglm_fsroot *fs)
{
    struct aglm_battery battery;
    struct aglm_rapl rapl;
    aglm_battery_read(&battery, fs);
    ask_service(facts, fs, &battery);
    aglm_rapl_read(&rapl, fs);
    add_battery(facts, &battery);
    add_rapl(facts, &rapl);
    add_energy(facts, &battery, &rapl);
}
