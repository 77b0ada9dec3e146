/* A growing text with HTML escaping as the default: what the page is written into.
 *
 * aglm_text_fmt() escapes every %s, so that names and paths from a store cannot become markup; only
 * aglm_text_raw() adds text as it is. A failure (memory, over AGLM_TEXT_MAX) is kept and the rest
 * is dropped; check `failed` once at the end.
 */
#ifndef AGLM_REPORTS_TEXT_H
#define AGLM_REPORTS_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#define AGLM_TEXT_MAX ((size_t)64 << 20)

struct aglm_text {
    char *data; /* NUL-terminated once anything was added */
    size_t len, cap;
    bool failed;
};

void aglm_text_finish(struct aglm_text *t); /* frees; NULL-safe */
void aglm_text_raw(struct aglm_text *t, const char *s);
void aglm_text_rawn(struct aglm_text *t, const char *s, size_t n);
/* Escapes & < > " ' for text and attributes alike; control characters and broken UTF-8 become
 * U+FFFD. */
void aglm_text_escape(struct aglm_text *t, const char *s);
/* printf-like: the literal part is added as it is, %s (NULL is "") escaped; also %d %u %zu %lld
 * %llu %c %% and %f %g with their precision. */
void aglm_text_fmt(struct aglm_text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A number for people: three significant digits, thousands grouped by a thin space; NaN is an
 * en dash with the word "unknown" for those who cannot see it. */
void aglm_text_number(struct aglm_text *t, double value);
/* That number alone in a table's cell. */
void aglm_text_number_cell(struct aglm_text *t, double value);
/* "97.5%", for shares whose tenths matter; NaN as in aglm_text_number(). */
void aglm_text_percent(struct aglm_text *t, double percent);
/* "1.5 GB" (decimal) of bytes; 0 and NaN are unknown. */
void aglm_text_bytes(struct aglm_text *t, double bytes);
/* A value in its fact's unit (probes/profile.h), in sizes for people: "2.60 GHz", "13.9 GB/s";
 * NaN as in aglm_text_number(). */
void aglm_text_quantity(struct aglm_text *t, double value, const char *unit);
/* A <time> element that reads "2026-11-22 17:09", UTC. */
void aglm_text_time(struct aglm_text *t, long long ms_since_1970);

#endif
