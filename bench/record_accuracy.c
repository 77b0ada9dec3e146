/* The answers of a record as JSON, both ways, and copies of them; see record_json.h. Refuses an
 * absurd number of parts, texts longer than their field, parts that lack a number, and counts that
 * contradict each other.
 */
#include "bench/record_json.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PARTS = 1000 };

struct field {
    const char *name;
    enum { TEXT, WHOLE, REAL } kind;
    size_t offset, size;
};

#define OF(type, kind, name)                                                          \
    {                                                                                 \
#name, kind, offsetof(struct type, name), sizeof(((struct type *)NULL)->name) \
    }

static const struct field fields[] = {
    OF(aglm_accuracy, TEXT, model),        OF(aglm_accuracy, TEXT, model_digest),
    OF(aglm_accuracy, TEXT, items_digest), OF(aglm_accuracy, TEXT, reference),
    OF(aglm_accuracy, WHOLE, n_file),      OF(aglm_accuracy, WHOLE, n_items),
    OF(aglm_accuracy, WHOLE, n_threads),   OF(aglm_accuracy, REAL, prune),
    OF(aglm_accuracy, REAL, prefill_ts),   OF(aglm_accuracy, REAL, decode_ts),
    OF(aglm_accuracy, REAL, wall_ns),      OF(aglm_accuracy, REAL, others_cpu_percent)};

static const struct field part_fields[] = {
    OF(aglm_accuracy_part, TEXT, part),      OF(aglm_accuracy_part, TEXT, lang),
    OF(aglm_accuracy_part, WHOLE, n),        OF(aglm_accuracy_part, WHOLE, right),
    OF(aglm_accuracy_part, WHOLE, n_paired), OF(aglm_accuracy_part, WHOLE, reference_right),
    OF(aglm_accuracy_part, WHOLE, lost),     OF(aglm_accuracy_part, WHOLE, gained)};

#define N_OF(list) (sizeof(list) / sizeof((list)[0]))

void aglm_accuracy_finish(struct aglm_accuracy *accuracy)
{
    free(accuracy->parts);
    *accuracy = (struct aglm_accuracy){0};
}

int aglm_accuracy_copy(struct aglm_accuracy *out, const struct aglm_accuracy *accuracy)
{
    struct aglm_accuracy copy = *accuracy;
    copy.parts = calloc(accuracy->n_parts + 1, sizeof(*copy.parts));
    if (copy.parts == NULL) {
        return -ENOMEM;
    }
    if (accuracy->n_parts > 0) {
        memcpy(copy.parts, accuracy->parts, accuracy->n_parts * sizeof(*copy.parts));
    }
    *out = copy;
    return 0;
}

/* ---- writing ---- */

static bool write_fields(cJSON *object, const void *of, const struct field *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *at = (const char *)of + list[i].offset;
        cJSON *item = list[i].kind == TEXT ? aglm_record_json_text(at)
                      : list[i].kind == WHOLE
                          ? aglm_record_json_whole(*(const uint64_t *)(const void *)at)
                          : aglm_record_json_real(*(const double *)(const void *)at);
        if (!aglm_record_json_add(object, list[i].name, item)) {
            return false;
        }
    }
    return true;
}

bool aglm_record_accuracy_json(cJSON *root, const struct aglm_record *record)
{
    const struct aglm_accuracy *a = &record->accuracy;
    cJSON *object = cJSON_CreateObject();
    if (!aglm_record_json_add(root, "accuracy", object) ||
        !write_fields(object, a, fields, N_OF(fields))) {
        return false;
    }
    cJSON *parts = cJSON_CreateArray();
    if (!aglm_record_json_add(object, "parts", parts)) {
        return false;
    }
    for (size_t i = 0; i < a->n_parts; i++) {
        cJSON *part = cJSON_CreateObject();
        if (!aglm_record_json_push(parts, part) ||
            !write_fields(part, &a->parts[i], part_fields, N_OF(part_fields))) {
            return false;
        }
    }
    return true;
}

/* ---- reading ---- */

static bool read_field(void *of, const struct field *field, const cJSON *object)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, field->name);
    char *at = (char *)of + field->offset;
    const char *text = cJSON_GetStringValue(item);
    switch (field->kind) {
    case TEXT:
        if (text == NULL || strlen(text) >= field->size) {
            return false;
        }
        snprintf(at, field->size, "%s", text);
        return true;
    case WHOLE:
        return aglm_record_json_read_whole(item, INT64_MAX, (uint64_t *)(void *)at);
    case REAL:
        *(double *)(void *)at = cJSON_IsNumber(item) ? item->valuedouble : NAN;
        return cJSON_IsNumber(item) || cJSON_IsNull(item);
    }
    return false;
}

static const char *read_fields(void *of, const struct field *list, size_t n, const cJSON *object)
{
    for (size_t i = 0; i < n; i++) {
        if (!read_field(of, &list[i], object)) {
            return list[i].name;
        }
    }
    return NULL;
}

/* No answer is counted twice. */
static bool adds_up(const struct aglm_accuracy_part *p)
{
    return p->right <= p->n && p->n_paired <= p->n && p->reference_right <= p->n_paired &&
           p->lost <= p->reference_right && p->gained <= p->n_paired - p->reference_right;
}

static int parse_parts(struct aglm_accuracy *a, const cJSON *array, struct aglm_err *err)
{
    const int n = cJSON_GetArraySize(array);
    const cJSON *item;
    if (!cJSON_IsArray(array) || n > MAX_PARTS) {
        return aglm_err_set(err, -EINVAL, "record: accuracy.parts is no array or absurdly long");
    }
    a->parts = calloc((size_t)n + 1, sizeof(*a->parts));
    if (a->parts == NULL) {
        return aglm_err_set(err, -ENOMEM, "record: out of memory");
    }
    cJSON_ArrayForEach(item, array)
    {
        struct aglm_accuracy_part *part = &a->parts[a->n_parts];
        const char *wrong = read_fields(part, part_fields, N_OF(part_fields), item);
        if (wrong != NULL || !adds_up(part)) {
            return aglm_err_set(err, -EINVAL, "record: accuracy.parts[%zu].%s is missing or wrong",
                                a->n_parts, wrong != NULL ? wrong : "right");
        }
        a->n_parts++;
    }
    return 0;
}

int aglm_record_accuracy_parse(struct aglm_record *record, const cJSON *object,
                               struct aglm_err *err)
{
    struct aglm_accuracy *a = &record->accuracy;
    if (object == NULL) {
        return 0;
    }
    const char *wrong = read_fields(a, fields, N_OF(fields), object);
    if (wrong != NULL) {
        return aglm_err_set(err, -EINVAL, "record: accuracy.%s is missing or wrong", wrong);
    }
    return parse_parts(a, cJSON_GetObjectItemCaseSensitive(object, "parts"), err);
}
