/* Reads single keys of a model's metadata; see arch_keys.h. */
#include "engine/arch_keys.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* "{arch}.suffix"; both are short literals of this file. */
const char *aglm_keys_name(struct aglm_keys *k, const char *suffix)
{
    snprintf(k->name, sizeof(k->name), "%s.%s", k->arch, suffix);
    return k->name;
}

static int check_range(struct aglm_keys *k, uint64_t value, uint64_t max)
{
    if (value >= 1 && value <= max)
        return 0;
    return aglm_err_set(k->err, -EINVAL, "%s: key %s is %" PRIu64 ", must be 1 to %" PRIu64,
                        aglm_gguf_path(k->file), k->name, value, max);
}

/* A value that some files give per layer: u32 or i32 array, accepted when all are the same. -EINVAL
 * without a message: the key is no array. */
static int read_uniform(struct aglm_keys *k, uint64_t *out)
{
    struct aglm_gguf_array array;
    int rc = aglm_gguf_get_array(k->file, k->name, &array, NULL);
    if (rc)
        return rc;
    uint32_t first = 0;
    bool same = array.n >= 1 && (array.type == AGLM_GGUF_U32 || array.type == AGLM_GGUF_I32);
    for (uint64_t i = 0; same && i < array.n; i++) {
        uint32_t v;
        memcpy(&v, (const uint8_t *)array.data + 4 * i, sizeof(v));
        if (i == 0)
            first = v;
        same = v == first;
    }
    if (!same)
        return aglm_err_set(k->err, -ENOTSUP,
                            "%s: key %s differs from layer to layer; such models cannot be run",
                            aglm_gguf_path(k->file), k->name);
    *out = first;
    return 0;
}

int aglm_keys_count(struct aglm_keys *k, const char *suffix, uint64_t max, uint32_t fallback,
                    uint32_t *out)
{
    uint64_t value = 0;
    const char *key = aglm_keys_name(k, suffix);
    int rc = aglm_gguf_get_u64(k->file, key, &value, NULL);
    if (rc == -EINVAL) {
        rc = read_uniform(k, &value);
        if (rc == -EINVAL)
            rc = aglm_gguf_get_u64(k->file, key, &value, k->err);
    }
    if (rc == -ENOENT && fallback != 0) {
        *out = fallback;
        return 0;
    }
    if (rc == -ENOENT)
        return aglm_err_set(k->err, -EINVAL, "%s: key %s is missing; convert the model again",
                            aglm_gguf_path(k->file), key);
    if (!rc)
        rc = check_range(k, value, max);
    if (!rc)
        *out = (uint32_t)value;
    return rc;
}

int aglm_keys_real(struct aglm_keys *k, const char *suffix, float low, float high, float fallback,
                   float *out)
{
    float value = fallback;
    const char *key = aglm_keys_name(k, suffix);
    int rc = aglm_gguf_get_f32(k->file, key, &value, k->err);
    if (rc == -ENOENT && isnan(fallback))
        return aglm_err_set(k->err, -EINVAL, "%s: key %s is missing; convert the model again",
                            aglm_gguf_path(k->file), key);
    if (rc && rc != -ENOENT)
        return rc;
    if (!(value >= low && value <= high))
        return aglm_err_set(k->err, -EINVAL, "%s: key %s is %g, must be %g to %g",
                            aglm_gguf_path(k->file), key, (double)value, (double)low, (double)high);
    *out = value;
    return 0;
}

int aglm_keys_array(struct aglm_keys *k, const char *suffix, size_t max, uint32_t *out, size_t *n)
{
    struct aglm_gguf_array array;
    int rc = aglm_gguf_get_array(k->file, aglm_keys_name(k, suffix), &array, k->err);
    if (rc)
        return rc;
    const bool numbers = array.type == AGLM_GGUF_U32 || array.type == AGLM_GGUF_I32;
    if (!numbers && array.type != AGLM_GGUF_BOOL)
        return aglm_err_set(k->err, -EINVAL, "%s: key %s is an array of neither u32, i32 nor bool",
                            aglm_gguf_path(k->file), k->name);
    if (array.n > max)
        return aglm_err_set(k->err, -EINVAL,
                            "%s: key %s has %" PRIu64 " values, at most %zu can be",
                            aglm_gguf_path(k->file), k->name, array.n, max);
    for (size_t i = 0; i < array.n; i++)
        if (numbers)
            memcpy(&out[i], (const uint8_t *)array.data + 4 * i, sizeof(*out));
        else
            out[i] = ((const uint8_t *)array.data)[i] != 0;
    *n = (size_t)array.n;
    return 0;
}
