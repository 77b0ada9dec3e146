/* Runs gnuplot as a separate program: no shell, no terminal, no startup files, a time limit. */
#ifndef AGLM_REPORTS_GNUPLOT_H
#define AGLM_REPORTS_GNUPLOT_H

#include "probes/err.h"
#include "reports/text.h"

#define AGLM_GNUPLOT_SECONDS 20
#define AGLM_GNUPLOT_OUTPUT_MAX (8L << 20)

/* Feeds script to `command -d` (NULL: "gnuplot", looked up in PATH) and appends what it prints to
 * out. -ENOENT: no such program. -ETIMEDOUT after AGLM_GNUPLOT_SECONDS. -EPROTO: it failed; the
 * message has the first line that it wrote to stderr. -EFBIG: it printed more than
 * AGLM_GNUPLOT_OUTPUT_MAX. */
int aglm_gnuplot_run(const char *command, const struct aglm_text *script, struct aglm_text *out,
                     struct aglm_err *err);

#endif
