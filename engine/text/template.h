/* Chat templates: the text that a family of models was trained to see around each message.
 *
 * Families are written out here; the Jinja text in a file is only looked at to find out which
 * family it is. Unknown templates are refused, never guessed. Only the messages given are written:
 * default system messages that some templates bring along (Qwen2.5's and SmolLM2's sentence, Llama
 * 3.1's dates) are not, so that a prompt's length does not depend on the day or the model.
 */
#ifndef AGLM_ENGINE_TEXT_TEMPLATE_H
#define AGLM_ENGINE_TEXT_TEMPLATE_H

#include "engine/gguf.h"
#include "engine/text/tokenizer.h"
#include "probes/err.h"

#include <stddef.h>

enum aglm_chat_family {
    AGLM_CHAT_GLM4,     /* [gMASK]<sop><|system|>\n…<|user|>\n…<|assistant|> */
    AGLM_CHAT_GLM_EDGE, /* the same without [gMASK]<sop> */
    AGLM_CHAT_CHATGLM3, /* [gMASK]sop<|user|>\n …<|assistant|> */
    AGLM_CHAT_LLAMA3,   /* BOS, <|start_header_id|>user<|end_header_id|>\n\n…<|eot_id|> */
    AGLM_CHAT_CHATML,   /* <|im_start|>user\n…<|im_end|>\n: Qwen, SmolLM2 */
    AGLM_CHAT_GEMMA, /* BOS, <start_of_turn>user\n…<end_of_turn>\n; system before the first user */
};

#define AGLM_CHAT_FAMILIES "glm4, glm-edge, chatglm3, llama3, chatml, gemma"

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
/* The messages, then the opening of the assistant's answer. *text: allocated, NUL-terminated;
 * without BOS. -EINVAL: a role, or an order of roles, that the family does not have. */
int aglm_chat_format(enum aglm_chat_family family, const struct aglm_chat_message *messages,
                     size_t n, char **text, struct aglm_err *err);
/* The ids of that text, appended to *out, BOS in front where the family has one and the file asks
 * for it. Control tokens come from the template only: what looks like one inside a message is text.
 * -ENOTSUP: the vocabulary lacks a control token of the family. On error *out is as before. */
int aglm_chat_encode(enum aglm_chat_family family, const struct aglm_tokenizer *tokenizer,
                     const struct aglm_chat_message *messages, size_t n, struct aglm_tokens *out,
                     struct aglm_err *err);

#endif
