/* aglm-bench eval --text-file: likelihood of a text, and divergence from a reference model.
 *
 * Inputs: a text (file or standard input), a model with a tokenizer, perhaps a reference. Outputs:
 * figures on standard output as text or JSON, progress on standard error. Refuses an empty text,
 * one that fills no window, a window longer than the model's context, models without a tokenizer,
 * two models with different vocabularies, and logits that are no numbers.
 */
#include "bench/cmd_complain.h"
#include "bench/cmd_eval.h"
#include "bench/escape.h"
#include "bench/json.h"
#include "bench/progress.h"
#include "bench/stats.h"
#include "bench/textfile.h"
#include "probes/clock.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TEXT = 1 << 30, MAX_PATH = 4096 };

struct side {
    struct aglm_model *model;
    struct aglm_session *session;
    const struct aglm_tokenizer *tokenizer;
    char path[MAX_PATH];
};

struct text_eval {
    const struct aglm_eval_command *command;
    struct side model, reference;
    struct aglm_tokens tokens;
    struct aglm_perplexity sums;
    struct aglm_progress progress;
    uint64_t start_ns;
};

/* The KL divergences in order of size, at the places that are shown. */
struct kl_quantiles {
    double median, p99, max;
};

static int open_side(struct side *side, const struct text_eval *e, const char *name,
                     const char *quantize, struct aglm_err *err)
{
    const uint32_t window = e->command->windows.window;
    const double prune = side == &e->model ? e->command->prune : 0;
    int rc = aglm_eval_open(&side->model, e->command, name, quantize, prune, side->path,
                            sizeof(side->path), err);
    if (rc)
        return rc;
    const struct aglm_model_info *info = aglm_model_info(side->model);
    if (window > info->n_ctx_train)
        return aglm_err_set(err, -EINVAL,
                            "%s: trained for a context of %" PRIu32 ", the window is %" PRIu32
                            "; give a smaller --window, or --override-ctx",
                            side->path, info->n_ctx_train, window);
    return aglm_model_tokenizer(side->model, &side->tokenizer, err);
}

static int open_session(struct side *side, const struct text_eval *e, enum aglm_dtype type_k,
                        enum aglm_dtype type_v, struct aglm_err *err)
{
    const struct aglm_eval_command *c = e->command;
    const struct aglm_session_options options = {.n_ctx = c->windows.window,
                                                 .type_k = type_k,
                                                 .type_v = type_v,
                                                 .n_batch = c->batch,
                                                 .n_ubatch = c->ubatch,
                                                 .n_threads = c->threads,
                                                 .cancelled = aglm_eval_cancelled};
    return aglm_session_open(&side->session, side->model, &options, err);
}

static void close_side(struct side *side)
{
    aglm_session_close(&side->session);
    aglm_model_close(&side->model);
}

/* The two must mean the same by a token, or their predictions cannot be compared. */
static int check_vocabularies(const struct text_eval *e, struct aglm_err *err)
{
    const uint32_t a = aglm_model_info(e->model.model)->n_vocab;
    const uint32_t b = aglm_model_info(e->reference.model)->n_vocab;
    if (a != b)
        return aglm_err_set(err, -EINVAL,
                            "%s: has a vocabulary of %" PRIu32 ", %s of %" PRIu32
                            "; they cannot be compared",
                            e->reference.path, b, e->model.path, a);
    for (uint32_t id = 0; id < a; id++) {
        size_t n, m;
        const char *x = aglm_tokenizer_piece(e->model.tokenizer, (int32_t)id, &n);
        const char *y = aglm_tokenizer_piece(e->reference.tokenizer, (int32_t)id, &m);
        if (n != m || (n > 0 && memcmp(x, y, n) != 0))
            return aglm_err_set(err, -EINVAL,
                                "%s: token %" PRIu32
                                " stands for something else than in %s; they cannot be compared",
                                e->reference.path, id, e->model.path);
    }
    return 0;
}

static int open_reference(struct text_eval *e, struct aglm_err *err)
{
    const struct aglm_eval_command *c = e->command;
    if (!c->against && !c->against_quantize)
        return 0;
    int rc =
        open_side(&e->reference, e, c->against ? c->against : c->model, c->against_quantize, err);
    if (!rc)
        rc = check_vocabularies(e, err);
    return rc ? rc : open_session(&e->reference, e, AGLM_F16, AGLM_F16, err);
}

static void draw(void *ctx, size_t done, size_t windows)
{
    struct text_eval *e = ctx;
    double fraction = (double)done / (double)windows;
    double spent = (double)(aglm_clock_ns() - e->start_ns) / 1e9;
    aglm_progress_draw(&e->progress, fraction, e->model.path,
                       done > 0 ? spent / fraction - spent : NAN);
}

/* Everything but printing. What was summed up when it was cancelled stays. */
static int run(struct text_eval *e, struct aglm_err *err)
{
    const struct aglm_eval_command *c = e->command;
    char *text = NULL;
    size_t size = 0;
    int rc = aglm_textfile_read(c->text_file, MAX_TEXT, &text, &size, err);
    if (!rc)
        rc = open_side(&e->model, e, c->model, c->quantize, err);
    if (!rc)
        rc = aglm_tokenizer_encode(e->model.tokenizer, text, size, AGLM_TOKENIZE_MARKS, &e->tokens,
                                   err);
    free(text);
    if (!rc && aglm_windows_count(&c->windows, e->tokens.n) == 0)
        rc = aglm_err_set(err, -EINVAL,
                          "%s: has %zu tokens, fewer than the window of %" PRIu32
                          "; give more text or a smaller --window",
                          c->text_file, e->tokens.n, c->windows.window);
    if (!rc)
        rc = open_session(&e->model, e, c->type_k, c->type_v, err);
    if (!rc)
        rc = open_reference(e, err);
    if (rc)
        return rc;
    const struct aglm_tokenizer_info *info = aglm_tokenizer_info(e->model.tokenizer);
    const struct aglm_perplexity_options options = {.windows = c->windows,
                                                    .bos = info->add_bos ? info->bos : -1,
                                                    .n_vocab =
                                                        aglm_model_info(e->model.model)->n_vocab,
                                                    .name = e->model.path,
                                                    .reference_name = e->reference.path,
                                                    .progress = draw,
                                                    .progress_ctx = e};
    aglm_progress_init(&e->progress, stderr, false, c->quiet);
    e->start_ns = aglm_clock_ns();
    rc = aglm_perplexity_run(&e->sums, e->model.session, e->reference.session, e->tokens.ids,
                             e->tokens.n, &options, err);
    aglm_progress_clear(&e->progress);
    return rc;
}

static struct kl_quantiles quantiles(struct aglm_perplexity *sums)
{
    size_t n = (size_t)sums->kl.n;
    aglm_stats_sort(sums->kls, n);
    return (struct kl_quantiles){aglm_stats_median(sums->kls, n),
                                 aglm_stats_quantile(sums->kls, n, 0.99),
                                 aglm_stats_quantile(sums->kls, n, 1.0)};
}

/* ---- as text ---- */

static void print_side(const char *label, const struct side *side, const struct aglm_mean *nll)
{
    double mean = aglm_mean_value(nll), error = aglm_mean_error(nll);
    char *path = aglm_utf8_clean(side->path);
    printf("%-12s %s, %s\n", label, path ? path : "", aglm_model_info(side->model)->quantization);
    printf("  NLL        %.6f ± %.6f nats per token\n", mean, error);
    printf("  perplexity %.4f ± %.4f\n", exp(mean), exp(mean) * error);
    free(path);
}

static void print_text(struct text_eval *e)
{
    const struct aglm_windows *w = &e->command->windows;
    struct aglm_perplexity *s = &e->sums;
    char *name = aglm_utf8_clean(e->command->text_file);
    printf("text         %s, %zu tokens\n", name ? name : "", e->tokens.n);
    printf("windows      %zu of %" PRIu32 " tokens, ", s->windows, w->window);
    if (w->stride)
        printf("each %" PRIu32 " after the one before, the last %zu scored\n", w->stride,
               aglm_windows_scored(w));
    else
        printf("one after another, the second half (%zu) scored\n", aglm_windows_scored(w));
    printf("scored       %" PRIu64 " tokens\n", s->nll.n);
    free(name);
    print_side("model", &e->model, &s->nll);
    if (!e->reference.model)
        return;
    struct kl_quantiles q = quantiles(s);
    print_side("reference", &e->reference, &s->nll_reference);
    printf("difference\n");
    printf("  NLL        %+.6f ± %.6f (perplexity × %.5f)\n", aglm_mean_value(&s->delta),
           aglm_mean_error(&s->delta), exp(aglm_mean_value(&s->delta)));
    printf("  KL         mean %.6f ± %.6f, median %.6f, 99 %% %.6f, max %.6f\n",
           aglm_mean_value(&s->kl), aglm_mean_error(&s->kl), q.median, q.p99, q.max);
    printf("  same top   %.3f %% ± %.3f %%\n", 100 * aglm_mean_value(&s->same_top),
           100 * aglm_mean_error(&s->same_top));
}

/* ---- as JSON ---- */

/* NaN, which JSON lacks, is null. */
static void add_side(cJSON *o, const struct side *side, const struct aglm_mean *nll)
{
    double mean = aglm_mean_value(nll), error = aglm_mean_error(nll);
    const struct aglm_model_info *info = aglm_model_info(side->model);
    aglm_json_text(o, "model", side->path);
    aglm_json_text(o, "model_digest", info->digest);
    aglm_json_text(o, "quantization", info->quantization);
    aglm_json_number(o, "nll", mean);
    aglm_json_number(o, "nll_error", error);
    aglm_json_number(o, "perplexity", exp(mean));
    aglm_json_number(o, "perplexity_error", exp(mean) * error);
}

static cJSON *to_json(struct text_eval *e)
{
    const struct aglm_windows *w = &e->command->windows;
    struct aglm_perplexity *s = &e->sums;
    cJSON *o = cJSON_CreateObject();
    aglm_json_text(o, "text", e->command->text_file);
    aglm_json_number(o, "tokens", (double)e->tokens.n);
    aglm_json_number(o, "window", w->window);
    aglm_json_number(o, "stride", w->stride ? w->stride : NAN);
    aglm_json_number(o, "windows", (double)s->windows);
    aglm_json_number(o, "scored", (double)s->nll.n);
    add_side(o, &e->model, &s->nll);
    if (!e->reference.model)
        return o;
    struct kl_quantiles q = quantiles(s);
    add_side(cJSON_AddObjectToObject(o, "reference"), &e->reference, &s->nll_reference);
    cJSON *d = cJSON_AddObjectToObject(o, "difference");
    aglm_json_number(d, "nll", aglm_mean_value(&s->delta));
    aglm_json_number(d, "nll_error", aglm_mean_error(&s->delta));
    aglm_json_number(d, "kl_mean", aglm_mean_value(&s->kl));
    aglm_json_number(d, "kl_error", aglm_mean_error(&s->kl));
    aglm_json_number(d, "kl_median", q.median);
    aglm_json_number(d, "kl_p99", q.p99);
    aglm_json_number(d, "kl_max", q.max);
    aglm_json_number(d, "same_top", aglm_mean_value(&s->same_top));
    aglm_json_number(d, "same_top_error", aglm_mean_error(&s->same_top));
    return o;
}

static int print(struct text_eval *e)
{
    if (e->command->json) {
        cJSON *o = to_json(e);
        char *text = cJSON_Print(o);
        cJSON_Delete(o);
        puts(text ? text : "");
        cJSON_free(text);
    } else {
        print_text(e);
    }
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    fprintf(stderr, "aglm-bench eval: standard output: %s\n", strerror(errno));
    return 1;
}

int aglm_eval_text(const struct aglm_eval_command *command)
{
    struct text_eval e = {.command = command};
    struct aglm_err err = {0};
    int rc = run(&e, &err);
    if (rc == -ECANCELED && e.sums.windows > 0) {
        aglm_err_set(&err, rc, "interrupted: the results are those of the first %zu windows",
                     e.sums.windows);
        print(&e);
    } else if (!rc) {
        rc = print(&e);
        err.msg[0] = '\0';
    }
    if (rc && err.msg[0])
        aglm_complain("eval", err.msg);
    aglm_perplexity_finish(&e.sums);
    aglm_tokens_finish(&e.tokens);
    close_side(&e.reference);
    close_side(&e.model);
    return rc ? 1 : 0;
}
