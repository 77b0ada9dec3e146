/* Merging: see merge.h. A heap entry is stale when its symbol's order has changed since; a symbol
 * that was joined into another has none. Each join adds at most two entries.
 */
#include "engine/text/merge.h"

#include <errno.h>
#include <stdlib.h>

enum { ARITY = 4 }; /* four children of a node: one line of cache to look at, half the depth */

int aglm_merger_reserve(struct aglm_merger *m, size_t n)
{
    if (n <= m->capacity)
        return 0;
    size_t capacity = n < 64 ? 64 : n + n / 2;
    struct aglm_symbol *symbols = NULL;
    uint64_t *heap = NULL;
    if (capacity < SIZE_MAX / 64) {
        symbols = malloc(capacity * sizeof(*symbols));
        heap = malloc(3 * capacity * sizeof(*heap));
    }
    if (!symbols || !heap) {
        free(symbols);
        free(heap);
        return -ENOMEM;
    }
    aglm_merger_finish(m);
    *m = (struct aglm_merger){.symbols = symbols, .heap = heap, .capacity = capacity};
    return 0;
}

void aglm_merger_finish(struct aglm_merger *m)
{
    free(m->symbols);
    free(m->heap);
    *m = (struct aglm_merger){0};
}

/* The smallest of the up to four children from first on. */
static size_t smallest(const uint64_t *heap, size_t n, size_t first)
{
    size_t best = first, end = n - first < ARITY ? n : first + ARITY;
    for (size_t i = first + 1; i < end; i++)
        best = heap[i] < heap[best] ? i : best;
    return best;
}

static void sink(uint64_t *heap, size_t n, size_t at)
{
    uint64_t value = heap[at];
    for (size_t first = ARITY * at + 1; first < n; first = ARITY * at + 1) {
        size_t child = smallest(heap, n, first);
        if (value <= heap[child])
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = value;
}

static void push(struct aglm_merger *m, uint64_t value)
{
    size_t at = m->n_heap++;
    while (at > 0 && value < m->heap[(at - 1) / ARITY]) {
        m->heap[at] = m->heap[(at - 1) / ARITY];
        at = (at - 1) / ARITY;
    }
    m->heap[at] = value;
}

static uint64_t pop(struct aglm_merger *m)
{
    uint64_t best = m->heap[0];
    m->heap[0] = m->heap[--m->n_heap];
    if (m->n_heap)
        sink(m->heap, m->n_heap, 0);
    return best;
}

/* Finds out anew how symbol i joins with its next; true when it does. */
static bool judge(struct aglm_merger *m, uint32_t i, aglm_merge_rule *rule, const void *context)
{
    struct aglm_symbol *s = &m->symbols[i];
    if (s->next == AGLM_MERGE_NONE ||
        !rule(context, s, &m->symbols[s->next], &s->order, &s->joined))
        s->order = AGLM_MERGE_NONE;
    return s->order != AGLM_MERGE_NONE;
}

static uint64_t entry(const struct aglm_merger *m, uint32_t i)
{
    return (uint64_t)m->symbols[i].order << 32 | i;
}

static void join(struct aglm_merger *m, uint32_t i, aglm_merge_rule *rule, const void *context)
{
    struct aglm_symbol *left = &m->symbols[i], *right = &m->symbols[left->next];
    left->id = left->joined;
    left->end = right->end;
    left->next = right->next;
    right->order = AGLM_MERGE_NONE;
    if (left->next != AGLM_MERGE_NONE)
        m->symbols[left->next].previous = i;
    if (left->previous != AGLM_MERGE_NONE && judge(m, left->previous, rule, context))
        push(m, entry(m, left->previous));
    if (judge(m, i, rule, context))
        push(m, entry(m, i));
}

void aglm_merger_run(struct aglm_merger *m, size_t n, aglm_merge_rule *rule, const void *context)
{
    m->n_heap = 0;
    for (uint32_t i = 0; i < n; i++) {
        m->symbols[i].previous = i ? i - 1 : AGLM_MERGE_NONE;
        m->symbols[i].next = i + 1 < n ? i + 1 : AGLM_MERGE_NONE;
    }
    for (uint32_t i = 0; i < n; i++)
        if (judge(m, i, rule, context))
            m->heap[m->n_heap++] = entry(m, i);
    for (size_t i = m->n_heap / ARITY + 1; i-- > 0;)
        if (i < m->n_heap)
            sink(m->heap, m->n_heap, i);
    while (m->n_heap) {
        uint64_t best = pop(m);
        uint32_t i = (uint32_t)best;
        if (m->symbols[i].order == best >> 32)
            join(m, i, rule, context);
    }
}
