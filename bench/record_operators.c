/* The operators of a record as JSON, both ways; see record_json.h. Refuses an array of absurd
 * length, names longer than their field, and an operator that lacks a number.
 */
#include "bench/record_json.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_OPERATORS = 100000 };

/* Numbers of an operator; all of them must be there. */
struct operator_number {
    const char *name;
    bool real; /* a double; else 64 bits, whole */
    size_t offset;
};

#define OPERATOR(kind, name)                              \
    {                                                     \
#name, kind, offsetof(struct aglm_operator, name) \
    }

static const struct operator_number operator_numbers[] = {
    OPERATOR(false, calls),       OPERATOR(false, ns),       OPERATOR(false, wait_ns),
    OPERATOR(true, weight_bytes), OPERATOR(true, kv_bytes),  OPERATOR(true, act_bytes),
    OPERATOR(true, int8_ops),     OPERATOR(true, float_ops),
};

#define N_OPERATOR_NUMBERS (sizeof(operator_numbers) / sizeof(operator_numbers[0]))

static cJSON *operator_to_json(const struct aglm_operator *o)
{
    cJSON *object = cJSON_CreateObject();
    if (object == NULL || !aglm_record_json_add(object, "phase", aglm_record_json_text(o->phase)) ||
        !aglm_record_json_add(object, "name", aglm_record_json_text(o->name))) {
        goto fail;
    }
    for (size_t i = 0; i < N_OPERATOR_NUMBERS; i++) {
        const struct operator_number *n = &operator_numbers[i];
        const char *at = (const char *)o + n->offset;
        if (!aglm_record_json_add(
                object, n->name,
                n->real ? aglm_record_json_real(*(const double *)(const void *)at)
                        : aglm_record_json_whole(*(const uint64_t *)(const void *)at))) {
            goto fail;
        }
    }
    return object;
fail:
    cJSON_Delete(object);
    return NULL;
}

bool aglm_record_operators_json(cJSON *root, const struct aglm_record *record)
{
    cJSON *array = cJSON_CreateArray();
    if (!aglm_record_json_add(root, "operators", array)) {
        return false;
    }
    for (size_t i = 0; i < record->n_operators; i++) {
        if (!aglm_record_json_push(array, operator_to_json(&record->operators[i]))) {
            return false;
        }
    }
    return true;
}

static bool operator_from_json(struct aglm_operator *o, const cJSON *object)
{
    const char *phase = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, "phase"));
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, "name"));
    if (phase == NULL || name == NULL || strlen(phase) >= sizeof(o->phase) ||
        strlen(name) >= sizeof(o->name)) {
        return false;
    }
    snprintf(o->phase, sizeof(o->phase), "%s", phase);
    snprintf(o->name, sizeof(o->name), "%s", name);
    for (size_t i = 0; i < N_OPERATOR_NUMBERS; i++) {
        const struct operator_number *n = &operator_numbers[i];
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, n->name);
        char *at = (char *)o + n->offset;
        if (n->real ? !cJSON_IsNumber(item)
                    : !aglm_record_json_read_whole(item, INT64_MAX, (uint64_t *)(void *)at)) {
            return false;
        }
        if (n->real) {
            *(double *)(void *)at = item->valuedouble;
        }
    }
    return true;
}

int aglm_record_operators_parse(struct aglm_record *record, const cJSON *array,
                                struct aglm_err *err)
{
    int n = cJSON_GetArraySize(array);
    const cJSON *item;
    if (array == NULL) {
        return 0;
    }
    if (!cJSON_IsArray(array) || n > MAX_OPERATORS) {
        return aglm_err_set(err, -EINVAL, "record: operators is no array or absurdly long");
    }
    record->operators = calloc((size_t)n + 1, sizeof(*record->operators));
    if (record->operators == NULL) {
        return aglm_err_set(err, -ENOMEM, "record: out of memory");
    }
    cJSON_ArrayForEach(item, array)
    {
        if (!operator_from_json(&record->operators[record->n_operators], item)) {
            return aglm_err_set(err, -EINVAL, "record: operators[%zu] is not complete",
                                record->n_operators);
        }
        record->n_operators++;
    }
    return 0;
}
