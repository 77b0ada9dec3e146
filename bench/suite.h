/* The standard suite: prompts of fixed lengths, written as text and counted by each model's own
 * tokenizer, so that everybody measures the same work.
 *
 * The texts are bench/prompts/ID.txt, built into the program. A prompt is the entry's messages in
 * the model's chat template; its filler is repeated under numbered headings until the prompt is
 * long enough, and then token ids are left out between filler and question until it has exactly the
 * length wanted: beginning, question and template stay whole. Image positions are placeholders, one
 * id repeated, in front of the question. A model without a tokenizer gets seeded random ids of the
 * same length instead.
 */
#ifndef AGLM_BENCH_SUITE_H
#define AGLM_BENCH_SUITE_H

#include "engine/session.h"
#include "probes/err.h"

#include <stddef.h>
#include <stdint.h>

#define AGLM_SUITE_STANDARD "standard"
#define AGLM_SUITE_DIGEST_SIZE 33

struct aglm_suite_entry {
    const char *id, *what; /* "voice-zh", "spoken command to JSON action" */
    uint32_t n_cached;     /* tokens in the cache before the test, not timed */
    uint32_t n_prompt;     /* tokens of the prompt behind them; n_image of these are placeholders */
    uint32_t n_image;
    uint32_t n_gen; /* tokens to generate, each the most likely one, whatever it is */
    const char *text;
};

const struct aglm_suite_entry *aglm_suite_entries(size_t *n);
/* NULL if there is none of that name. */
const struct aglm_suite_entry *aglm_suite_find(const char *id);
/* xxh3-128 of the entry's messages before anything is repeated or cut, in hexadecimal. */
int aglm_suite_text_digest(const struct aglm_suite_entry *entry,
                           char digest[AGLM_SUITE_DIGEST_SIZE], struct aglm_err *err);

/* A prompt ready to run. */
struct aglm_suite_prompt {
    int32_t *ids; /* [n_cached + n_prompt + n_gen], zeroes where tokens are to be generated */
    char ids_digest[AGLM_SUITE_DIGEST_SIZE];  /* of the first n_cached + n_prompt, as little-endian
                                                 32-bit numbers */
    char text_digest[AGLM_SUITE_DIGEST_SIZE]; /* "" where the model has no tokenizer and the ids are
                                                 random */
};

/* seed: of random ids. Errors are those of the tokenizer and the template; an entry whose beginning
 * and question alone are longer than wanted is cut all the same. */
int aglm_suite_prompt_make(struct aglm_suite_prompt *out, const struct aglm_suite_entry *entry,
                           struct aglm_model *model, uint64_t seed, struct aglm_err *err);
void aglm_suite_prompt_finish(struct aglm_suite_prompt *prompt);

#endif
