/* Vocabulary: see vocab.h. All texts and pieces live in one block; the hash table is open-addressed
 * and at most half full.
 */
#include "engine/text/vocab.h"

#include "engine/text/unicode.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum {
    MAX_TOKENS = 1 << 24,
    SHOWN = 40, /* bytes of a token's text in a message */
};

uint32_t aglm_byte_to_character(uint8_t b)
{
    if ((b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b != 0xad))
        return b;
    /* The others in order: 0x00–0x20, 0x7f–0xa0, 0xad. */
    return 0x100u + (b <= 0x20 ? b : b == 0xad ? 67u : b - 0x7fu + 33u);
}

int aglm_character_to_byte(uint32_t c)
{
    if (c >= 0x100 && c <= 0x120)
        return (int)c - 0x100;
    if (c > 0x120 && c <= 0x142)
        return (int)c - 0x121 + 0x7f;
    if (c == 0x143)
        return 0xad;
    return c < 0x100 && aglm_byte_to_character((uint8_t)c) == c ? (int)c : -1;
}

int aglm_vocab_strings(const struct aglm_gguf *file, const char *key,
                       int (*each)(void *context, uint64_t i, const char *text, uint64_t size),
                       void *context, struct aglm_err *err)
{
    struct aglm_gguf_array array;
    int rc = aglm_gguf_get_array(file, key, &array, err);
    if (rc == -ENOENT)
        return aglm_err_set(err, -ENOENT, "%s: %s is missing", aglm_gguf_path(file), key);
    if (rc)
        return rc;
    if (array.type != AGLM_GGUF_STRING)
        return aglm_err_set(err, -EINVAL, "%s: %s is not an array of strings", aglm_gguf_path(file),
                            key);
    const char *p = array.data;
    for (uint64_t i = 0; i < array.n && !rc; i++) {
        uint64_t size;
        memcpy(&size, p, sizeof(size));
        rc = each(context, i, p + sizeof(size), size);
        p += sizeof(size) + size;
    }
    return rc;
}

int32_t aglm_vocab_find(const struct aglm_vocab *v, const char *text, size_t size)
{
    if (size == 0 || size > v->longest)
        return -1;
    for (size_t at = XXH3_64bits(text, size) & v->mask;; at = (at + 1) & v->mask) {
        int32_t id = v->slots[at] - 1;
        if (id < 0)
            return -1;
        if (v->texts[id].size == size && memcmp(v->texts[id].text, text, size) == 0)
            return id;
    }
}

void aglm_vocab_finish(struct aglm_vocab *v)
{
    free(v->types);
    free(v->texts);
    free(v->pieces);
    free(v->scores);
    free(v->arena);
    free(v->slots);
    *v = (struct aglm_vocab){0};
}

struct reading {
    struct aglm_vocab *vocab;
    const struct aglm_gguf *file;
    struct aglm_err *err;
    uint64_t bytes; /* of all texts */
    char *free;     /* rest of the arena */
};

static int measure(void *context, uint64_t i, const char *text, uint64_t size)
{
    struct reading *r = context;
    (void)text;
    if (i >= MAX_TOKENS || size > INT32_MAX || r->bytes > INT64_MAX / 4)
        return aglm_err_set(r->err, -EINVAL, "%s: tokenizer.ggml.tokens is larger than any known",
                            aglm_gguf_path(r->file));
    r->bytes += size;
    r->vocab->n = (uint32_t)i + 1;
    return 0;
}

/* Puts token i into the table; an empty text is in no table. */
static int keep(void *context, uint64_t i, const char *text, uint64_t size)
{
    struct reading *r = context;
    struct aglm_vocab *v = r->vocab;
    struct aglm_span *span = &v->texts[i];
    *span = (struct aglm_span){.text = r->free, .size = (uint32_t)size};
    if (size == 0)
        return 0;
    memcpy(r->free, text, size);
    r->free += size;
    if (size > v->longest)
        v->longest = (uint32_t)size;
    size_t at = XXH3_64bits(text, size) & v->mask;
    for (; v->slots[at]; at = (at + 1) & v->mask) {
        const struct aglm_span *other = &v->texts[v->slots[at] - 1];
        if (other->size == size && memcmp(other->text, text, size) == 0)
            return aglm_err_set(r->err, -EINVAL,
                                "%s: tokenizer.ggml.tokens: %d and %llu are both '%.*s'",
                                aglm_gguf_path(r->file), v->slots[at] - 1, (unsigned long long)i,
                                size > SHOWN ? SHOWN : (int)size, text);
    }
    v->slots[at] = (int32_t)i + 1;
    return 0;
}

static int read_texts(struct reading *r)
{
    struct aglm_vocab *v = r->vocab;
    int rc = aglm_vocab_strings(r->file, "tokenizer.ggml.tokens", measure, r, r->err);
    if (rc)
        return rc;
    if (v->n == 0)
        return aglm_err_set(r->err, -EINVAL, "%s: tokenizer.ggml.tokens is empty",
                            aglm_gguf_path(r->file));
    size_t slots = 16;
    while (slots < (size_t)v->n * 2)
        slots *= 2;
    v->mask = slots - 1;
    v->slots = calloc(slots, sizeof(*v->slots));
    v->types = malloc(v->n);
    v->texts = calloc(v->n, sizeof(*v->texts));
    v->pieces = calloc(v->n, sizeof(*v->pieces));
    v->arena = malloc(r->bytes * 2 + 1); /* a piece is no longer than its text */
    if (!v->slots || !v->types || !v->texts || !v->pieces || !v->arena)
        return aglm_err_set(r->err, -ENOMEM, "%s: no memory for %u tokens", aglm_gguf_path(r->file),
                            v->n);
    r->free = v->arena;
    return aglm_vocab_strings(r->file, "tokenizer.ggml.tokens", keep, r, r->err);
}

/* An array beside the tokens, of one of two types; *data NULL where the file has none. */
static int read_beside(const struct reading *r, const char *key, uint32_t type, uint32_t other,
                       const uint8_t **data, uint32_t *found)
{
    struct aglm_gguf_array array;
    int rc = aglm_gguf_get_array(r->file, key, &array, r->err);
    *data = NULL;
    if (rc == -ENOENT)
        return 0;
    if (rc)
        return rc;
    if (array.type != type && array.type != other)
        return aglm_err_set(r->err, -EINVAL, "%s: %s is an array of another type than is known",
                            aglm_gguf_path(r->file), key);
    if (array.n != r->vocab->n)
        return aglm_err_set(r->err, -EINVAL, "%s: %s has %llu entries for %u tokens",
                            aglm_gguf_path(r->file), key, (unsigned long long)array.n, r->vocab->n);
    *data = array.data;
    *found = array.type;
    return 0;
}

static int read_types(struct reading *r)
{
    struct aglm_vocab *v = r->vocab;
    const uint8_t *data;
    uint32_t type = 0;
    int rc =
        read_beside(r, "tokenizer.ggml.token_type", AGLM_GGUF_I32, AGLM_GGUF_U32, &data, &type);
    if (rc)
        return rc;
    for (uint32_t i = 0; i < v->n; i++) {
        int32_t t = AGLM_TOKEN_NORMAL;
        if (data)
            memcpy(&t, data + 4 * (size_t)i, sizeof(t));
        if (t < AGLM_TOKEN_UNDEFINED || t > AGLM_TOKEN_BYTE)
            return aglm_err_set(r->err, -EINVAL,
                                "%s: tokenizer.ggml.token_type: token %u has type "
                                "%d, known are 0 to 6",
                                aglm_gguf_path(r->file), i, t);
        v->types[i] = (uint8_t)t;
    }
    return 0;
}

static int read_scores(struct reading *r)
{
    struct aglm_vocab *v = r->vocab;
    const uint8_t *data;
    uint32_t type = 0;
    int rc = read_beside(r, "tokenizer.ggml.scores", AGLM_GGUF_F32, AGLM_GGUF_I32, &data, &type);
    if (rc || !data)
        return rc;
    v->scores = malloc(v->n * sizeof(*v->scores));
    if (!v->scores)
        return aglm_err_set(r->err, -ENOMEM, "%s: no memory for %u scores", aglm_gguf_path(r->file),
                            v->n);
    for (uint32_t i = 0; i < v->n; i++) {
        int32_t whole;
        memcpy(&v->scores[i], data + 4 * (size_t)i, sizeof(float));
        memcpy(&whole, data + 4 * (size_t)i, sizeof(whole));
        if (type == AGLM_GGUF_I32)
            v->scores[i] = (float)whole;
        if (isnan(v->scores[i]))
            return aglm_err_set(r->err, -EINVAL,
                                "%s: tokenizer.ggml.scores: that of token %u is "
                                "NaN",
                                aglm_gguf_path(r->file), i);
    }
    return 0;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* "<0xAB>": its byte, or -1. */
static int named_byte(const struct aglm_span *s)
{
    if (s->size != 6 || memcmp(s->text, "<0x", 3) != 0 || s->text[5] != '>')
        return -1;
    int high = hex_digit(s->text[3]), low = hex_digit(s->text[4]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* Characters that stand for no byte stay as they are. */
static size_t decode_bytes(const struct aglm_span *s, char *out)
{
    size_t n = 0;
    for (size_t at = 0, step; at < s->size; at += step) {
        uint32_t c;
        step = aglm_utf8_decode((const uint8_t *)s->text + at, s->size - at, &c);
        int byte = aglm_character_to_byte(c);
        if (byte >= 0) {
            out[n++] = (char)byte;
        } else {
            memcpy(out + n, s->text + at, step);
            n += step;
        }
    }
    return n;
}

static size_t decode_spaces(const struct aglm_span *s, char *out)
{
    size_t n = 0;
    for (size_t at = 0; at < s->size;) {
        if (s->size - at >= 3 && memcmp(s->text + at, "\xe2\x96\x81", 3) == 0) {
            out[n++] = ' ';
            at += 3;
        } else {
            out[n++] = s->text[at++];
        }
    }
    return n;
}

/* What each token stands for: a normal one the spelled-out bytes, a special one its text, an unused
 * one nothing. */
static int make_pieces(struct reading *r, enum aglm_vocab_spelling spelling)
{
    struct aglm_vocab *v = r->vocab;
    for (uint32_t i = 0; i < v->n; i++) {
        const struct aglm_span *text = &v->texts[i];
        size_t n = 0;
        int byte;
        switch (v->types[i]) {
        case AGLM_TOKEN_NORMAL:
            n = spelling == AGLM_SPELLING_BYTES ? decode_bytes(text, r->free)
                                                : decode_spaces(text, r->free);
            break;
        case AGLM_TOKEN_BYTE:
            byte = named_byte(text);
            if (byte < 0)
                return aglm_err_set(r->err, -EINVAL,
                                    "%s: tokenizer.ggml.tokens: byte token %u is "
                                    "not of the form <0x0A>",
                                    aglm_gguf_path(r->file), i);
            *r->free = (char)byte;
            n = 1;
            break;
        case AGLM_TOKEN_UNKNOWN:
        case AGLM_TOKEN_CONTROL:
        case AGLM_TOKEN_USER:
            v->pieces[i] = *text;
            continue;
        default:
            break;
        }
        v->pieces[i] = (struct aglm_span){.text = r->free, .size = (uint32_t)n};
        r->free += n;
    }
    return 0;
}

int aglm_vocab_init(struct aglm_vocab *vocab, const struct aglm_gguf *file,
                    enum aglm_vocab_spelling spelling, struct aglm_err *err)
{
    *vocab = (struct aglm_vocab){0};
    struct reading r = {.vocab = vocab, .file = file, .err = err};
    int rc = read_texts(&r);
    if (!rc)
        rc = read_types(&r);
    if (!rc)
        rc = read_scores(&r);
    if (!rc)
        rc = make_pieces(&r, spelling);
    if (rc)
        aglm_vocab_finish(vocab);
    return rc;
}
