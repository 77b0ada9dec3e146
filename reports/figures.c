/* Which data goes into which plot; see figures.h. */
#include "reports/figures.h"

#include "reports/chart.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BARS_MAX 8
#define MIN_TOKENS 8 /* a curve over the answer needs some answer */

static const char *const phase_names[] = {"Prefill", "Decode"};
static const char *const phase_ids[] = {"prefill", "decode"};

/* May this row be in one chart with the headline: the same test, and as good a standing? */
static bool belongs(const struct aglm_row *row, const struct aglm_row *headline)
{
    bool null_row = strcmp(row->rec.backend, "null") == 0;
    bool null_headline = strcmp(headline->rec.backend, "null") == 0;
    return aglm_row_same_test(row, headline) && null_row == null_headline &&
           strcmp(row->rec.fuse, headline->rec.fuse) == 0 &&
           (row->rec.valid || !headline->rec.valid);
}

/* Most interesting first: the headline's model, then speed. */
static int compare_series(const void *pa, const void *pb)
{
    const struct aglm_series *a = pa, *b = pb;
    double best[2] = {0, 0};
    for (size_t i = 0; i < a->n; i++)
        best[0] = fmax(best[0], a->points[i].y);
    for (size_t i = 0; i < b->n; i++)
        best[1] = fmax(best[1], b->points[i].y);
    return (best[0] < best[1]) - (best[0] > best[1]);
}

static void sort_series(struct aglm_chart *chart, const char *first)
{
    qsort(chart->series, chart->n_series, sizeof(chart->series[0]), compare_series);
    for (size_t i = 1; i < chart->n_series; i++) {
        if (strcmp(chart->series[i].name, first) != 0)
            continue;
        struct aglm_series s = chart->series[i];
        memmove(&chart->series[1], &chart->series[0], i * sizeof(s));
        chart->series[0] = s;
    }
}

static size_t distinct_x(const struct aglm_chart *chart)
{
    double first = NAN;
    for (size_t i = 0; i < chart->n_series; i++) {
        for (size_t k = 0; k < chart->series[i].n; k++) {
            if (isnan(first))
                first = chart->series[i].points[k].x;
            else if (chart->series[i].points[k].x != first)
                return 2;
        }
    }
    return isnan(first) ? 0 : 1;
}

/* ---- by threads ------------------------------------------------------------------------------ */

static bool threads_figure(struct aglm_text *out, struct aglm_figures *f, enum aglm_phase phase)
{
    const struct aglm_dataset *set = f->set;
    const struct aglm_row *headline = aglm_dataset_headline(set, phase);
    char title[64], subtitle[256], id[32], name[160];
    if (!headline)
        return false;
    snprintf(title, sizeof(title), "%s by threads", phase_names[phase]);
    snprintf(subtitle, sizeof(subtitle), "%s, tokens/s, higher is better", headline->rec.test);
    snprintf(id, sizeof(id), "threads-%s", phase_ids[phase]);
    struct aglm_chart chart = {.id = id,
                               .title = title,
                               .subtitle = subtitle,
                               .x_label = "Threads",
                               .unit = "Tokens/s",
                               .kind = AGLM_PLOT_LINES,
                               .marks = true};
    struct aglm_chart_names names = {0};
    for (size_t k = 0; k < set->n_configs; k++)
        if (belongs(&set->rows[set->current[k]], headline))
            aglm_chart_names_add(&names, &set->rows[set->current[k]]);
    for (size_t k = 0; k < set->n_configs; k++) {
        const struct aglm_row *row = &set->rows[set->current[k]];
        struct aglm_point p = {.x = row->rec.n_threads};
        if (!belongs(row, headline))
            continue;
        aglm_row_speed(row, phase, &p);
        aglm_chart_name(name, sizeof(name), &names, row, false);
        if (!isnan(p.y))
            aglm_chart_point(&chart, aglm_chart_series(&chart, name), p);
    }
    aglm_chart_name(name, sizeof(name), &names, headline, false);
    sort_series(&chart, name);
    bool enough = distinct_x(&chart) > 1;
    if (enough) {
        aglm_chart_phase_lines(&chart, f->thresholds, phase, headline);
        aglm_chart_write(out, &chart, f);
    }
    aglm_chart_finish(&chart);
    return enough;
}

void aglm_figures_threads(struct aglm_text *out, struct aglm_figures *f)
{
    aglm_text_raw(out, "<div class=\"figures\">");
    bool any = threads_figure(out, f, AGLM_PHASE_PREFILL);
    any = threads_figure(out, f, AGLM_PHASE_DECODE) || any;
    aglm_text_raw(out, "</div>");
    if (!any)
        aglm_text_raw(out, "<p class=\"hint\">Only one thread count was measured so far. To see "
                           "how speed grows with "
                           "threads: <code>aglm-bench run -t 1,2,4</code></p>");
}

/* ---- by quantization ------------------------------------------------------------------------- */

struct bar {
    const struct aglm_row *row;
    struct aglm_point p;
};

static int compare_bars(const void *pa, const void *pb)
{
    const struct bar *a = pa, *b = pb;
    return (a->p.y < b->p.y) - (a->p.y > b->p.y);
}

/* The fastest current row of each model and quantization; returns how many. */
static size_t gather_bars(const struct aglm_dataset *set, const struct aglm_row *headline,
                          enum aglm_phase phase, struct bar *bars)
{
    size_t n = 0;
    for (size_t k = 0; k < set->n_configs; k++) {
        struct bar bar = {.row = &set->rows[set->current[k]]};
        size_t i = 0;
        aglm_row_speed(bar.row, phase, &bar.p);
        if (!belongs(bar.row, headline) || isnan(bar.p.y))
            continue;
        while (i < n && (strcmp(bars[i].row->rec.model_name, bar.row->rec.model_name) != 0 ||
                         strcmp(bars[i].row->rec.quantization, bar.row->rec.quantization) != 0))
            i++;
        if (i == n && n < AGLM_CHART_SERIES_MAX)
            bars[n++] = bar;
        else if (i < n && bar.p.y > bars[i].p.y)
            bars[i] = bar;
    }
    qsort(bars, n, sizeof(*bars), compare_bars);
    return n < BARS_MAX ? n : BARS_MAX;
}

static bool quantization_figure(struct aglm_text *out, struct aglm_figures *f,
                                enum aglm_phase phase)
{
    const struct aglm_row *headline = aglm_dataset_headline(f->set, phase);
    struct bar bars[AGLM_CHART_SERIES_MAX];
    char title[64], subtitle[256], id[32];
    size_t n = headline ? gather_bars(f->set, headline, phase, bars) : 0;
    if (n < 2)
        return false;
    struct aglm_chart_names names = {0};
    for (size_t i = 0; i < n; i++)
        aglm_chart_names_add(&names, bars[i].row);
    snprintf(title, sizeof(title), "%s by %s", phase_names[phase],
             names.model ? "model" : "quantization");
    snprintf(subtitle, sizeof(subtitle),
             "%s, tokens/s at each one's best thread count, higher is better", headline->rec.test);
    snprintf(id, sizeof(id), "quant-%s", phase_ids[phase]);
    struct aglm_chart chart = {.id = id,
                               .title = title,
                               .subtitle = subtitle,
                               .x_label = names.model ? "Model" : "Quantization",
                               .unit = "Tokens/s",
                               .kind = AGLM_PLOT_BARS,
                               .n_categories = n};
    struct aglm_chart_names plain = {.model = names.model, .quantization = names.quantization};
    struct aglm_series *series = aglm_chart_series(&chart, "speed");
    for (size_t i = 0; i < n; i++) {
        aglm_chart_name(chart.categories[i], sizeof(chart.categories[i]), &plain, bars[i].row,
                        false);
        bars[i].p.x = (double)i;
        aglm_chart_point(&chart, series, bars[i].p);
    }
    aglm_chart_phase_lines(&chart, f->thresholds, phase, headline);
    aglm_chart_write(out, &chart, f);
    aglm_chart_finish(&chart);
    return true;
}

void aglm_figures_quantization(struct aglm_text *out, struct aglm_figures *f)
{
    aglm_text_raw(out, "<div class=\"figures\">");
    bool any = quantization_figure(out, f, AGLM_PHASE_PREFILL);
    any = quantization_figure(out, f, AGLM_PHASE_DECODE) || any;
    aglm_text_raw(out, "</div>");
    if (!any)
        aglm_text_raw(
            out, "<p class=\"hint\">Only one quantization was measured so far. Compare several: "
                 "<code>aglm-bench run -m MODEL-F16.gguf -q q4_0,q8_0,f16</code></p>");
}

/* ---- token by token -------------------------------------------------------------------------- */

void aglm_figures_tokens(struct aglm_text *out, struct aglm_figures *f)
{
    const struct aglm_row *row = aglm_dataset_headline(f->set, AGLM_PHASE_DECODE);
    char subtitle[256];
    if (!row || row->n_tokens < MIN_TOKENS) {
        aglm_text_raw(
            out, "<p class=\"hint\">No test with enough generated tokens: <code>aglm-bench run -n "
                 "128</code></p>");
        return;
    }
    snprintf(subtitle, sizeof(subtitle),
             "%s, %s, %u thread%s, ms per token, lower is better; token 1 is the first",
             row->rec.test, row->rec.quantization, row->rec.n_threads,
             row->rec.n_threads == 1 ? "" : "s");
    struct aglm_chart chart = {.id = "tokens",
                               .title = "Time of each token of the answer",
                               .subtitle = subtitle,
                               .x_label = "Token of the answer",
                               .unit = "ms",
                               .kind = AGLM_PLOT_LINES};
    struct aglm_series *median = aglm_chart_series(&chart, "median of the repetitions");
    struct aglm_series *slowest = aglm_chart_series(&chart, "slowest repetition");
    for (size_t i = 0; i < row->n_tokens; i++) {
        const struct aglm_token_time *t = &row->tokens[i];
        aglm_chart_point(&chart, median,
                         (struct aglm_point){(double)i + 1, t->median, t->low, t->high});
        aglm_chart_point(&chart, slowest, (struct aglm_point){(double)i + 1, t->high, NAN, NAN});
    }
    const struct aglm_threshold *tpot = aglm_thresholds_find(f->thresholds, "tpot");
    if (tpot && tpot->kind == AGLM_THRESHOLD_BELOW) {
        char label[160];
        snprintf(label, sizeof(label), "good up to %g %s", tpot->good, tpot->unit);
        aglm_chart_line(&chart, AGLM_LINE_GOOD, tpot->good, "good", label);
        snprintf(label, sizeof(label), "alert over %g %s", tpot->alert, tpot->unit);
        aglm_chart_line(&chart, AGLM_LINE_ALERT, tpot->alert, "alert", label);
    }
    chart.note = "A rising line means that the growing context costs time; single peaks mean that "
                 "something else "
                 "used the device.";
    aglm_text_raw(out, "<div class=\"figures\">");
    aglm_chart_write(out, &chart, f);
    aglm_text_raw(out, "</div>");
    aglm_chart_finish(&chart);
}

/* ---- history --------------------------------------------------------------------------------- */

static void drop_short_series(struct aglm_chart *chart)
{
    size_t n = 0;
    for (size_t i = 0; i < chart->n_series; i++) {
        if (chart->series[i].n > 1)
            chart->series[n++] = chart->series[i];
        else
            free(chart->series[i].points);
    }
    chart->n_series = n;
}

static bool history_figure(struct aglm_text *out, struct aglm_figures *f, enum aglm_phase phase)
{
    const struct aglm_dataset *set = f->set;
    const struct aglm_row *headline = aglm_dataset_headline(set, phase);
    char title[64], subtitle[256], id[32], name[160];
    if (!headline)
        return false;
    snprintf(title, sizeof(title), "%s over time", phase_names[phase]);
    snprintf(subtitle, sizeof(subtitle),
             "%s, tokens/s, same device and configuration; times are UTC", headline->rec.test);
    snprintf(id, sizeof(id), "history-%s", phase_ids[phase]);
    struct aglm_chart chart = {.id = id,
                               .title = title,
                               .subtitle = subtitle,
                               .x_label = "Time (UTC)",
                               .unit = "Tokens/s",
                               .kind = AGLM_PLOT_TIME,
                               .marks = true};
    struct aglm_chart_names names = {0};
    for (size_t i = 0; i < set->n_rows; i++)
        if (belongs(&set->rows[i], headline))
            aglm_chart_names_add(&names, &set->rows[i]);
    for (size_t i = 0; i < set->n_rows; i++) {
        struct aglm_point p = {.x = (double)(set->rows[i].rec.started_ms / 1000)};
        if (!belongs(&set->rows[i], headline))
            continue;
        aglm_row_speed(&set->rows[i], phase, &p);
        aglm_chart_name(name, sizeof(name), &names, &set->rows[i], true);
        if (!isnan(p.y))
            aglm_chart_point(&chart, aglm_chart_series(&chart, name), p);
    }
    drop_short_series(&chart);
    aglm_chart_name(name, sizeof(name), &names, headline, true);
    sort_series(&chart, name);
    bool enough = chart.n_series > 0;
    if (enough) {
        aglm_chart_phase_lines(&chart, f->thresholds, phase, headline);
        aglm_chart_write(out, &chart, f);
    }
    aglm_chart_finish(&chart);
    return enough;
}

void aglm_figures_history(struct aglm_text *out, struct aglm_figures *f)
{
    aglm_text_raw(out, "<div class=\"figures\">");
    bool any = history_figure(out, f, AGLM_PHASE_PREFILL);
    any = history_figure(out, f, AGLM_PHASE_DECODE) || any;
    aglm_text_raw(out, "</div>");
    if (!any)
        aglm_text_raw(out, "<p class=\"hint\">The history starts with the second run of a "
                           "configuration on this device.</p>");
}
