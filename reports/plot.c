/* Scripts for gnuplot; see plot.h. Sizes are chosen so that a plot is legible at half of a wide
 * page and at the full width of a phone: the SVG scales with its column.
 */
#include "reports/plot.h"

#include "reports/gnuplot.h"
#include "reports/svg.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define WIDTH 480
#define HEIGHT 290
#define ROOM_ABOVE 1.18 /* of the tallest value */
#define LINES_UP_TO 1.7 /* lines this far over the data are still worth the space */
#define MAX_X_TICKS 9
#define POINTS_UP_TO 1.14 /* of the greatest x of points: room for a name */

/* gnuplot's dash patterns by enum aglm_line_kind; the legend's are the same in pixels. */
static const char *const line_dashes[] = {"(2,4)", "(9,4)", "(9,3,2,3)"};

struct range {
    double x0, x1, y0, y1; /* of the data; y0 only for points */
    size_t n;
};

static size_t drawn_series(const struct aglm_plot *plot)
{
    const size_t max = plot->kind == AGLM_PLOT_POINTS ? AGLM_PLOT_POINTS_MAX : AGLM_PLOT_SERIES_MAX;
    return plot->n_series < max ? plot->n_series : max;
}

static struct range range_of(const struct aglm_plot *plot)
{
    struct range r = {.x0 = INFINITY, .x1 = -INFINITY, .y0 = INFINITY};
    for (size_t i = 0; i < drawn_series(plot); i++) {
        for (size_t k = 0; k < plot->series[i].n; k++) {
            const struct aglm_point *p = &plot->series[i].points[k];
            r.x0 = fmin(r.x0, p->x);
            r.x1 = fmax(r.x1, p->x);
            r.y0 = fmin(r.y0, fmin(p->y, isnan(p->low) ? p->y : p->low));
            r.y1 = fmax(r.y1, fmax(p->y, isnan(p->high) ? p->y : p->high));
            r.n++;
        }
    }
    return r;
}

bool aglm_plot_shows(const struct aglm_plot *plot, double value)
{
    double top = range_of(plot).y1;
    return isfinite(value) && value >= 0 && value <= top * LINES_UP_TO;
}

/* ---- axes ------------------------------------------------------------------------------------ */

static void add_number_ticks(struct aglm_text *s, const struct aglm_plot *plot, struct range r)
{
    double seen[MAX_X_TICKS + 1];
    size_t n = 0;
    for (size_t i = 0; i < drawn_series(plot) && n <= MAX_X_TICKS; i++) {
        for (size_t k = 0; k < plot->series[i].n && n <= MAX_X_TICKS; k++) {
            bool known = false;
            for (size_t j = 0; j < n; j++)
                known = known || seen[j] == plot->series[i].points[k].x;
            if (!known)
                seen[n++] = plot->series[i].points[k].x;
        }
    }
    if (n <= MAX_X_TICKS) { /* few: a tick at each, and none where nothing was measured */
        aglm_text_raw(s, "set xtics (");
        for (size_t j = 0; j < n; j++)
            aglm_text_fmt(s, "%c%.9g", j ? ',' : ' ', seen[j]);
        aglm_text_raw(s, ")\n");
    }
    double pad = r.x1 > r.x0 ? (r.x1 - r.x0) * 0.06 : 0.5;
    aglm_text_fmt(s, "set xrange [%.9g:%.9g]\n", r.x0 - pad, r.x1 + pad);
}

static void add_time_ticks(struct aglm_text *s, struct range r)
{
    static const long steps[] = {60,    300,    900,    1800,    3600,    10800,   21600,   43200,
                                 86400, 172800, 604800, 1209600, 2592000, 7776000, 31536000};
    double pad = r.x1 > r.x0 ? (r.x1 - r.x0) * 0.06 : 1800;
    long step = steps[0];
    for (size_t i = 0;
         i < sizeof(steps) / sizeof(*steps) && (r.x1 - r.x0 + 2 * pad) / (double)step > 5; i++)
        step = steps[i];
    int n = 0;
    aglm_text_fmt(s, "set xrange [%.12g:%.12g]\nset xtics (", r.x0 - pad, r.x1 + pad);
    for (double t = ceil((r.x0 - pad) / (double)step) * (double)step; t <= r.x1 + pad && n < 12;
         t += (double)step) {
        time_t seconds = (time_t)t;
        struct tm tm;
        char day[24], hour[24];
        if (!gmtime_r(&seconds, &tm) || !strftime(hour, sizeof(hour), "%H:%M", &tm) ||
            !(step < 7776000 ? strftime(day, sizeof(day), "%d %b", &tm)
                             : strftime(day, sizeof(day), "%b %Y", &tm)))
            continue;
        aglm_text_raw(s, n++ ? ",\"" : "\"");
        aglm_text_raw(s, day);
        aglm_text_raw(s, step < 86400 ? "\\n" : "");
        aglm_text_raw(s, step < 86400 ? hour : "");
        aglm_text_fmt(s, "%c %.12g", '"', t);
    }
    aglm_text_raw(s, ")\n");
}

/* From 0, with room for the name of the last point. */
static void add_point_ticks(struct aglm_text *s, struct range r)
{
    aglm_text_fmt(s, "set xrange [0:%.9g]\n", r.x1 > 0 ? r.x1 * POINTS_UP_TO : 1);
}

static void add_categories(struct aglm_text *s, const struct aglm_plot *plot)
{
    aglm_text_raw(s, "set xtics (");
    for (size_t i = 0; i < plot->n_categories; i++) {
        aglm_text_raw(s, i ? ",\"" : "\"");
        aglm_text_fmt(s, "@%zu@%c %zu", i, '"', i);
    }
    aglm_text_fmt(s, ") scale 0\nset xrange [-0.6:%.9g]\n", (double)plot->n_categories - 0.4);
}

/* Indices of the lines to draw, lowest first; returns how many. */
static size_t lines_in_order(const struct aglm_plot *plot, size_t order[AGLM_PLOT_LINES_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < plot->n_lines && i < AGLM_PLOT_LINES_MAX; i++) {
        if (!aglm_plot_shows(plot, plot->lines[i].value))
            continue;
        size_t at = n++;
        for (; at > 0 && plot->lines[order[at - 1]].value > plot->lines[i].value; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    return n;
}

/* Threshold and reference lines, each with its mark in the right margin, moved up where two would
 * touch. span: from the foot of the scale to its top. */
static void add_lines(struct aglm_text *s, const struct aglm_plot *plot, double span)
{
    static const char *const colours[] = {AGLM_SVG_REFERENCE, AGLM_SVG_GOOD, AGLM_SVG_ALERT};
    size_t order[AGLM_PLOT_LINES_MAX], n = lines_in_order(plot, order);
    double y = -INFINITY;
    for (size_t k = 0; k < n; k++) {
        const struct aglm_line *line = &plot->lines[order[k]];
        y = fmax(line->value, y + span * 0.07);
        aglm_text_fmt(s,
                      "set arrow from graph 0,first %.9g to graph 1,first %.9g nohead back lw 1.5 ",
                      line->value, line->value);
        aglm_text_raw(s, "lc rgb \"");
        aglm_text_raw(s, colours[line->kind]);
        aglm_text_raw(s, "\" dt ");
        aglm_text_raw(s, line_dashes[line->kind]);
        aglm_text_fmt(s,
                      "\nset label \"@%zu@\" at graph 1.015,first %.9g left front textcolor rgb \"",
                      plot->n_categories + order[k], y);
        aglm_text_raw(s, colours[line->kind]);
        aglm_text_raw(s, "\"\n");
    }
    aglm_text_raw(s, n ? "set rmargin 6.5\n" : "set rmargin 2\n");
}

/* ---- data ------------------------------------------------------------------------------------ */

static void add_data(struct aglm_text *s, const struct aglm_plot *plot)
{
    for (size_t i = 0; i < drawn_series(plot); i++) {
        aglm_text_fmt(s, "$d%zu << EOD\n", i);
        for (size_t k = 0; k < plot->series[i].n; k++) {
            const struct aglm_point *p = &plot->series[i].points[k];
            aglm_text_fmt(s, "%.12g %.9g %.9g %.9g\n", p->x, p->y, isnan(p->low) ? p->y : p->low,
                          isnan(p->high) ? p->y : p->high);
        }
        aglm_text_raw(s, "EOD\n");
    }
}

static void add_bars(struct aglm_text *s, const struct aglm_plot *plot)
{
    const struct aglm_series *bars = &plot->series[0];
    for (size_t k = 0; k < bars->n; k++) {
        const struct aglm_point *p = &bars->points[k];
        char value[400];
        int decimals = p->y >= 99.95 ? 0 : p->y >= 9.995 ? 1 : 2;
        snprintf(value, sizeof(value), "%.*f", decimals, p->y);
        aglm_text_raw(s, "set label \"");
        aglm_text_raw(s, value);
        aglm_text_fmt(s, "%c at first %.9g,first %.9g center offset 0,0.6 front ", '"', p->x,
                      isnan(p->high) ? p->y : p->high);
        aglm_text_raw(s, "textcolor rgb \"" AGLM_SVG_TEXT "\"\n");
    }
    aglm_text_raw(s, "set boxwidth 0.62\n"
                     "plot $d0 using 1:2 with boxes fs solid 0.85 noborder lc rgb \"#020001\", "
                     "$d0 using 1:3:(0):($4-$3) with vectors nohead lc rgb \"" AGLM_SVG_TEXT
                     "\" lw 1.6\n");
}

static void add_curves(struct aglm_text *s, const struct aglm_plot *plot)
{
    static const int shapes[] = {7, 5, 9, 13, 11};
    aglm_text_raw(s, "plot ");
    for (size_t i = 0; i < drawn_series(plot); i++) {
        aglm_text_fmt(s, "%c$d%zu using 1:2 with lines lc rgb ", i ? ',' : ' ', i);
        aglm_text_fmt(s, "%c#02000%zu%c lw 2", '"', i + 1, '"');
        if (!plot->marks) {
            aglm_text_raw(s, i ? " dt (6,4)" : "");
            continue;
        }
        aglm_text_fmt(s, ", $d%zu using 1:2:3:4 with yerrorbars lc rgb ", i);
        aglm_text_fmt(s, "%c#02000%zu%c lw 1.4 pt %d ps 0.9", '"', i + 1, '"', shapes[i]);
    }
    aglm_text_raw(s, "\n");
}

/* A rectangle in pixels of the plot's area, from its lower left corner. */
struct box {
    double x0, x1, y0, y1;
};

static bool touches(const struct box *a, const struct box *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (a->x0 < list[i].x1 && list[i].x0 < a->x1 && a->y0 < list[i].y1 && list[i].y0 < a->y1)
            return true;
    return false;
}

/* Where point i's name goes: the nearest place above or below its interval where it touches no
 * point and no name that is placed already. boxes: [n], of both. */
static struct box place_name(const struct box *point, size_t length, const struct box *boxes,
                             size_t n)
{
    enum { TIERS = 5, HEIGHT_PX = 14, LETTER_PX = 8, GAP_PX = 3 };
    const double middle = (point->x0 + point->x1) / 2, half = (double)length * LETTER_PX / 2;
    struct box first = {0};
    for (int tier = 0; tier < TIERS; tier++) {
        const double away = GAP_PX + tier * (double)HEIGHT_PX;
        const double feet[] = {point->y1 + away, point->y0 - away - HEIGHT_PX};
        for (size_t side = 0; side < 2; side++) {
            const struct box b = {middle - half, middle + half, feet[side], feet[side] + HEIGHT_PX};
            if (tier == 0 && side == 0)
                first = b;
            if (b.y0 > 0 && !touches(&b, boxes, n))
                return b;
        }
    }
    return first;
}

/* Points in one colour, each with its name. */
static void add_points(struct aglm_text *s, const struct aglm_plot *plot, struct range r,
                       double foot, double top)
{
    enum { AREA_PX = 370, TALL_PX = 210, MARK_PX = 6 };
    const size_t n = drawn_series(plot), base = plot->n_categories + plot->n_lines + 1;
    const double per_x = r.x1 > 0 ? AREA_PX / (r.x1 * POINTS_UP_TO) : 1;
    const double per_y = TALL_PX / (top - foot);
    struct box boxes[2 * AGLM_PLOT_POINTS_MAX];
    for (size_t i = 0; i < n; i++) {
        const struct aglm_point *p = &plot->series[i].points[0];
        const double low = fmin(p->y, isnan(p->low) ? p->y : p->low);
        const double high = fmax(p->y, isnan(p->high) ? p->y : p->high);
        boxes[i] = (struct box){p->x * per_x - MARK_PX, p->x * per_x + MARK_PX,
                                (low - foot) * per_y - MARK_PX / 2.0,
                                (high - foot) * per_y + MARK_PX / 2.0};
    }
    for (size_t i = 0; i < n; i++) {
        const struct box b = place_name(&boxes[i], strlen(plot->series[i].name), boxes, n + i);
        boxes[n + i] = b;
        aglm_text_fmt(s, "set label \"@%zu@\" at first %.9g,first %.9g center front ", base + i,
                      plot->series[i].points[0].x, foot + (b.y0 + b.y1) / 2 / per_y);
        aglm_text_raw(s, "textcolor rgb \"" AGLM_SVG_TEXT "\"\n");
    }
    aglm_text_raw(s, "plot ");
    for (size_t i = 0; i < n; i++) {
        aglm_text_fmt(s, "%c$d%zu using 1:2:3:4 with yerrorbars lc rgb ", i ? ',' : ' ', i);
        aglm_text_raw(s, "\"#020001\" lw 1.4 pt 7 ps 0.9");
    }
    aglm_text_raw(s, "\n");
}

/* The scale of y: from 0, but for points from a little under the lowest of points and lines. */
static void scale_of(const struct aglm_plot *plot, struct range r, double *foot, double *top)
{
    *foot = plot->kind == AGLM_PLOT_POINTS ? r.y0 : 0;
    *top = r.y1;
    for (size_t i = 0; i < plot->n_lines && i < AGLM_PLOT_LINES_MAX; i++) {
        if (!aglm_plot_shows(plot, plot->lines[i].value))
            continue;
        *top = fmax(*top, plot->lines[i].value);
        *foot = fmin(*foot, plot->lines[i].value);
    }
    if (plot->kind == AGLM_PLOT_POINTS) {
        const double room = fmax(*top - *foot, 1) * 0.15;
        *foot = fmax(*foot - room, 0);
        *top += 2 * room; /* names stand above */
    } else {
        *top = *top > 0 ? *top * ROOM_ABOVE : 1;
    }
}

static void write_script(struct aglm_text *s, const struct aglm_plot *plot)
{
    struct range r = range_of(plot);
    double foot, top;
    scale_of(plot, r, &foot, &top);
    aglm_text_fmt(s, "set terminal svg noenhanced size %d,%d font ", WIDTH, HEIGHT);
    aglm_text_raw(s, "\"Arial,13\"\nunset key\n"
                     "set border 1 lw 1 lc rgb \"" AGLM_SVG_AXIS "\"\n"
                     "set grid ytics lc rgb \"" AGLM_SVG_GRID "\" lt 1 lw 1\n"
                     "set tics nomirror textcolor rgb \"" AGLM_SVG_TEXT "\"\n"
                     "set ytics scale 0\nset xtics scale 0.5\n");
    if (plot->x_label) {
        aglm_text_raw(s, "set xlabel \"");
        aglm_text_fmt(s, "@%zu@", plot->n_categories + plot->n_lines);
        aglm_text_raw(s, "\" offset 0,0.4 textcolor rgb \"" AGLM_SVG_TEXT "\"\n");
    }
    bool two_lines = plot->x_label || plot->kind == AGLM_PLOT_TIME;
    aglm_text_fmt(s, "set bmargin %.1f\nset yrange [%.9g:%.9g]\n", two_lines ? 3.4 : 1.8, foot,
                  top);
    if (plot->kind == AGLM_PLOT_TIME)
        add_time_ticks(s, r);
    else if (plot->kind == AGLM_PLOT_BARS)
        add_categories(s, plot);
    else if (plot->kind == AGLM_PLOT_POINTS)
        add_point_ticks(s, r);
    else
        add_number_ticks(s, plot, r);
    add_lines(s, plot, top - foot);
    add_data(s, plot);
    if (plot->kind == AGLM_PLOT_BARS)
        add_bars(s, plot);
    else if (plot->kind == AGLM_PLOT_POINTS)
        add_points(s, plot, r, foot, top);
    else
        add_curves(s, plot);
}

int aglm_plot_svg(struct aglm_text *out, const struct aglm_plot *plot, const char *gnuplot,
                  struct aglm_err *err)
{
    enum { LABELS_MAX = 64 };
    const char *labels[LABELS_MAX];
    struct aglm_text script = {0}, raw = {0};
    size_t n = 0;
    if (range_of(plot).n == 0)
        return aglm_err_set(err, -ENODATA, "plot %s: nothing to draw", plot->id);
    const size_t n_names = plot->kind == AGLM_PLOT_POINTS ? drawn_series(plot) : 0;
    if (plot->n_categories + plot->n_lines + 1 + n_names > LABELS_MAX)
        return aglm_err_set(err, -E2BIG, "plot %s: too many labels", plot->id);
    for (size_t i = 0; i < plot->n_categories; i++)
        labels[n++] = plot->categories[i];
    for (size_t i = 0; i < plot->n_lines; i++)
        labels[n++] = plot->lines[i].mark;
    labels[n++] = plot->x_label ? plot->x_label : "";
    for (size_t i = 0; i < n_names; i++)
        labels[n++] = plot->series[i].name;
    write_script(&script, plot);
    int r = script.failed ? aglm_err_set(err, -ENOMEM, "plot %s: out of memory", plot->id)
                          : aglm_gnuplot_run(gnuplot, &script, &raw, err);
    if (r == 0)
        r = aglm_svg_inline(out, raw.data ? raw.data : "",
                            &(struct aglm_svg_options){.prefix = plot->id,
                                                       .description = plot->description,
                                                       .labels = labels,
                                                       .n_labels = n},
                            err);
    aglm_text_finish(&script);
    aglm_text_finish(&raw);
    return r;
}

void aglm_plot_symbol(struct aglm_text *out, size_t i, bool marks)
{
    static const char *const shapes[] = {
        "<circle cx=\"11\" cy=\"6\" r=\"4\"/>", "<path d=\"M7 2h8v8h-8z\"/>",
        "<path d=\"M11 1l5 9h-10z\"/>",         "<path d=\"M11 1l5 5-5 5-5-5z\"/>",
        "<path d=\"M11 11l5-9h-10z\"/>",
    };
    size_t k = i % AGLM_PLOT_SERIES_MAX;
    aglm_text_fmt(out,
                  "<svg class=\"key\" viewBox=\"0 0 22 12\" aria-hidden=\"true\" "
                  "style=\"color:var(--s%zu)\">",
                  k + 1);
    aglm_text_raw(out, marks || k == 0 ? "<path d=\"M0 6h22\"/>"
                                       : "<path d=\"M0 6h22\" stroke-dasharray=\"4 3\"/>");
    aglm_text_raw(out, marks ? shapes[k] : "");
    aglm_text_raw(out, "</svg>");
}

void aglm_plot_line_symbol(struct aglm_text *out, enum aglm_line_kind kind)
{
    static const char *const names[] = {"ref", "good", "alert"};
    static const char *const dashes[] = {"2 3", "7 3", "7 2 2 2"};
    aglm_text_fmt(out,
                  "<svg class=\"key\" viewBox=\"0 0 22 12\" aria-hidden=\"true\" "
                  "style=\"color:var(--%s)\"><path d=\"M0 6h22\" stroke-dasharray=\"%s\"/></svg>",
                  names[kind], dashes[kind]);
}
