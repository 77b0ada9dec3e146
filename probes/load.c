/* Load: who else is using the processor.
 *
 * Input: <root>/proc/loadavg, /proc/stat and /proc/PID/stat. CPU use needs two readings, so on the
 * running machine the probe waits 50 ms between them; a captured tree has one reading and the
 * figure is unknown. */
#include "probes/clock.h"
#include "probes/probe.h"
#include "probes/procstat.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { WAIT_MS = 50 };

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

/* The process that used most ticks since its first reading; NULL if none used any. */
static const struct process *heaviest(const struct aglm_fsroot *fs, const struct process *all,
                                      size_t n, double *ticks)
{
    const struct process *most = NULL;
    *ticks = 0;
    for (size_t i = 0; i < n; i++) {
        struct process now;
        char pid[16];
        snprintf(pid, sizeof(pid), "%d", all[i].pid);
        if (read_process(fs, pid, &now) == 0 && now.ticks - all[i].ticks > *ticks) {
            *ticks = now.ticks - all[i].ticks;
            most = &all[i];
        }
    }
    return most;
}

static void add_cpu_use(struct aglm_facts *facts, int code, const struct aglm_procstat *a,
                        const struct aglm_procstat *b, double self)
{
    const char *key = "load.others_cpu", *label = "CPU use of others";
    double total = b->total - a->total, idle = b->idle - a->idle;
    if (code == 0 && total <= 0)
        code = -ERANGE;
    if (code) {
        aglm_facts_unknown(facts, key, label, "/proc/stat", "%s", aglm_fsroot_reason(code));
        return;
    }
    /* Whole percents: ten ticks or so per CPU pass in 50 ms. */
    double busy = round((total - idle - self) / total * 100);
    aglm_facts_number(facts, key, label, "/proc/stat", "percent", fmin(fmax(busy, 0), 100));
}

static void add_live(struct aglm_facts *facts, const struct aglm_fsroot *fs)
{
    const char *key = "load.heaviest", *label = "Heaviest other process";
    struct process *all = NULL;
    size_t n = 0;
    double ticks;
    struct aglm_procstat before = {0}, after = {0};
    int rc = read_processes(fs, &all, &n);
    double self = aglm_procstat_self_ticks();
    int code = aglm_procstat_read(&before, fs);
    uint64_t start = aglm_clock_ns();
    nanosleep(&(struct timespec){.tv_nsec = WAIT_MS * 1000000L}, NULL);
    if (code == 0)
        code = aglm_procstat_read(&after, fs);
    add_cpu_use(facts, code, &before, &after, aglm_procstat_self_ticks() - self);
    const struct process *most = rc ? NULL : heaviest(fs, all, n, &ticks);
    double seconds = (double)(aglm_clock_ns() - start) * 1e-9;
    if (rc)
        aglm_facts_unknown(facts, key, label, "/proc", "%s", aglm_fsroot_reason(rc));
    else if (!most)
        aglm_facts_text(facts, key, label, "/proc", "none seen within %d ms", WAIT_MS);
    else
        aglm_facts_text(facts, key, label, "/proc", "%s (pid %d), about %.0f%% of one CPU",
                        most->name, most->pid,
                        ticks / (double)sysconf(_SC_CLK_TCK) / seconds * 100);
    free(all);
}

void aglm_probe_load(struct aglm_facts *facts, const struct aglm_fsroot *fs)
{
    add_averages(facts, fs);
    if (fs->live) {
        add_live(facts, fs);
        return;
    }
    const char *reason = "needs two readings, a capture has one";
    aglm_facts_unknown(facts, "load.others_cpu", "CPU use of others", "/proc/stat", "%s", reason);
    aglm_facts_unknown(facts, "load.heaviest", "Heaviest other process", "/proc", "%s", reason);
}
