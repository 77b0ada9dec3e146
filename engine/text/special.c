/* Special tokens: see special.h. A trie whose edges are in one hash table. */
#include "engine/text/special.h"

#include <errno.h>
#include <stdlib.h>

enum {
    MAX_SPECIAL_BYTES = 1024, /* bounds the work at one place of the text */
};

static bool is_special(uint8_t type)
{
    return type == AGLM_TOKEN_CONTROL || type == AGLM_TOKEN_UNKNOWN || type == AGLM_TOKEN_USER;
}

static struct aglm_special_node *edge(const struct aglm_special *s, uint32_t parent, uint8_t byte)
{
    uint64_t key = ((uint64_t)parent << 8 | byte) + 1;
    size_t at = (size_t)(key * 0x9e3779b97f4a7c15u >> 32) & s->mask;
    while (s->nodes[at].key && s->nodes[at].key != key)
        at = (at + 1) & s->mask;
    return &s->nodes[at];
}

static int measure(const struct aglm_vocab *vocab, const char *file, size_t *bytes,
                   struct aglm_err *err)
{
    for (uint32_t i = 0; i < vocab->n; i++) {
        if (!is_special(vocab->types[i]))
            continue;
        if (vocab->texts[i].size > MAX_SPECIAL_BYTES)
            return aglm_err_set(err, -EINVAL,
                                "%s: tokenizer.ggml.tokens: special token %u has %u bytes; at "
                                "most %d are read",
                                file, i, vocab->texts[i].size, MAX_SPECIAL_BYTES);
        *bytes += vocab->texts[i].size;
    }
    return *bytes < UINT32_MAX / 4
               ? 0
               : aglm_err_set(err, -EINVAL, "%s: too many special tokens", file);
}

static void insert(struct aglm_special *s, int32_t id, uint32_t *n_nodes)
{
    const struct aglm_span *text = &s->vocab->texts[id];
    uint32_t node = 0;
    for (uint32_t i = 0; i < text->size; i++) {
        struct aglm_special_node *e = edge(s, node, (uint8_t)text->text[i]);
        if (!e->key) {
            e->key = ((uint64_t)node << 8 | (uint8_t)text->text[i]) + 1;
            e->node = (*n_nodes)++;
            s->ids[e->node] = -1;
        }
        node = e->node;
    }
    if (node) {
        s->ids[node] = id;
        s->first[(uint8_t)text->text[0]] = true;
    }
}

int aglm_special_init(struct aglm_special *s, const struct aglm_vocab *vocab, const char *file,
                      struct aglm_err *err)
{
    *s = (struct aglm_special){.vocab = vocab};
    size_t bytes = 0, slots = 16;
    uint32_t n_nodes = 1;
    int rc = measure(vocab, file, &bytes, err);
    if (rc)
        return rc;
    while (slots < bytes * 2)
        slots *= 2;
    s->mask = slots - 1;
    s->nodes = calloc(slots, sizeof(*s->nodes));
    s->ids = malloc((bytes + 1) * sizeof(*s->ids));
    if (!s->nodes || !s->ids) {
        aglm_special_finish(s);
        return aglm_err_set(err, -ENOMEM, "%s: no memory for its special tokens", file);
    }
    s->ids[0] = -1;
    for (uint32_t i = 0; i < vocab->n; i++)
        if (is_special(vocab->types[i]))
            insert(s, (int32_t)i, &n_nodes);
    return 0;
}

void aglm_special_finish(struct aglm_special *s)
{
    free(s->nodes);
    free(s->ids);
    *s = (struct aglm_special){0};
}

int32_t aglm_special_match(const struct aglm_special *s, const char *text, size_t n, bool control)
{
    int32_t best = -1;
    if (n == 0 || !s->first[(uint8_t)text[0]])
        return -1;
    uint32_t node = 0;
    for (size_t i = 0; i < n; i++) {
        const struct aglm_special_node *e = edge(s, node, (uint8_t)text[i]);
        if (!e->key)
            break;
        node = e->node;
        int32_t id = s->ids[node];
        if (id >= 0 && (control || s->vocab->types[id] == AGLM_TOKEN_USER))
            best = id;
    }
    return best;
}
