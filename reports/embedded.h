/* Text files built into the program by embed.py: the store's migrations and the pieces of the page.
 */
#ifndef AGLM_REPORTS_EMBEDDED_H
#define AGLM_REPORTS_EMBEDDED_H

/* SQL of the step from version i to i + 1; each sets its own user_version. */
extern const char *const aglm_schema[];
extern const int aglm_schema_version; /* the newest, and the count of steps */

extern const char aglm_page_css[], aglm_page_devices_css[];
extern const char aglm_page_meaning[]; /* HTML: what each number means */

#endif
