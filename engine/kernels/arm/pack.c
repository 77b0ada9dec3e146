/* Packing panels with NEON: sixteen rows' words are turned in registers; see pack_lanes.h. */
#include "engine/kernels/pack.h"
#include "engine/kernels/arm/arm.h"

static inline uint32x4_t join_low(uint32x4_t a, uint32x4_t b)
{
    return vcombine_u32(vget_low_u32(a), vget_low_u32(b));
}

static inline uint32x4_t join_high(uint32x4_t a, uint32x4_t b)
{
    return vcombine_u32(vget_high_u32(a), vget_high_u32(b));
}

/* Four words of four rows. */
static inline void turn_four(uint8_t *out, const uint8_t *const rows[4], size_t at)
{
    uint32x4_t v[4];
    for (int i = 0; i < 4; i++)
        v[i] = vreinterpretq_u32_u8(load_bytes(rows[i] + at));
    const uint32x4x2_t a = vtrnq_u32(v[0], v[1]), b = vtrnq_u32(v[2], v[3]);
    vst1q_u8(out, vreinterpretq_u8_u32(join_low(a.val[0], b.val[0])));
    vst1q_u8(out + 64, vreinterpretq_u8_u32(join_low(a.val[1], b.val[1])));
    vst1q_u8(out + 128, vreinterpretq_u8_u32(join_high(a.val[0], b.val[0])));
    vst1q_u8(out + 192, vreinterpretq_u8_u32(join_high(a.val[1], b.val[1])));
}

static inline void gather(uint8_t *out, const uint8_t *const rows[16], size_t words)
{
    for (size_t w = 0; w < words; w += 4)
        for (size_t r = 0; r < 16; r += 4)
            turn_four(out + w * 64 + r * 4, rows + r, w * 4);
}

/* Eight columns of halves of eight rows. */
static inline void turn_halves(uint8_t *out, const uint8_t *const rows[8])
{
    uint32x4x2_t b[4];
    uint16x8x2_t a[4];
    for (int i = 0; i < 4; i++) /* a: columns 0, 2, 4, 6, then 1, 3, 5, 7, of rows 2i and 2i + 1 */
        a[i] = vtrnq_u16(vreinterpretq_u16_u8(load_bytes(rows[2 * i])),
                         vreinterpretq_u16_u8(load_bytes(rows[2 * i + 1])));
    for (int i = 0; i < 4; i++) /* b: columns c and c + 4, then c + 2 and c + 6; c = i / 2 */
        b[i] = vtrnq_u32(vreinterpretq_u32_u16(a[i % 2 * 2].val[i / 2]),
                         vreinterpretq_u32_u16(a[i % 2 * 2 + 1].val[i / 2]));
    for (int c = 0; c < 4; c++) {
        const uint32x4_t upper = b[c % 2 * 2].val[c / 2], lower = b[c % 2 * 2 + 1].val[c / 2];
        vst1q_u8(out + c * 32, vreinterpretq_u8_u32(join_low(upper, lower)));
        vst1q_u8(out + (c + 4) * 32, vreinterpretq_u8_u32(join_high(upper, lower)));
    }
}

static inline void gather_halves(uint8_t *out, const uint8_t *const rows[16])
{
    turn_halves(out, rows);
    turn_halves(out + 16, rows + 8);
}

#include "engine/kernels/pack_lanes.h"

void aglm_pack_panel_neon(enum aglm_dtype type, uint8_t *dst, const void *const rows[16], size_t k)
{
    if (!pack_lanes(type, dst, rows, k))
        aglm_pack_panel(type, dst, rows, k);
}
