/* The profile: runs the probes, finds facts, makes the JSON form and the fingerprint; see
 * profile.h. */
#include "probes/profile.h"

#include "probes/clock.h"
#include "probes/guard.h"
#include "probes/probe.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { LOAD_MS = 250, LOAD_QUICK_MS = 50 };

/* Bytes a second at which memory was read, all threads together; 0: not measured. */
static double memory_read(const struct aglm_profile *profile)
{
    double best = 0;
    for (size_t i = 0; i < profile->facts.n; i++) {
        const struct aglm_fact *f = &profile->facts.v[i];
        if (strncmp(f->key, "roof.read.t", 11) == 0 && f->kind == AGLM_FACT_NUMBER &&
            f->number > best)
            best = f->number;
    }
    return best;
}

/* Notes the time since *since_ns, which becomes now. To a microsecond: more digits tell nothing. */
static void took(struct aglm_profile *profile, const char *name, uint64_t *since_ns)
{
    const uint64_t now_ns = aglm_clock_ns();
    aglm_took_add(profile, name, (double)((now_ns - *since_ns) / 1000) / 1e3);
    *since_ns = now_ns;
}

/* What the options ask for; where storage is, always. */
static void add_measured(struct aglm_profile *profile, const struct aglm_fsroot *fs,
                         const struct aglm_profile_options *options)
{
    uint64_t since_ns = aglm_clock_ns();
    static const struct aglm_profile_options none = {0};
    const struct aglm_profile_options *o = options ? options : &none;
    if (o->roof) {
        aglm_probe_roof(&profile->facts);
        took(profile, "roof", &since_ns);
    }
    if (o->latency) {
        aglm_probe_latency(&profile->facts);
        took(profile, "latency", &since_ns);
    }
    aglm_probe_storage(&profile->facts, fs,
                       &(struct aglm_storage_ask){.dir = o->storage_dir,
                                                  .measure = o->storage,
                                                  .memory_read_per_s = memory_read(profile)});
    took(profile, "storage", &since_ns);
    if (o->net) {
        aglm_probe_network(&profile->facts, o->net);
        took(profile, "network", &since_ns);
    }
    if (o->sustained_s > 0) { /* last: what comes after it would be measured hot */
        aglm_probe_sustained(&profile->facts, o->sustained_s, o->sustained_each, o->sustained_ctx);
        took(profile, "sustained", &since_ns);
    }
}

/* What hangs takes this long; each of these takes less than 100 ms on a healthy device. */
enum { PROBE_MS = 3000 };

/* The probes that share the tables of CPUs and caches. */
static void probe_system(struct aglm_facts *facts, const struct aglm_fsroot *fs)
{
    struct aglm_cpus cpus;
    struct aglm_caches caches;
    aglm_cpus_read(&cpus, fs);
    aglm_caches_read(&caches, fs, &cpus);
    aglm_probe_os(facts, fs);
    aglm_probe_virt(facts, fs, &cpus);
    aglm_probe_cpu(facts, fs, &cpus, &caches);
    aglm_probe_topology(facts, fs, &cpus, &caches);
    aglm_cpus_finish(&cpus);
}

static void probe_memory(struct aglm_facts *facts, const struct aglm_fsroot *fs)
{
    aglm_probe_memory(facts, fs);
    aglm_probe_swap(facts, fs);
}

static void probe_load(struct aglm_facts *facts, const struct aglm_fsroot *fs)
{
    aglm_probe_load(facts, fs, LOAD_QUICK_MS);
}

static void probe_load_long(struct aglm_facts *facts, const struct aglm_fsroot *fs)
{
    aglm_probe_load(facts, fs, LOAD_MS);
}

/* The probes in the order of their facts. Each runs in a child, so that one which hangs (a driver's
 * file that is never answered) is given up and named. */
static const struct probe {
    const char *name;
    void (*run)(struct aglm_facts *facts, const struct aglm_fsroot *fs);
    void (*measure)(struct aglm_facts *facts, const struct aglm_fsroot *fs); /* NULL: the same */
} probes[] = {
    {"system", probe_system, NULL},        {"memory", probe_memory, NULL},
    {"load", probe_load, probe_load_long}, {"thermal", aglm_probe_thermal, NULL},
    {"power", aglm_probe_power, NULL},
};

struct guarded {
    const struct probe *probe;
    const struct aglm_fsroot *fs;
    bool measured;
};

static void run_guarded(struct aglm_facts *facts, const void *arg)
{
    const struct guarded *g = arg;
    if (g->measured && g->probe->measure)
        g->probe->measure(facts, g->fs);
    else
        g->probe->run(facts, g->fs);
}

int aglm_profile_create(struct aglm_profile **out, const struct aglm_profile_options *options,
                        struct aglm_err *err)
{
    struct aglm_fsroot fs;
    if (options && options->root &&
        (options->roof || options->latency || options->storage || options->net ||
         options->sustained_s > 0))
        return aglm_err_set(err, -EINVAL,
                            "device profile: it is the running machine that is measured, not what "
                            "lies below %s",
                            options->root);
    const uint64_t start_ns = aglm_clock_ns();
    int rc = aglm_fsroot_open(&fs, options ? options->root : NULL, err);
    if (rc)
        return rc;
    struct aglm_profile *profile = calloc(1, sizeof(*profile));
    if (!profile) {
        aglm_fsroot_close(&fs);
        return aglm_err_set(err, -ENOMEM, "device profile: out of memory");
    }
    const bool measured = options && options->roof;
    uint64_t since_ns = aglm_clock_ns();
    for (size_t i = 0; i < sizeof(probes) / sizeof(*probes); i++) {
        const struct guarded guarded = {&probes[i], &fs, measured};
        aglm_guard_run(&profile->facts, probes[i].name, PROBE_MS, run_guarded, &guarded);
        took(profile, probes[i].name, &since_ns);
    }
    aglm_probe_gpu(&profile->facts, &fs,
                   options && options->drivers_by_ms
                       ? start_ns + options->drivers_by_ms * UINT64_C(1000000)
                       : 0);
    took(profile, "gpu", &since_ns);
    add_measured(profile, &fs, options);
    aglm_fsroot_close(&fs);
    if (profile->facts.out_of_memory) {
        aglm_profile_destroy(&profile);
        return aglm_err_set(err, -ENOMEM, "device profile: out of memory");
    }
    *out = profile;
    return 0;
}

void aglm_profile_destroy(struct aglm_profile **profile)
{
    if (!profile || !*profile)
        return;
    aglm_facts_finish(&(*profile)->facts);
    free(*profile);
    *profile = NULL;
}

size_t aglm_profile_count(const struct aglm_profile *profile)
{
    return profile->facts.n;
}

const struct aglm_fact *aglm_profile_at(const struct aglm_profile *profile, size_t i)
{
    return i < profile->facts.n ? &profile->facts.v[i] : NULL;
}

const struct aglm_fact *aglm_profile_find(const struct aglm_profile *profile, const char *key)
{
    for (size_t i = 0; i < profile->facts.n; i++)
        if (strcmp(profile->facts.v[i].key, key) == 0)
            return &profile->facts.v[i];
    return NULL;
}

/* ---- JSON ---- */

static cJSON *add_value(cJSON *object, const char *name, const struct aglm_fact *fact)
{
    switch (fact->kind) {
    case AGLM_FACT_TEXT:
        return cJSON_AddStringToObject(object, name, fact->text);
    case AGLM_FACT_NUMBER:
        return cJSON_AddNumberToObject(object, name, fact->number);
    case AGLM_FACT_UNKNOWN:
        break;
    }
    return cJSON_AddNullToObject(object, name);
}

/* One fact; NULL for lack of memory. */
static cJSON *fact_json(const struct aglm_fact *fact)
{
    cJSON *object = cJSON_CreateObject();
    bool ok = object && cJSON_AddStringToObject(object, "key", fact->key) &&
              cJSON_AddStringToObject(object, "label", fact->label) &&
              add_value(object, "value", fact);
    if (ok && fact->kind == AGLM_FACT_UNKNOWN)
        ok = cJSON_AddStringToObject(object, "unknown", fact->text);
    ok = ok && cJSON_AddStringToObject(object, "unit", fact->unit) &&
         cJSON_AddStringToObject(object, "source", fact->source) &&
         cJSON_AddBoolToObject(object, "identity", fact->identity);
    if (ok)
        return object;
    cJSON_Delete(object);
    return NULL;
}

static bool add_took(cJSON *root, const struct aglm_profile *profile)
{
    cJSON *array = cJSON_AddArrayToObject(root, "probes");
    bool ok = array != NULL;
    for (size_t i = 0; ok && i < profile->n_took; i++) {
        cJSON *o = cJSON_CreateObject();
        ok = o && cJSON_AddItemToArray(array, o) &&
             cJSON_AddStringToObject(o, "name", profile->took[i].name) &&
             cJSON_AddNumberToObject(o, "ms", profile->took[i].ms);
    }
    return ok;
}

char *aglm_profile_json(const struct aglm_profile *profile)
{
    char fingerprint[33], *text = NULL;
    aglm_profile_fingerprint(profile, fingerprint);
    cJSON *root = cJSON_CreateObject(), *facts = NULL;
    bool ok = root && cJSON_AddNumberToObject(root, "schema", AGLM_PROFILE_SCHEMA) &&
              cJSON_AddStringToObject(root, "fingerprint", fingerprint) &&
              (facts = cJSON_AddArrayToObject(root, "facts"));
    for (size_t i = 0; ok && i < profile->facts.n; i++) {
        cJSON *fact = fact_json(&profile->facts.v[i]);
        ok = fact && cJSON_AddItemToArray(facts, fact);
    }
    if (ok && add_took(root, profile))
        text = cJSON_Print(root);
    cJSON_Delete(root);
    return text;
}

static int by_key(const void *a, const void *b)
{
    const struct aglm_fact *const *x = a, *const *y = b;
    return strcmp((*x)->key, (*y)->key);
}

/* Compact JSON object {key: value} of the identity facts by key, an unknown one as null whatever
 * its reason, so that neither the order of the probes nor a lost permission's wording makes another
 * device. */
static char *canonical(const struct aglm_profile *profile)
{
    const struct aglm_fact **facts = calloc(profile->facts.n + 1, sizeof(*facts));
    cJSON *root = cJSON_CreateObject();
    size_t n = 0;
    bool ok = facts && root;
    for (size_t i = 0; ok && i < profile->facts.n; i++)
        if (profile->facts.v[i].identity)
            facts[n++] = &profile->facts.v[i];
    if (n > 1)
        qsort(facts, n, sizeof(*facts), by_key);
    for (size_t i = 0; ok && i < n; i++)
        ok = add_value(root, facts[i]->key, facts[i]) != NULL;
    char *text = ok ? cJSON_PrintUnformatted(root) : NULL;
    cJSON_Delete(root);
    free(facts);
    return text;
}

void aglm_profile_fingerprint(const struct aglm_profile *profile, char out[33])
{
    static const char hex[] = "0123456789abcdef";
    char *text = canonical(profile);
    XXH128_canonical_t digest;
    /* Lack of memory gives the digest of nothing, which no device has. */
    XXH128_canonicalFromHash(&digest, XXH3_128bits(text ? text : "", text ? strlen(text) : 0));
    for (size_t i = 0; i < 16; i++) {
        out[2 * i] = hex[digest.digest[i] >> 4];
        out[2 * i + 1] = hex[digest.digest[i] & 15];
    }
    out[32] = '\0';
    cJSON_free(text);
}
