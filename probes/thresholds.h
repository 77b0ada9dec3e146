/* Thresholds and reference lines: what counts as good, from a data file that users can edit.
 *
 * The built-in file is devices/thresholds.ini; an override file changes single entries or adds new
 * ones. Judging gives GOOD, WATCH (between good and alert), ALERT or UNKNOWN. A reference line is
 * not judged: it is drawn.
 */
#ifndef AGLM_PROBES_THRESHOLDS_H
#define AGLM_PROBES_THRESHOLDS_H

#include "probes/err.h"

#include <stdbool.h>
#include <stddef.h>

enum aglm_status { AGLM_STATUS_UNKNOWN, AGLM_STATUS_GOOD, AGLM_STATUS_WATCH, AGLM_STATUS_ALERT };

enum aglm_threshold_kind {
    AGLM_THRESHOLD_BELOW,    /* good under `good`, alert over `alert` */
    AGLM_THRESHOLD_ABOVE,    /* good over `good`, alert under `alert` */
    AGLM_THRESHOLD_REFERENCE /* a published or typical figure; `good` is its value, `alert` NaN */
};

struct aglm_threshold {
    char id[64];     /* the section's name */
    char label[128]; /* for people */
    char metric[32]; /* what it applies to: "ttft_ms", "decode_ts", … ; ids without a measured
                        metric: "" */
    char fact[64]; /* key of the profile's fact that it judges, "prefix*" for the first known one of
                      these, or "" */
    char model[64];   /* reference lines: the model it was published for, or "" for any */
    char unit[16];    /* of good, alert and of the values judged */
    char source[256]; /* where the figure comes from */
    enum aglm_threshold_kind kind;
    double good, alert; /* equal when there is no band between them */
};

struct aglm_thresholds;

/* The built-in entries, with those of the override file (NULL: none) on top. Errors name file and
 * line: -EINVAL for what cannot be understood, -errno if the file cannot be read, -E2BIG over 256
 * entries. */
int aglm_thresholds_load(struct aglm_thresholds **out, const char *override_path,
                         struct aglm_err *err);
void aglm_thresholds_destroy(struct aglm_thresholds **thresholds);

size_t aglm_thresholds_count(const struct aglm_thresholds *thresholds);
const struct aglm_threshold *aglm_thresholds_at(const struct aglm_thresholds *thresholds, size_t i);
/* NULL if no such entry. */
const struct aglm_threshold *aglm_thresholds_find(const struct aglm_thresholds *thresholds,
                                                  const char *id);

/* A NaN value, a NULL threshold and a reference line are UNKNOWN. A value exactly on the good limit
 * is GOOD, one exactly on the alert limit WATCH (GOOD where both are the same). */
enum aglm_status aglm_threshold_judge(const struct aglm_threshold *threshold, double value);
const char *aglm_status_word(enum aglm_status status); /* "good", "watch", "alert", "unknown" */

#endif
