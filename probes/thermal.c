/* Thermal zones; see thermal.h. */
#include "probes/thermal.h"

#include "probes/android_thermal.h"
#include "probes/probe.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ZONES "/sys/class/thermal"

enum { ZONES_MAX = 128, MILLIDEG_MIN = -40000, MILLIDEG_MAX = 150000, MILLIDEG_ZERO = 1000 };

int aglm_thermal_zone_degrees(const struct aglm_fsroot *fs, const char *name, double *degc)
{
    int64_t millideg;
    int rc = aglm_fsroot_integer(fs, MILLIDEG_MIN, MILLIDEG_MAX, &millideg, ZONES "/%s/temp", name);
    if (rc == 0 && llabs(millideg) < MILLIDEG_ZERO)
        rc = -ERANGE;
    *degc = rc ? NAN : (double)millideg / 1000;
    return rc;
}

void aglm_thermal_zone_read(struct aglm_thermal_zone *out, const struct aglm_fsroot *fs,
                            const char *name)
{
    if (aglm_fsroot_text(fs, out->type, sizeof(out->type), ZONES "/%s/type", name))
        out->type[0] = '\0';
    out->code = aglm_thermal_zone_degrees(fs, name, &out->degc);
}

double aglm_thermal_hottest(const struct aglm_fsroot *fs)
{
    struct aglm_fsroot_names names = {0};
    double hottest = NAN;
    if (aglm_fsroot_list(fs, ZONES, "thermal_zone", &names))
        return NAN;
    for (size_t i = 0; i < names.count && i < ZONES_MAX; i++) {
        struct aglm_thermal_zone zone;
        aglm_thermal_zone_read(&zone, fs, names.names[i]);
        if (!isnan(zone.degc))
            hottest = isnan(hottest) ? zone.degc : fmax(hottest, zone.degc);
    }
    aglm_fsroot_names_finish(&names);
    return hottest;
}

static void add_zone(struct aglm_facts *facts, const struct aglm_fsroot *fs, const char *name,
                     const struct aglm_thermal_zone *zone)
{
    char key[64], label[96], source[96];
    const char *number = name + strlen("thermal_zone");
    snprintf(key, sizeof(key), "thermal.zone%.16s", number);
    snprintf(source, sizeof(source), ZONES "/thermal_zone%.16s", number);
    if (zone->type[0])
        snprintf(label, sizeof(label), "%.63s", zone->type);
    else
        snprintf(label, sizeof(label), "zone %.16s", number);
    if (isnan(zone->degc))
        aglm_facts_unknown(facts, key, label, source, "%s", aglm_fsroot_reason(zone->code));
    else
        aglm_facts_number(facts, key, label, source, "degC", zone->degc);
    aglm_thermal_add_trips(facts, fs, name, key, label, source);
}

/* The hottest zone, or the hottest sensor of Android's service where no zone can be read. */
static void add_hottest(struct aglm_facts *facts, const struct aglm_thermal_zone *zones, size_t n,
                        int code, const struct aglm_android_thermal *service)
{
    const char *key = "thermal.hottest", *label = "Hottest zone";
    double hottest = NAN;
    for (size_t i = 0; i < n; i++)
        hottest = fmax(hottest, zones[i].degc); /* fmax leaves out what is NaN */
    if (!isnan(hottest)) {
        aglm_facts_number(facts, key, label, ZONES, "degC", hottest);
        return;
    }
    for (size_t i = 0; i < service->n; i++)
        hottest = fmax(hottest, service->v[i].degc);
    if (!isnan(hottest))
        aglm_facts_number(facts, key, "Hottest sensor", "dumpsys thermalservice", "degC", hottest);
    else if (code)
        aglm_facts_unknown(facts, key, label, ZONES, "%s", aglm_fsroot_reason(code));
    else if (n == 0)
        aglm_facts_unknown(facts, key, label, ZONES, "no thermal zones");
    else
        aglm_facts_unknown(facts, key, label, ZONES, "no zone of %zu can be read: %s", n,
                           aglm_fsroot_reason(zones[0].code));
}

void aglm_probe_thermal(struct aglm_facts *facts, const struct aglm_fsroot *fs)
{
    struct aglm_fsroot_names names = {0};
    struct aglm_thermal_zone zones[ZONES_MAX];
    struct aglm_android_thermal service;
    size_t n = 0;
    int code = aglm_fsroot_list(fs, ZONES, "thermal_zone", &names);
    for (; n < names.count && n < ZONES_MAX; n++)
        aglm_thermal_zone_read(&zones[n], fs, names.names[n]);
    aglm_thermal_ask_service(facts, fs, &service);
    add_hottest(facts, zones, n, code, &service);
    aglm_thermal_add_sensors(facts, &service);
    for (size_t i = 0; i < n; i++)
        add_zone(facts, fs, names.names[i], &zones[i]);
    aglm_thermal_add_cooling(facts, fs);
    aglm_fsroot_names_finish(&names);
}
