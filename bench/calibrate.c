/* Runs the variants of INT8; see calibrate.h.
 *
 * Inside the timed windows: prefill of a prompt, and decoding after it, on token ids of the judging
 * text; nothing else. Refused: a model that is quantized already (by the engine), texts that fill
 * no window.
 */
#include "bench/calibrate.h"

#include "bench/stats.h"
#include "probes/clock.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ROUNDS = 64 };

struct side {
    struct aglm_model *model;
    struct aglm_session *session;
};

struct calibration {
    const struct aglm_calibrate_options *options;
    struct aglm_calibration_table *table;
    struct side file;
    const struct aglm_tokenizer *tokenizer;
    struct aglm_tokens sample, judge;
    struct aglm_err *err;
};

static void say(const struct calibration *c, const char *what)
{
    if (c->options->progress)
        c->options->progress(c->options->progress_ctx, what);
}

static bool cancelled(const struct calibration *c)
{
    return c->options->cancelled && c->options->cancelled(c->options->cancelled_ctx);
}

static void close_side(struct side *side)
{
    aglm_session_close(&side->session);
    aglm_model_close(&side->model);
}

static int open_side(struct side *side, const struct calibration *c, const char *quantize,
                     const struct aglm_int8_options *int8)
{
    const struct aglm_calibrate_options *o = c->options;
    const struct aglm_model_options mo = {.path = o->path,
                                          .backend = "cpu",
                                          .isa = o->isa,
                                          .quantize = quantize,
                                          .int8 = int8,
                                          .n_load_threads = o->threads,
                                          .cancelled = o->cancelled,
                                          .cancelled_ctx = o->cancelled_ctx};
    const uint32_t timed = o->prompt + o->decode;
    const struct aglm_session_options so = {.n_ctx = timed > o->window ? timed : o->window,
                                            .n_batch = 512,
                                            .n_ubatch = 512,
                                            .n_threads = o->threads,
                                            .cancelled = o->cancelled,
                                            .cancelled_ctx = o->cancelled_ctx};
    int rc = aglm_model_open(&side->model, &mo, c->err);
    return rc ? rc : aglm_session_open(&side->session, side->model, &so, c->err);
}

/* ---- scales from the sample ---- */

static void observe(void *ctx, size_t site, const float *x, size_t n)
{
    aglm_int8_stats_add(ctx, site, x, n);
}

/* In pieces of a few positions with the logits of each, so that the output matrix's input is seen
 * at every position too. */
static int collect(const struct calibration *c, struct aglm_int8_stats *stats)
{
    enum { PIECE = 32 };
    const struct aglm_windows windows = {.window = c->options->window};
    const size_t n = aglm_windows_count(&windows, c->sample.n);
    struct aglm_session *s = c->file.session;
    float *rows = malloc(PIECE * sizeof(*rows) * aglm_model_info(c->file.model)->n_vocab);
    if (!rows)
        return aglm_err_set(c->err, -ENOMEM, "%s: out of memory", c->options->path);
    say(c, "calibrating: sample text");
    int rc = aglm_session_observe(s, observe, stats, c->err);
    for (size_t i = 0; i < n && !rc; i++) {
        const int32_t *ids = c->sample.ids + aglm_windows_start(&windows, i);
        aglm_session_truncate(s, 0);
        for (size_t at = 0; at < windows.window && !rc; at += PIECE) {
            size_t left = windows.window - at;
            rc = aglm_session_eval(s, ids + at, left < PIECE ? left : PIECE, rows, c->err);
        }
    }
    if (!rc)
        rc = aglm_session_observe(s, NULL, NULL, c->err);
    aglm_session_truncate(s, 0);
    free(rows);
    return rc;
}

/* ---- one variant ---- */

static double rate(size_t tokens, uint64_t ns)
{
    return ns ? (double)tokens / ((double)ns * 1e-9) : NAN;
}

static int time_once(const struct calibration *c, struct aglm_session *s, double *prefill,
                     double *decode)
{
    const struct aglm_calibrate_options *o = c->options;
    const int32_t *ids = c->judge.ids;
    aglm_session_truncate(s, 0);
    uint64_t start = aglm_clock_ns();
    int rc = aglm_session_prefill(s, ids, o->prompt, c->err);
    *prefill = rate(o->prompt, aglm_clock_ns() - start);
    start = aglm_clock_ns();
    for (uint32_t i = 0; i < o->decode && !rc; i++)
        rc = aglm_session_decode(s, ids[o->prompt + i], c->err);
    *decode = rate(o->decode, aglm_clock_ns() - start);
    return rc;
}

static double median_of(double *x, size_t n)
{
    aglm_stats_sort(x, n);
    return aglm_stats_median(x, n);
}

/* In turn with the file; the first round is warm-up. */
static int time_variant(const struct calibration *c, struct aglm_calibrate_variant *v,
                        struct aglm_session *s)
{
    double prefill[MAX_ROUNDS], decode[MAX_ROUNDS], prefill_x[MAX_ROUNDS], decode_x[MAX_ROUNDS];
    double p0 = NAN, d0 = NAN, p1, d1;
    size_t n = 0;
    int rc = 0;
    v->prefill_per_s = v->decode_per_s = v->prefill_ratio = v->decode_ratio = NAN;
    const unsigned rounds = c->options->rounds < MAX_ROUNDS ? c->options->rounds : MAX_ROUNDS - 1;
    for (unsigned i = 0; rounds && i <= rounds && !rc; i++) {
        if (s != c->file.session)
            rc = time_once(c, c->file.session, &p0, &d0);
        if (!rc)
            rc = time_once(c, s, &p1, &d1);
        if (rc || i == 0)
            continue;
        prefill[n] = p1;
        decode[n] = d1;
        prefill_x[n] = s == c->file.session ? 1 : p1 / p0;
        decode_x[n++] = s == c->file.session ? 1 : d1 / d0;
    }
    if (rc || n == 0)
        return rc;
    v->prefill_per_s = median_of(prefill, n);
    v->decode_per_s = median_of(decode, n);
    v->prefill_ratio = median_of(prefill_x, n);
    v->decode_ratio = median_of(decode_x, n);
    return 0;
}

static int score(const struct calibration *c, struct aglm_session *s, struct aglm_perplexity *out)
{
    const struct aglm_tokenizer_info *info = aglm_tokenizer_info(c->tokenizer);
    const struct aglm_perplexity_options options = {.windows = {.window = c->options->window},
                                                    .bos = info->add_bos ? info->bos : -1,
                                                    .n_vocab =
                                                        aglm_model_info(c->file.model)->n_vocab,
                                                    .name = c->options->path,
                                                    .reference_name = c->options->path};
    struct aglm_session *reference = s == c->file.session ? NULL : c->file.session;
    return aglm_perplexity_run(out, s, reference, c->judge.ids, c->judge.n, &options, c->err);
}

static int fake_score(const struct calibration *c, struct aglm_calibrate_variant *v)
{
    const struct aglm_int8_options how = {
        .scales = v->scales, .n_sites = v->scales ? c->table->n_sites : 0, .fake = 1};
    struct side side = {0};
    struct aglm_perplexity sums = {0};
    int rc = open_side(&side, c, "int8", &how);
    if (!rc)
        rc = score(c, side.session, &sums);
    if (!rc)
        v->fake_nll = aglm_mean_value(&sums.nll);
    aglm_perplexity_finish(&sums);
    close_side(&side);
    return rc;
}

/* Runs one and appends it to the table. quantize NULL: the file. v->scales passes to the table. */
static int run_variant(struct calibration *c, struct aglm_calibrate_variant *v,
                       const char *quantize)
{
    const bool int8 = quantize && strcmp(quantize, "int8") == 0;
    const struct aglm_int8_options how = {.scales = v->scales,
                                          .n_sites = v->scales ? c->table->n_sites : 0};
    struct side side = {0};
    struct aglm_perplexity sums = {0};
    int rc = 0;
    say(c, v->name);
    v->fake_nll = NAN;
    if (cancelled(c))
        rc = aglm_err_set(c->err, -ECANCELED, "interrupted");
    if (!rc && quantize)
        rc = open_side(&side, c, quantize, &how);
    struct aglm_session *s = quantize ? side.session : c->file.session;
    if (!rc)
        rc = score(c, s, &sums);
    if (!rc)
        rc = time_variant(c, v, s);
    if (!rc) {
        v->size_bytes = aglm_model_info(quantize ? side.model : c->file.model)->size_bytes;
        v->nll = sums.nll;
        v->delta = sums.delta;
        v->kl = sums.kl;
        v->same_top = sums.same_top;
    }
    aglm_perplexity_finish(&sums);
    close_side(&side);
    if (!rc && int8 && c->options->fake)
        rc = fake_score(c, v);
    if (rc)
        free(v->scales);
    else
        c->table->variant[c->table->n++] = *v;
    return rc;
}

static int run_calibrated(struct calibration *c, const struct aglm_int8_stats *stats,
                          enum aglm_int8_method method, const char *name)
{
    struct aglm_calibrate_variant v = {0};
    snprintf(v.name, sizeof(v.name), "%s", name);
    v.scales = malloc(c->table->n_sites * sizeof(*v.scales));
    if (!v.scales)
        return aglm_err_set(c->err, -ENOMEM, "%s: out of memory", c->options->path);
    int rc = aglm_int8_scales(v.scales, stats, method, c->options->percentile, c->err);
    if (rc) {
        free(v.scales);
        return rc;
    }
    return run_variant(c, &v, "int8");
}

static int run_int8(struct calibration *c)
{
    struct aglm_calibrate_variant dynamic = {.name = "int8 dynamic"};
    struct aglm_int8_stats *stats = NULL;
    char percentile[48];
    int rc = run_variant(c, &dynamic, "int8");
    if (!rc)
        rc = aglm_int8_stats_create(&stats, c->table->n_sites, c->err);
    if (!rc)
        rc = collect(c, stats);
    if (!rc)
        rc = run_calibrated(c, stats, AGLM_INT8_MINMAX, "int8 minmax");
    snprintf(percentile, sizeof(percentile), "int8 percentile %g", c->options->percentile);
    if (!rc)
        rc = run_calibrated(c, stats, AGLM_INT8_PERCENTILE, percentile);
    if (!rc)
        rc = run_calibrated(c, stats, AGLM_INT8_KL, "int8 kl");
    aglm_int8_stats_destroy(&stats);
    return rc;
}

static int tokenize(struct calibration *c, const char *sample, size_t sample_size,
                    const char *judge, size_t judge_size)
{
    const struct aglm_calibrate_options *o = c->options;
    const struct aglm_windows windows = {.window = o->window};
    int rc = aglm_model_tokenizer(c->file.model, &c->tokenizer, c->err);
    if (!rc)
        rc = aglm_tokenizer_encode(c->tokenizer, sample, sample_size, AGLM_TOKENIZE_MARKS,
                                   &c->sample, c->err);
    if (!rc)
        rc = aglm_tokenizer_encode(c->tokenizer, judge, judge_size, AGLM_TOKENIZE_MARKS, &c->judge,
                                   c->err);
    if (rc)
        return rc;
    if (aglm_windows_count(&windows, c->sample.n) == 0 ||
        aglm_windows_count(&windows, c->judge.n) == 0)
        return aglm_err_set(c->err, -EINVAL,
                            "the sample has %zu tokens and the text to judge %zu; each must fill a "
                            "window of %" PRIu32 ": give more text or a smaller --window",
                            c->sample.n, c->judge.n, o->window);
    if (c->judge.n < o->prompt + o->decode)
        return aglm_err_set(c->err, -EINVAL,
                            "the text to judge has %zu tokens; timing takes %" PRIu32
                            " of them: give more text",
                            c->judge.n, o->prompt + o->decode);
    c->table->n_sample = c->sample.n / o->window * o->window;
    c->table->n_judged = aglm_windows_count(&windows, c->judge.n) * aglm_windows_scored(&windows);
    return 0;
}

int aglm_calibrate_run(struct aglm_calibration_table *out,
                       const struct aglm_calibrate_options *options, const char *sample,
                       size_t sample_size, const char *judge, size_t judge_size,
                       struct aglm_err *err)
{
    struct calibration c = {.options = options, .table = out, .err = err};
    struct aglm_calibrate_variant file = {0};
    *out = (struct aglm_calibration_table){0};
    int rc = open_side(&c.file, &c, NULL, NULL);
    if (!rc) {
        const struct aglm_model_info *info = aglm_model_info(c.file.model);
        out->n_sites = 4 * (size_t)info->n_layers + 1;
        snprintf(out->model_name, sizeof(out->model_name), "%s", info->name);
        snprintf(out->model_digest, sizeof(out->model_digest), "%s", info->digest);
        snprintf(out->isa, sizeof(out->isa), "%s", info->isa);
        snprintf(file.name, sizeof(file.name), "%s (the file)", info->quantization);
        for (char *p = file.name; *p && *p != ' '; p++)
            *p = (char)tolower((unsigned char)*p);
        rc = tokenize(&c, sample, sample_size, judge, judge_size);
    }
    if (!rc)
        rc = run_variant(&c, &file, NULL);
    for (size_t i = 0; options->types[i] && !rc; i++) {
        struct aglm_calibrate_variant v = {0};
        snprintf(v.name, sizeof(v.name), "%s", options->types[i]);
        rc = run_variant(&c, &v, options->types[i]);
    }
    if (!rc)
        rc = run_int8(&c);
    aglm_tokens_finish(&c.sample);
    aglm_tokens_finish(&c.judge);
    close_side(&c.file);
    return rc;
}

void aglm_calibration_table_finish(struct aglm_calibration_table *table)
{
    for (size_t i = 0; i < table->n; i++)
        free(table->variant[i].scales);
    *table = (struct aglm_calibration_table){0};
}
