/* Control group limits; see cgroup.h. Files: Linux' Documentation/admin-guide/cgroup-v2.rst and
 * cgroup-v1/. */
#include "probes/cgroup.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_CAP = 512 };

/* Reads the limit of the group in folder dir; -ENOENT where the group has no such file. */
typedef int limit_fn(const struct aglm_fsroot *fs, const char *dir, double *out);

static int cpus_v2(const struct aglm_fsroot *fs, const char *dir, double *out)
{
    char text[64], *end;
    int rc = aglm_fsroot_text(fs, text, sizeof(text), "%s/cpu.max", dir);
    if (rc)
        return rc;
    if (strncmp(text, "max", 3) == 0) {
        *out = INFINITY;
        return 0;
    }
    long long quota = strtoll(text, &end, 10);
    if (end == text || *end != ' ')
        return -EILSEQ;
    const char *second = end + 1;
    long long period = strtoll(second, &end, 10);
    if (end == second || *end || quota <= 0 || period <= 0)
        return -EILSEQ;
    *out = (double)quota / (double)period;
    return 0;
}

static int cpus_v1(const struct aglm_fsroot *fs, const char *dir, double *out)
{
    int64_t quota, period;
    int rc = aglm_fsroot_integer(fs, -1, INT64_MAX, &quota, "%s/cpu.cfs_quota_us", dir);
    if (rc)
        return rc;
    if (quota <= 0) {
        *out = INFINITY;
        return 0;
    }
    rc = aglm_fsroot_integer(fs, 1, INT64_MAX, &period, "%s/cpu.cfs_period_us", dir);
    if (rc == 0)
        *out = (double)quota / (double)period;
    return rc;
}

/* Bytes or "max". */
static int bytes_v2(const struct aglm_fsroot *fs, const char *dir, const char *file, double *out)
{
    char text[64];
    int64_t bytes = 0;
    int rc = aglm_fsroot_text(fs, text, sizeof(text), "%s/%s", dir, file);
    if (rc == 0 && strcmp(text, "max") != 0)
        rc = aglm_fsroot_integer(fs, 1, INT64_MAX, &bytes, "%s/%s", dir, file);
    if (rc == 0)
        *out = bytes ? (double)bytes : INFINITY;
    return rc;
}

static int memory_v2(const struct aglm_fsroot *fs, const char *dir, double *out)
{
    double high = INFINITY;
    int rc = bytes_v2(fs, dir, "memory.max", out);
    if (rc == 0 && bytes_v2(fs, dir, "memory.high", &high) == 0 && high < *out)
        *out = high;
    return rc;
}

static int memory_v1(const struct aglm_fsroot *fs, const char *dir, double *out)
{
    int64_t bytes;
    int rc = aglm_fsroot_integer(fs, 1, INT64_MAX, &bytes, "%s/memory.limit_in_bytes", dir);
    if (rc == 0) /* "no limit" is written as the largest multiple of the page size */
        *out = bytes >= INT64_C(1) << 60 ? INFINITY : (double)bytes;
    return rc;
}

/* Page cache of a group that the kernel drops first; 0 where it does not say. */
static double droppable(const struct aglm_fsroot *fs, const char *dir, const char *key)
{
    char path[2 * PATH_CAP + 16], *text = NULL;
    double bytes = 0;
    snprintf(path, sizeof(path), "%s/memory.stat", dir);
    if (aglm_fsroot_slurp(fs, path, 65536, &text) == 0) {
        const char *at = strstr(text, key);
        if (at && at[strlen(key)] == ' ')
            bytes = (double)strtoull(at + strlen(key) + 1, NULL, 10);
    }
    free(text);
    return bytes;
}

static int room(const struct aglm_fsroot *fs, const char *dir, double limit, const char *used_file,
                const char *cache_key, double *out)
{
    int64_t used;
    *out = INFINITY;
    if (isinf(limit))
        return 0;
    int rc = aglm_fsroot_integer(fs, 0, INT64_MAX, &used, "%s/%s", dir, used_file);
    if (rc)
        return rc == -ENOENT ? -EILSEQ : rc; /* a limit without usage is no group */
    *out = fmax(limit - (double)used + droppable(fs, dir, cache_key), 0);
    *out = fmin(*out, limit);
    return 0;
}

static int room_v2(const struct aglm_fsroot *fs, const char *dir, double *out)
{
    double limit;
    int rc = memory_v2(fs, dir, &limit);
    return rc ? rc : room(fs, dir, limit, "memory.current", "inactive_file", out);
}

static int room_v1(const struct aglm_fsroot *fs, const char *dir, double *out)
{
    double limit;
    int rc = memory_v1(fs, dir, &limit);
    return rc ? rc : room(fs, dir, limit, "memory.usage_in_bytes", "total_inactive_file", out);
}

/* The tightest limit of the groups from mount/path up to mount. No file at all on the way is "no
 * limit" if the mount is there: the root group has none. */
static int tightest(const struct aglm_fsroot *fs, const char *mount, const char *path,
                    limit_fn *read, double *out)
{
    char dir[2 * PATH_CAP];
    double least = INFINITY;
    int seen = aglm_fsroot_look(fs, mount);
    if (seen)
        return seen;
    if (snprintf(dir, sizeof(dir), "%s%s", mount, path) >= (int)sizeof(dir))
        return -EFBIG;
    for (size_t len = strlen(dir); len >= strlen(mount); len--) {
        if (dir[len] != '\0' && dir[len] != '/')
            continue;
        dir[len] = '\0';
        double limit;
        int rc = read(fs, dir, &limit);
        if (rc && rc != -ENOENT)
            return rc;
        if (rc == 0 && limit < least)
            least = limit;
    }
    *out = least;
    return 0;
}

/* Whether a comma-separated list has the name. */
static bool in_list(const char *list, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = list; at && *at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        if (strncmp(at, name, n) == 0 && (at[n] == ',' || at[n] == '\0'))
            return true;
    return false;
}

/* Looks for one line "id:controllers:path": the one of the controller, or with "" version 2's. */
static int find_group(const char *text, const char *controller, char list[PATH_CAP],
                      char path[PATH_CAP])
{
    char line[2 * PATH_CAP];
    while (*text) {
        size_t len = strcspn(text, "\n");
        if (len < sizeof(line)) {
            memcpy(line, text, len);
            line[len] = '\0';
            char *first = strchr(line, ':'), *second = first ? strchr(first + 1, ':') : NULL;
            if (second) {
                *second = '\0';
                bool match = controller[0] ? in_list(first + 1, controller) : first[1] == '\0';
                if (match && strlen(second + 1) < PATH_CAP && second - first <= PATH_CAP) {
                    strcpy(list, first + 1);
                    strcpy(path, strcmp(second + 1, "/") == 0 ? "" : second + 1);
                    return 0;
                }
            }
        }
        text += len + (text[len] == '\n');
    }
    return -ENOENT;
}

static int find_limit(const struct aglm_fsroot *fs, const char *controller, limit_fn *v1,
                      limit_fn *v2, double *out)
{
    char text[16384], list[PATH_CAP], path[PATH_CAP], mount[PATH_CAP + 32];
    int rc = aglm_fsroot_read(fs, "/proc/self/cgroup", text, sizeof(text));
    if (rc)
        return rc;
    if (find_group(text, controller, list, path) == 0) {
        snprintf(mount, sizeof(mount), "/sys/fs/cgroup/%s", list);
        if (!aglm_fsroot_exists(fs, mount))
            snprintf(mount, sizeof(mount), "/sys/fs/cgroup/%s", controller);
        return tightest(fs, mount, path, v1, out);
    }
    rc = find_group(text, "", list, path);
    if (rc)
        return *text ? -EILSEQ : -ENOENT;
    return tightest(fs, "/sys/fs/cgroup", path, v2, out);
}

int aglm_cgroup_cpus(const struct aglm_fsroot *fs, double *out)
{
    return find_limit(fs, "cpu", cpus_v1, cpus_v2, out);
}

int aglm_cgroup_memory(const struct aglm_fsroot *fs, double *out)
{
    return find_limit(fs, "memory", memory_v1, memory_v2, out);
}

int aglm_cgroup_memory_room(const struct aglm_fsroot *fs, double *out)
{
    return find_limit(fs, "memory", room_v1, room_v2, out);
}

int aglm_cgroup_memory_version(const struct aglm_fsroot *fs)
{
    char text[16384], list[PATH_CAP], path[PATH_CAP];
    int rc = aglm_fsroot_read(fs, "/proc/self/cgroup", text, sizeof(text));
    if (rc)
        return rc;
    if (find_group(text, "memory", list, path) == 0)
        return 1;
    return find_group(text, "", list, path) == 0 ? 2 : *text ? -EILSEQ : -ENOENT;
}
