/* The page's sections that are made of tables: results, thresholds, device, how to reproduce, other
 * devices. */
#ifndef AGLM_REPORTS_SECTIONS_H
#define AGLM_REPORTS_SECTIONS_H

#include "probes/thresholds.h"
#include "reports/dataset.h"
#include "reports/text.h"

/* All take a set with at least one row. */
void aglm_sections_results(struct aglm_text *out, const struct aglm_dataset *set);
void aglm_sections_thresholds(struct aglm_text *out, const struct aglm_dataset *set,
                              const struct aglm_thresholds *thresholds);
/* What each fused operator is worth, and the operators of profiled tests; see operators.c. Nothing
 * where nothing of it was measured. */
void aglm_sections_fusion(struct aglm_text *out, const struct aglm_dataset *set);
void aglm_sections_operators(struct aglm_text *out, const struct aglm_dataset *set);
void aglm_sections_device(struct aglm_text *out, const struct aglm_dataset *set);
void aglm_sections_reproduce(struct aglm_text *out, const struct aglm_dataset *set);
void aglm_sections_others(struct aglm_text *out, const struct aglm_dataset *set);

/* One line on the device for the page's head: "8 CPUs · 16 GB · Debian 12". */
void aglm_sections_device_line(struct aglm_text *out, const struct aglm_dataset *set);

#endif
