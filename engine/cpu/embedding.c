/* Token embeddings: the file's own rows, or the same re-quantized once on load; see embedding.h. */
#include "engine/cpu/embedding.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

/* One conversion: the threads take a few rows at a time. */
struct conversion {
    const struct aglm_gguf_tensor *t;
    const struct aglm_dtype_info *from, *to;
    void (*encode)(void *dst, const float *src, size_t n);
    struct aglm_pool *pool;
    uint8_t *out;
    size_t row_bytes;
    float *scratch;  /* [threads, n_embd] */
    atomic_bool bad; /* a value that cannot be written */
};

static void convert(void *ctx, unsigned ith, unsigned n_threads)
{
    enum { CHUNK = 64 };
    struct conversion *c = ctx;
    const size_t d = c->t->ne[0], n = c->t->ne[1], source_bytes = c->t->n_bytes / n;
    float *row = c->scratch + ith * d;
    for (size_t at; (at = aglm_pool_next(c->pool) * CHUNK) < n;)
        for (size_t r = at; r < at + CHUNK && r < n; r++) {
            c->from->to_float(row, (const uint8_t *)c->t->data + r * source_bytes, d);
            if (!aglm_dtype_holds(c->to->type, row, d))
                c->bad = true;
            c->encode(c->out + r * c->row_bytes, row, d);
        }
}

int aglm_cpu_embedding_make(struct aglm_cpu_embedding *out, const struct aglm_gguf_tensor *t,
                            enum aglm_dtype type, bool quick, struct aglm_pool *pool,
                            const char *path, struct aglm_err *err)
{
    struct aglm_cpu_embedding e = {.type = type, .rows = t->data};
    e.row_bytes = t->n_bytes / t->ne[1];
    if (type != t->type) {
        struct conversion c = {
            .t = t, .from = aglm_dtype_get(t->type), .to = aglm_dtype_get(type), .pool = pool};
        c.encode = quick ? c.to->from_float : c.to->quantize_row;
        c.row_bytes = e.row_bytes = t->ne[0] / c.to->block_elements * c.to->block_bytes;
        c.scratch = calloc(aglm_pool_threads(pool) * t->ne[0], sizeof(*c.scratch));
        e.rows = e.owned = c.out = malloc(t->ne[1] * e.row_bytes);
        if (!c.scratch || !c.out) {
            free(c.scratch);
            free(c.out);
            return aglm_err_set(err, -ENOMEM, "%s: no memory for %s in %s", path, t->name,
                                c.to->name);
        }
        aglm_pool_run(pool, convert, &c);
        free(c.scratch);
        if (c.bad) {
            free(c.out);
            return aglm_err_set(err, -EINVAL,
                                "%s: tensor %s holds weights that are not finite or too large for "
                                "%s; the file is damaged, or its training went wrong",
                                path, t->name, c.to->name);
        }
    }
    *out = e;
    return 0;
}

void aglm_cpu_embedding_finish(struct aglm_cpu_embedding *embedding)
{
    free(embedding->owned);
    *embedding = (struct aglm_cpu_embedding){0};
}
