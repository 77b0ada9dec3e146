/* Android's services around a window; see telemetry_android.h. A status that somebody set by hand
 * is none, and what comes with it is not believed. */
#include "bench/telemetry_android.h"

#include "probes/android_thermal.h"
#include "probes/clock.h"
#include "probes/command.h"
#include "probes/energy.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

#define AGAIN_NS UINT64_C(1000000000)
#define BATTERY_AGAIN_NS UINT64_C(10000000000)

static void forget_battery(struct aglm_battery *b)
{
    *b = (struct aglm_battery){.percent = NAN,
                               .volts = NAN,
                               .degc = NAN,
                               .amperes_hours = NAN,
                               .amperes = NAN,
                               .amperes_code = -ENOENT,
                               .source = "dumpsys battery"};
}

int aglm_telemetry_android_open(struct aglm_telemetry_android *a, const char *root,
                                struct aglm_err *err)
{
    *a = (struct aglm_telemetry_android){.status = NAN, .degc = NAN};
    forget_battery(&a->battery);
    return aglm_fsroot_open(&a->fs, root, err);
}

void aglm_telemetry_android_close(struct aglm_telemetry_android *a)
{
    if (a->fs.fd > 0)
        aglm_fsroot_close(&a->fs);
}

static void ask_thermal(struct aglm_telemetry_android *a)
{
    static const char *const argv[] = {"dumpsys", "thermalservice", NULL};
    struct aglm_android_thermal thermal = {.status = AGLM_ANDROID_NO_STATUS};
    struct aglm_command command;
    const uint64_t now = aglm_clock_ns();
    if (a->no_thermal || (a->thermal_ns && now - a->thermal_ns < AGAIN_NS))
        return;
    a->status = a->degc = NAN;
    int rc =
        aglm_command_run(&command, &a->fs, argv, AGLM_COMMAND_TIMEOUT_MS, AGLM_COMMAND_BYTES_MAX);
    a->no_thermal = rc == -ENOENT || rc == -EACCES || rc == -ETIMEDOUT;
    if (rc == 0)
        rc = aglm_android_thermal_parse(&thermal, command.text);
    if (rc == 0 && !thermal.overridden) {
        if (aglm_android_status_word(thermal.status))
            a->status = thermal.status;
        for (size_t i = 0; i < thermal.n; i++)
            a->degc = fmax(a->degc, thermal.v[i].degc);
    }
    aglm_command_finish(&command);
    a->thermal_ns = aglm_clock_ns();
}

static void ask_battery(struct aglm_telemetry_android *a)
{
    static const char *const argv[] = {"dumpsys", "battery", NULL};
    struct aglm_command command;
    const uint64_t now = aglm_clock_ns();
    if (a->no_battery || (a->battery_ns && now - a->battery_ns < BATTERY_AGAIN_NS))
        return;
    forget_battery(&a->battery);
    int rc =
        aglm_command_run(&command, &a->fs, argv, AGLM_COMMAND_TIMEOUT_MS, AGLM_COMMAND_BYTES_MAX);
    a->no_battery = rc == -ENOENT || rc == -EACCES || rc == -ETIMEDOUT;
    if (rc == 0)
        (void)aglm_battery_merge_dump(&a->battery, command.text);
    aglm_command_finish(&command);
    a->battery_ns = aglm_clock_ns();
}

void aglm_telemetry_android_open_window(struct aglm_telemetry_android *a)
{
    ask_thermal(a);
    ask_battery(a);
    a->opened_status = a->status;
    a->opened_degc = a->degc;
}

/* Energy by the battery needs its current many times a minute, and a service is not asked so often.
 */
static void explain_energy(const struct aglm_telemetry_android *a, struct aglm_during *d)
{
    const struct aglm_rapl none = {0};
    struct aglm_energy energy;
    if (!a->battery.present || !isnan(d->joules))
        return;
    aglm_energy_judge(&energy, &a->battery, &none);
    snprintf(d->energy, sizeof(d->energy), "%s",
             energy.how == AGLM_ENERGY_BATTERY ? "only dumpsys tells of the battery: too seldom"
                                               : energy.words);
}

void aglm_telemetry_android_close_window(struct aglm_telemetry_android *a, struct aglm_during *d)
{
    ask_thermal(a);
    d->android_status = fmax(a->opened_status, a->status); /* fmax leaves out what is NaN */
    if (isnan(d->temperature_max_degc)) {
        d->temperature_min_degc = fmin(a->opened_degc, a->degc);
        d->temperature_max_degc = fmax(a->opened_degc, a->degc);
        d->temperature_median_degc = (d->temperature_min_degc + d->temperature_max_degc) / 2;
    }
    explain_energy(a, d);
}
