/* Code points: UTF-8 read leniently, as the reference tokenizers do, and the classes that
 * pre-tokenizers ask about.
 */
#ifndef AGLM_ENGINE_TEXT_UNICODE_H
#define AGLM_ENGINE_TEXT_UNICODE_H

#include <stddef.h>
#include <stdint.h>

/* General category L, N, M, P; property White_Space. At most one of the first four. */
enum aglm_unicode_class {
    AGLM_UC_LETTER = 1,
    AGLM_UC_NUMBER = 2,
    AGLM_UC_MARK = 4,
    AGLM_UC_PUNCTUATION = 8,
    AGLM_UC_SPACE = 16,
};

#define AGLM_REPLACEMENT 0xFFFDu

/* Made by scripts/unicode-tables: code point << 8 | class, ascending; each range ends where the
 * next begins. */
extern const uint32_t aglm_unicode_ranges[];
extern const size_t aglm_unicode_n_ranges;

/* Bits of aglm_unicode_class; 0 for everything else, unassigned code points among them. */
unsigned aglm_unicode_class(uint32_t code_point);

/* Reads the code point at p: [n] bytes, n >= 1, and returns its length. A byte that begins no
 * sequence is AGLM_REPLACEMENT of length 1. Overlong forms and surrogates count as the code points
 * they spell. */
size_t aglm_utf8_decode(const uint8_t *p, size_t n, uint32_t *code_point);
/* Length 1 to 4; code points up to 0x10FFFF. */
size_t aglm_utf8_encode(uint32_t code_point, uint8_t out[4]);
/* How many of the n bytes at p, from the first on, read back as the very bytes that
 * aglm_utf8_encode writes. */
size_t aglm_utf8_clean_prefix(const uint8_t *p, size_t n);

#endif
