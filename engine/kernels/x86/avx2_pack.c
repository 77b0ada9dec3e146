/* Packing panels with AVX2: sixteen rows' words are turned in registers; see pack_lanes.h. */
#include "engine/kernels/pack.h"
#include "engine/kernels/x86/x86.h"

#include <immintrin.h>

/* Four words of eight rows: rows i and i + 4 share a register, so that after the two rounds of
 * unpacking a word's lanes are in order. */
static inline void turn_eight(uint8_t *out, const uint8_t *const rows[8], size_t at)
{
    __m256i v[4], lo[2], hi[2];
    for (int i = 0; i < 4; i++)
        v[i] = _mm256_inserti128_si256(
            _mm256_castsi128_si256(_mm_loadu_si128((const void *)(rows[i] + at))),
            _mm_loadu_si128((const void *)(rows[i + 4] + at)), 1);
    for (int i = 0; i < 2; i++) {
        lo[i] = _mm256_unpacklo_epi32(v[2 * i], v[2 * i + 1]);
        hi[i] = _mm256_unpackhi_epi32(v[2 * i], v[2 * i + 1]);
    }
    _mm256_storeu_si256((void *)out, _mm256_unpacklo_epi64(lo[0], lo[1]));
    _mm256_storeu_si256((void *)(out + 64), _mm256_unpackhi_epi64(lo[0], lo[1]));
    _mm256_storeu_si256((void *)(out + 128), _mm256_unpacklo_epi64(hi[0], hi[1]));
    _mm256_storeu_si256((void *)(out + 192), _mm256_unpackhi_epi64(hi[0], hi[1]));
}

static inline void gather(uint8_t *out, const uint8_t *const rows[16], size_t words)
{
    for (size_t w = 0; w < words; w += 4) {
        turn_eight(out + w * 64, rows, w * 4);
        turn_eight(out + w * 64 + 32, rows + 8, w * 4);
    }
}

/* Eight columns of halves: rows i and i + 8 share a register. */
static inline void gather_halves(uint8_t *out, const uint8_t *const rows[16])
{
    __m256i a[8], b[8];
    for (int i = 0; i < 8; i++)
        a[i] =
            _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const void *)rows[i])),
                                    _mm_loadu_si128((const void *)rows[i + 8]), 1);
    for (int i = 0; i < 4; i++) { /* b: columns 0 … 3, then 4 … 7, of rows 2i and 2i + 1 */
        b[i] = _mm256_unpacklo_epi16(a[2 * i], a[2 * i + 1]);
        b[i + 4] = _mm256_unpackhi_epi16(a[2 * i], a[2 * i + 1]);
    }
    for (int i = 0; i < 4; i++) { /* a: columns 2i and 2i + 1, of rows 0 … 3, then 4 … 7 */
        const __m256i *v = &b[i / 2 * 4];
        a[2 * i] = i % 2 ? _mm256_unpackhi_epi32(v[0], v[1]) : _mm256_unpacklo_epi32(v[0], v[1]);
        a[2 * i + 1] =
            i % 2 ? _mm256_unpackhi_epi32(v[2], v[3]) : _mm256_unpacklo_epi32(v[2], v[3]);
    }
    for (int i = 0; i < 4; i++) {
        _mm256_storeu_si256((void *)(out + i * 64), _mm256_unpacklo_epi64(a[2 * i], a[2 * i + 1]));
        _mm256_storeu_si256((void *)(out + i * 64 + 32),
                            _mm256_unpackhi_epi64(a[2 * i], a[2 * i + 1]));
    }
}

#include "engine/kernels/pack_lanes.h"

void aglm_pack_panel_avx2(enum aglm_dtype type, uint8_t *dst, const void *const rows[16], size_t k)
{
    if (!pack_lanes(type, dst, rows, k))
        aglm_pack_panel(type, dst, rows, k);
}
