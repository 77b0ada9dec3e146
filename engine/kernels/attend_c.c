/* C reference of attention and of the KV cache's rows.
 *
 * In: queries, and cached keys and values as F16, Q8_0 or Q4_0 blocks, each with its own type. Out:
 * the mix of values. The softmax is kept up to date from position to position ("online": M. Milakov
 * and N. Gimelshein, 2018), so that no score is ever stored. Written to be read, not to be fast.
 */
#include "engine/kernels/ref.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { CHUNK = 32 }; /* elements converted at a time: a block of every type of cache */

size_t aglm_kv_row_bytes(enum aglm_dtype type, size_t head_dim)
{
    const struct aglm_dtype_info *info = aglm_dtype_get(type);
    assert(info && head_dim % info->block_elements == 0);
    return head_dim / info->block_elements * info->block_bytes;
}

void aglm_kv_store_c(uint8_t *dst, const float *src, size_t head_dim, enum aglm_dtype type)
{
    aglm_dtype_get(type)->from_float(dst, src, head_dim);
}

/* Elements first … first + n - 1 of a cached row. */
static void read_chunk(float *dst, const uint8_t *row, size_t first, size_t n, enum aglm_dtype type)
{
    aglm_dtype_get(type)->to_float(dst, row + aglm_kv_row_bytes(type, first), n);
}

static size_t chunk_at(const struct aglm_attend *a, size_t i)
{
    return a->head_dim - i < CHUNK ? a->head_dim - i : CHUNK;
}

static float score(const struct aglm_attend *a, const float *q, size_t position)
{
    const uint8_t *row = a->k + position * aglm_kv_row_bytes(a->type_k, a->head_dim);
    float dot = 0, key[CHUNK];
    for (size_t i = 0; i < a->head_dim; i += CHUNK) {
        const size_t n = chunk_at(a, i);
        read_chunk(key, row, i, n, a->type_k);
        for (size_t j = 0; j < n; j++)
            dot = fmaf(q[i + j], key[j], dot);
    }
    return dot;
}

/* out = out * keep + weight * value of a position */
static void mix(const struct aglm_attend *a, float *out, float keep, float weight, size_t position)
{
    const uint8_t *row = a->v + position * aglm_kv_row_bytes(a->type_v, a->head_dim);
    float value[CHUNK];
    for (size_t i = 0; i < a->head_dim; i += CHUNK) {
        const size_t n = chunk_at(a, i);
        read_chunk(value, row, i, n, a->type_v);
        for (size_t j = 0; j < n; j++)
            out[i + j] = fmaf(weight, value[j], out[i + j] * keep);
    }
}

/* One query head over positions first … end - 1. */
static void attend_head(const struct aglm_attend *a, float *out, const float *q, size_t first,
                        size_t end)
{
    float max = -INFINITY;
    double sum = 0;
    memset(out, 0, a->head_dim * sizeof(*out));
    for (size_t p = first; p < end; p++) {
        const float s = score(a, q, p);
        float keep = 1.0f;
        if (s > max) {
            keep = aglm_expf(max - s);
            max = s;
        }
        const float weight = aglm_expf(s - max);
        sum = sum * (double)keep + (double)weight;
        mix(a, out, keep, weight, p);
    }
    const float inverse = (float)(1.0 / sum);
    for (size_t i = 0; i < a->head_dim; i++)
        out[i] *= inverse;
}

void aglm_attend_c(const struct aglm_attend *a)
{
    for (size_t t = 0; t < a->n_tokens; t++)
        for (size_t h = 0; h < a->n_q; h++) {
            const size_t end = a->n_pos + t;
            const size_t first = a->window && a->window < end ? end - a->window : 0;
            attend_head(a, a->out + t * a->ld_out + h * a->head_dim,
                        a->q + t * a->ld_q + h * a->head_dim, first, end);
        }
}
