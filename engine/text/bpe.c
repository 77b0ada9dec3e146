/* Byte-level BPE: see bpe.h. */
#include "engine/text/bpe.h"

#include "engine/text/tokens.h"
#include "engine/text/unicode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char MERGES[] = "tokenizer.ggml.merges";

static struct aglm_bpe_merge *slot(const struct aglm_bpe *bpe, int32_t left, int32_t right)
{
    uint64_t pair = ((uint64_t)(uint32_t)left << 32 | (uint32_t)right) + 1;
    size_t at = (size_t)(pair * 0x9e3779b97f4a7c15u >> 32) & bpe->mask;
    while (bpe->merges[at].pair && bpe->merges[at].pair != pair)
        at = (at + 1) & bpe->mask;
    return &bpe->merges[at];
}

struct reading {
    struct aglm_bpe *bpe;
    const struct aglm_gguf *file;
    struct aglm_err *err;
    char *joined; /* [vocab->longest] */
};

static int bad_merge(const struct reading *r, uint64_t i, const char *text, uint64_t size,
                     const char *what)
{
    return aglm_err_set(r->err, -EINVAL, "%s: %s: entry %llu, '%.*s', %s", aglm_gguf_path(r->file),
                        MERGES, (unsigned long long)i, size > 80 ? 80 : (int)size, text, what);
}

/* "left right". Of two entries for one pair the first counts. */
static int add_merge(void *context, uint64_t i, const char *text, uint64_t size)
{
    struct reading *r = context;
    const struct aglm_vocab *vocab = r->bpe->vocab;
    const char *space = size > 1 ? memchr(text + 1, ' ', size - 1) : NULL;
    if (!space || space + 1 == text + size)
        return bad_merge(r, i, text, size, "is not two texts with a space between");
    size_t n_left = (size_t)(space - text), n_right = size - n_left - 1;
    int32_t left = aglm_vocab_find(vocab, text, n_left);
    int32_t right = aglm_vocab_find(vocab, space + 1, n_right), joined = -1;
    if (left < 0 || right < 0)
        return bad_merge(r, i, text, size, "joins what is no token");
    if (n_left + n_right <= vocab->longest) {
        memcpy(r->joined, text, n_left);
        memcpy(r->joined + n_left, space + 1, n_right);
        joined = aglm_vocab_find(vocab, r->joined, n_left + n_right);
    }
    if (joined < 0)
        return bad_merge(r, i, text, size, "makes what is no token");
    struct aglm_bpe_merge *merge = slot(r->bpe, left, right);
    if (!merge->pair)
        *merge = (struct aglm_bpe_merge){
            .pair = ((uint64_t)(uint32_t)left << 32 | (uint32_t)right) + 1,
            .rank = (uint32_t)i,
            .joined = joined,
        };
    return 0;
}

static int read_merges(struct aglm_bpe *bpe, const struct aglm_gguf *file, struct aglm_err *err)
{
    struct aglm_gguf_array array;
    struct reading r = {.bpe = bpe, .file = file, .err = err};
    int rc = aglm_gguf_get_array(file, MERGES, &array, err);
    if (rc == -ENOENT || (!rc && array.n == 0))
        return aglm_err_set(err, -EINVAL,
                            "%s: %s is missing: byte-level BPE needs it; convert the model anew",
                            aglm_gguf_path(file), MERGES);
    if (rc)
        return rc;
    if (array.n > INT32_MAX / 4)
        return aglm_err_set(err, -EINVAL, "%s: %s: %llu entries are more than any known",
                            aglm_gguf_path(file), MERGES, (unsigned long long)array.n);
    size_t slots = 16;
    while (slots < array.n + array.n / 2)
        slots *= 2;
    bpe->mask = slots - 1;
    bpe->merges = calloc(slots, sizeof(*bpe->merges));
    r.joined = malloc(bpe->vocab->longest + 1u);
    if (!bpe->merges || !r.joined)
        rc = aglm_err_set(err, -ENOMEM, "%s: no memory for %llu merges", aglm_gguf_path(file),
                          (unsigned long long)array.n);
    else
        rc = aglm_vocab_strings(file, MERGES, add_merge, &r, err);
    free(r.joined);
    return rc;
}

int aglm_bpe_init(struct aglm_bpe *bpe, const struct aglm_vocab *vocab,
                  const struct aglm_pretok *pretok, const struct aglm_gguf *file,
                  struct aglm_err *err)
{
    *bpe = (struct aglm_bpe){.vocab = vocab, .pretok = pretok};
    for (int b = 0; b < 256; b++) {
        uint8_t text[4];
        size_t n = aglm_utf8_encode(aglm_byte_to_character((uint8_t)b), text);
        bpe->bytes[b] = aglm_vocab_find(vocab, (const char *)text, n);
    }
    int rc = read_merges(bpe, file, err);
    if (rc)
        aglm_bpe_finish(bpe);
    return rc;
}

void aglm_bpe_finish(struct aglm_bpe *bpe)
{
    free(bpe->merges);
    *bpe = (struct aglm_bpe){0};
}

static bool may_join(const void *context, const struct aglm_symbol *left,
                     const struct aglm_symbol *right, uint32_t *order, int32_t *joined)
{
    const struct aglm_bpe_merge *merge = slot(context, left->id, right->id);
    if (!merge->pair)
        return false;
    *order = merge->rank;
    *joined = merge->joined;
    return true;
}

/* The token that is the whole word, spelled as the vocabulary spells bytes; -1: none. */
static int32_t whole_word(const struct aglm_vocab *vocab, const uint8_t *word, size_t n)
{
    char text[512];
    size_t size = 0;
    if (n > sizeof(text) / 2 || n > vocab->longest)
        return -1;
    for (size_t i = 0; i < n; i++)
        size += aglm_utf8_encode(aglm_byte_to_character(word[i]), (uint8_t *)text + size);
    return aglm_vocab_find(vocab, text, size);
}

static int encode_word(const struct aglm_bpe *bpe, struct aglm_merger *merger, const uint8_t *word,
                       size_t n, struct aglm_tokens *out, struct aglm_err *err)
{
    if (bpe->pretok->whole_words) {
        int32_t id = whole_word(bpe->vocab, word, n);
        if (id >= 0)
            return aglm_tokens_push(out, id, err);
    }
    int rc = aglm_merger_reserve(merger, n);
    if (rc)
        return aglm_err_set(err, rc, "no memory to tokenize a word of %zu bytes", n);
    for (size_t i = 0; i < n; i++) {
        merger->symbols[i].id = bpe->bytes[word[i]];
        if (merger->symbols[i].id < 0)
            return aglm_err_set(err, -EINVAL, "the vocabulary has no token for byte 0x%02x",
                                word[i]);
    }
    aglm_merger_run(merger, n, may_join, bpe);
    for (uint32_t i = 0; i != AGLM_MERGE_NONE && !rc; i = merger->symbols[i].next)
        rc = aglm_tokens_push(out, merger->symbols[i].id, err);
    return rc;
}

static int encode_words(const struct aglm_bpe *bpe, struct aglm_merger *merger, const uint8_t *text,
                        size_t size, struct aglm_tokens *out, struct aglm_err *err)
{
    struct aglm_words words;
    size_t begin, end;
    int rc = 0;
    aglm_words_start(&words, bpe->pretok, text, size);
    while (!rc && aglm_words_next(&words, &begin, &end))
        rc = encode_word(bpe, merger, text + begin, end - begin, out, err);
    return rc;
}

/* Reads and writes every code point, which makes U+FFFD of what is none. */
static uint8_t *mend(const uint8_t *text, size_t size, size_t *mended_size)
{
    uint8_t *mended = malloc(3 * size + 4); /* a byte may become the three of U+FFFD */
    size_t n = 0;
    for (size_t at = 0; mended && at < size;) {
        uint32_t c;
        at += aglm_utf8_decode(text + at, size - at, &c);
        n += aglm_utf8_encode(c, mended + n);
    }
    *mended_size = n;
    return mended;
}

int aglm_bpe_encode(const struct aglm_bpe *bpe, struct aglm_merger *merger, const char *text,
                    size_t size, bool raw, struct aglm_tokens *out, struct aglm_err *err)
{
    const uint8_t *bytes = (const uint8_t *)text;
    if (raw || aglm_utf8_clean_prefix(bytes, size) == size)
        return encode_words(bpe, merger, bytes, size, out, err);
    size_t mended_size;
    uint8_t *mended = mend(bytes, size, &mended_size);
    if (!mended)
        return aglm_err_set(err, -ENOMEM, "no memory to tokenize %zu bytes", size);
    int rc = encode_words(bpe, merger, mended, mended_size, out, err);
    free(mended);
    return rc;
}
