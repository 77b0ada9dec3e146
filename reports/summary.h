/* The top of the page: in plain words what this device does, how fast, and whether that is smooth.
 */
#ifndef AGLM_REPORTS_SUMMARY_H
#define AGLM_REPORTS_SUMMARY_H

#include "probes/thresholds.h"
#include "reports/dataset.h"
#include "reports/text.h"

/* The set must hold at least one row. */
void aglm_summary_write(struct aglm_text *out, const struct aglm_dataset *set,
                        const struct aglm_thresholds *thresholds);
/* The verdict on waiting alone, as a pill: "Smooth", …; also for a set without rows. */
void aglm_summary_verdict(struct aglm_text *out, const struct aglm_dataset *set,
                          const struct aglm_thresholds *thresholds);
/* A status by colour, shape and word; word NULL: the status's own. */
void aglm_summary_pill(struct aglm_text *out, enum aglm_status status, const char *word);

#endif
