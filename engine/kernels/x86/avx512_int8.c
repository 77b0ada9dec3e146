/* INT8 with AVX-512 VNNI: weights made unsigned by adding 128, which the sum of the token's
 * activations takes off again.
 *
 * One register holds sixteen rows by four columns, an accumulator a whole row's sum: no scale
 * within the loop. Bit for bit equal to int8_c.c.
 */
#include "engine/kernels/pack.h"
#include "engine/kernels/x86/avx512.h"

#include <string.h>

enum { ROWS = AGLM_PANEL_ROWS, STREAMS = 4, TILE = 12 };

#ifdef AGLM_SIMDE
void aglm_kernels_fill_int8_avx512_emulated(struct aglm_kernels *k);
#define aglm_kernels_fill_int8_avx512 aglm_kernels_fill_int8_avx512_emulated
#endif

static inline __m512i biased(const uint8_t *w)
{
    return _mm512_xor_si512(_mm512_loadu_si512(w), _mm512_set1_epi8((char)0x80));
}

static inline __m512i spread(const int8_t *q)
{
    int32_t v;
    memcpy(&v, q, 4);
    return _mm512_set1_epi32(v);
}

/* -128 times the sum of a token's activations. */
static inline __m512i start(const struct aglm_acts *x, size_t k, size_t token)
{
    int32_t total = 0;
    for (size_t i = 0; i < k / 16; i++)
        total += x->sum[token * (k / 16) + i];
    return _mm512_set1_epi32(-128 * total);
}

static inline void finish(float *out, __m512i sum, const uint8_t *scales, float scale_x)
{
    __m512 s = _mm512_mul_ps(_mm512_loadu_ps((const float *)(const void *)scales),
                             _mm512_set1_ps(scale_x));
    _mm512_storeu_ps(out, _mm512_mul_ps(_mm512_cvtepi32_ps(sum), s));
}

X86_INLINE void int8_streams(float *out, const uint8_t *w, size_t stride, const struct aglm_acts *x,
                             size_t k, const unsigned panels)
{
    __m512i sum[STREAMS], begin = start(x, k, 0);
    X86_UNROLL
    for (unsigned p = 0; p < panels; p++)
        sum[p] = begin;
    for (size_t s = 0; s < k / 4; s++) {
        __m512i v = spread(x->q + s * 4);
        X86_UNROLL
        for (unsigned p = 0; p < panels; p++)
            sum[p] = _mm512_dpbusd_epi32(sum[p], biased(w + p * stride + s * 64), v);
    }
    X86_UNROLL
    for (unsigned p = 0; p < panels; p++)
        finish(out + p * ROWS, sum[p], w + p * stride + k * ROWS, x->scale[0]);
}

X86_INLINE void int8_tile(float *out, size_t ld_out, const uint8_t *w, const struct aglm_acts *x,
                          size_t k, size_t t0, const unsigned tokens)
{
    const int8_t *q = x->q + t0 * k;
    __m512i sum[TILE];
    X86_UNROLL
    for (unsigned t = 0; t < tokens; t++)
        sum[t] = start(x, k, t0 + t);
    for (size_t s = 0; s < k / 4; s++) {
        __m512i v = biased(w + s * 64);
        X86_UNROLL
        for (unsigned t = 0; t < tokens; t++)
            sum[t] = _mm512_dpbusd_epi32(sum[t], v, spread(q + t * k + s * 4));
    }
    X86_UNROLL
    for (unsigned t = 0; t < tokens; t++)
        finish(out + (t0 + t) * ld_out, sum[t], w + k * ROWS, x->scale[(t0 + t) * (k / 32)]);
}

static void matmul_int8(X86_MATMUL_ARGS)
{
    const size_t stride = aglm_panel_bytes(AGLM_INT8, k);
    (void)scratch;
    if (n_tokens == 1) {
        X86_STREAMS(STREAMS, int8_streams, out, w, stride, x, k)
        return;
    }
    for (size_t p = 0; p < n_panels; p++) {
        X86_TILES(int8_tile, out + p * ROWS, ld_out, w + p * stride, x, k)
    }
}

void aglm_kernels_fill_int8_avx512(struct aglm_kernels *k)
{
    k->matmul[AGLM_INT8] = matmul_int8;
}
