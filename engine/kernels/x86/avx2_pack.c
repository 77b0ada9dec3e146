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

#include "engine/kernels/pack_lanes.h"

void aglm_pack_panel_avx2(enum aglm_dtype type, uint8_t *dst, const void *const rows[16], size_t k)
{
    if (!pack_lanes(type, dst, rows, k))
        aglm_pack_panel(type, dst, rows, k);
}
