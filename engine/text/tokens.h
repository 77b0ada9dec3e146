/* Growing a list of token ids; not for those outside of engine/text. */
#ifndef AGLM_ENGINE_TEXT_TOKENS_H
#define AGLM_ENGINE_TEXT_TOKENS_H

#include "engine/text/tokenizer.h"

/* 0 or -ENOMEM. */
int aglm_tokens_push(struct aglm_tokens *tokens, int32_t id, struct aglm_err *err);

#endif
