/* The products of AVX-512's attention: rows with a tile of keys, weights with a tile of values.
 *
 * For many rows a tile is converted to floats in memory first, keys transposed; up to eight rows of
 * one token (decode) meet the cache's rows four at a time, converted in registers. Both are the
 * same chains of multiply-adds. Wherever sixteen rows are read side by side, their lines are
 * touched in order before: sixteen streams of a few bytes defeat the prefetcher.
 */
#include "engine/kernels/x86/avx512_attend.h"

/* Reads a byte of every line. */
static inline void touch(const uint8_t *from, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += 64)
        (void)*(const volatile uint8_t *)(from + i);
}

/* The rows of positions p … p + 15 of n, read in order once; beyond the last one it repeats. */
static inline void rows_of(const uint8_t *row[LANES], const uint8_t *keys, size_t p, size_t n,
                           size_t bytes)
{
    touch(keys + p * bytes, (n - p < LANES ? n - p : LANES) * bytes);
    for (size_t r = 0; r < LANES; r++)
        row[r] = keys + (p + r < n ? p + r : n - 1) * bytes;
}

/* ---- many rows: a tile in memory ---- */

/* n positions from src, transposed to [dim][TILE]; up to the next sixteen the last one repeats. */
X86_INLINE void load_keys(float *dst, const uint8_t *src, size_t n, size_t dim,
                          const enum aglm_dtype type)
{
    const size_t bytes = aglm_kv_row_bytes(type, dim);
    for (size_t p = 0; p < n; p += LANES) {
        const uint8_t *row[LANES];
        __m512 d = _mm512_setzero_ps();
        rows_of(row, src, p, n, bytes);
        for (size_t i = 0; i < dim; i += LANES) {
            __m512 x[LANES];
            if (i % 32 == 0)
                d = scales16(row, i, type);
            keys16(x, row, i, d, type);
            X86_UNROLL
            for (unsigned e = 0; e < LANES; e++)
                _mm512_store_ps(dst + (i + e) * TILE + p, x[e]);
        }
    }
}

X86_INLINE void load_values(float *dst, const uint8_t *src, size_t n, size_t dim,
                            const enum aglm_dtype type)
{
    const size_t bytes = aglm_kv_row_bytes(type, dim);
    for (size_t p = 0; p < n; p++)
        for (size_t i = 0; i < dim; i += LANES)
            _mm512_store_ps(dst + p * dim + i, values16(src + p * bytes, i, type));
}

/* Scores of `rows` rows with `vectors` times sixteen positions of the tile. */
X86_INLINE void score(struct pass *pass, size_t r0, const unsigned rows, const unsigned vectors)
{
    const float *key = pass->tile, *q[GROUP];
    __m512 acc[GROUP][VECTORS];
    X86_UNROLL
    for (unsigned r = 0; r < rows; r++) {
        q[r] = pass->row[r0 + r].q;
        X86_UNROLL
        for (unsigned v = 0; v < vectors; v++)
            acc[r][v] = _mm512_setzero_ps();
    }
    X86_ROLLED
    for (size_t i = 0; i < pass->dim; i++) {
        __m512 k[VECTORS];
        X86_UNROLL
        for (unsigned v = 0; v < vectors; v++)
            k[v] = _mm512_load_ps(key + i * TILE + v * LANES);
        X86_UNROLL
        for (unsigned r = 0; r < rows; r++) {
            const __m512 x = _mm512_set1_ps(q[r][i]);
            X86_UNROLL
            for (unsigned v = 0; v < vectors; v++)
                acc[r][v] = _mm512_fmadd_ps(k[v], x, acc[r][v]);
        }
    }
    X86_UNROLL
    for (unsigned r = 0; r < rows; r++)
        X86_UNROLL
    for (unsigned v = 0; v < vectors; v++)
        _mm512_store_ps(pass->weight[r0 + r] + v * LANES, acc[r][v]);
}

X86_INLINE void score_group(struct pass *pass, size_t r, unsigned vectors, const unsigned rows)
{
    switch (vectors) {
    case 0:
        break;
    case 1:
        score(pass, r, rows, 1);
        break;
    case 2:
        score(pass, r, rows, 2);
        break;
    case 3:
        score(pass, r, rows, 3);
        break;
    default:
        score(pass, r, rows, VECTORS);
        break;
    }
}

/* Of the rows' positions in the tile, the sixteens up to the last that one of them sees. */
static unsigned vectors_of(const struct pass *pass, size_t r0, size_t n)
{
    unsigned hi = 0;
    for (size_t r = r0; r < r0 + n; r++)
        hi = pass->row[r].hi > hi ? pass->row[r].hi : hi;
    return (hi + LANES - 1) / LANES;
}

static void score_rows(struct pass *pass)
{
    size_t r = 0;
    for (; r + GROUP <= pass->n; r += GROUP)
        score_group(pass, r, vectors_of(pass, r, GROUP), GROUP);
    for (; r + 2 <= pass->n; r += 2)
        score_group(pass, r, vectors_of(pass, r, 2), 2);
    for (; r < pass->n; r++)
        score_group(pass, r, vectors_of(pass, r, 1), 1);
}

/* Mixes elements i … i + 16 * vectors - 1 of the values into `rows` rows, which see the same
 * positions. */
X86_INLINE void mix(struct pass *pass, size_t r0, size_t i, const unsigned rows,
                    const unsigned vectors)
{
    const struct row *row = pass->row + r0;
    const float *value = pass->tile + i;
    __m512 acc[GROUP][VECTORS];
    X86_UNROLL
    for (unsigned r = 0; r < rows; r++)
        X86_UNROLL
    for (unsigned v = 0; v < vectors; v++)
        acc[r][v] = _mm512_mul_ps(_mm512_loadu_ps(row[r].out + i + v * LANES),
                                  _mm512_set1_ps(pass->keep[r0 + r]));
    X86_ROLLED
    for (size_t p = row->lo, hi = row->hi; p < hi; p++) {
        __m512 x[VECTORS];
        X86_UNROLL
        for (unsigned v = 0; v < vectors; v++)
            x[v] = _mm512_load_ps(value + p * pass->dim + v * LANES);
        X86_UNROLL
        for (unsigned r = 0; r < rows; r++) {
            const __m512 w = _mm512_set1_ps(pass->weight[r0 + r][p]);
            X86_UNROLL
            for (unsigned v = 0; v < vectors; v++)
                acc[r][v] = _mm512_fmadd_ps(w, x[v], acc[r][v]);
        }
    }
    X86_UNROLL
    for (unsigned r = 0; r < rows; r++)
        X86_UNROLL
    for (unsigned v = 0; v < vectors; v++)
        _mm512_storeu_ps(row[r].out + i + v * LANES, acc[r][v]);
}

X86_INLINE void mix_group(struct pass *pass, size_t r, const unsigned rows)
{
    size_t i = 0;
    for (; i + TILE <= pass->dim; i += TILE)
        mix(pass, r, i, rows, VECTORS);
    for (; i + 2 * LANES <= pass->dim; i += 2 * LANES)
        mix(pass, r, i, rows, 2);
    for (; i < pass->dim; i += LANES)
        mix(pass, r, i, rows, 1);
}

/* Rows from r on that see the same positions as it, at most `most`. */
static size_t alike(const struct pass *pass, size_t r, size_t most)
{
    size_t n = 1;
    while (n < most && r + n < pass->n && pass->row[r + n].lo == pass->row[r].lo &&
           pass->row[r + n].hi == pass->row[r].hi)
        n++;
    return n;
}

static void mix_rows(struct pass *pass)
{
    for (size_t r = 0; r < pass->n;) {
        const size_t n = alike(pass, r, GROUP);
        if (pass->row[r].lo >= pass->row[r].hi) {
            r++;
        } else if (n == GROUP) {
            mix_group(pass, r, GROUP);
            r += GROUP;
        } else if (n >= 2) {
            mix_group(pass, r, 2);
            r += 2;
        } else {
            mix_group(pass, r++, 1);
        }
    }
}

/* ---- few rows of one token: straight from the cache ---- */

/* Sixteens of positions meet rows r0 … r0 + rows - 1 as they are read. */
X86_INLINE void score_few(struct pass *pass, size_t r0, const uint8_t *keys, size_t n,
                          const enum aglm_dtype type, const unsigned rows)
{
    const size_t bytes = aglm_kv_row_bytes(type, pass->dim);
    for (size_t p = 0; p < n; p += LANES) {
        const uint8_t *row[LANES];
        __m512 acc[GROUP], d = _mm512_setzero_ps();
        rows_of(row, keys, p, n, bytes);
        X86_UNROLL
        for (unsigned r = 0; r < rows; r++)
            acc[r] = _mm512_setzero_ps();
        for (size_t i = 0; i < pass->dim; i += LANES) {
            __m512 x[LANES];
            if (i % 32 == 0)
                d = scales16(row, i, type);
            keys16(x, row, i, d, type);
            X86_UNROLL
            for (unsigned e = 0; e < LANES; e++)
                X86_UNROLL
            for (unsigned r = 0; r < rows; r++)
                acc[r] = _mm512_fmadd_ps(x[e], _mm512_set1_ps(pass->row[r0 + r].q[i + e]), acc[r]);
        }
        X86_UNROLL
        for (unsigned r = 0; r < rows; r++)
            _mm512_store_ps(pass->weight[r0 + r] + p, acc[r]);
    }
}

X86_INLINE void mix_few_at(struct pass *pass, size_t r0, const uint8_t *values, size_t i,
                           const enum aglm_dtype type, const unsigned rows, const unsigned vectors)
{
    const size_t bytes = aglm_kv_row_bytes(type, pass->dim);
    __m512 acc[GROUP][VECTORS];
    X86_UNROLL
    for (unsigned r = 0; r < rows; r++)
        X86_UNROLL
    for (unsigned v = 0; v < vectors; v++)
        acc[r][v] = _mm512_mul_ps(_mm512_loadu_ps(pass->row[r0 + r].out + i + v * LANES),
                                  _mm512_set1_ps(pass->keep[r0 + r]));
    X86_ROLLED
    for (size_t p = pass->row[0].lo, hi = pass->row[0].hi; p < hi; p++) {
        if (i == 0)
            touch(values + p * bytes, bytes);
        X86_UNROLL
        for (unsigned v = 0; v < vectors; v++) {
            const __m512 x = values16(values + p * bytes, i + v * LANES, type);
            X86_UNROLL
            for (unsigned r = 0; r < rows; r++)
                acc[r][v] = _mm512_fmadd_ps(_mm512_set1_ps(pass->weight[r0 + r][p]), x, acc[r][v]);
        }
    }
    X86_UNROLL
    for (unsigned r = 0; r < rows; r++)
        X86_UNROLL
    for (unsigned v = 0; v < vectors; v++)
        _mm512_storeu_ps(pass->row[r0 + r].out + i + v * LANES, acc[r][v]);
}

X86_INLINE void mix_few(struct pass *pass, size_t r0, const uint8_t *values,
                        const enum aglm_dtype type, const unsigned rows)
{
    size_t i = 0;
    for (; i + TILE <= pass->dim; i += TILE)
        mix_few_at(pass, r0, values, i, type, rows, VECTORS);
    for (; i + 2 * LANES <= pass->dim; i += 2 * LANES)
        mix_few_at(pass, r0, values, i, type, rows, 2);
    for (; i < pass->dim; i += LANES)
        mix_few_at(pass, r0, values, i, type, rows, 1);
}

/* ---- by type of cache and number of rows ---- */

X86_INLINE void scores_of(struct pass *pass, const uint8_t *keys, size_t n,
                          const enum aglm_dtype type)
{
    if (!pass->few) {
        load_keys(pass->tile, keys, n, pass->dim, type);
        score_rows(pass);
    }
    for (size_t r = 0; pass->few && r < pass->n; r += GROUP)
        switch (pass->n - r) {
        case 1:
            score_few(pass, r, keys, n, type, 1);
            break;
        case 2:
            score_few(pass, r, keys, n, type, 2);
            break;
        case 3:
            score_few(pass, r, keys, n, type, 3);
            break;
        default:
            score_few(pass, r, keys, n, type, GROUP);
            break;
        }
}

X86_INLINE void mix_of(struct pass *pass, const uint8_t *values, size_t n,
                       const enum aglm_dtype type)
{
    if (!pass->few) {
        load_values(pass->tile, values, n, pass->dim, type);
        mix_rows(pass);
    }
    for (size_t r = 0; pass->few && r < pass->n; r += GROUP)
        switch (pass->n - r) {
        case 1:
            mix_few(pass, r, values, type, 1);
            break;
        case 2:
            mix_few(pass, r, values, type, 2);
            break;
        case 3:
            mix_few(pass, r, values, type, 3);
            break;
        default:
            mix_few(pass, r, values, type, GROUP);
            break;
        }
}

void aglm_avx512_scores(struct pass *pass, const uint8_t *keys, size_t n, enum aglm_dtype type)
{
    if (type == AGLM_Q8_0)
        scores_of(pass, keys, n, AGLM_Q8_0);
    else if (type == AGLM_Q4_0)
        scores_of(pass, keys, n, AGLM_Q4_0);
    else
        scores_of(pass, keys, n, AGLM_F16);
}

void aglm_avx512_mix(struct pass *pass, const uint8_t *values, size_t n, enum aglm_dtype type)
{
    if (type == AGLM_Q8_0)
        mix_of(pass, values, n, AGLM_Q8_0);
    else if (type == AGLM_Q4_0)
        mix_of(pass, values, n, AGLM_Q4_0);
    else
        mix_of(pass, values, n, AGLM_F16);
}
