/* The null backend: no weights, no arithmetic, logits from a hash. It benchmarks the benchmark:
 * what remains of a measurement when the engine costs nothing. It still reads and checks the file,
 * so errors are the same.
 */
#include "engine/backend.h"
#include "engine/dtype.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct null_state {
    size_t n_vocab;
    const float *filled; /* the row that has its constant part already */
};

static int null_load(void **weights, const struct aglm_model *model,
                     const struct aglm_model_options *options, struct aglm_model_info *info,
                     struct aglm_err *err)
{
    (void)options, (void)err;
    *weights = NULL;
    snprintf(info->isa, sizeof(info->isa), "none");
    const struct aglm_dtype_info *type = aglm_dtype_get(model->tensors.layers[0].up->type);
    snprintf(info->quantization, sizeof(info->quantization), "%s", type->name);
    for (size_t i = 0; i < aglm_gguf_tensor_count(model->file); i++)
        info->size_bytes += aglm_gguf_tensor_at(model->file, i)->n_bytes;
    info->bytes_per_token = 0;
    return 0;
}

static void null_weights_free(void *weights)
{
    (void)weights;
}

static int null_open(void **state, const struct aglm_model *model,
                     const struct aglm_session_options *options, struct aglm_err *err)
{
    (void)options;
    struct null_state *s = calloc(1, sizeof(*s));
    if (!s)
        return aglm_err_set(err, -ENOMEM, "null backend: out of memory");
    s->n_vocab = model->hp.n_vocab;
    *state = s;
    return 0;
}

static void null_close(void *state)
{
    free(state);
}

/* n numbers from 0 to 1 by xorshift32. */
static void hash(float *row, size_t n, uint32_t x)
{
    for (size_t i = 0; i < n; i++) {
        x ^= x << 13, x ^= x >> 17, x ^= x << 5;
        row[i] = (float)(x >> 8) * 0x1p-24f;
    }
}

/* All of a row but its head is the same for every token. */
static void fill(float *row, size_t n)
{
    hash(row, n, 1);
}

/* The first few logits tell tokens and positions apart: one cache line, so that a token costs next
 * to nothing. */
static void fill_head(float *row, size_t n, uint32_t token, size_t pos)
{
    enum { HEAD = 16 };
    hash(row, n < HEAD ? n : HEAD, token * 2654435761u + (uint32_t)pos * 40503u + 1);
}

static int null_forward(void *state, const int32_t *tokens, size_t n, size_t pos, float *rows,
                        float *last)
{
    struct null_state *s = state;
    for (size_t i = 0; rows && i < n; i++) {
        fill(rows + i * s->n_vocab, s->n_vocab);
        fill_head(rows + i * s->n_vocab, s->n_vocab, (uint32_t)tokens[i], pos + i);
    }
    if (last && last != s->filled) { /* a session has one row, and leaves it as it is */
        fill(last, s->n_vocab);
        s->filled = last;
    }
    if (last)
        fill_head(last, s->n_vocab, (uint32_t)tokens[n - 1], pos + n - 1);
    return 0;
}

static void null_affinity(const void *state, char *buf, size_t size)
{
    (void)state;
    snprintf(buf, size, "none");
}

static uint64_t null_kv_bytes(const struct aglm_model *model,
                              const struct aglm_session_options *options, size_t depth)
{
    (void)model, (void)options, (void)depth;
    return 0;
}

const struct aglm_backend aglm_backend_null = {
    .name = "null",
    .load = null_load,
    .weights_free = null_weights_free,
    .open = null_open,
    .close = null_close,
    .forward = null_forward,
    .affinity = null_affinity,
    .kv_bytes = null_kv_bytes,
};
