/* Reads and writes calibration files; see calibration.h.
 *
 * Refused: files over 16 MiB, JSON of another format or version, scales that are not finite
 * positive numbers.
 */
#include "bench/calibration.h"

#include "bench/textfile.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT "aglm-bench int8 calibration"

enum { VERSION = 1, MAX_BYTES = 16 << 20, MAX_SITES = 1 << 16 };

static cJSON *to_json(const struct aglm_calibration *c)
{
    cJSON *root = cJSON_CreateObject(), *scales = NULL;
    bool ok = root && cJSON_AddStringToObject(root, "format", FORMAT) &&
              cJSON_AddNumberToObject(root, "version", VERSION) &&
              cJSON_AddStringToObject(root, "model", c->model_digest) &&
              cJSON_AddStringToObject(root, "method", c->method) &&
              cJSON_AddNumberToObject(root, "tokens", (double)c->n_tokens) &&
              (scales = cJSON_AddArrayToObject(root, "scales"));
    for (size_t i = 0; ok && i < c->n_sites; i++) {
        char text[32];
        snprintf(text, sizeof(text), "%.9g", (double)c->scales[i]); /* comes back the same float */
        cJSON *item = cJSON_CreateRaw(text);
        ok = item && cJSON_AddItemToArray(scales, item);
    }
    if (ok)
        return root;
    cJSON_Delete(root);
    return NULL;
}

/* Opens PATH.partial; its name: [size]. */
static int open_partial(FILE **out, char *partial, size_t size, const char *path,
                        struct aglm_err *err)
{
    if (snprintf(partial, size, "%s.partial", path) >= (int)size)
        return aglm_err_set(err, -ENAMETOOLONG, "%s: the name is too long", path);
    *out = fopen(partial, "w");
    if (!*out)
        return aglm_err_set(err, -errno, "%s: cannot be written: %s", path, strerror(errno));
    return 0;
}

int aglm_calibration_try(const char *path, struct aglm_err *err)
{
    char partial[4096];
    FILE *f;
    int rc = open_partial(&f, partial, sizeof(partial), path, err);
    if (rc)
        return rc;
    fclose(f);
    remove(partial);
    return 0;
}

int aglm_calibration_write(const struct aglm_calibration *c, const char *path, struct aglm_err *err)
{
    char partial[4096];
    cJSON *root = to_json(c);
    char *text = root ? cJSON_Print(root) : NULL;
    FILE *f = NULL;
    int rc = 0;
    if (!text) {
        rc = aglm_err_set(err, -ENOMEM, "%s: out of memory", path);
        goto out;
    }
    rc = open_partial(&f, partial, sizeof(partial), path, err);
    if (rc)
        goto out;
    bool failed = fprintf(f, "%s\n", text) < 0;
    failed = fclose(f) != 0 || failed;
    if (failed || rename(partial, path)) {
        rc = aglm_err_set(err, -(errno ? errno : EIO), "%s: cannot be written: %s", path,
                          strerror(errno));
        remove(partial);
    }
out:
    cJSON_free(text);
    cJSON_Delete(root);
    return rc;
}

static const char *string_of(const cJSON *root, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(root, key);
    return cJSON_IsString(item) ? item->valuestring : "";
}

static double number_of(const cJSON *root, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(root, key);
    return cJSON_IsNumber(item) ? item->valuedouble : NAN;
}

static int from_json(struct aglm_calibration *c, const cJSON *root, const char *path,
                     struct aglm_err *err)
{
    const cJSON *scales = cJSON_GetObjectItemCaseSensitive(root, "scales"), *item;
    double tokens = number_of(root, "tokens");
    if (strcmp(string_of(root, "format"), FORMAT) != 0)
        return aglm_err_set(err, -EINVAL,
                            "%s: this is no calibration; aglm-bench calibrate --save writes one",
                            path);
    if (number_of(root, "version") != VERSION)
        return aglm_err_set(err, -EINVAL, "%s: version %g, but only %d is known; calibrate again",
                            path, number_of(root, "version"), VERSION);
    if (!cJSON_IsArray(scales) || !(tokens >= 0 && tokens < 1e15))
        return aglm_err_set(err, -EINVAL, "%s: it has no scales or no count of tokens", path);
    int n = cJSON_GetArraySize(scales);
    if (n < 1 || n > MAX_SITES)
        return aglm_err_set(err, -EINVAL, "%s: %d scales: must be 1 to %d", path, n, MAX_SITES);
    c->scales = malloc((size_t)n * sizeof(*c->scales));
    if (!c->scales)
        return aglm_err_set(err, -ENOMEM, "%s: out of memory", path);
    cJSON_ArrayForEach(item, scales)
    {
        float v = cJSON_IsNumber(item) ? (float)item->valuedouble : NAN;
        if (!(v > 0 && v < 1e30f))
            return aglm_err_set(err, -EINVAL, "%s: scale %zu is no positive number", path,
                                c->n_sites);
        c->scales[c->n_sites++] = v;
    }
    c->n_tokens = (size_t)tokens;
    snprintf(c->model_digest, sizeof(c->model_digest), "%s", string_of(root, "model"));
    snprintf(c->method, sizeof(c->method), "%s", string_of(root, "method"));
    return 0;
}

int aglm_calibration_read(struct aglm_calibration *out, const char *path, struct aglm_err *err)
{
    struct aglm_calibration c = {0};
    char *text = NULL;
    size_t size;
    int rc = aglm_textfile_read(path, MAX_BYTES, &text, &size, err);
    if (rc)
        return rc;
    cJSON *root = cJSON_Parse(text);
    if (!root)
        rc = aglm_err_set(err, -EINVAL,
                          "%s: this is no JSON; aglm-bench calibrate --save writes calibrations",
                          path);
    else
        rc = from_json(&c, root, path, err);
    cJSON_Delete(root);
    free(text);
    if (rc)
        aglm_calibration_finish(&c);
    else
        *out = c;
    return rc;
}

void aglm_calibration_finish(struct aglm_calibration *c)
{
    free(c->scales);
    *c = (struct aglm_calibration){0};
}
