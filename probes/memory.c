/* Memory: how much there is, how much is free, swap, page size, limits.
 *
 * Input: <root>/proc/meminfo, sysfs' huge page switch, the control group's limit. Refuses sizes
 * that are no "N kB" line, a total of 0 and more available than there is. */
#include "probes/cgroup.h"
#include "probes/probe.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MEMINFO "/proc/meminfo"
#define THP "/sys/kernel/mm/transparent_hugepage/enabled"

/* The bytes of one line "Key:  N kB", within lo … 2^50 bytes. */
static int meminfo_bytes(const char *text, const char *key, double lo, double *out)
{
    size_t n = strlen(key);
    for (; *text; text += strcspn(text, "\n"), text += *text == '\n') {
        if (strncmp(text, key, n) != 0 || text[n] != ':')
            continue;
        char *end;
        const char *value = text + n + 1;
        value += strspn(value, " \t");
        if (*value < '0' || *value > '9')
            return -EILSEQ;
        double bytes = (double)strtoull(value, &end, 10) * 1024;
        if (strncmp(end, " kB", 3) != 0)
            return -EILSEQ;
        if (bytes < lo || bytes > 0x1p50)
            return -ERANGE;
        *out = bytes;
        return 0;
    }
    return -ENOENT;
}

static int add_bytes(struct aglm_facts *facts, const char *text, int code, const char *name,
                     double lo, double hi, const char *key, const char *label, double *out)
{
    double bytes = 0;
    int rc = code ? code : meminfo_bytes(text, name, lo, &bytes);
    if (rc == 0 && bytes > hi)
        rc = -ERANGE;
    if (rc) {
        aglm_facts_unknown(facts, key, label, MEMINFO, "%s", aglm_fsroot_reason(rc));
    } else {
        aglm_facts_number(facts, key, label, MEMINFO, "bytes", bytes);
        *out = bytes;
    }
    return rc;
}

/* The size of the modules: the kernel keeps a few percent for itself, and not the same at every
 * start, so the total is rounded up to a sixteenth of the power of two above it. 23.5 GiB and 23.6
 * GiB are both 24 GiB. */
static double nominal_size(double total)
{
    double power = 1;
    while (power < total)
        power *= 2;
    return ceil(total / (power / 16)) * (power / 16);
}

/* What is left below a limit that binds, and which kind of group sets it. */
static void add_room(struct aglm_facts *facts, const struct aglm_fsroot *fs)
{
    const char *key = "memory.room", *label = "Left below the limit", *source = "/sys/fs/cgroup";
    double room;
    aglm_facts_text(facts, "memory.limit_kind", "Set by", "/proc/self/cgroup",
                    "a control group, version %d", aglm_cgroup_memory_version(fs));
    int rc = aglm_cgroup_memory_room(fs, &room);
    if (rc || isinf(room))
        aglm_facts_unknown(facts, key, label, source, "%s", aglm_fsroot_reason(rc));
    else
        aglm_facts_number(facts, key, label, source, "bytes", room);
}

static void add_limit(struct aglm_facts *facts, const struct aglm_fsroot *fs, double total)
{
    const char *key = "memory.limit", *label = "Control group's limit", *source = "/sys/fs/cgroup";
    double limit;
    int rc = aglm_cgroup_memory(fs, &limit);
    if (rc)
        aglm_facts_unknown(facts, key, label, source, "%s", aglm_fsroot_reason(rc));
    else if (isinf(limit) || (total > 0 && limit >= total))
        aglm_facts_text(facts, key, label, source, "none");
    else
        aglm_facts_number(facts, key, label, source, "bytes", limit);
    if (rc == 0 && !isinf(limit) && !(total > 0 && limit >= total))
        add_room(facts, fs);
}

/* "always [madvise] never": the word in brackets. */
static void add_huge_pages(struct aglm_facts *facts, const struct aglm_fsroot *fs)
{
    const char *key = "memory.huge_pages", *label = "Transparent huge pages";
    char text[128];
    int rc = aglm_fsroot_text(fs, text, sizeof(text), THP);
    char *open = rc ? NULL : strchr(text, '['), *close = open ? strchr(open, ']') : NULL;
    if (rc == 0 && (!close || close == open + 1))
        rc = -EILSEQ;
    if (rc)
        aglm_facts_unknown(facts, key, label, THP, "%s", aglm_fsroot_reason(rc));
    else
        aglm_facts_text(facts, key, label, THP, "%.*s", (int)(close - open - 1), open + 1);
}

void aglm_probe_memory(struct aglm_facts *facts, const struct aglm_fsroot *fs)
{
    char *text = NULL;
    double total = 0, ignored = 0;
    int code = aglm_fsroot_slurp(fs, MEMINFO, 65536, &text);
    int rc = add_bytes(facts, text, code, "MemTotal", 1 << 20, INFINITY, "memory.total", "Total",
                       &total);
    const char *nominal = "memory.nominal", *nominal_label = "Size, rounded up";
    if (rc)
        aglm_facts_unknown(facts, nominal, nominal_label, MEMINFO, "%s", aglm_fsroot_reason(rc));
    else
        aglm_facts_number(facts, nominal, nominal_label, MEMINFO, "bytes", nominal_size(total));
    aglm_facts_identity(facts);
    add_bytes(facts, text, code, "MemAvailable", 0, total > 0 ? total : INFINITY,
              "memory.available", "Available", &ignored);
    double swap = INFINITY;
    add_bytes(facts, text, code, "SwapTotal", 0, INFINITY, "memory.swap_total", "Swap", &swap);
    add_bytes(facts, text, code, "SwapFree", 0, swap, "memory.swap_free", "Swap, free", &ignored);
    free(text);
    add_limit(facts, fs, total);
    long page = fs->live ? sysconf(_SC_PAGESIZE) : -1;
    if (page > 0)
        aglm_facts_number(facts, "memory.page_size", "Page size", "sysconf", "bytes", (double)page);
    else
        aglm_facts_unknown(facts, "memory.page_size", "Page size", "sysconf",
                           "only the running machine tells");
    add_huge_pages(facts, fs);
}
