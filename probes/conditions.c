/* Snapshots of what changes while a test runs; see profile.h. */
#include "probes/cpus.h"
#include "probes/procstat.h"
#include "probes/profile.h"
#include "probes/thermal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { MIN_TICKS = 20 }; /* of all CPUs together; below, one tick more or less is over 5% */

static double load_1min(const struct aglm_fsroot *fs)
{
    char text[128], *end;
    if (aglm_fsroot_text(fs, text, sizeof(text), "/proc/loadavg") || text[0] < '0' || text[0] > '9')
        return NAN;
    double load = strtod(text, &end);
    return *end == ' ' && load < 1e6 ? load : NAN;
}

static double memory_available(const struct aglm_fsroot *fs)
{
    char text[16384], *end;
    if (aglm_fsroot_read(fs, "/proc/meminfo", text, sizeof(text)))
        return NAN;
    const char *line = strstr(text, "\nMemAvailable:");
    if (!line)
        return NAN;
    line += strlen("\nMemAvailable:");
    line += strspn(line, " \t");
    if (*line < '0' || *line > '9')
        return NAN;
    double bytes = (double)strtoull(line, &end, 10) * 1024;
    return strncmp(end, " kB", 3) == 0 && bytes <= 0x1p50 ? bytes : NAN;
}

/* Mean of scaling_cur_freq over the online CPUs; NaN if none answers. */
static double frequency_mean(const struct aglm_fsroot *fs)
{
    char text[4096];
    struct aglm_cpulist online;
    double sum = 0;
    size_t n = 0;
    if (aglm_fsroot_text(fs, text, sizeof(text), "/sys/devices/system/cpu/online") ||
        aglm_cpulist_parse(&online, text))
        return NAN;
    for (size_t cpu = 0; cpu < AGLM_CPUS_MAX; cpu++) {
        int64_t khz;
        if (!aglm_cpulist_has(&online, cpu))
            continue;
        if (aglm_fsroot_integer(fs, 10000, 20000000, &khz,
                                "/sys/devices/system/cpu/cpu%zu/cpufreq/scaling_cur_freq",
                                cpu) == 0) {
            sum += (double)khz;
            n++;
        }
    }
    return n ? sum / (double)n : NAN;
}

double aglm_conditions_memory(const char *root)
{
    struct aglm_fsroot fs;
    if (aglm_fsroot_open(&fs, root, NULL))
        return NAN;
    const double bytes = memory_available(&fs);
    aglm_fsroot_close(&fs);
    return bytes;
}

void aglm_conditions_take(struct aglm_conditions *out, const char *root)
{
    struct aglm_fsroot fs;
    struct aglm_procstat stat;
    struct rusage use;
    *out = (struct aglm_conditions){NAN, NAN, NAN, NAN, NAN, -1, -1, -1, -1, -1};
    out->cpu_self_ticks = aglm_procstat_self_ticks();
    if (getrusage(RUSAGE_SELF, &use) == 0)
        out->major_faults = (double)use.ru_majflt;
    if (aglm_fsroot_open(&fs, root, NULL))
        return;
    if (aglm_procstat_read(&stat, &fs) == 0) {
        out->cpu_total_ticks = stat.total;
        out->cpu_idle_ticks = stat.idle;
        out->cpu_steal_ticks = stat.steal;
    }
    out->load_1min = load_1min(&fs);
    out->memory_available_bytes = memory_available(&fs);
    out->frequency_mean_khz = frequency_mean(&fs);
    out->temperature_max_degc = aglm_thermal_hottest(&fs);
    aglm_fsroot_close(&fs);
}

/* others = total - idle - self: stolen time is in the total and not in idle, so it counts as
 * others'. */
void aglm_conditions_between(const struct aglm_conditions *before, struct aglm_conditions *after)
{
    const double counters[] = {before->cpu_total_ticks, before->cpu_idle_ticks,
                               before->cpu_self_ticks,  after->cpu_total_ticks,
                               after->cpu_idle_ticks,   after->cpu_self_ticks};
    after->others_cpu_percent = NAN;
    for (size_t i = 0; i < sizeof(counters) / sizeof(*counters); i++)
        if (!(counters[i] >= 0))
            return;
    double total = after->cpu_total_ticks - before->cpu_total_ticks;
    double idle = after->cpu_idle_ticks - before->cpu_idle_ticks;
    double self = after->cpu_self_ticks - before->cpu_self_ticks;
    if (total < MIN_TICKS || self < 0)
        return;
    double others = (total - idle - self) / total * 100;
    after->others_cpu_percent = fmin(fmax(others, 0), 100);
}
