/* What the two files of `aglm-bench generate` share: its options, and what they open.
 */
#ifndef AGLM_BENCH_CMD_GENERATE_H
#define AGLM_BENCH_CMD_GENERATE_H

#include "engine/dtype.h"
#include "engine/session.h"
#include "engine/text/sampler.h"
#include "engine/text/template.h"

#include <stdbool.h>
#include <stdint.h>

struct aglm_generate_command {
    const char *model, *prompt, *prompt_file, *system, *template, *isa, *backend, *quantize, *load;
    enum aglm_dtype type_k, type_v;
    uint64_t n_max, n_ctx, n_ctx_override, n_threads;
    struct aglm_sampler_options sampling;
    bool no_template, interactive, quiet;
    /* open */
    struct aglm_model *loaded;
    const struct aglm_tokenizer *tokenizer;
    struct aglm_session *session;
    struct aglm_sampler *sampler;
    enum aglm_chat_family family;
    uint32_t context; /* positions of the session, 0 until it is open */
    bool packs_later; /* the weights are in the file yet, and are packed after the first token */
    bool broken_output, ends_in_newline;
};

/* Fills *command from the arguments and the defaults. 0: go on; 1: help was printed; 2: wrong
 * usage, and said so. */
int aglm_generate_parse(struct aglm_generate_command *command, int argc, char **argv);

#endif
