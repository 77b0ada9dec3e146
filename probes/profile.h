/* The device profile: every fact that the probes can find, each with its unit, source or reason for
 * absence.
 *
 * A profile is an ordered list of facts with dotted keys ("cpu.brand", "memory.total"). What cannot
 * be known is a fact of kind UNKNOWN with the reason ("denied", "not there", …), never a zero. The
 * profile has one text form, one JSON form and a fingerprint; all reads of /sys and /proc go
 * through the root given in the options.
 */
#ifndef AGLM_PROBES_PROFILE_H
#define AGLM_PROBES_PROFILE_H

#include "probes/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum aglm_fact_kind { AGLM_FACT_UNKNOWN, AGLM_FACT_TEXT, AGLM_FACT_NUMBER };

struct aglm_fact {
    char *key;   /* dotted, lower case: "memory.available" */
    char *label; /* for people: "Memory available" */
    enum aglm_fact_kind kind;
    char *text;    /* TEXT: the value; UNKNOWN: the reason */
    double number; /* NUMBER: the value in unit */
    char *unit;    /* NUMBER: "bytes", "kHz", "degC", "count", …; else "" */
    char *source;  /* where it was read: "/proc/meminfo", "cpuid", "hwloc" */
    bool identity; /* part of the fingerprint: does not change between runs on one device */
};

struct aglm_profile;

enum { AGLM_SUSTAINED_MIN = 10, AGLM_SUSTAINED_MAX = 600 };

/* Told what all cores did in a second (1 ...), in operations a second; before the first with second
 * 0 and NaN. Returns whether to go on. */
typedef bool aglm_each_second(void *ctx, unsigned second, double ops_per_s);

struct aglm_profile_options {
    const char *root; /* folder that stands for "/" in every read of /sys and /proc; NULL = "/" */
    /* So many milliseconds after the start, vendors' graphics libraries are given up that have not
     * answered; 0: each is given 4 s, which also a cold or sleeping one keeps. */
    unsigned drivers_by_ms;
    bool roof; /* measure the device's limits too, which takes up to 3 s; not with a root */
    /* Measured only if asked for, and not with a root: */
    bool latency;            /* of memory, by working set: up to 1.5 s */
    bool storage;            /* of a temporary file, nameless and bounded: up to 3 s */
    const char *storage_dir; /* whose file system is looked at; NULL: where models are likely */
    const char *net;         /* "HOST[:PORT]" to connect to; NULL: no network is touched */
    /* For so many seconds (at most AGLM_SUSTAINED_MAX; 0: not), after all else, all cores are kept
     * busy to see what they keep up; each may be NULL. */
    unsigned sustained_s;
    aglm_each_second *sustained_each;
    void *sustained_ctx;
};

/* Runs every probe. Returns 0 and a profile in *out that the caller destroys, or a negative errno
 * (only for lack of memory, a root that is no folder, or a root and the roof: a probe that finds
 * nothing adds UNKNOWN facts). */
int aglm_profile_create(struct aglm_profile **out, const struct aglm_profile_options *options,
                        struct aglm_err *err);
void aglm_profile_destroy(struct aglm_profile **profile);

size_t aglm_profile_count(const struct aglm_profile *profile);
const struct aglm_fact *aglm_profile_at(const struct aglm_profile *profile, size_t i);
/* NULL if no such fact. The profile owns what is returned. */
const struct aglm_fact *aglm_profile_find(const struct aglm_profile *profile, const char *key);

/* Prints the profile for people, at most 80 columns wide. */
void aglm_profile_print(const struct aglm_profile *profile, FILE *out);
/* Prints how long each probe took. */
void aglm_profile_took_print(const struct aglm_profile *profile, FILE *out);

#define AGLM_PROFILE_SCHEMA 1

/* The JSON form, versioned by its "schema" field; the caller frees it. NULL for lack of memory. */
char *aglm_profile_json(const struct aglm_profile *profile);
/* A profile from its JSON form, as a store keeps it; the caller destroys it. Of facts that are no
 * facts (without a key), and of whatever else the document holds, nothing is taken. -EINVAL: not
 * JSON, or of another schema; -E2BIG: more than AGLM_PROFILE_FACTS_MAX facts; -ENOMEM. */
#define AGLM_PROFILE_FACTS_MAX 8192
int aglm_profile_parse(struct aglm_profile **out, const char *json, struct aglm_err *err);
/* Digest (xxh3-128, 32 hex digits + NUL) of the canonical JSON of the identity facts. */
void aglm_profile_fingerprint(const struct aglm_profile *profile, char out[33]);

/* A snapshot of what changes: load of others, memory available, temperatures, current frequency,
 * major page faults. Unknown values are NaN (or -1 for counts). Cheap (some 0.1 ms; more where
 * drivers sleep to answer); taken before and after each test. */
struct aglm_conditions {
    double load_1min; /* /proc/loadavg */
    double
        others_cpu_percent; /* CPU use since boot by others is no good: see aglm_conditions_take */
    double memory_available_bytes;
    double temperature_max_degc; /* hottest thermal zone */
    double frequency_mean_khz;   /* over online CPUs, scaling_cur_freq */
    double major_faults;         /* of this process, so far */
    double cpu_total_ticks, cpu_idle_ticks, cpu_steal_ticks,
        cpu_self_ticks; /* counters, for differences */
};

/* Reads the counters. others_cpu_percent is NaN in a single snapshot; aglm_conditions_between fills
 * it. */
void aglm_conditions_take(struct aglm_conditions *out, const char *root);
/* Its memory_available_bytes alone: asks no driver, so it cannot be kept waiting by one. */
double aglm_conditions_memory(const char *root);
/* CPU time used by other processes (and stolen) between two snapshots, in percent of all CPUs, into
 * after->others_cpu_percent; NaN where the counters are unknown. */
void aglm_conditions_between(const struct aglm_conditions *before, struct aglm_conditions *after);

#endif
