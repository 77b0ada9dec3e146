/* Fuzz target: what a model folder's files are read with.
 *
 * In: the first byte says which file the rest is: c config.json, t tokenizer.json, k
 * tokenizer_config.json, s tokenizer.model. What is accepted keeps what its header promises. Built
 * with libFuzzer (meson option fuzz, clang) or with replay.c.
 */
#include "engine/convert/names.h"
#include "engine/convert/vocab.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { N_VOCAB = 300 };

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void read_config(const cJSON *root, struct aglm_err *err)
{
    struct aglm_hf_config c;
    if (aglm_hf_config_read(&c, root, "fuzz", err) != 0)
        return;
    require(c.n_layers && c.n_embd && c.n_heads && c.n_kv_heads && c.n_ff && c.n_vocab && c.n_ctx);
    require(c.n_heads % c.n_kv_heads == 0 && c.n_rot >= 2 && c.n_rot % 2 == 0);
    require(c.n_rot <= c.head_dim && c.rope_theta >= 1 && c.rms_eps > 0);
    require(aglm_hf_size_of(&c, AGLM_HF_QKV) >= 3);
    if (c.rope == AGLM_HF_ROPE_LLAMA3 && c.n_rot <= 512) {
        float freqs[256];
        aglm_hf_rope_freqs(&c, freqs);
        for (uint32_t i = 0; i < c.n_rot / 2; i++)
            require(freqs[i] > 0 && freqs[i] < 1e30f);
    }
}

static int read_tokenizer(struct aglm_hf_vocab *v, const cJSON *root, struct aglm_err *err)
{
    const struct aglm_hf_vocab_options options = {.gguf_arch = "chatglm"};
    int rc = aglm_tokenizer_json_is_byte_level(root)
                 ? aglm_tokenizer_json_bpe(v, root, "fuzz", &options, err)
                 : aglm_tokenizer_json_spm(v, root, "fuzz", err);
    return rc ? rc : aglm_tokenizer_json_added(v, root, "fuzz", err);
}

static void check_vocab(struct aglm_hf_vocab *v)
{
    struct aglm_gguf_writer *w = NULL;
    require(aglm_hf_vocab_pad(v) == 0);
    for (size_t i = 0; i < v->n; i++)
        require(v->text[i] && v->types[i] >= AGLM_HF_TOKEN_NORMAL &&
                v->types[i] <= AGLM_HF_TOKEN_BYTE);
    for (int i = 0; i < AGLM_MARK_COUNT; i++)
        require(v->marks[i] >= -1 && v->marks[i] < (int32_t)v->n);
    require(aglm_gguf_writer_create(&w, NULL, NULL) == 0);
    require(aglm_hf_vocab_write(v, w, NULL) == 0 && aglm_gguf_writer_size(w) > 0);
    aglm_gguf_writer_destroy(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data + 1;
    struct aglm_hf_vocab vocab;
    struct aglm_err err = {0};
    cJSON *root = NULL;
    int rc = 0;
    if (size < 2)
        return 0;
    require(aglm_hf_vocab_init(&vocab, N_VOCAB) == 0);
    if (data[0] == 's')
        rc = aglm_sentencepiece_read(&vocab, text, size - 1, "fuzz", &err);
    else
        rc = aglm_json_parse(&root, text, size - 1, "fuzz", &err);
    if (!rc && data[0] == 'c')
        read_config(root, &err);
    else if (!rc && data[0] == 't')
        rc = read_tokenizer(&vocab, root, &err);
    else if (!rc && data[0] == 'k')
        rc = aglm_tokenizer_config(&vocab, root, "fuzz", &err);
    if (!rc && vocab.model)
        check_vocab(&vocab);
    require(rc == 0 || (err.code == rc && strncmp(err.msg, "fuzz: ", 6) == 0));
    cJSON_Delete(root);
    aglm_hf_vocab_finish(&vocab);
    return 0;
}
