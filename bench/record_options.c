/* Options of a record in words; see record_options.h. */
#include "bench/record_options.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The file's name; of the files of one description only. */
static void put_file(char *buf, size_t size, const struct aglm_record *r)
{
    const char *slash = strrchr(r->model_path, '/');
    snprintf(buf, size, "%s", slash != NULL ? slash + 1 : r->model_path);
}

static void put_backend(char *buf, size_t size, const struct aglm_record *r)
{
    snprintf(buf, size, "%s", r->backend);
}

static void put_isa(char *buf, size_t size, const struct aglm_record *r)
{
    snprintf(buf, size, "%s", r->isa);
}

static void put_quantize(char *buf, size_t size, const struct aglm_record *r)
{
    snprintf(buf, size, "%s", r->requantize);
}

static void put_mask(char *buf, size_t size, const struct aglm_record *r)
{
    snprintf(buf, size, "%s%s", r->cpu_mask, r->cpu_strict ? " strict" : "");
}

static void put_batch(char *buf, size_t size, const struct aglm_record *r)
{
    snprintf(buf, size, "%" PRIu32, r->n_batch);
}

static void put_ubatch(char *buf, size_t size, const struct aglm_record *r)
{
    snprintf(buf, size, "%" PRIu32, r->n_ubatch);
}

static void put_type_k(char *buf, size_t size, const struct aglm_record *r)
{
    snprintf(buf, size, "%s", r->type_k);
}

static void put_type_v(char *buf, size_t size, const struct aglm_record *r)
{
    snprintf(buf, size, "%s", r->type_v);
}

static void put_load(char *buf, size_t size, const struct aglm_record *r)
{
    snprintf(buf, size, "%s", r->load);
}

static const struct option {
    const char *name;
    void (*put)(char *buf, size_t size, const struct aglm_record *r);
} options[] = {{"file", put_file},   {"backend", put_backend}, {"isa", put_isa},
               {"-q", put_quantize}, {"-C", put_mask},         {"-b", put_batch},
               {"-ub", put_ubatch},  {"-ctk", put_type_k},     {"-ctv", put_type_v},
               {"--load", put_load}};

enum { N_OPTIONS = sizeof(options) / sizeof(options[0]), VALUE_SIZE = 512 };

static bool file_varies(const struct aglm_record *const *records, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        for (size_t k = 0; k < i; k++) {
            if (strcmp(records[i]->model_path, records[k]->model_path) != 0 &&
                strcmp(records[i]->model_type, records[k]->model_type) == 0) {
                return true;
            }
        }
    }
    return false;
}

uint32_t aglm_record_options_varying(const struct aglm_record *const *records, size_t n)
{
    char x[VALUE_SIZE], y[VALUE_SIZE];
    uint32_t varying = 0;
    for (size_t i = 0; i < N_OPTIONS && n > 0; i++) {
        options[i].put(x, sizeof(x), records[0]);
        for (size_t k = 1; k < n && options[i].put != put_file; k++) {
            options[i].put(y, sizeof(y), records[k]);
            varying |= strcmp(x, y) != 0 ? 1u << i : 0;
        }
        varying |= options[i].put == put_file && file_varies(records, n) ? 1u << i : 0;
    }
    return varying;
}

void aglm_record_options_text(char *buf, size_t size, const struct aglm_record *record,
                              uint32_t which)
{
    size_t length = 0;
    buf[0] = '\0';
    for (size_t i = 0; i < N_OPTIONS; i++) {
        char value[VALUE_SIZE];
        if ((which >> i & 1) == 0 || length >= size) {
            continue;
        }
        options[i].put(value, sizeof(value), record);
        length += (size_t)snprintf(buf + length, size - length, "%s%s %s", length > 0 ? ", " : "",
                                   options[i].name, value);
    }
}
