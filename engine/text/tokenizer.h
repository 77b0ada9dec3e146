/* Tokenizers: text to token ids and back, from the vocabulary in a GGUF file.
 *
 * Byte-level BPE ("gpt2" with its pre-tokenizers) and SentencePiece ("llama"). Encoding takes time
 * linear in the text (n log n at worst in one long word); no input makes it quadratic. Text is
 * bytes: invalid UTF-8 is tokenized as the reference does, never refused.
 */
#ifndef AGLM_ENGINE_TEXT_TOKENIZER_H
#define AGLM_ENGINE_TEXT_TOKENIZER_H

#include "engine/gguf.h"
#include "probes/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct aglm_tokenizer;

struct aglm_tokenizer_info {
    const char *model; /* tokenizer.ggml.model: "gpt2", "llama" */
    const char *pre;   /* tokenizer.ggml.pre, "" where there is none */
    uint32_t n_tokens;
    int32_t bos, eos, eot, unk, pad; /* -1: none */
    bool add_bos, add_eos;
};

/* Reads the vocabulary; the file may be closed afterwards. -ENOENT: the file has none ("no_vocab"
 * or no keys), -ENOTSUP: a model or pre-tokenizer that is not known, -EINVAL: a damaged one
 * (missing merges, arrays of different lengths). The message names file and key. */
int aglm_tokenizer_open(struct aglm_tokenizer **out, const struct aglm_gguf *file,
                        struct aglm_err *err);
void aglm_tokenizer_close(struct aglm_tokenizer **tokenizer);
const struct aglm_tokenizer_info *aglm_tokenizer_info(const struct aglm_tokenizer *tokenizer);

enum aglm_tokenize_flags {
    AGLM_TOKENIZE_MARKS = 1,   /* add BOS and EOS where the file asks for them */
    AGLM_TOKENIZE_SPECIAL = 2, /* control tokens written out in the text become their ids */
    /* Bytes that are no UTF-8 stay themselves, so that decoding gives them back. Without it each
     * becomes U+FFFD in byte-level BPE, as models were trained. (What SentencePiece cannot give
     * back in any case is U+2581, which is its space.) */
    AGLM_TOKENIZE_RAW = 4,
};

/* Token ids, owned by the caller: init with {0}, grown as needed, freed with aglm_tokens_finish. */
struct aglm_tokens {
    int32_t *ids;
    size_t n, capacity;
};
void aglm_tokens_finish(struct aglm_tokens *tokens);

/* Appends the ids of text: [size] bytes, to *out. -ENOMEM; -EINVAL: a byte that the vocabulary
 * cannot express. On error *out is as before. */
int aglm_tokenizer_encode(const struct aglm_tokenizer *tokenizer, const char *text, size_t size,
                          unsigned flags, struct aglm_tokens *out, struct aglm_err *err);

/* The bytes that a token stands for, owned by the tokenizer; [*size], not NUL-terminated. Control
 * tokens give their written form ("<|user|>"). Unknown ids: size 0. */
const char *aglm_tokenizer_piece(const struct aglm_tokenizer *tokenizer, int32_t id, size_t *size);
bool aglm_tokenizer_is_control(const struct aglm_tokenizer *tokenizer, int32_t id);

/* Text of n ids: *text is allocated, NUL-terminated, *size without the NUL. Undoes encode: what
 * encode adds in front (SentencePiece's space prefix) is taken off. special: write control tokens
 * out, else leave them out. -EINVAL: an id outside the vocabulary. */
int aglm_tokenizer_decode(const struct aglm_tokenizer *tokenizer, const int32_t *ids, size_t n,
                          bool special, char **text, size_t *size, struct aglm_err *err);

/* The id whose written form is exactly this ("<|user|>"), or -1. */
int32_t aglm_tokenizer_find(const struct aglm_tokenizer *tokenizer, const char *piece);
/* Generation stops on it: eos, eot, eom and, as GLM's, <|observation|>, <|user|> ... */
bool aglm_tokenizer_is_end(const struct aglm_tokenizer *tokenizer, int32_t id);

#endif
