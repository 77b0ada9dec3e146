/* The merging that byte-level BPE and SentencePiece share: of all neighbours that make a token the
 * best are joined first, of equals the leftmost, until none is left. O(n log n).
 */
#ifndef AGLM_ENGINE_TEXT_MERGE_H
#define AGLM_ENGINE_TEXT_MERGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AGLM_MERGE_NONE UINT32_MAX

struct aglm_symbol {
    int32_t id;          /* token, -1 for a character that is none */
    uint32_t begin, end; /* bytes of the text */
    uint32_t previous, next;
    uint32_t order; /* of joining with the next; AGLM_MERGE_NONE: not possible */
    int32_t joined; /* the token that joining makes */
};

struct aglm_merger {
    struct aglm_symbol *symbols; /* filled by the caller: id, begin, end */
    uint64_t *heap;              /* order << 32 | symbol */
    size_t capacity, n_heap;
};

/* Whether left and right make a token: then writes its id and the order (small first, not
 * AGLM_MERGE_NONE). */
typedef bool aglm_merge_rule(const void *context, const struct aglm_symbol *left,
                             const struct aglm_symbol *right, uint32_t *order, int32_t *joined);

/* Room for n symbols, n < UINT32_MAX; 0 or -ENOMEM. */
int aglm_merger_reserve(struct aglm_merger *merger, size_t n);
/* Merges symbols[0, n). The result is the chain from symbols[0] along next to
 * AGLM_MERGE_NONE. */
void aglm_merger_run(struct aglm_merger *merger, size_t n, aglm_merge_rule *rule,
                     const void *context);
void aglm_merger_finish(struct aglm_merger *merger);

#endif
