/* tokenizer.json and tokenizer_config.json: vocabulary, merges, added tokens, marks, chat template.
 *
 * In: trees of these files. Out: a vocabulary (vocab.h). Refused: models other than BPE, ids that
 * are none or come twice, merges that are no pair.
 */
#include "engine/convert/vocab.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int out_of_memory(const char *file, struct aglm_err *err)
{
    return aglm_err_set(err, -ENOMEM, "%s: out of memory", file);
}

static const char *text_of(const cJSON *object, const char *key)
{
    const cJSON *item = aglm_json_get(object, key);
    return cJSON_IsString(item) ? item->valuestring : NULL;
}

static bool has_step(const cJSON *step, const char *list, const char *type)
{
    const char *own = text_of(step, "type");
    const cJSON *inner;
    if (own && strcmp(own, type) == 0)
        return true;
    cJSON_ArrayForEach(inner, aglm_json_get(step, list))
    {
        own = text_of(inner, "type");
        if (own && strcmp(own, type) == 0)
            return true;
    }
    return false;
}

bool aglm_tokenizer_json_is_byte_level(const cJSON *root)
{
    return has_step(aglm_json_get(root, "pre_tokenizer"), "pretokenizers", "ByteLevel");
}

static bool is_byte(const char *text)
{
    return strlen(text) == 6 && memcmp(text, "<0x", 3) == 0 && text[5] == '>';
}

/* The vocabulary of model: {"text": id, …}. */
static int read_vocab(struct aglm_hf_vocab *v, const cJSON *root, const char *file,
                      struct aglm_err *err)
{
    const cJSON *model = aglm_json_get(root, "model"), *item;
    const cJSON *vocab = aglm_json_get(model, "vocab");
    const char *type = text_of(model, "type");
    const bool spm = strcmp(v->model, "llama") == 0;
    if ((type && strcmp(type, "BPE") != 0) || !cJSON_IsObject(vocab) || !vocab->child)
        return aglm_err_set(err, -ENOTSUP,
                            "%s: key \"model\" must be BPE with a vocabulary; type \"%.40s\" "
                            "cannot be converted",
                            file, type ? type : "unknown");
    cJSON_ArrayForEach(item, vocab)
    {
        uint64_t id = 0;
        int rc = aglm_json_whole(item, &id);
        if (!rc)
            rc = aglm_hf_vocab_set(
                v, id, item->string, strlen(item->string),
                spm && is_byte(item->string) ? AGLM_HF_TOKEN_BYTE : AGLM_HF_TOKEN_NORMAL, 0.0f);
        if (rc == -ENOMEM)
            return out_of_memory(file, err);
        if (rc)
            return aglm_err_set(err, -EINVAL, "%s: token '%.60s': %s", file, item->string,
                                rc == -ERANGE   ? "its id is outside the model's vocabulary"
                                : rc == -EEXIST ? "another token has the same id"
                                                : "its id is no whole number");
    }
    return 0;
}

/* Both halves of a merge, "a b" or ["a", "b"]; sizes in *left_size, *right_size. */
static int read_merge(const cJSON *item, const char **left, size_t *left_size, const char **right)
{
    if (cJSON_IsString(item)) {
        const char *space = strchr(item->valuestring, ' ');
        if (!space || space == item->valuestring || !space[1] || strchr(space + 1, ' '))
            return -EINVAL;
        *left = item->valuestring;
        *left_size = (size_t)(space - item->valuestring);
        *right = space + 1;
        return 0;
    }
    const cJSON *first = cJSON_IsArray(item) ? item->child : NULL;
    if (!first || !first->next || first->next->next || !cJSON_IsString(first) ||
        !cJSON_IsString(first->next) || !first->valuestring[0] || !first->next->valuestring[0])
        return -EINVAL;
    *left = first->valuestring;
    *left_size = strlen(first->valuestring);
    *right = first->next->valuestring;
    return 0;
}

static int bad_merge(const char *file, size_t i, struct aglm_err *err)
{
    return aglm_err_set(err, -EINVAL, "%s: merge %zu is no pair of tokens", file, i);
}

static const cJSON *merges_of(const cJSON *root)
{
    const cJSON *merges = aglm_json_get(aglm_json_get(root, "model"), "merges");
    return cJSON_IsArray(merges) && merges->child ? merges : NULL;
}

/* "left sep right" in *buffer, grown as needed; its length, or 0 when out of memory. */
static size_t join(char **buffer, size_t *capacity, const char *left, size_t left_size,
                   const char *sep, const char *right)
{
    size_t need = left_size + strlen(sep) + strlen(right) + 1;
    if (need > *capacity) {
        char *grown = realloc(*buffer, need * 2);
        if (!grown)
            return 0;
        *buffer = grown;
        *capacity = need * 2;
    }
    return (size_t)snprintf(*buffer, *capacity, "%.*s%s%s", (int)left_size, left, sep, right);
}

static int pack_merges(struct aglm_hf_vocab *v, const cJSON *root, const char *file,
                       struct aglm_err *err)
{
    const cJSON *merges = merges_of(root), *item;
    char *buffer = NULL;
    size_t capacity = 0, i = 0;
    int rc = merges ? 0
                    : aglm_err_set(err, -EINVAL,
                                   "%s: key \"merges\" is missing or empty; a byte-level "
                                   "vocabulary cannot be used without",
                                   file);
    cJSON_ArrayForEach(item, merges)
    {
        const char *left, *right;
        size_t left_size, size;
        if (rc)
            break;
        if (read_merge(item, &left, &left_size, &right) != 0 || memchr(left, ' ', left_size) ||
            strchr(right, ' ')) {
            rc = bad_merge(file, i, err);
        } else {
            size = join(&buffer, &capacity, left, left_size, " ", right);
            if (!size || aglm_packed_add(&v->merges, buffer, size) != 0)
                rc = out_of_memory(file, err);
        }
        i++;
    }
    free(buffer);
    return rc;
}

int aglm_tokenizer_json_bpe(struct aglm_hf_vocab *v, const cJSON *root, const char *file,
                            const struct aglm_hf_vocab_options *options, struct aglm_err *err)
{
    const char *pre = options->pre;
    int rc = 0;
    v->model = "gpt2";
    if (!pre)
        rc = aglm_pretokenizer_find(&pre, &v->composes, root, file, options->gguf_arch, err);
    if (!rc && strlen(pre) >= sizeof(v->pre))
        rc = aglm_err_set(err, -EINVAL, "--pre: \"%.40s\" is too long for a name", pre);
    if (rc)
        return rc;
    snprintf(v->pre, sizeof(v->pre), "%s", pre);
    rc = read_vocab(v, root, file, err);
    return rc ? rc : pack_merges(v, root, file, err);
}

/* ---- SentencePiece's vocabulary in tokenizer.json ---- */

static int by_text(const void *a, const void *b)
{
    const char *const *const *x = a, *const *const *y = b;
    return strcmp(**x, **y);
}

/* The first merge that makes a token gives its score: minus its place in the list. */
static int score_merges(struct aglm_hf_vocab *v, char ***sorted, size_t n, const cJSON *merges,
                        const char *file, struct aglm_err *err)
{
    const cJSON *item;
    char *buffer = NULL;
    size_t capacity = 0, i = 0;
    int rc = 0;
    cJSON_ArrayForEach(item, merges)
    {
        const char *left, *right;
        size_t left_size;
        if (read_merge(item, &left, &left_size, &right) != 0) {
            rc = bad_merge(file, i, err);
        } else if (!join(&buffer, &capacity, left, left_size, "", right)) {
            rc = out_of_memory(file, err);
        } else {
            char **key = &buffer;
            char ***found = bsearch(&key, sorted, n, sizeof(*sorted), by_text);
            size_t id = found ? (size_t)(*found - v->text) : 0;
            if (!found)
                rc = aglm_err_set(err, -EINVAL, "%s: merge %zu makes '%.60s', which is no token",
                                  file, i, buffer);
            else if (v->scores[id] < -1e8f)
                v->scores[id] = -(float)i;
        }
        if (rc)
            break;
        i++;
    }
    free(buffer);
    return rc;
}

/* Whether a space is put in front of the text. */
static enum aglm_maybe prefixes_space(const cJSON *root)
{
    const cJSON *pre = aglm_json_get(root, "pre_tokenizer");
    const char *scheme = text_of(pre, "prepend_scheme");
    if (has_step(aglm_json_get(root, "normalizer"), "normalizers", "Prepend"))
        return AGLM_YES;
    if (has_step(pre, "pretokenizers", "Metaspace"))
        return scheme && strcmp(scheme, "never") == 0 ? AGLM_NO : AGLM_YES;
    return AGLM_NO;
}

int aglm_tokenizer_json_spm(struct aglm_hf_vocab *v, const cJSON *root, const char *file,
                            struct aglm_err *err)
{
    const cJSON *model = aglm_json_get(root, "model"), *merges = merges_of(root);
    size_t n = 0;
    v->model = "llama";
    if (!cJSON_IsTrue(aglm_json_get(model, "byte_fallback")) || !merges)
        return aglm_err_set(err, -ENOTSUP,
                            "%s: neither a byte-level vocabulary nor one with byte fallback and "
                            "merges; it cannot be converted",
                            file);
    int rc = read_vocab(v, root, file, err);
    if (rc)
        return rc;
    char ***sorted = malloc((v->n + 1) * sizeof(*sorted));
    if (!sorted)
        return out_of_memory(file, err);
    for (size_t i = 0; i < v->n; i++) {
        v->scores[i] = -1e9f;
        if (v->text[i])
            sorted[n++] = &v->text[i];
    }
    qsort(sorted, n, sizeof(*sorted), by_text);
    rc = score_merges(v, sorted, n, merges, file, err);
    free(sorted);
    v->add_space_prefix = prefixes_space(root);
    return rc;
}

/* ---- added tokens, marks ---- */

static int add_token(struct aglm_hf_vocab *v, uint64_t id, const cJSON *token, const char *file,
                     struct aglm_err *err)
{
    const char *text = text_of(token, "content");
    if (!text || !text[0])
        return aglm_err_set(err, -EINVAL, "%s: an added token has no \"content\"", file);
    int rc = aglm_hf_vocab_add(v, id, text, cJSON_IsTrue(aglm_json_get(token, "special")));
    return rc ? out_of_memory(file, err) : 0;
}

int aglm_tokenizer_json_added(struct aglm_hf_vocab *v, const cJSON *root, const char *file,
                              struct aglm_err *err)
{
    const cJSON *added = aglm_json_get(root, "added_tokens"), *token;
    if (added && !cJSON_IsArray(added))
        return aglm_err_set(err, -EINVAL, "%s: key \"added_tokens\" must be a list", file);
    cJSON_ArrayForEach(token, added)
    {
        uint64_t id = 0;
        if (aglm_json_whole(aglm_json_get(token, "id"), &id) != 0)
            return aglm_err_set(err, -EINVAL, "%s: an added token's \"id\" is no whole number",
                                file);
        int rc = add_token(v, id, token, file, err);
        if (rc)
            return rc;
    }
    return 0;
}

/* "added_tokens_decoder": {"128000": {"content": …}, …} */
static int read_decoder(struct aglm_hf_vocab *v, const cJSON *root, const char *file,
                        struct aglm_err *err)
{
    const cJSON *decoder = aglm_json_get(root, "added_tokens_decoder"), *token;
    if (decoder && !cJSON_IsObject(decoder))
        return aglm_err_set(err, -EINVAL, "%s: key \"added_tokens_decoder\" must be an object",
                            file);
    cJSON_ArrayForEach(token, decoder)
    {
        char *end = NULL;
        unsigned long id = strtoul(token->string, &end, 10);
        if (token->string[0] < '0' || token->string[0] > '9' || *end || id > INT32_MAX)
            return aglm_err_set(err, -EINVAL, "%s: \"added_tokens_decoder\" has an id '%.40s'",
                                file, token->string);
        int rc = add_token(v, id, token, file, err);
        if (rc)
            return rc;
    }
    return 0;
}

/* A token by name, written as text or as {"content": text}. */
static int32_t named(const struct aglm_hf_vocab *v, const cJSON *root, const char *key)
{
    const char *text = text_of(root, key);
    if (!text)
        text = text_of(aglm_json_get(root, key), "content");
    return text ? aglm_hf_vocab_find(v, text) : -1;
}

static enum aglm_maybe maybe(const cJSON *item, enum aglm_maybe otherwise)
{
    return cJSON_IsBool(item) ? (cJSON_IsTrue(item) ? AGLM_YES : AGLM_NO) : otherwise;
}

/* One text, or a list of {name, template} of which "default" is taken. */
static const char *template_of(const cJSON *root)
{
    const cJSON *item = aglm_json_get(root, "chat_template"), *each;
    if (cJSON_IsString(item))
        return item->valuestring;
    cJSON_ArrayForEach(each, item)
    {
        const char *name = text_of(each, "name");
        if (name && strcmp(name, "default") == 0)
            return text_of(each, "template");
    }
    return NULL;
}

int aglm_tokenizer_config(struct aglm_hf_vocab *v, const cJSON *root, const char *file,
                          struct aglm_err *err)
{
    static const struct {
        const char *key;
        enum aglm_mark mark;
    } MARKS[] = {{"bos_token", AGLM_MARK_BOS},
                 {"eos_token", AGLM_MARK_EOS},
                 {"unk_token", AGLM_MARK_UNK},
                 {"pad_token", AGLM_MARK_PAD}};
    int rc = read_decoder(v, root, file, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < sizeof(MARKS) / sizeof(*MARKS); i++)
        v->marks[MARKS[i].mark] = named(v, root, MARKS[i].key);
    v->add_bos = maybe(aglm_json_get(root, "add_bos_token"), v->add_bos);
    v->add_eos = maybe(aglm_json_get(root, "add_eos_token"), v->add_eos);
    const char *text = template_of(root);
    if (text && !(v->chat_template = strdup(text)))
        return out_of_memory(file, err);
    return 0;
}
