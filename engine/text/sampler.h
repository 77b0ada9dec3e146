/* Choosing the next token from logits: greedy or seeded sampling.
 *
 * Order of the steps: repetition penalty, top-k, softmax at the temperature, top-p, min-p, draw.
 * Deterministic: the same logits, parameters and seed give the same ids on every machine.
 */
#ifndef AGLM_ENGINE_TEXT_SAMPLER_H
#define AGLM_ENGINE_TEXT_SAMPLER_H

#include "probes/err.h"

#include <stddef.h>
#include <stdint.h>

struct aglm_sampler_options {
    float temperature;    /* 0: greedy */
    uint32_t top_k;       /* 0: off */
    float top_p;          /* 1: off */
    float min_p;          /* 0: off */
    float repeat_penalty; /* 1: off; > 0 */
    uint32_t repeat_last; /* tokens looked back at; 0: off */
    uint64_t seed;
};

struct aglm_sampler;

/* Allocates for n_vocab logits; sampling allocates nothing. -EINVAL names the option out of range.
 */
int aglm_sampler_create(struct aglm_sampler **out, const struct aglm_sampler_options *options,
                        size_t n_vocab, struct aglm_err *err);
void aglm_sampler_destroy(struct aglm_sampler **sampler);
/* A token of the context, for the repetition penalty. */
void aglm_sampler_accept(struct aglm_sampler *sampler, int32_t id);
/* logits: [n_vocab], unchanged. Returns the id; ties go to the lowest id; -EDOM when a logit is
 * NaN. */
int32_t aglm_sampler_next(struct aglm_sampler *sampler, const float *logits);

#endif
