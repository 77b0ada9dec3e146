/* Reports: self-contained HTML from the store. One file holds a page for each device, with a list
 * of them in front where there are several; or a folder holds a file for each.
 */
#ifndef AGLM_REPORTS_HTML_H
#define AGLM_REPORTS_HTML_H

#include "probes/err.h"
#include "reports/store.h"

#include <stdint.h>

struct aglm_report_options {
    const char *gnuplot; /* command; NULL = "gnuplot"; a missing one gives tables and a note instead
                            of plots */
    const char *title;   /* NULL: made from the device */
    const char *thresholds; /* an INI file over the built-in thresholds, or NULL */
    const char *device;     /* only this one, see aglm_devices_find(); NULL: all */
};

/* Writes the report to path (temporary name, then rename). -ENODATA: the store holds neither tests
 * nor profiles; -ENOENT, -EEXIST: no such device, or several. */
int aglm_report_write(struct aglm_store *store, const char *path,
                      const struct aglm_report_options *options, struct aglm_err *err);
/* The same as files of a folder, made if it is not there: index.html with the list, and a file for
 * each device named by its fingerprint. */
int aglm_report_split(struct aglm_store *store, const char *folder,
                      const struct aglm_report_options *options, struct aglm_err *err);

/* The page of one device from its profile's JSON form alone; the caller frees *html. */
int aglm_report_profile(char **html, const char *profile_json, int64_t taken_ms,
                        const struct aglm_report_options *options, struct aglm_err *err);

#endif
