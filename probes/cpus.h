/* The table of logical CPUs as the kernel's files describe it: what is online, which core and
 * package each belongs to, which Arm part it is, its frequencies; and what /proc/cpuinfo says about
 * the whole processor.
 *
 * Input: <root>/sys/devices/system/cpu and <root>/proc/cpuinfo. Unknown numbers are -1, unknown
 * text is "".
 */
#ifndef AGLM_PROBES_CPUS_H
#define AGLM_PROBES_CPUS_H

#include "probes/fsroot.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* More CPUs than this are not looked at. */
#define AGLM_CPUS_MAX 1024

/* Outside 10 MHz … 20 GHz a frequency is not believed. */
#define AGLM_KHZ_MIN (10 * 1000)
#define AGLM_KHZ_MAX (20 * 1000000)

/* A set of CPU numbers, in the kernel's list form "0-3,8". */
struct aglm_cpulist {
    uint64_t bits[AGLM_CPUS_MAX / 64];
};

/* -EILSEQ if text is no list, -ERANGE if it names a CPU >= AGLM_CPUS_MAX. */
int aglm_cpulist_parse(struct aglm_cpulist *out, const char *text);
bool aglm_cpulist_has(const struct aglm_cpulist *list, size_t cpu);
void aglm_cpulist_add(struct aglm_cpulist *list, size_t cpu);
size_t aglm_cpulist_count(const struct aglm_cpulist *list);
/* The list form into buf, cut with "…" where it does not fit. */
void aglm_cpulist_format(const struct aglm_cpulist *list, char *buf, size_t cap);

/* What sort of core Linux says that an x86 processor with several of them has. */
enum aglm_core_type {
    AGLM_CORE_ANY,
    AGLM_CORE_PERFORMANCE,
    AGLM_CORE_EFFICIENCY,
    AGLM_CORE_LOW_POWER
};

struct aglm_cpu {
    size_t id;
    bool online;
    int64_t package, core, sibling;               /* sibling: the lowest CPU that shares the core */
    int64_t implementer, part, variant, revision; /* Arm MIDR fields; variant and revision: rNpM */
    enum aglm_core_type type;
    int64_t max_khz, now_khz; /* cpuinfo_max_freq; scaling_cur_freq, else cpuinfo's "cpu MHz" */
    int64_t capacity;         /* 1024 = the strongest core, of kernels that know */
    char governor[32];
    /* why a figure is unknown, a code of fsroot.h; 0 if it is known */
    int max_code, now_code, governor_code, capacity_code, package_code, core_code;
    const char *now_source;
};

struct aglm_cpus {
    struct aglm_cpu *v; /* [n], ascending by id; all that are present */
    size_t n;
    int code;           /* 0, or why n is 0: a code of fsroot.h */
    int online_code;    /* 0, or why it is unknown which are online: all are taken to be */
    const char *source; /* the file that named the CPUs */
    /* /proc/cpuinfo on the whole processor */
    int cpuinfo_code;
    char brand[128], vendor[64], hardware[128], architecture[128];
    int64_t family, model, stepping;
    char *flags; /* "flags" or "Features", or NULL */
};

/* Fills a table that the caller finishes. Never fails but by staying empty; -ENOMEM is a code like
 * others. */
void aglm_cpus_read(struct aglm_cpus *out, const struct aglm_fsroot *fs);
void aglm_cpus_finish(struct aglm_cpus *cpus);

/* Physical cores and packages among the online CPUs, -1 if one of them does not say; its code is
 * in *code then, which is 0 where the files say what nobody believes. */
int64_t aglm_cpus_cores(const struct aglm_cpus *cpus, int *code);
int64_t aglm_cpus_packages(const struct aglm_cpus *cpus, int *code);
size_t aglm_cpus_online(const struct aglm_cpus *cpus);

/* Whether a blank-separated list of flags has this one; false for NULL. */
bool aglm_cpus_flag(const char *flags, const char *name);

#endif
