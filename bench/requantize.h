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

/* load: "pack" or "mmap". -EINVAL where what is re-quantized (NULL, "none": nothing) shall be used
 * as it lies in the file. */
int aglm_requantize_check_load(const char *load, const char *value, struct aglm_err *err);

/* Opens a model with its weights as value says (NULL: as in the file); options->quantize and int8
 * are taken from it. Errors as aglm_model_open, and: FILE cannot be read or is no calibration; its
 * scales are another model's. */
int aglm_requantize_open(struct aglm_model **out, const struct aglm_model_options *options,
                         const char *value, struct aglm_err *err);

/* What records and tables call it: the value, or "int8 calibrated" for int8:FILE. */
void aglm_requantize_label(char label[16], const char *value);

#endif
