/* Tokenizers in use: text to ids and back; see tokenizer.h.
 *
 * Special tokens are split off first, leftmost, the longest of those at a place; what lies between
 * goes to BPE or SentencePiece piece by piece.
 */
#include "engine/text/tokenizer.h"

#include "engine/text/tokenizer_file.h"
#include "engine/text/tokens.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TEXT_BYTES = 1 << 30 };

void aglm_tokens_finish(struct aglm_tokens *tokens)
{
    free(tokens->ids);
    *tokens = (struct aglm_tokens){0};
}

int aglm_tokens_push(struct aglm_tokens *tokens, int32_t id, struct aglm_err *err)
{
    if (tokens->n == tokens->capacity) {
        size_t capacity = tokens->capacity ? tokens->capacity * 2 : 64;
        int32_t *ids =
            capacity < SIZE_MAX / 8 ? realloc(tokens->ids, capacity * sizeof(*ids)) : NULL;
        if (!ids)
            return aglm_err_set(err, -ENOMEM, "no memory for %zu tokens", capacity);
        tokens->ids = ids;
        tokens->capacity = capacity;
    }
    tokens->ids[tokens->n++] = id;
    return 0;
}

const struct aglm_tokenizer_info *aglm_tokenizer_info(const struct aglm_tokenizer *tokenizer)
{
    return &tokenizer->info;
}

struct encoding {
    const struct aglm_tokenizer *tokenizer;
    struct aglm_merger merger;
    struct aglm_tokens *out;
    unsigned flags;
    bool after_special; /* nothing, or a special token, came before */
    struct aglm_err *err;
};

/* Text between special tokens. */
static int encode_plain(struct encoding *e, const char *text, size_t size)
{
    const struct aglm_tokenizer *t = e->tokenizer;
    if (size == 0)
        return 0;
    bool prefix = t->space_prefix && e->after_special, raw = e->flags & AGLM_TOKENIZE_RAW;
    e->after_special = false;
    if (t->is_spm)
        return aglm_spm_encode(&t->spm, &e->merger, text, size, prefix, raw, e->out, e->err);
    return aglm_bpe_encode(&t->bpe, &e->merger, text, size, raw, e->out, e->err);
}

static int encode_text(struct encoding *e, const char *text, size_t size)
{
    bool control = e->flags & AGLM_TOKENIZE_SPECIAL;
    size_t begin = 0, at = 0;
    while (at < size) {
        int32_t id = aglm_special_match(&e->tokenizer->special, text + at, size - at, control);
        if (id < 0) {
            at++;
            continue;
        }
        int rc = encode_plain(e, text + begin, at - begin);
        if (!rc)
            rc = aglm_tokens_push(e->out, id, e->err);
        if (rc)
            return rc;
        e->after_special = true;
        at += e->tokenizer->vocab.texts[id].size;
        begin = at;
    }
    return encode_plain(e, text + begin, size - begin);
}

int aglm_tokenizer_encode(const struct aglm_tokenizer *tokenizer, const char *text, size_t size,
                          unsigned flags, struct aglm_tokens *out, struct aglm_err *err)
{
    const struct aglm_tokenizer_info *info = &tokenizer->info;
    const size_t n_before = out->n;
    struct encoding e = {
        .tokenizer = tokenizer, .out = out, .flags = flags, .after_special = true, .err = err};
    int rc = 0;
    if (size > MAX_TEXT_BYTES)
        return aglm_err_set(err, -EINVAL, "a text of %zu bytes; at most %d are tokenized at once",
                            size, MAX_TEXT_BYTES);
    if (flags & AGLM_TOKENIZE_MARKS && info->add_bos)
        rc = aglm_tokens_push(out, info->bos, err);
    if (!rc)
        rc = encode_text(&e, text, size);
    if (!rc && flags & AGLM_TOKENIZE_MARKS && info->add_eos)
        rc = aglm_tokens_push(out, info->eos, err);
    if (rc)
        out->n = n_before;
    aglm_merger_finish(&e.merger);
    return rc;
}

const char *aglm_tokenizer_piece(const struct aglm_tokenizer *tokenizer, int32_t id, size_t *size)
{
    *size = 0;
    if (id < 0 || (uint32_t)id >= tokenizer->vocab.n)
        return "";
    *size = tokenizer->vocab.pieces[id].size;
    return tokenizer->vocab.pieces[id].text;
}

bool aglm_tokenizer_is_control(const struct aglm_tokenizer *tokenizer, int32_t id)
{
    if (id < 0 || (uint32_t)id >= tokenizer->vocab.n)
        return false;
    uint8_t type = tokenizer->vocab.types[id];
    return type == AGLM_TOKEN_CONTROL || type == AGLM_TOKEN_UNKNOWN;
}

int32_t aglm_tokenizer_find(const struct aglm_tokenizer *tokenizer, const char *piece)
{
    return aglm_vocab_find(&tokenizer->vocab, piece, strlen(piece));
}

bool aglm_tokenizer_is_end(const struct aglm_tokenizer *tokenizer, int32_t id)
{
    for (size_t i = 0; i < tokenizer->n_ends; i++)
        if (tokenizer->ends[i] == id)
            return true;
    return false;
}

/* Writes the text to out, unless NULL, and returns its size. Encoding puts a space in front of what
 * follows the beginning or a special token; it is taken off there. */
static size_t write_text(const struct aglm_tokenizer *t, const int32_t *ids, size_t n, bool special,
                         char *out)
{
    size_t size = 0;
    bool after_special = true;
    for (size_t i = 0; i < n; i++) {
        const struct aglm_span *piece = &t->vocab.pieces[ids[i]];
        bool control = aglm_tokenizer_is_control(t, ids[i]);
        if (control && !special) {
            after_special = true;
            continue;
        }
        size_t skip = !control && t->vocab.types[ids[i]] != AGLM_TOKEN_USER && t->space_prefix &&
                      after_special && piece->size && piece->text[0] == ' ';
        if (out)
            memcpy(out + size, piece->text + skip, piece->size - skip);
        size += piece->size - skip;
        after_special = control || t->vocab.types[ids[i]] == AGLM_TOKEN_USER;
    }
    return size;
}

int aglm_tokenizer_decode(const struct aglm_tokenizer *tokenizer, const int32_t *ids, size_t n,
                          bool special, char **text, size_t *size, struct aglm_err *err)
{
    for (size_t i = 0; i < n; i++)
        if (ids[i] < 0 || (uint32_t)ids[i] >= tokenizer->vocab.n)
            return aglm_err_set(err, -EINVAL, "id %d is outside the vocabulary of %u tokens",
                                ids[i], tokenizer->vocab.n);
    size_t needed = write_text(tokenizer, ids, n, special, NULL);
    char *out = malloc(needed + 1);
    if (!out)
        return aglm_err_set(err, -ENOMEM, "no memory for a text of %zu bytes", needed);
    write_text(tokenizer, ids, n, special, out);
    out[needed] = '\0';
    *text = out;
    *size = needed;
    return 0;
}
