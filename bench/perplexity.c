/* Windows of a text through one or two models; see perplexity.h.
 *
 * The context of a window is prefilled without logits; the scored part follows in pieces of as many
 * positions as fit into ROWS_BYTES, the same piece through both models in turn, so that the logits
 * of a large vocabulary never fill the memory.
 */
#include "bench/perplexity.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_BYTES = 32 << 20 };

struct walk {
    struct aglm_session *model, *reference;
    const struct aglm_perplexity_options *options;
    struct aglm_perplexity *sums;
    int32_t *ids; /* [window] */
    size_t piece; /* positions whose logits are held at once */
    float *rows, *reference_rows;
};

size_t aglm_windows_scored(const struct aglm_windows *w)
{
    return w->stride ? w->stride : w->window - w->window / 2 - 1;
}

size_t aglm_windows_first(const struct aglm_windows *w)
{
    return w->stride ? w->window - w->stride - 1 : w->window / 2;
}

size_t aglm_windows_count(const struct aglm_windows *w, size_t n_tokens)
{
    if (n_tokens < w->window)
        return 0;
    return w->stride ? (n_tokens - w->window) / w->stride + 1 : n_tokens / w->window;
}

size_t aglm_windows_start(const struct aglm_windows *w, size_t i)
{
    return i * (w->stride ? w->stride : w->window);
}

static int not_finite(const char *name, struct aglm_err *err)
{
    return aglm_err_set(err, -ERANGE, "%s: logits are NaN or infinite; the weights are damaged",
                        name);
}

/* Adds one position; -ERANGE if its logits are not finite. */
static int score(struct walk *walk, size_t row, int32_t token, struct aglm_err *err)
{
    const struct aglm_perplexity_options *o = walk->options;
    const size_t n = o->n_vocab;
    struct aglm_perplexity *sums = walk->sums;
    struct aglm_divergence d;
    if (token < 0 || (size_t)token >= n)
        return aglm_err_set(err, -EINVAL, "%s: token %" PRId32 " is outside the vocabulary of %zu",
                            o->name, token, n);
    if (!walk->reference) {
        double nll = aglm_nll(walk->rows + row * n, n, token);
        if (isnan(nll))
            return not_finite(o->name, err);
        aglm_mean_add(&sums->nll, nll);
        return 0;
    }
    aglm_diverge(walk->rows + row * n, walk->reference_rows + row * n, n, token, &d);
    if (isnan(d.nll) || isnan(d.nll_reference))
        return not_finite(isnan(d.nll) ? o->name : o->reference_name, err);
    aglm_mean_add(&sums->nll, d.nll);
    aglm_mean_add(&sums->nll_reference, d.nll_reference);
    aglm_mean_add(&sums->delta, d.nll - d.nll_reference);
    aglm_mean_add(&sums->same_top, d.same_top ? 1.0 : 0.0);
    sums->kls[sums->kl.n] = d.kl;
    aglm_mean_add(&sums->kl, d.kl);
    return 0;
}

/* The context of a window, in a session emptied of the last one. */
static int begin(struct aglm_session *session, const int32_t *ids, size_t n, struct aglm_err *err)
{
    if (!session)
        return 0;
    aglm_session_truncate(session, 0);
    return n ? aglm_session_prefill(session, ids, n, err) : 0;
}

static int run_window(struct walk *walk, struct aglm_err *err)
{
    const struct aglm_windows *w = &walk->options->windows;
    const size_t first = aglm_windows_first(w), end = first + aglm_windows_scored(w);
    int rc = begin(walk->model, walk->ids, first, err);
    if (!rc)
        rc = begin(walk->reference, walk->ids, first, err);
    for (size_t at = first; !rc && at < end; at += walk->piece) {
        size_t n = end - at < walk->piece ? end - at : walk->piece;
        rc = aglm_session_eval(walk->model, walk->ids + at, n, walk->rows, err);
        if (!rc && walk->reference)
            rc = aglm_session_eval(walk->reference, walk->ids + at, n, walk->reference_rows, err);
        for (size_t i = 0; !rc && i < n; i++)
            rc = score(walk, i, walk->ids[at + i + 1], err);
    }
    return rc;
}

static int allocate(struct walk *walk, size_t windows, struct aglm_err *err)
{
    const struct aglm_windows *w = &walk->options->windows;
    const size_t row = walk->options->n_vocab * sizeof(float), scored = aglm_windows_scored(w);
    walk->piece = ROWS_BYTES / row;
    walk->piece = walk->piece < 1 ? 1 : walk->piece > scored ? scored : walk->piece;
    walk->ids = calloc(w->window, sizeof(*walk->ids));
    walk->rows = malloc(walk->piece * row);
    if (walk->reference) {
        walk->reference_rows = malloc(walk->piece * row);
        walk->sums->kls = calloc(windows, scored * sizeof(double));
    }
    if (!walk->ids || !walk->rows ||
        (walk->reference && (!walk->reference_rows || !walk->sums->kls)))
        return aglm_err_set(err, -ENOMEM, "no memory for the logits of %zu positions", walk->piece);
    return 0;
}

int aglm_perplexity_run(struct aglm_perplexity *out, struct aglm_session *model,
                        struct aglm_session *reference, const int32_t *tokens, size_t n_tokens,
                        const struct aglm_perplexity_options *options, struct aglm_err *err)
{
    const struct aglm_windows *w = &options->windows;
    const size_t windows = aglm_windows_count(w, n_tokens);
    struct walk walk = {.model = model, .reference = reference, .options = options, .sums = out};
    *out = (struct aglm_perplexity){0};
    if (windows == 0)
        return aglm_err_set(err, -EINVAL, "%zu tokens fill no window of %" PRIu32, n_tokens,
                            w->window);
    int rc = allocate(&walk, windows, err);
    for (size_t i = 0; !rc && i < windows; i++) {
        if (options->progress)
            options->progress(options->progress_ctx, i, windows);
        memcpy(walk.ids, tokens + aglm_windows_start(w, i), w->window * sizeof(*walk.ids));
        if (options->bos >= 0)
            walk.ids[0] = options->bos;
        rc = run_window(&walk, err);
        out->windows += !rc;
    }
    free(walk.ids);
    free(walk.rows);
    free(walk.reference_rows);
    return rc;
}

void aglm_perplexity_finish(struct aglm_perplexity *p)
{
    free(p->kls);
    *p = (struct aglm_perplexity){0};
}
