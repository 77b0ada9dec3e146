/* Byte-level BPE: a word's bytes, joined pair by pair in the order of the merges. */
#ifndef AGLM_ENGINE_TEXT_BPE_H
#define AGLM_ENGINE_TEXT_BPE_H

#include "engine/text/merge.h"
#include "engine/text/pretok.h"
#include "engine/text/tokenizer.h"
#include "engine/text/vocab.h"

struct aglm_bpe_merge {
    uint64_t pair; /* left << 32 | right, + 1; 0: free */
    uint32_t rank;
    int32_t joined;
};

struct aglm_bpe {
    const struct aglm_vocab *vocab;
    const struct aglm_pretok *pretok;
    int32_t bytes[256];            /* the token of each byte, or -1 */
    struct aglm_bpe_merge *merges; /* by hash of the pair; [mask + 1] */
    size_t mask;
};

/* Reads tokenizer.ggml.merges; vocab must outlive it. -EINVAL: no merges, or merges that name
 * tokens which the vocabulary lacks. On error bpe is as after finish. */
int aglm_bpe_init(struct aglm_bpe *bpe, const struct aglm_vocab *vocab,
                  const struct aglm_pretok *pretok, const struct aglm_gguf *file,
                  struct aglm_err *err);
void aglm_bpe_finish(struct aglm_bpe *bpe);
/* Appends the ids of text: [size], which holds no special tokens. raw: bytes that are no UTF-8 stay
 * themselves, instead of becoming U+FFFD. On error out may have grown. */
int aglm_bpe_encode(const struct aglm_bpe *bpe, struct aglm_merger *merger, const char *text,
                    size_t size, bool raw, struct aglm_tokens *out, struct aglm_err *err);

#endif
