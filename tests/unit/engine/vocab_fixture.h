/* The small vocabularies of tests/fixtures/tokenizer, opened as one of their variants. */
#ifndef AGLM_TESTS_VOCAB_FIXTURE_H
#define AGLM_TESTS_VOCAB_FIXTURE_H

#include "engine/text/tokenizer.h"

#include <stddef.h>
#include <stdint.h>

struct vocab_variant {
    const char *name; /* of the file with the ids */
    const char *file; /* "bpe.gguf", "spm.gguf" */
    const char *pre;  /* byte-level BPE: tokenizer.ggml.pre; NULL for SentencePiece */
    bool space_prefix;
};

enum { N_VOCAB_VARIANTS = 10 };
extern const struct vocab_variant vocab_variants[N_VOCAB_VARIANTS];

/* Whole file from the folder; NUL-terminated, freed by the caller. NULL: not there. */
uint8_t *read_fixture(const char *folder, const char *name, size_t *size);
/* The tokenizer, or NULL with a word on stderr. */
struct aglm_tokenizer *open_variant(const char *folder, const struct vocab_variant *variant);

#endif
