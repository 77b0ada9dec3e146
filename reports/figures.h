/* The page's figures: which data goes into which plot, each with its legend, its notes and its data
 * table.
 *
 * A figure without enough data becomes a sentence that says what to run. If gnuplot does not work
 * the tables still come, and `trouble` says why; it is not called again.
 */
#ifndef AGLM_REPORTS_FIGURES_H
#define AGLM_REPORTS_FIGURES_H

#include "probes/err.h"
#include "probes/thresholds.h"
#include "reports/dataset.h"
#include "reports/text.h"

struct aglm_figures {
    const struct aglm_dataset *set;
    const struct aglm_thresholds *thresholds;
    const char *gnuplot;     /* NULL = "gnuplot" */
    struct aglm_err trouble; /* why plots are missing; code 0 while they are not */
};

void aglm_figures_threads(struct aglm_text *out, struct aglm_figures *f);
void aglm_figures_quantization(struct aglm_text *out, struct aglm_figures *f);
void aglm_figures_tokens(struct aglm_text *out, struct aglm_figures *f);
void aglm_figures_history(struct aglm_text *out, struct aglm_figures *f);

#endif
