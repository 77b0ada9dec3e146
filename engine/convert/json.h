/* JSON files of a model folder: reading with limits on size and nesting, and typed access.
 *
 * In: a file or bytes. Out: a cJSON tree, owned by the caller (cJSON_Delete). Refused: files larger
 * than the limit, nesting deeper than AGLM_JSON_MAX_DEPTH, a NUL inside (escaped or not: strings
 * would end early), text after the value. Every message names the file, and the key where there is
 * one. "Not there" and null are the same: optional values keep their default.
 */
#ifndef AGLM_ENGINE_CONVERT_JSON_H
#define AGLM_ENGINE_CONVERT_JSON_H

#include "probes/err.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { AGLM_JSON_MAX_DEPTH = 64 };

/* text: [size] bytes, no NUL needed at the end. -EINVAL for what is no JSON, -ENOMEM. */
int aglm_json_parse(cJSON **out, const char *text, size_t size, const char *name,
                    struct aglm_err *err);
/* Reads a regular file of at most max bytes; -ENOENT if it is not there, -EFBIG. */
int aglm_json_open(cJSON **out, const char *path, size_t max, struct aglm_err *err);
/* The bytes of a regular file of at most max, NUL added behind them; freed by the caller. */
int aglm_json_slurp(char **text, size_t *size, const char *path, size_t max, struct aglm_err *err);

/* The member, or NULL if it is absent, null, or object is no object. */
const cJSON *aglm_json_get(const cJSON *object, const char *key);
/* A whole number, 0 up to 2^53; -EINVAL if the item is something else. */
int aglm_json_whole(const cJSON *item, uint64_t *out);

/* An object whose members are read one after another; the first error stays in rc. */
struct aglm_json_reader {
    const char *file; /* for messages */
    const cJSON *object;
    struct aglm_err *err;
    int rc;
};
/* Required when fallback is NULL. Numbers must be finite and lo <= x <= hi. */
void aglm_json_u32(struct aglm_json_reader *r, const char *key, uint32_t lo, uint32_t hi,
                   const uint32_t *fallback, uint32_t *out);
void aglm_json_real(struct aglm_json_reader *r, const char *key, double lo, double hi,
                    const double *fallback, double *out);
void aglm_json_bool(struct aglm_json_reader *r, const char *key, bool fallback, bool *out);
/* *out points into the tree; fallback may be NULL: the value is optional. */
void aglm_json_string(struct aglm_json_reader *r, const char *key, const char *fallback,
                      const char **out);

#endif
