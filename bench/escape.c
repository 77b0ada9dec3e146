/* Escaping for CSV (RFC 4180), JSON (RFC 8259), SQL string literals and Markdown table cells.
 * Inputs: any NUL-terminated bytes. Outputs: text that a reader of that format takes back
 * unchanged, but for bytes that no JSON or SQL text may hold.
 */
#include "bench/escape.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */

size_t aglm_utf8_length(const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t n = s[0] < 0x80   ? 1
               : s[0] < 0xc2 ? 0
               : s[0] < 0xe0 ? 2
               : s[0] < 0xf0 ? 3
               : s[0] < 0xf5 ? 4
                             : 0;
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80) { /* the final NUL ends here too */
            return 0;
        }
    }
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || /* overlong, surrogate */
        (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f)) { /* overlong, too large */
        return 0;
    }
    return n;
}

size_t aglm_utf8_columns(const char *text)
{
    size_t columns = 0;
    while (*text != '\0') {
        size_t n = aglm_utf8_length(text);
        text += n > 0 ? n : 1;
        columns++;
    }
    return columns;
}

char *aglm_utf8_clean(const char *text)
{
    char *out = malloc(3 * strlen(text) + 1);
    char *p = out;
    while (out != NULL && *text != '\0') {
        size_t n = aglm_utf8_length(text);
        memcpy(p, n > 0 ? text : replacement, n > 0 ? n : 3);
        p += n > 0 ? n : 3;
        text += n > 0 ? n : 1;
    }
    if (out != NULL) {
        *p = '\0';
    }
    return out;
}

void aglm_escape_csv(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"') {
            fputc('"', out);
        }
        fputc(*text, out);
    }
    fputc('"', out);
}

void aglm_escape_json(FILE *out, const char *text)
{
    fputc('"', out);
    while (*text != '\0') {
        size_t n = aglm_utf8_length(text);
        unsigned char c = (unsigned char)*text;
        if (n == 0) {
            fputs(replacement, out);
        } else if (c == '"' || c == '\\') {
            fprintf(out, "\\%c", c);
        } else if (c < 0x20 || c == 0x7f) {
            fprintf(out, "\\u%04x", c);
        } else {
            fwrite(text, 1, n, out);
        }
        text += n > 0 ? n : 1;
    }
    fputc('"', out);
}

void aglm_escape_sql(FILE *out, const char *text)
{
    fputc('\'', out);
    while (*text != '\0') {
        size_t n = aglm_utf8_length(text);
        if (n == 0) {
            fputs(replacement, out);
        } else if (*text == '\'') {
            fputs("''", out);
        } else {
            fwrite(text, 1, n, out);
        }
        text += n > 0 ? n : 1;
    }
    fputc('\'', out);
}

void aglm_escape_md(char *buf, size_t size, const char *text)
{
    size_t at = 0;
    while (*text != '\0') {
        size_t n = aglm_utf8_length(text);
        bool bar = *text == '|';
        bool control = (unsigned char)*text < 0x20 || *text == 0x7f;
        size_t need = n == 0 ? 3 : bar ? 2 : n;
        if (at + need + 1 > size) {
            break;
        }
        memcpy(buf + at, n == 0 ? replacement : bar ? "\\|" : control ? " " : text, need);
        at += need;
        text += n > 0 ? n : 1;
    }
    buf[at] = '\0';
}
