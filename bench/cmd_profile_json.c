/* The profile as one JSON document: the facts' own form with thresholds, scenarios, advice and its
 * test added. The form is docs/profile.schema.json; what is not known is null.
 */
#include "bench/cmd_profile.h"

#include "bench/scenarios.h"
#include "probes/judge.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>

/* Each returns whether there was memory. */

static bool text(cJSON *o, const char *name, const char *value)
{
    return cJSON_AddStringToObject(o, name, value) != NULL;
}

static bool number(cJSON *o, const char *name, double value)
{
    return (isfinite(value) ? cJSON_AddNumberToObject(o, name, value)
                            : cJSON_AddNullToObject(o, name)) != NULL;
}

/* A new object at the end of the array; NULL for lack of memory. */
static cJSON *append(cJSON *array)
{
    cJSON *o = cJSON_CreateObject();
    if (o && !cJSON_AddItemToArray(array, o)) {
        cJSON_Delete(o);
        o = NULL;
    }
    return o;
}

static bool add_thresholds(cJSON *root, const struct aglm_profile_page *page)
{
    cJSON *array = cJSON_AddArrayToObject(root, "thresholds");
    bool ok = array != NULL;
    for (size_t i = 0; ok && i < aglm_thresholds_count(page->thresholds); i++) {
        const struct aglm_threshold *t = aglm_thresholds_at(page->thresholds, i);
        struct aglm_judgement j;
        if (!t->fact[0])
            continue;
        aglm_judge(&j, page->profile, t);
        cJSON *o = append(array);
        ok = o && text(o, "id", t->id) && text(o, "label", t->label) &&
             text(o, "fact", j.fact ? j.fact->key : t->fact) && number(o, "value", j.value) &&
             text(o, "unit", t->unit) && text(o, "status", aglm_status_word(j.status)) &&
             text(o, "good_is", t->kind == AGLM_THRESHOLD_BELOW ? "below" : "above") &&
             number(o, "good", t->good) && number(o, "alert", t->alert) &&
             text(o, "source", t->source);
    }
    return ok;
}

static bool add_checks(cJSON *o, const struct aglm_scenario_verdict *v)
{
    cJSON *array = cJSON_AddArrayToObject(o, "checks");
    bool ok = array != NULL;
    for (size_t i = 0; ok && i < v->n; i++) {
        cJSON *check = append(array);
        ok = check && text(check, "label", v->check[i].label) &&
             number(check, "value", v->check[i].value) && text(check, "unit", v->check[i].unit) &&
             number(check, "good", v->check[i].good) &&
             text(check, "status", aglm_status_word(v->check[i].status));
    }
    return ok;
}

static bool add_scenarios(cJSON *root, const struct aglm_profile_page *page)
{
    size_t n;
    const struct aglm_scenario *scenarios = aglm_scenarios(&n);
    cJSON *array = cJSON_AddArrayToObject(root, "scenarios");
    bool ok = array != NULL;
    for (size_t i = 0; ok && i < n; i++) {
        const struct aglm_scenario *s = &scenarios[i];
        struct aglm_scenario_verdict v;
        aglm_scenario_judge(&v, s, page->profile, &page->device, page->thresholds);
        cJSON *o = append(array);
        ok = o && text(o, "id", s->id) && text(o, "title", s->title) &&
             text(o, "status", aglm_status_word(v.status)) && text(o, "reason", v.reason) &&
             text(o, "model", s->preset) && text(o, "type", s->mode) &&
             number(o, "n_prompt", s->n_prompt) && number(o, "n_gen", s->n_gen) &&
             number(o, "threads", v.threads > 0 ? v.threads : NAN) &&
             number(o, "ttft_s", v.ttft_s) && number(o, "decode_ts", v.decode_ts) &&
             number(o, "total_s", v.total_s) && add_checks(o, &v);
    }
    return ok;
}

static bool add_model(cJSON *array, const struct aglm_profile_page *page,
                      const struct aglm_preset *preset, const struct aglm_quantize_mode *mode)
{
    struct aglm_advice a;
    cJSON *o = append(array);
    aglm_advice_give(&a, &page->device, preset, mode);
    return o && text(o, "model", preset->name) && text(o, "type", mode->name) &&
           number(o, "need_bytes", a.need_bytes) && text(o, "fits", aglm_advice_fit_word(a.fit)) &&
           number(o, "prefill_threads", a.prefill_threads > 0 ? a.prefill_threads : NAN) &&
           number(o, "decode_threads", a.decode_threads > 0 ? a.decode_threads : NAN) &&
           number(o, "prefill_ts", a.prefill_ts) && number(o, "decode_ts", a.decode_ts) &&
           number(o, "step_ttft_s", a.step_ttft_s) && number(o, "step_s", a.step_s);
}

/* Which CPUs to use for each number of threads that was measured. */
static bool add_cpus(cJSON *advice, const struct aglm_profile_page *page)
{
    cJSON *array = cJSON_AddArrayToObject(advice, "cpus");
    bool ok = array != NULL;
    for (size_t i = 0; ok && i < page->device.n_roofs; i++) {
        char cpus[256];
        cJSON *o = append(array);
        aglm_profile_cpus(page->device.roof[i].threads, cpus, sizeof(cpus));
        ok = o && number(o, "threads", page->device.roof[i].threads) && text(o, "cpus", cpus);
    }
    return ok;
}

static bool add_advice(cJSON *root, const struct aglm_profile_page *page)
{
    cJSON *advice = cJSON_AddObjectToObject(root, "advice"), *array = NULL;
    bool ok = advice && text(advice, "isa", page->device.isa) &&
              number(advice, "memory_bytes", page->device.memory_bytes) && add_cpus(advice, page) &&
              (array = cJSON_AddArrayToObject(advice, "models"));
    for (size_t i = 0; ok && i < aglm_preset_count(); i++)
        for (size_t k = 0; ok && k < aglm_quantize_mode_count(); k++)
            ok = add_model(array, page, aglm_preset_at(i), aglm_quantize_mode_at(k));
    return ok;
}

static bool add_verify(cJSON *root, const struct aglm_profile_page *page)
{
    cJSON *array = cJSON_AddArrayToObject(root, "verify");
    bool ok = array != NULL;
    for (size_t i = 0; ok && i < page->n_verify; i++) {
        const struct aglm_verify_line *l = &page->verify[i];
        cJSON *o = append(array);
        ok = o && text(o, "model", l->model) && number(o, "threads", l->threads) &&
             number(o, "prefill_predicted_ts", l->prefill_predicted_ts) &&
             number(o, "prefill_ts", l->prefill_ts) &&
             number(o, "decode_predicted_ts", l->decode_predicted_ts) &&
             number(o, "decode_ts", l->decode_ts) &&
             cJSON_AddBoolToObject(o, "within", aglm_verify_within(l, AGLM_PROFILE_WITHIN_PERCENT));
    }
    return ok;
}

/* With --sustained: each second's speed, which the facts hold as a line of text. */
static bool add_sustained(cJSON *root, const struct aglm_profile *profile)
{
    const struct aglm_fact *each = aglm_profile_find(profile, "roof.sustained.each");
    if (!each || each->kind != AGLM_FACT_TEXT)
        return true;
    cJSON *o = cJSON_AddObjectToObject(root, "sustained");
    cJSON *array = o ? cJSON_AddArrayToObject(o, "gops") : NULL;
    bool ok = array != NULL;
    char *end;
    for (const char *at = each->text; ok; at = end) {
        const double gops = strtod(at, &end);
        if (end == at)
            break;
        cJSON *number = cJSON_CreateNumber(gops);
        ok = number && cJSON_AddItemToArray(array, number);
    }
    return ok;
}

char *aglm_profile_page_json(const struct aglm_profile_page *page)
{
    char *facts = aglm_profile_json(page->profile), *out = NULL;
    cJSON *root = facts ? cJSON_Parse(facts) : NULL;
    if (root && add_thresholds(root, page) && add_scenarios(root, page) && add_advice(root, page) &&
        add_sustained(root, page->profile) && (page->n_verify == 0 || add_verify(root, page)))
        out = cJSON_Print(root);
    cJSON_Delete(root);
    free(facts);
    return out;
}
