/* What the files of `aglm-bench eval` share: its options, and how it opens models.
 */
#ifndef AGLM_BENCH_CMD_EVAL_H
#define AGLM_BENCH_CMD_EVAL_H

#include "bench/perplexity.h"
#include "engine/session.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct aglm_eval_command {
    const char *model, *backend, *isa, *quantize, *load;
    const char *tokens_text, *logits_out;               /* for given tokens */
    const char *text_file, *against, *against_quantize; /* for a text; NULL: not given */
    double prune; /* share of each row's weights that become 0 first; the reference stays whole */
    bool json, quiet;
    unsigned top, threads, batch, ubatch, ctx_override;
    struct aglm_windows windows;
    enum aglm_dtype type_k, type_v;
    int32_t *tokens; /* [n], of --tokens; owned */
    size_t n;
};

/* Fills *command from the arguments and the defaults. 0: go on; 1: help was printed; 2: wrong
 * usage, and said so. command->tokens is the caller's to free in any case. */
int aglm_eval_parse(struct aglm_eval_command *command, int argc, char **argv);

/* Opens what -m or --against names; path: [path_size], the file's. quantize NULL: as it is. */
int aglm_eval_open(struct aglm_model **out, const struct aglm_eval_command *command,
                   const char *model, const char *quantize, double prune, char *path,
                   size_t path_size, struct aglm_err *err);
/* True once SIGINT or SIGTERM came. */
bool aglm_eval_cancelled(void *ctx);

/* --text-file: exit code. */
int aglm_eval_text(const struct aglm_eval_command *command);

#endif
