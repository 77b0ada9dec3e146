/* INT8 activation scales as a file: JSON that `calibrate --save` writes and `-q int8 --calibration`
 * reads.
 *
 * It names the model it was made for by digest, so that scales cannot be used with another one.
 */
#ifndef AGLM_BENCH_CALIBRATION_H
#define AGLM_BENCH_CALIBRATION_H

#include "engine/int8.h"
#include "probes/err.h"

#include <stddef.h>

struct aglm_calibration {
    char model_digest[33];
    char method[48]; /* "minmax", "percentile 99.9", "kl" */
    size_t n_tokens; /* of sample text */
    size_t n_sites;
    float *scales; /* [n_sites], each finite and > 0 */
};

/* Whether PATH could be written, before the work begins. */
int aglm_calibration_try(const char *path, struct aglm_err *err);
/* Writes PATH anew (by way of PATH.partial). Errors name the file. */
int aglm_calibration_write(const struct aglm_calibration *c, const char *path,
                           struct aglm_err *err);
/* *out is freed with aglm_calibration_finish. -EINVAL: no such file of ours, a scale that is none.
 */
int aglm_calibration_read(struct aglm_calibration *out, const char *path, struct aglm_err *err);
void aglm_calibration_finish(struct aglm_calibration *c);

#endif
