/* Chat templates: the text that a family of models was trained to see around each message.
 *
 * Families are written out here; the Jinja text in a file is only looked at to find out which
 * family it is. Unknown templates are refused, never guessed.
 */
#ifndef AGLM_ENGINE_TEXT_TEMPLATE_H
#define AGLM_ENGINE_TEXT_TEMPLATE_H

#include "engine/gguf.h"
#include "engine/text/tokenizer.h"
#include "probes/err.h"

enum aglm_chat_family {
    AGLM_CHAT_GLM4,     /* [gMASK]<sop><|system|>\n…<|user|>\n…<|assistant|> */
    AGLM_CHAT_GLM_EDGE, /* the same without [gMASK]<sop> */
    AGLM_CHAT_CHATGLM3,
    AGLM_CHAT_LLAMA3,
    AGLM_CHAT_CHATML, /* Qwen, SmolLM2 */
    AGLM_CHAT_GEMMA,
};

struct aglm_chat_message {
    const char *role; /* "system", "user", "assistant", "observation" */
    const char *content;
};

const char *aglm_chat_family_name(enum aglm_chat_family family); /* "glm4", "glm-edge", … */
/* By name, for --template; -EINVAL lists the names. */
int aglm_chat_family_by_name(enum aglm_chat_family *out, const char *name, struct aglm_err *err);
/* From tokenizer.chat_template and the control tokens. -ENOENT: the file has no template and no
 * telling tokens; -ENOTSUP: a template of no known family. */
int aglm_chat_detect(enum aglm_chat_family *out, const struct aglm_gguf *file,
                     const struct aglm_tokenizer *tokenizer, struct aglm_err *err);
/* The messages, then the opening of the assistant's answer. *text: allocated, to be tokenized with
 * AGLM_TOKENIZE_SPECIAL (and with MARKS only where the family says so in its table). -EINVAL: a
 * role that the family does not have. */
int aglm_chat_format(enum aglm_chat_family family, const struct aglm_chat_message *messages,
                     size_t n, char **text, struct aglm_err *err);

#endif
