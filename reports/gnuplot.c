/* Runs gnuplot; see gnuplot.h. Script, output and messages go through unnamed temporary files, so
 * that neither side can block the other and a child that dies early raises no SIGPIPE here.
 */
#include "reports/gnuplot.h"

#include "probes/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct files {
    FILE *script, *output, *messages;
    int status_pipe[2]; /* the child's errno if it could not become gnuplot; closed by a successful
                           exec */
};

static void close_files(struct files *f)
{
    FILE *const all[] = {f->script, f->output, f->messages};
    for (size_t i = 0; i < 3; i++)
        if (all[i])
            fclose(all[i]);
    for (size_t i = 0; i < 2; i++)
        if (f->status_pipe[i] >= 0)
            close(f->status_pipe[i]);
}

static int open_files(struct files *f, const struct aglm_text *script)
{
    *f = (struct files){.status_pipe = {-1, -1}};
    f->script = tmpfile();
    f->output = tmpfile();
    f->messages = tmpfile();
    if (!f->script || !f->output || !f->messages || pipe2(f->status_pipe, O_CLOEXEC) < 0)
        return -errno;
    if (fwrite(script->data, 1, script->len, f->script) != script->len || fflush(f->script) != 0)
        return -errno;
    rewind(f->script);
    return 0;
}

/* In the child; only returns on failure. */
static void become_gnuplot(const struct files *f, const char *command)
{
    static char lc[] = "LC_ALL=C", term[] = "GNUTERM=dumb", home[] = "HOME=/", d[] = "-d";
    char path[4096] = "PATH=/usr/bin:/bin";
    if (getenv("PATH"))
        snprintf(path, sizeof(path), "PATH=%s", getenv("PATH"));
    char *const env[] = {lc, term, home, path, NULL};
    char name[4096];
    snprintf(name, sizeof(name), "%s", command);
    char *const argv[] = {name, d, NULL};
    const struct rlimit size = {AGLM_GNUPLOT_OUTPUT_MAX, AGLM_GNUPLOT_OUTPUT_MAX};
    const struct rlimit core = {0, 0};
    setpgid(0, 0);
    setrlimit(RLIMIT_FSIZE, &size);
    setrlimit(RLIMIT_CORE, &core);
    signal(SIGINT, SIG_IGN); /* Ctrl-C ends the report, not the plot before its limit */
    if (dup2(fileno(f->script), 0) >= 0 && dup2(fileno(f->output), 1) >= 0 &&
        dup2(fileno(f->messages), 2) >= 0)
        execvpe(name, argv, env);
    int code = errno;
    if (write(f->status_pipe[1], &code, sizeof(code)) != sizeof(code))
        code = 0;
    _exit(127);
}

/* Waits for the child, at most until the deadline; kills it and everything that it started after
 * that. */
static int wait_for(pid_t pid, int *status)
{
    uint64_t deadline = aglm_clock_ns() + AGLM_GNUPLOT_SECONDS * UINT64_C(1000000000);
    for (;;) {
        pid_t got = waitpid(pid, status, WNOHANG);
        if (got == pid)
            return 0;
        if (got < 0 && errno != EINTR)
            return -errno;
        if (aglm_clock_ns() > deadline)
            break;
        nanosleep(&(struct timespec){.tv_nsec = 4000000}, NULL);
    }
    kill(-pid, SIGKILL);
    kill(pid, SIGKILL);
    while (waitpid(pid, status, 0) < 0 && errno == EINTR)
        ;
    return -ETIMEDOUT;
}

/* The first line that says something, for the error message. */
static void first_message(FILE *messages, char *line, size_t size)
{
    line[0] = '\0';
    rewind(messages);
    while (fgets(line, (int)size, messages)) {
        line[strcspn(line, "\r\n")] = '\0';
        if (line[strspn(line, " \t^")] && strncmp(line, "gnuplot>", 8) != 0)
            return;
    }
    snprintf(line, size, "no message");
}

static int take_output(const struct files *f, struct aglm_text *out)
{
    struct stat st;
    char buf[16384];
    ssize_t n;
    off_t at = 0;
    if (fstat(fileno(f->output), &st) < 0)
        return -errno;
    if (st.st_size >= AGLM_GNUPLOT_OUTPUT_MAX)
        return -EFBIG;
    while ((n = pread(fileno(f->output), buf, sizeof(buf), at)) > 0) {
        aglm_text_rawn(out, buf, (size_t)n);
        at += n;
    }
    return n < 0 ? -errno : out->failed ? -ENOMEM : 0;
}

static int judge(const struct files *f, const char *command, int waited, int status,
                 struct aglm_err *err)
{
    char line[200];
    int code = 0;
    if (read(f->status_pipe[0], &code, sizeof(code)) == sizeof(code) && code > 0)
        return aglm_err_set(err, code == ENOENT || code == ENOTDIR ? -ENOENT : -code,
                            "%s: cannot be started: %s", command, strerror(code));
    if (waited == -ETIMEDOUT)
        return aglm_err_set(err, -ETIMEDOUT, "%s: no plot within %d s, ended", command,
                            AGLM_GNUPLOT_SECONDS);
    if (waited < 0)
        return aglm_err_set(err, waited, "%s: %s", command, strerror(-waited));
    first_message(f->messages, line, sizeof(line));
    if (WIFSIGNALED(status))
        return aglm_err_set(err, -EPROTO, "%s: ended by signal %d (%s)", command, WTERMSIG(status),
                            line);
    struct stat st; /* after an error in a script it ends with status 0 */
    if (WEXITSTATUS(status) == 0 && fstat(fileno(f->output), &st) == 0 && st.st_size == 0)
        return aglm_err_set(err, -EPROTO, "%s: drew nothing: %s", command, line);
    if (WEXITSTATUS(status) != 0)
        return aglm_err_set(err, -EPROTO, "%s: failed with status %d: %s", command,
                            WEXITSTATUS(status), line);
    return 0;
}

int aglm_gnuplot_run(const char *command, const struct aglm_text *script, struct aglm_text *out,
                     struct aglm_err *err)
{
    struct files f;
    int status = 0;
    command = command ? command : "gnuplot";
    int r = open_files(&f, script);
    if (r < 0) {
        aglm_err_set(err, r, "temporary files for %s: %s; check TMPDIR and free space", command,
                     strerror(-r));
        goto done;
    }
    pid_t pid = fork();
    if (pid == 0)
        become_gnuplot(&f, command);
    if (pid < 0) {
        r = aglm_err_set(err, -errno, "%s: cannot be started: %s", command, strerror(errno));
        goto done;
    }
    close(f.status_pipe[1]);
    f.status_pipe[1] = -1;
    r = judge(&f, command, wait_for(pid, &status), status, err);
    if (r == 0) {
        r = take_output(&f, out);
        if (r < 0)
            aglm_err_set(err, r, "%s: its output cannot be used: %s", command, strerror(-r));
    }
done:
    close_files(&f);
    return r;
}
