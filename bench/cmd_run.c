/* `aglm-bench run`: options, device, models, measuring, storing, output.
 *
 * Inputs: the command line, AGLM_DB. Outputs: results on standard output, progress and notes on
 * standard error, records in a database. The order of refusals: usage and the size of the plan
 * before anything is opened; the database and the model files before anything is measured. Whatever
 * goes wrong later, what was measured is printed.
 */
#include "bench/cmd_store.h"
#include "bench/commands.h"
#include "bench/estimate.h"
#include "bench/matrix.h"
#include "bench/minifiles.h"
#include "bench/options.h"
#include "bench/output.h"
#include "bench/progress.h"
#include "bench/run_accuracy.h"
#include "bench/runner.h"
#include "engine/synth.h"
#include "probes/topology.h"
#include "reports/store.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MODEL_PATH_SIZE 4096

struct run {
    struct aglm_options options;
    struct aglm_plan plan;
    struct aglm_progress progress;
    struct aglm_estimate estimate;
    struct aglm_record common;
    struct aglm_run_result result;
    struct aglm_store *store; /* NULL: nothing is stored */
    char db[4096];
    char **paths;       /* [options.models.n] */
    const char *making; /* the preset that is being made */
    int made_percent;
    uint64_t n_done;
    double accuracy_limit; /* percent; NaN: none */
    bool store_failed;
};

static volatile sig_atomic_t stop_requested;
static volatile sig_atomic_t stop_quietly;

/* The first signal asks for a clean stop, the next one finds the default action: it kills. A batch
 * is computed to its end first, which may take seconds: hence the answer, by write(), which a
 * handler may call. */
static void on_signal(int number)
{
    static const char answer[] = "\naglm-bench: stopping after this batch; again: quit at once\n";
    int saved_errno = errno;
    stop_requested = 1;
    if (!stop_quietly && write(STDERR_FILENO, answer, sizeof(answer) - 1) < 0) {
        stop_quietly = 1; /* nobody listens */
    }
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    errno = saved_errno;
}

static void set_signals(bool quiet)
{
    stop_quietly = quiet;
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN); /* a closed pipe or a full disk is an error of write(), not the end */
    signal(SIGXFSZ, SIG_IGN);
}

/* One line on standard error, whatever bytes a file name or an argument brought in. */
static void say(struct run *run, const char *prefix, const char *msg, const char *suffix)
{
    aglm_progress_clear(&run->progress);
    fprintf(stderr, "aglm-bench: %s", prefix);
    for (; *msg != '\0'; msg++) {
        fputc((unsigned char)*msg < 0x20 || *msg == 0x7f ? '?' : *msg, stderr);
    }
    fprintf(stderr, "%s\n", suffix);
}

static void note(struct run *run, const char *msg)
{
    if (!run->options.quiet) {
        say(run, "", msg, "");
    }
}

/* ---- callbacks of the runner ---- */

static bool on_cancelled(void *ctx)
{
    return stop_requested != 0;
}

static void on_failed(void *ctx, const struct aglm_err *err)
{
    say(ctx, "", err->msg, "");
}

static void on_record(void *ctx, const struct aglm_record *record)
{
    struct run *run = ctx;
    struct aglm_err err = {0};
    if (run->store != NULL && aglm_store_put(run->store, record, &err) < 0 && !run->store_failed) {
        run->store_failed = true;
        say(run, "", err.msg, "; measuring goes on, the results are printed but not all stored");
    }
}

static const char *phase_name(const struct aglm_test *test)
{
    if (test->n_prompt > 0 && test->n_gen > 0) {
        return "prompt and generation";
    }
    return test->n_prompt > 0 ? "prompt" : "generation";
}

static void on_loading(struct run *run, const struct aglm_run_event *event)
{
    char what[256];
    const struct aglm_variant *variant = &run->plan.variants[event->variant];
    bool requantize = strcmp(variant->quantize, "none") != 0;
    snprintf(what, sizeof(what), "loading %.180s%s%s", variant->model, requantize ? " as " : "",
             requantize ? variant->quantize : "");
    aglm_progress_say(&run->progress, what);
}

static void on_event(void *ctx, const struct aglm_run_event *event)
{
    struct run *run = ctx;
    const struct aglm_test *test = &run->plan.tests[event->test];
    static const char *const stages[] = {"", "", "waiting before ", "warming up for ", "", ""};
    char name[64], what[256];
    if (event->stage == AGLM_RUN_ROOF) {
        aglm_progress_say(&run->progress, "measuring this device's limits");
        return;
    }
    if (event->stage == AGLM_RUN_LOADING) {
        on_loading(run, event);
        return;
    }
    if (event->stage == AGLM_RUN_MEASURED) {
        run->n_done++;
        aglm_estimate_add(&run->estimate, event->test, event->ns);
    }
    aglm_test_name(test, name, sizeof(name));
    snprintf(what, sizeof(what), "%s%s, %" PRIu32 " thread%s, %" PRIu64 "/%" PRIu64 "  %.100s",
             stages[event->stage], name, test->n_threads, test->n_threads == 1 ? "" : "s",
             event->repetition, run->options.repetitions, run->plan.variants[event->variant].model);
    aglm_progress_draw(&run->progress,
                       (double)run->n_done /
                           ((double)run->plan.n_tests * (double)run->options.repetitions),
                       what, aglm_estimate_left_s(&run->estimate));
    if (event->stage == AGLM_RUN_WARM_UP) {
        aglm_progress_line(&run->progress, "benchmark %zu/%zu: warmup %s run", event->test + 1,
                           run->plan.n_tests, phase_name(test));
    } else if (event->stage == AGLM_RUN_MEASURE) {
        aglm_progress_line(&run->progress, "benchmark %zu/%zu: %s run %" PRIu64 "/%" PRIu64,
                           event->test + 1, run->plan.n_tests, phase_name(test), event->repetition,
                           run->options.repetitions);
    }
}

static bool on_synth(void *ctx, uint64_t done_bytes, uint64_t total_bytes)
{
    struct run *run = ctx;
    char what[256];
    double fraction = total_bytes > 0 ? (double)done_bytes / (double)total_bytes : 0;
    int percent = (int)(fraction * 100);
    if (percent != run->made_percent) {
        snprintf(what, sizeof(what), "making %.200s (first use only)", run->making);
        aglm_progress_draw(&run->progress, fraction, what, NAN);
        if (percent / 10 != run->made_percent / 10 || run->made_percent < 0) {
            aglm_progress_line(&run->progress, "%s: %d%%", what, percent);
        }
        run->made_percent = percent;
    }
    return stop_requested == 0;
}

/* ---- steps ---- */

/* Turns presets into files and checks that every file can be read, before anything is measured. */
static int resolve_models(struct run *run, struct aglm_err *err)
{
    struct aglm_synth_options synth = {.seed = 1,
                                       .n_threads = (unsigned)aglm_topology_cpus(),
                                       .progress = on_synth,
                                       .progress_ctx = run};
    run->paths = calloc(run->options.models.n, sizeof(*run->paths));
    if (run->paths == NULL) {
        return aglm_err_set(err, -ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < run->options.models.n; i++) {
        char path[MODEL_PATH_SIZE];
        run->making = run->options.models.values[i];
        run->made_percent = -1;
        int rc = aglm_synth_resolve(run->making, &synth, path, sizeof(path), err);
        if (rc < 0) {
            return rc;
        }
        if (access(path, R_OK) < 0) {
            return aglm_err_set(err, -errno, "%s: cannot read the model: %s", path,
                                strerror(errno));
        }
        run->paths[i] = strdup(path);
        if (run->paths[i] == NULL) {
            return aglm_err_set(err, -ENOMEM, "out of memory");
        }
    }
    return 0;
}

static void print_suite(void)
{
    size_t n;
    const struct aglm_suite_entry *entries = aglm_suite_entries(&n);
    printf("%-15s %6s %6s %6s  %-32s  %s\n", "id", "cached", "prompt", "gen", "digest of the text",
           "what");
    for (size_t i = 0; i < n; i++) {
        const struct aglm_suite_entry *e = &entries[i];
        char digest[AGLM_SUITE_DIGEST_SIZE] = "";
        aglm_suite_text_digest(e, digest, NULL);
        printf("%-15s %6" PRIu32 " %6" PRIu32 " %6" PRIu32 "  %-32s  %s\n", e->id, e->n_cached,
               e->n_prompt, e->n_gen, digest, e->what);
    }
}

static void note_oversubscription(struct run *run)
{
    unsigned cpus = (unsigned)aglm_topology_cpus();
    uint32_t most = 0;
    char msg[160];
    for (size_t i = 0; i < run->plan.n_tests; i++) {
        most = run->plan.tests[i].n_threads > most ? run->plan.tests[i].n_threads : most;
    }
    if (most > cpus) {
        snprintf(msg, sizeof(msg),
                 "note: %" PRIu32
                 " threads on %u CPU%s: no more than %u work, the others would only "
                 "make them wait",
                 most, cpus, cpus == 1 ? "" : "s", cpus);
        note(run, msg);
    }
}

/* Everything up to the first measurement. */
static int prepare(struct run *run, struct aglm_err *err)
{
    int rc = aglm_estimate_create(&run->estimate, &run->plan, run->options.repetitions,
                                  run->options.delay_s * 1000000000u);
    if (rc < 0) {
        return aglm_err_set(err, rc, "out of memory");
    }
    aglm_cmd_choose_db(run->db, sizeof(run->db), run->options.db, run->options.no_db);
    if (run->db[0] != '\0') {
        rc = aglm_store_open(&run->store, run->db, err);
        if (rc < 0) {
            return rc;
        }
    }
    rc = aglm_cmd_fill_common(&run->common, run->options.label, err);
    rc = rc == 0 ? aglm_cmd_accuracy_limit(&run->accuracy_limit, err) : rc;
    if (rc < 0) {
        return rc;
    }
    note_oversubscription(run);
    return resolve_models(run, err);
}

/* ---- answers ---- */

static void on_answers(void *ctx, size_t pass, size_t passes, size_t done, size_t n)
{
    struct run *run = ctx;
    aglm_progress_draw(&run->progress, ((double)pass + (double)done / (double)n) / (double)passes,
                       pass == 0 ? "answers in F32" : "answers in the quantizations measured", NAN);
    if (done == 0) {
        aglm_progress_line(&run->progress, "accuracy %zu/%zu: asking %zu questions", pass + 1,
                           passes, n);
    }
}

static void no_accuracy(struct run *run, const struct aglm_err *err)
{
    char msg[sizeof(err->msg) + 32];
    snprintf(msg, sizeof(msg), "note: no accuracy: %s", err->msg);
    note(run, msg);
}

/* The answers of the small model that ships, in what was measured. They are an addition: without
 * them the run is as good as before. */
static void ask(struct run *run)
{
    enum { LIMIT_S = 15 }; /* for all passes together */
    char model[MODEL_PATH_SIZE], items[MODEL_PATH_SIZE];
    const struct aglm_run_result *result = &run->result;
    struct aglm_err err = {0};
    struct aglm_run_accuracy setup = {
        .model = model,
        .items = items,
        .common = &run->common,
        .records = result->records,
        .n = result->n,
        .n_threads = (unsigned)aglm_topology_threads(),
        .limit_ns = LIMIT_S * UINT64_C(1000000000),
        .limit_percent = run->accuracy_limit,
        .ctx = run,
        .cancelled = on_cancelled,
        .progress = on_answers,
        .record = on_record,
        .failed = on_failed,
    };
    if (!run->options.accuracy || result->interrupted ||
        !aglm_run_accuracy_applies(result->records, result->n)) {
        return;
    }
    int rc = aglm_minifile(model, sizeof(model), AGLM_MINI_MODEL, "aglm-bench accuracy -m", &err);
    if (rc == 0) {
        rc = aglm_minifile(items, sizeof(items), AGLM_MINI_ITEMS, "aglm-bench accuracy --items",
                           &err);
    }
    if (rc == 0) {
        rc = aglm_run_accuracy(&setup, &err);
    }
    run->result.interrupted = rc == -ECANCELED;
    if (rc < 0) {
        no_accuracy(run, &err);
    }
}

/* ---- the end ---- */

/* Prints the results; false when standard output did not take them. */
static bool print_results(struct run *run)
{
    const struct aglm_run_result *result = &run->result;
    aglm_progress_clear(&run->progress);
    errno = 0;
    int rc = aglm_output(stdout, run->options.output, result->records, result->n);
    if (rc == 0 && (fflush(stdout) != 0 || ferror(stdout))) {
        rc = errno != 0 ? -errno : -EIO;
    }
    if (aglm_output(stderr, run->options.output_err, result->records, result->n) < 0) {
        rc = -ENOMEM;
    }
    if (rc < 0 && rc != -EPIPE) { /* who closed the pipe knows it */
        say(run, "standard output: cannot write the results: ", strerror(-rc), "");
    }
    return rc == 0;
}

/* What loading cost, once for each model as it was loaded: their tests follow one another. */
static void note_loading(struct run *run)
{
    const struct aglm_record *before = NULL;
    for (size_t i = 0; i < run->result.n; i++) {
        const struct aglm_record *r = &run->result.records[i];
        char msg[700];
        if (before == NULL || before->load_ns != r->load_ns ||
            strcmp(before->model_path, r->model_path) != 0) {
            const bool as = strcmp(r->requantize, "none") != 0;
            size_t n = (size_t)snprintf(msg, sizeof(msg), "loaded %s%s%s in %.2f s", r->model_path,
                                        as ? " as " : "", as ? r->requantize : "",
                                        (double)r->load_ns / 1e9);
            if (r->packed_bytes > 0) {
                snprintf(msg + n, sizeof(msg) - n, ": packed %.2f GB in %.2f s",
                         r->packed_bytes / 1e9, r->pack_ns / 1e9);
            } else if (strcmp(r->load, "mmap") == 0) {
                snprintf(msg + n, sizeof(msg) - n, ": weights stay in the file");
            }
            note(run, msg);
        }
        before = r;
    }
}

static void print_notes(struct run *run)
{
    const struct aglm_run_result *result = &run->result;
    char msg[160];
    if (result->interrupted || result->time_up) {
        snprintf(msg, sizeof(msg), "%s: %zu of %zu tests have measurements, which are kept",
                 result->interrupted ? "interrupted" : "time was up", result->n, run->plan.n_tests);
        say(run, "", msg, "");
    }
    for (size_t i = 0; i < result->n; i++) {
        const struct aglm_record *r = &result->records[i];
        if (r->prompt_digest[0] != '\0' && r->text_digest[0] == '\0') {
            note(run, "note: where a model has no tokenizer, the suite's prompts are random ids of "
                      "the same lengths");
            break;
        }
    }
    note_loading(run);
    if (run->options.profile_ops && result->n > 0 &&
        (run->options.output == AGLM_FORMAT_CSV || run->options.output_err == AGLM_FORMAT_CSV)) {
        note(run, "note: csv has no room for operators: -o md, json, jsonl and sql have them, and "
                  "the store");
    }
    if (run->store != NULL && result->n > 0 && !run->store_failed && !run->options.quiet) {
        char run_text[64];
        snprintf(run_text, sizeof(run_text), " (run %s)", run->common.run_uuid);
        say(run, "stored in ", run->db, run_text);
    } else if (run->store == NULL && result->n > 0 && !run->options.no_db) {
        note(run, "not stored: give --db FILE to keep results");
    }
}

static void finish(struct run *run)
{
    aglm_store_close(&run->store);
    aglm_run_result_finish(&run->result);
    aglm_record_finish(&run->common);
    aglm_estimate_finish(&run->estimate);
    aglm_plan_finish(&run->plan);
    for (size_t i = 0; run->paths != NULL && i < run->options.models.n; i++) {
        free(run->paths[i]);
    }
    free(run->paths);
    aglm_options_finish(&run->options);
}

/* From a good plan to the exit code. */
static int execute(struct run *run)
{
    static const struct aglm_telemetry_options telemetry = {0};
    struct aglm_err err = {0};
    struct aglm_run_setup setup = {.options = &run->options,
                                   .plan = &run->plan,
                                   .common = &run->common,
                                   .ctx = run,
                                   .cancelled = on_cancelled,
                                   .event = on_event,
                                   .roof = run->options.roof ? aglm_roof_measure : NULL,
                                   .telemetry = &telemetry,
                                   .record = on_record,
                                   .failed = on_failed};
    aglm_progress_init(&run->progress, stderr, run->options.progress, run->options.quiet);
    set_signals(run->options.quiet);
    aglm_progress_say(&run->progress, "looking at this device");
    int rc = prepare(run, &err);
    if (rc == 0) {
        setup.paths = run->paths;
        rc = aglm_run(&run->result, &setup, &err);
    }
    if (rc < 0) {
        say(run, "", rc == -ECANCELED ? "interrupted before anything was measured" : err.msg, "");
        return 1;
    }
    ask(run);
    bool printed = print_results(run);
    print_notes(run);
    return printed && !run->store_failed && run->result.n_failed == 0 && run->result.n > 0 &&
                   !run->result.interrupted
               ? 0
               : 1;
}

int aglm_cmd_run(int argc, char **argv)
{
    struct run run = {0};
    struct aglm_err err = {0};
    uint32_t threads = (uint32_t)aglm_topology_threads();
    int rc = aglm_options_parse(&run.options, argc, argv, threads, &err);
    if (rc == 0 && (run.options.help || run.options.suite_list)) {
        if (run.options.help) {
            aglm_options_help(stdout, threads);
        } else {
            print_suite();
        }
        finish(&run);
        return 0;
    }
    if (rc == 0) {
        rc = aglm_plan_create(&run.plan, &run.options, &err);
    }
    if (rc < 0) {
        say(&run, "", err.msg, "; see 'aglm-bench run --help'");
        finish(&run);
        return rc == -ENOMEM ? 1 : 2;
    }
    int code = execute(&run);
    finish(&run);
    return code;
}
