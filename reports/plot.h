/* One plot as inline SVG, drawn by gnuplot: lines with intervals, bars, values over time, or points
 * with their names.
 *
 * Only numbers and constant words reach gnuplot. Texts from data (names, labels) stay here as
 * placeholders and are put in, escaped, after drawing. The legend is the page's business: series i
 * has colour --s(i+1) and a shape.
 */
#ifndef AGLM_REPORTS_PLOT_H
#define AGLM_REPORTS_PLOT_H

#include "probes/err.h"
#include "reports/text.h"

#include <stdbool.h>
#include <stddef.h>

#define AGLM_PLOT_SERIES_MAX 5
#define AGLM_PLOT_POINTS_MAX 24
#define AGLM_PLOT_LINES_MAX 6

enum aglm_plot_kind {
    AGLM_PLOT_LINES, /* y over a number x */
    AGLM_PLOT_BARS,  /* one bar per category; x is 0, 1, … */
    AGLM_PLOT_TIME,  /* y over x in seconds since 1970 UTC */
    AGLM_PLOT_POINTS /* one named point for each series, up to 24; y, in percent, need not begin at
                        0: the scale ends where the points and lines do */
};

struct aglm_point {
    double x, y;
    double low, high; /* interval of y; NaN for none */
};

struct aglm_series {
    char name[160];
    struct aglm_point *points; /* ascending x */
    size_t n;
};

enum aglm_line_kind { AGLM_LINE_REFERENCE, AGLM_LINE_GOOD, AGLM_LINE_ALERT };

struct aglm_line {
    char mark[16];   /* short, beside the line: "good" */
    char label[160]; /* in full, for the legend */
    double value;
    enum aglm_line_kind kind;
};

struct aglm_plot {
    enum aglm_plot_kind kind;
    const char *id; /* unique on the page: letters, digits and '-' */
    const char *description;
    const char *x_label;
    const struct aglm_series *series; /* [n_series], at most AGLM_PLOT_SERIES_MAX are drawn,
                                       POINTS: AGLM_PLOT_POINTS_MAX */
    size_t n_series;
    bool marks;                    /* a symbol at each point; off for dense lines */
    const struct aglm_line *lines; /* [n_lines]; those far over the data are left out */
    size_t n_lines;
    const char *const *categories; /* BARS: [n_categories] names */
    size_t n_categories;
};

/* True if a line at this value is drawn, false if it lies off the scale. */
bool aglm_plot_shows(const struct aglm_plot *plot, double value);
/* Appends the SVG; errors as of aglm_gnuplot_run() and aglm_svg_inline(), -ENODATA without a point.
 */
int aglm_plot_svg(struct aglm_text *out, const struct aglm_plot *plot, const char *gnuplot,
                  struct aglm_err *err);
/* Appends a line's symbol, for legends. */
void aglm_plot_line_symbol(struct aglm_text *out, enum aglm_line_kind kind);
/* Appends the symbol of series i as a small SVG, for legends; marks as in struct aglm_plot. */
void aglm_plot_symbol(struct aglm_text *out, size_t i, bool marks);

#endif
