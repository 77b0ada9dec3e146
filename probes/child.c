/* Work in a child process with a deadline; see child.h. */
#include "probes/child.h"

#include "probes/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Time is counted in slices of at most SLICE_MS, so that a suspended machine or a frozen process
 * group is not taken for a child that hangs. */
enum { SLICE_MS = 50, REAP_MS = 200, MS_NS = 1000000 };

void aglm_child_write(int fd, const void *data, size_t n)
{
    const char *at = data;
    while (n > 0) {
        ssize_t done = write(fd, at, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return;
        at += done;
        n -= (size_t)done;
    }
}

/* In the child: a process group of its own, no streams of the parent, and no life without it. */
static void settle(pid_t parent)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
    int null = open("/dev/null", O_RDWR);
    for (int fd = 0; null >= 0 && fd < 3; fd++)
        dup2(null, fd);
    if (null > 2)
        close(null);
}

/* Takes the time since *mark_ns, at most a slice of it, off *left_ns and moves the mark. */
static void spend(uint64_t *left_ns, uint64_t *mark_ns)
{
    uint64_t now = aglm_clock_ns(), spent = now - *mark_ns;
    const uint64_t slice = (uint64_t)SLICE_MS * MS_NS;
    spent = spent < slice ? spent : slice;
    *left_ns -= spent < *left_ns ? spent : *left_ns;
    *mark_ns = now;
}

/* Room for one more byte and the NUL behind it. */
static int grow(struct aglm_child *out, size_t *cap)
{
    if (out->size + 1 < *cap)
        return 0;
    char *text = realloc(out->text, *cap * 2);
    if (!text)
        return -ENOMEM;
    out->text = text;
    *cap *= 2;
    return 0;
}

/* Reads until the end, the deadline or max bytes. */
static int read_answer(struct aglm_child *out, int fd, uint64_t *left_ns, size_t max)
{
    size_t cap = 4096;
    uint64_t mark_ns = aglm_clock_ns();
    out->text = malloc(cap);
    if (!out->text)
        return -ENOMEM;
    for (;;) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        int rc = poll(&ready, 1, SLICE_MS);
        spend(left_ns, &mark_ns);
        if (rc < 0 && errno != EINTR)
            return -errno;
        if (rc > 0) {
            if (grow(out, &cap))
                return -ENOMEM;
            ssize_t n = read(fd, out->text + out->size, cap - out->size - 1);
            if (n == 0)
                return 0;
            if (n < 0 && errno != EINTR && errno != EAGAIN)
                return -errno;
            out->size += n > 0 ? (size_t)n : 0;
            if (out->size >= max)
                return -EFBIG;
        }
        if (*left_ns == 0)
            return -ETIMEDOUT;
    }
}

/* Whether the child has ended, waited for as long as there is time. It stays a zombie, so that its
 * process group's number cannot go to another one meanwhile. */
static int wait_ended(pid_t pid, uint64_t *left_ns)
{
    uint64_t mark_ns = aglm_clock_ns();
    for (;;) {
        siginfo_t info = {0};
        int rc = waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT);
        if (rc == 0 && info.si_pid == pid)
            return 0;
        if ((rc < 0 && errno != EINTR) || *left_ns == 0)
            return -ETIMEDOUT;
        nanosleep(&(struct timespec){.tv_nsec = MS_NS / 2}, NULL);
        spend(left_ns, &mark_ns);
    }
}

/* Kills what is left of the child's group and takes its status. A child that is stuck in the kernel
 * does not die of it: it is left behind. */
static int end(struct aglm_child *out, pid_t pid, uint64_t *left_ns, int rc)
{
    int status;
    if (rc == 0)
        rc = wait_ended(pid, left_ns);
    kill(-pid, SIGKILL);
    kill(pid, SIGKILL);
    *left_ns = (uint64_t)REAP_MS * MS_NS;
    if (wait_ended(pid, left_ns) || waitpid(pid, &status, 0) != pid)
        return rc ? rc : -ETIMEDOUT;
    if (rc == 0 && WIFEXITED(status))
        out->status = WEXITSTATUS(status);
    if (rc == 0 && WIFSIGNALED(status)) {
        out->signal = WTERMSIG(status);
        rc = -ECANCELED;
    }
    return rc;
}

int aglm_child_run(struct aglm_child *out, int (*work)(void *arg, int fd), void *arg,
                   unsigned timeout_ms, size_t cap)
{
    int fds[2];
    *out = (struct aglm_child){.status = -1};
    if (pipe2(fds, O_CLOEXEC) != 0)
        return -EAGAIN;
    pid_t parent = getpid(), pid = fork();
    if (pid < 0) {
        int rc = errno == ENOMEM ? -ENOMEM : -EAGAIN;
        close(fds[0]);
        close(fds[1]);
        return rc;
    }
    if (pid == 0) {
        close(fds[0]);
        int fd = fcntl(fds[1], F_DUPFD_CLOEXEC, 3); /* the pipe may sit where a stream was closed */
        settle(parent);
        _exit(fd < 0 ? 127 : work(arg, fd));
    }
    setpgid(pid, pid); /* the child does it too: whoever comes first */
    close(fds[1]);
    uint64_t left_ns = (uint64_t)timeout_ms * MS_NS;
    int rc = read_answer(out, fds[0], &left_ns, cap);
    close(fds[0]);
    rc = end(out, pid, &left_ns, rc);
    if (out->text)
        out->text[out->size] = '\0';
    return rc;
}

void aglm_child_finish(struct aglm_child *child)
{
    free(child->text);
    *child = (struct aglm_child){.status = -1};
}
