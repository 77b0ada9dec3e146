/* Fuzz target: tokenizers, their text and their vocabularies.
 *
 * In: a byte that chooses, then text for one of the small vocabularies of tests/fixtures/tokenizer,
 * or (beyond those) a GGUF file whose vocabulary is read and used. What must hold: ids are in the
 * vocabulary, decoding undoes encoding, a refusal says why.
 */
#include "tests/unit/engine/vocab_fixture.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* Encodes, checks the ids, decodes. exact: the text must come back. */
static void use(const struct aglm_tokenizer *t, const char *text, size_t size, unsigned flags,
                bool exact)
{
    struct aglm_tokens tokens = {0};
    struct aglm_err err = {0};
    char *back = NULL;
    size_t n = 0;
    int rc = aglm_tokenizer_encode(t, text, size, flags, &tokens, &err);
    if (rc) { /* a byte that a vocabulary from the input has no token for */
        require(!exact && rc == err.code && err.msg[0] && tokens.n == 0);
        aglm_tokens_finish(&tokens);
        return;
    }
    for (size_t i = 0; i < tokens.n; i++)
        require(tokens.ids[i] >= 0 && (uint32_t)tokens.ids[i] < aglm_tokenizer_info(t)->n_tokens);
    require(aglm_tokenizer_decode(t, tokens.ids, tokens.n, true, &back, &n, &err) == 0);
    require(back[n] == '\0');
    if (exact)
        require(n == size && memcmp(back, text, n) == 0);
    free(back);
    aglm_tokens_finish(&tokens);
}

static void use_fixture(unsigned which, const char *text, size_t size)
{
    static struct aglm_tokenizer *opened[N_VOCAB_VARIANTS];
    const struct vocab_variant *variant = &vocab_variants[which];
    if (!opened[which])
        opened[which] = open_variant(AGLM_TOKENIZER_FIXTURES, variant);
    require(opened[which] != NULL);
    bool exact = variant->pre || !memmem(text, size, "\xe2\x96\x81", 3);
    use(opened[which], text, size, 0, false);
    use(opened[which], text, size, AGLM_TOKENIZE_SPECIAL | AGLM_TOKENIZE_MARKS, false);
    use(opened[which], text, size, AGLM_TOKENIZE_RAW, exact);
    use(opened[which], text, size, AGLM_TOKENIZE_RAW | AGLM_TOKENIZE_SPECIAL, exact);
}

static void use_file(const uint8_t *data, size_t size)
{
    static const char TEXT[] = "ab <|x|>aab\n\xe4\xbd\xa0\xff 12's";
    struct aglm_gguf *file = NULL;
    struct aglm_tokenizer *t = NULL;
    struct aglm_err err = {0};
    if (aglm_gguf_open_memory(&file, data, size, "fuzz.gguf", &err))
        return;
    int rc = aglm_tokenizer_open(&t, file, &err);
    aglm_gguf_close(&file);
    if (rc) {
        require(!t && err.code == rc && strncmp(err.msg, "fuzz.gguf: ", 11) == 0);
        return;
    }
    for (unsigned flags = 0; flags < 8; flags++)
        use(t, TEXT, strlen(TEXT), flags, false);
    for (uint32_t id = 0; id < aglm_tokenizer_info(t)->n_tokens; id++) {
        size_t n;
        const char *piece = aglm_tokenizer_piece(t, (int32_t)id, &n);
        use(t, piece, n, AGLM_TOKENIZE_SPECIAL, false);
    }
    aglm_tokenizer_close(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] < N_VOCAB_VARIANTS)
        use_fixture(data[0], (const char *)data + 1, size - 1);
    else
        use_file(data + 1, size - 1);
    return 0;
}
