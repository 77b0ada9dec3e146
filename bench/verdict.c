/* Verdicts: others' load, throttling, affinity not granted, ended early, wrong answers. Inputs: a
 * record with its samples. Outputs: its valid and reasons. What is unknown is no reason: the record
 * shows it as unknown.
 */
#include "bench/verdict.h"

#include "bench/cpumask.h"
#include "bench/tally.h"
#include "probes/android_thermal.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static double max_known(double a, double b)
{
    return isnan(a) || b > a ? b : a;
}

double aglm_verdict_others_percent(const struct aglm_record *record)
{
    const struct aglm_conditions zero = {0};
    struct aglm_conditions sum = {0};
    double worst = NAN;
    for (size_t i = 0; i < record->n_samples; i++) {
        const struct aglm_conditions *a = &record->samples[i].before;
        const struct aglm_conditions *b = &record->samples[i].after;
        double ticks = b->cpu_total_ticks - a->cpu_total_ticks;
        if (ticks >= AGLM_VERDICT_MIN_TICKS) {
            worst = max_known(worst, b->others_cpu_percent);
        } else if (!isnan(ticks)) {
            sum.cpu_total_ticks += ticks;
            sum.cpu_idle_ticks += b->cpu_idle_ticks - a->cpu_idle_ticks;
            sum.cpu_steal_ticks += b->cpu_steal_ticks - a->cpu_steal_ticks;
            sum.cpu_self_ticks += b->cpu_self_ticks - a->cpu_self_ticks;
        }
    }
    if (sum.cpu_total_ticks >= AGLM_VERDICT_MIN_TICKS) {
        aglm_conditions_between(&zero, &sum);
        worst = max_known(worst, sum.others_cpu_percent);
    }
    return worst;
}

const char *aglm_verdict_others_unknown(const struct aglm_record *record)
{
    if (record->n_samples == 0 || !isnan(aglm_verdict_others_percent(record))) {
        return NULL;
    }
    double ticks = 0;
    for (size_t i = 0; i < record->n_samples; i++) {
        ticks += record->samples[i].after.cpu_total_ticks;
        ticks -= record->samples[i].before.cpu_total_ticks;
    }
    return ticks < AGLM_VERDICT_MIN_TICKS
               ? "too short to tell (under a second of all CPUs together): give more -r, -n or -p"
               : "cannot be read on this system"; /* NaN too */
}

static void add_reason(struct aglm_record *record, const char *reason)
{
    size_t length = strlen(record->reasons);
    snprintf(record->reasons + length, sizeof(record->reasons) - length, "%s%s",
             length > 0 ? "; " : "", reason);
    record->valid = false;
}

static void check_affinity(struct aglm_record *record)
{
    struct aglm_cpumask mask;
    char asked[64], reason[256];
    if (aglm_cpumask_parse(&mask, record->cpu_mask, NULL) < 0 || aglm_cpumask_is_empty(&mask) ||
        strcmp(record->backend, "null") == 0 || record->affinity[0] == '\0' ||
        aglm_cpumask_granted(&mask, record->cpu_strict ? record->n_threads : 0, record->affinity)) {
        return;
    }
    aglm_cpumask_list(&mask, asked, sizeof(asked));
    snprintf(reason, sizeof(reason), "affinity not granted: asked for CPUs %s, got %s", asked,
             record->affinity);
    add_reason(record, reason);
}

/* How hot a device was is no reason; that something slowed it down is. */
static void check_throttling(struct aglm_record *record)
{
    double status = NAN, times = NAN, limit = NAN, top = NAN, cooling = NAN;
    char reason[128];
    for (size_t i = 0; i < record->n_samples; i++) {
        const struct aglm_during *d = &record->samples[i].during;
        if (d->readings == 0) {
            continue;
        }
        status = max_known(status, d->android_status);
        times = max_known(times, d->throttles);
        if (d->limit_low_percent < d->limit_top_percent - AGLM_VERDICT_LIMIT_PERCENT &&
            !(d->limit_low_percent >= limit)) {
            limit = d->limit_low_percent;
            top = d->limit_top_percent;
        }
        if (d->cooling_max_percent > d->cooling_floor_percent) {
            cooling = max_known(cooling, d->cooling_max_percent);
        }
    }
    if (status > 0) {
        snprintf(reason, sizeof(reason), "throttled: Android's thermal status was %s",
                 aglm_android_status_word((int)status));
        add_reason(record, reason);
    }
    if (times > 0) {
        snprintf(reason, sizeof(reason), "throttled: the CPU slowed itself down (counted %.0f)",
                 times);
        add_reason(record, reason);
    }
    if (!isnan(limit)) {
        snprintf(reason, sizeof(reason),
                 "throttled: the limit on CPU frequencies fell from %.0f%% to %.0f%%", top, limit);
        add_reason(record, reason);
    }
    if (!isnan(cooling)) {
        snprintf(reason, sizeof(reason),
                 "throttled: cooling devices slowed the CPUs (at %.0f%% of what they can)",
                 cooling);
        add_reason(record, reason);
    }
}

void aglm_verdict_set(struct aglm_record *record, const char *early)
{
    char reason[300];
    record->valid = true;
    record->reasons[0] = '\0';
    if (early != NULL) {
        snprintf(reason, sizeof(reason), "%s %zu of %" PRIu32 " repetitions", early,
                 record->n_samples, record->repetitions);
        add_reason(record, reason);
    }
    double others = aglm_verdict_others_percent(record);
    if (others > AGLM_VERDICT_OTHERS_MAX_PERCENT) {
        snprintf(reason, sizeof(reason), "others used %.0f%% of the CPU", others);
        add_reason(record, reason);
    }
    check_throttling(record);
    check_affinity(record);
}

void aglm_verdict_accuracy(struct aglm_record *record, double at_least_percent)
{
    const struct aglm_accuracy_part sum = aglm_accuracy_sum(&record->accuracy, NULL, NULL);
    const double kept = aglm_accuracy_kept(&sum);
    char reason[200];
    if (sum.n < AGLM_VERDICT_MIN_ANSWERS || !(kept < at_least_percent)) {
        return;
    }
    snprintf(reason, sizeof(reason),
             "accuracy: %.1f%% of %s's is kept (%" PRIu64 " right answers of %" PRIu64
             ", not %" PRIu64 "), the limit is %g%%",
             kept, record->accuracy.reference, sum.right, sum.n, sum.reference_right,
             at_least_percent);
    add_reason(record, reason);
}
