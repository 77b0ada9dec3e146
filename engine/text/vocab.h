/* The vocabulary of a tokenizer: what each token is written as, what it stands for, and which token
 * a text is.
 *
 * Read from a GGUF file, of which every count, type and length is checked; owned copies, so the
 * file may be closed.
 */
#ifndef AGLM_ENGINE_TEXT_VOCAB_H
#define AGLM_ENGINE_TEXT_VOCAB_H

#include "engine/gguf.h"
#include "probes/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* tokenizer.ggml.token_type */
enum aglm_token_type {
    AGLM_TOKEN_UNDEFINED,
    AGLM_TOKEN_NORMAL,
    AGLM_TOKEN_UNKNOWN,
    AGLM_TOKEN_CONTROL,
    AGLM_TOKEN_USER,
    AGLM_TOKEN_UNUSED,
    AGLM_TOKEN_BYTE,
};

struct aglm_span {
    const char *text;
    uint32_t size;
};

struct aglm_vocab {
    uint32_t n;
    uint8_t *types;           /* [n] aglm_token_type */
    struct aglm_span *texts;  /* [n] as written in the file */
    struct aglm_span *pieces; /* [n] the bytes each stands for */
    float *scores;            /* [n]; NULL where the file has none */
    uint32_t longest;         /* bytes of the longest text */
    char *arena;
    int32_t *slots; /* texts by hash: id + 1, 0 free; [mask + 1] */
    size_t mask;
};

enum aglm_vocab_spelling {
    AGLM_SPELLING_BYTES, /* byte-level BPE: a character for each byte */
    AGLM_SPELLING_SPACE, /* SentencePiece: U+2581 for a space */
};

/* -ENOENT: no tokens in the file; -EINVAL: arrays of other types or lengths, two tokens of one
 * text, a byte token that names no byte. On error vocab is as after finish. */
int aglm_vocab_init(struct aglm_vocab *vocab, const struct aglm_gguf *file,
                    enum aglm_vocab_spelling spelling, struct aglm_err *err);
void aglm_vocab_finish(struct aglm_vocab *vocab);
/* The token written as text: [size], or -1. */
int32_t aglm_vocab_find(const struct aglm_vocab *vocab, const char *text, size_t size);

/* Byte-level BPE writes each byte as a character that can be seen: those that can as themselves,
 * the others from U+0100 on. */
uint32_t aglm_byte_to_character(uint8_t byte);
/* The byte, or -1 for a character that stands for none. */
int aglm_character_to_byte(uint32_t character);

/* Whether the vocabulary is told about in another key, "tokenizer.ggml.KEY": reads an array of n
 * entries of strings; the callback gets each in turn and stops by returning non-zero. */
int aglm_vocab_strings(const struct aglm_gguf *file, const char *key,
                       int (*each)(void *context, uint64_t i, const char *text, uint64_t size),
                       void *context, struct aglm_err *err);

#endif
