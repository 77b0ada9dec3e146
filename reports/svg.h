/* Turns gnuplot's SVG into one that can live inside a page.
 *
 * Works by allowance, not by search and replace: only drawing elements and attributes with harmless
 * values pass. Marker colours become CSS variables (light and dark), ids get a prefix, references
 * may only point inside, fixed sizes go, and "@0@" in texts becomes the escaped label 0. Anything
 * else is left out.
 */
#ifndef AGLM_REPORTS_SVG_H
#define AGLM_REPORTS_SVG_H

#include "probes/err.h"
#include "reports/text.h"

#include <stddef.h>

struct aglm_svg_options {
    const char *prefix;        /* for ids: letters, digits and '-' */
    const char *description;   /* what the picture shows, for those who cannot see it */
    const char *const *labels; /* [n_labels] texts for "@0@", "@1@", … */
    size_t n_labels;
};

/* The marker colours that a script for gnuplot uses and the CSS variables that they become. */
#define AGLM_SVG_AXIS "#010001"
#define AGLM_SVG_GRID "#010002"
#define AGLM_SVG_TEXT "#010003"
#define AGLM_SVG_REFERENCE "#010004"
#define AGLM_SVG_GOOD "#010005"
#define AGLM_SVG_ALERT "#010006"
#define AGLM_SVG_SERIES_MAX 6 /* "#020001" … "#020006" become --s1 … --s6 */

/* Appends the picture. -EPROTO if raw is not a complete SVG; out is then as it was. */
int aglm_svg_inline(struct aglm_text *out, const char *raw, const struct aglm_svg_options *options,
                    struct aglm_err *err);

#endif
