/* Load: who else is using the processor.
 *
 * Input: <root>/proc/loadavg, /proc/stat and /proc/PID/stat. CPU use needs two readings, so on the
 * running machine the probe waits between them; a captured tree has one reading and the figures are
 * unknown. */
#include "probes/clock.h"
#include "probes/probe.h"
#include "probes/procstat.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SHOWN = 3 };

#define HEAVIEST "Heaviest others"

struct process {
    int pid;
    double ticks;
    char name[32];
};

static void add_averages(struct aglm_facts *facts, const struct aglm_fsroot *fs)
{
    static const char *const keys[] = {"load.average_1min", "load.average_5min",
                                       "load.average_15min"};
    static const char *const labels[] = {"Load average, 1 min", "Load average, 5 min",
                                         "Load average, 15 min"};
    char text[128];
    int rc = aglm_fsroot_text(fs, text, sizeof(text), "/proc/loadavg");
    const char *at = rc ? "" : text;
    for (size_t i = 0; i < 3; i++) {
        char *end = NULL;
        double value = rc || *at < '0' || *at > '9' ? -1 : strtod(at, &end);
        if (rc == 0 && (!end || *end != ' '))
            rc = -EILSEQ;
        if (rc == 0 && value > 1e6)
            rc = -ERANGE;
        if (rc) {
            aglm_facts_unknown(facts, keys[i], labels[i], "/proc/loadavg", "%s",
                               aglm_fsroot_reason(rc));
            continue;
        }
        aglm_facts_number(facts, keys[i], labels[i], "/proc/loadavg", "tasks", value);
        at = end + 1;
    }
}

/* utime + stime and the name of one process. Its name stands in brackets and may hold anything,
 * brackets too. */
static int read_process(const struct aglm_fsroot *fs, const char *pid, struct process *out)
{
    char path[64], text[1024];
    snprintf(path, sizeof(path), "/proc/%s/stat", pid);
    int rc = aglm_fsroot_read(fs, path, text, sizeof(text));
    if (rc)
        return rc;
    char *open = strchr(text, '('), *close = strrchr(text, ')');
    if (!open || !close || close < open)
        return -EILSEQ;
    unsigned long long user, system;
    /* state, then 10 numbers, then utime and stime: fields 3 … 15 of proc(5) */
    if (sscanf(close + 1, " %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu %llu", &user,
               &system) != 2)
        return -EILSEQ;
    out->pid = atoi(pid);
    out->ticks = (double)user + (double)system;
    snprintf(out->name, sizeof(out->name), "%.*s", (int)(close - open - 1), open + 1);
    return 0;
}

/* Whether the kernel shows processes of others: process 1 is one, and always there. */
static bool sees_others(const struct aglm_fsroot *fs)
{
    struct process first;
    return getpid() == 1 || read_process(fs, "1", &first) == 0;
}

/* First readings of all processes but this one; *out is freed by the caller. */
static int read_processes(const struct aglm_fsroot *fs, struct process **out, size_t *n)
{
    struct aglm_fsroot_names names = {0};
    int rc = aglm_fsroot_list(fs, "/proc", "", &names);
    if (rc)
        return rc;
    struct process *all = calloc(names.count + 1, sizeof(*all));
    size_t count = 0;
    for (size_t i = 0; all && i < names.count; i++)
        if (names.names[i][0] >= '1' && names.names[i][0] <= '9' &&
            atoi(names.names[i]) != getpid() && read_process(fs, names.names[i], &all[count]) == 0)
            count++;
    aglm_fsroot_names_finish(&names);
    if (!all)
        return -ENOMEM;
    *out = all;
    *n = count;
    return 0;
}

/* The processes that used ticks since their first reading, heaviest first, at most SHOWN of them;
 * returns how many. all's ticks become the difference. */
static size_t heaviest(const struct aglm_fsroot *fs, struct process *all, size_t n,
                       struct process out[SHOWN])
{
    size_t found = 0;
    for (size_t i = 0; i < n; i++) {
        struct process now;
        char pid[16];
        snprintf(pid, sizeof(pid), "%d", all[i].pid);
        if (read_process(fs, pid, &now) || now.ticks <= all[i].ticks)
            continue;
        now.ticks -= all[i].ticks;
        size_t at = found < SHOWN ? found++ : SHOWN;
        for (; at > 0 && out[at - 1].ticks < now.ticks; at--)
            if (at < SHOWN)
                out[at] = out[at - 1];
        if (at < SHOWN)
            out[at] = now;
    }
    return found;
}

/* One share of the CPU time between two readings, in whole percents: ten ticks or so for each CPU
 * pass in a tenth of a second. */
static void add_share(struct aglm_facts *facts, int code, const char *key, const char *label,
                      double part, double total)
{
    if (code == 0 && total <= 0)
        code = -ERANGE;
    if (code)
        aglm_facts_unknown(facts, key, label, "/proc/stat", "%s", aglm_fsroot_reason(code));
    else
        aglm_facts_number(facts, key, label, "/proc/stat", "percent",
                          fmin(fmax(round(part / total * 100), 0), 100));
}

static void add_cpu_use(struct aglm_facts *facts, int code, const struct aglm_procstat *a,
                        const struct aglm_procstat *b, double self)
{
    const double total = b->total - a->total, idle = b->idle - a->idle;
    add_share(facts, code, "load.cpu", "CPU use", total - idle, total);
    add_share(facts, code, "load.others_cpu", "CPU use of others", total - idle - self, total);
    add_share(facts, code, "load.steal", "Stolen by the host", b->steal - a->steal, total);
    add_share(facts, code, "load.iowait", "Idle, waiting for I/O", b->iowait - a->iowait, total);
    if (code == 0 && b->running < 0)
        code = -ENOENT;
    if (code)
        aglm_facts_unknown(facts, "load.running", "Run queue", "/proc/stat", "%s",
                           aglm_fsroot_reason(code));
    else /* without this task, which runs */
        aglm_facts_number(facts, "load.running", "Run queue", "/proc/stat", "count",
                          fmax(b->running - 1, 0));
}

static void add_heaviest(struct aglm_facts *facts, const struct process *top, size_t n,
                         unsigned wait_ms, double seconds)
{
    char text[SHOWN * 96] = "";
    for (size_t i = 0; i < n; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s (pid %d) %.0f%%",
                 i ? ", " : "", top[i].name, top[i].pid,
                 top[i].ticks / (double)sysconf(_SC_CLK_TCK) / seconds * 100);
    if (n > 0)
        aglm_facts_text(facts, "load.heaviest", HEAVIEST, "/proc", "%s of one CPU", text);
    else
        aglm_facts_text(facts, "load.heaviest", HEAVIEST, "/proc", "none seen within %u ms",
                        wait_ms);
}

static void add_live(struct aglm_facts *facts, const struct aglm_fsroot *fs, unsigned wait_ms)
{
    struct process *all = NULL, top[SHOWN];
    size_t n = 0;
    struct aglm_procstat before = {0}, after = {0};
    int rc = read_processes(fs, &all, &n);
    double self = aglm_procstat_self_ticks();
    int code = aglm_procstat_read(&before, fs);
    uint64_t start = aglm_clock_ns();
    nanosleep(&(struct timespec){.tv_nsec = wait_ms * 1000000L}, NULL);
    if (code == 0)
        code = aglm_procstat_read(&after, fs);
    add_cpu_use(facts, code, &before, &after, aglm_procstat_self_ticks() - self);
    const size_t n_top = rc ? 0 : heaviest(fs, all, n, top);
    /* Android shows a program only its own processes: then "none" would be a lie. */
    if (rc == 0 && !sees_others(fs))
        rc = -EACCES;
    if (rc)
        aglm_facts_unknown(facts, "load.heaviest", HEAVIEST, "/proc", "%s%s",
                           aglm_fsroot_reason(rc),
                           rc == -EACCES ? ": other processes are hidden" : "");
    else
        add_heaviest(facts, top, n_top, wait_ms, (double)(aglm_clock_ns() - start) * 1e-9);
    free(all);
}

void aglm_probe_load(struct aglm_facts *facts, const struct aglm_fsroot *fs, unsigned wait_ms)
{
    static const char *const figures[][2] = {{"load.cpu", "CPU use"},
                                             {"load.others_cpu", "CPU use of others"},
                                             {"load.steal", "Stolen by the host"},
                                             {"load.iowait", "Idle, waiting for I/O"},
                                             {"load.heaviest", HEAVIEST}};
    add_averages(facts, fs);
    if (fs->live)
        add_live(facts, fs, wait_ms);
    for (size_t i = 0; i < sizeof(figures) / sizeof(*figures) && !fs->live; i++)
        aglm_facts_unknown(facts, figures[i][0], figures[i][1], "/proc/stat",
                           "needs two readings, a capture has one");
    aglm_probe_pressure(facts, fs);
}
