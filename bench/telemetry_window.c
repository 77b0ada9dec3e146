/* What a window's readings come to; see telemetry_window.h.
 *
 * Energy: the difference of the processor's counters; or, on the battery alone, watts over time by
 * the trapezoid rule. Both need a window that is long beside how often the figures are renewed:
 * RAPL's about every millisecond, a battery's gauge every second or less often. */
#include "bench/telemetry_window.h"

#include "bench/stats.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define COUNTER_MIN_NS UINT64_C(100000000)
#define GAUGE_MIN_NS UINT64_C(5000000000)

void aglm_during_init(struct aglm_during *during)
{
    *during = (struct aglm_during){.own_cpu_percent = NAN,
                                   .temperature_min_degc = NAN,
                                   .temperature_median_degc = NAN,
                                   .temperature_max_degc = NAN,
                                   .frequency_low_khz = NAN,
                                   .limit_low_percent = NAN,
                                   .limit_top_percent = NAN,
                                   .cooling_max_percent = NAN,
                                   .cooling_floor_percent = NAN,
                                   .throttles = NAN,
                                   .android_status = NAN,
                                   .battery_max_degc = NAN,
                                   .joules = NAN};
}

void aglm_window_init(struct aglm_window *w)
{
    memset(w, 0, sizeof(*w)); /* touches the pages before any window */
    w->limit_top_percent = w->cooling_floor_percent = NAN;
    aglm_during_init(&w->during);
}

void aglm_window_open(struct aglm_window *w)
{
    aglm_during_init(&w->during);
    w->battery_joules = 0;
    w->no_energy[0] = '\0';
}

/* fmin and fmax leave out what is NaN. */
static void lower(double *low, double value)
{
    *low = fmin(*low, value);
}

static void lift(double *high, double value)
{
    *high = fmax(*high, value);
}

static void add_energy(struct aglm_window *w, uint64_t at_ns, const struct aglm_reading *r)
{
    if (r->energy.how == AGLM_ENERGY_UNKNOWN && !w->no_energy[0])
        snprintf(w->no_energy, sizeof(w->no_energy), "%s", r->energy.words);
    if (w->during.readings > 0)
        w->battery_joules += (w->last.watts + r->watts) / 2 * ((double)(at_ns - w->last_ns) / 1e9);
}

void aglm_window_add(struct aglm_window *w, uint64_t at_ns, const struct aglm_reading *r)
{
    struct aglm_during *d = &w->during;
    add_energy(w, at_ns, r);
    if (d->readings == 0) {
        w->first = *r;
        w->first_ns = at_ns;
    }
    w->last = *r;
    w->last_ns = at_ns;
    w->temperatures[d->readings++ % AGLM_WINDOW_TEMPERATURES] = r->temperature_degc;
    lower(&d->temperature_min_degc, r->temperature_degc);
    lift(&d->temperature_max_degc, r->temperature_degc);
    lower(&d->frequency_low_khz, r->frequency_khz);
    lower(&d->limit_low_percent, r->limit_percent);
    lift(&d->cooling_max_percent, r->cooling_percent);
    lift(&d->battery_max_degc, r->battery_degc);
    lift(&w->limit_top_percent, r->limit_percent);
    lower(&w->cooling_floor_percent, r->cooling_percent);
}

static double median(struct aglm_window *w)
{
    size_t n = 0;
    for (size_t i = 0; i < w->during.readings && i < AGLM_WINDOW_TEMPERATURES; i++)
        if (!isnan(w->temperatures[i]))
            w->sorted[n++] = w->temperatures[i];
    aglm_stats_sort(w->sorted, n);
    return aglm_stats_median(w->sorted, n);
}

static void finish_energy(const struct aglm_window *w, struct aglm_during *d)
{
    const uint64_t ns = w->last_ns - w->first_ns;
    const bool counters = w->last.energy.how == AGLM_ENERGY_RAPL && !w->no_energy[0];
    const bool gauge = w->last.energy.how == AGLM_ENERGY_BATTERY && !w->no_energy[0];
    const double joules = counters ? w->last.joules - w->first.joules : w->battery_joules;
    const char *words = w->last.energy.words;
    if (w->no_energy[0])
        words = w->no_energy;
    else if (ns < (counters ? COUNTER_MIN_NS : GAUGE_MIN_NS))
        words = counters ? "too short for the processor's counters (under 0.1 s)"
                         : "too short for the battery's gauge (under 5 s)";
    else if (!(joules >= 0))
        words = "its source changed or failed meanwhile";
    else if (counters || gauge)
        d->joules = joules;
    snprintf(d->energy, sizeof(d->energy), "%s", words);
}

void aglm_window_finish(struct aglm_window *w, struct aglm_during *out)
{
    struct aglm_during *d = &w->during;
    d->temperature_median_degc = median(w);
    d->limit_top_percent = w->limit_top_percent;
    d->cooling_floor_percent = w->cooling_floor_percent;
    d->throttles = w->last.throttles - w->first.throttles;
    if (!(d->throttles >= 0))
        d->throttles = NAN;
    finish_energy(w, d);
    *out = *d;
}
