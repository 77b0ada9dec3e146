/* Understands the value of -q; see requantize.h. */
#include "bench/requantize.h"

#include "engine/quant/mix.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define FILE_PREFIX "int8:"

enum { PREFIX_LENGTH = sizeof(FILE_PREFIX) - 1 };

int aglm_requantize_check(const char *option, const char *value, struct aglm_err *err)
{
    if (strcmp(value, "none") == 0 || strcmp(value, "int8") == 0 ||
        aglm_quantize_mode_find(value) || aglm_dtype_by_name(value))
        return 0;
    if (strncmp(value, FILE_PREFIX, PREFIX_LENGTH) == 0 && value[PREFIX_LENGTH])
        return 0;
    return aglm_err_set(err, -EINVAL,
                        "%s: '%.40s' is no type of weights: give none, int8, int8:FILE of "
                        "aglm-bench calibrate, or one of %s",
                        option, value, aglm_quantize_mode_names());
}

int aglm_requantize_check_load(const char *load, const char *value, struct aglm_err *err)
{
    if (!value || strcmp(value, "none") == 0 || strcmp(load, "mmap") != 0)
        return 0;
    return aglm_err_set(err, -EINVAL,
                        "--load mmap with -q %.40s: mmap leaves the weights as they are in the "
                        "file, and -q makes others of them: give one of the two",
                        value);
}

static bool is_file(const char *value)
{
    return strncmp(value, FILE_PREFIX, PREFIX_LENGTH) == 0;
}

int aglm_requantize_open(struct aglm_model **out, const struct aglm_model_options *options,
                         const char *value, struct aglm_err *err)
{
    struct aglm_model_options o = *options;
    struct aglm_calibration scales = {0};
    struct aglm_model *model = NULL;
    o.quantize = value && strcmp(value, "none") != 0 ? value : NULL;
    if (!value || !is_file(value))
        return aglm_model_open(out, &o, err);
    int rc = aglm_calibration_read(&scales, value + PREFIX_LENGTH, err);
    if (rc)
        return rc;
    const struct aglm_int8_options how = {.scales = scales.scales, .n_sites = scales.n_sites};
    o.quantize = "int8";
    o.int8 = &how;
    rc = aglm_model_open(&model, &o, err);
    if (!rc && strcmp(scales.model_digest, aglm_model_info(model)->digest) != 0)
        rc = aglm_err_set(err, -EINVAL,
                          "%s: %s was calibrated for another model; run aglm-bench calibrate with "
                          "this one",
                          o.path, value + PREFIX_LENGTH);
    if (rc)
        aglm_model_close(&model);
    else
        *out = model;
    aglm_calibration_finish(&scales);
    return rc;
}

void aglm_requantize_label(char label[16], const char *value)
{
    snprintf(label, 16, "%.15s", is_file(value) ? "int8 calibrated" : value);
}
