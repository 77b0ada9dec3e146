/* The runner. Inputs: a plan, model files, callbacks. Outputs: records with their samples and
 * verdicts.
 *
 * Order: rounds; each round is one repetition of every test, shuffled. All models take part in one
 * shuffle if they fit into half of the available memory together; else they come one after another,
 * each with its own rounds. One session is open at a time; it is opened anew when the next test
 * needs another configuration, outside every timed window, and warmed up again briefly. Refused are
 * tests with more positions than the model was trained for.
 */
#include "bench/runner_state.h"

#include "bench/cpumask.h"
#include "bench/measure.h"
#include "bench/operators.h"
#include "bench/verdict.h"
#include "engine/fusion.h"
#include "probes/clock.h"
#include "probes/isa.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define REWARM_TOKENS 32 /* prompt tokens of the warm-up after a session is opened anew */

static void tell(const struct runner *r, enum aglm_run_stage stage, size_t variant, size_t test,
                 uint64_t repetition, uint64_t ns)
{
    struct aglm_run_event event = {stage, variant, test, repetition, ns};
    r->setup->event(r->setup->ctx, &event);
}

/* Whether to stop before the next repetition. */
static bool should_stop(struct runner *r)
{
    uint64_t limit_ns = r->setup->options->max_time_s * 1000000000u;
    if (r->setup->cancelled(r->setup->ctx)) {
        r->interrupted = true;
    } else if (limit_ns > 0 && aglm_clock_ns() - r->start_ns >= limit_ns) {
        r->time_up = true;
    }
    return r->interrupted || r->time_up;
}

static void close_session(struct runner *r)
{
    aglm_session_close(&r->session);
}

/* ---- ends of tests ---- */

static void end_test(struct runner *r, struct test_state *test, const char *early)
{
    if (test->record.n_samples > 0) {
        aglm_roofs_fill(r->roofs, &test->record);
        aglm_verdict_set(&test->record, early);
        r->setup->record(r->setup->ctx, &test->record);
    }
}

static void fail_test(struct runner *r, size_t i, const struct aglm_err *err)
{
    char early[256];
    snprintf(early, sizeof(early), "failed (%.200s) after", err->msg);
    r->tests[i].failed = true;
    r->n_failed++;
    end_test(r, &r->tests[i], early);
}

/* Says that test i failed, with its name in front; an interruption is no failure. */
static void report_test(struct runner *r, size_t i, struct aglm_err *err)
{
    char name[64];
    if (err->code == -ECANCELED) {
        r->interrupted = true;
        return;
    }
    aglm_test_name(aglm_runner_test(r, i), name, sizeof(name));
    aglm_err_prefix(err, "%s: %s", r->setup->plan->variants[aglm_runner_test(r, i)->variant].model,
                    name);
    r->setup->failed(r->setup->ctx, err);
    fail_test(r, i, err);
}

static void load(struct runner *r, size_t v)
{
    struct aglm_err err = {0};
    tell(r, AGLM_RUN_LOADING, v, 0, 0, 0);
    if (aglm_runner_open_variant(r, v, &err) == 0 || !r->variants[v].failed) {
        return;
    }
    r->setup->failed(r->setup->ctx, &err);
    for (size_t i = 0; i < r->setup->plan->n_tests; i++) {
        if (aglm_runner_test(r, i)->variant == v) {
            fail_test(r, i, &err);
        }
    }
}

/* ---- sessions ---- */

static bool same_configuration(const struct aglm_test *a, const struct aglm_test *b)
{
    return a->variant == b->variant && a->n_threads == b->n_threads && a->n_batch == b->n_batch &&
           a->n_ubatch == b->n_ubatch && a->cpu_strict == b->cpu_strict &&
           strcmp(a->cpu_mask, b->cpu_mask) == 0 && strcmp(a->type_k, b->type_k) == 0 &&
           strcmp(a->type_v, b->type_v) == 0 && strcmp(a->fuse, b->fuse) == 0;
}

/* Makes the open session one of test i's configuration, with room for every test of that
 * configuration. *opened says whether it is a new one. */
static int ensure_session(struct runner *r, size_t i, bool *opened, struct aglm_err *err)
{
    const struct aglm_test *test = aglm_runner_test(r, i);
    struct aglm_model *model = r->variants[test->variant].model;
    uint32_t n_train = aglm_model_info(model)->n_ctx_train;
    if (aglm_runner_positions(test) > n_train) {
        return aglm_err_set(err, -EINVAL,
                            "needs %" PRIu64
                            " positions (depth + prompt + generated) and the model has %" PRIu32
                            ": give smaller -d, -p or -n, or --override-ctx if "
                            "the file understates it",
                            aglm_runner_positions(test), n_train);
    }
    *opened = false;
    if (r->session != NULL && same_configuration(test, aglm_runner_test(r, r->session_test))) {
        return 0;
    }
    close_session(r);
    uint64_t n_ctx = 1;
    for (size_t j = 0; j < r->setup->plan->n_tests; j++) {
        uint64_t need = aglm_runner_positions(aglm_runner_test(r, j));
        if (same_configuration(test, aglm_runner_test(r, j)) && need > n_ctx && need <= n_train) {
            n_ctx = need;
        }
    }
    struct aglm_cpumask mask;
    int rc = aglm_cpumask_parse(&mask, test->cpu_mask, err);
    if (rc < 0) {
        return rc;
    }
    uint32_t fused = AGLM_FUSE_ALL;
    (void)aglm_fusion_parse(&fused, test->fuse); /* the options were checked */
    uint32_t n_batch = test->n_batch < n_ctx ? test->n_batch : (uint32_t)n_ctx;
    struct aglm_session_options options = {
        .n_ctx = (uint32_t)n_ctx,
        .n_batch = n_batch,
        .n_ubatch = test->n_ubatch < n_batch ? test->n_ubatch : n_batch,
        .type_k = aglm_dtype_by_name(test->type_k)->type,
        .type_v = aglm_dtype_by_name(test->type_v)->type,
        .n_threads = test->n_threads,
        .cpu_mask = aglm_cpumask_is_empty(&mask) ? NULL : mask.bits,
        .cpu_mask_bytes = sizeof(mask.bits),
        .cpu_strict = test->cpu_strict,
        .unfused = AGLM_FUSE_ALL & ~fused,
        .cancelled = r->setup->cancelled,
        .cancelled_ctx = r->setup->ctx};
    rc = aglm_session_open(&r->session, model, &options, err);
    r->session_test = i;
    *opened = rc == 0;
    if (rc == 0) {
        aglm_telemetry_cpus(r->telemetry, aglm_session_affinity(r->session));
    }
    return rc;
}

/* ---- one repetition ---- */

/* Sleeps between different tests, in slices, so that Ctrl-C is heard. */
static void delay(struct runner *r, size_t i)
{
    const struct timespec slice = {.tv_nsec = 50 * 1000 * 1000};
    uint64_t delay_ns = r->setup->options->delay_s * 1000000000u;
    uint64_t start = aglm_clock_ns();
    if (delay_ns == 0 || r->last_test == SIZE_MAX || r->last_test == i) {
        return;
    }
    tell(r, AGLM_RUN_DELAY, aglm_runner_test(r, i)->variant, i, r->tests[i].record.n_samples + 1,
         0);
    while (aglm_clock_ns() - start < delay_ns && !should_stop(r)) {
        nanosleep(&slice, NULL);
    }
}

static int warm_up(struct runner *r, size_t i, bool opened, struct aglm_err *err)
{
    struct test_state *test = &r->tests[i];
    if (r->setup->options->no_warmup || (test->warmed && !opened)) {
        return 0;
    }
    tell(r, AGLM_RUN_WARM_UP, aglm_runner_test(r, i)->variant, i, test->record.n_samples + 1, 0);
    int rc = aglm_measure_warm_up(r->session, aglm_runner_tokens(r, i), aglm_runner_test(r, i),
                                  test->warmed ? REWARM_TOKENS : UINT32_MAX, err);
    test->warmed = true;
    return rc;
}

/* A model that computes nonsense is not measured: its speed would be quoted. */
static bool logits_finite(const struct aglm_session *session, uint32_t n_vocab)
{
    const float *logits = aglm_session_logits(session);
    for (uint32_t i = 0; i < n_vocab; i++) {
        if (!isfinite(logits[i])) {
            return false;
        }
    }
    return true;
}

static int measure(struct runner *r, size_t i, struct aglm_err *err)
{
    struct test_state *test = &r->tests[i];
    size_t v = aglm_runner_test(r, i)->variant;
    uint32_t n_vocab = aglm_model_info(r->variants[v].model)->n_vocab;
    uint64_t start = aglm_clock_ns();
    bool opened = false;
    struct aglm_sample sample;
    int rc = ensure_session(r, i, &opened, err);
    if (rc == 0 && !test->started) {
        rc = aglm_runner_start_record(r, i, err);
    }
    if (rc == 0 && !opened && r->session_tokens != aglm_runner_tokens(r, i)) {
        aglm_session_truncate(r->session, 0);
    }
    r->session_tokens = aglm_runner_tokens(r, i);
    if (rc == 0) {
        rc = warm_up(r, i, opened, err);
    }
    if (rc < 0) {
        return rc;
    }
    tell(r, AGLM_RUN_MEASURE, v, i, test->record.n_samples + 1, 0);
    rc = aglm_measure_once(&sample, r->session, aglm_runner_tokens(r, i), aglm_runner_test(r, i),
                           aglm_runner_test(r, i)->prompt != NULL ? n_vocab : 0,
                           r->setup->options->profile_ops ? test->ops : NULL, r->telemetry, err);
    if (rc < 0) {
        return rc;
    }
    if (!logits_finite(r->session, n_vocab)) {
        free(sample.token_ns);
        return aglm_err_set(err, -EDOM, "its logits are NaN or infinite: the weights are damaged");
    }
    if (aglm_record_add(&test->record, &sample) < 0) {
        free(sample.token_ns);
        return aglm_err_set(err, -ENOMEM, "out of memory for samples");
    }
    if (r->setup->options->profile_ops && aglm_operators_set(&test->record, test->ops) < 0) {
        return aglm_err_set(err, -ENOMEM, "out of memory for operators");
    }
    snprintf(test->record.affinity, sizeof(test->record.affinity), "%s",
             aglm_session_affinity(r->session));
    tell(r, AGLM_RUN_MEASURED, v, i, test->record.n_samples, aglm_clock_ns() - start);
    return 0;
}

static void skip(struct runner *r, size_t i)
{
    const struct aglm_test *test = aglm_runner_test(r, i);
    struct aglm_err err = {0};
    aglm_err_set(&err, -E2BIG,
                 "%s: %s: skipped: it needs %" PRIu64 " positions and the model has %" PRIu32,
                 r->setup->plan->variants[test->variant].model, test->prompt->id,
                 aglm_runner_positions(test),
                 aglm_model_info(r->variants[test->variant].model)->n_ctx_train);
    r->setup->failed(r->setup->ctx, &err);
    r->tests[i].skipped = true;
    r->n_skipped++;
}

static void repetition(struct runner *r, size_t i)
{
    struct test_state *test = &r->tests[i];
    struct aglm_err err = {0};
    if (test->failed || test->skipped) {
        return;
    }
    if (aglm_runner_test(r, i)->prompt != NULL && aglm_runner_too_long(r, i)) {
        skip(r, i);
        return;
    }
    delay(r, i);
    if (should_stop(r)) {
        return;
    }
    if (measure(r, i, &err) < 0) {
        report_test(r, i, &err);
    } else {
        bool last = test->record.n_samples == r->setup->options->repetitions;
        end_test(r, test, last ? NULL : "in progress:");
    }
    r->last_test = i;
}

/* ---- the roof ---- */

/* Without a roof the results stand alone: said once, no failure of any test. */
static void measure_roof(struct runner *r, enum aglm_roofs_moment moment)
{
    struct aglm_err err = {0};
    if (r->roofs == NULL) {
        return;
    }
    tell(r, AGLM_RUN_ROOF, 0, 0, 0, 0);
    if (aglm_roofs_measure(r->roofs, moment, &err) < 0) {
        aglm_err_prefix(&err, "results without this device's limit");
        r->setup->failed(r->setup->ctx, &err);
        aglm_roofs_destroy(&r->roofs);
    }
    r->roof_ns = aglm_clock_ns();
}

static int start_roofs(struct runner *r, struct aglm_err *err)
{
    int rc = r->setup->roof == NULL ? 0
                                    : aglm_roofs_create(&r->roofs, r->setup->plan,
                                                        aglm_isa_detect(), r->setup->roof, err);
    if (rc == 0 && !should_stop(r)) {
        measure_roof(r, AGLM_ROOFS_START);
    }
    return rc;
}

/* Between rounds only where that takes little of the whole time. */
static void roof_between_rounds(struct runner *r)
{
    enum { SHARE = 20 };
    if (r->roofs != NULL && aglm_clock_ns() - r->roof_ns > SHARE * aglm_roofs_last_ns(r->roofs)) {
        measure_roof(r, AGLM_ROOFS_ROUND);
    }
}

/* Results without it are results all the same: said once. */
static void start_telemetry(struct runner *r)
{
    struct aglm_err err = {0};
    if (r->setup->telemetry != NULL &&
        aglm_telemetry_create(&r->telemetry, r->setup->telemetry, &err) < 0) {
        aglm_err_prefix(&err, "results without what the device goes through");
        r->setup->failed(r->setup->ctx, &err);
    }
}

/* ---- the whole ---- */

/* Runs the rounds of the tests of variants [first, first + n). */
static void run_group(struct runner *r, size_t first, size_t n)
{
    size_t n_tests = 0;
    for (size_t v = first; v < first + n && !should_stop(r); v++) {
        load(r, v);
    }
    for (size_t i = 0; i < r->setup->plan->n_tests; i++) {
        size_t v = aglm_runner_test(r, i)->variant;
        if (v >= first && v < first + n) {
            r->order[n_tests++] = i;
        }
    }
    for (uint64_t round = 0; round < r->setup->options->repetitions; round++) {
        aglm_plan_shuffle(r->order, n_tests, r->setup->options->seed, round);
        for (size_t k = 0; k < n_tests && !should_stop(r); k++) {
            repetition(r, r->order[k]);
        }
        if (round + 1 < r->setup->options->repetitions && !should_stop(r)) {
            roof_between_rounds(r);
        }
    }
    close_session(r);
    for (size_t v = first; v < first + n; v++) {
        aglm_runner_close_variant(r, v);
    }
}

static void run_groups(struct runner *r)
{
    size_t n = r->setup->plan->n_variants;
    r->shuffle_all = aglm_runner_fit_together(r->setup);
    if (r->shuffle_all) {
        run_group(r, 0, n);
        return;
    }
    for (size_t v = 0; v < n && !should_stop(r); v++) {
        run_group(r, v, 1);
    }
}

/* The last word on a test that has fewer repetitions than were asked for. --max-time is a stopping
 * rule that was chosen beforehand: from three repetitions on there is a median and a range, and the
 * count of samples says the rest. */
static const char *why_early(const struct runner *r, const struct test_state *test)
{
    enum { ENOUGH = 3 };
    if (r->interrupted)
        return "interrupted after";
    return test->record.n_samples < ENOUGH ? "time was up after" : NULL;
}

/* Moves the records that have samples into *out, with the last word on those that ended early. */
static void collect(struct runner *r, struct aglm_run_result *out)
{
    for (size_t i = 0; i < r->setup->plan->n_tests; i++) {
        struct test_state *test = &r->tests[i];
        if (test->record.n_samples == 0) {
            out->n_missing++;
            continue;
        }
        if (!test->failed && test->record.n_samples < r->setup->options->repetitions) {
            end_test(r, test, why_early(r, test));
        } else if (r->roofs != NULL) {
            aglm_roofs_fill(r->roofs, &test->record);
            r->setup->record(r->setup->ctx, &test->record);
        }
        out->records[out->n++] = test->record;
        test->record = (struct aglm_record){0};
    }
    out->n_failed = r->n_failed;
    out->n_skipped = r->n_skipped;
    out->interrupted = r->interrupted;
    out->time_up = r->time_up;
}

int aglm_run(struct aglm_run_result *out, const struct aglm_run_setup *setup, struct aglm_err *err)
{
    size_t n = setup->plan->n_tests;
    struct aglm_run_result result = {.records = calloc(n, sizeof(*result.records))};
    struct runner r = {.setup = setup,
                       .variants = calloc(setup->plan->n_variants, sizeof(*r.variants)),
                       .tests = calloc(n, sizeof(*r.tests)),
                       .order = calloc(n, sizeof(*r.order)),
                       .last_test = SIZE_MAX,
                       .start_ns = aglm_clock_ns()};
    int rc = 0;
    if (result.records == NULL || r.variants == NULL || r.tests == NULL || r.order == NULL) {
        rc = aglm_err_set(err, -ENOMEM, "out of memory for %zu tests", n);
        goto out;
    }
    rc = start_roofs(&r, err);
    if (rc < 0) {
        goto out;
    }
    start_telemetry(&r);
    run_groups(&r);
    if (!r.interrupted) {
        measure_roof(&r, AGLM_ROOFS_END);
    }
    collect(&r, &result);
    *out = result;
    result = (struct aglm_run_result){0};
out:
    for (size_t i = 0; r.tests != NULL && i < n; i++) {
        aglm_suite_prompt_finish(&r.tests[i].prompt);
        aglm_record_finish(&r.tests[i].record);
    }
    aglm_telemetry_destroy(&r.telemetry);
    aglm_roofs_destroy(&r.roofs);
    free(r.variants);
    free(r.tests);
    free(r.order);
    aglm_run_result_finish(&result);
    return rc;
}

void aglm_run_result_finish(struct aglm_run_result *result)
{
    for (size_t i = 0; i < result->n; i++) {
        aglm_record_finish(&result->records[i]);
    }
    free(result->records);
    *result = (struct aglm_run_result){0};
}
