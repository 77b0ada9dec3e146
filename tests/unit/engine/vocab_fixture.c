/* Vocabularies for tests: see vocab_fixture.h. The last key of each file is the one that its
 * variants differ in; it is cut off and written anew.
 */
#include "tests/unit/engine/vocab_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct vocab_variant vocab_variants[N_VOCAB_VARIANTS] = {
    {"glm4", "bpe.gguf", "glm4", false},
    {"chatglm-bpe", "bpe.gguf", "chatglm-bpe", false},
    {"llama-bpe", "bpe.gguf", "llama-bpe", false},
    {"qwen2", "bpe.gguf", "qwen2", false},
    {"qwen35", "bpe.gguf", "qwen35", false},
    {"smollm", "bpe.gguf", "smollm", false},
    {"gpt-2", "bpe.gguf", "gpt-2", false},
    {"default", "bpe.gguf", "default", false},
    {"spm", "spm.gguf", NULL, true},
    {"spm-noprefix", "spm.gguf", NULL, false},
};

uint8_t *read_fixture(const char *folder, const char *name, size_t *size)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *f = fopen(path, "rb");
    uint8_t *data = NULL;
    long n = -1;
    if (f && fseek(f, 0, SEEK_END) == 0)
        n = ftell(f);
    if (n >= 0)
        data = malloc((size_t)n + 64); /* room for another last key, and a NUL */
    if (data) {
        rewind(f);
        *size = fread(data, 1, (size_t)n, f);
        data[*size] = 0;
    }
    if (f)
        fclose(f);
    return data;
}

/* Where key stands in data for the last time; its u64 length is before it. */
static size_t find_last(const uint8_t *data, size_t size, const char *key)
{
    size_t n = strlen(key);
    for (size_t at = size - n; at > 8; at--)
        if (memcmp(data + at, key, n) == 0)
            return at;
    return 0;
}

static size_t put(uint8_t *data, size_t at, const void *value, size_t n)
{
    memcpy(data + at, value, n);
    return at + n;
}

struct aglm_tokenizer *open_variant(const char *folder, const struct vocab_variant *variant)
{
    const char *key = variant->pre ? "tokenizer.ggml.pre" : "tokenizer.ggml.add_space_prefix";
    struct aglm_gguf *file = NULL;
    struct aglm_tokenizer *tokenizer = NULL;
    struct aglm_err err = {0};
    size_t size = 0;
    uint8_t *data = read_fixture(folder, variant->file, &size);
    size_t at = data ? find_last(data, size, key) : 0;
    if (at) {
        const uint32_t type = variant->pre ? AGLM_GGUF_STRING : AGLM_GGUF_BOOL;
        const uint64_t n = variant->pre ? strlen(variant->pre) : 0;
        at = put(data, at + strlen(key), &type, sizeof(type));
        if (variant->pre)
            at = put(data, put(data, at, &n, sizeof(n)), variant->pre, n);
        else
            at = put(data, at, &variant->space_prefix, 1);
        if (aglm_gguf_open_memory(&file, data, at, variant->name, &err) == 0)
            aglm_tokenizer_open(&tokenizer, file, &err);
    }
    if (!tokenizer)
        fprintf(stderr, "%s/%s: %s\n", folder, variant->file, err.msg);
    aglm_gguf_close(&file);
    free(data);
    return tokenizer;
}
