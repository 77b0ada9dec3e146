/* Measures what the cores keep up; see sustained.h.
 *
 * Inputs: the running machine, whose all cores are busy meanwhile. Outputs: a figure a second;
 * facts about them. Threads begin anew each second, which takes microseconds of it. Refused: more
 * seconds than there is room for.
 */
#include "probes/sustained.h"

#include "probes/isa.h"
#include "probes/probe.h"
#include "probes/roof_kernels.h"
#include "probes/roof_team.h"
#include "probes/topology.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW_MS = 1000, MAX_THREADS = 512 };

#define PREFIX "roof.sustained."

static bool go_on(const struct aglm_sustained_options *o, unsigned second, double per_s)
{
    return !o->each || o->each(o->ctx, second, per_s);
}

int aglm_sustained_measure(struct aglm_sustained *out, const struct aglm_sustained_options *o,
                           struct aglm_err *err)
{
    const struct aglm_roof_kernels *sets[AGLM_ROOF_MAX_SETS];
    const size_t n_sets = aglm_roof_sets(sets, o->isa_flags);
    struct aglm_roof_team *team = NULL;
    struct aglm_conditions before, after;
    struct aglm_roof_window window = {
        .kernels = sets[n_sets - 1],
        .kind = AGLM_ROOF_INT8,
        .threads = o->threads,
        .ns = (uint64_t)(o->window_ms ? o->window_ms : WINDOW_MS) * 1000000,
    };
    *out = (struct aglm_sustained){.isa = window.kernels->isa,
                                   .threads = o->threads,
                                   .asked = o->seconds,
                                   .others_percent = NAN,
                                   .start_degc = NAN,
                                   .end_degc = NAN};
    if (o->seconds < 1 || o->seconds > AGLM_SUSTAINED_MAX)
        return aglm_err_set(err, -EINVAL, "sustained: %u seconds: must be 1 to %d", o->seconds,
                            AGLM_SUSTAINED_MAX);
    int rc = aglm_roof_team_open(&team, o->threads, 0, err);
    bool more = rc == 0 && go_on(o, 0, NAN);
    aglm_conditions_take(&before, NULL);
    while (more && out->n < o->seconds) {
        const double per_s = aglm_roof_team_window(team, &window);
        if (per_s <= 0) {
            rc = aglm_err_set(err, -EAGAIN, "sustained: %u threads could not be started",
                              o->threads);
            break;
        }
        out->per_s[out->n++] = per_s;
        more = go_on(o, out->n, per_s);
    }
    aglm_conditions_take(&after, NULL);
    aglm_conditions_between(&before, &after);
    out->others_percent = after.others_cpu_percent;
    out->start_degc = before.temperature_max_degc;
    out->end_degc = after.temperature_max_degc;
    aglm_roof_team_close(&team);
    return rc;
}

static double mean(const double *v, size_t from, size_t to)
{
    double sum = 0;
    for (size_t i = from; i < to; i++)
        sum += v[i];
    return sum / (double)(to - from);
}

/* Of point i of n_points; s->n of at least n_points. */
static double point(const struct aglm_sustained *s, size_t i, size_t n_points)
{
    return mean(s->per_s, i * s->n / n_points, (i + 1) * s->n / n_points);
}

static size_t count_points(const struct aglm_sustained *s)
{
    return s->n < AGLM_SUSTAINED_POINTS ? s->n : AGLM_SUSTAINED_POINTS;
}

size_t aglm_sustained_curve(double percent[AGLM_SUSTAINED_POINTS], const struct aglm_sustained *s)
{
    const size_t n = count_points(s);
    for (size_t i = 0; i < n; i++)
        percent[i] = point(s, i, n) / point(s, 0, n) * 100;
    return n;
}

/* "100 100 98 91 85 %" */
static void add_curve(struct aglm_facts *facts, const struct aglm_sustained *s, const char *source)
{
    double percent[AGLM_SUSTAINED_POINTS];
    char text[AGLM_SUSTAINED_POINTS * 8 + 2] = "";
    const size_t n = aglm_sustained_curve(percent, s);
    size_t at = 0;
    for (size_t i = 0; i < n; i++)
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%.0f ", fmin(percent[i], 99999));
    aglm_facts_text(facts, PREFIX "curve", n < AGLM_SUSTAINED_POINTS ? "Each second" : "Each tenth",
                    source, "%s%%", text);
}

/* Every second, for those who draw it. */
static void add_each(struct aglm_facts *facts, const struct aglm_sustained *s, const char *source)
{
    enum { EACH = 16 };
    char *text = malloc((size_t)s->n * EACH + 1);
    size_t at = 0;
    if (!text) {
        facts->out_of_memory = true;
        return;
    }
    for (size_t i = 0; i < s->n; i++) {
        const int n = snprintf(text + at, EACH, "%s%.5g", i > 0 ? " " : "", s->per_s[i] / 1e9);
        at += (size_t)n;
    }
    aglm_facts_text(facts, PREFIX "each", "Each second, Gop/s", source, "%s", text);
    free(text);
}

static void add_share(struct aglm_facts *facts, const struct aglm_sustained *s, double start,
                      double end, const char *source)
{
    static const char key[] = PREFIX "share", label[] = "End over start";
    if (s->n < AGLM_SUSTAINED_JUDGED)
        aglm_facts_unknown(facts, key, label, source,
                           "stopped after %u s: %d s at least tell something", s->n,
                           AGLM_SUSTAINED_JUDGED);
    else if (s->others_percent > AGLM_SUSTAINED_QUIET_PERCENT) /* not where it is unknown */
        aglm_facts_unknown(facts, key, label, source, "others used %.0f%% of the CPUs meanwhile",
                           s->others_percent);
    else
        aglm_facts_number(facts, key, label, source, "percent", end / start * 100);
}

static void add_known(struct aglm_facts *facts, const char *key, const char *label,
                      const char *unit, double value, const char *reason)
{
    if (isnan(value))
        aglm_facts_unknown(facts, key, label, "measured", "%s", reason);
    else
        aglm_facts_number(facts, key, label, "measured", unit, value);
}

/* What else may have made it slower. */
static void add_circumstances(struct aglm_facts *facts, const struct aglm_sustained *s)
{
    static const char no_zones[] = "no thermal zone can be read";
    add_known(facts, PREFIX "others_cpu", "CPU use of others", "percent", s->others_percent,
              "no counters of CPU time");
    add_known(facts, PREFIX "temperature_start", "Hottest zone, start", "degC", s->start_degc,
              no_zones);
    add_known(facts, PREFIX "temperature_end", "Hottest zone, end", "degC", s->end_degc, no_zones);
}

void aglm_sustained_facts(struct aglm_facts *facts, const struct aglm_sustained *s)
{
    const size_t n = count_points(s);
    char source[96], label[64];
    double lowest = INFINITY;
    if (n == 0) {
        aglm_facts_unknown(facts, PREFIX "share", "End over start", "measured",
                           "stopped before a second was over");
        return;
    }
    for (size_t i = 0; i < s->n; i++)
        lowest = fmin(lowest, s->per_s[i]);
    const double start = point(s, 0, n), end = point(s, n - 1, n);
    snprintf(source, sizeof(source), "measured: %s, %u thread%s, %u of %u s", s->isa, s->threads,
             s->threads == 1 ? "" : "s", s->n, s->asked);
    add_curve(facts, s, source);
    snprintf(label, sizeof(label), "Start, %s", s->isa);
    aglm_facts_number(facts, PREFIX "start", label, source, "ops/s", start);
    aglm_facts_number(facts, PREFIX "end", "End", source, "ops/s", end);
    add_share(facts, s, start, end, source);
    aglm_facts_number(facts, PREFIX "lowest", "Slowest second", source, "ops/s", lowest);
    add_circumstances(facts, s);
    aglm_facts_number(facts, PREFIX "threads", "Threads", source, "count", s->threads);
    aglm_facts_number(facts, PREFIX "time", "Time measured", source, "s", s->n);
    if (s->n < s->asked)
        aglm_facts_text(facts, PREFIX "stopped", "Stopped early", source, "after %u of %u s", s->n,
                        s->asked);
    add_each(facts, s, source);
}

void aglm_probe_sustained(struct aglm_facts *facts, unsigned seconds, aglm_each_second *each,
                          void *ctx)
{
    const int cpus = aglm_topology_cpus();
    const struct aglm_sustained_options options = {.isa_flags = aglm_isa_detect(),
                                                   .threads = cpus < MAX_THREADS ? (unsigned)cpus
                                                                                 : MAX_THREADS,
                                                   .seconds = seconds,
                                                   .each = each,
                                                   .ctx = ctx};
    struct aglm_sustained *s = malloc(sizeof(*s));
    struct aglm_err err = {0};
    if (!s)
        facts->out_of_memory = true;
    else if (aglm_sustained_measure(s, &options, &err))
        aglm_facts_unknown(facts, PREFIX "share", "End over start", "measured", "%s", err.msg);
    else
        aglm_sustained_facts(facts, s);
    free(s);
}
