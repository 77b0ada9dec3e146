/* The page of one device: everything that is known of it, section by section. */
#ifndef AGLM_REPORTS_DEVICE_PAGE_H
#define AGLM_REPORTS_DEVICE_PAGE_H

#include "reports/figures.h"
#include "reports/limits.h"
#include "reports/text.h"

#include <stdbool.h>

/* Head and sections, with ids and headings as for a page of its own. alone: it is one, and its
 * links go to the explanations too. title NULL: the device's name. A device without tests has the
 * sections that a profile fills. */
void aglm_device_page_write(struct aglm_text *out, struct aglm_figures *figures,
                            const struct aglm_limits *limits, const char *title, bool alone);

/* The explanations that all devices share. */
void aglm_device_page_meaning(struct aglm_text *out, const struct aglm_thresholds *thresholds);

#endif
