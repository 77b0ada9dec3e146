/* The sections of a device's page that are made of tables. */
#ifndef AGLM_REPORTS_SECTIONS_H
#define AGLM_REPORTS_SECTIONS_H

#include "bench/scenarios.h"
#include "probes/thresholds.h"
#include "reports/dataset.h"
#include "reports/figures.h"
#include "reports/limits.h"
#include "reports/text.h"

/* These take a set with at least one row. */
void aglm_sections_results(struct aglm_text *out, const struct aglm_dataset *set);
void aglm_sections_conditions(struct aglm_text *out, const struct aglm_dataset *set,
                              const struct aglm_thresholds *thresholds);
/* What each fused operator is worth, and the operators of profiled tests; see operators.c. Nothing
 * where nothing of it was measured. */
void aglm_sections_fusion(struct aglm_text *out, const struct aglm_dataset *set);
void aglm_sections_operators(struct aglm_text *out, const struct aglm_dataset *set);
/* The ladder of quantizations, speed against accuracy kept; see accuracy.c. Nothing where nothing
 * was asked; also for a set without rows. */
void aglm_sections_accuracy(struct aglm_text *out, struct aglm_figures *f);
/* Heat, frequencies and energy while the newest tests ran; nothing where nobody watched. */
void aglm_sections_during(struct aglm_text *out, const struct aglm_dataset *set);
void aglm_sections_reproduce(struct aglm_text *out, const struct aglm_dataset *set);

/* These also take one without rows: a device that was only looked at. What it is fit for
 * (scenarios), its limits and the models to run need a profile, and write nothing without one. */
void aglm_sections_fitness(struct aglm_text *out, const struct aglm_dataset *set,
                           const struct aglm_thresholds *thresholds,
                           const struct aglm_limits *limits);
/* The verdicts of that section; returns how many, 0 without a profile. */
enum { AGLM_FITNESS_MAX = 8 };
size_t aglm_fitness_judge(struct aglm_scenario_verdict out[AGLM_FITNESS_MAX],
                          const struct aglm_dataset *set, const struct aglm_thresholds *thresholds,
                          const struct aglm_limits *limits);
void aglm_sections_limits(struct aglm_text *out, const struct aglm_dataset *set,
                          const struct aglm_limits *limits);
void aglm_sections_models(struct aglm_text *out, const struct aglm_dataset *set,
                          const struct aglm_limits *limits);
void aglm_sections_thresholds(struct aglm_text *out, const struct aglm_dataset *set,
                              const struct aglm_thresholds *thresholds);
void aglm_sections_device(struct aglm_text *out, const struct aglm_dataset *set,
                          const struct aglm_thresholds *thresholds);

/* Published figures of other devices, for all devices of a page. */
void aglm_sections_references(struct aglm_text *out, const struct aglm_thresholds *thresholds);

/* One line on the device for the page's head: "8 CPUs · 16 GB · Debian 12". */
void aglm_sections_device_line(struct aglm_text *out, const struct aglm_dataset *set);

#endif
