/* Pre-tokenizers: see pretok.h. Every function below consumes at least one code point and looks at
 * each a bounded number of times.
 */
#include "engine/text/pretok.h"

#include "engine/text/unicode.h"

#include <string.h>

enum { END = 32 }; /* class of the place behind the last code point */

struct point {
    uint32_t c;
    unsigned class;
    size_t next;
};

static struct point point_at(const uint8_t *text, size_t at, size_t end)
{
    struct point p = {.c = UINT32_MAX, .class = END, .next = at};
    if (at < end) {
        p.next = at + aglm_utf8_decode(text + at, end - at, &p.c);
        p.class = aglm_unicode_class(p.c);
    }
    return p;
}

/* The end of the run of code points, from at on, whose class has (or, with !has, lacks) any of the
 * bits. The end of the text is in no run. */
static size_t run_end(const uint8_t *text, size_t at, size_t end, unsigned bits, bool has)
{
    for (;;) {
        struct point p = point_at(text, at, end);
        if (p.class == END || ((p.class & bits) != 0) != has)
            return at;
        at = p.next;
    }
}

/* 's 't 'm 'd 're 've 'll at text[at], which is an apostrophe: the end, or 0. Upper case counts
 * with fold. Only ASCII folds: U+017F is no s here, as in the reference. */
static size_t contraction(const uint8_t *text, size_t at, size_t end, bool fold)
{
    char a = 0, b = 0;
    if (end - at >= 2)
        a = (char)(fold ? text[at + 1] | 0x20 : text[at + 1]);
    if (end - at >= 3)
        b = (char)(fold ? text[at + 2] | 0x20 : text[at + 2]);
    if (a == 's' || a == 't' || a == 'm' || a == 'd')
        return at + 2;
    if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l'))
        return at + 3;
    return 0;
}

/* The alternatives for white space at text[at], which is some: \s*[\r\n]+ (with newlines), then
 * \s+(?!\S), then \s+. */
static size_t space_end(const uint8_t *text, size_t at, size_t end, bool newlines)
{
    size_t last = at, stop = at, newline = 0, n = 0;
    for (struct point p = point_at(text, at, end); p.class & AGLM_UC_SPACE;
         p = point_at(text, stop, end)) {
        last = stop;
        stop = p.next;
        n++;
        if (p.c == '\r' || p.c == '\n')
            newline = stop;
    }
    if (newlines && newline)
        return newline;
    return n > 1 && stop < end ? last : stop;
}

/* 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ */
static size_t split_gpt2(const uint8_t *text, size_t at, size_t end)
{
    const unsigned word = AGLM_UC_LETTER | AGLM_UC_NUMBER | AGLM_UC_SPACE;
    struct point first = point_at(text, at, end), p = first;
    if (first.c == '\'') {
        size_t stop = contraction(text, at, end, false);
        if (stop)
            return stop;
    }
    if (first.c == ' ')
        p = point_at(text, first.next, end);
    if (p.class & AGLM_UC_LETTER)
        return run_end(text, p.next, end, AGLM_UC_LETTER, true);
    if (p.class & AGLM_UC_NUMBER)
        return run_end(text, p.next, end, AGLM_UC_NUMBER, true);
    if (!(p.class & (word | END)))
        return run_end(text, p.next, end, word, false);
    return space_end(text, at, end, false);
}

/* (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?LETTERS+|\p{N}{1,DIGITS}|
 *  ?[^\s LETTERS \p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+ */
static size_t split_modern(const uint8_t *text, size_t at, size_t end, unsigned letters,
                           unsigned digits)
{
    const unsigned word = letters | AGLM_UC_NUMBER | AGLM_UC_SPACE;
    struct point first = point_at(text, at, end);
    if (first.c == '\'') {
        size_t stop = contraction(text, at, end, true);
        if (stop)
            return stop;
    }
    if (first.class & AGLM_UC_NUMBER) {
        size_t stop = first.next;
        for (unsigned i = 1; i < digits; i++) {
            struct point p = point_at(text, stop, end);
            if (!(p.class & AGLM_UC_NUMBER))
                break;
            stop = p.next;
        }
        return stop;
    }
    struct point second = point_at(text, first.next, end), p = first.c == ' ' ? second : first;
    if (first.c != '\r' && first.c != '\n' && ((first.class | second.class) & letters))
        return run_end(text, first.next, end, letters, true);
    if (!(p.class & (word | END))) {
        size_t stop = run_end(text, p.next, end, word, false);
        while (stop < end && (text[stop] == '\r' || text[stop] == '\n'))
            stop++;
        return stop;
    }
    return space_end(text, at, end, true);
}

static size_t split_llama3(const uint8_t *text, size_t at, size_t end)
{
    return split_modern(text, at, end, AGLM_UC_LETTER, 3);
}

static size_t split_qwen2(const uint8_t *text, size_t at, size_t end)
{
    return split_modern(text, at, end, AGLM_UC_LETTER, 1);
}

static size_t split_qwen35(const uint8_t *text, size_t at, size_t end)
{
    return split_modern(text, at, end, AGLM_UC_LETTER | AGLM_UC_MARK, 1);
}

/* Each \p{N} by itself; what lies between stays whole. */
static size_t split_number(const uint8_t *text, size_t at, size_t end)
{
    struct point p = point_at(text, at, end);
    return p.class & AGLM_UC_NUMBER ? p.next : run_end(text, p.next, end, AGLM_UC_NUMBER, false);
}

/* Runs of \p{N}; what lies between stays whole. */
static size_t split_numbers(const uint8_t *text, size_t at, size_t end)
{
    struct point p = point_at(text, at, end);
    return run_end(text, p.next, end, AGLM_UC_NUMBER, (p.class & AGLM_UC_NUMBER) != 0);
}

static bool is_mark(const struct point *p)
{
    return p->class & AGLM_UC_PUNCTUATION || (p->c && p->c < 0x80 && strchr("$+<=>^~|", (int)p->c));
}

/* Runs of [\p{P}$+<=>^~|]; what lies between stays whole. */
static size_t split_punctuation(const uint8_t *text, size_t at, size_t end)
{
    struct point p = point_at(text, at, end);
    bool marks = is_mark(&p);
    do {
        at = p.next;
        p = point_at(text, at, end);
    } while (p.class != END && is_mark(&p) == marks);
    return at;
}

static bool three_digits(const uint8_t *text, size_t at, size_t end)
{
    for (size_t i = 0; i < 3; i++)
        if (end - at <= i || text[at + i] < '0' || text[at + i] > '9')
            return false;
    return true;
}

/* [0-9][0-9][0-9], each by itself; what lies between stays whole. */
static size_t split_three_digits(const uint8_t *text, size_t at, size_t end)
{
    if (three_digits(text, at, end))
        return at + 3;
    while (at < end && !three_digits(text, at, end))
        at++;
    return at;
}

static const struct aglm_pretok PRETOKS[] = {
    {"chatglm-bpe", false, false, {split_llama3}},
    {"glm4", false, false, {split_llama3}},
    {"llama-bpe", true, true, {split_llama3}},
    {"llama3", true, true, {split_llama3}},
    {"llama-v3", true, true, {split_llama3}},
    {"smaug-bpe", false, false, {split_llama3}},
    {"qwen2", false, false, {split_qwen2}},
    {"deepseek-r1-qwen", false, false, {split_qwen2}},
    {"qwen35", false, false, {split_qwen35}},
    {"smollm", false, false, {split_number, split_gpt2}},
    {"starcoder", false, false, {split_number, split_gpt2}},
    {"gpt-2", false, false, {split_gpt2}},
    {"default", false, false, {split_punctuation, split_gpt2, split_numbers, split_three_digits}},
};

const struct aglm_pretok *aglm_pretok_find(const char *name)
{
    if (!*name)
        name = "default";
    for (size_t i = 0; i < sizeof(PRETOKS) / sizeof(PRETOKS[0]); i++)
        if (strcmp(PRETOKS[i].name, name) == 0)
            return &PRETOKS[i];
    return NULL;
}

const char *aglm_pretok_names(void)
{
    return "chatglm-bpe, glm4, llama-bpe, qwen2, qwen35, smollm, gpt-2, default";
}

void aglm_words_start(struct aglm_words *words, const struct aglm_pretok *pretok,
                      const uint8_t *text, size_t size)
{
    *words = (struct aglm_words){.pretok = pretok, .text = text};
    words->ends[0] = size;
}

bool aglm_words_next(struct aglm_words *words, size_t *begin, size_t *end)
{
    size_t stop = words->ends[0];
    if (words->at == stop)
        return false;
    for (size_t level = 0; level < AGLM_PRETOK_MAX_LEVELS; level++) {
        aglm_pretok_split *split = words->pretok->levels[level];
        if (split && words->at == words->ends[level + 1])
            words->ends[level + 1] = split(words->text, words->at, stop);
        if (split)
            stop = words->ends[level + 1];
    }
    *begin = words->at;
    *end = words->at = stop;
    return true;
}
