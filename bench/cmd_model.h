/* What the subcommands of `aglm-bench model` share: words to the user, numbers, and jobs that write
 * a big file with progress and can be interrupted. Only for bench/cmd_*.c.
 */
#ifndef AGLM_BENCH_CMD_MODEL_H
#define AGLM_BENCH_CMD_MODEL_H

#include "bench/progress.h"
#include "probes/err.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

enum { MODEL_DONE = 0, MODEL_ERROR = 1, MODEL_USAGE = 2 };

/* Each prints one line on stderr and returns the exit code. value may be NULL. */
int model_wrong_usage(const char *what, const char *value);
int model_fail(const struct aglm_err *err);
/* A result that could not be written (a full disk) is an error. */
int model_finish_stdout(void);

bool model_parse_number(const char *text, uint64_t low, uint64_t high, uint64_t *out);
/* brief may be NULL. */
bool model_is_option(const char *argument, const char *brief, const char *full);
unsigned model_usable_cpus(void);

/* From begin to end SIGINT and SIGTERM only make model_job_draw return false. */
struct model_job {
    struct aglm_progress progress;
    const char *what;
    uint64_t start_ns;
    struct sigaction old_int, old_term;
};
void model_job_begin(struct model_job *job, const char *what, bool quiet);
/* A progress callback; ctx: the job. */
bool model_job_draw(void *ctx, uint64_t done, uint64_t total);
void model_job_end(struct model_job *job);

/* The subcommands that have files of their own; argv[0] is the subcommand. */
int aglm_cmd_model_quantize(int argc, char **argv);

#endif
