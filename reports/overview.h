/* The list of a report's devices: one line each, with a link to the device's page. */
#ifndef AGLM_REPORTS_OVERVIEW_H
#define AGLM_REPORTS_OVERVIEW_H

#include "reports/limits.h"
#include "reports/text.h"

/* One line of the list; link NULL: none. */
void aglm_overview_row(struct aglm_text *out, const struct aglm_dataset *set,
                       const struct aglm_thresholds *thresholds, const struct aglm_limits *limits,
                       const char *link);
/* The section around lines. */
void aglm_overview_section(struct aglm_text *out, const struct aglm_text *rows);

/* The other devices of a store, on the page of one. */
void aglm_overview_others(struct aglm_text *out, const struct aglm_devices *devices, size_t shown);

/* Copies a page into a larger one: ids and links within it get the prefix and '-', headings go down
 * one level. html is markup that this program wrote, where texts of others are escaped, so that
 * attributes are markup's own. */
void aglm_overview_nest(struct aglm_text *out, const char *html, const char *prefix);

#endif
