/* SentencePiece's BPE: characters joined to the token of the highest score, bytes for what is no
 * token. */
#ifndef AGLM_ENGINE_TEXT_SPM_H
#define AGLM_ENGINE_TEXT_SPM_H

#include "engine/text/merge.h"
#include "engine/text/tokenizer.h"
#include "engine/text/vocab.h"

struct aglm_spm {
    const struct aglm_vocab *vocab;
    int32_t bytes[256]; /* the token of each byte, or -1 */
    uint8_t *pairs;     /* a bit by hash of two characters: whether they may be side by side in a
                           token. Where they are not, text is cut: nothing merges across. */
};

/* vocab must outlive it. -EINVAL: a vocabulary without scores. On error spm is as after finish. */
int aglm_spm_init(struct aglm_spm *spm, const struct aglm_vocab *vocab, const char *file,
                  struct aglm_err *err);
void aglm_spm_finish(struct aglm_spm *spm);
/* Appends the ids of text: [size], which holds no special tokens; prefix: as if a space stood in
 * front; raw: a byte that is no UTF-8 is a character by itself. On error out may have grown. */
int aglm_spm_encode(const struct aglm_spm *spm, struct aglm_merger *merger, const char *text,
                    size_t size, bool prefix, bool raw, struct aglm_tokens *out,
                    struct aglm_err *err);

#endif
