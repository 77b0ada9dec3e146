/* Answers to items; see accuracy.h. Inputs: a model file, items. Outputs: answers, speeds. Refuses
 * what cannot be asked before anything is computed.
 */
#include "bench/accuracy.h"

#include "bench/generate.h"
#include "bench/requantize.h"
#include "bench/tally.h"
#include "engine/pool.h"
#include "engine/text/template.h"
#include "probes/clock.h"
#include "probes/placement.h"
#include "probes/profile.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ANSWER = 256, BATCH = 512, MASK_BYTES = AGLM_CPUS_MAX / 8 };

/* What one thread adds up. */
struct share {
    uint64_t prefill_ns;
    double further_ns;
    uint64_t n_prefill, n_further, n_asked;
};

struct work {
    const struct aglm_items *items;
    const struct aglm_accuracy_options *options;
    struct aglm_answers *out;
    struct aglm_model *model;
    const struct aglm_tokenizer *tokenizer;
    struct aglm_tokens *prompts; /* [items->n] */
    size_t *order;               /* [items->n] items in the order of asking */
    size_t longest;              /* prompt, in tokens */
    uint32_t n_ctx;
    uint8_t mask[MASK_BYTES];
    struct aglm_pool *pool;
    struct share *shares; /* [n_threads] */
    uint64_t deadline_ns; /* 0: none */
    pthread_mutex_t lock; /* of what follows */
    size_t n_done;
    int rc; /* the first failure, which stops all */
    struct aglm_err err;
};

static bool failed(struct work *w)
{
    pthread_mutex_lock(&w->lock);
    int rc = w->rc;
    pthread_mutex_unlock(&w->lock);
    return rc != 0;
}

static void fail(struct work *w, int rc, const struct aglm_err *err)
{
    pthread_mutex_lock(&w->lock);
    if (!w->rc) {
        w->rc = rc;
        w->err = *err;
    }
    pthread_mutex_unlock(&w->lock);
}

static bool stopped(void *ctx)
{
    struct work *w = ctx;
    const struct aglm_accuracy_options *o = w->options;
    return failed(w) || (o->cancelled && o->cancelled(o->ctx));
}

/* ---- one item ---- */

static int no_text(void *ctx, const char *text, size_t size, struct aglm_err *err)
{
    (void)ctx, (void)text, (void)size, (void)err;
    return 0;
}

static int ask(struct work *w, size_t i, const struct aglm_generate *g, struct share *share,
               struct aglm_err *err)
{
    const struct aglm_item *item = &w->items->list[i];
    struct aglm_answer *answer = &w->out->list[i];
    struct aglm_generated made;
    int rc = aglm_generate(&made, g, w->prompts[i].ids, w->prompts[i].n, err);
    if (rc == 0 && made.stop == AGLM_STOP_INTERRUPTED) {
        aglm_generated_finish(&made);
        rc = aglm_err_set(err, -ECANCELED, "interrupted");
    }
    if (rc)
        return rc;
    share->prefill_ns += made.prefill_ns;
    share->n_prefill += made.n_prompt - made.n_reused;
    if (made.n > 1) {
        share->n_further += made.n - 1;
        share->further_ns += made.tpot_mean_ms * 1e6 * (double)(made.n - 1);
    }
    share->n_asked++;
    *answer = (struct aglm_answer){.asked = true,
                                   .right = made.size == strlen(item->answer) &&
                                            memcmp(made.text, item->answer, made.size) == 0,
                                   .text = made.text,
                                   .size = made.size};
    return 0;
}

static void tell(struct work *w, bool first)
{
    pthread_mutex_lock(&w->lock);
    size_t done = ++w->n_done;
    pthread_mutex_unlock(&w->lock);
    if (first && w->options->progress) /* from one thread, as callers expect */
        w->options->progress(w->options->ctx, done, w->items->n);
}

/* A thread's items, with a session that is opened and closed by the thread that it pins. */
static void answer_some(void *ctx, unsigned ith, unsigned n_threads)
{
    struct work *w = ctx;
    struct aglm_err err = {0};
    struct aglm_session *session = NULL;
    struct aglm_sampler *sampler = NULL;
    const struct aglm_sampler_options greedy = {.top_p = 1, .repeat_penalty = 1};
    const struct aglm_session_options options = {.n_ctx = w->n_ctx,
                                                 .type_k = w->options->type_k,
                                                 .type_v = w->options->type_v,
                                                 .n_batch = BATCH,
                                                 .n_ubatch = BATCH,
                                                 .n_threads = 1,
                                                 .cpu_mask = w->mask,
                                                 .cpu_mask_bytes = MASK_BYTES,
                                                 .cancelled = stopped,
                                                 .cancelled_ctx = w};
    (void)n_threads;
    int rc = aglm_session_open(&session, w->model, &options, &err);
    if (!rc)
        rc = aglm_sampler_create(&sampler, &greedy, w->out->model.n_vocab, &err);
    const struct aglm_generate g = {.session = session,
                                    .tokenizer = w->tokenizer,
                                    .sampler = sampler,
                                    .n_max = MAX_ANSWER,
                                    .n_ctx = w->n_ctx,
                                    .ctx = w,
                                    .text = no_text,
                                    .cancelled = stopped};
    for (size_t k; !rc && (k = aglm_pool_next(w->pool)) < w->items->n;) {
        if (w->deadline_ns && aglm_clock_ns() > w->deadline_ns)
            break;
        rc = ask(w, w->order[k], &g, &w->shares[ith], &err);
        tell(w, ith == 0);
    }
    if (rc)
        fail(w, rc, &err);
    aglm_sampler_destroy(&sampler);
    aglm_session_close(&session);
}

/* ---- before and after ---- */

static size_t common_divisor(size_t a, size_t b)
{
    while (b) {
        size_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* The file's order; under a limit steps of about 0.618 n, so that whatever was asked by then is
 * spread evenly over the file. */
static int make_order(struct work *w, struct aglm_err *err)
{
    const size_t n = w->items->n;
    size_t step = 1;
    w->order = calloc(n, sizeof(*w->order));
    if (!w->order)
        return aglm_err_set(err, -ENOMEM, "out of memory for %zu items", n);
    if (w->options->limit_ns)
        for (step = (size_t)((double)n * 0.6180339887) + 1; common_divisor(step, n) != 1;)
            step++;
    for (size_t i = 0, at = 0; i < n; i++, at = (at + step) % n)
        w->order[i] = at;
    return 0;
}

static int make_prompts(struct work *w, struct aglm_err *err)
{
    enum aglm_chat_family family;
    const char *path = w->options->path;
    int rc = aglm_model_tokenizer(w->model, &w->tokenizer, err);
    if (rc == -ENOENT)
        return aglm_err_set(err, rc, "%s: has no tokenizer, so it can be asked nothing", path);
    if (!rc)
        rc = aglm_chat_detect(&family, aglm_model_file(w->model), w->tokenizer, err);
    w->prompts = calloc(w->items->n, sizeof(*w->prompts));
    if (!rc && !w->prompts)
        rc = aglm_err_set(err, -ENOMEM, "out of memory for %zu prompts", w->items->n);
    for (size_t i = 0; i < w->items->n && !rc; i++) {
        const struct aglm_item *item = &w->items->list[i];
        const struct aglm_chat_message message = {"user", item->prompt};
        rc = aglm_chat_encode(family, w->tokenizer, &message, 1, &w->prompts[i], err);
        if (rc)
            aglm_err_prefix(err, "item %s", item->id);
        else if (w->prompts[i].n >= w->out->model.n_ctx_train)
            rc =
                aglm_err_set(err, -EINVAL,
                             "item %s: its prompt has %zu tokens, and %s was trained for a context "
                             "of %" PRIu32 "; leave such items out with --part",
                             item->id, w->prompts[i].n, path, w->out->model.n_ctx_train);
        w->longest = w->prompts[i].n > w->longest ? w->prompts[i].n : w->longest;
    }
    return rc;
}

/* The CPUs that so many threads best run on; where there is no choice, all. */
static void make_mask(struct work *w)
{
    struct aglm_cpulist list;
    const bool choice = aglm_placement_here(&list, w->options->n_threads);
    memset(w->mask, choice ? 0 : 0xff, sizeof(w->mask));
    for (size_t cpu = 0; choice && cpu < AGLM_CPUS_MAX; cpu++)
        if (aglm_cpulist_has(&list, cpu))
            w->mask[cpu / 8] = (uint8_t)(w->mask[cpu / 8] | 1u << (cpu % 8));
}

static int open_model(struct work *w, struct aglm_err *err)
{
    const struct aglm_accuracy_options *o = w->options;
    const struct aglm_model_options options = {.path = o->path,
                                               .backend = o->backend,
                                               .isa = o->isa,
                                               .n_load_threads = o->n_threads,
                                               .prune = o->prune,
                                               .cancelled = o->cancelled,
                                               .cancelled_ctx = o->ctx};
    int rc = aglm_requantize_open(&w->model, &options, o->quantize, err);
    if (rc)
        return rc;
    w->out->model = *aglm_model_info(w->model);
    if (w->out->model.matmul_params == 0)
        return aglm_err_set(err, -EINVAL, "--backend %s: computes nothing, so it has no answers",
                            o->backend);
    return 0;
}

static void sum_up(struct work *w)
{
    struct share all = {0};
    for (unsigned i = 0; i < w->options->n_threads; i++) {
        all.prefill_ns += w->shares[i].prefill_ns;
        all.further_ns += w->shares[i].further_ns;
        all.n_prefill += w->shares[i].n_prefill;
        all.n_further += w->shares[i].n_further;
        all.n_asked += w->shares[i].n_asked;
    }
    struct aglm_answers *out = w->out;
    out->n_asked = all.n_asked;
    out->prefill_ts = all.n_prefill ? 1e9 * (double)all.n_prefill / (double)all.prefill_ns : NAN;
    out->decode_ts = all.n_further ? 1e9 * (double)all.n_further / all.further_ns : NAN;
}

static int answer_all(struct work *w, struct aglm_err *err)
{
    struct aglm_conditions before, after;
    int rc = aglm_pool_create(&w->pool, w->options->n_threads, NULL, 0, false, err);
    if (rc)
        return rc;
    aglm_conditions_take(&before, NULL);
    const uint64_t start = aglm_clock_ns();
    w->deadline_ns = w->options->limit_ns ? start + w->options->limit_ns : 0;
    aglm_pool_run(w->pool, answer_some, w);
    w->out->wall_ns = aglm_clock_ns() - start;
    aglm_conditions_take(&after, NULL);
    aglm_conditions_between(&before, &after);
    w->out->others_cpu_percent = after.others_cpu_percent;
    aglm_pool_destroy(&w->pool);
    sum_up(w);
    if (w->rc && err)
        *err = w->err;
    if (w->rc == -EDOM)
        aglm_err_prefix(err, "%s", w->options->path);
    return w->rc;
}

int aglm_accuracy_run(struct aglm_answers *out, const struct aglm_items *items,
                      const struct aglm_accuracy_options *options, struct aglm_err *err)
{
    struct aglm_answers answers = {.n = items->n, .n_threads = options->n_threads};
    struct work w = {.items = items,
                     .options = options,
                     .out = &answers,
                     .lock = PTHREAD_MUTEX_INITIALIZER,
                     .shares = calloc(options->n_threads, sizeof(*w.shares))};
    answers.list = calloc(items->n, sizeof(*answers.list));
    int rc = answers.list && w.shares
                 ? 0
                 : aglm_err_set(err, -ENOMEM, "out of memory for %zu answers", items->n);
    if (!rc)
        rc = open_model(&w, err);
    if (!rc)
        rc = make_prompts(&w, err);
    if (!rc)
        rc = make_order(&w, err);
    if (!rc) {
        const uint64_t n_ctx = (uint64_t)w.longest + MAX_ANSWER;
        w.n_ctx = n_ctx < answers.model.n_ctx_train ? (uint32_t)n_ctx : answers.model.n_ctx_train;
        make_mask(&w);
        rc = answer_all(&w, err);
    }
    for (size_t i = 0; w.prompts && i < items->n; i++)
        aglm_tokens_finish(&w.prompts[i]);
    free(w.prompts);
    free(w.order);
    free(w.shares);
    aglm_model_close(&w.model);
    if (rc)
        aglm_answers_finish(&answers);
    else
        *out = answers;
    return rc;
}

void aglm_answers_finish(struct aglm_answers *answers)
{
    for (size_t i = 0; i < answers->n && answers->list; i++)
        free(answers->list[i].text);
    free(answers->list);
    *answers = (struct aglm_answers){0};
}
