/* Storage as facts of the profile: where, which file system, how much is free; with measuring, how
 * fast.
 *
 * Inputs: a folder (or, without one, the first of those in which models may lie that can be written
 * and is no memory), statfs, <root>/proc/self/mountinfo. Everything about it belongs to the running
 * machine, so a captured tree has none.
 */
#include "probes/guard.h"
#include "probes/probe.h"
#include "probes/storage.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define MOUNTS "/proc/self/mountinfo"

enum { LOOK_MS = 3000, MEASURE_MS = 8000 };

int aglm_mount_type(const char *mountinfo, unsigned major_id, unsigned minor_id, char *buf,
                    size_t cap)
{
    for (const char *line = mountinfo; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        unsigned major_at, minor_at;
        char type[64];
        const char *end = line + strcspn(line, "\n"), *dash = strstr(line, " - ");
        if (sscanf(line, "%*d %*d %u:%u ", &major_at, &minor_at) != 2 || !dash || dash > end ||
            major_at != major_id || minor_at != minor_id)
            continue;
        if (sscanf(dash + 3, "%63s", type) != 1 || !aglm_fsroot_printable(type, ""))
            return -EILSEQ;
        snprintf(buf, cap, "%s", type);
        return 0;
    }
    return -ENOENT;
}

static int find_type(const struct aglm_fsroot *fs, const char *dir, char *buf, size_t cap)
{
    char *text = NULL;
    struct stat st;
    if (stat(dir, &st))
        return -errno;
    int rc = aglm_fsroot_slurp(fs, MOUNTS, 4 << 20, &text);
    if (rc == 0)
        rc = aglm_mount_type(text, major(st.st_dev), minor(st.st_dev), buf, cap);
    free(text);
    return rc;
}

static bool in_memory(const struct aglm_fsroot *fs, const char *dir)
{
    char type[64] = "";
    return find_type(fs, dir, type, sizeof(type)) == 0 &&
           (strcmp(type, "tmpfs") == 0 || strcmp(type, "ramfs") == 0);
}

/* Where models are likely to lie. */
static const char *choose_dir(const struct aglm_fsroot *fs)
{
    const char *const dirs[] = {getenv("XDG_CACHE_HOME"), getenv("HOME"), ".", "/data/local/tmp",
                                "/var/tmp"};
    for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++)
        if (dirs[i] && dirs[i][0] && access(dirs[i], W_OK | X_OK) == 0 && !in_memory(fs, dirs[i]))
            return dirs[i];
    return ".";
}

static void add_speeds(struct aglm_facts *facts, const char *dir, double memory_read_per_s)
{
    struct aglm_storage s;
    struct aglm_err err = {0};
    char source[96], doubt[160];
    if (aglm_storage_measure(&s, &(struct aglm_storage_options){.dir = dir}, &err)) {
        aglm_facts_unknown(facts, "storage.read", "Sequential read", "measured", "%s", err.msg);
        return;
    }
    snprintf(source, sizeof(source), "measured: %s, 1 MiB blocks, file of %llu MiB",
             s.direct ? "O_DIRECT" : "buffered", (unsigned long long)(s.file_bytes >> 20));
    aglm_facts_number(facts, "storage.write", "Sequential write", source, "bytes/s", s.write_per_s);
    aglm_facts_number(facts, "storage.read", "Sequential read", source, "bytes/s", s.read_per_s);
    snprintf(source, sizeof(source), "measured: %s, 4 KiB, one at a time",
             s.direct ? "O_DIRECT" : "buffered");
    aglm_facts_number(facts, "storage.random_read", "Random 4 KiB reads", source, "1/s",
                      s.random_per_s);
    aglm_facts_number(facts, "storage.random_read_median", "One of them, median", source, "us",
                      s.random_ns / 1e3);
    if (aglm_storage_implausible(&s, memory_read_per_s, doubt, sizeof(doubt)))
        aglm_facts_text(facts, "storage.doubt", "Not the device's speed", "measured", "%s", doubt);
    aglm_facts_number(facts, "storage.took", "Time for storage", "measured", "s",
                      (double)s.ns / 1e9);
}

struct job {
    const struct aglm_fsroot *fs;
    const struct aglm_storage_ask *ask;
};

static void probe(struct aglm_facts *facts, const void *arg)
{
    const struct job *job = arg;
    const struct aglm_fsroot *fs = job->fs;
    const struct aglm_storage_ask *ask = job->ask;
    char type[64];
    struct statvfs st;
    const char *dir = ask->dir ? ask->dir : choose_dir(fs);
    char *path = realpath(dir, NULL);
    aglm_facts_text(facts, "storage.folder", "Folder", "realpath", "%s", path ? path : dir);
    int rc = find_type(fs, dir, type, sizeof(type));
    if (rc)
        aglm_facts_unknown(facts, "storage.type", "File system", MOUNTS, "%s",
                           aglm_fsroot_reason(rc));
    else
        aglm_facts_text(facts, "storage.type", "File system", MOUNTS, "%s", type);
    rc = statvfs(dir, &st) ? -errno : 0;
    if (rc)
        aglm_facts_unknown(facts, "storage.free", "Free space", "statvfs", "%s",
                           aglm_fsroot_reason(rc));
    else {
        aglm_facts_number(facts, "storage.total", "Size", "statvfs", "bytes",
                          (double)st.f_blocks * (double)st.f_frsize);
        aglm_facts_number(facts, "storage.free", "Free space", "statvfs", "bytes",
                          (double)st.f_bavail * (double)st.f_frsize);
    }
    if (ask->measure)
        add_speeds(facts, dir, ask->memory_read_per_s);
    free(path);
}

void aglm_probe_storage(struct aglm_facts *facts, const struct aglm_fsroot *fs,
                        const struct aglm_storage_ask *ask)
{
    const struct job job = {fs, ask};
    if (fs->live)
        aglm_guard_run(facts, "storage",
                       ask->timeout_ms ? ask->timeout_ms
                       : ask->measure  ? MEASURE_MS
                                       : LOOK_MS,
                       probe, &job);
    else
        aglm_facts_unknown(facts, "storage.free", "Free space", "statvfs",
                           "only the running machine tells");
}
