/* Special tokens in text: the longest token written out at a place, in time that depends on no more
 * than the longest such token.
 */
#ifndef AGLM_ENGINE_TEXT_SPECIAL_H
#define AGLM_ENGINE_TEXT_SPECIAL_H

#include "engine/text/vocab.h"

struct aglm_special_node {
    uint64_t key; /* parent << 8 | byte, + 1; 0: free */
    uint32_t node;
};

struct aglm_special {
    const struct aglm_vocab *vocab;
    bool first[256];                 /* some token begins with the byte */
    struct aglm_special_node *nodes; /* by hash of the key; [mask + 1] */
    size_t mask;
    int32_t *ids; /* [number of nodes]: the token that ends there, or -1 */
};

/* Takes the control, unknown and user-defined tokens. vocab must outlive it. -EINVAL: one that is
 * too long to be sane. On error special is as after finish. */
int aglm_special_init(struct aglm_special *special, const struct aglm_vocab *vocab,
                      const char *file, struct aglm_err *err);
void aglm_special_finish(struct aglm_special *special);
/* The id of the longest token that text: [n] begins with, or -1; without control only user-defined
 * tokens count. */
int32_t aglm_special_match(const struct aglm_special *special, const char *text, size_t n,
                           bool control);

#endif
