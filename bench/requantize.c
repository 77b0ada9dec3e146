/* Understands the value of -q; see requantize.h. */
#include "bench/requantize.h"

#include "engine/quant/mix.h"

#include <errno.h>
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

int aglm_requantize_open(struct aglm_requantize *out, const char *value, struct aglm_err *err)
{
    *out = (struct aglm_requantize){.quantize = value};
    snprintf(out->label, sizeof(out->label), "%s", value);
    if (strcmp(value, "none") == 0)
        out->quantize = NULL;
    if (strncmp(value, FILE_PREFIX, PREFIX_LENGTH) != 0)
        return 0;
    int rc = aglm_calibration_read(&out->calibration, value + PREFIX_LENGTH, err);
    if (rc)
        return rc;
    out->quantize = "int8";
    out->how = (struct aglm_int8_options){.scales = out->calibration.scales,
                                          .n_sites = out->calibration.n_sites};
    out->int8 = &out->how;
    /* "percentile 99.99" is cut to what a record holds. */
    snprintf(out->label, sizeof(out->label), "int8 %.10s", out->calibration.method);
    return 0;
}

int aglm_requantize_verify(const struct aglm_requantize *r, const struct aglm_model_info *info,
                           const char *path, struct aglm_err *err)
{
    if (!r->int8 || strcmp(r->calibration.model_digest, info->digest) == 0)
        return 0;
    return aglm_err_set(err, -EINVAL,
                        "%s: the calibration was made for another model; run aglm-bench calibrate "
                        "with this one",
                        path);
}

void aglm_requantize_finish(struct aglm_requantize *r)
{
    aglm_calibration_finish(&r->calibration);
    *r = (struct aglm_requantize){0};
}
