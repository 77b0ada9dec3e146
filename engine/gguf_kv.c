/* GGUF files: the metadata, its reading, look-up by key, and its values as text.
 *
 * In: a cursor after the file's header. Out: file->kvs and an index sorted by key. Refused: unknown
 * value types, arrays of arrays, lengths past the end of the file, duplicate keys, booleans other
 * than 0 and 1.
 */
#include "engine/gguf_file.h"

#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    unsigned size; /* 0: not of fixed size */
} value_types[] = {
    [AGLM_GGUF_U8] = {"u8", 1},         [AGLM_GGUF_I8] = {"i8", 1},
    [AGLM_GGUF_U16] = {"u16", 2},       [AGLM_GGUF_I16] = {"i16", 2},
    [AGLM_GGUF_U32] = {"u32", 4},       [AGLM_GGUF_I32] = {"i32", 4},
    [AGLM_GGUF_F32] = {"f32", 4},       [AGLM_GGUF_BOOL] = {"bool", 1},
    [AGLM_GGUF_STRING] = {"string", 0}, [AGLM_GGUF_ARRAY] = {"array", 0},
    [AGLM_GGUF_U64] = {"u64", 8},       [AGLM_GGUF_I64] = {"i64", 8},
    [AGLM_GGUF_F64] = {"f64", 8},
};

enum { N_VALUE_TYPES = sizeof(value_types) / sizeof(value_types[0]) };

/* ---- reading ---- */

static int bad_type(struct gguf_cursor *c, const char *key, const char *what, uint32_t type)
{
    return aglm_err_set(c->err, -EINVAL, "%s: key %.80s: %s %" PRIu32 "; the file is damaged",
                        c->file->path, key, what, type);
}

static int read_array(struct gguf_cursor *c, const char *key, struct aglm_gguf_array *array)
{
    int rc = gguf_read_u32(c, &array->type, "an array's type");
    if (!rc)
        rc = gguf_read_u64(c, &array->n, "an array's length");
    if (rc)
        return rc;
    if (array->type >= N_VALUE_TYPES || array->type == AGLM_GGUF_ARRAY)
        return bad_type(c, key, "array of unknown or nested type", array->type);

    uint64_t element = array->type == AGLM_GGUF_STRING ? 8 : value_types[array->type].size;
    if (array->n > (c->file->size - c->at) / element)
        return aglm_err_set(c->err, -EINVAL,
                            "%s: key %.80s: array of %" PRIu64
                            " elements reaches past the end of the file; it is cut off or damaged",
                            c->file->path, key, array->n);
    array->data = c->file->base + c->at;
    if (array->type != AGLM_GGUF_STRING)
        return gguf_take(c, array->n * element, "an array") ? 0 : -EINVAL;
    for (uint64_t i = 0; i < array->n; i++) {
        uint64_t n = 0;
        rc = gguf_read_u64(c, &n, "a string in an array");
        if (rc)
            return rc;
        if (!gguf_take(c, n, "a string in an array"))
            return -EINVAL;
    }
    return 0;
}

static int read_value(struct gguf_cursor *c, struct gguf_kv *kv)
{
    if (kv->type >= N_VALUE_TYPES)
        return bad_type(c, kv->key, "unknown value type", kv->type);
    if (kv->type == AGLM_GGUF_STRING)
        return gguf_read_string(c, UINT64_MAX, &kv->string, "a metadata string");
    if (kv->type == AGLM_GGUF_ARRAY)
        return read_array(c, kv->key, &kv->array);
    kv->value = gguf_take(c, value_types[kv->type].size, "a metadata value");
    if (!kv->value)
        return -EINVAL;
    if (kv->type == AGLM_GGUF_BOOL && kv->value[0] > 1)
        return bad_type(c, kv->key, "is a boolean of value", kv->value[0]);
    return 0;
}

static int read_kv(struct gguf_cursor *c, struct gguf_kv *kv)
{
    int rc = gguf_read_name(c, GGUF_MAX_KEY_BYTES, &kv->key, "a metadata key");
    if (!rc)
        rc = gguf_read_u32(c, &kv->type, "a metadata type");
    if (rc)
        return rc;
    kv->raw = c->file->base + c->at;
    rc = read_value(c, kv);
    kv->raw_bytes = (size_t)(c->file->base + c->at - kv->raw);
    return rc;
}

static int by_key(const void *a, const void *b)
{
    const struct gguf_kv *const *x = a, *const *y = b;
    return strcmp((*x)->key, (*y)->key);
}

int gguf_read_metadata(struct gguf_cursor *c, uint64_t n_kv)
{
    struct aglm_gguf *file = c->file;
    if (n_kv == 0)
        return 0;
    file->kvs = calloc((size_t)n_kv, sizeof(*file->kvs));
    file->kvs_sorted = calloc((size_t)n_kv, sizeof(const struct gguf_kv *));
    if (!file->kvs || !file->kvs_sorted)
        return aglm_err_set(c->err, -ENOMEM, "%s: out of memory for %" PRIu64 " metadata keys",
                            file->path, n_kv);
    for (uint64_t i = 0; i < n_kv; i++) {
        int rc = read_kv(c, &file->kvs[i]);
        if (rc)
            return rc;
        file->kvs_sorted[i] = &file->kvs[i];
    }
    file->n_kv = (size_t)n_kv;
    qsort(file->kvs_sorted, file->n_kv, sizeof(file->kvs_sorted[0]), by_key);
    for (size_t i = 1; i < file->n_kv; i++)
        if (strcmp(file->kvs_sorted[i - 1]->key, file->kvs_sorted[i]->key) == 0)
            return aglm_err_set(c->err, -EINVAL, "%s: key %.80s is there twice", file->path,
                                file->kvs_sorted[i]->key);
    return 0;
}

/* ---- look-up ---- */

static const struct gguf_kv *find(const struct aglm_gguf *file, const char *key)
{
    size_t low = 0, high = file->n_kv;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(key, file->kvs_sorted[middle]->key);
        if (order == 0)
            return file->kvs_sorted[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

static int wrong_type(const struct aglm_gguf *file, const struct gguf_kv *kv, const char *wanted,
                      struct aglm_err *err)
{
    return aglm_err_set(err, -EINVAL, "%s: key %.80s is of type %s, must be %s", file->path,
                        kv->key, value_types[kv->type].name, wanted);
}

/* A scalar's value, widened. */
struct number {
    enum { NOT_A_NUMBER, SIGNED, UNSIGNED, REAL } kind;
    int64_t i;
    uint64_t u;
    double f;
};

#define LOAD(ctype, field, k)                            \
    {                                                    \
        ctype v;                                         \
        memcpy(&v, p, sizeof(v));                        \
        return (struct number){.kind = (k), .field = v}; \
    }

static struct number load_number(uint32_t type, const uint8_t *p)
{
    switch (type) {
    case AGLM_GGUF_U8:
        LOAD(uint8_t, u, UNSIGNED)
    case AGLM_GGUF_I8:
        LOAD(int8_t, i, SIGNED)
    case AGLM_GGUF_U16:
        LOAD(uint16_t, u, UNSIGNED)
    case AGLM_GGUF_I16:
        LOAD(int16_t, i, SIGNED)
    case AGLM_GGUF_U32:
        LOAD(uint32_t, u, UNSIGNED)
    case AGLM_GGUF_I32:
        LOAD(int32_t, i, SIGNED)
    case AGLM_GGUF_U64:
        LOAD(uint64_t, u, UNSIGNED)
    case AGLM_GGUF_I64:
        LOAD(int64_t, i, SIGNED)
    case AGLM_GGUF_F32:
        LOAD(float, f, REAL)
    case AGLM_GGUF_F64:
        LOAD(double, f, REAL)
    default:
        return (struct number){.kind = NOT_A_NUMBER};
    }
}

int aglm_gguf_get_u64(const struct aglm_gguf *file, const char *key, uint64_t *out,
                      struct aglm_err *err)
{
    const struct gguf_kv *kv = find(file, key);
    if (!kv)
        return -ENOENT;
    struct number v = load_number(kv->type, kv->value);
    if (v.kind == UNSIGNED) {
        *out = v.u;
        return 0;
    }
    if (v.kind != SIGNED)
        return wrong_type(file, kv, "an integer", err);
    if (v.i < 0)
        return aglm_err_set(err, -EINVAL, "%s: key %.80s is %" PRId64 ", must not be negative",
                            file->path, kv->key, v.i);
    *out = (uint64_t)v.i;
    return 0;
}

int aglm_gguf_get_f32(const struct aglm_gguf *file, const char *key, float *out,
                      struct aglm_err *err)
{
    const struct gguf_kv *kv = find(file, key);
    if (!kv)
        return -ENOENT;
    struct number v = load_number(kv->type, kv->value);
    if (v.kind == NOT_A_NUMBER)
        return wrong_type(file, kv, "a number", err);
    if (v.kind == SIGNED)
        v.f = (double)v.i;
    if (v.kind == UNSIGNED)
        v.f = (double)v.u;
    if (kv->type == AGLM_GGUF_F64 && (v.f > (double)FLT_MAX || v.f < -(double)FLT_MAX))
        return aglm_err_set(err, -EINVAL, "%s: key %.80s is %g, out of a float's range", file->path,
                            kv->key, v.f);
    *out = (float)v.f;
    return 0;
}

int aglm_gguf_get_bool(const struct aglm_gguf *file, const char *key, bool *out,
                       struct aglm_err *err)
{
    const struct gguf_kv *kv = find(file, key);
    if (!kv)
        return -ENOENT;
    if (kv->type != AGLM_GGUF_BOOL)
        return wrong_type(file, kv, "a boolean", err);
    *out = kv->value[0] != 0;
    return 0;
}

int aglm_gguf_get_string(const struct aglm_gguf *file, const char *key, const char **out,
                         struct aglm_err *err)
{
    const struct gguf_kv *kv = find(file, key);
    if (!kv)
        return -ENOENT;
    if (kv->type != AGLM_GGUF_STRING)
        return wrong_type(file, kv, "a string", err);
    *out = kv->string;
    return 0;
}

int aglm_gguf_get_array(const struct aglm_gguf *file, const char *key, struct aglm_gguf_array *out,
                        struct aglm_err *err)
{
    const struct gguf_kv *kv = find(file, key);
    if (!kv)
        return -ENOENT;
    if (kv->type != AGLM_GGUF_ARRAY)
        return wrong_type(file, kv, "an array", err);
    *out = kv->array;
    return 0;
}

/* ---- as text ---- */

/* Control characters become '.', so that a file cannot steer the terminal it is listed on. */
static void print_string(const char *s, char *buf, size_t size)
{
    size_t i = 0;
    for (; s[i] && i + 1 < size; i++)
        buf[i] = (unsigned char)s[i] < 0x20 || s[i] == 0x7f ? '.' : s[i];
    buf[i] = '\0';
}

size_t aglm_gguf_kv_count(const struct aglm_gguf *file)
{
    return file->n_kv;
}

const char *aglm_gguf_kv_at(const struct aglm_gguf *file, size_t i, char *buf, size_t buf_size)
{
    if (i >= file->n_kv)
        return NULL;
    const struct gguf_kv *kv = &file->kvs[i];
    if (buf_size == 0)
        return kv->key;
    if (kv->type == AGLM_GGUF_STRING) {
        print_string(kv->string, buf, buf_size);
        return kv->key;
    }
    if (kv->type == AGLM_GGUF_ARRAY) {
        snprintf(buf, buf_size, "[%s x %" PRIu64 "]", value_types[kv->array.type].name,
                 kv->array.n);
        return kv->key;
    }
    if (kv->type == AGLM_GGUF_BOOL) {
        snprintf(buf, buf_size, "%s", kv->value[0] ? "true" : "false");
        return kv->key;
    }
    struct number v = load_number(kv->type, kv->value);
    if (v.kind == SIGNED)
        snprintf(buf, buf_size, "%" PRId64, v.i);
    else if (v.kind == UNSIGNED)
        snprintf(buf, buf_size, "%" PRIu64, v.u);
    else
        snprintf(buf, buf_size, "%.*g", kv->type == AGLM_GGUF_F32 ? 7 : 15, v.f);
    return kv->key;
}

const char *aglm_gguf_kv_raw(const struct aglm_gguf *file, size_t i, uint32_t *type,
                             const void **value, size_t *bytes)
{
    const struct gguf_kv *kv = &file->kvs[i];
    *type = kv->type;
    *value = kv->raw;
    *bytes = kv->raw_bytes;
    return kv->key;
}
