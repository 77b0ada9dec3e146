/* A model file in memory with a vocabulary that can be read: 256 bytes (id = byte), "ab", and
 * control tokens.
 */
#ifndef AGLM_TESTS_CHAT_BUILD_H
#define AGLM_TESTS_CHAT_BUILD_H

#include "tests/unit/engine/gguf_build.h"

#include <stdbool.h>

/* Fills build with a file that has that chat template (NULL: none) and those control tokens, ids
 * from 257 on; the first of them is BOS if bos. */
void build_chat(struct build *build, const char *jinja, const char *const *controls, size_t n,
                bool bos);

#endif
