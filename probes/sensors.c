/* Reading sensors again and again; see sensors.h.
 *
 * Input: <root>/sys/class/thermal (zones, cooling devices), <root>/sys/devices/system/cpu (cpufreq,
 * thermal_throttle), <root>/sys/class/power_supply, <root>/sys/class/powercap. At most ZONES_MAX
 * zones and CPUS_MAX frequencies are read. */
#include "probes/sensors.h"

#include "probes/thermal.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THERMAL "/sys/class/thermal"
#define CPU "/sys/devices/system/cpu"

enum {
    ZONES_MAX = 128,
    COOLING_MAX = 64,
    CPUS_MAX = 64,
    SUPPLIES_MAX = 16,
    STATES_MAX = 1 << 20,
    NAME_MAX_BYTES = 40
};

struct aglm_sensors {
    struct aglm_fsroot fs;
    char zones[ZONES_MAX][NAME_MAX_BYTES]; /* [n_zones] folders' names */
    size_t n_zones;
    struct {
        char name[NAME_MAX_BYTES];
        int64_t most;
    } cooling[COOLING_MAX]; /* [n_cooling] */
    size_t n_cooling;
    struct {
        size_t cpu;
        int64_t made_for_khz; /* -1 unknown */
    } frequencies[CPUS_MAX];  /* [n_frequencies] one CPU for each that share theirs */
    size_t n_frequencies;
    size_t throttling[CPUS_MAX]; /* [n_throttling] CPUs that count throttling */
    size_t n_throttling;
    struct aglm_battery battery;
    char supplies[SUPPLIES_MAX][NAME_MAX_BYTES]; /* [n_supplies] those that are no battery */
    size_t n_supplies;
    struct aglm_rapl rapl[2]; /* the last reading, and the last that is in joules */
    double joules;
};

/* ---- finding ---- */

static bool copy_name(char out[NAME_MAX_BYTES], const char *name)
{
    return snprintf(out, NAME_MAX_BYTES, "%s", name) < NAME_MAX_BYTES;
}

static void find_zones(struct aglm_sensors *s)
{
    struct aglm_fsroot_names names = {0};
    if (aglm_fsroot_list(&s->fs, THERMAL, "thermal_zone", &names))
        return;
    for (size_t i = 0; i < names.count && s->n_zones < ZONES_MAX; i++) {
        double degc;
        int rc = aglm_thermal_zone_degrees(&s->fs, names.names[i], &degc);
        if (rc != -EACCES && rc != -ENOENT && copy_name(s->zones[s->n_zones], names.names[i]))
            s->n_zones++; /* a sensor that is off now may be on later */
    }
    aglm_fsroot_names_finish(&names);
}

/* Whether a cooling device works by slowing CPUs: a fan or a charger's limit is no throttling. */
static bool slows_cpus(const char *type)
{
    static const char *const words[] = {"cpu", "Processor", "powerclamp", "thermal-pause"};
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (strstr(type, words[i]))
            return true;
    return false;
}

static void find_cooling(struct aglm_sensors *s)
{
    struct aglm_fsroot_names names = {0};
    if (aglm_fsroot_list(&s->fs, THERMAL, "cooling_device", &names))
        return;
    for (size_t i = 0; i < names.count && s->n_cooling < COOLING_MAX; i++) {
        char type[64];
        int64_t most;
        if (aglm_fsroot_text(&s->fs, type, sizeof(type), THERMAL "/%s/type", names.names[i]) ||
            !slows_cpus(type) ||
            aglm_fsroot_integer(&s->fs, 1, STATES_MAX, &most, THERMAL "/%s/max_state",
                                names.names[i]) ||
            !copy_name(s->cooling[s->n_cooling].name, names.names[i]))
            continue;
        s->cooling[s->n_cooling++].most = most;
    }
    aglm_fsroot_names_finish(&names);
}

static void find_supplies(struct aglm_sensors *s)
{
    const char *const folder = "/sys/class/power_supply";
    struct aglm_fsroot_names names = {0};
    if (aglm_fsroot_list(&s->fs, folder, "", &names))
        return;
    for (size_t i = 0; i < names.count && s->n_supplies < SUPPLIES_MAX; i++) {
        char type[64];
        if (aglm_fsroot_text(&s->fs, type, sizeof(type), "%s/%s/type", folder, names.names[i]) ||
            strcmp(type, "Battery") == 0)
            continue;
        if (copy_name(s->supplies[s->n_supplies], names.names[i]))
            s->n_supplies++;
    }
    aglm_fsroot_names_finish(&names);
}

int aglm_sensors_open(struct aglm_sensors **out, const char *root, struct aglm_err *err)
{
    struct aglm_sensors *s = calloc(1, sizeof(*s));
    char text[4096];
    struct aglm_cpulist online = {0};
    if (!s)
        return aglm_err_set(err, -ENOMEM, "sensors: out of memory");
    int rc = aglm_fsroot_open(&s->fs, root, err);
    if (rc) {
        free(s);
        return rc;
    }
    find_zones(s);
    find_cooling(s);
    find_supplies(s);
    aglm_battery_read(&s->battery, &s->fs);
    aglm_rapl_read(&s->rapl[0], &s->fs);
    s->rapl[1] = s->rapl[0];
    if (aglm_fsroot_text(&s->fs, text, sizeof(text), CPU "/online") ||
        aglm_cpulist_parse(&online, text))
        online = (struct aglm_cpulist){0};
    aglm_sensors_watch(s, &online);
    *out = s;
    return 0;
}

void aglm_sensors_close(struct aglm_sensors **sensors)
{
    if (!sensors || !*sensors)
        return;
    aglm_fsroot_close(&(*sensors)->fs);
    free(*sensors);
    *sensors = NULL;
}

/* Whether a CPU's frequency is read already, by one that it shares it with. */
static bool is_shared(const struct aglm_sensors *s, size_t cpu)
{
    char text[4096];
    struct aglm_cpulist related;
    if (aglm_fsroot_text(&s->fs, text, sizeof(text), CPU "/cpu%zu/cpufreq/related_cpus", cpu))
        return false;
    for (char *c = text; *c; c++)
        *c = *c == ' ' ? ',' : *c; /* this file has blanks between the numbers */
    if (aglm_cpulist_parse(&related, text))
        return false;
    for (size_t i = 0; i < s->n_frequencies; i++)
        if (aglm_cpulist_has(&related, s->frequencies[i].cpu))
            return true;
    return false;
}

static bool reads(const struct aglm_sensors *s, size_t cpu, const char *file)
{
    int64_t value;
    return aglm_fsroot_integer(&s->fs, 0, INT64_MAX, &value, CPU "/cpu%zu/%s", cpu, file) == 0;
}

void aglm_sensors_watch(struct aglm_sensors *s, const struct aglm_cpulist *cpus)
{
    s->n_frequencies = s->n_throttling = 0;
    for (size_t cpu = 0; cpu < AGLM_CPUS_MAX; cpu++) {
        int64_t khz = -1;
        if (!aglm_cpulist_has(cpus, cpu))
            continue;
        if (s->n_throttling < CPUS_MAX && reads(s, cpu, "thermal_throttle/core_throttle_count"))
            s->throttling[s->n_throttling++] = cpu;
        if (s->n_frequencies == CPUS_MAX || !reads(s, cpu, "cpufreq/scaling_cur_freq") ||
            is_shared(s, cpu))
            continue;
        if (aglm_fsroot_integer(&s->fs, AGLM_KHZ_MIN, AGLM_KHZ_MAX, &khz,
                                CPU "/cpu%zu/cpufreq/cpuinfo_max_freq", cpu))
            khz = -1;
        s->frequencies[s->n_frequencies].cpu = cpu;
        s->frequencies[s->n_frequencies++].made_for_khz = khz;
    }
}

/* ---- reading ---- */

static void read_temperature(const struct aglm_sensors *s, struct aglm_reading *out)
{
    for (size_t i = 0; i < s->n_zones; i++) {
        double degc;
        (void)aglm_thermal_zone_degrees(&s->fs, s->zones[i], &degc);
        out->temperature_degc = fmax(out->temperature_degc, degc); /* fmax leaves out what is NaN */
    }
}

static void read_frequencies(const struct aglm_sensors *s, struct aglm_reading *out)
{
    for (size_t i = 0; i < s->n_frequencies; i++) {
        const size_t cpu = s->frequencies[i].cpu;
        const int64_t most = s->frequencies[i].made_for_khz;
        int64_t khz;
        if (aglm_fsroot_integer(&s->fs, AGLM_KHZ_MIN, AGLM_KHZ_MAX, &khz,
                                CPU "/cpu%zu/cpufreq/scaling_cur_freq", cpu) == 0)
            out->frequency_khz = fmax(out->frequency_khz, (double)khz);
        if (most > 0 && aglm_fsroot_integer(&s->fs, AGLM_KHZ_MIN, AGLM_KHZ_MAX, &khz,
                                            CPU "/cpu%zu/cpufreq/scaling_max_freq", cpu) == 0)
            out->limit_percent = fmin(out->limit_percent, 100 * (double)khz / (double)most);
    }
}

static void read_cooling(const struct aglm_sensors *s, struct aglm_reading *out)
{
    for (size_t i = 0; i < s->n_cooling; i++) {
        int64_t now;
        if (aglm_fsroot_integer(&s->fs, 0, s->cooling[i].most, &now, THERMAL "/%s/cur_state",
                                s->cooling[i].name) == 0)
            out->cooling_percent =
                fmax(out->cooling_percent, 100 * (double)now / (double)s->cooling[i].most);
    }
}

/* NaN unless all counters that were found answer: a sum of some would jump. */
static void read_throttling(const struct aglm_sensors *s, struct aglm_reading *out)
{
    double sum = 0;
    for (size_t i = 0; i < s->n_throttling; i++) {
        int64_t n;
        if (aglm_fsroot_integer(&s->fs, 0, INT64_MAX, &n,
                                CPU "/cpu%zu/thermal_throttle/core_throttle_count",
                                s->throttling[i]))
            return;
        sum += (double)n;
    }
    if (s->n_throttling > 0)
        out->throttles = sum;
}

static void read_energy(struct aglm_sensors *s, struct aglm_reading *out)
{
    int64_t online;
    if (s->battery.name[0])
        aglm_battery_again(&s->battery, &s->fs);
    s->battery.mains[0] = '\0';
    for (size_t i = 0; s->battery.name[0] && i < s->n_supplies; i++)
        if (aglm_fsroot_integer(&s->fs, 1, INT64_MAX, &online, "/sys/class/power_supply/%s/online",
                                s->supplies[i]) == 0)
            snprintf(s->battery.mains, sizeof(s->battery.mains), "%s", s->supplies[i]);
    aglm_rapl_again(&s->rapl[0], &s->fs);
    double more = aglm_rapl_joules(&s->rapl[1], &s->rapl[0]);
    if (!isnan(more)) {
        s->joules += more;
        s->rapl[1] = s->rapl[0];
        out->joules = s->joules;
    }
    out->battery_degc = s->battery.degc;
    aglm_energy_judge(&out->energy, &s->battery, &s->rapl[0]);
    if (out->energy.how == AGLM_ENERGY_BATTERY)
        out->watts = aglm_battery_draw_watts(&s->battery);
}

const struct aglm_battery *aglm_sensors_battery(const struct aglm_sensors *sensors)
{
    return &sensors->battery;
}

void aglm_sensors_read(struct aglm_sensors *s, struct aglm_reading *out)
{
    *out = (struct aglm_reading){.temperature_degc = NAN,
                                 .frequency_khz = NAN,
                                 .limit_percent = NAN,
                                 .cooling_percent = NAN,
                                 .throttles = NAN,
                                 .battery_degc = NAN,
                                 .watts = NAN,
                                 .joules = NAN};
    read_temperature(s, out);
    read_frequencies(s, out);
    read_cooling(s, out);
    read_throttling(s, out);
    read_energy(s, out);
}
