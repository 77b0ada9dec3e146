/* Work in a child process that is given up when it takes too long, crashes or says too much.
 *
 * For whatever may hang or crash and cannot be trusted: a driver that is loaded to be asked, a read
 * in /sys that never returns, a command of the system. The child answers through a pipe; its
 * standard streams are /dev/null and it dies with its parent. It is a process and not a thread
 * because a thread cannot be abandoned: one that is stuck in the kernel keeps its process from
 * ending.
 */
#ifndef AGLM_PROBES_CHILD_H
#define AGLM_PROBES_CHILD_H

#include <stddef.h>

struct aglm_child {
    char *text;  /* what it wrote until it ended or was given up, a NUL behind it; the caller frees
                    it, NULL if it could not be started */
    size_t size; /* bytes of text */
    int status;  /* exit status, -1 if it did not end by itself */
    int signal;  /* the signal that ended it, or 0 */
};

/* Runs work(arg, fd) in a child, which writes its answer to fd; what work returns is the child's
 * exit status. Returns 0 when it ended by itself, -ECANCELED when a signal ended it, -ETIMEDOUT or
 * -EFBIG when it was killed with all its process group for taking longer than timeout_ms or
 * writing cap bytes or more, -ENOMEM or -EAGAIN when it could not be started. Time during which the
 * machine stood still does not count. */
int aglm_child_run(struct aglm_child *out, int (*work)(void *arg, int fd), void *arg,
                   unsigned timeout_ms, size_t cap);
void aglm_child_finish(struct aglm_child *child);

/* Writes all n bytes; gives up without a word when nobody reads any more. */
void aglm_child_write(int fd, const void *data, size_t n);

#endif
