/* JSON strings: see json_string.h. The grammar is RFC 8259's. */
#include "bench/json_string.h"

#include "engine/text/unicode.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static const char ENDS[] = "the string has no end";
static const char ESCAPE[] = "\\ must be followed by one of \" \\ / b f n r t or u and four digits";

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Four hexadecimal digits, or -1. */
static int32_t hex4(const char *p, size_t n)
{
    int32_t value = 0;
    if (n < 4)
        return -1;
    for (size_t i = 0; i < 4; i++) {
        char c = p[i], low = (char)(c | 0x20);
        int digit = c >= '0' && c <= '9' ? c - '0' : low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* A \u escape whose digits are at p: the code point, and how many bytes it took; -1: none. */
static int32_t unicode_escape(const char *p, size_t n, size_t *taken)
{
    int32_t high = hex4(p, n), low = -1;
    *taken = 4;
    if (high < 0xd800 || high > 0xdfff)
        return high;
    if (high < 0xdc00 && n >= 10 && p[4] == '\\' && p[5] == 'u')
        low = hex4(p + 6, n - 6);
    if (low < 0xdc00 || low > 0xdfff)
        return (int32_t)AGLM_REPLACEMENT;
    *taken = 10;
    return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

/* The escape whose letter is at p[0]. Returns the bytes read, 0: no escape. */
static size_t read_escape(const char *p, size_t n, char *out, size_t *at)
{
    static const char LETTERS[] = "\"\\/bfnrt", VALUES[] = "\"\\/\b\f\n\r\t";
    const char *letter = n && p[0] ? strchr(LETTERS, p[0]) : NULL;
    if (letter) {
        out[(*at)++] = VALUES[letter - LETTERS];
        return 1;
    }
    size_t taken = 0;
    int32_t c = n && p[0] == 'u' ? unicode_escape(p + 1, n - 1, &taken) : -1;
    if (c < 0)
        return 0;
    *at += aglm_utf8_encode((uint32_t)c, (uint8_t *)out + *at);
    return 1 + taken;
}

const char *aglm_json_string_read(const char *text, size_t size, char *out, size_t *out_size)
{
    size_t at = 0, n = 0;
    while (at < size && is_space(text[at]))
        at++;
    if (at == size || text[at] != '"')
        return "is not a JSON string: it must begin with \"";
    for (at++; at < size && text[at] != '"';) {
        if ((unsigned char)text[at] < 0x20)
            return "a control character in the string must be escaped";
        if (text[at] != '\\') {
            out[n++] = text[at++];
            continue;
        }
        if (at + 1 == size)
            return ENDS;
        size_t taken = read_escape(text + at + 1, size - at - 1, out, &n);
        if (!taken)
            return ESCAPE;
        at += 1 + taken;
    }
    if (at == size)
        return ENDS;
    for (at++; at < size; at++)
        if (!is_space(text[at]))
            return "something follows the string";
    *out_size = n;
    return NULL;
}

/* Whether the step bytes at p, read as c, are UTF-8 of a character. */
static bool is_clean(const uint8_t *p, size_t step, uint32_t c)
{
    return aglm_utf8_clean_prefix(p, step) == step && (c < 0xd800 || c > 0xdfff);
}

void aglm_json_string_write(FILE *out, const char *text, size_t size)
{
    static const char LETTERS[] = "\b\f\n\r\t\"\\", NAMES[] = "bfnrt\"\\";
    fputc('"', out);
    for (size_t at = 0; at < size;) {
        const uint8_t *p = (const uint8_t *)text + at;
        const char *letter = *p ? strchr(LETTERS, *p) : NULL;
        uint32_t c;
        size_t step = aglm_utf8_decode(p, size - at, &c);
        if (letter)
            fprintf(out, "\\%c", NAMES[letter - LETTERS]);
        else if (!is_clean(p, step, c))
            for (size_t i = 0; i < step; i++)
                fputs("\xef\xbf\xbd", out);
        else if (c < 0x20 || c == 0x7f)
            fprintf(out, "\\u%04x", (unsigned)c);
        else
            fwrite(p, 1, step, out);
        at += step;
    }
    fputc('"', out);
}
