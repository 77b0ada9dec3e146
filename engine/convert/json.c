/* JSON with limits, and typed access; see json.h. */
#include "engine/convert/json.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The line that a byte is on, from 1. */
static size_t line_of(const char *text, size_t at)
{
    size_t line = 1;
    for (size_t i = 0; i < at; i++)
        line += text[i] == '\n';
    return line;
}

/* Nesting and NULs, before the parser (which recurses) sees the text. */
static int check_text(const char *text, size_t size, const char *name, struct aglm_err *err)
{
    unsigned depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        if (c == '\0' ||
            (in_string && c == '\\' && size - i >= 6 && memcmp(text + i, "\\u0000", 6) == 0))
            return aglm_err_set(err, -EINVAL, "%s: line %zu holds a NUL character", name,
                                line_of(text, i));
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if ((c == '{' || c == '[') && ++depth > AGLM_JSON_MAX_DEPTH) {
            return aglm_err_set(err, -EINVAL, "%s: line %zu: nested deeper than %d levels", name,
                                line_of(text, i), AGLM_JSON_MAX_DEPTH);
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return 0;
}

int aglm_json_parse(cJSON **out, const char *text, size_t size, const char *name,
                    struct aglm_err *err)
{
    const char *end = NULL;
    int rc = check_text(text, size, name, err);
    if (rc)
        return rc;
    if (size == 0)
        return aglm_err_set(err, -EINVAL, "%s: is empty, JSON was expected", name);
    cJSON *root = cJSON_ParseWithLengthOpts(text, size, &end, false);
    size_t at = end && end >= text && end <= text + size ? (size_t)(end - text) : 0;
    while (root && at < size && strchr(" \t\r\n", text[at]))
        at++;
    if (!root || at < size) {
        cJSON_Delete(root);
        return aglm_err_set(err, -EINVAL, "%s: line %zu: not JSON; the file is damaged", name,
                            line_of(text, at));
    }
    *out = root;
    return 0;
}

static int read_all(int fd, char *text, size_t size, const char *path, struct aglm_err *err)
{
    size_t done = 0;
    while (done < size) {
        ssize_t n = read(fd, text + done, size - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return aglm_err_set(err, -EIO, "%s: cannot read: %s", path,
                                n < 0 ? strerror(errno) : "it became shorter");
        done += (size_t)n;
    }
    return 0;
}

int aglm_json_slurp(char **text, size_t *size, const char *path, size_t max, struct aglm_err *err)
{
    struct stat st;
    char *bytes = NULL;
    int rc, fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        rc = errno ? -errno : -EIO;
        return aglm_err_set(err, rc, "%s: cannot open: %s", path, strerror(-rc));
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        rc = aglm_err_set(err, -EINVAL, "%s: is not a regular file", path);
    else if ((uint64_t)st.st_size > max)
        rc = aglm_err_set(err, -EFBIG, "%s: has %lld bytes, more than the %zu that can be read",
                          path, (long long)st.st_size, max);
    else if (!(bytes = malloc((size_t)st.st_size + 1)))
        rc = aglm_err_set(err, -ENOMEM, "%s: out of memory", path);
    else
        rc = read_all(fd, bytes, (size_t)st.st_size, path, err);
    close(fd);
    if (rc) {
        free(bytes);
        return rc;
    }
    bytes[st.st_size] = '\0';
    *text = bytes;
    *size = (size_t)st.st_size;
    return 0;
}

int aglm_json_open(cJSON **out, const char *path, size_t max, struct aglm_err *err)
{
    char *text = NULL;
    size_t size = 0;
    int rc = aglm_json_slurp(&text, &size, path, max, err);
    if (!rc)
        rc = aglm_json_parse(out, text, size, path, err);
    free(text);
    return rc;
}

const cJSON *aglm_json_get(const cJSON *object, const char *key)
{
    const cJSON *item =
        cJSON_IsObject(object) ? cJSON_GetObjectItemCaseSensitive(object, key) : NULL;
    return cJSON_IsNull(item) ? NULL : item;
}

int aglm_json_whole(const cJSON *item, uint64_t *out)
{
    double v = cJSON_IsNumber(item) ? item->valuedouble : -1.0;
    if (!(v >= 0.0 && v <= 9007199254740992.0) || v != floor(v))
        return -EINVAL;
    *out = (uint64_t)v;
    return 0;
}

/* The member to read; NULL: there is none, or an error is set. */
static const cJSON *member(struct aglm_json_reader *r, const char *key, bool required)
{
    if (r->rc)
        return NULL;
    const cJSON *item = aglm_json_get(r->object, key);
    if (!item && required)
        r->rc = aglm_err_set(r->err, -EINVAL, "%s: key \"%s\" is missing", r->file, key);
    return item;
}

void aglm_json_u32(struct aglm_json_reader *r, const char *key, uint32_t lo, uint32_t hi,
                   const uint32_t *fallback, uint32_t *out)
{
    uint64_t v;
    const cJSON *item = member(r, key, !fallback);
    if (!item) {
        if (!r->rc)
            *out = *fallback;
    } else if (aglm_json_whole(item, &v) != 0 || v < lo || v > hi) {
        r->rc = aglm_err_set(r->err, -EINVAL, "%s: key \"%s\" must be a whole number from %u to %u",
                             r->file, key, lo, hi);
    } else {
        *out = (uint32_t)v;
    }
}

void aglm_json_real(struct aglm_json_reader *r, const char *key, double lo, double hi,
                    const double *fallback, double *out)
{
    const cJSON *item = member(r, key, !fallback);
    if (!item) {
        if (!r->rc)
            *out = *fallback;
    } else if (!cJSON_IsNumber(item) || !(item->valuedouble >= lo && item->valuedouble <= hi)) {
        r->rc = aglm_err_set(r->err, -EINVAL, "%s: key \"%s\" must be a number from %g to %g",
                             r->file, key, lo, hi);
    } else {
        *out = item->valuedouble;
    }
}

void aglm_json_bool(struct aglm_json_reader *r, const char *key, bool fallback, bool *out)
{
    const cJSON *item = member(r, key, false);
    if (item && !cJSON_IsBool(item))
        r->rc = aglm_err_set(r->err, -EINVAL, "%s: key \"%s\" must be true or false", r->file, key);
    else if (!r->rc)
        *out = item ? cJSON_IsTrue(item) : fallback;
}

void aglm_json_string(struct aglm_json_reader *r, const char *key, const char *fallback,
                      const char **out)
{
    const cJSON *item = member(r, key, false);
    if (item && !cJSON_IsString(item))
        r->rc = aglm_err_set(r->err, -EINVAL, "%s: key \"%s\" must be a text", r->file, key);
    else if (!r->rc)
        *out = item ? item->valuestring : fallback;
}
