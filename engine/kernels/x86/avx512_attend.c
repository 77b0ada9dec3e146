/* Attention with AVX-512: one pass over keys and values, in tiles of 64 positions.
 *
 * A tile of keys is converted to floats and transposed once, so that a register holds one element
 * of sixteen positions, and meets every query row (the heads of all tokens in the call): a score is
 * one chain of multiply-adds in the order of elements. The softmax goes along, sixteen positions at
 * a time: each row keeps its maximum and sixteen partial sums, and what it has mixed is scaled down
 * when the maximum grows. Then the tile of values likewise, sixteen elements at a time. Tiles begin
 * at multiples of their size, and each row's arithmetic is the same whatever its neighbours are: a
 * token gets the same bits alone or among others. Positions that no row of four may see are passed
 * over by the sixteen. Heads that are no whole number of registers, or too long, go through AVX2.
 */
#include "engine/kernels/x86/avx512_attend.h"

#include <math.h>
#include <string.h>

/* 2^x, relative error < 2e-7; below 2^-126 it stays there, so that no weight is denormal. NaN stays
 * NaN: max returns its second operand for it. */
static inline __m512 exp2_16(__m512 x)
{
    x = _mm512_max_ps(_mm512_set1_ps(-126.0f), x);
    const __m512 n = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    const __m512 r = _mm512_sub_ps(x, n);
    __m512 p = _mm512_set1_ps(1.327647198e-3f);
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(9.675541334e-3f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(5.550713274e-2f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(2.402211972e-1f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(6.931469671e-1f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
    return _mm512_scalef_ps(p, n);
}

/* Lanes of sixteen positions from `at` that the row sees. */
static inline __mmask16 seen(const struct row *row, unsigned at)
{
    const unsigned lo = row->lo > at ? row->lo - at : 0, hi = row->hi > at ? row->hi - at : 0;
    const unsigned below = hi < LANES ? (1u << hi) - 1 : 0xffffu;
    return (__mmask16)(lo < LANES ? below & (0xffffu << lo) : 0);
}

/* The largest score that each row has seen. A NaN passes it by and shows in its weight. */
static void find_max(struct pass *pass)
{
    for (size_t r = 0; r < pass->n; r++) {
        const struct row *row = &pass->row[r];
        __m512 m = _mm512_set1_ps(-INFINITY);
        for (unsigned p = 0; p < row->hi; p += LANES)
            m = _mm512_mask_max_ps(m, seen(row, p), _mm512_load_ps(pass->weight[r] + p), m);
        const float max = _mm512_reduce_max_ps(m) * AGLM_EXP_LOG2E;
        pass->before[r] = pass->max[r];
        pass->max[r] = max > pass->max[r] ? max : pass->max[r];
    }
}

/* Scores of the tile's positions to weights. */
static void weigh(struct pass *pass)
{
    for (size_t r = 0; r < pass->n; r += LANES) {
        /* Both are -inf where a row has seen nothing yet: there is nothing to keep. */
        const __m512 before = _mm512_load_ps(pass->before + r);
        const __m512 rise = _mm512_sub_ps(before, _mm512_load_ps(pass->max + r));
        _mm512_store_ps(pass->keep + r, exp2_16(rise));
    }
    for (size_t r = 0; r < pass->n; r++) {
        const struct row *row = &pass->row[r];
        const __m512 max = _mm512_set1_ps(pass->max[r]), log2e = _mm512_set1_ps(AGLM_EXP_LOG2E);
        __m512 sum = _mm512_setzero_ps();
        if (row->lo >= row->hi)
            continue;
        for (unsigned p = 0; p < row->hi; p += LANES) {
            const __m512 s = _mm512_load_ps(pass->weight[r] + p);
            const __m512 w = exp2_16(_mm512_fmsub_ps(s, log2e, max));
            _mm512_store_ps(pass->weight[r] + p, w);
            sum = _mm512_mask_add_ps(sum, seen(row, p), sum, w);
        }
        const __m512 old = _mm512_load_ps(pass->sum[r]);
        _mm512_store_ps(pass->sum[r], _mm512_fmadd_ps(old, _mm512_set1_ps(pass->keep[r]), sum));
    }
}

/* Rows r0 … r0 + n - 1 of the call, counted token by token, head by head. */
static void begin(struct pass *pass, const struct aglm_attend *a, size_t r0, size_t n)
{
    pass->n = n;
    pass->dim = a->head_dim;
    pass->few = n <= FEW && a->n_tokens == 1;
    for (size_t i = 0; i < n; i++) {
        const size_t t = (r0 + i) / a->n_q, h = (r0 + i) % a->n_q, end = a->n_pos + t;
        pass->row[i] = (struct row){
            .q = a->q + t * a->ld_q + h * a->head_dim,
            .out = a->out + t * a->ld_out + h * a->head_dim,
            .first = a->window && a->window < end ? end - a->window : 0,
            .end = end,
        };
        memset(pass->row[i].out, 0, a->head_dim * sizeof(float));
        memset(pass->sum[i], 0, sizeof(pass->sum[i]));
    }
    for (size_t i = 0; i < ROWS; i++)
        pass->max[i] = pass->before[i] = -INFINITY;
}

static unsigned inside(size_t position, size_t start)
{
    const size_t at = position > start ? position - start : 0;
    return at < TILE ? (unsigned)at : TILE;
}

static void run(struct pass *pass, const struct aglm_attend *a)
{
    const size_t bytes_k = aglm_kv_row_bytes(a->type_k, pass->dim);
    const size_t bytes_v = aglm_kv_row_bytes(a->type_v, pass->dim);
    const size_t end = pass->row[pass->n - 1].end;
    for (size_t p = pass->row[0].first / TILE * TILE; p < end; p += TILE) {
        const size_t n = end - p < TILE ? end - p : TILE;
        for (size_t r = 0; r < pass->n; r++) {
            pass->row[r].lo = inside(pass->row[r].first, p);
            pass->row[r].hi = inside(pass->row[r].end, p);
        }
        aglm_avx512_scores(pass, a->k + p * bytes_k, n, a->type_k);
        find_max(pass);
        weigh(pass);
        aglm_avx512_mix(pass, a->v + p * bytes_v, n, a->type_v);
    }
}

static void finish(struct pass *pass)
{
    for (size_t r = 0; r < pass->n; r++) {
        const float sum = _mm512_reduce_add_ps(_mm512_load_ps(pass->sum[r]));
        const __m512 inverse = _mm512_set1_ps(1.0f / sum);
        for (size_t i = 0; i < pass->dim; i += LANES)
            _mm512_storeu_ps(pass->row[r].out + i,
                             _mm512_mul_ps(_mm512_loadu_ps(pass->row[r].out + i), inverse));
    }
}

void aglm_attend_avx512(const struct aglm_attend *a)
{
    struct pass pass;
    const size_t rows = a->n_tokens * a->n_q;
    if (a->head_dim % LANES || a->head_dim > LONGEST) {
        aglm_attend_avx2(a);
        return;
    }
    for (size_t r = 0; r < rows; r += ROWS) {
        begin(&pass, a, r, rows - r < ROWS ? rows - r : ROWS);
        run(&pass, a);
        finish(&pass);
    }
}
