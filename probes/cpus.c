/* Reads the table of logical CPUs; see cpus.h. */
#include "probes/cpus.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CPU_DIR "/sys/devices/system/cpu"

enum {
    CPUINFO_MAX = 4 << 20,   /* bytes; 1024 x86 CPUs take 1.6 MB */
    KHZ_MIN = 10 * 1000,     /* 10 MHz … */
    KHZ_MAX = 20 * 1000000,  /* … 20 GHz: outside, a frequency is not believed */
    CAPACITY_MAX = 1024 * 64 /* scaled to 1024, but some kernels leave it unscaled */
};

/* ---- which CPUs there are ---- */

static int list_file(const struct aglm_fsroot *fs, const char *path, struct aglm_cpulist *out)
{
    char text[4096];
    int rc = aglm_fsroot_text(fs, text, sizeof(text), "%s", path);
    return rc ? rc : aglm_cpulist_parse(out, text);
}

/* The set from the folders cpu0, cpu1, … */
static int list_folders(const struct aglm_fsroot *fs, struct aglm_cpulist *out)
{
    struct aglm_fsroot_names names = {0};
    int rc = aglm_fsroot_list(fs, CPU_DIR, "cpu", &names);
    if (rc)
        return rc;
    struct aglm_cpulist all = {0}, one;
    for (size_t i = 0; i < names.count; i++)
        if (!strchr(names.names[i], '-') && !strchr(names.names[i], ',') &&
            aglm_cpulist_parse(&one, names.names[i] + 3) == 0)
            for (size_t w = 0; w < AGLM_CPUS_MAX / 64; w++)
                all.bits[w] |= one.bits[w];
    aglm_fsroot_names_finish(&names);
    *out = all;
    return aglm_cpulist_count(&all) ? 0 : -ENOENT;
}

/* ---- /proc/cpuinfo ---- */

/* The line's "key : value", the key's length in *key_len; NULL if the line has no colon. */
static const char *value_of(const char *line, size_t len, size_t *key_len)
{
    const char *colon = memchr(line, ':', len);
    if (!colon)
        return NULL;
    size_t n = (size_t)(colon - line);
    while (n > 0 && (line[n - 1] == ' ' || line[n - 1] == '\t'))
        n--;
    *key_len = n;
    for (colon++; colon < line + len && *colon == ' '; colon++)
        ;
    return colon;
}

static bool is_key(const char *line, size_t key_len, const char *key)
{
    return strlen(key) == key_len && memcmp(line, key, key_len) == 0;
}

/* A number within lo … hi, -1 for anything else. */
static int64_t number_of(const char *value, size_t len, int64_t lo, int64_t hi)
{
    char buf[32], *end;
    if (len == 0 || len >= sizeof(buf))
        return -1;
    memcpy(buf, value, len);
    buf[len] = '\0';
    errno = 0;
    long long n = strtoll(buf, &end, strncmp(buf, "0x", 2) == 0 ? 16 : 10);
    return end == buf || *end || errno || n < lo || n > hi ? -1 : n;
}

/* Copies the first value seen that is printable and fits. */
static void keep_text(char *out, size_t cap, const char *value, size_t len)
{
    if (out[0] || len == 0 || len >= cap)
        return;
    memcpy(out, value, len);
    out[len] = '\0';
    while (len > 0 && (out[len - 1] == ' ' || out[len - 1] == '\t'))
        out[--len] = '\0';
    if (!aglm_fsroot_printable(out, ""))
        out[0] = '\0';
}

static void keep_number(int64_t *out, const char *value, size_t len)
{
    if (*out < 0)
        *out = number_of(value, len, 0, 1 << 20);
}

static void cpuinfo_whole(struct aglm_cpus *cpus, const char *line, size_t key_len,
                          const char *value, size_t len)
{
    if (is_key(line, key_len, "model name"))
        keep_text(cpus->brand, sizeof(cpus->brand), value, len);
    else if (is_key(line, key_len, "vendor_id"))
        keep_text(cpus->vendor, sizeof(cpus->vendor), value, len);
    else if (is_key(line, key_len, "Hardware"))
        keep_text(cpus->hardware, sizeof(cpus->hardware), value, len);
    else if (is_key(line, key_len, "cpu family"))
        keep_number(&cpus->family, value, len);
    else if (is_key(line, key_len, "model"))
        keep_number(&cpus->model, value, len);
    else if (is_key(line, key_len, "stepping"))
        keep_number(&cpus->stepping, value, len);
    else if (!cpus->flags && (is_key(line, key_len, "flags") || is_key(line, key_len, "Features")))
        cpus->flags = strndup(value, len);
}

static void cpuinfo_one(struct aglm_cpu *cpu, const char *line, size_t key_len, const char *value,
                        size_t len)
{
    if (is_key(line, key_len, "CPU implementer"))
        cpu->implementer = number_of(value, len, 0, 0xff);
    else if (is_key(line, key_len, "CPU part"))
        cpu->part = number_of(value, len, 0, 0xfff);
    else if (is_key(line, key_len, "physical id"))
        cpu->package = number_of(value, len, 0, AGLM_CPUS_MAX);
    else if (is_key(line, key_len, "core id"))
        cpu->core = number_of(value, len, 0, 1 << 20);
    else if (is_key(line, key_len, "cpu MHz") && len < 32) {
        char *end;
        double mhz = strtod(value, &end); /* ends at the line's end: a number has no line break */
        if (end > value && mhz * 1000 >= KHZ_MIN && mhz * 1000 <= KHZ_MAX)
            cpu->now_khz = (int64_t)(mhz * 1000 + 0.5);
    }
}

static struct aglm_cpu *cpu_by_id(struct aglm_cpus *cpus, int64_t id)
{
    for (size_t i = 0; i < cpus->n; i++)
        if ((int64_t)cpus->v[i].id == id)
            return &cpus->v[i];
    return NULL;
}

static void cpuinfo_parse(struct aglm_cpus *cpus, const char *text)
{
    struct aglm_cpu *cpu = NULL;
    for (const char *line = text; *line;) {
        size_t len = strcspn(line, "\n"), key_len;
        const char *value = value_of(line, len, &key_len);
        if (value) {
            size_t n = (size_t)(line + len - value);
            if (is_key(line, key_len, "processor"))
                cpu = cpu_by_id(cpus, number_of(value, n, 0, AGLM_CPUS_MAX - 1));
            else if (cpu)
                cpuinfo_one(cpu, line, key_len, value, n);
            cpuinfo_whole(cpus, line, key_len, value, n);
        }
        line += len + (line[len] == '\n');
    }
}

/* The set of the "processor : N" lines, for trees and sandboxes without /sys. */
static int list_cpuinfo(const char *text, struct aglm_cpulist *out)
{
    struct aglm_cpulist list = {0};
    for (const char *line = text; text && *line;) {
        size_t len = strcspn(line, "\n"), key_len;
        const char *value = value_of(line, len, &key_len);
        if (value && is_key(line, key_len, "processor")) {
            int64_t id = number_of(value, (size_t)(line + len - value), 0, AGLM_CPUS_MAX - 1);
            if (id >= 0)
                aglm_cpulist_add(&list, (size_t)id);
        }
        line += len + (line[len] == '\n');
    }
    *out = list;
    return aglm_cpulist_count(&list) ? 0 : -ENOENT;
}

/* ---- one CPU's folder ---- */

static void read_topology(struct aglm_cpu *cpu, const struct aglm_fsroot *fs)
{
    static const char *const files[] = {"core_cpus_list", "thread_siblings_list"};
    struct aglm_cpulist list;
    char text[4096];
    int64_t value;
    if (aglm_fsroot_integer(fs, 0, 1 << 20, &value, CPU_DIR "/cpu%zu/topology/physical_package_id",
                            cpu->id) == 0)
        cpu->package = value;
    if (aglm_fsroot_integer(fs, 0, 1 << 20, &value, CPU_DIR "/cpu%zu/topology/core_id", cpu->id) ==
        0)
        cpu->core = value;
    for (size_t i = 0; i < 2 && cpu->sibling < 0; i++) {
        int rc = aglm_fsroot_text(fs, text, sizeof(text), CPU_DIR "/cpu%zu/topology/%s", cpu->id,
                                  files[i]);
        if (rc || aglm_cpulist_parse(&list, text) || !aglm_cpulist_has(&list, cpu->id))
            continue;
        for (size_t id = 0; cpu->sibling < 0; id++)
            if (aglm_cpulist_has(&list, id))
                cpu->sibling = (int64_t)id;
    }
}

static void read_midr(struct aglm_cpu *cpu, const struct aglm_fsroot *fs)
{
    int64_t midr;
    if (aglm_fsroot_integer(fs, 1, UINT32_MAX, &midr,
                            CPU_DIR "/cpu%zu/regs/identification/midr_el1", cpu->id))
        return;
    cpu->implementer = midr >> 24 & 0xff;
    cpu->part = midr >> 4 & 0xfff;
}

static void read_cpu(struct aglm_cpu *cpu, const struct aglm_fsroot *fs)
{
    int64_t value;
    char text[sizeof(cpu->governor)];
    read_topology(cpu, fs);
    read_midr(cpu, fs);
    cpu->max_code = aglm_fsroot_integer(fs, KHZ_MIN, KHZ_MAX, &value,
                                        CPU_DIR "/cpu%zu/cpufreq/cpuinfo_max_freq", cpu->id);
    if (cpu->max_code == 0)
        cpu->max_khz = value;
    cpu->now_code = aglm_fsroot_integer(fs, KHZ_MIN, KHZ_MAX, &value,
                                        CPU_DIR "/cpu%zu/cpufreq/scaling_cur_freq", cpu->id);
    if (cpu->now_code == 0) {
        cpu->now_khz = value;
    } else if (cpu->now_khz >= 0) {
        cpu->now_code = 0;
        cpu->now_source = "/proc/cpuinfo";
    }
    cpu->governor_code = aglm_fsroot_text(fs, text, sizeof(text),
                                          CPU_DIR "/cpu%zu/cpufreq/scaling_governor", cpu->id);
    if (cpu->governor_code == 0)
        memcpy(cpu->governor, text, sizeof(text));
    cpu->capacity_code =
        aglm_fsroot_integer(fs, 1, CAPACITY_MAX, &value, CPU_DIR "/cpu%zu/cpu_capacity", cpu->id);
    if (cpu->capacity_code == 0)
        cpu->capacity = value;
}

static int allocate(struct aglm_cpus *cpus, const struct aglm_cpulist *present,
                    const struct aglm_cpulist *online)
{
    cpus->v = calloc(aglm_cpulist_count(present), sizeof(*cpus->v));
    if (!cpus->v)
        return -ENOMEM;
    for (size_t id = 0; id < AGLM_CPUS_MAX; id++)
        if (aglm_cpulist_has(present, id))
            cpus->v[cpus->n++] = (struct aglm_cpu){.id = id,
                                                   .online = aglm_cpulist_has(online, id),
                                                   .package = -1,
                                                   .core = -1,
                                                   .sibling = -1,
                                                   .implementer = -1,
                                                   .part = -1,
                                                   .max_khz = -1,
                                                   .now_khz = -1,
                                                   .capacity = -1,
                                                   .now_source = CPU_DIR};
    return 0;
}

/* Finds the set of CPUs in the first of four places that knows. */
static int find_present(struct aglm_cpus *cpus, const struct aglm_fsroot *fs, const char *cpuinfo,
                        struct aglm_cpulist *present)
{
    cpus->source = CPU_DIR "/present";
    int rc = list_file(fs, cpus->source, present);
    if (rc == 0)
        return 0;
    cpus->source = CPU_DIR;
    if (list_folders(fs, present) == 0)
        return 0;
    cpus->source = "/proc/cpuinfo";
    if (list_cpuinfo(cpuinfo, present) == 0)
        return 0;
    cpus->source = CPU_DIR "/present";
    return rc;
}

/* Whether nothing in /proc/cpuinfo was of use: some other text stands in its place. */
static bool cpuinfo_says_nothing(const struct aglm_cpus *cpus)
{
    for (size_t i = 0; i < cpus->n; i++)
        if (cpus->v[i].part >= 0)
            return false;
    return !cpus->brand[0] && !cpus->vendor[0] && !cpus->hardware[0] && !cpus->flags &&
           cpus->family < 0;
}

void aglm_cpus_read(struct aglm_cpus *out, const struct aglm_fsroot *fs)
{
    struct aglm_cpulist present, online;
    char *cpuinfo = NULL;
    *out = (struct aglm_cpus){.family = -1, .model = -1, .stepping = -1};
    out->cpuinfo_code = aglm_fsroot_slurp(fs, "/proc/cpuinfo", CPUINFO_MAX, &cpuinfo);
    out->code = find_present(out, fs, cpuinfo, &present);
    if (out->code == 0) {
        if (list_file(fs, CPU_DIR "/online", &online))
            online = present;
        out->code = allocate(out, &present, &online);
    }
    if (cpuinfo)
        cpuinfo_parse(out, cpuinfo);
    free(cpuinfo);
    if (out->cpuinfo_code == 0 && cpuinfo_says_nothing(out))
        out->cpuinfo_code = -EILSEQ;
    for (size_t i = 0; i < out->n; i++)
        read_cpu(&out->v[i], fs);
}

void aglm_cpus_finish(struct aglm_cpus *cpus)
{
    free(cpus->v);
    free(cpus->flags);
    cpus->v = NULL;
    cpus->flags = NULL;
    cpus->n = 0;
}

size_t aglm_cpus_online(const struct aglm_cpus *cpus)
{
    size_t count = 0;
    for (size_t i = 0; i < cpus->n; i++)
        count += cpus->v[i].online;
    return count;
}

/* Whether two CPUs share a core: by the sibling list where both have one, else by package and core
 * number. */
static bool same_core(const struct aglm_cpu *a, const struct aglm_cpu *b)
{
    if (a->sibling >= 0 && b->sibling >= 0)
        return a->sibling == b->sibling;
    return a->core == b->core && a->package == b->package;
}

int64_t aglm_cpus_cores(const struct aglm_cpus *cpus)
{
    int64_t count = 0;
    for (size_t i = 0; i < cpus->n; i++) {
        const struct aglm_cpu *cpu = &cpus->v[i];
        if (!cpu->online)
            continue;
        if (cpu->sibling < 0 && cpu->core < 0)
            return -1;
        bool seen = false;
        for (size_t j = 0; j < i && !seen; j++)
            seen = cpus->v[j].online && same_core(cpu, &cpus->v[j]);
        count += !seen;
    }
    return count ? count : -1;
}

int64_t aglm_cpus_packages(const struct aglm_cpus *cpus)
{
    int64_t count = 0;
    bool phone = cpus->n > 0 && cpus->v[0].part >= 0;
    for (size_t i = 0; i < cpus->n; i++) {
        if (!cpus->v[i].online)
            continue;
        if (cpus->v[i].package < 0)
            return -1;
        bool seen = false;
        for (size_t j = 0; j < i && !seen; j++)
            seen = cpus->v[j].online && cpus->v[j].package == cpus->v[i].package;
        count += !seen;
    }
    /* Phones' kernels give each core a package of its own (Pixel 8); nobody sells such a thing. */
    if (phone && count > 2 && count == (int64_t)aglm_cpus_online(cpus))
        return -1;
    return count ? count : -1;
}

bool aglm_cpus_flag(const char *flags, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = flags; at && (at = strstr(at, name)); at += len)
        if ((at == flags || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0'))
            return true;
    return false;
}
