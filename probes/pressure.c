/* Pressure and swap: whether memory is short already, and where pages go then.
 *
 * Inputs: <root>/proc/pressure (the share of time in which tasks waited, Linux'
 * Documentation/accounting/psi.rst; phones deny it), /proc/swaps, /proc/sys/vm/swappiness, zram's
 * statistics, the pool of huge pages. Refuses percentages above 100 and lines of another form.
 */
#include "probes/probe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "some avg10=0.12 avg60=…": the first figure of the line that begins with kind. */
static int psi_avg10(const char *text, const char *kind, double *out)
{
    const size_t n = strlen(kind);
    for (; *text; text += strcspn(text, "\n"), text += *text == '\n') {
        if (strncmp(text, kind, n) != 0 || strncmp(text + n, " avg10=", 7) != 0)
            continue;
        char *end;
        const char *at = text + n + 7;
        const double value = *at < '0' || *at > '9' ? -1 : strtod(at, &end);
        if (value < 0 || *end != ' ')
            return -EILSEQ;
        if (value > 100)
            return -ERANGE;
        *out = value;
        return 0;
    }
    return -ENOENT;
}

static void add_pressure(struct aglm_facts *facts, const struct aglm_fsroot *fs, const char *what,
                         const char *label)
{
    char text[512], path[64], key[64];
    double value;
    snprintf(path, sizeof(path), "/proc/pressure/%s", what);
    snprintf(key, sizeof(key), "load.pressure_%s", what);
    int rc = aglm_fsroot_read(fs, path, text, sizeof(text));
    if (rc == 0)
        rc = psi_avg10(text, "some", &value);
    if (rc)
        aglm_facts_unknown(facts, key, label, path, "%s", aglm_fsroot_reason(rc));
    else
        aglm_facts_number(facts, key, label, path, "percent", value);
}

/* What the swap areas are: "zram", "partition", "file", or both; "none". */
static void add_swap_kind(struct aglm_facts *facts, const struct aglm_fsroot *fs)
{
    const char *key = "memory.swap_kind", *label = "Swap lies in";
    char *text = NULL, kinds[64] = "";
    int rc = aglm_fsroot_slurp(fs, "/proc/swaps", 65536, &text);
    if (rc == 0 && strncmp(text, "Filename", 8) != 0)
        rc = -EILSEQ;
    if (rc) {
        aglm_facts_unknown(facts, key, label, "/proc/swaps", "%s", aglm_fsroot_reason(rc));
        free(text);
        return;
    }
    for (const char *line = strchr(text, '\n'); line && line[1]; line = strchr(line + 1, '\n')) {
        char name[256], type[32];
        if (sscanf(line + 1, "%255s %31s", name, type) != 2)
            continue;
        const char *kind = strstr(name, "/zram")       ? "zram (compressed memory)"
                           : strcmp(type, "file") == 0 ? "a file"
                                                       : "a partition";
        if (strstr(kinds, kind) || strlen(kinds) + strlen(kind) + 3 > sizeof(kinds))
            continue;
        snprintf(kinds + strlen(kinds), sizeof(kinds) - strlen(kinds), "%s%s", kinds[0] ? ", " : "",
                 kind);
    }
    aglm_facts_text(facts, key, label, "/proc/swaps", "%s", kinds[0] ? kinds : "none");
    free(text);
}

/* The second field of zram0/mm_stat: what the swapped pages take compressed. */
static void add_zram(struct aglm_facts *facts, const struct aglm_fsroot *fs)
{
    static const char path[] = "/sys/block/zram0/mm_stat";
    char text[256];
    double original, compressed;
    if (!aglm_fsroot_exists(fs, path))
        return; /* most machines have none: nothing to say */
    int rc = aglm_fsroot_text(fs, text, sizeof(text), "%s", path);
    if (rc == 0 && sscanf(text, "%lf %lf", &original, &compressed) != 2)
        rc = -EILSEQ;
    if (rc == 0 && (!(original >= 0) || !(compressed >= 0) || original > 0x1p50))
        rc = -ERANGE;
    if (rc) {
        aglm_facts_unknown(facts, "memory.zram", "In zram", path, "%s", aglm_fsroot_reason(rc));
        return;
    }
    aglm_facts_number(facts, "memory.zram", "In zram", path, "bytes", original);
    aglm_facts_number(facts, "memory.zram_compressed", "Compressed to", path, "bytes", compressed);
}

static void add_integer(struct aglm_facts *facts, const struct aglm_fsroot *fs, const char *path,
                        const char *key, const char *label, int64_t hi)
{
    int64_t value;
    int rc = aglm_fsroot_integer(fs, 0, hi, &value, "%s", path);
    if (rc)
        aglm_facts_unknown(facts, key, label, path, "%s", aglm_fsroot_reason(rc));
    else
        aglm_facts_number(facts, key, label, path, "count", (double)value);
}

void aglm_probe_swap(struct aglm_facts *facts, const struct aglm_fsroot *fs)
{
    add_swap_kind(facts, fs);
    add_zram(facts, fs);
    add_integer(facts, fs, "/proc/sys/vm/swappiness", "memory.swappiness", "Swappiness", 200);
    add_integer(facts, fs, "/proc/sys/vm/nr_hugepages", "memory.huge_pages_reserved",
                "Reserved huge pages", INT64_C(1) << 32);
}

void aglm_probe_pressure(struct aglm_facts *facts, const struct aglm_fsroot *fs)
{
    add_pressure(facts, fs, "cpu", "Waiting for a CPU, 10 s");
    add_pressure(facts, fs, "memory", "Waiting for memory, 10 s");
    add_pressure(facts, fs, "io", "Waiting for I/O, 10 s");
}
