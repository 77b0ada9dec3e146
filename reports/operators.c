/* The page's tables about the engine's insides: operators of profiled tests, gains of fused ones;
 * see sections.h.
 *
 * A gain compares tests of one run that differ in nothing else: of each configuration the newest
 * run that has both. Rows of a sweep are told apart by the options that differ in the store.
 */
#include "reports/sections.h"

#include "bench/gain.h"
#include "bench/record_options.h"
#include "reports/summary.h"

#include <math.h>
#include <stdlib.h>
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

/* ", --load mmap": the options that tell a row from the others. */
static void put_options(struct aglm_text *out, const struct aglm_row *row, uint32_t varying,
                        const char *before)
{
    char text[700];
    aglm_record_options_text(text, sizeof(text), &row->rec, varying);
    if (*text)
        aglm_text_fmt(out, "%s%s", before, text);
}

/* By which options the rows that a section shows differ. */
static uint32_t varying_options(struct aglm_text *out, const struct aglm_dataset *set,
                                bool (*shows)(const struct aglm_dataset *set, size_t row))
{
    const struct aglm_record **list = calloc(set->n_rows + 1, sizeof(*list));
    size_t n = 0;
    if (!list) {
        out->failed = true;
        return 0;
    }
    for (size_t i = 0; i < set->n_rows; i++)
        if (shows(set, i))
            list[n++] = &set->rows[i].rec;
    const uint32_t varying = aglm_record_options_varying(list, n);
    free(list);
    return varying;
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
    number_cell(out, f->wait_percent, "%");
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
    put_rest(out, names[phase], "(barriers)", rest->wait_ns, rest);
    put_rest(out, names[phase], "(other)", rest->other_ns, rest);
    put_rest(out, names[phase], "(all)", rest->phase_ns, rest);
}

static void put_profile(struct aglm_text *out, const struct aglm_row *row, uint32_t varying)
{
    const struct aglm_record *r = &row->rec;
    aglm_text_fmt(out, "<details><summary>%s, %s %s, %u thread%s", r->test, r->model_name,
                  r->quantization, r->n_threads, r->n_threads == 1 ? "" : "s");
    put_options(out, row, varying, ", ");
    if (strcmp(r->fuse, "all") != 0)
        aglm_text_fmt(out, ", fused: %s", r->fuse);
    if (!r->valid) {
        aglm_text_raw(out, " ");
        aglm_summary_pill(out, AGLM_STATUS_ALERT, "INVALID");
        aglm_text_fmt(out, " %s", r->reasons);
    }
    aglm_text_raw(out, "</summary><div class=\"scroll\" tabindex=\"0\"><table>"
                       "<caption class=\"unseen\">Operators</caption><thead><tr>"
                       "<th scope=\"col\">Operator</th><th scope=\"col\">Phase</th>"
                       "<th scope=\"col\" class=\"n\">&#181;s per token</th>"
                       "<th scope=\"col\" class=\"n\">Share</th>"
                       "<th scope=\"col\" class=\"n\">Waits</th>"
                       "<th scope=\"col\" class=\"n\">Weights and cache, MB</th>"
                       "<th scope=\"col\" class=\"n\">Operations, M</th>"
                       "<th scope=\"col\" class=\"n\">GB/s</th>"
                       "<th scope=\"col\" class=\"n\">Gop/s</th>"
                       "<th scope=\"col\" class=\"n\">Of roof</th></tr></thead><tbody>");
    put_phase(out, row, AGLM_PHASE_PREFILL);
    put_phase(out, row, AGLM_PHASE_DECODE);
    aglm_text_raw(out, "</tbody></table></div></details>");
}

static bool is_newest_profile(const struct aglm_dataset *set, size_t i)
{
    for (size_t k = 0; set->rows[i].rec.n_operators > 0 && k < set->n_configs; k++)
        if (set->newest[k] == i)
            return true;
    return false;
}

void aglm_sections_operators(struct aglm_text *out, const struct aglm_dataset *set)
{
    const uint32_t varying = varying_options(out, set, is_newest_profile);
    bool any = false;
    for (size_t k = 0; k < set->n_configs; k++) {
        const struct aglm_row *row = &set->rows[set->newest[k]];
        if (row->rec.n_operators == 0)
            continue;
        if (!any)
            aglm_text_raw(
                out,
                "<section id=\"operators\"><h2>Operators</h2><p class=\"sub\">Where the time of a "
                "token goes: each operator until the last thread has done its share; bytes and "
                "operations are those of all threads, per token. Waits: how much of that time the "
                "threads waited for one another, on average; (barriers): all of it; (other): "
                "outside "
                "of operators. Of roof: the time that this device's limits allow over the time "
                "taken.</p>");
        any = true;
        put_profile(out, row, varying);
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

static void put_median(struct aglm_text *out, const struct aglm_row *row)
{
    aglm_text_raw(out, "<td class=\"n\">");
    aglm_text_number(out, row->res.median_ts);
    aglm_text_raw(out, "</td>");
}

/* "+3.4% [+1.0, +5.2]", and in how many pairs; under six of them the range. */
static void put_pairs(struct aglm_text *out, const struct aglm_gain *g)
{
    if (g->n == 0) {
        aglm_text_raw(out, "<td class=\"n\">-</td><td>no pairs");
        return;
    }
    aglm_text_fmt(out, "<td class=\"n\">%s%.1f%%", g->percent < 0 ? "" : "+", g->percent);
    if (g->n == 1) {
        aglm_text_raw(out, "</td><td>one pair: shows nothing");
        return;
    }
    if (g->n < AGLM_GAIN_MIN_PAIRS)
        aglm_text_raw(out, " <span class=\"tag\">range</span>");
    aglm_text_fmt(out, " [%s%.1f, %s%.1f]</td><td>%zu of %zu", g->low < 0 ? "" : "+", g->low,
                  g->high < 0 ? "" : "+", g->high, g->faster, g->n);
    aglm_text_raw(out, g->n < AGLM_GAIN_MIN_PAIRS ? ": too few to tell"
                       : g->clear                 ? ""
                                                  : ": no clear difference");
}

static void put_gain(struct aglm_text *out, const struct aglm_row *all,
                     const struct aglm_row *other, uint32_t varying)
{
    const struct aglm_record *r = &other->rec;
    const size_t n = all->n_samples < other->n_samples ? all->n_samples : other->n_samples;
    const struct aglm_row *const both[] = {other, all};
    struct aglm_gain gain;
    if (aglm_gain_derive(&gain, other->total_ns, all->total_ns, n) < 0) {
        out->failed = true;
        return;
    }
    aglm_text_fmt(out, "<tr><th scope=\"row\">%s</th><td>%s %s", r->test, r->model_name,
                  r->quantization);
    put_options(out, other, varying, ", ");
    aglm_text_fmt(out, "</td><td class=\"n\">%u</td><td>%s</td>", r->n_threads, r->fuse);
    put_median(out, other);
    put_median(out, all);
    put_pairs(out, &gain);
    for (size_t i = 0; i < 2; i++) {
        if (both[i]->rec.valid)
            continue;
        aglm_text_raw(out, " ");
        aglm_summary_pill(out, AGLM_STATUS_ALERT, "INVALID");
        aglm_text_fmt(out, "<span class=\"why\">%s: %s</span>", both[i]->rec.fuse,
                      both[i]->rec.reasons);
    }
    aglm_text_raw(out, "</td></tr>");
}

void aglm_sections_fusion(struct aglm_text *out, const struct aglm_dataset *set)
{
    const uint32_t varying = varying_options(out, set, is_shown);
    bool any = false;
    for (size_t i = 0; i < set->n_rows; i++) {
        if (!is_shown(set, i))
            continue;
        if (!any)
            aglm_text_raw(
                out,
                "<section id=\"fusion\"><h2>Fused operators</h2><p class=\"sub\">Speed with some "
                "operators taken apart against that with all fused, in the same run. "
                "<code>all-norm</code>: all but the norm. The gain of all is the median over pairs "
                "of the same round, with its 95% interval; under six pairs chance alone may do it. "
                "Measured with <code>aglm-bench run --fuse each</code>.</p><div class=\"scroll\" "
                "tabindex=\"0\"><table><caption class=\"unseen\">Gains of fused operators</caption>"
                "<thead><tr>"
                "<th scope=\"col\">Test</th><th scope=\"col\">Model</th>"
                "<th scope=\"col\" class=\"n\">Threads</th><th scope=\"col\">Fused</th>"
                "<th scope=\"col\" class=\"n\">Tokens/s so</th>"
                "<th scope=\"col\" class=\"n\">All fused</th>"
                "<th scope=\"col\" class=\"n\">Gain of all</th>"
                "<th scope=\"col\">Faster in</th></tr></thead><tbody>");
        any = true;
        for (size_t k = 0; k < set->n_rows; k++)
            if (of_one_run(&set->rows[i], &set->rows[k]))
                put_gain(out, &set->rows[i], &set->rows[k], varying);
    }
    if (any)
        aglm_text_raw(out, "</tbody></table></div></section>");
}
