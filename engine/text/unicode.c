/* Code points: see unicode.h. */
#include "engine/text/unicode.h"

#include <string.h>

static unsigned ascii_class(uint32_t c)
{
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')
        return AGLM_UC_LETTER;
    if (c >= '0' && c <= '9')
        return AGLM_UC_NUMBER;
    if (c == ' ' || (c >= '\t' && c <= '\r'))
        return AGLM_UC_SPACE;
    /* What is left between space and delete is punctuation or, these nine, symbols. */
    return c > ' ' && c < 0x7f && !strchr("$+<=>^`|~", (int)c) ? AGLM_UC_PUNCTUATION : 0;
}

unsigned aglm_unicode_class(uint32_t code_point)
{
    if (code_point < 0x80)
        return ascii_class(code_point);
    if (code_point > 0x10ffff)
        return 0;
    size_t low = 0, high = aglm_unicode_n_ranges;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (aglm_unicode_ranges[middle] >> 8 <= code_point)
            low = middle;
        else
            high = middle;
    }
    return aglm_unicode_ranges[low] & 0xff;
}

size_t aglm_utf8_decode(const uint8_t *p, size_t n, uint32_t *code_point)
{
    static const uint8_t LENGTHS[16] = {1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 2, 2, 3, 4};
    size_t length = LENGTHS[p[0] >> 4];
    if (length == 1) {
        *code_point = p[0];
        return 1;
    }
    uint32_t c = length == 0 || p[0] >= 0xf8 ? UINT32_MAX : p[0] & (0x7fu >> length);
    if (length > n)
        c = UINT32_MAX;
    for (size_t i = 1; i < length && c != UINT32_MAX; i++)
        c = (p[i] & 0xc0) == 0x80 ? c << 6 | (p[i] & 0x3fu) : UINT32_MAX;
    if (c > 0x10ffff) {
        *code_point = AGLM_REPLACEMENT;
        return 1;
    }
    *code_point = c;
    return length;
}

size_t aglm_utf8_encode(uint32_t c, uint8_t out[4])
{
    if (c < 0x80) {
        out[0] = (uint8_t)c;
        return 1;
    }
    size_t length = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--, c >>= 6)
        out[i] = (uint8_t)(0x80 | (c & 0x3f));
    out[0] = (uint8_t)((0xf00u >> length) | c);
    return length;
}

size_t aglm_utf8_clean_prefix(const uint8_t *p, size_t n)
{
    size_t at = 0;
    while (at < n) {
        uint32_t c;
        uint8_t again[4];
        if (p[at] < 0x80) {
            at++;
            continue;
        }
        size_t length = aglm_utf8_decode(p + at, n - at, &c);
        if (aglm_utf8_encode(c, again) != length || memcmp(p + at, again, length) != 0)
            break;
        at += length;
    }
    return at;
}
