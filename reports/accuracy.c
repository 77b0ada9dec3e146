/* The page's section on answers: the ladder of quantizations, speed against accuracy kept, and what
 * stands behind it in tables; see sections.h.
 *
 * Of each model, quantization and so on the answers to most items count, of equals the newest, all
 * of them to the items that were asked last. Two plots: the speed of the model that was asked, and
 * that of the model whose speed was measured, beside the answers in the same quantization.
 */
#include "reports/sections.h"

#include "bench/tally.h"
#include "reports/chart.h"
#include "reports/summary.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char KEPT[] = "accuracy_kept_percent";

/* Answers to compare, and in what they differ. */
struct ladder {
    const struct aglm_record **steps; /* [n] */
    size_t n;
    bool model, backend, isa, cache, verdict;
};

static struct aglm_accuracy_part total(const struct aglm_record *r)
{
    return aglm_accuracy_sum(&r->accuracy, NULL, NULL);
}

static double kept(const struct aglm_record *r)
{
    const struct aglm_accuracy_part sum = total(r);
    return aglm_accuracy_kept(&sum);
}

static bool same_step(const struct aglm_record *a, const struct aglm_record *b)
{
    return strcmp(a->model_digest, b->model_digest) == 0 &&
           strcmp(a->quantization, b->quantization) == 0 &&
           strcmp(a->requantize, b->requantize) == 0 && strcmp(a->backend, b->backend) == 0 &&
           strcmp(a->isa, b->isa) == 0 && strcmp(a->type_k, b->type_k) == 0 &&
           strcmp(a->type_v, b->type_v) == 0 && a->accuracy.prune >= b->accuracy.prune &&
           a->accuracy.prune <= b->accuracy.prune;
}

/* By model, from the most bytes to the fewest. */
static int compare_steps(const void *pa, const void *pb)
{
    const struct aglm_record *a = *(const struct aglm_record *const *)pa;
    const struct aglm_record *b = *(const struct aglm_record *const *)pb;
    int c = strcmp(a->model_name, b->model_name);
    if (!c)
        c = strcmp(a->model_digest, b->model_digest);
    if (!c)
        c = (a->model_size < b->model_size) - (a->model_size > b->model_size);
    if (!c)
        c = strcmp(a->backend, b->backend);
    return c ? c : strcmp(a->isa, b->isa);
}

static bool gather(struct ladder *l, const struct aglm_dataset *set)
{
    *l = (struct ladder){.steps = calloc(set->n_answers + 1, sizeof(*l->steps))};
    if (!l->steps)
        return false;
    const char *items = set->answers[set->n_answers - 1].accuracy.items_digest;
    for (size_t i = set->n_answers; i-- > 0;) {
        const struct aglm_record *r = &set->answers[i];
        size_t k = 0;
        if (strcmp(r->accuracy.items_digest, items) != 0)
            continue;
        while (k < l->n && !same_step(l->steps[k], r))
            k++;
        if (k == l->n)
            l->steps[l->n++] = r;
        else if (total(r).n > total(l->steps[k]).n)
            l->steps[k] = r;
    }
    qsort(l->steps, l->n, sizeof(*l->steps), compare_steps);
    for (size_t i = 0; i < l->n; i++) {
        const struct aglm_record *a = l->steps[0], *b = l->steps[i];
        l->model |= strcmp(a->model_name, b->model_name) != 0;
        l->backend |= strcmp(a->backend, b->backend) != 0;
        l->isa |= strcmp(a->isa, b->isa) != 0;
        l->cache |= strcmp(b->type_k, "f16") != 0 || strcmp(b->type_v, "f16") != 0;
        l->verdict |= !b->valid;
    }
    return true;
}

/* What tells a step from the others: "Q4_0", "Q4_0 avx2, 30% pruned". */
static void name_step(char *out, size_t size, const struct ladder *l, const struct aglm_record *r)
{
    size_t n = 0;
    out[0] = '\0';
    const char *const words[] = {l->model ? r->model_name : "", r->quantization,
                                 l->backend ? r->backend : "", l->isa ? r->isa : ""};
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (words[i][0] && n < size)
            n += (size_t)snprintf(out + n, size - n, "%s%s", n ? " " : "", words[i]);
    if (l->cache && n < size)
        n += (size_t)snprintf(out + n, size - n, ", KV %s/%s", r->type_k, r->type_v);
    if (r->accuracy.prune > 0 && n < size)
        snprintf(out + n, size - n, ", %g%% pruned", 100 * r->accuracy.prune);
}

/* ---- plots ---- */

/* Published figures and our limits; a limit where a published figure lies is that figure. */
static void add_lines(struct aglm_chart *chart, const struct aglm_thresholds *thresholds)
{
    char label[160], mark[40];
    bool taken = false;
    const struct aglm_threshold *own = aglm_thresholds_find(thresholds, "accuracy_kept");
    for (size_t i = 0; i < aglm_thresholds_count(thresholds); i++) {
        const struct aglm_threshold *t = aglm_thresholds_at(thresholds, i);
        if (t->kind != AGLM_THRESHOLD_REFERENCE || strcmp(t->metric, KEPT) != 0)
            continue;
        snprintf(label, sizeof(label), "%.100s: %g%s", t->label, t->good, t->unit);
        snprintf(mark, sizeof(mark), "%g%s", t->good, t->unit);
        aglm_chart_line(chart, AGLM_LINE_REFERENCE, t->good, mark, label);
        taken |= own && t->good >= own->alert && t->good <= own->alert;
    }
    if (!own)
        return;
    snprintf(label, sizeof(label), "good from %g%s", own->good, own->unit);
    aglm_chart_line(chart, AGLM_LINE_GOOD, own->good, "good", label);
    snprintf(label, sizeof(label), "invalid under %g%s", own->alert, own->unit);
    if (!taken)
        aglm_chart_line(chart, AGLM_LINE_ALERT, own->alert, "invalid", label);
}

/* The share kept with the interval of its right answers, the reference's taken as exact. */
static void add_point(struct aglm_chart *chart, const char *name, double speed,
                      const struct aglm_record *r)
{
    const struct aglm_accuracy_part sum = total(r);
    const struct aglm_interval w = aglm_wilson(sum.right, sum.n);
    const double scale = (double)sum.n / (double)sum.reference_right;
    const double share = aglm_accuracy_kept(&sum);
    if (isnan(speed) || isnan(share))
        return;
    aglm_chart_point(chart, aglm_chart_series(chart, name),
                     (struct aglm_point){speed, share, w.low * scale, w.high * scale});
}

static int compare_points(const void *pa, const void *pb)
{
    const struct aglm_series *a = pa, *b = pb;
    return (a->points[0].x > b->points[0].x) - (a->points[0].x < b->points[0].x);
}

static bool write_points(struct aglm_text *out, struct aglm_chart *chart, struct aglm_figures *f)
{
    const bool enough = chart->n_series > 1 && !chart->out_of_memory;
    if (enough) {
        qsort(chart->series, chart->n_series, sizeof(*chart->series), compare_points);
        add_lines(chart, f->thresholds);
        aglm_chart_write(out, chart, f);
    }
    aglm_chart_finish(chart);
    return enough;
}

/* Of the model that was asked. */
static bool figure_asked(struct aglm_text *out, struct aglm_figures *f, const struct ladder *l)
{
    char name[160], subtitle[256];
    snprintf(subtitle, sizeof(subtitle),
             "%.100s: decode tokens/s of one answer's thread, right answers kept of F32's in %%",
             l->steps[l->n - 1]->model_name);
    struct aglm_chart chart = {.id = "ladder-asked",
                               .title = "Speed and accuracy by quantization",
                               .subtitle = subtitle,
                               .x_label = "Decode, tokens/s",
                               .unit = "Kept, %",
                               .kind = AGLM_PLOT_POINTS};
    for (size_t i = 0; i < l->n; i++) {
        name_step(name, sizeof(name), l, l->steps[i]);
        add_point(&chart, name, l->steps[i]->accuracy.decode_ts, l->steps[i]);
    }
    return write_points(out, &chart, f);
}

/* Of the model whose speed was measured: its fastest current test of each quantization. */
static bool figure_measured(struct aglm_text *out, struct aglm_figures *f)
{
    const struct aglm_dataset *set = f->set;
    const struct aglm_row *headline = aglm_dataset_headline(set, AGLM_PHASE_DECODE);
    char subtitle[320];
    if (!headline || headline->rec.accuracy.n_parts == 0)
        return false;
    snprintf(subtitle, sizeof(subtitle),
             "%.80s: decode tokens/s in %.40s; right answers of %.60s in the same quantization, "
             "kept of F32's in %%",
             headline->rec.model_name, headline->rec.test, headline->rec.accuracy.model);
    struct aglm_chart chart = {.id = "ladder-measured",
                               .title = "The measured model's speed, and accuracy",
                               .subtitle = subtitle,
                               .x_label = "Decode, tokens/s",
                               .unit = "Kept, %",
                               .kind = AGLM_PLOT_POINTS};
    for (size_t k = 0; k < set->n_configs; k++) {
        const struct aglm_row *row = &set->rows[set->current[k]];
        struct aglm_point p = {0};
        if (!aglm_row_same_test(row, headline) || row->rec.accuracy.n_parts == 0 ||
            strcmp(row->rec.model_name, headline->rec.model_name) != 0)
            continue;
        aglm_row_speed(row, AGLM_PHASE_DECODE, &p);
        if (isnan(p.y) || isnan(kept(&row->rec)))
            continue;
        struct aglm_series *series = aglm_chart_series(&chart, row->rec.quantization);
        if (!series || (series->n > 0 && !(p.y > series->points[0].x)))
            continue;
        series->n = 0;
        add_point(&chart, row->rec.quantization, p.y, &row->rec);
    }
    return write_points(out, &chart, f);
}

/* ---- tables ---- */

static void share(struct aglm_text *out, const struct aglm_accuracy_part *sum)
{
    const struct aglm_interval w = aglm_wilson(sum->right, sum->n);
    aglm_text_raw(out, "<td class=\"n\">");
    aglm_text_percent(out, w.percent);
    if (sum->n)
        aglm_text_fmt(out, " <span class=\"muted\">[%.1f, %.1f]</span>", w.low, w.high);
    aglm_text_raw(out, "</td>");
}

static void put_step(struct aglm_text *out, const struct ladder *l, const struct aglm_record *r)
{
    const struct aglm_accuracy_part sum = total(r);
    const double p = aglm_mcnemar(sum.lost, sum.gained);
    char name[160];
    name_step(name, sizeof(name), l, r);
    aglm_text_fmt(out, "<tr><th scope=\"row\">%s</th><td class=\"n\">%llu of %llu</td>", name,
                  (unsigned long long)sum.right, (unsigned long long)sum.n);
    share(out, &sum);
    aglm_text_raw(out, "<td class=\"n\"><strong>");
    aglm_text_percent(out, kept(r));
    aglm_text_raw(out, "</strong></td>");
    if (r->accuracy.reference[0])
        aglm_text_fmt(out,
                      p < 0.001 ? "<td class=\"n\">%llu, %llu</td><td class=\"n\">&lt; 0.001</td>"
                                : "<td class=\"n\">%llu, %llu</td><td class=\"n\">%.3f</td>",
                      (unsigned long long)sum.lost, (unsigned long long)sum.gained, p);
    else
        aglm_text_raw(out, "<td class=\"n\">-</td><td class=\"n\">-</td>");
    aglm_text_raw(out, "<td class=\"n\">");
    aglm_text_bytes(out, (double)r->model_size);
    aglm_text_raw(out, "</td>");
    aglm_text_number_cell(out, r->accuracy.decode_ts);
    aglm_text_number_cell(out, r->accuracy.prefill_ts);
    if (l->verdict) {
        aglm_text_raw(out, "<td class=\"verdict-cell\">");
        aglm_summary_pill(out, r->valid ? AGLM_STATUS_GOOD : AGLM_STATUS_ALERT,
                          r->valid ? "VALID" : "INVALID");
        aglm_text_fmt(out, "<span class=\"why\">%s</span></td>", r->valid ? "" : r->reasons);
    }
    aglm_text_raw(out, "<td>");
    aglm_text_time(out, r->started_ms);
    aglm_text_raw(out, "</td></tr>");
}

static void put_steps(struct aglm_text *out, const struct ladder *l)
{
    aglm_text_raw(
        out, "<div class=\"scroll\" tabindex=\"0\"><table class=\"results\">"
             "<caption class=\"unseen\">Answers by quantization</caption><thead><tr>"
             "<th scope=\"col\">Quantization</th><th scope=\"col\" class=\"n\">Right</th>"
             "<th scope=\"col\" class=\"n\">Accuracy [95%]</th>"
             "<th scope=\"col\" class=\"n\">Kept of F32&#8217;s</th>"
             "<th scope=\"col\" class=\"n\">Lost, gained</th>"
             "<th scope=\"col\" class=\"n\">By chance</th><th scope=\"col\" class=\"n\">Size</th>"
             "<th scope=\"col\" class=\"n\">Decode, tokens/s</th>"
             "<th scope=\"col\" class=\"n\">Prefill, tokens/s</th>");
    if (l->verdict)
        aglm_text_raw(out, "<th scope=\"col\">Verdict</th>");
    aglm_text_raw(out, "<th scope=\"col\">Measured (UTC)</th></tr></thead><tbody>");
    for (size_t i = 0; i < l->n; i++)
        put_step(out, l, l->steps[i]);
    aglm_text_raw(out, "</tbody></table></div>");
}

/* The place of part and lang among those of a record, or n_parts. */
static size_t find(const struct aglm_accuracy *a, const struct aglm_accuracy_part *like)
{
    size_t i = 0;
    while (i < a->n_parts &&
           (strcmp(a->parts[i].part, like->part) != 0 || strcmp(a->parts[i].lang, like->lang) != 0))
        i++;
    return i;
}

/* A row for each part and language of the step with most of them, a column for each step. */
static void put_parts(struct aglm_text *out, const struct ladder *l)
{
    const struct aglm_accuracy *most = &l->steps[0]->accuracy;
    char name[160];
    for (size_t i = 1; i < l->n; i++)
        if (l->steps[i]->accuracy.n_parts > most->n_parts)
            most = &l->steps[i]->accuracy;
    aglm_text_raw(out, "<details><summary>By part and language</summary><div class=\"scroll\" "
                       "tabindex=\"0\"><table class=\"results\"><caption class=\"unseen\">"
                       "Answers by part</caption><thead><tr><th "
                       "scope=\"col\">Part</th><th scope=\"col\">Language</th><th scope=\"col\" "
                       "class=\"n\">Items</th>");
    for (size_t k = 0; k < l->n; k++) {
        name_step(name, sizeof(name), l, l->steps[k]);
        aglm_text_fmt(out, "<th scope=\"col\" class=\"n\">%s</th>", name);
    }
    aglm_text_raw(out, "</tr></thead><tbody>");
    for (size_t i = 0; i < most->n_parts; i++) {
        const struct aglm_accuracy_part *p = &most->parts[i];
        aglm_text_fmt(out, "<tr><th scope=\"row\">%s</th><td>%s</td><td class=\"n\">%llu</td>",
                      p->part, p->lang, (unsigned long long)p->n);
        for (size_t k = 0; k < l->n; k++) {
            const struct aglm_accuracy *a = &l->steps[k]->accuracy;
            const size_t at = find(a, p);
            share(out, at < a->n_parts ? &a->parts[at] : &(struct aglm_accuracy_part){0});
        }
        aglm_text_raw(out, "</tr>");
    }
    aglm_text_raw(out, "</tbody></table></div></details>");
}

void aglm_sections_accuracy(struct aglm_text *out, struct aglm_figures *f)
{
    struct ladder l;
    if (f->set->n_answers == 0)
        return;
    if (!gather(&l, f->set)) {
        out->failed = true;
        return;
    }
    const struct aglm_accuracy *a = &l.steps[0]->accuracy;
    aglm_text_fmt(out,
                  "<section id=\"accuracy\"><h2>Does it still answer well?</h2><p class=\"sub\">"
                  "Answers of %s that are right to the letter, greedy, in each quantization. Speed "
                  "without them misleads: a quantization that answers wrongly is not fast. Parts "
                  "that end in -ood lie outside of what was trained and are in no total.</p>",
                  a->model);
    aglm_text_raw(out, "<div class=\"figures\">");
    bool any = figure_asked(out, f, &l);
    any = figure_measured(out, f) || any;
    aglm_text_raw(out, "</div>");
    if (!any)
        aglm_text_raw(out, "<p class=\"hint\">One quantization was asked so far. The whole ladder: "
                           "<code>aglm-bench accuracy -q all</code></p>");
    put_steps(out, &l);
    put_parts(out, &l);
    aglm_text_raw(out, "</section>");
    free(l.steps);
}
