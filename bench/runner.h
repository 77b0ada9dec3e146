/* Runs a plan: loads models, opens sessions, measures round by round, and hands over a record after
 * every repetition.
 *
 * Nothing is printed and nothing stored here: the caller's callbacks do that, always outside the
 * timed windows. One test's error does not end the others.
 */
#ifndef AGLM_BENCH_RUNNER_H
#define AGLM_BENCH_RUNNER_H

#include "bench/matrix.h"
#include "bench/options.h"
#include "bench/record.h"
#include "bench/roofs.h"
#include "bench/telemetry.h"
#include "probes/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum aglm_run_stage {
    AGLM_RUN_ROOF,    /* the device's limits are measured; neither variant nor test is valid */
    AGLM_RUN_LOADING, /* variant is valid, test is not */
    AGLM_RUN_DELAY,
    AGLM_RUN_WARM_UP,
    AGLM_RUN_MEASURE,
    AGLM_RUN_MEASURED /* ns is what the repetition took, its cache filling and warm-up included */
};

struct aglm_run_event {
    enum aglm_run_stage stage;
    size_t variant, test; /* in the plan */
    uint64_t repetition;  /* of this test, from 1 */
    uint64_t ns;
};

struct aglm_run_setup {
    const struct aglm_options *options;
    const struct aglm_plan *plan;
    char *const *paths;               /* [options->models.n] files, presets resolved */
    const struct aglm_record *common; /* run, build and device fields, copied into every record */
    void *ctx;                        /* of the callbacks, none of which may be NULL */
    bool (*cancelled)(void *ctx);
    void (*event)(void *ctx, const struct aglm_run_event *event);
    /* aglm_roof_measure, or a test's; NULL: results go without their roof. */
    aglm_roof_fn roof;
    /* Where the device is watched while tests run; NULL: nobody watches. */
    const struct aglm_telemetry_options *telemetry;
    /* After every repetition, and once more with the last verdict when a test ends early, or when
     * the roof was measured again at the end. */
    void (*record)(void *ctx, const struct aglm_record *record);
    /* A model, a test or the roof cannot be measured; err names it. */
    void (*failed)(void *ctx, const struct aglm_err *err);
};

struct aglm_run_result {
    struct aglm_record *records; /* [n], in the plan's order: the tests that have samples */
    size_t n;
    size_t n_failed;  /* tests that failed */
    size_t n_skipped; /* prompts of a suite that are longer than the model's context */
    size_t n_missing; /* tests without any sample, failed and skipped ones included */
    bool interrupted, time_up;
};

/* 0 also when tests failed or the run was interrupted: *out says so. -ENOMEM, -EIO (no random
 * bytes). */
int aglm_run(struct aglm_run_result *out, const struct aglm_run_setup *setup, struct aglm_err *err);
void aglm_run_result_finish(struct aglm_run_result *result);

#endif
