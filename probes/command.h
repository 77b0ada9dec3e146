/* Asking a command of the system (`dumpsys battery`, `getprop`): its standard output as text.
 *
 * The command is found in PATH and run without a shell, in a child that is given up after its
 * timeout, its process group with it (probes/child.h). With a captured root nothing is run: the
 * output is read from <root>/commands/NAME, where NAME is the words joined by "_".
 *
 * Codes, each another answer: -ENOENT there is no such command (or service), -EACCES denied,
 * -ECHILD failed with a status, -ECANCELED ended by a signal, -ETIMEDOUT given up, -ENODATA said
 * nothing, -EFBIG said too much, -EILSEQ garbage (no text), -EAGAIN or -ENOMEM could not be run.
 */
#ifndef AGLM_PROBES_COMMAND_H
#define AGLM_PROBES_COMMAND_H

#include "probes/fsroot.h"

/* What the commands of a profile may take and say at most; a healthy dumpsys needs some 100 ms, and
 * vkjson is some 200 KiB. */
#define AGLM_COMMAND_TIMEOUT_MS 2000
#define AGLM_COMMAND_BYTES_MAX ((size_t)4 << 20)

struct aglm_command {
    char *text; /* the output; NULL unless the code is 0 */
    int code;   /* 0 or a code from above */
    int status; /* of -ECHILD: exit status; of -ECANCELED: signal */
};

/* Runs argv (ended by NULL) or reads what was captured of it. Returns out->code. */
int aglm_command_run(struct aglm_command *out, const struct aglm_fsroot *fs,
                     const char *const argv[], unsigned timeout_ms, size_t max);
void aglm_command_finish(struct aglm_command *command);

/* A few words for people on out->code into buf: "not there", "failed with status 3", … */
const char *aglm_command_reason(const struct aglm_command *command, char *buf, size_t cap);

#endif
