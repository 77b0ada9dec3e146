/* What the subcommands of `aglm-bench model` share. See cmd_model.h.
 *
 * In: what they were given. Out: messages on stderr, progress there on a terminal. Ctrl-C while a
 * file is being made is seen at the next progress call, so that the writer can clean up.
 */
#include "bench/cmd_complain.h"
#include "bench/cmd_model.h"
#include "probes/clock.h"

#include <errno.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int model_wrong_usage(const char *what, const char *value)
{
    return aglm_usage("model", what, value);
}

int model_fail(const struct aglm_err *err)
{
    fprintf(stderr, "aglm-bench model: %s\n", err->msg);
    return MODEL_ERROR;
}

int model_finish_stdout(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return MODEL_DONE;
    fprintf(stderr, "aglm-bench model: cannot write to standard output: %s\n", strerror(errno));
    return MODEL_ERROR;
}

bool model_parse_number(const char *text, uint64_t low, uint64_t high, uint64_t *out)
{
    char *end;
    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno || *end || value < low || value > high)
        return false;
    *out = value;
    return true;
}

bool model_is_option(const char *argument, const char *brief, const char *full)
{
    return strcmp(argument, full) == 0 || (brief && strcmp(argument, brief) == 0);
}

unsigned model_usable_cpus(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
    return n < 1 ? 1 : n > 512 ? 512 : (unsigned)n;
}

/* ---- jobs ---- */

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    interrupted = 1;
}

void model_job_begin(struct model_job *job, const char *what, bool quiet)
{
    const struct sigaction action = {.sa_handler = on_signal};
    *job = (struct model_job){.what = what, .start_ns = aglm_clock_ns()};
    aglm_progress_init(&job->progress, stderr, false, quiet);
    interrupted = 0;
    sigaction(SIGINT, &action, &job->old_int);
    sigaction(SIGTERM, &action, &job->old_term);
}

bool model_job_draw(void *ctx, uint64_t done, uint64_t total)
{
    struct model_job *job = ctx;
    double fraction = total ? (double)done / (double)total : 0.0;
    double spent = (double)(aglm_clock_ns() - job->start_ns) / 1e9;
    aglm_progress_draw(&job->progress, fraction, job->what,
                       fraction > 0.02 ? spent / fraction - spent : NAN);
    return !interrupted;
}

void model_job_end(struct model_job *job)
{
    sigaction(SIGINT, &job->old_int, NULL);
    sigaction(SIGTERM, &job->old_term, NULL);
    aglm_progress_clear(&job->progress);
}
