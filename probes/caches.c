/* Reads the caches from sysfs; see caches.h. */
#include "probes/caches.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INDEX "/sys/devices/system/cpu/cpu%zu/cache/index%zu/"

enum { INDEX_MAX = 8 };

const char *aglm_cache_name(enum aglm_cache_kind kind)
{
    static const char *const names[] = {"L1d", "L1i", "L2", "L3"};
    return names[kind];
}

void aglm_caches_init(struct aglm_caches *out, int code)
{
    *out = (struct aglm_caches){.largest = {-1, -1, -1, -1}, .code = code};
}

void aglm_caches_add(struct aglm_caches *caches, enum aglm_cache_kind kind, int64_t bytes)
{
    size_t i = 0;
    while (i + 1 < AGLM_CACHE_SIZES && caches->sizes[kind][i].count > 0 &&
           caches->sizes[kind][i].bytes != bytes)
        i++;
    caches->sizes[kind][i].bytes = bytes;
    caches->sizes[kind][i].count++;
    caches->instances[kind]++;
    if (bytes > caches->largest[kind])
        caches->largest[kind] = bytes;
}

void aglm_caches_format(const struct aglm_caches *caches, char *buf, size_t cap)
{
    size_t len = 0;
    buf[0] = '\0';
    for (size_t kind = 0; kind < AGLM_CACHE_KINDS; kind++) {
        for (size_t i = 0; i < AGLM_CACHE_SIZES && caches->sizes[kind][i].count > 0; i++) {
            double kib = (double)caches->sizes[kind][i].bytes / 1024;
            if (kind == AGLM_CACHE_L1I || len >= cap)
                continue;
            int n = snprintf(buf + len, cap - len, "%s%s%s%zux %.4g %s",
                             i > 0     ? " + "
                             : len > 0 ? ", "
                                       : "",
                             i > 0 ? "" : aglm_cache_name((enum aglm_cache_kind)kind),
                             i > 0 ? "" : " ", caches->sizes[kind][i].count,
                             kib < 1024 ? kib : kib / 1024, kib < 1024 ? "KiB" : "MiB");
            len += n > 0 ? (size_t)n : 0;
        }
    }
}

int64_t aglm_cache_size(const char *text)
{
    char *end;
    errno = 0;
    long long n = strtoll(text, &end, 10);
    int shift = *end == 'K' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;
    if (end == text || errno || (shift && end[1]) || (!shift && *end))
        return -1;
    if (n <= 0 || n > (INT64_C(16) << 30) >> shift || n << shift < 1024)
        return -1;
    return n << shift;
}

static int kind_of(int64_t level, const char *type)
{
    if (level == 1)
        return strcmp(type, "Data") == 0          ? AGLM_CACHE_L1D
               : strcmp(type, "Instruction") == 0 ? AGLM_CACHE_L1I
                                                  : -1;
    return level == 2 ? AGLM_CACHE_L2 : level == 3 ? AGLM_CACHE_L3 : -1;
}

/* One index folder of one CPU; 0, or why it gives no cache. */
static int read_index(struct aglm_caches *caches, const struct aglm_fsroot *fs, size_t cpu,
                      size_t index)
{
    int64_t level;
    char type[32], size[32], shared[4096];
    int rc = aglm_fsroot_integer(fs, 1, 9, &level, INDEX "level", cpu, index);
    if (rc == 0)
        rc = aglm_fsroot_text(fs, type, sizeof(type), INDEX "type", cpu, index);
    if (rc == 0)
        rc = aglm_fsroot_text(fs, size, sizeof(size), INDEX "size", cpu, index);
    if (rc)
        return rc;
    int kind = kind_of(level, type);
    int64_t bytes = aglm_cache_size(size);
    if (kind < 0 || bytes < 0)
        return -EILSEQ;
    /* A cache shared by several CPUs is counted with the first of them. */
    struct aglm_cpulist sharers = {0};
    if (aglm_fsroot_text(fs, shared, sizeof(shared), INDEX "shared_cpu_list", cpu, index) ||
        aglm_cpulist_parse(&sharers, shared) || !aglm_cpulist_has(&sharers, cpu))
        aglm_cpulist_add(&sharers, cpu);
    size_t first = 0;
    while (!aglm_cpulist_has(&sharers, first))
        first++;
    if (first == cpu)
        aglm_caches_add(caches, (enum aglm_cache_kind)kind, bytes);
    return 0;
}

void aglm_caches_read(struct aglm_caches *out, const struct aglm_fsroot *fs,
                      const struct aglm_cpus *cpus)
{
    aglm_caches_init(out, cpus->code ? cpus->code : -ENOENT);
    bool any = false;
    for (size_t i = 0; i < cpus->n; i++) {
        for (size_t index = 0; cpus->v[i].online && index < INDEX_MAX; index++) {
            int rc = read_index(out, fs, cpus->v[i].id, index);
            any = any || rc == 0;
            if (rc == -ENOENT)
                break;
            if (rc)
                out->code = rc;
        }
    }
    if (any)
        out->code = 0;
}
