/* Charts; see chart.h. */
#include "reports/chart.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void aglm_chart_finish(struct aglm_chart *chart)
{
    for (size_t i = 0; i < chart->n_series; i++)
        free(chart->series[i].points);
    *chart = (struct aglm_chart){0};
}

struct aglm_series *aglm_chart_series(struct aglm_chart *chart, const char *name)
{
    for (size_t i = 0; i < chart->n_series; i++)
        if (strcmp(chart->series[i].name, name) == 0)
            return &chart->series[i];
    if (chart->n_series == AGLM_CHART_SERIES_MAX)
        return NULL;
    struct aglm_series *s = &chart->series[chart->n_series++];
    *s = (struct aglm_series){0};
    snprintf(s->name, sizeof(s->name), "%s", name);
    return s;
}

void aglm_chart_point(struct aglm_chart *chart, struct aglm_series *series, struct aglm_point p)
{
    if (!series || isnan(p.y))
        return;
    size_t at = 0;
    while (at < series->n && series->points[at].x < p.x)
        at++;
    if (at < series->n && series->points[at].x == p.x) {
        series->points[at] = p;
        return;
    }
    struct aglm_point *points = realloc(series->points, (series->n + 1) * sizeof(*points));
    if (!points) {
        chart->out_of_memory = true;
        return;
    }
    memmove(points + at + 1, points + at, (series->n - at) * sizeof(*points));
    points[at] = p;
    series->points = points;
    series->n++;
}

/* ---- lines ----------------------------------------------------------------------------------- */

void aglm_chart_line(struct aglm_chart *chart, enum aglm_line_kind kind, double value,
                     const char *mark, const char *label)
{
    if (chart->n_lines == AGLM_PLOT_LINES_MAX || !isfinite(value))
        return;
    struct aglm_line *line = &chart->lines[chart->n_lines++];
    line->kind = kind;
    line->value = value;
    snprintf(line->mark, sizeof(line->mark), "%s", mark);
    snprintf(line->label, sizeof(line->label), "%s", label);
}

/* "GLM-Edge 1.5B Chat" holds "glm-edge-1.5b": letters and digits only, case aside. */
static bool name_holds(const char *name, const char *part)
{
    char a[160], b[160];
    const char *const from[] = {name, part};
    char *const to[] = {a, b};
    for (size_t i = 0; i < 2; i++) {
        size_t n = 0;
        for (const char *s = from[i]; *s && n + 1 < sizeof(a); s++)
            if (isalnum((unsigned char)*s))
                to[i][n++] = (char)tolower((unsigned char)*s);
        to[i][n] = '\0';
    }
    return *b && strstr(a, b);
}

void aglm_chart_phase_lines(struct aglm_chart *chart, const struct aglm_thresholds *thresholds,
                            enum aglm_phase phase, const struct aglm_row *headline)
{
    bool prefill = phase == AGLM_PHASE_PREFILL;
    const struct aglm_threshold *limit =
        aglm_thresholds_find(thresholds, prefill ? "ttft" : "tpot");
    /* a limit in ms for so many tokens, as a speed */
    double tokens = prefill ? headline->rec.n_prompt : 1;
    char label[160], mark[16];
    if (limit && limit->kind == AGLM_THRESHOLD_BELOW) {
        snprintf(label, sizeof(label), "good from %.0f (%s %.0f %s)", tokens * 1e3 / limit->good,
                 prefill ? "TTFT" : "TPOT", limit->good, limit->unit);
        aglm_chart_line(chart, AGLM_LINE_GOOD, tokens * 1e3 / limit->good, "good", label);
        snprintf(label, sizeof(label), "alert under %.0f (%s %.0f %s)", tokens * 1e3 / limit->alert,
                 prefill ? "TTFT" : "TPOT", limit->alert, limit->unit);
        aglm_chart_line(chart, AGLM_LINE_ALERT, tokens * 1e3 / limit->alert, "alert", label);
    }
    for (size_t i = 0; i < aglm_thresholds_count(thresholds); i++) {
        const struct aglm_threshold *t = aglm_thresholds_at(thresholds, i);
        if (t->kind != AGLM_THRESHOLD_REFERENCE ||
            strcmp(t->metric, prefill ? "prefill_ts" : "decode_ts") != 0 ||
            (t->model[0] && !name_holds(headline->rec.model_name, t->model)))
            continue;
        snprintf(label, sizeof(label), "%s: %g", t->label, t->good);
        snprintf(mark, sizeof(mark), "%g", t->good);
        aglm_chart_line(chart, AGLM_LINE_REFERENCE, t->good, mark, label);
    }
}

/* ---- names ----------------------------------------------------------------------------------- */

void aglm_chart_names_add(struct aglm_chart_names *names, const struct aglm_row *row)
{
    if (!names->first)
        names->first = row;
    const struct aglm_record *a = &names->first->rec, *b = &row->rec;
    names->model |= strcmp(a->model_name, b->model_name) != 0;
    names->quantization |= strcmp(a->quantization, b->quantization) != 0;
    names->backend |= strcmp(a->backend, b->backend) != 0;
    names->isa |= strcmp(a->isa, b->isa) != 0;
    names->batch |= a->n_batch != b->n_batch || a->n_ubatch != b->n_ubatch;
    names->mask |= strcmp(a->cpu_mask, b->cpu_mask) != 0 || a->cpu_strict != b->cpu_strict;
    names->cache |= strcmp(a->type_k, b->type_k) != 0 || strcmp(a->type_v, b->type_v) != 0;
    names->load |= strcmp(a->load, b->load) != 0;
    names->threads |= a->n_threads != b->n_threads;
}

static void append_part(char *out, size_t size, const char *text)
{
    size_t n = strlen(out);
    if (*text && n + 1 < size)
        snprintf(out + n, size - n, "%s%s", n ? " " : "", text);
}

void aglm_chart_name(char *out, size_t size, const struct aglm_chart_names *names,
                     const struct aglm_row *row, bool with_threads)
{
    const struct aglm_record *r = &row->rec;
    char buf[96];
    out[0] = '\0';
    if (names->model)
        append_part(out, size, r->model_name);
    if (names->quantization || !names->model)
        append_part(out, size, r->quantization[0] ? r->quantization : "unknown type");
    if (names->backend)
        append_part(out, size, r->backend);
    if (names->isa)
        append_part(out, size, r->isa);
    if (names->batch) {
        snprintf(buf, sizeof(buf), "b%u/%u", r->n_batch, r->n_ubatch);
        append_part(out, size, buf);
    }
    if (names->mask) {
        snprintf(buf, sizeof(buf), "mask %s%s", r->cpu_mask[0] ? r->cpu_mask : "none",
                 r->cpu_strict ? " strict" : "");
        append_part(out, size, buf);
    }
    if (names->cache) {
        snprintf(buf, sizeof(buf), "KV %s/%s", r->type_k, r->type_v);
        append_part(out, size, buf);
    }
    if (names->load)
        append_part(out, size, r->load);
    if (with_threads && names->threads) {
        snprintf(buf, sizeof(buf), "%u thread%s", r->n_threads, r->n_threads == 1 ? "" : "s");
        append_part(out, size, buf);
    }
}

/* ---- writing --------------------------------------------------------------------------------- */

static void write_legend(struct aglm_text *out, const struct aglm_chart *chart,
                         const struct aglm_plot *plot)
{
    bool named =
        chart->kind != AGLM_PLOT_POINTS && (chart->kind == AGLM_PLOT_TIME || chart->n_series > 1);
    aglm_text_raw(out, "<ul class=\"legend\">");
    for (size_t i = 0; named && i < chart->n_series && i < AGLM_PLOT_SERIES_MAX; i++) {
        aglm_text_raw(out, "<li>");
        aglm_plot_symbol(out, i, chart->marks);
        aglm_text_fmt(out, "%s</li>", chart->series[i].name);
    }
    if (chart->n_series > AGLM_PLOT_SERIES_MAX && chart->kind != AGLM_PLOT_POINTS)
        aglm_text_fmt(out, "<li class=\"more\">and %zu more in the data</li>",
                      chart->n_series - AGLM_PLOT_SERIES_MAX);
    for (size_t i = 0; i < chart->n_lines; i++) {
        if (!aglm_plot_shows(plot, chart->lines[i].value))
            continue;
        aglm_text_raw(out, "<li>");
        aglm_plot_line_symbol(out, chart->lines[i].kind);
        aglm_text_fmt(out, "%s</li>", chart->lines[i].label);
    }
    aglm_text_raw(out, "</ul>");
}

static void write_x(struct aglm_text *out, const struct aglm_chart *chart, double x)
{
    if (chart->kind == AGLM_PLOT_TIME)
        aglm_text_time(out, (long long)(x * 1000));
    else if (chart->kind == AGLM_PLOT_BARS)
        aglm_text_fmt(out, "%s", chart->categories[(size_t)x]);
    else
        aglm_text_fmt(out, "%g", x);
}

static void write_table(struct aglm_text *out, const struct aglm_chart *chart, bool open)
{
    bool named = chart->kind != AGLM_PLOT_BARS;
    aglm_text_raw(out, open ? "<details open>" : "<details>");
    aglm_text_fmt(out,
                  "<summary>Data</summary><div class=\"scroll\" tabindex=\"0\"><table>"
                  "<caption class=\"unseen\">%s</caption><thead><tr>",
                  chart->title);
    aglm_text_fmt(out, "<th scope=\"col\">%s</th>", chart->x_label);
    if (named)
        aglm_text_raw(out, "<th scope=\"col\">Series</th>");
    aglm_text_fmt(out,
                  "<th scope=\"col\" class=\"n\">%s</th><th scope=\"col\" class=\"n\">Low</th>"
                  "<th scope=\"col\" class=\"n\">High</th></tr></thead><tbody>",
                  chart->unit);
    for (size_t i = 0; i < chart->n_series; i++) {
        for (size_t k = 0; k < chart->series[i].n; k++) {
            const struct aglm_point *p = &chart->series[i].points[k];
            aglm_text_raw(out, "<tr><td>");
            write_x(out, chart, p->x);
            aglm_text_raw(out, "</td>");
            if (named)
                aglm_text_fmt(out, "<td>%s</td>", chart->series[i].name);
            const double values[] = {p->y, p->low, p->high};
            for (size_t j = 0; j < 3; j++) {
                aglm_text_raw(out, "<td class=\"n\">");
                aglm_text_number(out, values[j]);
                aglm_text_raw(out, "</td>");
            }
            aglm_text_raw(out, "</tr>");
        }
    }
    aglm_text_raw(out, "</tbody></table></div></details>");
}

/* Names the lines that lie too far off the data to be drawn. */
static void write_off_scale(struct aglm_text *out, const struct aglm_chart *chart,
                            const struct aglm_plot *plot)
{
    size_t n = 0;
    for (size_t i = 0; i < chart->n_lines; i++) {
        if (aglm_plot_shows(plot, chart->lines[i].value))
            continue;
        aglm_text_raw(out, n++ ? "; " : "<p class=\"note\">Off the scale: ");
        aglm_text_fmt(out, "%s", chart->lines[i].label);
    }
    aglm_text_raw(out, n ? ".</p>" : "");
}

void aglm_chart_write(struct aglm_text *out, const struct aglm_chart *chart, struct aglm_figures *f)
{
    const char *names[AGLM_CHART_SERIES_MAX];
    char description[256];
    for (size_t i = 0; i < chart->n_categories; i++)
        names[i] = chart->categories[i];
    snprintf(description, sizeof(description), "%s: %s. The numbers are in the table below.",
             chart->title, chart->subtitle);
    struct aglm_plot plot = {.kind = chart->kind,
                             .id = chart->id,
                             .description = description,
                             .x_label =
                                 chart->kind == AGLM_PLOT_LINES || chart->kind == AGLM_PLOT_POINTS
                                     ? chart->x_label
                                     : NULL,
                             .series = chart->series,
                             .n_series = chart->n_series,
                             .marks = chart->marks,
                             .lines = chart->lines,
                             .n_lines = chart->n_lines,
                             .categories = names,
                             .n_categories = chart->n_categories};
    aglm_text_fmt(out,
                  "<figure id=\"%s\"><figcaption><h3>%s</h3><p class=\"sub\">%s</p></figcaption>",
                  chart->id, chart->title, chart->subtitle);
    bool drawn = false;
    if (!f->trouble.code) {
        write_legend(out, chart, &plot);
        drawn = aglm_plot_svg(out, &plot, f->gnuplot, &f->trouble) == 0;
    }
    if (!drawn)
        aglm_text_raw(out, "<p class=\"noplot\">No plot (see the note above); the data:</p>");
    write_off_scale(out, chart, &plot);
    if (chart->note)
        aglm_text_fmt(out, "<p class=\"note\">%s</p>", chart->note);
    if (chart->out_of_memory)
        aglm_text_raw(out, "<p class=\"note\">Out of memory: points are missing.</p>");
    write_table(out, chart, !drawn);
    aglm_text_raw(out, "</figure>");
}
