/* A backend: the part of the engine that turns tokens into logits. One struct of functions each.
 *
 * The session owns positions, limits and the order of calls; a backend owns weights, KV cache and
 * threads.
 */
#ifndef AGLM_ENGINE_BACKEND_H
#define AGLM_ENGINE_BACKEND_H

#include "engine/arch.h"
#include "engine/bind.h"
#include "engine/session.h"

struct aglm_backend {
    const char *name;
    /* Makes weights ready to run from the bound tensors, and fills info->isa, quantization,
     * size_bytes and bytes_per_token. *weights is freed by weights_free. */
    int (*load)(void **weights, const struct aglm_model *model,
                const struct aglm_model_options *options, struct aglm_model_info *info,
                struct aglm_err *err);
    /* See aglm_model_pack; NULL where there is nothing to pack. */
    int (*pack)(void *weights, const struct aglm_model *model,
                const struct aglm_model_options *options, struct aglm_model_info *info,
                struct aglm_err *err);
    void (*weights_free)(void *weights);
    /* Everything a session needs; options were checked, cache types are set. */
    int (*open)(void **state, const struct aglm_model *model,
                const struct aglm_session_options *options, struct aglm_err *err);
    void (*close)(void *state);
    /* Runs n <= n_ubatch tokens at positions pos … pos + n - 1. rows: NULL, or [n, n_vocab] for the
     * logits of every position; last: NULL, or [n_vocab] for those of the last one. Returns 0, or
     * -ECANCELED: options->cancelled, polled between layers, said so; last is untouched. */
    int (*forward)(void *state, const int32_t *tokens, size_t n, size_t pos, float *rows,
                   float *last);
    /* See aglm_session_observe; NULL where there are no activations. */
    void (*observe)(void *state, void (*fn)(void *ctx, size_t site, const float *x, size_t n),
                    void *ctx);
    /* See aglm_session_profile; NULL where there are no operators. */
    void (*profile)(void *state, struct aglm_op_profile *into);
    /* The CPUs its threads may run on, read back, into buf. */
    void (*affinity)(const void *state, char *buf, size_t size);
    /* Bytes of KV cache read to decode a token at depth positions. */
    uint64_t (*kv_bytes)(const struct aglm_model *model, const struct aglm_session_options *options,
                         size_t depth);
};

extern const struct aglm_backend aglm_backend_cpu;
extern const struct aglm_backend aglm_backend_null;

/* An open model, as backends see it. */
struct aglm_model {
    struct aglm_gguf *file;
    struct aglm_hparams hp;
    struct aglm_tensors tensors;
    struct aglm_model_info info;
    struct aglm_tokenizer *tokenizer; /* NULL until asked for */
    const struct aglm_backend *backend;
    void *weights;
};

#endif
