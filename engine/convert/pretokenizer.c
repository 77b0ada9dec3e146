/* Which of GGUF's named pre-tokenizers a tokenizer.json describes.
 *
 * In: its "pre_tokenizer", "normalizer" and "model". Out: the name. GGUF files carry no rule, only
 * a name that every reader must know; so a description that equals none of those known here is
 * refused, and the user may say which one is meant (--pre).
 */
#include "engine/convert/vocab.h"

#include <errno.h>
#include <string.h>

#define CONTRACTIONS "(?i:'s|'t|'re|'ve|'m|'ll|'d)|"
#define WORDS "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|"
#define REST "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
/* The same without inline flags, as some files write it. */
#define SPELLED "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|"

enum shape {
    SHAPE_NONE,
    SHAPE_TRIPLE, /* digits in groups of up to three */
    SHAPE_SINGLE, /* digits one by one */
    SHAPE_DIGITS, /* digits cut out first, then GPT-2's rule */
    SHAPE_GPT2,
};

static enum shape shape_of_regex(const char *regex)
{
    static const struct {
        const char *regex;
        enum shape shape;
    } KNOWN[] = {
        {CONTRACTIONS WORDS "\\p{N}{1,3}" REST, SHAPE_TRIPLE},
        {SPELLED WORDS "\\p{N}{1,3}" REST, SHAPE_TRIPLE},
        {CONTRACTIONS WORDS "\\p{N}" REST, SHAPE_SINGLE},
        {SPELLED WORDS "\\p{N}" REST, SHAPE_SINGLE},
    };
    for (size_t i = 0; i < sizeof(KNOWN) / sizeof(*KNOWN); i++)
        if (strcmp(regex, KNOWN[i].regex) == 0)
            return KNOWN[i].shape;
    return SHAPE_NONE;
}

static const char *text_of(const cJSON *object, const char *key)
{
    const cJSON *item = aglm_json_get(object, key);
    return cJSON_IsString(item) ? item->valuestring : "";
}

static bool is_type(const cJSON *item, const char *type)
{
    return strcmp(text_of(item, "type"), type) == 0;
}

static bool is_true(const cJSON *object, const char *key, bool absent)
{
    const cJSON *item = aglm_json_get(object, key);
    return item ? cJSON_IsTrue(item) : absent;
}

/* A step and, if it is a sequence, its only steps: at most two, both outputs NULL otherwise. */
static void steps_of(const cJSON *pre, const cJSON *steps[2])
{
    const cJSON *list = aglm_json_get(pre, "pretokenizers");
    steps[0] = steps[1] = NULL;
    if (!is_type(pre, "Sequence")) {
        steps[0] = pre;
    } else if (cJSON_IsArray(list) && list->child &&
               (!list->child->next || !list->child->next->next)) {
        steps[0] = list->child;
        steps[1] = list->child->next;
    }
}

static enum shape shape_of(const cJSON *root)
{
    const cJSON *steps[2];
    steps_of(aglm_json_get(root, "pre_tokenizer"), steps);
    const cJSON *bytes = steps[1] ? steps[1] : steps[0];
    if (!is_type(bytes, "ByteLevel") || is_true(bytes, "add_prefix_space", true))
        return SHAPE_NONE;
    const bool rule = is_true(bytes, "use_regex", true);
    if (!steps[1])
        return rule ? SHAPE_GPT2 : SHAPE_NONE;
    if (is_type(steps[0], "Digits"))
        return rule && is_true(steps[0], "individual_digits", false) ? SHAPE_DIGITS : SHAPE_NONE;
    if (is_type(steps[0], "Split") && !rule && !is_true(steps[0], "invert", false) &&
        strcmp(text_of(steps[0], "behavior"), "Isolated") == 0)
        return shape_of_regex(text_of(aglm_json_get(steps[0], "pattern"), "Regex"));
    return SHAPE_NONE;
}

/* None and an empty sequence change nothing; NFC composes. */
static int check_normalizer(const cJSON *root, bool *composes, const char *file,
                            struct aglm_err *err)
{
    const cJSON *normalizer = aglm_json_get(root, "normalizer");
    const cJSON *list = aglm_json_get(normalizer, "normalizers");
    if (is_type(normalizer, "Sequence") && cJSON_IsArray(list))
        normalizer = list->child && !list->child->next ? list->child
                     : list->child                     ? normalizer
                                                       : NULL;
    *composes = is_type(normalizer, "NFC");
    if (!normalizer || *composes)
        return 0;
    return aglm_err_set(err, -ENOTSUP,
                        "%s: normalizer \"%.40s\" has no counterpart in GGUF's byte-level "
                        "tokenizers",
                        file, text_of(normalizer, "type"));
}

int aglm_pretokenizer_find(const char **pre, bool *composes, const cJSON *root, const char *file,
                           const char *gguf_arch, struct aglm_err *err)
{
    const bool whole_words = is_true(aglm_json_get(root, "model"), "ignore_merges", false);
    int rc = check_normalizer(root, composes, file, err);
    if (rc)
        return rc;
    switch (shape_of(root)) {
    case SHAPE_TRIPLE:
        if (strcmp(gguf_arch, "glm4") == 0)
            *pre = "glm4";
        else if (strcmp(gguf_arch, "chatglm") == 0)
            *pre = "chatglm-bpe";
        else if (whole_words)
            *pre = "llama-bpe";
        else
            break;
        return 0;
    case SHAPE_SINGLE:
        *pre = "qwen2";
        return 0;
    case SHAPE_DIGITS:
        *pre = "smollm";
        return 0;
    case SHAPE_GPT2:
        *pre = "gpt-2";
        return 0;
    case SHAPE_NONE:
        break;
    }
    return aglm_err_set(err, -ENOTSUP,
                        "%s: key \"pre_tokenizer\" equals none of those known (chatglm-bpe, glm4, "
                        "llama-bpe, qwen2, smollm, gpt-2); if one of them is right, give it with "
                        "--pre",
                        file);
}
