/* Sessions: positions, limits and logits over a backend's forward pass; see session.h. */
#include "engine/session.h"

#include "engine/backend.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct aglm_session {
    struct aglm_model *model;
    struct aglm_session_options options;
    void *state;
    float *logits; /* [n_vocab] */
    size_t length; /* positions in use */
    char affinity[128];
};

int aglm_session_open(struct aglm_session **out, struct aglm_model *model,
                      const struct aglm_session_options *options, struct aglm_err *err)
{
    if (options->n_threads < 1 || options->n_threads > 512)
        return aglm_err_set(err, -EINVAL, "%u threads: must be 1 to 512", options->n_threads);
    if (options->n_ctx < 1 || options->n_batch < 1 || options->n_ubatch < 1)
        return aglm_err_set(err, -EINVAL,
                            "context %u, batch %u, ubatch %u: each must be at least 1",
                            options->n_ctx, options->n_batch, options->n_ubatch);
    struct aglm_session *s = calloc(1, sizeof(*s));
    int rc = 0;
    if (!s)
        return aglm_err_set(err, -ENOMEM, "%s: out of memory for a session", model->info.name);
    s->model = model;
    s->options = *options;
    if (s->options.n_batch > s->options.n_ctx)
        s->options.n_batch = s->options.n_ctx;
    if (s->options.n_ubatch > s->options.n_batch)
        s->options.n_ubatch = s->options.n_batch;
    s->logits = calloc(model->hp.n_vocab, sizeof(*s->logits));
    if (!s->logits) {
        rc = aglm_err_set(err, -ENOMEM, "%s: out of memory for a session", model->info.name);
        goto fail;
    }
    rc = model->backend->open(&s->state, model, &s->options, err);
    if (rc)
        goto fail;
    model->backend->affinity(s->state, s->affinity, sizeof(s->affinity));
    *out = s;
    return 0;
fail:
    aglm_session_close(&s);
    return rc;
}

void aglm_session_close(struct aglm_session **session)
{
    struct aglm_session *s = *session;
    if (!s)
        return;
    *session = NULL;
    if (s->state)
        s->model->backend->close(s->state);
    free(s->logits);
    free(s);
}

static int check_tokens(const struct aglm_session *s, const int32_t *tokens, size_t n,
                        struct aglm_err *err)
{
    if (n > s->options.n_ctx - s->length)
        return aglm_err_set(err, -ENOSPC,
                            "context full: %zu tokens in use and %zu more do not fit into %u; open "
                            "with a larger context",
                            s->length, n, s->options.n_ctx);
    for (size_t i = 0; i < n; i++)
        if (tokens[i] < 0 || (uint32_t)tokens[i] >= s->model->hp.n_vocab)
            return aglm_err_set(err, -EINVAL,
                                "token %d (position %zu): the vocabulary has ids 0 to %u",
                                tokens[i], i, s->model->hp.n_vocab - 1);
    return 0;
}

int aglm_session_eval(struct aglm_session *s, const int32_t *tokens, size_t n, float *rows,
                      struct aglm_err *err)
{
    int rc = check_tokens(s, tokens, n, err);
    if (rc)
        return rc;
    const size_t vocab = s->model->hp.n_vocab;
    /* A logical batch is cut into physical ones; n_batch is where a batch ends at the latest. */
    for (size_t i = 0, step; i < n; i += step) {
        if (s->options.cancelled && s->options.cancelled(s->options.cancelled_ctx))
            return aglm_err_set(err, -ECANCELED, "interrupted");
        size_t left_in_batch = s->options.n_batch - i % s->options.n_batch;
        step = n - i < s->options.n_ubatch ? n - i : s->options.n_ubatch;
        step = step < left_in_batch ? step : left_in_batch;
        s->model->backend->forward(s->state, tokens + i, step, s->length + i,
                                   rows ? rows + i * vocab : NULL,
                                   i + step == n ? s->logits : NULL);
    }
    s->length += n;
    return 0;
}

int aglm_session_prefill(struct aglm_session *s, const int32_t *tokens, size_t n,
                         struct aglm_err *err)
{
    return aglm_session_eval(s, tokens, n, NULL, err);
}

int aglm_session_decode(struct aglm_session *s, int32_t token, struct aglm_err *err)
{
    return aglm_session_eval(s, &token, 1, NULL, err);
}

const float *aglm_session_logits(const struct aglm_session *s)
{
    return s->logits;
}

size_t aglm_session_length(const struct aglm_session *s)
{
    return s->length;
}

void aglm_session_truncate(struct aglm_session *s, size_t n_keep)
{
    if (n_keep < s->length)
        s->length = n_keep;
}

const char *aglm_session_affinity(const struct aglm_session *s)
{
    return s->affinity;
}

uint64_t aglm_session_kv_bytes(const struct aglm_session *s, size_t depth)
{
    return s->model->backend->kv_bytes(s->model, depth);
}
