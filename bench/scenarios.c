/* Judges scenarios; see scenarios.h. Inputs: facts, limits, thresholds. A check whose threshold or
 * figure is missing is UNKNOWN, never passed.
 */
#include "bench/scenarios.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Lengths are those of the standard suite: voice-zh, summary-zh, agent-zh. */
static const struct aglm_scenario scenarios[] = {
    {"voice_assistant",
     "Offline voice assistant",
     "glm-edge-1.5b",
     "q4_0",
     128,
     32,
     {"ram_voice_assistant", "free_memory", "fit", "ttft", "tpot"}},
    {"document_summary",
     "Local document summary",
     "glm-edge-4b",
     "q4_0",
     2048,
     256,
     {"gpu_summary", "free_memory", "fit", "total:summary_time"}},
    {"phone_agent",
     "Phone agent",
     "glm-4.1v-9b",
     "q4_0",
     AGLM_ADVICE_STEP_PROMPT,
     AGLM_ADVICE_STEP_GEN,
     {"free_memory", "cpu_utilisation", "fit", "total:agent_step"}},
};

const struct aglm_scenario *aglm_scenarios(size_t *n)
{
    *n = sizeof(scenarios) / sizeof(scenarios[0]);
    return scenarios;
}

/* Threads for the whole: those with the least time. */
static void predict(struct aglm_scenario_verdict *v, const struct aglm_advice_device *d,
                    const struct aglm_advice_work *w)
{
    const struct aglm_scenario *s = v->scenario;
    v->ttft_s = v->decode_ts = v->total_s = NAN;
    for (size_t i = 0; i < d->n_roofs; i++) {
        const double token = aglm_advice_token_s(d, &d->roof[i], w, s->n_prompt + s->n_gen / 2.0);
        const double ttft = aglm_advice_prefill_s(d, &d->roof[i], w, s->n_prompt) + token;
        const double total = ttft + (s->n_gen - 1) * token;
        if (isnan(total) || v->total_s <= total)
            continue;
        v->total_s = total;
        v->ttft_s = ttft;
        v->decode_ts = 1 / token;
        v->threads = d->roof[i].threads;
    }
}

static void check_fit(struct aglm_scenario_check *out, const struct aglm_advice_device *d,
                      double need_bytes)
{
    static const enum aglm_status statuses[] = {
        [AGLM_FIT_UNKNOWN] = AGLM_STATUS_UNKNOWN,
        [AGLM_FIT_YES] = AGLM_STATUS_GOOD,
        [AGLM_FIT_TIGHT] = AGLM_STATUS_WATCH,
        [AGLM_FIT_NO] = AGLM_STATUS_ALERT,
    };
    out->label = "Memory free for the model";
    out->unit = "GiB";
    out->value = d->memory_bytes / 0x1p30;
    out->good = need_bytes / 0.8 / 0x1p30;
    out->status = statuses[aglm_advice_fit(d, need_bytes)];
}

static void check_threshold(struct aglm_scenario_check *out, const struct aglm_scenario_verdict *v,
                            const char *name, const struct aglm_profile *profile,
                            const struct aglm_thresholds *thresholds)
{
    const bool total = strncmp(name, "total:", 6) == 0;
    const struct aglm_threshold *t = aglm_thresholds_find(thresholds, total ? name + 6 : name);
    out->label = name;
    out->unit = "";
    out->value = out->good = NAN;
    out->status = AGLM_STATUS_UNKNOWN;
    if (!t)
        return;
    if (total)
        out->value = aglm_judge_convert(v->total_s, "s", t->unit);
    else if (strcmp(name, "ttft") == 0)
        out->value = aglm_judge_convert(v->ttft_s, "s", t->unit);
    else if (strcmp(name, "tpot") == 0)
        out->value = aglm_judge_convert(1 / v->decode_ts, "s", t->unit);
    else {
        struct aglm_judgement j;
        aglm_judge(&j, profile, t);
        out->value = j.value;
    }
    out->label = t->label;
    out->unit = t->unit;
    out->good = t->good;
    out->status = aglm_threshold_judge(t, out->value);
}

static int gravity(enum aglm_status status)
{
    static const int order[] = {[AGLM_STATUS_GOOD] = 0,
                                [AGLM_STATUS_WATCH] = 1,
                                [AGLM_STATUS_UNKNOWN] = 2,
                                [AGLM_STATUS_ALERT] = 3};
    return order[status];
}

/* For three digits. */
static int decimals(double value)
{
    return value >= 100 ? 0 : value >= 10 ? 1 : 2;
}

static void sum_up(struct aglm_scenario_verdict *v)
{
    const struct aglm_scenario_check *worst = NULL;
    for (size_t i = 0; i < v->n; i++)
        if (!worst || gravity(v->check[i].status) > gravity(worst->status))
            worst = &v->check[i];
    v->status = worst ? worst->status : AGLM_STATUS_UNKNOWN;
    if (!worst || v->status == AGLM_STATUS_GOOD)
        snprintf(v->reason, sizeof(v->reason), "all %zu checks passed", v->n);
    else if (isnan(worst->value))
        snprintf(v->reason, sizeof(v->reason), "%s: not known here", worst->label);
    else if (!worst->unit[0])
        snprintf(v->reason, sizeof(v->reason), "%s: no", worst->label);
    else
        snprintf(v->reason, sizeof(v->reason), "%s: %.*f %s, good is %.*f", worst->label,
                 decimals(worst->value), worst->value, worst->unit, decimals(worst->good),
                 worst->good);
}

void aglm_scenario_judge(struct aglm_scenario_verdict *out, const struct aglm_scenario *scenario,
                         const struct aglm_profile *profile,
                         const struct aglm_advice_device *device,
                         const struct aglm_thresholds *thresholds)
{
    struct aglm_scenario_verdict v = {.scenario = scenario};
    struct aglm_advice_work work;
    aglm_advice_work_of(&work, aglm_preset_find(scenario->preset),
                        aglm_quantize_mode_find(scenario->mode));
    predict(&v, device, &work);
    for (; scenario->checks[v.n]; v.n++) {
        if (strcmp(scenario->checks[v.n], "fit") == 0)
            check_fit(&v.check[v.n], device,
                      aglm_advice_need_bytes(&work, scenario->n_prompt + scenario->n_gen));
        else
            check_threshold(&v.check[v.n], &v, scenario->checks[v.n], profile, thresholds);
    }
    sum_up(&v);
    *out = v;
}
