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
    float *logits;   /* [n_vocab] */
    int32_t *tokens; /* [n_ctx], those of the positions in use */
    size_t length;   /* positions in use */
    char affinity[128];
};

/* Sets *type to F16 if it is not set; else checks that the cache can hold it. */
static int check_cache_type(const struct aglm_model *m, enum aglm_dtype *type, const char *what,
                            struct aglm_err *err)
{
    if (*type == AGLM_F32)
        *type = AGLM_F16;
    if (*type == AGLM_F16)
        return 0;
    const struct aglm_dtype_info *info = aglm_dtype_get(*type);
    if (*type != AGLM_Q8_0 && *type != AGLM_Q4_0)
        return aglm_err_set(err, -EINVAL, "%s cache of type %s: choose f16, q8_0 or q4_0", what,
                            info ? info->name : "unknown");
    if (m->hp.head_dim % info->block_elements != 0)
        return aglm_err_set(
            err, -ENOTSUP,
            "%s: a %s cache in %s needs heads whose size is a multiple of %u, these "
            "have %u; choose f16 (-ctk, -ctv)",
            m->info.name, what, info->name, info->block_elements, m->hp.head_dim);
    return 0;
}

static int check_options(const struct aglm_model *m, struct aglm_session_options *o,
                         struct aglm_err *err)
{
    if (o->n_threads < 1 || o->n_threads > 512)
        return aglm_err_set(err, -EINVAL, "%u threads: must be 1 to 512", o->n_threads);
    if (o->n_ctx < 1 || o->n_batch < 1 || o->n_ubatch < 1)
        return aglm_err_set(err, -EINVAL,
                            "context %u, batch %u, ubatch %u: each must be at least 1", o->n_ctx,
                            o->n_batch, o->n_ubatch);
    int rc = check_cache_type(m, &o->type_k, "key", err);
    if (!rc)
        rc = check_cache_type(m, &o->type_v, "value", err);
    if (rc)
        return rc;
    if (o->n_batch > o->n_ctx)
        o->n_batch = o->n_ctx;
    if (o->n_ubatch > o->n_batch)
        o->n_ubatch = o->n_batch;
    return 0;
}

int aglm_session_open(struct aglm_session **out, struct aglm_model *model,
                      const struct aglm_session_options *options, struct aglm_err *err)
{
    struct aglm_session_options checked = *options;
    int rc = check_options(model, &checked, err);
    if (rc)
        return rc;
    struct aglm_session *s = calloc(1, sizeof(*s));
    if (!s)
        return aglm_err_set(err, -ENOMEM, "%s: out of memory for a session", model->info.name);
    s->model = model;
    s->options = checked;
    s->logits = calloc(model->hp.n_vocab, sizeof(*s->logits));
    s->tokens = calloc(checked.n_ctx, sizeof(*s->tokens));
    if (!s->logits || !s->tokens) {
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
    free(s->tokens);
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
        rc = s->model->backend->forward(s->state, tokens + i, step, s->length + i,
                                        rows ? rows + i * vocab : NULL,
                                        i + step == n ? s->logits : NULL);
        if (rc)
            return aglm_err_set(err, rc, "interrupted");
    }
    if (n)
        memcpy(s->tokens + s->length, tokens, n * sizeof(*tokens));
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

int aglm_session_observe(struct aglm_session *s,
                         void (*fn)(void *ctx, size_t site, const float *x, size_t n), void *ctx,
                         struct aglm_err *err)
{
    if (!s->model->backend->observe)
        return aglm_err_set(err, -ENOTSUP, "backend '%s' has no activations to look at",
                            s->model->backend->name);
    s->model->backend->observe(s->state, fn, ctx);
    return 0;
}

int aglm_session_profile(struct aglm_session *s, struct aglm_op_profile *into, struct aglm_err *err)
{
    if (!s->model->backend->profile)
        return aglm_err_set(err, -ENOTSUP, "backend '%s' has no operators to profile",
                            s->model->backend->name);
    s->model->backend->profile(s->state, into);
    return 0;
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

size_t aglm_session_reuse(struct aglm_session *s, const int32_t *tokens, size_t n)
{
    size_t keep = 0;
    while (keep + 1 < n && keep < s->length && s->tokens[keep] == tokens[keep])
        keep++;
    aglm_session_truncate(s, keep);
    return keep;
}

const char *aglm_session_affinity(const struct aglm_session *s)
{
    return s->affinity;
}

uint64_t aglm_session_kv_bytes(const struct aglm_session *s, size_t depth)
{
    return s->model->backend->kv_bytes(s->model, &s->options, depth);
}
