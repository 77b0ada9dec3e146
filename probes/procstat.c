/* Reads /proc/stat; see procstat.h. */
#include "probes/procstat.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { USER, NICE, SYSTEM, IDLE, IOWAIT, IRQ, SOFTIRQ, STEAL, FIELDS };

int aglm_procstat_read(struct aglm_procstat *out, const struct aglm_fsroot *fs)
{
    char *text = NULL;
    unsigned long long field[FIELDS] = {0};
    size_t n = 0;
    /* The line of interrupt counts can be long on large machines. */
    int rc = aglm_fsroot_slurp(fs, "/proc/stat", 4 << 20, &text);
    if (rc)
        return rc;
    if (strncmp(text, "cpu ", 4) == 0) {
        char *at = text + 4;
        for (; n < FIELDS; n++) {
            at += strspn(at, " ");
            char *end;
            if (*at < '0' || *at > '9')
                break;
            field[n] = strtoull(at, &end, 10);
            at = end;
        }
    }
    const char *running = strstr(text, "\nprocs_running ");
    char *end = NULL;
    double n_running = running ? (double)strtoull(running + 15, &end, 10) : -1;
    if (!running || end == running + 15 || *end != '\n')
        n_running = -1;
    free(text);
    if (n <= IDLE)
        return -EILSEQ;
    double total = 0;
    for (size_t i = 0; i < FIELDS; i++)
        total += (double)field[i];
    if (total <= 0 || total > 0x1p60)
        return -ERANGE;
    *out = (struct aglm_procstat){.total = total,
                                  .idle = (double)field[IDLE] + (double)field[IOWAIT],
                                  .steal = (double)field[STEAL],
                                  .iowait = (double)field[IOWAIT],
                                  .running = n_running};
    return 0;
}

double aglm_procstat_self_ticks(void)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    double seconds = (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
                     (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) * 1e-6;
    return seconds * (double)sysconf(_SC_CLK_TCK);
}
