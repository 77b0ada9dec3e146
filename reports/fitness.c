/* What the device is fit for: a verdict on each scenario, from the facts as last seen, the limits
 * and the thresholds of today; see sections.h. Nothing of it is stored.
 */
#include "reports/sections.h"

#include "bench/scenarios.h"
#include "reports/summary.h"

#include <math.h>

static void put_figure(struct aglm_text *out, const char *label, double value, const char *unit)
{
    aglm_text_fmt(out, "<td class=\"n\" data-label=\"%s\"><div>", label);
    aglm_text_number(out, value);
    aglm_text_raw(out, isnan(value) ? "" : unit);
    aglm_text_raw(out, "</div></td>");
}

static void put_scenario(struct aglm_text *out, const struct aglm_scenario_verdict *v)
{
    const struct aglm_scenario *s = v->scenario;
    aglm_text_fmt(out, "<tr><th scope=\"row\">%s</th><td data-label=\"Verdict\"><div>", s->title);
    aglm_summary_pill(out, v->status, NULL);
    aglm_text_fmt(out,
                  "</div></td><td class=\"reason\" data-label=\"Why\"><div>%s</div></td>"
                  "<td class=\"what\" data-label=\"Model\"><div>%s %s"
                  "<div class=\"small\">reads %u tokens, writes %u</div></div></td>",
                  v->reason, s->preset, s->mode, s->n_prompt, s->n_gen);
    put_figure(out, "First token", v->ttft_s, "&#160;s");
    put_figure(out, "Then", v->decode_ts, " tokens/s");
    put_figure(out, "Whole answer", v->total_s, "&#160;s");
    aglm_text_raw(out, "</tr>");
}

static void put_value(struct aglm_text *out, double value, const char *unit)
{
    aglm_text_raw(out, "<td class=\"n\">");
    if (isnan(value) || unit[0])
        aglm_text_number(out, value);
    else
        aglm_text_raw(out, value > 0 ? "present" : "absent");
    if (!isnan(value) && unit[0])
        aglm_text_fmt(out, "&#160;%s", unit);
    aglm_text_raw(out, "</td>");
}

static void put_checks(struct aglm_text *out, const struct aglm_scenario_verdict *v, size_t n)
{
    aglm_text_raw(out,
                  "<details><summary>Every check</summary><div class=\"scroll\" tabindex=\"0\">"
                  "<table><caption class=\"unseen\">Checks by scenario</caption><thead><tr>"
                  "<th scope=\"col\">Check</th><th scope=\"col\">Status</th>"
                  "<th scope=\"col\" class=\"n\">Here</th>"
                  "<th scope=\"col\" class=\"n\">Good</th></tr></thead>");
    for (size_t i = 0; i < n; i++) {
        aglm_text_fmt(out,
                      "<tbody><tr class=\"group\"><th colspan=\"4\" scope=\"rowgroup\">"
                      "<span>%s</span></th></tr>",
                      v[i].scenario->title);
        for (size_t k = 0; k < v[i].n; k++) {
            const struct aglm_scenario_check *c = &v[i].check[k];
            aglm_text_fmt(out, "<tr><th scope=\"row\">%s</th><td>", c->label);
            aglm_summary_pill(out, c->status, NULL);
            aglm_text_raw(out, "</td>");
            put_value(out, c->value, c->unit);
            put_value(out, c->good, c->unit);
            aglm_text_raw(out, "</tr>");
        }
        aglm_text_raw(out, "</tbody>");
    }
    aglm_text_raw(out, "</table></div></details>");
}

void aglm_sections_fitness(struct aglm_text *out, const struct aglm_dataset *set,
                           const struct aglm_thresholds *thresholds,
                           const struct aglm_limits *limits)
{
    struct aglm_scenario_verdict v[AGLM_FITNESS_MAX];
    const size_t n = aglm_fitness_judge(v, set, thresholds, limits);
    if (n == 0)
        return;
    aglm_text_raw(
        out,
        "<section id=\"fitness\"><h2>What it is fit for</h2><p class=\"sub\">Uses that people "
        "want a model for: judged by the facts as last seen, and by speeds predicted from the "
        "limits, not by this page&#8217;s tests.</p><div class=\"scroll\" tabindex=\"0\">"
        "<table class=\"fitness stacked\"><caption class=\"unseen\">Verdict on each use</caption>"
        "<thead><tr><th scope=\"col\">Use</th><th scope=\"col\">Verdict</th>"
        "<th scope=\"col\">Why</th><th scope=\"col\">Model</th>"
        "<th scope=\"col\" class=\"n\">First token</th>"
        "<th scope=\"col\" class=\"n\">Then</th>"
        "<th scope=\"col\" class=\"n\">Whole answer</th></tr></thead><tbody>");
    for (size_t i = 0; i < n; i++)
        put_scenario(out, &v[i]);
    aglm_text_raw(out, "</tbody></table></div>");
    if (limits->advice.n_roofs == 0)
        aglm_text_raw(out, "<p class=\"hint\">Speeds need this device&#8217;s limits, which were "
                           "not measured on one thread. On the device: <code>aglm-bench "
                           "--device-profile --db FILE</code></p>");
    put_checks(out, v, n);
    aglm_text_raw(out, "</section>");
}

size_t aglm_fitness_judge(struct aglm_scenario_verdict out[AGLM_FITNESS_MAX],
                          const struct aglm_dataset *set, const struct aglm_thresholds *thresholds,
                          const struct aglm_limits *limits)
{
    const struct aglm_device *d = set->device;
    const struct aglm_profile *profile = d->profile ? d->profile : d->measured;
    size_t n;
    const struct aglm_scenario *scenarios = aglm_scenarios(&n);
    if (!profile)
        return 0;
    n = n < AGLM_FITNESS_MAX ? n : AGLM_FITNESS_MAX;
    for (size_t i = 0; i < n; i++)
        aglm_scenario_judge(&out[i], &scenarios[i], profile, &limits->advice, thresholds);
    return n;
}
