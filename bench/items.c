/* Reads items; see items.h. Inputs: a file from anywhere. Outputs: items, owned copies. Refuses
 * what is no complete item, with the line at fault, so that no answer is scored against half a
 * question.
 */
#include "bench/items.h"

#include "bench/textfile.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { MAX_BYTES = 64 << 20, MAX_ITEMS = 100000, MAX_TEXT = 1 << 16 };

static const char OOD[] = "-ood";

bool aglm_part_counts(const char *part)
{
    size_t n = strlen(part), end = sizeof(OOD) - 1;
    return n < end || strcmp(part + n - end, OOD) != 0;
}

static void item_finish(struct aglm_item *item)
{
    free(item->prompt);
    free(item->answer);
}

void aglm_items_finish(struct aglm_items *items)
{
    for (size_t i = 0; i < items->n; i++)
        item_finish(&items->list[i]);
    free(items->list);
    *items = (struct aglm_items){0};
}

/* ---- one line ---- */

/* The text of a field, 1 to max bytes; NULL, and said so, for anything else. */
static const char *field(const cJSON *object, const char *name, size_t max, struct aglm_err *err)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
    if (!text || !*text || strlen(text) > max) {
        aglm_err_set(err, -EINVAL, "\"%s\" must be a text of 1 to %zu bytes", name, max);
        return NULL;
    }
    return text;
}

/* A short word: what tables and tests print as it is. */
static int word(char *out, size_t size, const cJSON *object, const char *name, struct aglm_err *err)
{
    const char *text = field(object, name, size - 1, err);
    if (!text)
        return -EINVAL;
    for (const char *p = text; *p; p++)
        if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
              strchr("-_.", *p)))
            return aglm_err_set(err, -EINVAL, "\"%s\" must be of letters, digits and -_. only",
                                name);
    snprintf(out, size, "%s", text);
    return 0;
}

static int text_copy(char **out, const cJSON *object, const char *name, struct aglm_err *err)
{
    const char *text = field(object, name, MAX_TEXT, err);
    if (!text)
        return -EINVAL;
    *out = strdup(text);
    return *out ? 0 : aglm_err_set(err, -ENOMEM, "out of memory");
}

/* cJSON ends a text at \u0000 without a word: such a line is refused before. */
static bool holds_nul(const char *line, size_t size)
{
    return memchr(line, 0, size) || memmem(line, size, "\\u0000", 6);
}

/* Fills item from line: [size]; on error nothing is left allocated. */
static int read_item(struct aglm_item *item, const char *line, size_t size, struct aglm_err *err)
{
    const char *end = NULL;
    if (holds_nul(line, size))
        return aglm_err_set(err, -EINVAL, "holds NUL, which no text does");
    cJSON *object = cJSON_ParseWithLengthOpts(line, size, &end, false);
    while (object && end < line + size && (*end == ' ' || *end == '\t' || *end == '\r'))
        end++;
    *item = (struct aglm_item){0};
    int rc = cJSON_IsObject(object) && end == line + size
                 ? 0
                 : aglm_err_set(err, -EINVAL, "is no JSON object");
    if (!rc)
        rc = word(item->id, sizeof(item->id), object, "id", err);
    if (!rc)
        rc = word(item->part, sizeof(item->part), object, "part", err);
    if (!rc)
        rc = word(item->lang, sizeof(item->lang), object, "lang", err);
    if (!rc)
        rc = text_copy(&item->prompt, object, "prompt", err);
    if (!rc)
        rc = text_copy(&item->answer, object, "answer", err);
    cJSON_Delete(object);
    if (rc)
        item_finish(item);
    return rc;
}

/* ---- the file ---- */

static int add(struct aglm_items *items, size_t *capacity, const char *line, size_t size,
               struct aglm_err *err)
{
    if (items->n == MAX_ITEMS)
        return aglm_err_set(err, -EFBIG, "more than %d items", MAX_ITEMS);
    if (items->n == *capacity) {
        size_t grown = *capacity ? *capacity * 2 : 256;
        struct aglm_item *list = realloc(items->list, grown * sizeof(*list));
        if (!list)
            return aglm_err_set(err, -ENOMEM, "out of memory");
        items->list = list;
        *capacity = grown;
    }
    int rc = read_item(&items->list[items->n], line, size, err);
    items->n += !rc;
    return rc;
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp((*(const struct aglm_item *const *)a)->id,
                  (*(const struct aglm_item *const *)b)->id);
}

static int check_ids(const struct aglm_items *items, const char *path, struct aglm_err *err)
{
    const struct aglm_item **sorted = calloc(items->n + 1, sizeof(*sorted));
    if (!sorted)
        return aglm_err_set(err, -ENOMEM, "%s: out of memory", path);
    for (size_t i = 0; i < items->n; i++)
        sorted[i] = &items->list[i];
    qsort(sorted, items->n, sizeof(struct aglm_item *), compare_ids);
    int rc = 0;
    for (size_t i = 1; i < items->n && !rc; i++)
        if (strcmp(sorted[i - 1]->id, sorted[i]->id) == 0)
            rc = aglm_err_set(err, -EINVAL, "%s: two items have the id %s", path, sorted[i]->id);
    free(sorted);
    return rc;
}

int aglm_items_read(struct aglm_items *out, const char *path, struct aglm_err *err)
{
    struct aglm_items items = {0};
    char *text = NULL;
    size_t size = 0, capacity = 0, number = 0;
    int rc = aglm_textfile_read(path, MAX_BYTES, &text, &size, err);
    if (rc)
        return rc;
    for (const char *line = text, *end = text + size; line < end && !rc;) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        size_t length = (size_t)((newline ? newline : end) - line);
        number++;
        if (length > 0)
            rc = add(&items, &capacity, line, length, err);
        line += length + 1;
    }
    if (rc)
        aglm_err_prefix(err, "%s: line %zu", path, number);
    else if (items.n == 0)
        rc = aglm_err_set(err, -EINVAL, "%s: holds no items", path);
    if (!rc)
        rc = check_ids(&items, path, err);
    XXH128_hash_t hash = XXH3_128bits(text, size);
    free(text);
    if (rc) {
        aglm_items_finish(&items);
        return rc;
    }
    snprintf(items.digest, sizeof(items.digest), "%016" PRIx64 "%016" PRIx64, hash.high64,
             hash.low64);
    items.n_file = items.n;
    *out = items;
    return 0;
}

/* ---- leaving out ---- */

static bool listed(const char *parts, const char *part)
{
    size_t n = strlen(part);
    for (const char *p = parts; *p; p += *p == ',') {
        size_t length = strcspn(p, ",");
        if (length == n && memcmp(p, part, n) == 0)
            return true;
        p += length;
    }
    return false;
}

/* Keeps the items that keep says yes to. */
static void filter(struct aglm_items *items, bool (*keep)(const char *arg, const char *part),
                   const char *arg)
{
    size_t n = 0;
    for (size_t i = 0; i < items->n; i++) {
        if (keep(arg, items->list[i].part))
            items->list[n++] = items->list[i];
        else
            item_finish(&items->list[i]);
    }
    items->n = n;
}

/* "command, step" of the parts there are, cut to fit. */
static void name_parts(const struct aglm_items *items, char *buf, size_t size)
{
    size_t n = 0;
    buf[0] = '\0';
    for (size_t i = 0; i < items->n && n < size; i++) {
        size_t k = 0;
        while (strcmp(items->list[k].part, items->list[i].part) != 0)
            k++;
        if (k == i)
            n += (size_t)snprintf(buf + n, size - n, "%s%s", n ? ", " : "", items->list[i].part);
    }
}

int aglm_items_keep_parts(struct aglm_items *items, const char *parts, struct aglm_err *err)
{
    for (const char *p = parts; *p || p == parts; p += *p == ',') {
        size_t length = strcspn(p, ","), k = 0;
        while (k < items->n && !(strlen(items->list[k].part) == length &&
                                 memcmp(items->list[k].part, p, length) == 0))
            k++;
        if (k == items->n) {
            char names[200];
            name_parts(items, names, sizeof(names));
            return aglm_err_set(err, -EINVAL, "--part: '%.*s' is no part of the items: %s",
                                (int)(length < 40 ? length : 40), p, names);
        }
        p += length;
    }
    filter(items, listed, parts);
    return 0;
}

static bool counts(const char *arg, const char *part)
{
    (void)arg;
    return aglm_part_counts(part);
}

void aglm_items_keep_counted(struct aglm_items *items)
{
    bool any = false;
    for (size_t i = 0; i < items->n; i++)
        any = any || aglm_part_counts(items->list[i].part);
    if (any)
        filter(items, counts, NULL);
}

void aglm_items_thin(struct aglm_items *items, size_t n)
{
    size_t kept = 0;
    if (n >= items->n)
        return;
    for (size_t i = 0; i < items->n; i++) {
        if ((i + 1) * n / items->n > i * n / items->n)
            items->list[kept++] = items->list[i];
        else
            item_finish(&items->list[i]);
    }
    items->n = kept;
}
