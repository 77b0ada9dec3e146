/* Reading a tokenizer from a GGUF file: which kind it is, its vocabulary, and what its special
 * tokens are for.
 */
#include "engine/text/tokenizer_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define KEY "tokenizer.ggml."

/* Tokens known by their text, because files seldom say what they are for. llama.cpp makes them
 * control tokens (unless the file names another token for the same use), and so do we. Not "</s>",
 * which is ordinary text in vocabularies that know HTML (Qwen, Gemma): there it ends nothing unless
 * the file has it as a control token, which is how Hugging Face's tokenizers see it. */
static const struct role {
    const char *text;
    const char *key; /* a file that has it has said which token this is */
    bool is_end;
    bool only_control; /* counts only where the file has it as a control token */
} ROLES[] = {
    {"<|eot_id|>", NULL, true},
    {"<|im_end|>", NULL, true},
    {"<|end|>", NULL, true},
    {"<end_of_turn>", NULL, true},
    {"<|endoftext|>", NULL, true},
    {"<|end_of_text|>", NULL, true},
    {"<|eom_id|>", NULL, true},
    {"<EOT>", NULL, true},
    {"<eos>", NULL, true},
    {"</s>", NULL, true, .only_control = true},
    {"<|fim_prefix|>", KEY "fim_pre_token_id", false},
    {"<fim-prefix>", KEY "fim_pre_token_id", false},
    {"<fim_prefix>", KEY "fim_pre_token_id", false},
    {"<PRE>", KEY "fim_pre_token_id", false},
    {"<|code_prefix|>", KEY "fim_pre_token_id", false},
    {"<|fim_suffix|>", KEY "fim_suf_token_id", false},
    {"<fim-suffix>", KEY "fim_suf_token_id", false},
    {"<fim_suffix>", KEY "fim_suf_token_id", false},
    {"<SUF>", KEY "fim_suf_token_id", false},
    {"<|code_suffix|>", KEY "fim_suf_token_id", false},
    {"<|fim_middle|>", KEY "fim_mid_token_id", false},
    {"<fim-middle>", KEY "fim_mid_token_id", false},
    {"<fim_middle>", KEY "fim_mid_token_id", false},
    {"<MID>", KEY "fim_mid_token_id", false},
    {"<|code_middle|>", KEY "fim_mid_token_id", false},
    {"<|fim_pad|>", KEY "fim_pad_token_id", true},
    {"<fim-pad>", KEY "fim_pad_token_id", true},
    {"<fim_pad>", KEY "fim_pad_token_id", true},
    {"<PAD>", KEY "fim_pad_token_id", true},
    {"<|fim_repo|>", KEY "fim_rep_token_id", true},
    {"<|repo_name|>", KEY "fim_rep_token_id", true},
    {"<fim-repo>", KEY "fim_rep_token_id", true},
    {"<REPO>", KEY "fim_rep_token_id", true},
    {"<reponame>", KEY "fim_rep_token_id", true},
    {"<|file_sep|>", KEY "fim_sep_token_id", true},
};

/* GLM's next turns: whoever they are for, the answer is over. Only where they are control tokens.
 */
static const char *const TURNS[] = {"<|user|>", "<|observation|>"};

/* Where the file names no end of turn, the first of these that the vocabulary has. */
static const char *const END_OF_TURN[] = {"<|eot_id|>",     "<|im_end|>", "<end_of_turn>",
                                          "<|end|>",        "<EOT>",      "<|endoftext|>",
                                          "<|end_of_text|>"};

static int read_id(const struct aglm_tokenizer *t, const struct aglm_gguf *file, const char *key,
                   int32_t *id, struct aglm_err *err)
{
    uint64_t value = 0;
    int rc = aglm_gguf_get_u64(file, key, &value, err);
    if (rc == -ENOENT) {
        if (*id >= (int64_t)t->vocab.n)
            *id = -1;
        return 0;
    }
    if (rc)
        return rc;
    if (value == UINT32_MAX) { /* -1 in 32 bits */
        *id = -1;
        return 0;
    }
    if (value >= t->vocab.n)
        return aglm_err_set(err, -EINVAL, "%s: %s is %llu, but there are %u tokens",
                            aglm_gguf_path(file), key, (unsigned long long)value, t->vocab.n);
    *id = (int32_t)value;
    return 0;
}

static int read_flag(const struct aglm_gguf *file, const char *key, bool *flag,
                     struct aglm_err *err)
{
    int rc = aglm_gguf_get_bool(file, key, flag, err);
    return rc == -ENOENT ? 0 : rc;
}

static void add_end(struct aglm_tokenizer *t, int32_t id)
{
    if (id < 0 || aglm_tokenizer_is_end(t, id) || t->n_ends == AGLM_MAX_ENDS)
        return;
    t->ends[t->n_ends++] = id;
}

static bool has_key(const struct aglm_gguf *file, const char *key)
{
    uint64_t value;
    return key && aglm_gguf_get_u64(file, key, &value, NULL) == 0;
}

static void apply_roles(struct aglm_tokenizer *t, const struct aglm_gguf *file)
{
    for (size_t i = 0; i < sizeof(ROLES) / sizeof(ROLES[0]); i++) {
        int32_t id = aglm_tokenizer_find(t, ROLES[i].text);
        if (id < 0 || has_key(file, ROLES[i].key) ||
            (ROLES[i].only_control && !aglm_tokenizer_is_control(t, id)))
            continue;
        t->vocab.types[id] = AGLM_TOKEN_CONTROL;
        t->vocab.pieces[id] = t->vocab.texts[id];
        if (ROLES[i].is_end)
            add_end(t, id);
    }
    for (size_t i = 0; i < sizeof(TURNS) / sizeof(TURNS[0]); i++) {
        int32_t id = aglm_tokenizer_find(t, TURNS[i]);
        if (id >= 0 && aglm_tokenizer_is_control(t, id))
            add_end(t, id);
    }
}

static int read_ids(struct aglm_tokenizer *t, const struct aglm_gguf *file, struct aglm_err *err)
{
    int32_t eom = -1;
    struct aglm_tokenizer_info *info = &t->info;
    const struct {
        const char *key;
        int32_t *id;
    } ids[] = {
        {KEY "bos_token_id", &info->bos},     {KEY "eos_token_id", &info->eos},
        {KEY "eot_token_id", &info->eot},     {KEY "eom_token_id", &eom},
        {KEY "unknown_token_id", &info->unk}, {KEY "padding_token_id", &info->pad},
    };
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        int rc = read_id(t, file, ids[i].key, ids[i].id, err);
        if (rc)
            return rc;
    }
    apply_roles(t, file);
    for (size_t i = 0; info->eot < 0 && i < sizeof(END_OF_TURN) / sizeof(END_OF_TURN[0]); i++)
        info->eot = aglm_tokenizer_find(t, END_OF_TURN[i]);
    add_end(t, info->eos);
    add_end(t, info->eot);
    add_end(t, eom);
    return 0;
}

static int read_flags(struct aglm_tokenizer *t, const struct aglm_gguf *file, struct aglm_err *err)
{
    struct aglm_tokenizer_info *info = &t->info;
    int rc = read_flag(file, KEY "add_bos_token", &info->add_bos, err);
    if (!rc)
        rc = read_flag(file, KEY "add_eos_token", &info->add_eos, err);
    if (!rc)
        rc = read_flag(file, KEY "add_space_prefix", &t->space_prefix, err);
    if (rc)
        return rc;
    if (info->add_bos && info->bos < 0)
        return aglm_err_set(err, -EINVAL,
                            "%s: its texts begin with BOS, but %sbos_token_id is "
                            "missing",
                            aglm_gguf_path(file), KEY);
    if (info->add_eos && info->eos < 0)
        return aglm_err_set(err, -EINVAL,
                            "%s: its texts end with EOS, but %seos_token_id is "
                            "missing",
                            aglm_gguf_path(file), KEY);
    return 0;
}

/* The kind of tokenizer, by name. *pretok NULL: SentencePiece. */
static int read_kind(struct aglm_tokenizer *t, const struct aglm_gguf *file,
                     const struct aglm_pretok **pretok, struct aglm_err *err)
{
    const char *path = aglm_gguf_path(file), *model = "", *pre = "";
    int rc = aglm_gguf_get_string(file, KEY "model", &model, err);
    if (rc && rc != -ENOENT)
        return rc;
    if (rc || strcmp(model, "no_vocab") == 0 || strcmp(model, "none") == 0)
        return aglm_err_set(err, -ENOENT,
                            "%s: has no vocabulary; take a file that was converted "
                            "with its tokenizer",
                            path);
    rc = aglm_gguf_get_string(file, KEY "pre", &pre, err);
    if (rc && rc != -ENOENT)
        return rc;
    t->is_spm = strcmp(model, "llama") == 0;
    if (!t->is_spm && strcmp(model, "gpt2") != 0)
        return aglm_err_set(err, -ENOTSUP, "%s: %smodel is '%.40s'; known are gpt2 and llama", path,
                            KEY, model);
    *pretok = t->is_spm ? NULL : aglm_pretok_find(pre);
    if (!t->is_spm && !*pretok)
        return aglm_err_set(err, -ENOTSUP, "%s: %spre is '%.40s'; known are %s", path, KEY, pre,
                            aglm_pretok_names());
    t->model = strdup(model);
    t->pre = strdup(pre);
    if (!t->model || !t->pre)
        return aglm_err_set(err, -ENOMEM, "%s: no memory for its tokenizer", path);
    return 0;
}

static int read_all(struct aglm_tokenizer *t, const struct aglm_gguf *file, struct aglm_err *err)
{
    const struct aglm_pretok *pretok = NULL;
    int rc = read_kind(t, file, &pretok, err);
    if (rc)
        return rc;
    t->info = (struct aglm_tokenizer_info){
        .model = t->model, .pre = t->pre, .bos = -1, .eos = -1, .eot = -1, .unk = -1, .pad = -1};
    t->info.add_bos = t->is_spm || pretok->add_bos;
    t->space_prefix = t->is_spm;
    rc = aglm_vocab_init(&t->vocab, file, t->is_spm ? AGLM_SPELLING_SPACE : AGLM_SPELLING_BYTES,
                         err);
    if (rc)
        return rc;
    t->info.n_tokens = t->vocab.n;
    if (t->is_spm) { /* what SentencePiece's trainer gives them */
        t->info.unk = 0;
        t->info.bos = 1;
        t->info.eos = 2;
    }
    rc = read_ids(t, file, err);
    if (!rc)
        rc = read_flags(t, file, err);
    if (!rc)
        rc = aglm_special_init(&t->special, &t->vocab, aglm_gguf_path(file), err);
    if (!rc)
        rc = t->is_spm ? aglm_spm_init(&t->spm, &t->vocab, aglm_gguf_path(file), err)
                       : aglm_bpe_init(&t->bpe, &t->vocab, pretok, file, err);
    return rc;
}

int aglm_tokenizer_open(struct aglm_tokenizer **out, const struct aglm_gguf *file,
                        struct aglm_err *err)
{
    struct aglm_tokenizer *t = calloc(1, sizeof(*t));
    if (!t)
        return aglm_err_set(err, -ENOMEM, "%s: no memory for its tokenizer", aglm_gguf_path(file));
    int rc = read_all(t, file, err);
    if (rc) {
        aglm_tokenizer_close(&t);
        return rc;
    }
    *out = t;
    return 0;
}

void aglm_tokenizer_close(struct aglm_tokenizer **tokenizer)
{
    struct aglm_tokenizer *t = *tokenizer;
    if (!t)
        return;
    aglm_bpe_finish(&t->bpe);
    aglm_spm_finish(&t->spm);
    aglm_special_finish(&t->special);
    aglm_vocab_finish(&t->vocab);
    free(t->model);
    free(t->pre);
    free(t);
    *tokenizer = NULL;
}
