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

#include "engine/kernels/pack_lanes.h"

void aglm_pack_panel_neon(enum aglm_dtype type, uint8_t *dst, const void *const rows[16], size_t k)
{
    if (!pack_lanes(type, dst, rows, k))
        aglm_pack_panel(type, dst, rows, k);
}
