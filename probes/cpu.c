/* The processor: name, features, caches, and its CPUs grouped by kind with their frequencies.
 *
 * On a running x86 machine CPUID answers (x86/cpuid); otherwise, and where CPUID is silent,
 * /proc/cpuinfo and sysfs under the root do, with Arm's MIDR numbers turned into names. */
#include "probes/arm/midr.h"
#include "probes/isa.h"
#include "probes/kinds.h"
#include "probes/probe.h"
#include "probes/x86/cpuid.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CPUINFO "/proc/cpuinfo"
#define SYSFS "/sys/devices/system/cpu"

/* ---- name and numbers ---- */

/* "4x Cortex-A510 + 4x Cortex-A715"; false if a kind has no part number. */
static bool arm_brand(const struct aglm_kind *kinds, size_t n, char *buf, size_t cap)
{
    size_t len = 0;
    for (size_t k = 0; k < n; k++) {
        char core[48];
        if (kinds[k].model->part < 0 || kinds[k].model->implementer < 0)
            return false;
        aglm_midr_core(kinds[k].model->implementer, kinds[k].model->part, core, sizeof(core));
        int wrote =
            snprintf(buf + len, cap - len, "%s%zux %s", k ? " + " : "", kinds[k].count, core);
        if (wrote < 0 || (size_t)wrote >= cap - len)
            return false;
        len += (size_t)wrote;
    }
    return n > 0;
}

static void add_text(struct aglm_facts *facts, const char *key, const char *label,
                     const char *source, const char *text, int code)
{
    if (text && text[0])
        aglm_facts_text(facts, key, label, source, "%s", text);
    else
        aglm_facts_unknown(facts, key, label, source, "%s", aglm_fsroot_reason(code));
    aglm_facts_identity(facts);
}

/* "ARMv8 Processor rev 0 (v8l)" is what 32-bit kernels call every one. */
static bool is_no_brand(const char *brand)
{
    return !brand[0] || strncmp(brand, "ARMv", 4) == 0 || strncmp(brand, "AArch64", 7) == 0;
}

static void add_names(struct aglm_facts *facts, const struct aglm_cpus *cpus,
                      const struct aglm_x86_cpu *x86, const struct aglm_kind *kinds, size_t n)
{
    int code = cpus->cpuinfo_code ? cpus->cpuinfo_code : -ENOENT;
    char composed[512] = "";
    const char *brand = cpus->brand, *source = CPUINFO;
    if (x86 && x86->brand[0]) {
        brand = x86->brand;
        source = "cpuid";
    } else if (is_no_brand(brand) && arm_brand(kinds, n, composed, sizeof(composed))) {
        brand = composed;
        source = "midr";
    } else if (!brand[0]) {
        brand = cpus->hardware[0] ? cpus->hardware : cpus->architecture;
    }
    add_text(facts, "cpu.brand", "Name", source, brand, code);

    const char *maker = n ? aglm_midr_implementer(kinds[0].model->implementer) : NULL;
    if (x86 && x86->vendor[0])
        add_text(facts, "cpu.vendor", "Vendor", "cpuid", x86->vendor, 0);
    else if (cpus->vendor[0] || !maker)
        add_text(facts, "cpu.vendor", "Vendor", CPUINFO, cpus->vendor, code);
    else
        add_text(facts, "cpu.vendor", "Vendor", "midr", maker, 0);
}

/* Family, model and stepping exist on x86 only; elsewhere the part numbers of the clusters stand
 * for them. */
static void add_numbers(struct aglm_facts *facts, const struct aglm_cpus *cpus,
                        const struct aglm_x86_cpu *x86, bool arm)
{
    static const char *const keys[] = {"cpu.family", "cpu.model", "cpu.stepping"};
    static const char *const labels[] = {"Family", "Model number", "Stepping"};
    const int64_t read[] = {cpus->family, cpus->model, cpus->stepping};
    const int asked[] = {x86 ? x86->family : -1, x86 ? x86->model : -1, x86 ? x86->stepping : -1};
    for (size_t i = 0; i < 3 && !arm; i++) {
        if (asked[i] >= 0)
            aglm_facts_number(facts, keys[i], labels[i], "cpuid", "", asked[i]);
        else if (read[i] >= 0)
            aglm_facts_number(facts, keys[i], labels[i], CPUINFO, "", (double)read[i]);
        else
            aglm_facts_unknown(
                facts, keys[i], labels[i], CPUINFO, "%s",
                aglm_fsroot_reason(cpus->cpuinfo_code ? cpus->cpuinfo_code : -ENOENT));
        aglm_facts_identity(facts);
    }
}

/* Arm's names (HWCAP) of what int8 and half precision kernels need, in the order of their age. */
static void arm_features(const char *flags, char *buf, size_t cap)
{
    static const char *const names[] = {"neon", "vfpv4", "asimd", "fphp", "asimdhp", "asimddp",
                                        "i8mm", "bf16",  "sve",   "sve2", "sme",     "sme2"};
    buf[0] = '\0';
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        size_t len = strlen(buf);
        if (aglm_cpus_flag(flags, names[i]))
            snprintf(buf + len, cap - len, "%s%s", len ? " " : "", names[i]);
    }
}

static void add_features(struct aglm_facts *facts, const struct aglm_fsroot *fs,
                         const struct aglm_cpus *cpus, const struct aglm_x86_cpu *x86, bool arm)
{
    const char *key = "cpu.features", *label = "Features that matter";
    char text[256] = "";
    if (x86)
        memcpy(text, x86->features, sizeof(text));
    else if (cpus->flags && arm)
        arm_features(cpus->flags, text, sizeof(text));
    else if (cpus->flags)
        aglm_x86_features_from_flags(cpus->flags, text, sizeof(text));
    const char *source = x86 ? "cpuid" : CPUINFO;
    if (!x86 && !cpus->flags)
        aglm_facts_unknown(facts, key, label, source, "%s",
                           aglm_fsroot_reason(cpus->cpuinfo_code ? cpus->cpuinfo_code : -ENOENT));
    else
        aglm_facts_text(facts, key, label, source, "%s", text[0] ? text : "none");
    aglm_facts_identity(facts);
    if (!fs->live)
        return;
    uint32_t isa = aglm_isa_detect();
    aglm_facts_text(facts, "cpu.isa", "Kernels usable", arm ? "hwcap" : "cpuid", "c%s%s%s%s%s%s",
                    isa & AGLM_ISA_AVX2 ? ", avx2" : "", isa & AGLM_ISA_AVXVNNI ? ", avxvnni" : "",
                    isa & AGLM_ISA_AVX512 ? ", avx512" : "", isa & AGLM_ISA_NEON ? ", neon" : "",
                    isa & AGLM_ISA_DOTPROD ? ", dotprod" : "", isa & AGLM_ISA_I8MM ? ", i8mm" : "");
}

static void add_caches(struct aglm_facts *facts, const struct aglm_x86_cpu *x86,
                       const struct aglm_caches *caches)
{
    static const char *const keys[] = {"cpu.cache_l1d", "cpu.cache_l1i", "cpu.cache_l2",
                                       "cpu.cache_l3"};
    for (size_t kind = 0; kind < AGLM_CACHE_KINDS; kind++) {
        char label[32];
        snprintf(label, sizeof(label), "%s cache, each",
                 aglm_cache_name((enum aglm_cache_kind)kind));
        if (x86 && !x86->hybrid && x86->cache[kind] > 0)
            aglm_facts_number(facts, keys[kind], label, "cpuid", "bytes", (double)x86->cache[kind]);
        else if (caches->largest[kind] > 0)
            aglm_facts_number(facts, keys[kind], label, SYSFS, "bytes",
                              (double)caches->largest[kind]);
        else
            aglm_facts_unknown(facts, keys[kind], label, SYSFS, "%s",
                               aglm_fsroot_reason(caches->code ? caches->code : -ENOENT));
        aglm_facts_identity(facts);
    }
}

/* ---- CPUs ---- */

static void add_counts(struct aglm_facts *facts, const struct aglm_cpus *cpus)
{
    const char *online = "cpu.online", *label = "of these online";
    if (cpus->code) {
        const char *reason = aglm_fsroot_reason(cpus->code);
        aglm_facts_unknown(facts, "cpu.present", "Logical CPUs", cpus->source, "%s", reason);
        aglm_facts_identity(facts);
        aglm_facts_unknown(facts, online, label, cpus->source, "%s", reason);
        return;
    }
    aglm_facts_number(facts, "cpu.present", "Logical CPUs", cpus->source, "count", (double)cpus->n);
    aglm_facts_identity(facts);
    if (cpus->online_code) {
        aglm_facts_unknown(facts, online, label, SYSFS "/online", "%s",
                           aglm_fsroot_reason(cpus->online_code));
        return;
    }
    aglm_facts_number(facts, online, label, SYSFS "/online", "count",
                      (double)aglm_cpus_online(cpus));
    if (aglm_cpus_online(cpus) == cpus->n)
        return;
    struct aglm_cpulist off = {0};
    char list[128];
    for (size_t i = 0; i < cpus->n; i++)
        if (!cpus->v[i].online)
            aglm_cpulist_add(&off, cpus->v[i].id);
    aglm_cpulist_format(&off, list, sizeof(list));
    aglm_facts_text(facts, "cpu.offline", "Switched off", SYSFS "/online", "CPU %s", list);
}

/* A fact of one kind: "cpu.cluster0.NAME", labelled as part of a group if there is more than one.
 */
struct name {
    char key[64], label[64];
};

static struct name cluster_name(size_t k, size_t n, const char *key, const char *label)
{
    struct name name;
    snprintf(name.key, sizeof(name.key), "cpu.cluster%zu.%s", k, key);
    if (n > 1)
        snprintf(name.label, sizeof(name.label), "Cluster %zu, %s", k, label);
    else
        snprintf(name.label, sizeof(name.label), "%c%s", label[0] & ~0x20, label + 1);
    return name;
}

static void add_khz(struct aglm_facts *facts, struct name name, const char *source, double khz,
                    int code)
{
    if (khz >= 0)
        aglm_facts_number(facts, name.key, name.label, source, "kHz", khz);
    else
        aglm_facts_unknown(facts, name.key, name.label, source, "%s",
                           aglm_fsroot_reason(code ? code : -ENOENT));
}

static const char *type_name(enum aglm_core_type type)
{
    static const char *const names[] = {"", "performance cores", "efficiency cores",
                                        "low-power cores"};
    return names[type];
}

/* "4x Cortex-A510 r1p1, CPU 0-3", "8x efficiency cores, CPU 8-15", or the numbers alone. */
static void add_cores(struct aglm_facts *facts, const struct aglm_cpus *cpus,
                      const struct aglm_kind *kind, size_t k, size_t n)
{
    const struct aglm_cpu *model = kind->model;
    bool named = model->part >= 0 && model->implementer >= 0;
    bool sorted = !named && model->type != AGLM_CORE_ANY;
    struct name name = cluster_name(k, n, "cores", named || sorted ? "CPUs" : "CPU numbers");
    char list[128], core[48], revision[16] = "";
    aglm_cpulist_format(&kind->cpus, list, sizeof(list));
    if (named) {
        aglm_midr_core(model->implementer, model->part, core, sizeof(core));
        if (kind->one_revision && model->variant >= 0 && model->revision >= 0)
            snprintf(revision, sizeof(revision), " r%dp%d", (int)model->variant,
                     (int)model->revision);
        aglm_facts_text(facts, name.key, name.label, "midr", "%zux %s%s, CPU %s", kind->count, core,
                        revision, list);
    } else if (sorted) {
        aglm_facts_text(facts, name.key, name.label, "/sys/devices", "%zux %s, CPU %s", kind->count,
                        type_name(model->type), list);
    } else {
        aglm_facts_text(facts, name.key, name.label, cpus->source, "%s", list);
    }
}

static void add_kind(struct aglm_facts *facts, const struct aglm_cpus *cpus,
                     const struct aglm_kind *kind, size_t k, size_t n)
{
    const struct aglm_cpu *model = kind->model;
    add_cores(facts, cpus, kind, k, n);
    struct name name = cluster_name(k, n, "frequency_max", "max frequency");
    add_khz(facts, name, SYSFS, kind->max_khz, model->max_code);
    name = cluster_name(k, n, "frequency", "frequency now");
    add_khz(facts, name, model->now_source, kind->now_khz, model->now_code);
    name = cluster_name(k, n, "governor", "governor");
    if (kind->governors[0])
        aglm_facts_text(facts, name.key, name.label, SYSFS, "%s", kind->governors);
    else
        aglm_facts_unknown(facts, name.key, name.label, SYSFS, "%s",
                           aglm_fsroot_reason(model->governor_code));
    if (n == 1 && (model->capacity_code == 0 || model->capacity_code == -ENOENT))
        return; /* a share of the strongest core tells nothing where all are alike */
    name = cluster_name(k, n, "capacity", "capacity");
    if (model->capacity > 0)
        aglm_facts_number(facts, name.key, name.label, SYSFS, "of 1024", (double)model->capacity);
    else
        aglm_facts_unknown(facts, name.key, name.label, SYSFS, "%s",
                           aglm_fsroot_reason(model->capacity_code));
}

void aglm_probe_cpu(struct aglm_facts *facts, const struct aglm_fsroot *fs,
                    const struct aglm_cpus *cpus, const struct aglm_caches *caches)
{
    struct aglm_x86_cpu asked;
    struct aglm_kind kinds[AGLM_KINDS_MAX];
    size_t n = aglm_kinds_find(kinds, cpus);
    const struct aglm_x86_cpu *x86 = fs->live && aglm_x86_identify(&asked) == 0 ? &asked : NULL;
    bool arm = n > 0 && kinds[0].model->part >= 0;
    add_names(facts, cpus, x86, kinds, n);
    add_numbers(facts, cpus, x86, arm);
    add_features(facts, fs, cpus, x86, arm);
    add_caches(facts, x86, caches);
    add_counts(facts, cpus);
    for (size_t k = 0; k < n; k++)
        add_kind(facts, cpus, &kinds[k], k, n);
    if (n > 0)
        return;
    struct name none = {"cpu.cluster0.frequency", "Frequency now"};
    add_khz(facts, none, SYSFS, -1, cpus->code);
}
