/* The page's section on what the device went through while tests ran: a line for each newest test,
 * and the heat of the last run over time; see sections.h.
 *
 * The picture is drawn here and not by gnuplot: one line through the repetitions, each with the
 * range of its readings. */
#include "reports/sections.h"

#include "probes/android_thermal.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

static void put_range(struct aglm_text *out, double middle, double low, double high)
{
    aglm_text_raw(out, "<td class=\"n\">");
    aglm_text_number(out, middle);
    if (!isnan(middle)) {
        aglm_text_raw(out, " [");
        aglm_text_number(out, low);
        aglm_text_raw(out, ", ");
        aglm_text_number(out, high);
        aglm_text_raw(out, "]");
    }
    aglm_text_raw(out, "</td>");
}

/* What slowed the CPUs, in words; "nothing seen" where something was looked at. */
static void put_slowed(struct aglm_text *out, const struct aglm_row *row)
{
    const struct aglm_results *res = &row->res;
    double times = NAN, top = NAN, floor = NAN;
    bool any = false;
    for (size_t i = 0; i < row->n_during; i++) {
        times = fmax(times, row->during[i].throttles);
        top = fmax(top, row->during[i].limit_top_percent);
        floor = fmin(floor, row->during[i].cooling_floor_percent);
    }
    aglm_text_raw(out, "<td>");
    if (res->android_status_max > 0) {
        aglm_text_fmt(out, "Android: %s", aglm_android_status_word((int)res->android_status_max));
        any = true;
    }
    if (times > 0)
        aglm_text_fmt(out, "%sthe CPU itself, %.0f times", any ? "; " : "", times);
    any = any || times > 0;
    if (res->limit_low_percent < top)
        aglm_text_fmt(out, "%slimit at %.0f%%", any ? "; " : "", res->limit_low_percent);
    any = any || res->limit_low_percent < top;
    if (res->cooling_max_percent > floor)
        aglm_text_fmt(out, "%scooling at %.0f%%", any ? "; " : "", res->cooling_max_percent);
    any = any || res->cooling_max_percent > floor;
    if (!any && isnan(res->android_status_max) && isnan(times) && isnan(top) && isnan(floor))
        aglm_text_number(out, NAN);
    else if (!any)
        aglm_text_raw(out, "nothing seen");
    aglm_text_raw(out, "</td>");
}

static void put_row(struct aglm_text *out, const struct aglm_row *row)
{
    const struct aglm_record *r = &row->rec;
    const struct aglm_results *res = &row->res;
    aglm_text_fmt(out, "<tr><th scope=\"row\">%s <span class=\"tag\">%s</span> %s",
                  r->model_name[0] ? r->model_name : "unnamed model", r->quantization, r->test);
    aglm_text_fmt(out, "</th><td class=\"n\">%u</td>", r->n_threads);
    put_range(out, res->temperature_median_degc, res->temperature_min_degc,
              res->temperature_max_degc);
    aglm_text_number_cell(out, res->frequency_low_khz / 1e6);
    put_slowed(out, row);
    aglm_text_number_cell(out, res->joules_per_token);
    aglm_text_fmt(out, "<td>%s</td>", res->energy);
    aglm_text_number_cell(out, res->telemetry_cpu_percent);
    aglm_text_raw(out, "</tr>");
}

/* ---- the picture ---- */

enum { WIDTH = 560, HEIGHT = 150, LEFT = 40, RIGHT = 12, TOP = 12, BOTTOM = 26 };

struct span {
    int64_t first_ms, last_ms;
    double low, high;
    size_t n;
};

/* Calls each on all watched repetitions of the last run that know their heat. */
static void each_of_last_run(const struct aglm_dataset *set, void *ctx,
                             void (*each)(void *ctx, const struct aglm_during *d))
{
    const char *run = set->rows[set->n_rows - 1].rec.run_uuid;
    for (size_t i = 0; i < set->n_rows; i++)
        for (size_t k = 0; k < set->rows[i].n_during; k++)
            if (strcmp(set->rows[i].rec.run_uuid, run) == 0 &&
                !isnan(set->rows[i].during[k].temperature_median_degc))
                each(ctx, &set->rows[i].during[k]);
}

static void measure_span(void *ctx, const struct aglm_during *d)
{
    struct span *s = ctx;
    s->first_ms = s->n == 0 || d->started_ms < s->first_ms ? d->started_ms : s->first_ms;
    s->last_ms = s->n == 0 || d->started_ms > s->last_ms ? d->started_ms : s->last_ms;
    s->low = fmin(s->low, d->temperature_min_degc);
    s->high = fmax(s->high, d->temperature_max_degc);
    s->n++;
}

struct pen {
    struct aglm_text *out;
    const struct span *span;
};

static double x_of(const struct span *s, int64_t ms)
{
    const double whole = (double)(s->last_ms - s->first_ms);
    return LEFT + (whole > 0 ? (double)(ms - s->first_ms) / whole : 0) * (WIDTH - LEFT - RIGHT);
}

static double y_of(const struct span *s, double degc)
{
    return TOP + (s->high - degc) / (s->high - s->low) * (HEIGHT - TOP - BOTTOM);
}

static void draw_repetition(void *ctx, const struct aglm_during *d)
{
    const struct pen *p = ctx;
    const double x = x_of(p->span, d->started_ms);
    aglm_text_fmt(p->out, "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>", x, x,
                  y_of(p->span, d->temperature_min_degc), y_of(p->span, d->temperature_max_degc));
    aglm_text_fmt(p->out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.5\"/>", x,
                  y_of(p->span, d->temperature_median_degc));
}

static void put_label(struct aglm_text *out, double x, double y, const char *anchor, double value,
                      const char *unit)
{
    aglm_text_fmt(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" font-size=\"11\">", x, y,
                  anchor);
    aglm_text_fmt(out, "%.0f %s</text>", value, unit);
}

static void put_picture(struct aglm_text *out, const struct aglm_dataset *set)
{
    struct span span = {.low = NAN, .high = NAN};
    each_of_last_run(set, &span, measure_span);
    if (span.n < 3 || span.last_ms <= span.first_ms)
        return;
    span.low = floor(span.low) - 1;
    span.high = ceil(span.high) + 1;
    const double seconds = (double)(span.last_ms - span.first_ms) / 1000;
    aglm_text_raw(out,
                  "<figure><figcaption><p class=\"sub\">Heat in the last run: each repetition, "
                  "by when it began; dots are medians, lines the range.</p></figcaption>");
    aglm_text_fmt(
        out,
        "<svg class=\"plot\" role=\"img\" aria-label=\"Temperature over %.0f s: from %.0f "
        "to %.0f degrees Celsius\" viewBox=\"0 0 %d %d\">",
        seconds, span.low + 1, span.high - 1, WIDTH, HEIGHT);
    aglm_text_fmt(out,
                  "<g style=\"stroke:var(--axis)\"><line x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\"/>",
                  LEFT, WIDTH - RIGHT, HEIGHT - BOTTOM, HEIGHT - BOTTOM);
    aglm_text_fmt(out, "<line x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\"/></g>", LEFT, LEFT, TOP,
                  HEIGHT - BOTTOM);
    aglm_text_raw(out, "<g style=\"stroke:var(--s2);fill:var(--s2)\">");
    each_of_last_run(set, &(struct pen){out, &span}, draw_repetition);
    aglm_text_raw(out, "</g><g style=\"fill:var(--muted)\">");
    put_label(out, LEFT - 4, TOP + 4, "end", span.high,
              "\xc2\xb0"
              "C");
    put_label(out, LEFT - 4, HEIGHT - BOTTOM, "end", span.low,
              "\xc2\xb0"
              "C");
    put_label(out, LEFT, HEIGHT - BOTTOM + 16, "start", 0, "s");
    put_label(out, WIDTH - RIGHT, HEIGHT - BOTTOM + 16, "end", seconds, "s");
    aglm_text_raw(out, "</g></svg></figure>");
}

void aglm_sections_during(struct aglm_text *out, const struct aglm_dataset *set)
{
    bool any = false;
    for (size_t k = 0; k < set->n_configs; k++)
        any = any || set->rows[set->newest[k]].n_during > 0;
    if (!any)
        return;
    aglm_text_raw(
        out,
        "<section id=\"during\"><h2>While the tests ran</h2><p class=\"sub\">A thread of low "
        "priority "
        "watched the device; the newest test of each configuration. What slowed the CPUs down "
        "makes "
        "a test INVALID.</p><div class=\"scroll\" tabindex=\"0\"><table>"
        "<caption class=\"unseen\">While the tests ran</caption><thead><tr>"
        "<th scope=\"col\">Test</th><th scope=\"col\" class=\"n\">Threads</th>"
        "<th scope=\"col\" class=\"n\">Hottest zone, &#176;C</th>"
        "<th scope=\"col\" class=\"n\">Lowest frequency, GHz</th><th scope=\"col\">Slowed by</th>"
        "<th scope=\"col\" class=\"n\">J per token</th><th scope=\"col\">Energy from</th>"
        "<th scope=\"col\" class=\"n\">Watching, % of a core</th></tr></thead><tbody>");
    for (size_t k = 0; k < set->n_configs; k++)
        if (set->rows[set->newest[k]].n_during > 0)
            put_row(out, &set->rows[set->newest[k]]);
    aglm_text_raw(out, "</tbody></table></div>");
    put_picture(out, set);
    aglm_text_raw(out, "</section>");
}
