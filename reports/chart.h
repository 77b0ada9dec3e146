/* A chart: series gathered from rows, drawn as a <figure> with legend, notes and data table. */
#ifndef AGLM_REPORTS_CHART_H
#define AGLM_REPORTS_CHART_H

#include "reports/dataset.h"
#include "reports/figures.h"
#include "reports/plot.h"
#include "reports/text.h"

#include <stdbool.h>
#include <stddef.h>

#define AGLM_CHART_SERIES_MAX 24

struct aglm_chart {
    const char *id, *title, *subtitle;
    const char *x_label; /* of the data table; drawn as well unless it is time */
    const char *unit;    /* of y */
    const char *note;    /* a sentence under the plot, or NULL */
    enum aglm_plot_kind kind;
    bool marks;
    struct aglm_series series[AGLM_CHART_SERIES_MAX];
    size_t n_series;
    struct aglm_line lines[AGLM_PLOT_LINES_MAX];
    size_t n_lines;
    char categories[AGLM_CHART_SERIES_MAX][160];
    size_t n_categories;
    bool out_of_memory;
};

void aglm_chart_finish(struct aglm_chart *chart);
/* The series of that name, made if it is new; NULL when full. */
struct aglm_series *aglm_chart_series(struct aglm_chart *chart, const char *name);
/* Adds a point; one with the same x is replaced. Points are kept in ascending x. */
void aglm_chart_point(struct aglm_chart *chart, struct aglm_series *series, struct aglm_point p);
/* Threshold lines of a phase for the headline row's lengths, and published figures for its model.
 */
void aglm_chart_phase_lines(struct aglm_chart *chart, const struct aglm_thresholds *thresholds,
                            enum aglm_phase phase, const struct aglm_row *headline);
void aglm_chart_line(struct aglm_chart *chart, enum aglm_line_kind kind, double value,
                     const char *mark, const char *label);
/* Appends the figure. */
void aglm_chart_write(struct aglm_text *out, const struct aglm_chart *chart,
                      struct aglm_figures *f);

/* What tells rows apart, collected over those of one chart, so that names say only what differs. */
struct aglm_chart_names {
    const struct aglm_row *first;
    bool model, quantization, backend, isa, batch, mask, cache, load, threads;
};
void aglm_chart_names_add(struct aglm_chart_names *names, const struct aglm_row *row);
void aglm_chart_name(char *out, size_t size, const struct aglm_chart_names *names,
                     const struct aglm_row *row, bool with_threads);

#endif
