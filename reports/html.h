/* One self-contained HTML page from the store: device, results, plots (inline SVG by gnuplot),
 * history, how to read it. */
#ifndef AGLM_REPORTS_HTML_H
#define AGLM_REPORTS_HTML_H

#include "probes/err.h"
#include "reports/store.h"

struct aglm_report_options {
    const char *gnuplot; /* command; NULL = "gnuplot"; a missing one gives tables and a note instead
                            of plots */
    const char *title;   /* NULL: made from the device */
    const char *thresholds; /* an INI file over the built-in thresholds, or NULL */
};

/* Writes the page to path (temporary name, then rename). An empty store gives a page that says so.
 */
int aglm_report_write(struct aglm_store *store, const char *path,
                      const struct aglm_report_options *options, struct aglm_err *err);

#endif
