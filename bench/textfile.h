/* A whole file, or standard input, in memory. */
#ifndef AGLM_BENCH_TEXTFILE_H
#define AGLM_BENCH_TEXTFILE_H

#include "probes/err.h"

#include <stddef.h>

/* name "-": standard input. *out: allocated, NUL-terminated (which *size does not count). Errors
 * name the file: cannot be read, more than max bytes (-EFBIG), empty (-EINVAL). */
int aglm_textfile_read(const char *name, size_t max, char **out, size_t *size,
                       struct aglm_err *err);

#endif
