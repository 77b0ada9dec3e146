/* One JSON string, read strictly and written. Unlike cJSON's, it may hold NUL.
 */
#ifndef AGLM_BENCH_JSON_STRING_H
#define AGLM_BENCH_JSON_STRING_H

#include <stddef.h>
#include <stdio.h>

/* Reads the one string that text: [size] is, white space around it allowed. out: room for size
 * bytes; *out_size of them are written, no NUL is added. Bytes inside that are no UTF-8 are copied
 * as they are; half a surrogate pair in \u escapes becomes U+FFFD. NULL, or what is wrong with it
 * (a static text). */
const char *aglm_json_string_read(const char *text, size_t size, char *out, size_t *out_size);

/* Writes text: [size] with the quotes around it; bytes that are no UTF-8 become U+FFFD. */
void aglm_json_string_write(FILE *out, const char *text, size_t size);

#endif
