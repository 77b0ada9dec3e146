/* aglm-bench eval: runs a model over a text or given tokens: likelihood (cmd_eval_text.c), or the
 * logits of every position (here).
 *
 * Input: a model (-m) and token ids. Output: --logits-out writes one little-endian float32 row of
 * vocabulary size per position; --top K prints the K best ids of each. Refuses ids outside the
 * vocabulary and more tokens than the model's context.
 */
#include "bench/cmd_eval.h"
#include "bench/cmd_complain.h"
#include "bench/commands.h"
#include "bench/requantize.h"
#include "engine/synth.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_TOP = 1000 };

/* The logits of given tokens. */
struct eval {
    const struct aglm_eval_command *command;
    size_t vocab;
    float *rows; /* [command->n, vocab] */
    FILE *out;   /* --logits-out, NULL: none */
};

static volatile sig_atomic_t stop_requested;

static void on_signal(int number)
{
    stop_requested = 1;
    signal(number, SIG_DFL); /* a second one quits at once */
}

bool aglm_eval_cancelled(void *ctx)
{
    return stop_requested != 0;
}

int aglm_eval_open(struct aglm_model **out, const struct aglm_eval_command *command,
                   const char *model, const char *quantize, double prune, char *path,
                   size_t path_size, struct aglm_err *err)
{
    const struct aglm_synth_options synth = {.seed = 1, .n_threads = command->threads};
    int rc = aglm_synth_resolve(model, &synth, path, path_size, err);
    if (rc)
        return rc;
    const struct aglm_model_options options = {
        .path = path,
        .backend = command->backend,
        .isa = command->isa,
        .n_load_threads = command->threads,
        .prune = prune,
        .load = strcmp(command->load, "mmap") == 0 ? AGLM_LOAD_MMAP : AGLM_LOAD_PACK,
        .n_ctx_override = command->ctx_override,
        .cancelled = aglm_eval_cancelled};
    return aglm_requantize_open(out, &options, quantize, err);
}

/* Whether b (NULL: no) is another name of the file a. */
static bool same_file(const char *a, const char *b)
{
    struct stat x, y;
    return b && stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev &&
           x.st_ino == y.st_ino;
}

static bool regular(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* Before anything is computed, so that a name that cannot be written costs no time. */
static int open_output(struct eval *e, const char *model, struct aglm_err *err)
{
    const char *name = e->command->logits_out;
    if (!name)
        return 0;
    if (same_file(model, name))
        return aglm_err_set(err, -EEXIST, "%s: is the model itself; choose another --logits-out",
                            name);
    e->out = fopen(name, "wb");
    if (!e->out)
        return aglm_err_set(err, -errno, "%s: cannot be written: %s", name, strerror(errno));
    return 0;
}

static int evaluate(struct eval *e, struct aglm_model *model, struct aglm_err *err)
{
    const struct aglm_eval_command *c = e->command;
    struct aglm_session *session = NULL;
    const struct aglm_session_options options = {.n_ctx = (uint32_t)c->n,
                                                 .type_k = c->type_k,
                                                 .type_v = c->type_v,
                                                 .n_batch = c->batch,
                                                 .n_ubatch = c->ubatch,
                                                 .n_threads = c->threads,
                                                 .cancelled = aglm_eval_cancelled};
    int rc = aglm_session_open(&session, model, &options, err);
    if (rc)
        return rc;
    e->rows = malloc(c->n * e->vocab * sizeof(*e->rows));
    if (!e->rows)
        rc = aglm_err_set(err, -ENOMEM, "--tokens: no memory for %zu rows of logits", c->n);
    else
        rc = aglm_session_eval(session, c->tokens, c->n, e->rows, err);
    aglm_session_close(&session);
    return rc;
}

static int run(struct eval *e, struct aglm_err *err)
{
    const struct aglm_eval_command *c = e->command;
    char path[4096];
    struct aglm_model *model = NULL;
    int rc = aglm_eval_open(&model, c, c->model, c->quantize, c->prune, path, sizeof(path), err);
    if (rc)
        return rc;
    const struct aglm_model_info *info = aglm_model_info(model);
    e->vocab = info->n_vocab;
    if (c->n > info->n_ctx_train)
        rc = aglm_err_set(err, -EINVAL, "--tokens: %zu ids, but %s was trained for a context of %u",
                          c->n, path, info->n_ctx_train);
    if (!rc)
        rc = open_output(e, path, err);
    if (!rc)
        rc = evaluate(e, model, err);
    aglm_model_close(&model);
    return rc;
}

/* Closes the file too. */
static int write_logits(struct eval *e, struct aglm_err *err)
{
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "logits are written as they lie in memory: little-endian only"
#endif
    size_t n = e->command->n * e->vocab, written = fwrite(e->rows, sizeof(*e->rows), n, e->out);
    int failed = written != n ? errno : 0;
    if (fclose(e->out) && !failed)
        failed = errno ? errno : EIO;
    e->out = NULL;
    if (failed)
        return aglm_err_set(err, -failed, "%s: writing failed: %s; the file is incomplete",
                            e->command->logits_out, strerror(failed));
    return 0;
}

/* Ids of the k best logits of a row, best first; of equals the smaller id. NaN never wins. */
static unsigned best_of(const float *row, size_t vocab, unsigned k, int32_t *ids)
{
    unsigned n = 0;
    for (size_t i = 0; i < vocab; i++) {
        if (isnan(row[i]) || (n == k && row[i] <= row[ids[n - 1]]))
            continue;
        unsigned at = n < k ? n++ : n - 1;
        for (; at > 0 && row[ids[at - 1]] < row[i]; at--)
            ids[at] = ids[at - 1];
        ids[at] = (int32_t)i;
    }
    return n;
}

static cJSON *position_json(int32_t token, size_t position, const float *row, const int32_t *ids,
                            unsigned n)
{
    cJSON *o = cJSON_CreateObject(), *top = cJSON_AddArrayToObject(o, "top");
    cJSON_AddNumberToObject(o, "position", (double)position);
    cJSON_AddNumberToObject(o, "token", token);
    for (unsigned i = 0; i < n; i++) {
        cJSON *one = cJSON_CreateObject();
        cJSON_AddNumberToObject(one, "id", ids[i]);
        cJSON_AddNumberToObject(one, "logit", (double)row[ids[i]]);
        cJSON_AddItemToArray(top, one);
    }
    return o;
}

static int print_top(const struct eval *e)
{
    const struct aglm_eval_command *c = e->command;
    int32_t ids[MAX_TOP];
    cJSON *list = c->json ? cJSON_CreateArray() : NULL;
    for (size_t p = 0; p < c->n; p++) {
        const float *row = e->rows + p * e->vocab;
        unsigned n = best_of(row, e->vocab, c->top, ids);
        if (list) {
            cJSON_AddItemToArray(list, position_json(c->tokens[p], p, row, ids, n));
            continue;
        }
        printf("position %zu, token %d:", p, c->tokens[p]);
        for (unsigned i = 0; i < n; i++)
            printf("  %d %.6g", ids[i], (double)row[ids[i]]);
        printf("\n");
    }
    if (list) {
        char *text = cJSON_Print(list);
        cJSON_Delete(list);
        if (!text)
            return 1;
        puts(text);
        cJSON_free(text);
    }
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    fprintf(stderr, "aglm-bench eval: standard output: %s\n", strerror(errno));
    return 1;
}

/* NaN or infinity in the output means weights or arithmetic are broken; better said than shown as
 * numbers. */
static size_t count_broken(const struct eval *e)
{
    size_t broken = 0;
    for (size_t i = 0; i < e->command->n * e->vocab; i++)
        broken += !isfinite(e->rows[i]);
    return broken;
}

static int eval_tokens(const struct aglm_eval_command *command)
{
    struct eval e = {.command = command};
    struct aglm_err err = {0};
    int rc = run(&e, &err);
    if (!rc && e.out)
        rc = write_logits(&e, &err);
    if (e.out)
        fclose(e.out);
    if (e.out && regular(command->logits_out))
        unlink(command->logits_out); /* empty: nothing was computed */
    if (rc)
        aglm_complain("eval", err.msg);
    else if (command->top)
        rc = print_top(&e);
    if (!rc && count_broken(&e)) {
        aglm_err_set(&err, -ERANGE,
                     "%s: %zu of %zu logits are NaN or infinite; the weights are damaged",
                     command->model, count_broken(&e), command->n * e.vocab);
        aglm_complain("eval", err.msg);
        rc = 1;
    }
    free(e.rows);
    return rc ? 1 : 0;
}

int aglm_cmd_eval(int argc, char **argv)
{
    struct aglm_eval_command command;
    struct sigaction action = {.sa_handler = on_signal};
    int rc = aglm_eval_parse(&command, argc, argv);
    if (!rc) {
        sigaction(SIGINT, &action, NULL);
        sigaction(SIGTERM, &action, NULL);
        signal(SIGPIPE, SIG_IGN);
        signal(SIGXFSZ, SIG_IGN);
        rc = command.text_file ? aglm_eval_text(&command) : eval_tokens(&command);
    } else {
        rc = rc == 1 ? 0 : 2;
    }
    free(command.tokens);
    return rc;
}
