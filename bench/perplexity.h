/* Runs a text's tokens through a model in windows and scores them: likelihood, and divergence from
 * a second model.
 *
 * Without a stride the windows follow one another; of each, the first half is context and the
 * second half is scored: llama.cpp's scheme. With a stride, each window begins that many tokens
 * after the one before, and the last `stride` tokens of each are scored: every token but those of
 * the first context once, with a context of at least window - stride. Tokens at the end that fill
 * no window are left out. Logits are held for a few positions at a time.
 */
#ifndef AGLM_BENCH_PERPLEXITY_H
#define AGLM_BENCH_PERPLEXITY_H

#include "bench/likelihood.h"
#include "engine/session.h"

enum { AGLM_WINDOW_DEFAULT = 512 };

struct aglm_windows {
    uint32_t window; /* tokens, 3 or more without a stride, 2 or more with one */
    uint32_t stride; /* 0: none; else less than window */
};

/* How many windows n tokens fill, and the tokens scored in each. */
size_t aglm_windows_count(const struct aglm_windows *w, size_t n_tokens);
size_t aglm_windows_scored(const struct aglm_windows *w);
/* The first token of window i, and the first position in a window whose logits count. */
size_t aglm_windows_start(const struct aglm_windows *w, size_t i);
size_t aglm_windows_first(const struct aglm_windows *w);

struct aglm_perplexity_options {
    struct aglm_windows windows;
    int32_t bos; /* takes the place of each window's first token; -1: none does */
    uint32_t n_vocab;
    const char *name, *reference_name;                        /* for messages */
    void (*progress)(void *ctx, size_t done, size_t windows); /* may be NULL */
    void *progress_ctx;
};

struct aglm_perplexity {
    size_t windows;       /* run to the end */
    struct aglm_mean nll; /* of the tokens scored */
    /* With a second model: */
    struct aglm_mean nll_reference, delta; /* delta: nll - nll_reference, token by token */
    struct aglm_mean kl, same_top;         /* same_top: of 0 and 1 */
    double *kls;                           /* [kl.n], in order; owned */
};

/* model and reference (NULL: none) are sessions with n_ctx >= window and the same vocabulary. The
 * sums of the windows that were run stay in *out on every return: -ECANCELED when a session's
 * cancelled() said so, -ERANGE when logits are not finite, -EINVAL when the tokens fill no window.
 */
int aglm_perplexity_run(struct aglm_perplexity *out, struct aglm_session *model,
                        struct aglm_session *reference, const int32_t *tokens, size_t n_tokens,
                        const struct aglm_perplexity_options *options, struct aglm_err *err);
void aglm_perplexity_finish(struct aglm_perplexity *p);

#endif
