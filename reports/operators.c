/* The page's tables about the engine's insides: operators of profiled tests, gains of fused ones;
 * see sections.h.
 *
 * A gain compares tests of one run that differ in nothing else: of each configuration the newest
 * run that has both.
 */
#include "reports/sections.h"

#include <math.h>
#include <string.h>

static void number_cell(struct aglm_text *out, double value, const char *unit)
{
    if (isnan(value) || value == 0) {
        aglm_text_raw(out, "<td class=\"n\">-</td>");
        return;
    }
    aglm_text_raw(out, "<td class=\"n\">");
    aglm_text_number(out, value);
    aglm_text_fmt(out, "%s</td>", unit);
}

/* ---- operators ---- */

static void put_operator(struct aglm_text *out, const struct aglm_row *row, size_t i,
                         double n_tokens)
{
    const struct aglm_operator *o = &row->rec.operators[i];
    const struct aglm_operator_figures *f = &row->operator_figures[i];
    aglm_text_fmt(out, "<tr><th scope=\"row\">%s</th><td>%s</td>", o->name, o->phase);
    number_cell(out, f->ns_per_token / 1e3, "");
    number_cell(out, f->share_percent, "%");
    number_cell(out, (double)o->wait_ns / n_tokens / 1e3, "");
    number_cell(out, (o->weight_bytes + o->kv_bytes) / n_tokens / 1e6, "");
    number_cell(out, (o->int8_ops + o->float_ops) / n_tokens / 1e6, "");
    number_cell(out, f->bytes_per_s / 1e9, "");
    number_cell(out, f->ops_per_s / 1e9, "");
    number_cell(out, f->roof_percent, "%");
    aglm_text_raw(out, "</tr>");
}

static void put_rest(struct aglm_text *out, const char *phase, const char *name, double ns,
                     const struct aglm_operator_rest *rest)
{
    aglm_text_fmt(out, "<tr><th scope=\"row\">%s</th><td>%s</td>", name, phase);
    number_cell(out, ns / rest->n_tokens / 1e3, "");
    number_cell(out, 100 * ns / rest->phase_ns, "%");
    aglm_text_raw(out, "<td></td><td></td><td></td><td></td><td></td><td></td></tr>");
}

static void put_phase(struct aglm_text *out, const struct aglm_row *row, enum aglm_phase phase)
{
    static const char *const names[] = {"prefill", "decode"};
    const struct aglm_operator_rest *rest = &row->rest[phase];
    if (!(rest->phase_ns > 0))
        return;
    for (size_t i = 0; i < row->rec.n_operators; i++)
        if (!strcmp(row->rec.operators[i].phase, names[phase]))
            put_operator(out, row, i, rest->n_tokens);
    put_rest(out, names[phase], "waiting at barriers", rest->wait_ns, rest);
    put_rest(out, names[phase], "outside of operators", rest->other_ns, rest);
}

static void put_profile(struct aglm_text *out, const struct aglm_row *row)
{
    const struct aglm_record *r = &row->rec;
    aglm_text_fmt(out, "<details><summary>%s, %s %s, %u thread%s", r->test, r->model_name,
                  r->quantization, r->n_threads, r->n_threads == 1 ? "" : "s");
    if (strcmp(r->fuse, "all") != 0)
        aglm_text_fmt(out, ", fused: %s", r->fuse);
    aglm_text_raw(out, "</summary><div class=\"scroll\" tabindex=\"0\"><table><thead><tr>"
                       "<th scope=\"col\">Operator</th><th scope=\"col\">Phase</th>"
                       "<th scope=\"col\" class=\"n\">&#181;s per token</th>"
                       "<th scope=\"col\" class=\"n\">Share</th>"
                       "<th scope=\"col\" class=\"n\">Waits, &#181;s</th>"
                       "<th scope=\"col\" class=\"n\">Weights and cache, MB</th>"
                       "<th scope=\"col\" class=\"n\">Operations, M</th>"
                       "<th scope=\"col\" class=\"n\">GB/s</th>"
                       "<th scope=\"col\" class=\"n\">Gop/s</th>"
                       "<th scope=\"col\" class=\"n\">Of roof</th></tr></thead><tbody>");
    put_phase(out, row, AGLM_PHASE_PREFILL);
    put_phase(out, row, AGLM_PHASE_DECODE);
    aglm_text_raw(out, "</tbody></table></div></details>");
}

void aglm_sections_operators(struct aglm_text *out, const struct aglm_dataset *set)
{
    bool any = false;
    for (size_t k = 0; k < set->n_configs; k++) {
        const struct aglm_row *row = &set->rows[set->newest[k]];
        if (row->rec.n_operators == 0)
            continue;
        if (!any)
            aglm_text_raw(
                out,
                "<section id=\"operators\"><h2>Operators</h2><p class=\"sub\">Where the time of a "
                "token goes, as the first thread sees it; bytes and operations are those of all "
                "threads. Waits are at the barriers behind an operator: work that was not evenly "
                "shared. Of roof: the time that this device's limits allow over the time taken, "
                "waiting included.</p>");
        any = true;
        put_profile(out, row);
    }
    if (any)
        aglm_text_raw(out, "</section>");
}

/* ---- gains ---- */

static bool of_one_run(const struct aglm_row *a, const struct aglm_row *b)
{
    return !strcmp(a->rec.run_uuid, b->rec.run_uuid) && aglm_row_differs_in_fuse(a, b);
}

static bool all_fused(const struct aglm_row *row)
{
    return !strcmp(row->rec.fuse, "all");
}

/* Has row i, with all fused, a partner in its run, and no later row of its configuration one? */
static bool is_shown(const struct aglm_dataset *set, size_t i)
{
    bool partner = false;
    for (size_t k = 0; k < set->n_rows && all_fused(&set->rows[i]); k++)
        partner |= of_one_run(&set->rows[i], &set->rows[k]);
    for (size_t j = i + 1; partner && j < set->n_rows; j++) {
        if (!aglm_row_same_config(&set->rows[i], &set->rows[j]))
            continue;
        for (size_t k = 0; k < set->n_rows; k++)
            if (of_one_run(&set->rows[j], &set->rows[k]))
                return false;
    }
    return partner;
}

static void put_interval(struct aglm_text *out, const struct aglm_row *row)
{
    aglm_text_raw(out, "<td class=\"n\"><strong>");
    aglm_text_number(out, row->res.median_ts);
    aglm_text_raw(out, "</strong> [");
    aglm_text_number(out, row->res.ci_low_ts);
    aglm_text_raw(out, ", ");
    aglm_text_number(out, row->res.ci_high_ts);
    aglm_text_raw(out, "]</td>");
}

static void put_gain(struct aglm_text *out, const struct aglm_row *all,
                     const struct aglm_row *other)
{
    const struct aglm_record *r = &other->rec;
    const bool overlap =
        all->res.ci_low_ts <= other->res.ci_high_ts && other->res.ci_low_ts <= all->res.ci_high_ts;
    aglm_text_fmt(out, "<tr><th scope=\"row\">%s</th><td>%s %s</td><td class=\"n\">%u</td>",
                  r->test, r->model_name, r->quantization, r->n_threads);
    aglm_text_fmt(out, "<td>%s</td>", r->fuse);
    put_interval(out, other);
    put_interval(out, all);
    aglm_text_raw(out, "<td class=\"n\">");
    aglm_text_number(out, all->res.median_ts / other->res.median_ts);
    aglm_text_fmt(out, "</td><td>%s</td></tr>", overlap ? "yes: no clear difference" : "no");
}

void aglm_sections_fusion(struct aglm_text *out, const struct aglm_dataset *set)
{
    bool any = false;
    for (size_t i = 0; i < set->n_rows; i++) {
        if (!is_shown(set, i))
            continue;
        if (!any)
            aglm_text_raw(
                out,
                "<section id=\"fusion\"><h2>Fused operators</h2><p class=\"sub\">Speed with some "
                "operators taken apart against that with all fused, in the same run. "
                "<code>all-norm</code>: all but the norm. Measured with <code>aglm-bench run "
                "--fuse each</code>.</p><div class=\"scroll\" tabindex=\"0\"><table><thead><tr>"
                "<th scope=\"col\">Test</th><th scope=\"col\">Model</th>"
                "<th scope=\"col\" class=\"n\">Threads</th><th scope=\"col\">Fused</th>"
                "<th scope=\"col\" class=\"n\">Tokens/s so</th>"
                "<th scope=\"col\" class=\"n\">All fused</th>"
                "<th scope=\"col\" class=\"n\">Ratio</th>"
                "<th scope=\"col\">Intervals overlap</th></tr></thead><tbody>");
        any = true;
        for (size_t k = 0; k < set->n_rows; k++)
            if (of_one_run(&set->rows[i], &set->rows[k]))
                put_gain(out, &set->rows[i], &set->rows[k]);
    }
    if (any)
        aglm_text_raw(out, "</tbody></table></div></section>");
}
