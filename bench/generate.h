/* Text generation on an open session: prompt in, tokens out one by one, with the times a reader
 * feels. Prints nothing: the caller's function gets the text.
 */
#ifndef AGLM_BENCH_GENERATE_H
#define AGLM_BENCH_GENERATE_H

#include "engine/session.h"
#include "engine/text/sampler.h"
#include "engine/text/tokenizer.h"
#include "probes/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum aglm_stop {
    AGLM_STOP_END,        /* eos, eot, observation …: the model ended its answer */
    AGLM_STOP_LENGTH,     /* as many tokens as were asked for */
    AGLM_STOP_CONTEXT,    /* no position left */
    AGLM_STOP_INTERRUPTED /* cancelled() said so */
};

struct aglm_generate {
    struct aglm_session *session;
    const struct aglm_tokenizer *tokenizer;
    struct aglm_sampler *sampler;
    size_t n_max; /* tokens to generate at most; >= 1 */
    size_t n_ctx; /* the session's positions */
    /* NULL, or called once between the first token and the second: what only further tokens gain
     * from waits for it. */
    int (*settle)(void *ctx, struct aglm_err *err);
    void *ctx; /* of the callbacks */
    /* Gets whole UTF-8 characters, or bytes that are none; -errno ends the generation. */
    int (*text)(void *ctx, const char *text, size_t size, struct aglm_err *err);
    bool (*cancelled)(void *ctx);
};

struct aglm_generated {
    size_t n_prompt, n_reused; /* tokens; reused ones were in the cache and cost nothing */
    size_t n;                  /* tokens generated, the ending one not counted */
    uint64_t prefill_ns;       /* the prompt's tokens that were not reused */
    uint64_t first_ns;         /* choosing the first token and handing its text over */
    double tpot_mean_ms, tpot_median_ms; /* per further token: decode, choose, hand over; NaN if
                                            there is none */
    uint64_t settle_ns;                  /* what settle() took; 0: it was not called */
    uint64_t total_ns;                   /* from the start of prefill to the end */
    enum aglm_stop stop;
    char *text; /* [size], NUL-terminated, the caller's to free: everything handed over */
    size_t size;
};

/* Length of text without the incomplete UTF-8 character at its end: what can be shown now. Bytes
 * that no further byte can make a character count as complete. */
size_t aglm_utf8_complete(const char *text, size_t size);

/* Runs the prompt [n], reusing what the session's cache starts with, and generates. On success *out
 * is filled, also when interrupted. -ENOSPC: the prompt is longer than n_ctx; -EDOM: a logit is
 * NaN; what the session or text() return. */
int aglm_generate(struct aglm_generated *out, const struct aglm_generate *g, const int32_t *prompt,
                  size_t n, struct aglm_err *err);
void aglm_generated_finish(struct aglm_generated *generated);

const char *aglm_stop_name(enum aglm_stop stop); /* "end of answer", "length", … */

#endif
