/* A vocabulary on its way from a Hugging Face folder into GGUF's tokenizer.ggml.* keys.
 *
 * Byte-level BPE comes from tokenizer.json ("gpt2"), SentencePiece from tokenizer.model or from a
 * tokenizer.json with byte fallback ("llama"). The number of ids is that of the embedding: ids
 * nobody names become "[PAD7]" of type unused, as llama.cpp's converter has them.
 */
#ifndef AGLM_ENGINE_CONVERT_VOCAB_H
#define AGLM_ENGINE_CONVERT_VOCAB_H

#include "engine/convert/json.h"
#include "engine/gguf_write.h"

enum aglm_hf_token_type {
    AGLM_HF_TOKEN_NORMAL = 1,
    AGLM_HF_TOKEN_UNKNOWN = 2,
    AGLM_HF_TOKEN_CONTROL = 3,
    AGLM_HF_TOKEN_USER_DEFINED = 4,
    AGLM_HF_TOKEN_UNUSED = 5,
    AGLM_HF_TOKEN_BYTE = 6,
};

enum aglm_mark { AGLM_MARK_BOS, AGLM_MARK_EOS, AGLM_MARK_EOT, AGLM_MARK_UNK, AGLM_MARK_PAD };
enum { AGLM_MARK_COUNT = AGLM_MARK_PAD + 1 };

enum aglm_maybe { AGLM_UNKNOWN = -1, AGLM_NO = 0, AGLM_YES = 1 };

/* Strings as GGUF arrays have them: u64 length and bytes, one behind the other. */
struct aglm_packed {
    uint8_t *bytes;
    size_t size, capacity;
    uint64_t n;
};
int aglm_packed_add(struct aglm_packed *p, const char *text, size_t size); /* -ENOMEM */

struct aglm_hf_vocab {
    const char *model; /* "gpt2" or "llama"; NULL: nothing read yet */
    char pre[32];
    size_t n;
    char **text;               /* [n], NULL: nobody named it */
    int32_t *types;            /* [n], enum aglm_hf_token_type */
    float *scores;             /* [n], of "llama" */
    struct aglm_packed merges; /* of "gpt2": "left right" */
    int32_t marks[AGLM_MARK_COUNT];
    enum aglm_maybe add_bos, add_eos, add_space_prefix;
    char *chat_template;
    size_t n_named, n_padded, n_dropped; /* dropped: ids beyond the embedding, up to the highest
                                              that has a name */
    bool composes; /* the published tokenizer composes text (NFC), GGUF's do not */
};

/* n: rows of the embedding. */
int aglm_hf_vocab_init(struct aglm_hf_vocab *v, size_t n);
void aglm_hf_vocab_finish(struct aglm_hf_vocab *v);
/* Names an id. -EEXIST: it has a name; -ERANGE: id >= n; -ENOMEM. */
int aglm_hf_vocab_set(struct aglm_hf_vocab *v, uint64_t id, const char *text, size_t size, int type,
                      float score);
/* An "added token": its text wins over what the id had; special ones become control tokens. One
 * beyond the embedding is counted and left out. */
int aglm_hf_vocab_add(struct aglm_hf_vocab *v, uint64_t id, const char *text, bool special);
/* -1 if there is none. Looks at every token. */
int32_t aglm_hf_vocab_find(const struct aglm_hf_vocab *v, const char *text);
/* Names what has no name. */
int aglm_hf_vocab_pad(struct aglm_hf_vocab *v);
/* All keys. */
int aglm_hf_vocab_write(const struct aglm_hf_vocab *v, struct aglm_gguf_writer *w,
                        struct aglm_err *err);

struct aglm_hf_vocab_options {
    const char *gguf_arch; /* "llama", "chatglm" … */
    const char *pre;       /* NULL: recognized from tokenizer.json */
};
/* Reads all the files of the folder that concern it; config: the tree of config.json. */
int aglm_hf_vocab_read(struct aglm_hf_vocab *v, const char *folder, const cJSON *config,
                       const struct aglm_hf_vocab_options *options, struct aglm_err *err);

/* Its parts, over trees and bytes. */
bool aglm_tokenizer_json_is_byte_level(const cJSON *root);
int aglm_tokenizer_json_bpe(struct aglm_hf_vocab *v, const cJSON *root, const char *file,
                            const struct aglm_hf_vocab_options *options, struct aglm_err *err);
/* Scores follow from the order of the merges: the earlier, the higher. */
int aglm_tokenizer_json_spm(struct aglm_hf_vocab *v, const cJSON *root, const char *file,
                            struct aglm_err *err);
/* "added_tokens" and "post_processor". */
int aglm_tokenizer_json_added(struct aglm_hf_vocab *v, const cJSON *root, const char *file,
                              struct aglm_err *err);
int aglm_tokenizer_config(struct aglm_hf_vocab *v, const cJSON *root, const char *file,
                          struct aglm_err *err);
/* The name that GGUF has for tokenizer.json's way of cutting text into words. -ENOTSUP: none. */
int aglm_pretokenizer_find(const char **pre, bool *composes, const cJSON *root, const char *file,
                           const char *gguf_arch, struct aglm_err *err);
/* bytes: a SentencePiece model (protobuf). */
int aglm_sentencepiece_read(struct aglm_hf_vocab *v, const void *bytes, size_t size,
                            const char *file, struct aglm_err *err);

#endif
