/* Pre-tokenizers: cut text into the words inside which byte-level BPE merges.
 *
 * Each is the state machine of a published regular expression (named at its function), written out
 * by hand so that it takes linear time. Text is any bytes; what is no UTF-8 counts as U+FFFD.
 */
#ifndef AGLM_ENGINE_TEXT_PRETOK_H
#define AGLM_ENGINE_TEXT_PRETOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { AGLM_PRETOK_MAX_LEVELS = 4 };

/* Where the first piece of text[at, end) ends; at < end. */
typedef size_t aglm_pretok_split(const uint8_t *text, size_t at, size_t end);

struct aglm_pretok {
    const char *name; /* tokenizer.ggml.pre */
    bool whole_words; /* a word that is in the vocabulary is one token, whatever the merges say */
    bool add_bos;     /* unless the file says otherwise */
    /* Applied in turn, each to the pieces of the one before; ends with NULL. */
    aglm_pretok_split *levels[AGLM_PRETOK_MAX_LEVELS];
};

/* By the name in the file, "" for a file that has none; NULL: not known. */
const struct aglm_pretok *aglm_pretok_find(const char *name);
/* The names that are known, separated by ", ", for messages. */
const char *aglm_pretok_names(void);

struct aglm_words {
    const struct aglm_pretok *pretok;
    const uint8_t *text;
    size_t at, ends[AGLM_PRETOK_MAX_LEVELS + 1]; /* of the current piece of each level */
};

void aglm_words_start(struct aglm_words *words, const struct aglm_pretok *pretok,
                      const uint8_t *text, size_t size);
/* The next word is text[*begin, *end); false at the end. */
bool aglm_words_next(struct aglm_words *words, size_t *begin, size_t *end);

#endif
