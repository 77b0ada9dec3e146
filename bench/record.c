/* The record's life and its JSON form, both ways. Inputs: a record, or JSON from any file. Outputs:
 * compact JSON, or a filled record. Whole numbers above 2^53, which a reader's double would bend,
 * are written as strings; NaN is null. Refuses JSON of another schema, missing or mistyped fields,
 * numbers that are no whole number where one is due, texts longer than their field, and absurd
 * counts. Fields that it does not know are passed over.
 */
#include "bench/record.h"

#include "bench/record_json.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SAMPLES 100000
#define MAX_TOKENS 16777216

void aglm_record_init(struct aglm_record *record)
{
    const struct aglm_roof_range unknown = {NAN, NAN, NAN};
    *record = (struct aglm_record){
        .valid = true,
        .load = "pack",
        .pack_ns = NAN,
        .packed_bytes = NAN,
        .kv_bytes_per_token = NAN,
        .prefill_ops = NAN,
        .roof_read = unknown,
        .roof_int8 = unknown,
        .roof_f32 = unknown,
        .accuracy = {
            .prefill_ts = NAN, .decode_ts = NAN, .wall_ns = NAN, .others_cpu_percent = NAN}};
}

void aglm_record_finish(struct aglm_record *record)
{
    for (size_t i = 0; i < record->n_samples; i++) {
        free(record->samples[i].token_ns);
    }
    free(record->samples);
    free(record->operators);
    aglm_accuracy_finish(&record->accuracy);
    free(record->profile_json);
    *record = (struct aglm_record){0};
}

int aglm_record_add(struct aglm_record *record, const struct aglm_sample *sample)
{
    struct aglm_sample *grown =
        realloc(record->samples, (record->n_samples + 1) * sizeof(*record->samples));
    if (grown == NULL) {
        return -ENOMEM;
    }
    record->samples = grown;
    record->samples[record->n_samples++] = *sample;
    return 0;
}

enum kind { TEXT, U32, U64, I64, BOOLEAN, REAL /* NaN is null; may be absent */ };

struct field {
    const char *name;
    enum kind kind;
    size_t offset;
    size_t size; /* TEXT: of the array */
    const char
        *fallback; /* TEXT: what records from before there was the field mean by it, or NULL */
};

#define FIELD(kind, name)                                                                        \
    {                                                                                            \
#name, kind, offsetof(struct aglm_record, name), sizeof(((struct aglm_record *)0)->name) \
    }
#define FIELD_OR(kind, name, text)                                                                \
    {                                                                                             \
#name, kind, offsetof(struct aglm_record, name), sizeof(((struct aglm_record *)0)->name), \
            text                                                                                  \
    }

/* Of one roof: the best, median and lowest window. */
#define ROOF(member, name, unit)                                                                   \
    {name "_" unit, REAL, offsetof(struct aglm_record, member.best), sizeof(double)},              \
        {name "_median_" unit, REAL, offsetof(struct aglm_record, member.median), sizeof(double)}, \
    {                                                                                              \
        name "_low_" unit, REAL, offsetof(struct aglm_record, member.low), sizeof(double)          \
    }

static const struct field fields[] = {
    FIELD(TEXT, run_uuid),
    FIELD(TEXT, test_uuid),
    FIELD(TEXT, suite),
    FIELD(TEXT, test),
    FIELD(TEXT, label),
    FIELD(I64, started_ms),
    FIELD(TEXT, version),
    FIELD(TEXT, commit),
    FIELD(TEXT, compiler),
    FIELD(TEXT, flags),
    FIELD(TEXT, fingerprint),
    FIELD(TEXT, cpu_info),
    FIELD(TEXT, gpu_info),
    FIELD(TEXT, model_path),
    FIELD(TEXT, model_name),
    FIELD(TEXT, model_type),
    FIELD(TEXT, arch),
    FIELD(TEXT, quantization),
    FIELD(TEXT, model_digest),
    FIELD(U64, model_size),
    FIELD(U64, model_n_params),
    FIELD(U64, bytes_per_token),
    FIELD(U64, load_ns),
    FIELD_OR(TEXT, load, "pack"),
    FIELD(REAL, pack_ns),
    FIELD(REAL, packed_bytes),
    FIELD(TEXT, backend),
    FIELD(TEXT, isa),
    FIELD(TEXT, cpu_mask),
    FIELD(TEXT, affinity),
    FIELD(TEXT, requantize),
    FIELD_OR(TEXT, prompt_digest, ""),
    FIELD_OR(TEXT, text_digest, ""),
    FIELD_OR(TEXT, type_k, "f16"),
    FIELD_OR(TEXT, type_v, "f16"),
    FIELD_OR(TEXT, fuse, "all"),
    FIELD(U32, n_threads),
    FIELD(U32, n_batch),
    FIELD(U32, n_ubatch),
    FIELD(U32, n_prompt),
    FIELD(U32, n_gen),
    FIELD(U32, n_depth),
    FIELD(U32, repetitions),
    FIELD(U64, seed),
    FIELD(BOOLEAN, cpu_strict),
    FIELD(BOOLEAN, warmup),
    FIELD(U64, delay_s),
    FIELD(TEXT, order),
    FIELD(REAL, kv_bytes_per_token),
    FIELD(REAL, prefill_ops),
    FIELD_OR(TEXT, prefill_kind, ""),
    ROOF(roof_read, "roof_read", "bytes_per_s"),
    ROOF(roof_int8, "roof_int8", "ops_per_s"),
    ROOF(roof_f32, "roof_f32", "ops_per_s"),
    FIELD_OR(TEXT, roof_when, ""),
    FIELD(BOOLEAN, valid),
    FIELD(TEXT, reasons),
};

#define N_FIELDS (sizeof(fields) / sizeof(fields[0]))

struct condition {
    const char *name;
    size_t offset;
};

#define CONDITION(name)                               \
    {                                                 \
#name, offsetof(struct aglm_conditions, name) \
    }

static const struct condition conditions[] = {
    CONDITION(load_1min),
    CONDITION(others_cpu_percent),
    CONDITION(memory_available_bytes),
    CONDITION(temperature_max_degc),
    CONDITION(frequency_mean_khz),
    CONDITION(major_faults),
    CONDITION(cpu_total_ticks),
    CONDITION(cpu_idle_ticks),
    CONDITION(cpu_steal_ticks),
    CONDITION(cpu_self_ticks),
};

#define N_CONDITIONS (sizeof(conditions) / sizeof(conditions[0]))

/* ---- writing ---- */

static cJSON *field_to_json(const struct aglm_record *record, const struct field *field)
{
    const char *at = (const char *)record + field->offset;
    switch (field->kind) {
    case TEXT:
        return aglm_record_json_text(at);
    case U32:
        return cJSON_CreateNumber((double)*(const uint32_t *)(const void *)at);
    case U64:
        return aglm_record_json_whole(*(const uint64_t *)(const void *)at);
    case I64:
        return cJSON_CreateNumber((double)*(const int64_t *)(const void *)at);
    case BOOLEAN:
        return cJSON_CreateBool(*(const bool *)(const void *)at);
    case REAL:
        return aglm_record_json_real(*(const double *)(const void *)at);
    }
    return NULL;
}

static cJSON *conditions_to_json(const struct aglm_conditions *c)
{
    cJSON *object = cJSON_CreateObject();
    for (size_t i = 0; object != NULL && i < N_CONDITIONS; i++) {
        double v = *(const double *)(const void *)((const char *)c + conditions[i].offset);
        if (!aglm_record_json_add(object, conditions[i].name, aglm_record_json_real(v))) {
            cJSON_Delete(object);
            return NULL;
        }
    }
    return object;
}

static cJSON *sample_to_json(const struct aglm_sample *s)
{
    cJSON *object = cJSON_CreateObject();
    cJSON *tokens = cJSON_CreateArray();
    if (object == NULL || tokens == NULL) {
        cJSON_Delete(tokens);
        goto fail;
    }
    for (size_t i = 0; i < s->n_token_ns; i++) {
        if (!aglm_record_json_push(tokens, aglm_record_json_whole(s->token_ns[i]))) {
            cJSON_Delete(tokens);
            goto fail;
        }
    }
    if (!aglm_record_json_add(object, "token_ns", tokens) ||
        !aglm_record_json_add(object, "prefill_ns", aglm_record_json_whole(s->prefill_ns)) ||
        !aglm_record_json_add(object, "first_token_ns",
                              aglm_record_json_whole(s->first_token_ns)) ||
        !aglm_record_json_add(object, "total_ns", aglm_record_json_whole(s->total_ns)) ||
        !aglm_record_json_add(object, "peak_rss_bytes",
                              aglm_record_json_whole(s->peak_rss_bytes)) ||
        !aglm_record_json_add(object, "before", conditions_to_json(&s->before)) ||
        !aglm_record_json_add(object, "after", conditions_to_json(&s->after)) ||
        !aglm_record_during_json(object, &s->during)) {
        goto fail;
    }
    return object;
fail:
    cJSON_Delete(object);
    return NULL;
}

static cJSON *profile_to_json(const char *profile)
{
    cJSON *object = profile != NULL ? cJSON_Parse(profile) : NULL;
    return object != NULL ? object : cJSON_CreateNull();
}

char *aglm_record_json(const struct aglm_record *record)
{
    char *text = NULL;
    cJSON *root = cJSON_CreateObject();
    cJSON *samples = cJSON_CreateArray();
    if (root == NULL || samples == NULL) {
        cJSON_Delete(samples);
        goto out;
    }
    if (!aglm_record_json_add(root, "samples", samples) ||
        !aglm_record_json_add(root, "schema", cJSON_CreateNumber(AGLM_RECORD_SCHEMA)) ||
        !aglm_record_json_add(root, "profile", profile_to_json(record->profile_json))) {
        goto out;
    }
    for (size_t i = 0; i < N_FIELDS; i++) {
        if (!aglm_record_json_add(root, fields[i].name, field_to_json(record, &fields[i]))) {
            goto out;
        }
    }
    if (record->n_operators > 0 && !aglm_record_operators_json(root, record)) {
        goto out;
    }
    if (record->accuracy.n_parts > 0 && !aglm_record_accuracy_json(root, record)) {
        goto out;
    }
    for (size_t i = 0; i < record->n_samples; i++) {
        if (!aglm_record_json_push(samples, sample_to_json(&record->samples[i]))) {
            goto out;
        }
    }
    text = cJSON_PrintUnformatted(root);
out:
    cJSON_Delete(root);
    return text;
}

/* ---- reading ---- */

static bool field_from_json(struct aglm_record *record, const struct field *field,
                            const cJSON *item)
{
    char *at = (char *)record + field->offset;
    uint64_t v = 0;
    switch (field->kind) {
    case TEXT:
        if (!cJSON_IsString(item) || strlen(item->valuestring) >= field->size) {
            return false;
        }
        snprintf(at, field->size, "%s", item->valuestring);
        return true;
    case U32:
        if (!aglm_record_json_read_whole(item, UINT32_MAX, &v)) {
            return false;
        }
        *(uint32_t *)(void *)at = (uint32_t)v;
        return true;
    case U64:
        return aglm_record_json_read_whole(item, UINT64_MAX, (uint64_t *)(void *)at);
    case I64:
        if (!aglm_record_json_read_whole(item, INT64_MAX, &v)) {
            return false;
        }
        *(int64_t *)(void *)at = (int64_t)v;
        return true;
    case BOOLEAN:
        *(bool *)(void *)at = cJSON_IsTrue(item);
        return cJSON_IsBool(item);
    case REAL: /* records from before there was the field do not know it */
        *(double *)(void *)at = cJSON_IsNumber(item) ? item->valuedouble : NAN;
        return item == NULL || cJSON_IsNumber(item) || cJSON_IsNull(item);
    }
    return false;
}

static bool conditions_from_json(struct aglm_conditions *out, const cJSON *object)
{
    if (!cJSON_IsObject(object)) {
        return false;
    }
    for (size_t i = 0; i < N_CONDITIONS; i++) {
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, conditions[i].name);
        double v = cJSON_IsNumber(item) ? item->valuedouble : NAN;
        if (!cJSON_IsNumber(item) && !cJSON_IsNull(item)) {
            return false;
        }
        *(double *)(void *)((char *)out + conditions[i].offset) = v;
    }
    return true;
}

static int bad(struct aglm_err *err, size_t i, const char *name)
{
    return aglm_err_set(err, -EINVAL, "record: samples[%zu].%s is missing or wrong", i, name);
}

static int read_tokens(struct aglm_sample *s, const cJSON *tokens)
{
    int n = cJSON_GetArraySize(tokens);
    const cJSON *item;
    if (!cJSON_IsArray(tokens) || n > MAX_TOKENS) {
        return -EINVAL;
    }
    s->token_ns = calloc((size_t)n + 1, sizeof(*s->token_ns));
    if (s->token_ns == NULL) {
        return -ENOMEM;
    }
    cJSON_ArrayForEach(item, tokens)
    {
        if (!aglm_record_json_read_whole(item, INT64_MAX, &s->token_ns[s->n_token_ns])) {
            return -EINVAL;
        }
        s->n_token_ns++;
    }
    return 0;
}

/* Fills s; what it allocated stays in s also on error. */
static int sample_from_json(struct aglm_sample *s, const cJSON *object, size_t i,
                            struct aglm_err *err)
{
    struct {
        const char *name;
        uint64_t *at;
    } const numbers[] = {{"prefill_ns", &s->prefill_ns},
                         {"first_token_ns", &s->first_token_ns},
                         {"total_ns", &s->total_ns},
                         {"peak_rss_bytes", &s->peak_rss_bytes}};
    for (size_t j = 0; j < sizeof(numbers) / sizeof(numbers[0]); j++) {
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, numbers[j].name);
        if (!aglm_record_json_read_whole(item, INT64_MAX, numbers[j].at)) {
            return bad(err, i, numbers[j].name);
        }
    }
    int rc = read_tokens(s, cJSON_GetObjectItemCaseSensitive(object, "token_ns"));
    if (rc < 0) {
        return rc == -ENOMEM ? aglm_err_set(err, rc, "record: out of memory")
                             : bad(err, i, "token_ns");
    }
    if (!conditions_from_json(&s->before, cJSON_GetObjectItemCaseSensitive(object, "before"))) {
        return bad(err, i, "before");
    }
    if (!conditions_from_json(&s->after, cJSON_GetObjectItemCaseSensitive(object, "after"))) {
        return bad(err, i, "after");
    }
    if (!aglm_record_during_parse(&s->during, cJSON_GetObjectItemCaseSensitive(object, "during"))) {
        return bad(err, i, "during");
    }
    return 0;
}

static int samples_from_json(struct aglm_record *record, const cJSON *samples, struct aglm_err *err)
{
    int n = cJSON_GetArraySize(samples);
    const cJSON *item;
    if (!cJSON_IsArray(samples) || n > MAX_SAMPLES) {
        return aglm_err_set(err, -EINVAL, "record: samples is missing, no array or absurdly long");
    }
    record->samples = calloc((size_t)n + 1, sizeof(*record->samples));
    if (record->samples == NULL) {
        return aglm_err_set(err, -ENOMEM, "record: out of memory");
    }
    cJSON_ArrayForEach(item, samples)
    {
        size_t i = record->n_samples++;
        int rc = sample_from_json(&record->samples[i], item, i, err);
        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

static int profile_from_json(struct aglm_record *record, const cJSON *profile, struct aglm_err *err)
{
    if (cJSON_IsNull(profile)) {
        return 0;
    }
    if (!cJSON_IsObject(profile)) {
        return aglm_err_set(err, -EINVAL, "record: profile is missing or no object");
    }
    record->profile_json = cJSON_PrintUnformatted(profile);
    return record->profile_json != NULL ? 0 : aglm_err_set(err, -ENOMEM, "record: out of memory");
}

static int from_json(struct aglm_record *record, const cJSON *root, struct aglm_err *err)
{
    uint64_t schema;
    if (!cJSON_IsObject(root)) {
        return aglm_err_set(err, -EINVAL, "record: not a JSON object");
    }
    if (!aglm_record_json_read_whole(cJSON_GetObjectItemCaseSensitive(root, "schema"), UINT64_MAX,
                                     &schema) ||
        schema != AGLM_RECORD_SCHEMA) {
        return aglm_err_set(err, -EINVAL, "record: schema is not %d", AGLM_RECORD_SCHEMA);
    }
    for (size_t i = 0; i < N_FIELDS; i++) {
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(root, fields[i].name);
        if (item == NULL && fields[i].fallback != NULL) {
            snprintf((char *)record + fields[i].offset, fields[i].size, "%s", fields[i].fallback);
            continue;
        }
        if (!field_from_json(record, &fields[i], item)) {
            return aglm_err_set(err, -EINVAL,
                                "record: %s is missing, too long or of the wrong kind",
                                fields[i].name);
        }
    }
    int rc = profile_from_json(record, cJSON_GetObjectItemCaseSensitive(root, "profile"), err);
    if (rc == 0) {
        rc = aglm_record_operators_parse(record,
                                         cJSON_GetObjectItemCaseSensitive(root, "operators"), err);
    }
    if (rc == 0) {
        rc = aglm_record_accuracy_parse(record, cJSON_GetObjectItemCaseSensitive(root, "accuracy"),
                                        err);
    }
    return rc < 0
               ? rc
               : samples_from_json(record, cJSON_GetObjectItemCaseSensitive(root, "samples"), err);
}

int aglm_record_parse(struct aglm_record *record, const char *json, struct aglm_err *err)
{
    struct aglm_record parsed;
    aglm_record_init(&parsed);
    cJSON *root = cJSON_ParseWithOpts(json, NULL, 1);
    int rc = from_json(&parsed, root, err);
    cJSON_Delete(root);
    if (rc < 0) {
        aglm_record_finish(&parsed);
        return rc;
    }
    aglm_record_finish(record);
    *record = parsed;
    return 0;
}
