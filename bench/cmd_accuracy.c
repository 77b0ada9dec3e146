/* aglm-bench accuracy: how many answers of a small trained model stay right, by quantization,
 * backend and instruction set.
 *
 * Inputs: a model and a file of items, found beside the program unless named. Outputs: counts with
 * intervals on standard output, records in a database, progress and notes on standard error.
 * Refuses missing or damaged files, items longer than the context, and databases that cannot be
 * written, before anything is computed. What was finished before an error or Ctrl-C is printed.
 */
#include "bench/cmd_accuracy.h"
#include "bench/cmd_complain.h"
#include "bench/cmd_store.h"
#include "bench/commands.h"
#include "bench/minifiles.h"
#include "bench/progress.h"
#include "bench/tally.h"
#include "bench/verdict.h"
#include "probes/clock.h"
#include "reports/store.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_SIZE = 4096 };

#define REFERENCE_TYPE "f32"

struct job {
    struct aglm_accuracy_command command;
    struct aglm_items items;
    struct aglm_accuracy_table table;
    struct aglm_answers reference; /* n 0: none */
    struct aglm_record common;
    struct aglm_store *store;
    struct aglm_progress progress;
    double limit_percent;
    uint64_t start_ns;
    size_t step, n_steps;
    const char *doing;
    char model[PATH_SIZE], items_path[PATH_SIZE], db[PATH_SIZE], reference_name[64];
};

static volatile sig_atomic_t stop_requested;

static void on_signal(int number)
{
    stop_requested = 1;
    signal(number, SIG_DFL); /* a second one quits at once */
}

static bool cancelled(void *ctx)
{
    (void)ctx;
    return stop_requested != 0;
}

static void draw(void *ctx, size_t done, size_t n)
{
    struct job *j = ctx;
    double fraction = ((double)j->step + (double)done / (double)n) / (double)j->n_steps;
    double spent = (double)(aglm_clock_ns() - j->start_ns) / 1e9;
    aglm_progress_draw(&j->progress, fraction, j->doing, spent / fraction - spent);
}

static void note(struct job *j, const char *msg)
{
    if (j->command.quiet)
        return;
    aglm_progress_clear(&j->progress);
    aglm_complain("accuracy", msg);
}

/* ---- one quantization ---- */

/* Appends a row; answers become the row's, except those of the reference, which others look at. */
static int add_row(struct job *j, const struct aglm_accuracy_options *o,
                   const struct aglm_answers *answers, struct aglm_err *err)
{
    struct aglm_accuracy_table *t = &j->table;
    struct aglm_accuracy_row *rows = realloc(t->rows, (t->n + 1) * sizeof(*rows));
    if (!rows)
        return aglm_err_set(err, -ENOMEM, "out of memory");
    t->rows = rows;
    struct aglm_accuracy_row *row = &rows[t->n];
    *row = (struct aglm_accuracy_row){.answers = *answers};
    int rc = aglm_accuracy_record(&row->record, &j->common, &j->items, o, answers,
                                  j->reference.n ? &j->reference : NULL, j->reference_name, err);
    if (rc) {
        aglm_record_finish(&row->record);
        return rc;
    }
    t->n++;
    aglm_verdict_accuracy(&row->record, j->limit_percent);
    return j->store ? aglm_store_put(j->store, &row->record, err) : 0;
}

static struct aglm_accuracy_options options_of(struct job *j, const char *path, const char *q,
                                               const char *backend, const char *isa)
{
    return (struct aglm_accuracy_options){.path = path,
                                          .backend = backend,
                                          .isa = isa,
                                          .quantize = q,
                                          .n_threads = j->command.threads,
                                          .cancelled = cancelled,
                                          .progress = draw,
                                          .ctx = j};
}

static int run_one(struct job *j, const char *q, const char *backend, const char *isa,
                   struct aglm_err *err)
{
    struct aglm_answers answers = {0};
    char what[64];
    struct aglm_accuracy_options o = options_of(j, j->model, q, backend, isa);
    o.prune = j->command.prune;
    o.type_k = j->command.type_k;
    o.type_v = j->command.type_v;
    snprintf(what, sizeof(what), "%.20s, %.12s %.12s", q, backend, isa);
    j->doing = what;
    int rc = aglm_accuracy_run(&answers, &j->items, &o, err);
    const size_t before = j->table.n;
    if (!rc)
        rc = add_row(j, &o, &answers, err);
    if (j->table.n == before)
        aglm_answers_finish(&answers);
    j->step++;
    return rc;
}

/* ---- the reference ---- */

/* F32 on the processor with its best instructions. A file that is quantized already has no F32 to
 * go back to: then results stand alone, and that is said. */
static int run_reference(struct job *j, struct aglm_err *err)
{
    const char *path = j->command.against ? j->command.against : j->model;
    const struct aglm_accuracy_options o = options_of(j, path, REFERENCE_TYPE, "cpu", "auto");
    j->doing = "the reference, F32";
    int rc = aglm_accuracy_run(&j->reference, &j->items, &o, err);
    j->step++;
    if (rc == -ENOTSUP && !j->command.against) {
        char msg[600];
        snprintf(msg, sizeof(msg), "note: nothing to compare with (%.400s); give --against FILE",
                 err->msg);
        note(j, msg);
        return 0;
    }
    if (rc)
        return rc;
    snprintf(j->reference_name, sizeof(j->reference_name), "%s",
             j->command.against ? j->reference.model.description : "F32");
    j->table.has_reference = true;
    return add_row(j, &o, &j->reference, err);
}

/* Is this what the reference has answered already? */
static bool is_reference(const struct job *j, const char *q, const char *backend, const char *isa)
{
    const struct aglm_accuracy_command *c = &j->command;
    return j->reference.n && !c->against && c->prune <= 0 && c->type_k == AGLM_F16 &&
           c->type_v == AGLM_F16 && strcmp(q, REFERENCE_TYPE) == 0 && strcmp(backend, "cpu") == 0 &&
           strcmp(isa, "auto") == 0;
}

static int run_all(struct job *j, struct aglm_err *err)
{
    const struct aglm_accuracy_command *c = &j->command;
    j->n_steps = 1 + c->quantize.n * c->backends.n * c->isas.n;
    j->start_ns = aglm_clock_ns();
    int rc = run_reference(j, err);
    for (size_t b = 0; b < c->backends.n; b++)
        for (size_t s = 0; s < c->isas.n; s++)
            for (size_t q = 0; q < c->quantize.n && !rc; q++)
                if (!is_reference(j, c->quantize.values[q], c->backends.values[b],
                                  c->isas.values[s]))
                    rc = run_one(j, c->quantize.values[q], c->backends.values[b], c->isas.values[s],
                                 err);
    aglm_progress_clear(&j->progress);
    return rc;
}

/* ---- before and after ---- */

static int find(char *path, const char *given, const char *name, const char *option,
                struct aglm_err *err)
{
    if (!given)
        return aglm_minifile(path, PATH_SIZE, name, option, err);
    snprintf(path, PATH_SIZE, "%s", given);
    return 0;
}

static int prepare(struct job *j, struct aglm_err *err)
{
    const struct aglm_accuracy_command *c = &j->command;
    int rc = find(j->model, c->model, AGLM_MINI_MODEL, "-m", err);
    if (!rc)
        rc = find(j->items_path, c->items, AGLM_MINI_ITEMS, "--items", err);
    if (!rc)
        rc = aglm_items_read(&j->items, j->items_path, err);
    if (!rc && c->parts)
        rc = aglm_items_keep_parts(&j->items, c->parts, err);
    if (!rc && c->limit)
        aglm_items_thin(&j->items, c->limit);
    if (!rc)
        rc = aglm_cmd_accuracy_limit(&j->limit_percent, err);
    aglm_cmd_choose_db(j->db, sizeof(j->db), c->db, c->no_db);
    if (!rc && j->db[0])
        rc = aglm_store_open(&j->store, j->db, err);
    if (!rc)
        rc = aglm_cmd_fill_common(&j->common, c->label, err);
    j->table.command = c;
    j->table.items = &j->items;
    j->table.items_path = j->items_path;
    return rc;
}

/* How far to trust the speeds, and where the results are. */
static void print_notes(struct job *j)
{
    double others = NAN;
    char msg[PATH_SIZE + 100];
    for (size_t i = 0; i < j->table.n; i++)
        others = fmax(others, j->table.rows[i].record.accuracy.others_cpu_percent);
    if (others > AGLM_VERDICT_OTHERS_MAX_PERCENT) {
        snprintf(msg, sizeof(msg),
                 "note: others used up to %.0f%% of the CPU: answers are the same, speeds are not "
                 "to be compared",
                 others);
        note(j, msg);
    }
    if (j->store && j->table.n) {
        snprintf(msg, sizeof(msg), "stored in %s (run %s)", j->db, j->common.run_uuid);
        note(j, msg);
    }
}

static void finish(struct job *j)
{
    for (size_t i = 0; i < j->table.n; i++) {
        aglm_record_finish(&j->table.rows[i].record);
        if (i > 0 || !j->table.has_reference) /* the first row's are the reference's, below */
            aglm_answers_finish(&j->table.rows[i].answers);
    }
    free(j->table.rows);
    aglm_answers_finish(&j->reference);
    aglm_items_finish(&j->items);
    aglm_record_finish(&j->common);
    aglm_store_close(&j->store);
}

static int execute(struct job *j)
{
    struct aglm_err err = {0};
    aglm_progress_init(&j->progress, stderr, false, j->command.quiet);
    int rc = prepare(j, &err);
    if (!rc)
        rc = run_all(j, &err);
    if (rc)
        aglm_complain("accuracy",
                      rc == -ECANCELED ? "interrupted: what was finished is printed" : err.msg);
    if (j->table.n > 0) {
        errno = 0;
        if (aglm_accuracy_print(&j->table))
            rc = aglm_err_set(&err, -ENOMEM, "out of memory");
        if (fflush(stdout) || ferror(stdout)) {
            rc = -EIO;
            if (errno != EPIPE) /* who closed the pipe knows it */
                fprintf(stderr, "aglm-bench accuracy: standard output: cannot write: %s\n",
                        strerror(errno ? errno : EIO));
        }
        print_notes(j);
    }
    return rc ? 1 : 0;
}

int aglm_cmd_accuracy(int argc, char **argv)
{
    struct job j = {.limit_percent = NAN};
    const struct sigaction action = {.sa_handler = on_signal};
    int rc = aglm_accuracy_parse(&j.command, argc, argv);
    if (rc)
        return rc == 1 ? 0 : 2;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    aglm_record_init(&j.common);
    int code = execute(&j);
    finish(&j);
    return code;
}
