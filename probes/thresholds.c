/* Thresholds from INI text; see thresholds.h.
 *
 * Keys of a section: label, kind (below, above, reference), metric, fact, model, unit, good, alert,
 * value (for references), source. An override's section needs only the keys that it changes.
 * Unknown keys, numbers that are not finite and limits in the wrong order are refused, with the
 * line.
 */
#include "probes/thresholds.h"

#include "probes/thresholds_default.h"

#include <errno.h>
#include <ini.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ENTRIES 256

struct aglm_thresholds {
    struct aglm_threshold entries[MAX_ENTRIES];
    size_t count;
};

struct parse {
    struct aglm_thresholds *set;
    struct aglm_err err; /* first refusal */
    const char *section, *key, *value;
};

static struct aglm_threshold *entry_for(struct aglm_thresholds *set, const char *id)
{
    for (size_t i = 0; i < set->count; i++)
        if (strcmp(set->entries[i].id, id) == 0)
            return &set->entries[i];
    if (set->count == MAX_ENTRIES || strlen(id) >= sizeof(set->entries[0].id) || !*id)
        return NULL;
    struct aglm_threshold *entry = &set->entries[set->count++];
    *entry = (struct aglm_threshold){.good = NAN, .alert = NAN};
    snprintf(entry->id, sizeof(entry->id), "%s", id);
    return entry;
}

static bool set_text(char *out, size_t size, const char *value)
{
    return (size_t)snprintf(out, size, "%s", value) < size;
}

static bool set_number(double *out, const char *value)
{
    char *end;
    double number = strtod(value, &end);
    if (end == value || *end || !isfinite(number))
        return false;
    *out = number;
    return true;
}

static bool set_kind(enum aglm_threshold_kind *out, const char *value)
{
    static const char *const kinds[] = {"below", "above", "reference"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(value, kinds[i]) == 0) {
            *out = (enum aglm_threshold_kind)i;
            return true;
        }
    }
    return false;
}

static bool set_key(struct aglm_threshold *e, const char *key, const char *value)
{
    if (strcmp(key, "label") == 0)
        return set_text(e->label, sizeof(e->label), value);
    if (strcmp(key, "metric") == 0)
        return set_text(e->metric, sizeof(e->metric), value);
    if (strcmp(key, "fact") == 0)
        return set_text(e->fact, sizeof(e->fact), value);
    if (strcmp(key, "model") == 0)
        return set_text(e->model, sizeof(e->model), value);
    if (strcmp(key, "unit") == 0)
        return set_text(e->unit, sizeof(e->unit), value);
    if (strcmp(key, "source") == 0)
        return set_text(e->source, sizeof(e->source), value);
    if (strcmp(key, "kind") == 0)
        return set_kind(&e->kind, value);
    if (strcmp(key, "good") == 0 || strcmp(key, "value") == 0)
        return set_number(&e->good, value);
    return strcmp(key, "alert") == 0 && set_number(&e->alert, value);
}

/* inih's callback: 0 stops at this line. */
static int on_line(void *user, const char *section, const char *key, const char *value)
{
    struct parse *p = user;
    if (p->err.code)
        return 0;
    struct aglm_threshold *entry = entry_for(p->set, section);
    if (!entry)
        aglm_err_set(&p->err, p->set->count == MAX_ENTRIES ? -E2BIG : -EINVAL,
                     "no room for section [%s]: at most %d sections with names of 1 to 63 letters",
                     section, MAX_ENTRIES);
    else if (!set_key(entry, key, value))
        aglm_err_set(
            &p->err, -EINVAL,
            "[%s] %s = %s: not a key with a value it can have (see devices/thresholds.ini)",
            section, key, value);
    return p->err.code == 0;
}

/* Complete and in order? */
static int check_entry(const struct aglm_threshold *e, struct aglm_err *err)
{
    if (!e->label[0] || isnan(e->good))
        return aglm_err_set(err, -EINVAL, "[%s]: needs at least label, unit and good (or value)",
                            e->id);
    if (e->kind == AGLM_THRESHOLD_REFERENCE)
        return 0;
    if (isnan(e->alert))
        return aglm_err_set(err, -EINVAL, "[%s]: needs an alert limit", e->id);
    if (e->kind == AGLM_THRESHOLD_BELOW ? e->alert < e->good : e->alert > e->good)
        return aglm_err_set(err, -EINVAL, "[%s]: the alert limit lies on the good side of good",
                            e->id);
    return 0;
}

static int finish_parse(struct parse *p, int line, const char *name, struct aglm_err *err)
{
    if (p->err.code)
        return aglm_err_set(err, p->err.code, "%s:%d: %s", name, line, p->err.msg);
    if (line > 0)
        return aglm_err_set(err, -EINVAL, "%s:%d: neither [section] nor key = value", name, line);
    if (line < 0)
        return aglm_err_set(err, -ENOMEM, "%s: out of memory", name);
    for (size_t i = 0; i < p->set->count; i++) {
        int r = check_entry(&p->set->entries[i], err);
        if (r < 0) {
            aglm_err_prefix(err, "%s", name);
            return r;
        }
    }
    return 0;
}

static int parse_file(struct aglm_thresholds *set, const char *path, struct aglm_err *err)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return aglm_err_set(err, -errno, "%s: cannot read the thresholds: %s", path,
                            strerror(errno));
    struct parse p = {.set = set};
    int line = ini_parse_file(file, on_line, &p);
    bool broken = ferror(file);
    fclose(file);
    if (broken)
        return aglm_err_set(err, -EIO, "%s: cannot read the thresholds (is it a file?)", path);
    return finish_parse(&p, line, path, err);
}

int aglm_thresholds_load(struct aglm_thresholds **out, const char *override_path,
                         struct aglm_err *err)
{
    struct aglm_thresholds *set = calloc(1, sizeof(*set));
    if (!set)
        return aglm_err_set(err, -ENOMEM, "thresholds: out of memory");
    struct parse p = {.set = set};
    int line = ini_parse_string(aglm_thresholds_default, on_line, &p);
    int r = finish_parse(&p, line, "built-in thresholds", err);
    if (r < 0)
        goto fail;
    r = override_path ? parse_file(set, override_path, err) : 0;
    if (r < 0)
        goto fail;
    *out = set;
    return 0;
fail:
    aglm_thresholds_destroy(&set);
    return r;
}

void aglm_thresholds_destroy(struct aglm_thresholds **thresholds)
{
    if (!thresholds)
        return;
    free(*thresholds);
    *thresholds = NULL;
}

size_t aglm_thresholds_count(const struct aglm_thresholds *thresholds)
{
    return thresholds->count;
}

const struct aglm_threshold *aglm_thresholds_at(const struct aglm_thresholds *thresholds, size_t i)
{
    return &thresholds->entries[i];
}

const struct aglm_threshold *aglm_thresholds_find(const struct aglm_thresholds *thresholds,
                                                  const char *id)
{
    for (size_t i = 0; i < thresholds->count; i++)
        if (strcmp(thresholds->entries[i].id, id) == 0)
            return &thresholds->entries[i];
    return NULL;
}

enum aglm_status aglm_threshold_judge(const struct aglm_threshold *t, double value)
{
    if (!t || isnan(value) || t->kind == AGLM_THRESHOLD_REFERENCE)
        return AGLM_STATUS_UNKNOWN;
    bool below = t->kind == AGLM_THRESHOLD_BELOW;
    if (below ? value <= t->good : value >= t->good)
        return AGLM_STATUS_GOOD;
    return (below ? value > t->alert : value < t->alert) ? AGLM_STATUS_ALERT : AGLM_STATUS_WATCH;
}

const char *aglm_status_word(enum aglm_status status)
{
    static const char *const words[] = {"unknown", "good", "watch", "alert"};
    return words[status];
}
