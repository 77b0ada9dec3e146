/* An engine that does nothing but write down what it was asked, so that the runner can be tested
 * alone. It stands for engine/session.h: the test's own definitions win over the library's.
 */
#ifndef AGLM_TESTS_BENCH_FAKE_SESSION_H
#define AGLM_TESTS_BENCH_FAKE_SESSION_H

#include "engine/session.h"

#include <stdbool.h>
#include <stddef.h>

#define FAKE_VOCAB 300
#define FAKE_CTX_TRAIN 100

struct fake_engine {
    unsigned models_open, sessions_open, most_models_open; /* now, and at most */
    unsigned models_opened, sessions_opened;
    size_t prefill_tokens, decodes;
    unsigned calls;          /* prefill and decode calls so far */
    unsigned cancel_at_call; /* this call and all later ones say -ECANCELED; 0: none */
    unsigned fail_at_call;   /* only this call says -ENOMEM; 0: none */
    const char *missing;     /* a path that cannot be opened */
    const char *affinity;
    uint32_t n_ctx_train;                   /* 0: FAKE_CTX_TRAIN */
    const struct aglm_tokenizer *tokenizer; /* of all models; NULL: they have none */
    const struct aglm_gguf *file;
    size_t n_ctx;                    /* of the session opened last */
    uint32_t unfused;                /* of all sessions opened */
    struct aglm_op_profile *profile; /* where it is watched now */
    bool bad_call; /* a token outside the vocabulary or a context overrun was asked for */
};

extern struct fake_engine fake_engine;

#endif
