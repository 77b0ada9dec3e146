/* The value of -q: what a model's weights become on load.
 *
 *   none           as in the file
 *   q4_k_m, q8_0   a type or a mixture, as `model quantize` makes it
 *   int8           INT8 with dynamic activation scales
 *   int8:FILE      INT8 with the scales that `calibrate --save` wrote
 */
#ifndef AGLM_BENCH_REQUANTIZE_H
#define AGLM_BENCH_REQUANTIZE_H

#include "bench/calibration.h"
#include "engine/session.h"

/* 0, or -EINVAL with what may be given; option: "-q". FILE is not opened. */
int aglm_requantize_check(const char *option, const char *value, struct aglm_err *err);

struct aglm_requantize {
    const char *quantize; /* for aglm_model_options: NULL, "int8" or the type */
    const struct aglm_int8_options *int8;
    struct aglm_int8_options how;
    struct aglm_calibration calibration;
    char label[16]; /* for records: "none", "q4_k_m", "int8", "int8 kl" */
};

/* Reads FILE if there is one. value must outlive *out, which must stay where it is until the model
 * is open; then _finish. */
int aglm_requantize_open(struct aglm_requantize *out, const char *value, struct aglm_err *err);
/* -EINVAL: the scales are another model's. */
int aglm_requantize_verify(const struct aglm_requantize *r, const struct aglm_model_info *info,
                           const char *path, struct aglm_err *err);
void aglm_requantize_finish(struct aglm_requantize *r);

#endif
