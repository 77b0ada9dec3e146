/* Text made safe for each output format. Bytes that are not UTF-8 become U+FFFD where a format
 * needs UTF-8.
 */
#ifndef AGLM_BENCH_ESCAPE_H
#define AGLM_BENCH_ESCAPE_H

#include <stddef.h>
#include <stdio.h>

/* Length of the valid UTF-8 sequence at text (1 to 4), or 0 when the bytes there are none. text is
 * NUL-terminated and not at its end. */
size_t aglm_utf8_length(const char *text);
/* Columns that text takes on a terminal, one for each character. */
size_t aglm_utf8_columns(const char *text);
/* A copy with every byte that is not UTF-8 replaced; the caller frees it. NULL for lack of memory.
 */
char *aglm_utf8_clean(const char *text);

void aglm_escape_csv(FILE *out, const char *text);  /* with the quotes around it */
void aglm_escape_json(FILE *out, const char *text); /* with the quotes around it */
void aglm_escape_sql(FILE *out, const char *text);  /* with the quotes around it */
/* A cell of a Markdown table: no line breaks, no bare '|'. Into buf, cut to fit. */
void aglm_escape_md(char *buf, size_t size, const char *text);

#endif
