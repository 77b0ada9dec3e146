/* Which files of a folder hold the vocabulary, and what the ids mean that more than one of them
 * names.
 *
 * In: tokenizer.json, tokenizer.model, tokenizer_config.json, chat_template.jinja,
 * generation_config.json, config.json. Out: a vocabulary (vocab.h). Refused: a folder with neither
 * of the first two, a tokenizer.model that is no SentencePiece model (GLM-4's older folders have
 * a list of byte strings under that name).
 */
#include "engine/convert/vocab.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_VOCAB_BYTES = 256 * 1024 * 1024, MAX_CONFIG_BYTES = 16 * 1024 * 1024 };

struct place {
    const char *folder;
    char path[4096];
};

/* Whether the file is there; its path in place. */
static bool is_there(struct place *p, const char *name)
{
    int n = snprintf(p->path, sizeof(p->path), "%s/%s", p->folder, name);
    return n > 0 && (size_t)n < sizeof(p->path) && access(p->path, F_OK) == 0;
}

static int read_model(struct aglm_hf_vocab *v, const char *path, struct aglm_err *err)
{
    char *bytes = NULL;
    size_t size = 0;
    int rc = aglm_json_slurp(&bytes, &size, path, MAX_VOCAB_BYTES, err);
    if (!rc)
        rc = aglm_sentencepiece_read(v, bytes, size, path, err);
    free(bytes);
    return rc;
}

static bool contains(const cJSON *item, const char *name)
{
    return item && item->string && strcmp(item->string, name) == 0;
}

/* A template that puts BOS first asks for it. */
static enum aglm_maybe template_adds_bos(const cJSON *root)
{
    const cJSON *post = aglm_json_get(root, "post_processor");
    const cJSON *list = aglm_json_get(post, "processors"), *each;
    const cJSON *single = aglm_json_get(post, "single");
    cJSON_ArrayForEach(each, list)
    {
        if (aglm_json_get(each, "single"))
            single = aglm_json_get(each, "single");
    }
    if (!cJSON_IsArray(single) || !single->child)
        return AGLM_UNKNOWN;
    return contains(single->child->child, "SpecialToken") ? AGLM_YES : AGLM_NO;
}

/* The id that a template's first token has, by its text; -1: none. */
static int32_t template_first(const struct aglm_hf_vocab *v, const cJSON *root)
{
    const cJSON *post = aglm_json_get(root, "post_processor");
    const cJSON *list = aglm_json_get(post, "processors"), *each;
    const cJSON *single = aglm_json_get(post, "single");
    cJSON_ArrayForEach(each, list)
    {
        if (aglm_json_get(each, "single"))
            single = aglm_json_get(each, "single");
    }
    const cJSON *token = cJSON_IsArray(single) && single->child
                             ? aglm_json_get(single->child, "SpecialToken")
                             : NULL;
    const cJSON *id = aglm_json_get(token, "id");
    return cJSON_IsString(id) ? aglm_hf_vocab_find(v, id->valuestring) : -1;
}

static int read_tokens(struct aglm_hf_vocab *v, struct place *p, const cJSON *json,
                       const char *json_path, const struct aglm_hf_vocab_options *options,
                       struct aglm_err *err)
{
    int rc;
    if (json && aglm_tokenizer_json_is_byte_level(json))
        rc = aglm_tokenizer_json_bpe(v, json, json_path, options, err);
    else if (is_there(p, "tokenizer.model"))
        rc = read_model(v, p->path, err);
    else if (json)
        rc = aglm_tokenizer_json_spm(v, json, json_path, err);
    else
        rc = aglm_err_set(err, -ENOENT,
                          "%s: there is neither tokenizer.json nor tokenizer.model; "
                          "--no-tokenizer makes a file without",
                          p->folder);
    if (!rc && json)
        rc = aglm_tokenizer_json_added(v, json, json_path, err);
    return rc;
}

/* An id, or the first of a list of ids. */
static void mark_from_ids(struct aglm_hf_vocab *v, enum aglm_mark mark, const cJSON *root,
                          const char *key)
{
    const cJSON *item = aglm_json_get(root, key);
    uint64_t id;
    if (cJSON_IsArray(item))
        item = item->child;
    if (v->marks[mark] < 0 && aglm_json_whole(item, &id) == 0 && id < v->n)
        v->marks[mark] = (int32_t)id;
}

static void marks_from_ids(struct aglm_hf_vocab *v, const cJSON *root)
{
    mark_from_ids(v, AGLM_MARK_BOS, root, "bos_token_id");
    mark_from_ids(v, AGLM_MARK_EOS, root, "eos_token_id");
    mark_from_ids(v, AGLM_MARK_PAD, root, "pad_token_id");
}

/* GLM's published configs do not name what its converter and templates rely on. */
static void glm_marks(struct aglm_hf_vocab *v, bool with_bos)
{
    int32_t end = aglm_hf_vocab_find(v, "<|endoftext|>"), user = aglm_hf_vocab_find(v, "<|user|>");
    if (end >= 0) {
        v->marks[AGLM_MARK_EOS] = v->marks[AGLM_MARK_UNK] = end;
        if (with_bos)
            v->marks[AGLM_MARK_BOS] = end;
    }
    if (user >= 0)
        v->marks[AGLM_MARK_EOT] = user;
    v->add_bos = AGLM_NO;
}

/* Ends of a turn that published files use; the first that there is. */
static void turn_end(struct aglm_hf_vocab *v)
{
    static const char *const ENDS[] = {"<|eot_id|>", "<|im_end|>", "<end_of_turn>"};
    for (size_t i = 0; v->marks[AGLM_MARK_EOT] < 0 && i < sizeof(ENDS) / sizeof(*ENDS); i++)
        v->marks[AGLM_MARK_EOT] = aglm_hf_vocab_find(v, ENDS[i]);
}

static int read_settings(struct aglm_hf_vocab *v, struct place *p, const cJSON *config,
                         struct aglm_err *err)
{
    cJSON *tree = NULL;
    size_t size;
    int rc = 0;
    if (is_there(p, "tokenizer_config.json")) {
        rc = aglm_json_open(&tree, p->path, MAX_CONFIG_BYTES, err);
        if (!rc)
            rc = aglm_tokenizer_config(v, tree, p->path, err);
        cJSON_Delete(tree);
        tree = NULL;
    }
    if (!rc && !v->chat_template && is_there(p, "chat_template.jinja")) {
        rc = aglm_json_slurp(&v->chat_template, &size, p->path, MAX_CONFIG_BYTES, err);
        if (!rc && strlen(v->chat_template) != size)
            rc = aglm_err_set(err, -EINVAL, "%s: holds a NUL character", p->path);
    }
    if (!rc)
        marks_from_ids(v, config);
    if (!rc && is_there(p, "generation_config.json")) {
        rc = aglm_json_open(&tree, p->path, MAX_CONFIG_BYTES, err);
        if (!rc)
            marks_from_ids(v, tree);
        cJSON_Delete(tree);
    }
    return rc;
}

int aglm_hf_vocab_read(struct aglm_hf_vocab *v, const char *folder, const cJSON *config,
                       const struct aglm_hf_vocab_options *options, struct aglm_err *err)
{
    struct place p = {.folder = folder};
    char json_path[sizeof(p.path)];
    cJSON *json = NULL;
    int rc = 0;
    if (is_there(&p, "tokenizer.json"))
        rc = aglm_json_open(&json, p.path, MAX_VOCAB_BYTES, err);
    snprintf(json_path, sizeof(json_path), "%s", p.path);
    if (!rc)
        rc = read_tokens(v, &p, json, json_path, options, err);
    if (!rc)
        rc = read_settings(v, &p, config, err);
    if (!rc && json && v->add_bos == AGLM_UNKNOWN && v->marks[AGLM_MARK_BOS] >= 0 &&
        template_adds_bos(json) != AGLM_UNKNOWN)
        v->add_bos = template_first(v, json) == v->marks[AGLM_MARK_BOS] ? AGLM_YES : AGLM_NO;
    cJSON_Delete(json);
    if (rc)
        return rc;
    const bool glm4 = strcmp(options->gguf_arch, "glm4") == 0;
    if (strcmp(v->model, "gpt2") == 0 && (glm4 || strcmp(options->gguf_arch, "chatglm") == 0))
        glm_marks(v, glm4);
    turn_end(v);
    return aglm_hf_vocab_pad(v) ? aglm_err_set(err, -ENOMEM, "%s: out of memory", folder) : 0;
}
