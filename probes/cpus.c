/* Reads the table of logical CPUs; see cpus.h. */
#include "probes/cpus.h"

#include "probes/cpuinfo.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CPU_DIR "/sys/devices/system/cpu"

enum {
    CPUINFO_MAX = 4 << 20,   /* bytes; 1024 x86 CPUs take 1.6 MB */
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

/* ---- one CPU's folder ---- */

static void read_topology(struct aglm_cpu *cpu, const struct aglm_fsroot *fs)
{
    static const char *const files[] = {"core_cpus_list", "thread_siblings_list"};
    struct aglm_cpulist list;
    char text[4096];
    int64_t value;
    cpu->package_code = aglm_fsroot_integer(
        fs, 0, 1 << 20, &value, CPU_DIR "/cpu%zu/topology/physical_package_id", cpu->id);
    if (cpu->package_code == 0)
        cpu->package = value;
    cpu->core_code =
        aglm_fsroot_integer(fs, 0, 1 << 20, &value, CPU_DIR "/cpu%zu/topology/core_id", cpu->id);
    if (cpu->core_code == 0)
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
    cpu->variant = midr >> 20 & 0xf;
    cpu->part = midr >> 4 & 0xfff;
    cpu->revision = midr & 0xf;
}

static void read_cpu(struct aglm_cpu *cpu, const struct aglm_fsroot *fs)
{
    int64_t value;
    char text[sizeof(cpu->governor)];
    read_topology(cpu, fs);
    read_midr(cpu, fs);
    cpu->max_code = aglm_fsroot_integer(fs, AGLM_KHZ_MIN, AGLM_KHZ_MAX, &value,
                                        CPU_DIR "/cpu%zu/cpufreq/cpuinfo_max_freq", cpu->id);
    if (cpu->max_code == 0)
        cpu->max_khz = value;
    cpu->now_code = aglm_fsroot_integer(fs, AGLM_KHZ_MIN, AGLM_KHZ_MAX, &value,
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

/* Intel's processors with two or three sorts of cores have a performance counter unit for each. */
static void read_types(struct aglm_cpus *cpus, const struct aglm_fsroot *fs)
{
    static const char *const files[] = {
        [AGLM_CORE_PERFORMANCE] = "/sys/devices/cpu_core/cpus",
        [AGLM_CORE_EFFICIENCY] = "/sys/devices/cpu_atom/cpus",
        [AGLM_CORE_LOW_POWER] = "/sys/devices/cpu_lowpower/cpus",
    };
    struct aglm_cpulist list;
    for (int type = AGLM_CORE_PERFORMANCE; type <= AGLM_CORE_LOW_POWER; type++)
        if (list_file(fs, files[type], &list) == 0)
            for (size_t i = 0; i < cpus->n; i++)
                if (aglm_cpulist_has(&list, cpus->v[i].id))
                    cpus->v[i].type = (enum aglm_core_type)type;
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
                                                   .variant = -1,
                                                   .revision = -1,
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
    if (aglm_cpuinfo_list(cpuinfo ? cpuinfo : "", present) == 0)
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
    return !cpus->brand[0] && !cpus->vendor[0] && !cpus->hardware[0] && !cpus->architecture[0] &&
           !cpus->flags && cpus->family < 0;
}

void aglm_cpus_read(struct aglm_cpus *out, const struct aglm_fsroot *fs)
{
    struct aglm_cpulist present, online;
    char *cpuinfo = NULL;
    *out = (struct aglm_cpus){.family = -1, .model = -1, .stepping = -1};
    out->cpuinfo_code = aglm_fsroot_slurp(fs, "/proc/cpuinfo", CPUINFO_MAX, &cpuinfo);
    out->code = find_present(out, fs, cpuinfo, &present);
    if (out->code == 0) {
        out->online_code = list_file(fs, CPU_DIR "/online", &online);
        if (out->online_code)
            online = present;
        out->code = allocate(out, &present, &online);
    }
    if (cpuinfo)
        aglm_cpuinfo_parse(out, cpuinfo);
    free(cpuinfo);
    if (out->cpuinfo_code == 0 && cpuinfo_says_nothing(out))
        out->cpuinfo_code = -EILSEQ;
    for (size_t i = 0; i < out->n; i++)
        read_cpu(&out->v[i], fs);
    read_types(out, fs);
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

int64_t aglm_cpus_cores(const struct aglm_cpus *cpus, int *code)
{
    int64_t count = 0;
    *code = cpus->code;
    for (size_t i = 0; i < cpus->n; i++) {
        const struct aglm_cpu *cpu = &cpus->v[i];
        if (!cpu->online)
            continue;
        if (cpu->sibling < 0 && cpu->core < 0) {
            *code = cpu->core_code;
            return -1;
        }
        bool seen = false;
        for (size_t j = 0; j < i && !seen; j++)
            seen = cpus->v[j].online && same_core(cpu, &cpus->v[j]);
        count += !seen;
    }
    return count ? count : -1;
}

int64_t aglm_cpus_packages(const struct aglm_cpus *cpus, int *code)
{
    int64_t count = 0;
    *code = cpus->code;
    bool arm = cpus->n > 0 && cpus->v[0].part >= 0, mixed = false;
    for (size_t i = 0; i < cpus->n; i++) {
        if (!cpus->v[i].online)
            continue;
        mixed = mixed || cpus->v[i].part != cpus->v[0].part;
        if (cpus->v[i].package < 0) {
            *code = cpus->v[i].package_code;
            return -1;
        }
        bool seen = false;
        for (size_t j = 0; j < i && !seen; j++)
            seen = cpus->v[j].online && cpus->v[j].package == cpus->v[i].package;
        count += !seen;
    }
    /* Phones' kernels call each cluster, or each core, a package; nobody sells such a thing. */
    if (count == 0)
        return -1;
    *code = 0;
    if (arm && ((mixed && count > 1) || (count > 2 && count == (int64_t)aglm_cpus_online(cpus))))
        return -1;
    return count;
}

bool aglm_cpus_flag(const char *flags, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = flags; at && (at = strstr(at, name)); at += len)
        if ((at == flags || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0'))
            return true;
    return false;
}
