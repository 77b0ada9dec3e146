/* What a device's page needs from the store: every test of the device as figures, in memory, and a
 * few ways to pick from them. No SQL, no HTML.
 *
 * "Current" rows are the newest test of
 * each configuration, a valid one where there is one; summary and plots are made from them. The
 * null backend, which measures the tool itself, counts only when nothing else was measured.
 */
#ifndef AGLM_REPORTS_DATASET_H
#define AGLM_REPORTS_DATASET_H

#include "bench/operators.h"
#include "bench/record.h"
#include "probes/err.h"
#include "probes/thresholds.h"
#include "reports/devices.h"
#include "reports/plot.h"
#include "reports/store.h"

#include <stdbool.h>
#include <stddef.h>

struct aglm_token_time {
    double median, low, high; /* ms over the repetitions */
};

enum aglm_phase { AGLM_PHASE_PREFILL, AGLM_PHASE_DECODE };

struct aglm_row {
    struct aglm_record rec; /* without samples and profile; operators and answers are its own */
    struct aglm_results res;
    size_t n_samples;
    uint64_t *total_ns;             /* [n_samples] */
    const char *others_unknown;     /* of aglm_verdict_others_unknown(), or NULL */
    struct aglm_token_time *tokens; /* [n_tokens]: the first token, then each further one */
    size_t n_tokens;
    struct aglm_operator_figures *operator_figures; /* [rec.n_operators] */
    struct aglm_operator_rest rest[2];              /* by phase, where there are operators */
    double memory_available_min;                    /* bytes, NaN unknown; over all samples */
    double temperature_max;                         /* degC, NaN unknown */
    double frequency_min, frequency_max;            /* kHz, mean of the CPUs; NaN unknown */
    struct aglm_during *during; /* [n_during] of the repetitions that were watched, in order */
    size_t n_during;
};

struct aglm_dataset {
    const struct aglm_device *device; /* whose; the caller's */
    struct aglm_row *rows;            /* [n_rows] of the device, oldest first */
    size_t n_rows;
    size_t *newest; /* [n_configs] the newest row of each configuration, in the order of the results
                       table */
    size_t *current; /* [n_configs] the same, a valid one where there is one */
    size_t n_configs;
    size_t n_runs;
    /* Answers (suite "accuracy"), without samples, oldest first; they are no rows. */
    struct aglm_record *answers; /* [n_answers] */
    size_t n_answers;
};

/* Reads the device's tests; a NULL store, or a device that was only looked at, gives n_rows = 0.
 * The device must outlive the set. -ENOMEM, or the store's errors. */
int aglm_dataset_load(struct aglm_dataset *out, struct aglm_store *store,
                      const struct aglm_device *device, struct aglm_err *err);
void aglm_dataset_finish(struct aglm_dataset *set);

/* Same model, test and options, so that figures of different days compare? */
bool aglm_row_same_config(const struct aglm_row *a, const struct aglm_row *b);
/* The same in all but the operators that ran fused? */
bool aglm_row_differs_in_fuse(const struct aglm_row *a, const struct aglm_row *b);
/* Same model file content and quantization? */
bool aglm_row_same_model(const struct aglm_row *a, const struct aglm_row *b);

/* Were the weights quantized when the model was loaded? */
bool aglm_row_requantized(const struct aglm_row *row);

/* Speed of a phase in tokens/s with its interval: of the whole test if it has only this phase, else
 * the median of the phase without interval. y is NaN if the test says nothing about it. x is left
 * alone. */
void aglm_row_speed(const struct aglm_row *row, enum aglm_phase phase, struct aglm_point *out);

/* The row that stands for a phase: of the model measured last, its fastest current configuration.
 * For prefill the one that decodes fastest, if it was measured there too. NULL if there is none. */
const struct aglm_row *aglm_dataset_headline(const struct aglm_dataset *set, enum aglm_phase phase);
/* Does this row show the phase in the same test (lengths) as the headline row? */
bool aglm_row_same_test(const struct aglm_row *a, const struct aglm_row *b);

/* The device's fact by key: number or text; false if unknown or absent. */
bool aglm_dataset_fact_number(const struct aglm_dataset *set, const char *key, double *out);
bool aglm_dataset_fact_text(const struct aglm_dataset *set, const char *key, char *out,
                            size_t size);

/* The value measured for a threshold's metric ("ttft_ms", "tpot_ms", "others_cpu_percent", …); NaN:
 * not measured. */
double aglm_dataset_metric(const struct aglm_dataset *set, const char *metric);

#endif
