/* SentencePiece: see spm.h. Spaces are U+2581 inside. A character is as many bytes as its first
 * says, as far as there are, even if that swallows the next character: so does the reference.
 */
#include "engine/text/spm.h"

#include "engine/text/tokens.h"
#include "engine/text/unicode.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAIR_BITS = 21 };

static const char SPACE[] = "\xe2\x96\x81";

static size_t character(const char *text, size_t n, bool raw)
{
    uint32_t c;
    if (raw)
        return aglm_utf8_decode((const uint8_t *)text, n, &c);
    static const uint8_t LENGTHS[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 3, 4};
    size_t length = LENGTHS[(uint8_t)text[0] >> 4];
    return length < n ? length : n;
}

static uint32_t packed(const char *text, size_t n)
{
    uint32_t value = 0;
    for (size_t i = 0; i < n; i++)
        value = value << 8 | (uint8_t)text[i];
    return value;
}

static uint32_t pair_bit(uint32_t left, uint32_t right)
{
    uint64_t pair = (uint64_t)left << 32 | right;
    return (uint32_t)(pair * 0x9e3779b97f4a7c15u >> (64 - PAIR_BITS));
}

static void note_pairs(struct aglm_spm *spm, const struct aglm_span *token)
{
    uint32_t left = 0;
    for (size_t at = 0, n; at < token->size; at += n) {
        n = character(token->text + at, token->size - at, false);
        uint32_t right = packed(token->text + at, n), bit = pair_bit(left, right);
        if (at)
            spm->pairs[bit / 8] |= (uint8_t)(1u << bit % 8);
        left = right;
    }
}

int aglm_spm_init(struct aglm_spm *spm, const struct aglm_vocab *vocab, const char *file,
                  struct aglm_err *err)
{
    *spm = (struct aglm_spm){.vocab = vocab};
    if (!vocab->scores)
        return aglm_err_set(err, -EINVAL,
                            "%s: tokenizer.ggml.scores is missing: SentencePiece needs it; convert "
                            "the model anew",
                            file);
    spm->pairs = calloc(1, (1u << PAIR_BITS) / 8);
    if (!spm->pairs)
        return aglm_err_set(err, -ENOMEM, "%s: no memory for its vocabulary", file);
    for (uint32_t i = 0; i < vocab->n; i++)
        note_pairs(spm, &vocab->texts[i]);
    for (int b = 0; b < 256; b++) {
        char text[8];
        int n = snprintf(text, sizeof(text), "<0x%02X>", (unsigned)b);
        spm->bytes[b] = aglm_vocab_find(vocab, text, (size_t)n);
        text[0] = (char)b;
        if (spm->bytes[b] < 0)
            spm->bytes[b] = aglm_vocab_find(vocab, text, 1);
    }
    return 0;
}

void aglm_spm_finish(struct aglm_spm *spm)
{
    free(spm->pairs);
    *spm = (struct aglm_spm){0};
}

struct part {
    const struct aglm_spm *spm;
    const char *text;
    bool raw;
};

/* Scores order from high to low: as an unsigned number, small first. */
static uint32_t order_of(float score)
{
    uint32_t bits;
    score += 0.0f; /* -0 is 0 */
    memcpy(&bits, &score, sizeof(bits));
    return bits >> 31 ? bits : ~(bits | 0x80000000u);
}

static bool may_join(const void *context, const struct aglm_symbol *left,
                     const struct aglm_symbol *right, uint32_t *order, int32_t *joined)
{
    const struct part *part = context;
    const struct aglm_vocab *vocab = part->spm->vocab;
    int32_t id = aglm_vocab_find(vocab, part->text + left->begin, right->end - left->begin);
    if (id < 0)
        return false;
    *order = order_of(vocab->scores[id]);
    *joined = id;
    return true;
}

static int push_symbol(const struct part *part, const struct aglm_symbol *s,
                       struct aglm_tokens *out, struct aglm_err *err)
{
    if (s->id >= 0)
        return aglm_tokens_push(out, s->id, err);
    int rc = 0;
    for (uint32_t i = s->begin; i < s->end && !rc; i++) {
        uint8_t byte = (uint8_t)part->text[i];
        int32_t id = part->spm->bytes[byte];
        rc = id >= 0
                 ? aglm_tokens_push(out, id, err)
                 : aglm_err_set(err, -EINVAL, "the vocabulary has no token for byte 0x%02x", byte);
    }
    return rc;
}

/* Tokenizes the characters of the part from the first on, up to where it may be cut; *size of it.
 */
static int encode_part(const struct part *part, struct aglm_merger *merger, size_t *size,
                       struct aglm_tokens *out, struct aglm_err *err)
{
    size_t n = 0, at = 0;
    uint32_t left = 0;
    while (at < *size) {
        const char *text = part->text + at;
        size_t length = character(text, *size - at, part->raw);
        uint32_t right = packed(text, length), bit = pair_bit(left, right);
        if (n && !(part->spm->pairs[bit / 8] >> bit % 8 & 1))
            break;
        merger->symbols[n++] = (struct aglm_symbol){
            .id = aglm_vocab_find(part->spm->vocab, text, length),
            .begin = (uint32_t)at,
            .end = (uint32_t)(at + length),
        };
        at += length;
        left = right;
    }
    *size = at;
    aglm_merger_run(merger, n, may_join, part);
    int rc = 0;
    for (uint32_t i = 0; i != AGLM_MERGE_NONE && !rc; i = merger->symbols[i].next)
        rc = push_symbol(part, &merger->symbols[i], out, err);
    return rc;
}

/* A copy of text with U+2581 for each space, and for the prefix. */
static char *escape(const char *text, size_t size, bool prefix, size_t *escaped_size)
{
    size_t spaces = prefix, n = 0;
    for (size_t i = 0; i < size; i++)
        spaces += text[i] == ' ';
    char *escaped = malloc(size + 3 * spaces + 1);
    if (!escaped)
        return NULL;
    for (size_t i = 0; i < size + prefix; i++) {
        char c = i < prefix ? ' ' : text[i - prefix];
        if (c == ' ') {
            memcpy(escaped + n, SPACE, 3);
            n += 3;
        } else {
            escaped[n++] = c;
        }
    }
    *escaped_size = n;
    return escaped;
}

int aglm_spm_encode(const struct aglm_spm *spm, struct aglm_merger *merger, const char *text,
                    size_t size, bool prefix, bool raw, struct aglm_tokens *out,
                    struct aglm_err *err)
{
    size_t n = 0, characters = 0;
    if (size == 0)
        return 0;
    char *escaped = escape(text, size, prefix, &n);
    for (size_t at = 0; escaped && at < n; at += character(escaped + at, n - at, raw))
        characters++;
    int rc = escaped ? aglm_merger_reserve(merger, characters) : -ENOMEM;
    if (rc)
        rc = aglm_err_set(err, rc, "no memory to tokenize %zu bytes", size);
    for (size_t at = 0, step; at < n && !rc; at += step) {
        const struct part part = {.spm = spm, .text = escaped + at, .raw = raw};
        step = n - at;
        rc = encode_part(&part, merger, &step, out, err);
    }
    free(escaped);
    return rc;
}
