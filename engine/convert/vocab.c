/* The vocabulary under conversion: ids, texts, types, and GGUF's keys; see vocab.h. */
#include "engine/convert/vocab.h"
#include "engine/gguf.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int aglm_packed_add(struct aglm_packed *p, const char *text, size_t size)
{
    if (p->capacity - p->size < size + 8) {
        size_t capacity = (p->capacity + size) * 2 + 1024;
        uint8_t *bytes = realloc(p->bytes, capacity);
        if (!bytes)
            return -ENOMEM;
        p->bytes = bytes;
        p->capacity = capacity;
    }
    const uint64_t length = size;
    memcpy(p->bytes + p->size, &length, 8);
    if (size)
        memcpy(p->bytes + p->size + 8, text, size);
    p->size += size + 8;
    p->n++;
    return 0;
}

int aglm_hf_vocab_init(struct aglm_hf_vocab *v, size_t n)
{
    *v = (struct aglm_hf_vocab){
        .n = n, .add_bos = AGLM_UNKNOWN, .add_eos = AGLM_UNKNOWN, .add_space_prefix = AGLM_UNKNOWN};
    for (int i = 0; i < AGLM_MARK_COUNT; i++)
        v->marks[i] = -1;
    v->text = calloc(n + 1, sizeof(*v->text));
    v->types = calloc(n + 1, sizeof(*v->types));
    v->scores = calloc(n + 1, sizeof(*v->scores));
    if (v->text && v->types && v->scores)
        return 0;
    aglm_hf_vocab_finish(v);
    return -ENOMEM;
}

void aglm_hf_vocab_finish(struct aglm_hf_vocab *v)
{
    for (size_t i = 0; v->text && i < v->n; i++)
        free(v->text[i]);
    free(v->text);
    free(v->types);
    free(v->scores);
    free(v->merges.bytes);
    free(v->chat_template);
    memset(v, 0, sizeof(*v));
}

static int rename_token(struct aglm_hf_vocab *v, uint64_t id, const char *text, size_t size)
{
    char *copy = malloc(size + 1);
    if (!copy)
        return -ENOMEM;
    memcpy(copy, text, size);
    copy[size] = '\0';
    v->n_named += !v->text[id];
    free(v->text[id]);
    v->text[id] = copy;
    return 0;
}

int aglm_hf_vocab_set(struct aglm_hf_vocab *v, uint64_t id, const char *text, size_t size, int type,
                      float score)
{
    if (id >= v->n)
        return -ERANGE;
    if (v->text[id])
        return -EEXIST;
    v->types[id] = type;
    v->scores[id] = score;
    return rename_token(v, id, text, size);
}

/* Published files mark some control tokens as ordinary ones; these forms are control tokens. */
static bool looks_special(const char *text)
{
    const size_t n = strlen(text);
    return (n > 4 && memcmp(text, "<|", 2) == 0 && memcmp(text + n - 2, "|>", 2) == 0) ||
           (n > 8 && memcmp(text, "<unused", 7) == 0 && text[n - 1] == '>') ||
           strcmp(text, "<pad>") == 0 || strcmp(text, "<mask>") == 0 ||
           strcmp(text, "<2mass>") == 0 || strcmp(text, "[@BOS@]") == 0;
}

/* U+2581, which stands for a space in SentencePiece, back to a space; in place. */
static void plain_spaces(char *text)
{
    char *to = text;
    for (const char *from = text; *from; to++) {
        bool mark = strncmp(from, "\xe2\x96\x81", 3) == 0;
        *to = mark ? ' ' : *from;
        from += mark ? 3 : 1;
    }
    *to = '\0';
}

int aglm_hf_vocab_add(struct aglm_hf_vocab *v, uint64_t id, const char *text, bool special)
{
    if (id >= v->n) {
        if (id - v->n >= v->n_dropped) /* several files may name it */
            v->n_dropped = (size_t)(id - v->n) + 1;
        return 0;
    }
    if (v->types[id] == AGLM_HF_TOKEN_BYTE)
        return 0;
    int rc = rename_token(v, id, text, strlen(text));
    if (rc)
        return rc;
    v->types[id] =
        special || looks_special(text) ? AGLM_HF_TOKEN_CONTROL : AGLM_HF_TOKEN_USER_DEFINED;
    v->scores[id] = -1000.0f; /* as llama.cpp's: they are found before any merging */
    if (v->types[id] == AGLM_HF_TOKEN_USER_DEFINED && v->model && strcmp(v->model, "llama") == 0)
        plain_spaces(v->text[id]);
    return 0;
}

int32_t aglm_hf_vocab_find(const struct aglm_hf_vocab *v, const char *text)
{
    for (size_t i = 0; i < v->n; i++)
        if (v->text[i] && strcmp(v->text[i], text) == 0)
            return (int32_t)i;
    return -1;
}

int aglm_hf_vocab_pad(struct aglm_hf_vocab *v)
{
    for (size_t i = 0; i < v->n; i++) {
        char name[32];
        if (v->text[i])
            continue;
        int n = snprintf(name, sizeof(name), "[PAD%zu]", i);
        int rc = aglm_hf_vocab_set(v, i, name, (size_t)n, AGLM_HF_TOKEN_UNUSED, -1000.0f);
        if (rc)
            return rc;
        v->n_padded++;
    }
    return 0;
}

static void write_maybe(struct aglm_gguf_writer *w, const char *key, enum aglm_maybe value)
{
    if (value != AGLM_UNKNOWN)
        aglm_gguf_writer_bool(w, key, value == AGLM_YES);
}

int aglm_hf_vocab_write(const struct aglm_hf_vocab *v, struct aglm_gguf_writer *w,
                        struct aglm_err *err)
{
    static const char *const MARKS[AGLM_MARK_COUNT] = {
        "tokenizer.ggml.bos_token_id", "tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id",
        "tokenizer.ggml.unknown_token_id", "tokenizer.ggml.padding_token_id"};
    struct aglm_packed tokens = {0};
    for (size_t i = 0; i < v->n; i++) {
        if (aglm_packed_add(&tokens, v->text[i], strlen(v->text[i])) != 0) {
            free(tokens.bytes);
            return aglm_err_set(err, -ENOMEM, "the vocabulary: out of memory");
        }
    }
    const bool spm = strcmp(v->model, "llama") == 0;
    aglm_gguf_writer_string(w, "tokenizer.ggml.model", v->model);
    aglm_gguf_writer_string(w, "tokenizer.ggml.pre", spm ? "default" : v->pre);
    aglm_gguf_writer_array(w, "tokenizer.ggml.tokens", AGLM_GGUF_STRING, tokens.n, tokens.bytes,
                           tokens.size);
    free(tokens.bytes);
    if (spm)
        aglm_gguf_writer_array(w, "tokenizer.ggml.scores", AGLM_GGUF_F32, v->n, v->scores,
                               v->n * sizeof(*v->scores));
    aglm_gguf_writer_array(w, "tokenizer.ggml.token_type", AGLM_GGUF_I32, v->n, v->types,
                           v->n * sizeof(*v->types));
    if (!spm)
        aglm_gguf_writer_array(w, "tokenizer.ggml.merges", AGLM_GGUF_STRING, v->merges.n,
                               v->merges.bytes, v->merges.size);
    for (int i = 0; i < AGLM_MARK_COUNT; i++)
        if (v->marks[i] >= 0)
            aglm_gguf_writer_u32(w, MARKS[i], (uint32_t)v->marks[i]);
    write_maybe(w, "tokenizer.ggml.add_bos_token", v->add_bos);
    write_maybe(w, "tokenizer.ggml.add_eos_token", v->add_eos);
    if (spm)
        write_maybe(w, "tokenizer.ggml.add_space_prefix", v->add_space_prefix);
    if (v->chat_template)
        aglm_gguf_writer_string(w, "tokenizer.chat_template", v->chat_template);
    return 0;
}
