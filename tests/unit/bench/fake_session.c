/* The fake engine; see fake_session.h. */
#include "tests/unit/bench/fake_session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fake_engine fake_engine;

struct aglm_model {
    struct aglm_model_info info;
};

struct aglm_session {
    struct aglm_model *model;
    size_t n_ctx, length;
    float logits[FAKE_VOCAB];
};

int aglm_model_open(struct aglm_model **out, const struct aglm_model_options *options,
                    struct aglm_err *err)
{
    if (fake_engine.missing != NULL && strcmp(options->path, fake_engine.missing) == 0) {
        return aglm_err_set(err, -ENOENT, "%s: no such file", options->path);
    }
    struct aglm_model *model = calloc(1, sizeof(*model));
    if (model == NULL) {
        return aglm_err_set(err, -ENOMEM, "out of memory");
    }
    model->info = (struct aglm_model_info){
        .isa = "c",
        .n_params = 1000,
        .size_bytes = 4000,
        .bytes_per_token = 4000,
        .matmul_params = 900,
        .output_params = 100,
        .int8_math = true,
        .load_ns = 77,
        .n_vocab = FAKE_VOCAB,
        .n_ctx_train = fake_engine.n_ctx_train > 0 ? fake_engine.n_ctx_train : FAKE_CTX_TRAIN};
    snprintf(model->info.name, sizeof(model->info.name), "%s", options->path);
    snprintf(model->info.quantization, sizeof(model->info.quantization), "%s",
             options->quantize != NULL ? options->quantize : "F32");
    fake_engine.models_opened++;
    fake_engine.models_open++;
    if (fake_engine.models_open > fake_engine.most_models_open) {
        fake_engine.most_models_open = fake_engine.models_open;
    }
    *out = model;
    return 0;
}

void aglm_model_close(struct aglm_model **model)
{
    if (*model != NULL) {
        fake_engine.models_open--;
    }
    free(*model);
    *model = NULL;
}

const struct aglm_model_info *aglm_model_info(const struct aglm_model *model)
{
    return &model->info;
}

int aglm_model_tokenizer(struct aglm_model *model, const struct aglm_tokenizer **out,
                         struct aglm_err *err)
{
    if (fake_engine.tokenizer == NULL) {
        return aglm_err_set(err, -ENOENT, "%s: has no tokenizer", model->info.name);
    }
    *out = fake_engine.tokenizer;
    return 0;
}

const struct aglm_gguf *aglm_model_file(const struct aglm_model *model)
{
    return fake_engine.file;
}

uint64_t aglm_model_attention_madds(const struct aglm_model *model, uint64_t first, uint64_t n)
{
    return 10 * n + first;
}

uint64_t aglm_session_kv_bytes(const struct aglm_session *session, size_t depth)
{
    return 8 * depth;
}

int aglm_session_open(struct aglm_session **out, struct aglm_model *model,
                      const struct aglm_session_options *options, struct aglm_err *err)
{
    struct aglm_session *session = calloc(1, sizeof(*session));
    if (session == NULL) {
        return aglm_err_set(err, -ENOMEM, "out of memory");
    }
    session->model = model;
    session->n_ctx = options->n_ctx;
    fake_engine.n_ctx = options->n_ctx;
    fake_engine.unfused |= options->unfused;
    fake_engine.bad_call |= options->n_ubatch > options->n_batch || options->n_ubatch < 1;
    fake_engine.sessions_opened++;
    fake_engine.sessions_open++;
    *out = session;
    return 0;
}

void aglm_session_close(struct aglm_session **session)
{
    if (*session != NULL) {
        fake_engine.sessions_open--;
    }
    free(*session);
    *session = NULL;
}

static int append(struct aglm_session *session, const int32_t *tokens, size_t n,
                  struct aglm_err *err)
{
    unsigned call = ++fake_engine.calls;
    if (fake_engine.cancel_at_call > 0 && call >= fake_engine.cancel_at_call) {
        return aglm_err_set(err, -ECANCELED, "cancelled");
    }
    if (call == fake_engine.fail_at_call) {
        return aglm_err_set(err, -ENOMEM, "the fake engine's arm fell off");
    }
    for (size_t i = 0; i < n; i++) {
        fake_engine.bad_call |= tokens[i] < 0 || tokens[i] >= FAKE_VOCAB;
    }
    fake_engine.bad_call |= session->length + n > session->n_ctx;
    if (fake_engine.profile != NULL) {
        struct aglm_op_count *c = &fake_engine.profile->op[AGLM_OP_QKV];
        c->calls++;
        c->ns += 1000;
        c->wait_ns += 100;
        c->weight_bytes += 500;
    }
    session->length += n;
    return 0;
}

int aglm_session_prefill(struct aglm_session *session, const int32_t *tokens, size_t n,
                         struct aglm_err *err)
{
    fake_engine.prefill_tokens += n;
    return append(session, tokens, n, err);
}

int aglm_session_decode(struct aglm_session *session, int32_t token, struct aglm_err *err)
{
    fake_engine.decodes++;
    return append(session, &token, 1, err);
}

/* Only so that the library's own session stays out of the program. */
int aglm_session_eval(struct aglm_session *session, const int32_t *tokens, size_t n, float *rows,
                      struct aglm_err *err)
{
    return aglm_err_set(err, -ENOTSUP, "the fake has no rows of logits");
}

int aglm_session_observe(struct aglm_session *session,
                         void (*fn)(void *ctx, size_t site, const float *x, size_t n), void *ctx,
                         struct aglm_err *err)
{
    return 0;
}

int aglm_session_profile(struct aglm_session *session, struct aglm_op_profile *into,
                         struct aglm_err *err)
{
    fake_engine.profile = into;
    return 0;
}

size_t aglm_session_reuse(struct aglm_session *session, const int32_t *tokens, size_t n)
{
    session->length = 0;
    return 0;
}

const float *aglm_session_logits(const struct aglm_session *session)
{
    return session->logits;
}

size_t aglm_session_length(const struct aglm_session *session)
{
    return session->length;
}

void aglm_session_truncate(struct aglm_session *session, size_t n_keep)
{
    session->length = session->length < n_keep ? session->length : n_keep;
}

const char *aglm_session_affinity(const struct aglm_session *session)
{
    return fake_engine.affinity != NULL ? fake_engine.affinity : "0-1";
}
