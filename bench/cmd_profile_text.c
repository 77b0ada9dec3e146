/* The profile's page behind its facts: what is good, what the device is fit for, what to run.
 * Input: a page. Output: standard output, 80 columns at most; figures that are not known are "-".
 */
#include "bench/cmd_profile.h"

#include "bench/scenarios.h"
#include "probes/cpus.h"
#include "probes/judge.h"
#include "probes/roof_cpus.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { WIDTH = 80, STATUS_WIDTH = 9 };

/* Text that begins at this column and goes on there, wrapped at blanks. */
static void put_wrapped(const char *text, size_t column)
{
    const size_t room = WIDTH - column;
    while (strlen(text) > room) {
        size_t n = room;
        while (n > 0 && text[n] != ' ')
            n--;
        n = n > 0 ? n : room;
        printf("%.*s\n%*s", (int)n, text, (int)column, "");
        text += n;
        text += strspn(text, " ");
    }
    puts(text);
}

/* "  good     text": the verdict, then what it is about. */
static void put_verdict(enum aglm_status status, const char *text)
{
    printf("  %-*s", STATUS_WIDTH, aglm_status_word(status));
    put_wrapped(text, STATUS_WIDTH + 2);
}

/* Three digits, "-" for NaN. */
static void format(double value, char *buf, size_t cap)
{
    if (isnan(value))
        snprintf(buf, cap, "-");
    else
        snprintf(buf, cap, value >= 100 ? "%.0f" : value >= 10 ? "%.1f" : "%.2f", value);
}

static void put_thresholds(const struct aglm_profile_page *page)
{
    puts("\nAgainst the thresholds");
    for (size_t i = 0; i < aglm_thresholds_count(page->thresholds); i++) {
        const struct aglm_threshold *t = aglm_thresholds_at(page->thresholds, i);
        struct aglm_judgement j;
        char value[16], text[512];
        if (!t->fact[0])
            continue;
        aglm_judge(&j, page->profile, t);
        if (!j.fact)
            continue; /* nothing looked for it */
        format(j.value, value, sizeof(value));
        if (j.status == AGLM_STATUS_UNKNOWN)
            snprintf(text, sizeof(text), "%s: %s", t->label,
                     j.fact->kind == AGLM_FACT_UNKNOWN ? j.fact->text : "not comparable");
        else if (!t->unit[0])
            snprintf(text, sizeof(text), "%s", t->label);
        else
            snprintf(text, sizeof(text), "%s: %s %s (good %s %g)", t->label, value, t->unit,
                     t->kind == AGLM_THRESHOLD_BELOW ? "up to" : "from", t->good);
        put_verdict(j.status, text);
    }
}

static void put_scenarios(const struct aglm_profile_page *page)
{
    size_t n;
    const struct aglm_scenario *scenarios = aglm_scenarios(&n);
    puts("\nWhat it is fit for");
    for (size_t i = 0; i < n; i++) {
        struct aglm_scenario_verdict v;
        char text[320], ttft[16], speed[16], total[16];
        aglm_scenario_judge(&v, &scenarios[i], page->profile, &page->device, page->thresholds);
        snprintf(text, sizeof(text), "%s: %s", scenarios[i].title, v.reason);
        put_verdict(v.status, text);
        if (isnan(v.total_s))
            continue;
        format(v.ttft_s, ttft, sizeof(ttft));
        format(v.decode_ts, speed, sizeof(speed));
        format(v.total_s, total, sizeof(total));
        snprintf(text, sizeof(text), "%s %s: first token %s s, then %s/s, whole answer %s s",
                 scenarios[i].preset, scenarios[i].mode, ttft, speed, total);
        printf("%*s", STATUS_WIDTH + 2, "");
        put_wrapped(text, STATUS_WIDTH + 2);
    }
}

void aglm_profile_cpus(unsigned n, char *buf, size_t cap)
{
    unsigned cpus[AGLM_ROOF_CPUS_MAX];
    struct aglm_cpulist list = {0};
    const size_t have = aglm_roof_cpus(cpus, NULL, 0);
    for (size_t i = 0; i < n && i < have; i++)
        if (cpus[i] < AGLM_CPUS_MAX)
            aglm_cpulist_add(&list, cpus[i]);
    buf[0] = '\0';
    if (n > 0 && have > 0)
        aglm_cpulist_format(&list, buf, cap);
}

static void put_threads(const struct aglm_profile_page *page, const struct aglm_advice *a)
{
    char prefill[64], decode[64];
    if (a->prefill_threads == 0)
        return;
    aglm_profile_cpus(a->prefill_threads, prefill, sizeof(prefill));
    aglm_profile_cpus(a->decode_threads, decode, sizeof(decode));
    printf("  Use %u thread%s for prompts (CPUs %s), %u for answers (CPUs %s); %s.\n",
           a->prefill_threads, a->prefill_threads == 1 ? "" : "s", prefill, a->decode_threads,
           decode, page->device.isa);
}

/* Decode speed in another quantization; "no" where it does not fit. */
static void put_other(const struct aglm_profile_page *page, const struct aglm_preset *preset,
                      const char *mode)
{
    struct aglm_advice a;
    char text[16];
    aglm_advice_give(&a, &page->device, preset, aglm_quantize_mode_find(mode));
    format(a.decode_ts, text, sizeof(text));
    printf("%7s", a.fit == AGLM_FIT_NO ? "no" : text);
}

/* Others at work while the limits were measured make limits and predictions too low. */
static void put_disturbed(const struct aglm_profile_page *page)
{
    const struct aglm_fact *others = aglm_profile_find(page->profile, "load.others_cpu");
    if (page->device.n_roofs > 0 && others && others->kind == AGLM_FACT_NUMBER &&
        others->number > AGLM_PROFILE_QUIET_PERCENT)
        printf("  Others used %.0f%% of the CPU: these figures are too low. Measure again.\n",
               others->number);
}

static void put_advice(const struct aglm_profile_page *page)
{
    puts("\nWhat to run (predicted, tokens a second; step: a phone agent's, 1856 + 142)");
    for (size_t i = 0; i < aglm_preset_count(); i++) {
        const struct aglm_preset *preset = aglm_preset_at(i);
        char size[16], fill[16], token[16], first[16], step[16];
        struct aglm_advice a;
        aglm_advice_give(&a, &page->device, preset, aglm_quantize_mode_find("q4_0"));
        if (i == 0) {
            put_threads(page, &a);
            printf("  %-15s %5s %5s %6s %6s %6s %6s%7s%7s%7s\n", "q4_0", "GiB", "fits", "prompt",
                   "answer", "1st s", "step s", "q4_k_m", "q8_0", "f16");
        }
        format(a.need_bytes / 0x1p30, size, sizeof(size));
        format(a.prefill_ts, fill, sizeof(fill));
        format(a.decode_ts, token, sizeof(token));
        format(a.step_ttft_s, first, sizeof(first));
        format(a.step_s, step, sizeof(step));
        const char *fits = a.fit == AGLM_FIT_UNKNOWN ? "?" : aglm_advice_fit_word(a.fit);
        printf("  %-15s %5s %5s %6s %6s %6s %6s", preset->name, size, fits, fill, token, first,
               step);
        put_other(page, preset, "q4_k_m");
        put_other(page, preset, "q8_0");
        put_other(page, preset, "f16");
        putchar('\n');
    }
    if (page->device.n_roofs == 0)
        puts("  Speeds need the device's limits, which were not measured.");
    put_disturbed(page);
}

static void put_verify(const struct aglm_profile_page *page)
{
    bool within = true;
    puts("\nPredicted against measured (tokens a second)");
    printf("  %-20s %3s  %8s %8s %5s  %8s %8s\n", "", "", "prompt", "measured", "", "answer",
           "measured");
    for (size_t i = 0; i < page->n_verify; i++) {
        const struct aglm_verify_line *l = &page->verify[i];
        printf("  %-20s %3u  %8.1f %8.1f %+4.0f%%  %8.1f %8.1f %+4.0f%%\n", l->model, l->threads,
               l->prefill_predicted_ts, l->prefill_ts,
               aglm_verify_error_percent(l->prefill_predicted_ts, l->prefill_ts),
               l->decode_predicted_ts, l->decode_ts,
               aglm_verify_error_percent(l->decode_predicted_ts, l->decode_ts));
        within &= aglm_verify_within(l, AGLM_PROFILE_WITHIN_PERCENT);
    }
    printf("  %s within %d%%\n", within ? "all" : "not all", AGLM_PROFILE_WITHIN_PERCENT);
}

void aglm_profile_page_print(const struct aglm_profile_page *page)
{
    put_thresholds(page);
    put_scenarios(page);
    put_advice(page);
    if (page->n_verify > 0)
        put_verify(page);
}
