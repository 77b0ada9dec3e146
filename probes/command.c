/* Commands of the system; see command.h. */
#include "probes/command.h"

#include "probes/child.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Exit statuses by which shells tell that a command was not found or may not be run; the child says
 * the same when exec fails. */
enum { STATUS_DENIED = 126, STATUS_ABSENT = 127 };

static int execute(void *arg, int fd)
{
    char *const *argv = arg;
    if (dup2(fd, STDOUT_FILENO) < 0)
        return STATUS_DENIED;
    execvp(argv[0], argv);
    return errno == ENOENT || errno == ENOTDIR ? STATUS_ABSENT : STATUS_DENIED;
}

static int run_live(struct aglm_command *out, const char *const argv[], unsigned timeout_ms,
                    size_t max)
{
    struct aglm_child child;
    /* execvp's argument is not const for old times' sake; nothing writes to it */
    int rc = aglm_child_run(&child, execute, (void *)(uintptr_t)argv, timeout_ms, max);
    out->status = rc == -ECANCELED ? child.signal : child.status;
    if (rc == 0 && child.status == STATUS_ABSENT)
        rc = -ENOENT;
    else if (rc == 0 && child.status == STATUS_DENIED)
        rc = -EACCES;
    else if (rc == 0 && child.status != 0)
        rc = -ECHILD;
    else if (rc == 0 && memchr(child.text, '\0', child.size))
        rc = -EILSEQ;
    if (rc == 0) {
        out->text = child.text;
        child.text = NULL;
    }
    aglm_child_finish(&child);
    return rc;
}

static int read_captured(struct aglm_command *out, const struct aglm_fsroot *fs,
                         const char *const argv[], size_t max)
{
    char path[PATH_MAX] = "/commands/";
    size_t n = strlen(path);
    for (size_t i = 0; argv[i]; i++) {
        if (i > 0 && n + 1 < sizeof(path))
            path[n++] = '_';
        for (const char *c = argv[i]; *c && n + 1 < sizeof(path); c++)
            path[n++] = isalnum((unsigned char)*c) || *c == '.' || *c == '-' ? *c : '_';
    }
    path[n] = '\0';
    return aglm_fsroot_slurp(fs, path, max, &out->text);
}

/* What Android's services say instead of an answer, with exit status 0. */
static int refusal(const char *text)
{
    if (strncmp(text, "Permission Denial", 17) == 0)
        return -EACCES;
    if (strncmp(text, "Can't find service", 18) == 0 ||
        strncmp(text, "cmd: Can't find service", 23) == 0)
        return -ENOENT;
    return 0;
}

int aglm_command_run(struct aglm_command *out, const struct aglm_fsroot *fs,
                     const char *const argv[], unsigned timeout_ms, size_t max)
{
    *out = (struct aglm_command){0};
    out->code = fs->live ? run_live(out, argv, timeout_ms, max) : read_captured(out, fs, argv, max);
    if (out->code == 0 && !aglm_fsroot_printable(out->text, "\t\n\r"))
        out->code = -EILSEQ;
    if (out->code == 0 && out->text[strspn(out->text, " \t\r\n")] == '\0')
        out->code = -ENODATA;
    if (out->code == 0)
        out->code = refusal(out->text);
    if (out->code) {
        free(out->text);
        out->text = NULL;
    }
    return out->code;
}

void aglm_command_finish(struct aglm_command *command)
{
    free(command->text);
    command->text = NULL;
}

const char *aglm_command_reason(const struct aglm_command *command, char *buf, size_t cap)
{
    switch (command->code) {
    case -ECHILD:
        snprintf(buf, cap, "failed with status %d", command->status);
        break;
    case -ECANCELED:
        snprintf(buf, cap, "ended by signal %d", command->status);
        break;
    case -ETIMEDOUT:
        snprintf(buf, cap, "no answer in time, given up");
        break;
    case -ENODATA:
        snprintf(buf, cap, "said nothing");
        break;
    case -EAGAIN:
        snprintf(buf, cap, "could not be run");
        break;
    default:
        snprintf(buf, cap, "%s", aglm_fsroot_reason(command->code));
    }
    return buf;
}
