/* Under which conditions the results were measured; see sections.h. */
#include "reports/sections.h"

#include "reports/summary.h"

#include <math.h>

enum { OPEN_MAX = 12 }; /* more tests than that are folded up */

/* The verdict is shown where it is not "good": a column of good is noise. */
static void put_judged(struct aglm_text *out, const struct aglm_threshold *t, double value,
                       double shown, const char *unit)
{
    const enum aglm_status status = aglm_threshold_judge(t, value);
    aglm_text_raw(out, "<td class=\"n\">");
    aglm_text_quantity(out, shown, unit);
    if (status == AGLM_STATUS_WATCH || status == AGLM_STATUS_ALERT) {
        aglm_text_raw(out, " ");
        aglm_summary_pill(out, status, NULL);
    }
    aglm_text_raw(out, "</td>");
}

static void put_clock(struct aglm_text *out, const struct aglm_row *row)
{
    aglm_text_raw(out, "<td class=\"n\">");
    aglm_text_number(out, row->frequency_min / 1e6);
    if (row->frequency_max > row->frequency_min) {
        aglm_text_raw(out, " to ");
        aglm_text_number(out, row->frequency_max / 1e6);
    }
    aglm_text_raw(out, "</td>");
}

static void put_row(struct aglm_text *out, const struct aglm_row *row,
                    const struct aglm_thresholds *thresholds)
{
    const struct aglm_record *r = &row->rec;
    aglm_text_fmt(out, "<tr><th scope=\"row\">%s", r->test);
    aglm_text_fmt(out, " <span class=\"muted\">%s %s, %u thread%s</span></th>", r->model_name,
                  r->quantization, r->n_threads, r->n_threads == 1 ? "" : "s");
    put_judged(out, aglm_thresholds_find(thresholds, "cpu_utilisation"),
               row->res.others_cpu_percent_max, row->res.others_cpu_percent_max, "percent");
    put_judged(out, aglm_thresholds_find(thresholds, "free_memory"),
               row->memory_available_min / 1048576, row->memory_available_min, "bytes");
    put_judged(out, NULL, NAN, row->temperature_max, "degC");
    put_clock(out, row);
    aglm_text_fmt(out, "<td>%s</td><td>%s</td></tr>", r->affinity, r->roof_when);
}

void aglm_sections_conditions(struct aglm_text *out, const struct aglm_dataset *set,
                              const struct aglm_thresholds *thresholds)
{
    aglm_text_raw(
        out, "<section id=\"conditions\"><h2>Conditions</h2><p class=\"sub\">The device before, "
             "between and after the repetitions of each test above: its worst moment.</p>");
    aglm_text_raw(out, set->n_configs > OPEN_MAX ? "<details>" : "<details open>");
    aglm_text_raw(
        out, "<summary>By test</summary>"
             "<div class=\"scroll\" tabindex=\"0\"><table class=\"conditions\"><caption "
             "class=\"unseen\">Conditions by test</caption><thead><tr><th scope=\"col\">Test</th>"
             "<th scope=\"col\" class=\"n\">Others&#8217; CPU use, at most</th>"
             "<th scope=\"col\" class=\"n\">Free memory, at least</th>"
             "<th scope=\"col\" class=\"n\">Hottest zone</th>"
             "<th scope=\"col\" class=\"n\">Clock, GHz</th><th scope=\"col\">Ran on CPUs</th>"
             "<th scope=\"col\">Limits measured</th></tr></thead><tbody>");
    for (size_t k = 0; k < set->n_configs; k++)
        put_row(out, &set->rows[set->newest[k]], thresholds);
    aglm_text_raw(out, "</tbody></table></div></details></section>");
}
