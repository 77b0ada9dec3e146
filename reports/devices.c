/* The store's devices with their profiles; see devices.h. A profile that cannot be read counts as
 * none: the page says so. */
#include "reports/devices.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- loading --------------------------------------------------------------------------------- */

static bool has_limits(const struct aglm_profile *profile)
{
    for (size_t i = 0; i < aglm_profile_count(profile); i++) {
        const struct aglm_fact *f = aglm_profile_at(profile, i);
        if (f->kind == AGLM_FACT_NUMBER && strncmp(f->key, "roof.read.", 10) == 0)
            return true;
    }
    return false;
}

/* NULL for what cannot be read; false for lack of memory. */
static bool parse(struct aglm_profile **out, const char *json)
{
    struct aglm_err err = {0};
    *out = NULL;
    return aglm_profile_parse(out, json, &err) != -ENOMEM;
}

static int add_device(void *ctx, const struct aglm_store_device *from)
{
    struct aglm_devices *devices = ctx;
    if (from->n_tests == 0 && !from->profile)
        return 0;
    struct aglm_device *v = realloc(devices->v, (devices->n + 1) * sizeof(*v));
    if (!v)
        return -ENOMEM;
    devices->v = v;
    v = &devices->v[devices->n++];
    *v = (struct aglm_device){.n_tests = from->n_tests, .last_ms = from->last_ms};
    snprintf(v->fingerprint, sizeof(v->fingerprint), "%s", from->fingerprint);
    snprintf(v->cpu_info, sizeof(v->cpu_info), "%s", from->cpu_info);
    return !from->profile || parse(&v->profile, from->profile) ? 0 : -ENOMEM;
}

/* Profiles come newest first, so the first with limits is a device's newest. Whose it is stands in
 * the document. */
static int add_measured(void *ctx, const char *json, int64_t taken_ms)
{
    struct aglm_devices *devices = ctx;
    struct aglm_profile *profile;
    char fingerprint[33];
    if (!parse(&profile, json))
        return -ENOMEM;
    if (!profile)
        return 0;
    aglm_profile_fingerprint(profile, fingerprint);
    for (size_t i = 0; i < devices->n && has_limits(profile); i++) {
        struct aglm_device *d = &devices->v[i];
        if (!d->measured && strcmp(d->fingerprint, fingerprint) == 0) {
            d->measured = profile;
            d->measured_ms = taken_ms;
            return 0;
        }
    }
    aglm_profile_destroy(&profile);
    return 0;
}

int aglm_devices_load(struct aglm_devices *out, struct aglm_store *store, struct aglm_err *err)
{
    struct aglm_devices devices = {0};
    int r = aglm_store_each_device(store, add_device, &devices, err);
    if (r == 0)
        r = aglm_store_each_profile(store, add_measured, &devices, err);
    if (r < 0) {
        aglm_devices_finish(&devices);
        return r == -ENOMEM ? aglm_err_set(err, r, "report: out of memory") : r;
    }
    *out = devices;
    return 0;
}

int aglm_devices_from_profile(struct aglm_devices *out, const char *json, int64_t taken_ms,
                              struct aglm_err *err)
{
    struct aglm_device *d = calloc(1, sizeof(*d));
    struct aglm_devices devices = {d, 1};
    int r = d ? aglm_profile_parse(&d->profile, json, err) : -ENOMEM;
    if (r == 0 && has_limits(d->profile))
        r = aglm_profile_parse(&d->measured, json, err);
    if (r < 0) {
        aglm_devices_finish(&devices);
        return r == -ENOMEM ? aglm_err_set(err, r, "report: out of memory") : r;
    }
    aglm_profile_fingerprint(d->profile, d->fingerprint);
    d->last_ms = d->measured_ms = taken_ms;
    *out = devices;
    return 0;
}

void aglm_devices_finish(struct aglm_devices *devices)
{
    if (!devices)
        return;
    for (size_t i = 0; devices->v && i < devices->n; i++) {
        aglm_profile_destroy(&devices->v[i].profile);
        aglm_profile_destroy(&devices->v[i].measured);
    }
    free(devices->v);
    *devices = (struct aglm_devices){0};
}

/* ---- names ----------------------------------------------------------------------------------- */

static const char *fact_text(const struct aglm_device *device, const char *key)
{
    const struct aglm_fact *f = aglm_device_fact(device, key);
    return f && f->kind == AGLM_FACT_TEXT ? f->text : "";
}

const char *aglm_device_name(const struct aglm_device *device, char *buf, size_t size)
{
    const char *model = fact_text(device, "device.model"), *cpu = fact_text(device, "cpu.brand");
    snprintf(buf, size, "%s",
             model[0]              ? model
             : device->cpu_info[0] ? device->cpu_info
             : cpu[0]              ? cpu
                                   : "unknown device");
    return buf;
}

static bool contains(const char *text, const char *part)
{
    const size_t n = strlen(part);
    for (; *text; text++)
        if (strncasecmp(text, part, n) == 0)
            return true;
    return false;
}

static bool is_meant(const struct aglm_device *d, const char *what)
{
    char name[256];
    if (strlen(what) >= 4 && strncasecmp(d->fingerprint, what, strlen(what)) == 0)
        return true;
    return what[0] && (contains(aglm_device_name(d, name, sizeof(name)), what) ||
                       contains(d->cpu_info, what) || contains(fact_text(d, "cpu.brand"), what));
}

/* "Pixel 8 (def594ac)", …: devices for an error, all or those that are meant. */
static void list(const struct aglm_devices *devices, const char *what, char *buf, size_t size)
{
    size_t n = 0;
    buf[0] = '\0';
    for (size_t i = 0; i < devices->n; i++) {
        const size_t used = strlen(buf);
        char name[256];
        if (what && !is_meant(&devices->v[i], what))
            continue;
        if (++n > 6 || used + 64 > size) {
            snprintf(buf + used, size - used, ", ...");
            return;
        }
        snprintf(buf + used, size - used, "%s%.40s (%.8s)", used ? ", " : "",
                 aglm_device_name(&devices->v[i], name, sizeof(name)), devices->v[i].fingerprint);
    }
}

int aglm_devices_find(const struct aglm_devices *devices, const char *what, size_t *index,
                      struct aglm_err *err)
{
    size_t found = 0, at = 0;
    char names[400];
    for (size_t i = 0; i < devices->n; i++) {
        if (is_meant(&devices->v[i], what)) {
            at = found++ ? at : i;
            if (strcasecmp(devices->v[i].fingerprint, what) == 0) {
                *index = i;
                return 0;
            }
        }
    }
    list(devices, found > 1 ? what : NULL, names, sizeof(names));
    if (found == 0)
        return aglm_err_set(err, -ENOENT, "--device %s: no such device here; there are: %s", what,
                            names);
    if (found > 1)
        return aglm_err_set(err, -EEXIST,
                            "--device %s: several devices; give more of the name or of the "
                            "fingerprint: %s",
                            what, names);
    *index = at;
    return 0;
}

/* ---- facts ----------------------------------------------------------------------------------- */

static const struct aglm_fact *find(const struct aglm_profile *profile, const char *key)
{
    return profile ? aglm_profile_find(profile, key) : NULL;
}

const struct aglm_fact *aglm_device_fact(const struct aglm_device *device, const char *key)
{
    const struct aglm_fact *now = find(device->profile, key), *then = find(device->measured, key);
    if (!now || (now->kind == AGLM_FACT_UNKNOWN && then && then->kind != AGLM_FACT_UNKNOWN))
        return then;
    return now;
}

void aglm_device_judge(struct aglm_judgement *out, const struct aglm_device *device,
                       const struct aglm_threshold *threshold)
{
    const struct aglm_profile *const profiles[] = {device->profile, device->measured};
    *out = (struct aglm_judgement){.threshold = threshold, .value = NAN};
    for (size_t i = 0; i < 2 && out->status == AGLM_STATUS_UNKNOWN; i++) {
        struct aglm_judgement j;
        if (!profiles[i] || !threshold->fact[0])
            continue;
        aglm_judge(&j, profiles[i], threshold);
        if (!out->fact || j.status != AGLM_STATUS_UNKNOWN)
            *out = j;
    }
}
