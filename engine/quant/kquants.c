/* The K formats, Q2_K to Q6_K: super-blocks of 256 between bytes and plain numbers, and to float.
 *
 * Layouts are ggml's; each is described at its functions. What they have in common: a 16-bit super
 * scale d, small whole scales for runs of 16 or 32 elements, and in Q2_K, Q4_K and Q5_K minima
 * likewise. Every bit pattern is a valid block.
 */
#include "engine/quant/kquants.h"
#include "engine/quant/blocks.h"

#include <string.h>

/* ---- Q2_K: scale nibble | min nibble << 4 [16], q[64], f16 d, f16 dmin; runs of 16 ----
 *
 * Two halves of 128 elements, each four runs of 32 that share 32 bytes, two bits each. */

static void q2_k_unpack(struct aglm_kblock *b, const uint8_t *block)
{
    const uint8_t *qs = block + 16;
    for (int i = 0; i < 16; i++) {
        b->scale[i] = block[i] & 15;
        b->min[i] = block[i] >> 4;
    }
    for (int i = 0; i < 256; i++)
        b->q[i] = qs[i / 128 * 32 + i % 32] >> (2 * (i / 32 % 4)) & 3;
    b->d = aglm_load16(block + 80);
    b->dmin = aglm_load16(block + 82);
}

static void q2_k_pack(uint8_t *block, const struct aglm_kblock *b)
{
    memset(block, 0, AGLM_Q2_K_BYTES);
    for (int i = 0; i < 16; i++)
        block[i] = (uint8_t)((b->scale[i] & 15) | (b->min[i] & 15) << 4);
    for (int i = 0; i < 256; i++) {
        uint8_t *to = block + 16 + i / 128 * 32 + i % 32;
        *to = (uint8_t)(*to | (b->q[i] & 3) << (2 * (i / 32 % 4)));
    }
    aglm_store16(block + 80, b->d);
    aglm_store16(block + 82, b->dmin);
}

/* ---- Q3_K: high bits [32], low two bits [64], scales [12], f16 d; runs of 16 ----
 *
 * Low bits as in Q2_K; bit i/32 of high byte i%32 set means not less 4. Scales are six bits, less
 * 32: nibbles of 0-7 (low) and 8-15 (high) in 8 bytes, then their high two bits in 4 bytes. */

static void q3_k_unpack(struct aglm_kblock *b, const uint8_t *block)
{
    const uint8_t *qs = block + 32, *scales = block + 96;
    memset(b->min, 0, sizeof(b->min));
    for (int i = 0; i < 16; i++) {
        int low = scales[i % 8] >> (i < 8 ? 0 : 4) & 15;
        b->scale[i] = (int16_t)((low | (scales[8 + i % 4] >> (2 * (i / 4)) & 3) << 4) - 32);
    }
    for (int i = 0; i < 256; i++) {
        int low = qs[i / 128 * 32 + i % 32] >> (2 * (i / 32 % 4)) & 3;
        b->q[i] = (int8_t)(low - (block[i % 32] >> (i / 32) & 1 ? 0 : 4));
    }
    b->d = aglm_load16(block + 108);
    b->dmin = 0;
}

static void q3_k_pack(uint8_t *block, const struct aglm_kblock *b)
{
    uint8_t *qs = block + 32, *scales = block + 96;
    memset(block, 0, AGLM_Q3_K_BYTES);
    for (int i = 0; i < 16; i++) {
        int code = b->scale[i] + 32;
        scales[i % 8] = (uint8_t)(scales[i % 8] | (code & 15) << (i < 8 ? 0 : 4));
        scales[8 + i % 4] = (uint8_t)(scales[8 + i % 4] | (code >> 4 & 3) << (2 * (i / 4)));
    }
    for (int i = 0; i < 256; i++) {
        uint8_t *low = qs + i / 128 * 32 + i % 32, *high = block + i % 32;
        int code = b->q[i] + 4;
        *low = (uint8_t)(*low | (code & 3) << (2 * (i / 32 % 4)));
        *high = (uint8_t)(*high | (code >> 2 & 1) << (i / 32));
    }
    aglm_store16(block + 108, b->d);
}

/* ---- six-bit scales and minima of Q4_K and Q5_K in 12 bytes ----
 *
 * Bytes 0-3 scales 0-3, bytes 4-7 minima 0-3, six bits each; bytes 8-11 the low nibbles of scales
 * (low) and minima (high) 4-7, whose high two bits are on top of bytes 0-3 and 4-7. */

static void six_bits_unpack(struct aglm_kblock *b, const uint8_t *s)
{
    memset(b->scale, 0, sizeof(b->scale));
    memset(b->min, 0, sizeof(b->min));
    for (int i = 0; i < 4; i++) {
        b->scale[i] = s[i] & 63;
        b->min[i] = s[i + 4] & 63;
        b->scale[i + 4] = (int16_t)((s[i + 8] & 15) | s[i] >> 6 << 4);
        b->min[i + 4] = (int16_t)(s[i + 8] >> 4 | s[i + 4] >> 6 << 4);
    }
}

static void six_bits_pack(uint8_t *s, const struct aglm_kblock *b)
{
    for (int i = 0; i < 4; i++) {
        s[i] = (uint8_t)((b->scale[i] & 63) | (b->scale[i + 4] >> 4 & 3) << 6);
        s[i + 4] = (uint8_t)((b->min[i] & 63) | (b->min[i + 4] >> 4 & 3) << 6);
        s[i + 8] = (uint8_t)((b->scale[i + 4] & 15) | (b->min[i + 4] & 15) << 4);
    }
}

/* ---- Q4_K: f16 d, f16 dmin, scales [12], nibbles [128]; runs of 32 ----
 *
 * Each 32 bytes hold two runs: the first in the low nibbles. */

static void q4_k_unpack(struct aglm_kblock *b, const uint8_t *block)
{
    b->d = aglm_load16(block);
    b->dmin = aglm_load16(block + 2);
    six_bits_unpack(b, block + 4);
    for (int i = 0; i < 256; i++)
        b->q[i] = block[16 + i / 64 * 32 + i % 32] >> (i / 32 % 2 * 4) & 15;
}

static void q4_k_pack(uint8_t *block, const struct aglm_kblock *b)
{
    memset(block, 0, AGLM_Q4_K_BYTES);
    aglm_store16(block, b->d);
    aglm_store16(block + 2, b->dmin);
    six_bits_pack(block + 4, b);
    for (int i = 0; i < 256; i++) {
        uint8_t *to = block + 16 + i / 64 * 32 + i % 32;
        *to = (uint8_t)(*to | (b->q[i] & 15) << (i / 32 % 2 * 4));
    }
}

/* ---- Q5_K: as Q4_K with high bits [32] before the nibbles: bit i/32 of byte i%32 ---- */

static void q5_k_unpack(struct aglm_kblock *b, const uint8_t *block)
{
    b->d = aglm_load16(block);
    b->dmin = aglm_load16(block + 2);
    six_bits_unpack(b, block + 4);
    for (int i = 0; i < 256; i++) {
        int low = block[48 + i / 64 * 32 + i % 32] >> (i / 32 % 2 * 4) & 15;
        b->q[i] = (int8_t)(low | (block[16 + i % 32] >> (i / 32) & 1) << 4);
    }
}

static void q5_k_pack(uint8_t *block, const struct aglm_kblock *b)
{
    memset(block, 0, AGLM_Q5_K_BYTES);
    aglm_store16(block, b->d);
    aglm_store16(block + 2, b->dmin);
    six_bits_pack(block + 4, b);
    for (int i = 0; i < 256; i++) {
        uint8_t *low = block + 48 + i / 64 * 32 + i % 32, *high = block + 16 + i % 32;
        *low = (uint8_t)(*low | (b->q[i] & 15) << (i / 32 % 2 * 4));
        *high = (uint8_t)(*high | (b->q[i] >> 4 & 1) << (i / 32));
    }
}

/* ---- Q6_K: ql[128], qh[64], i8 scale[16], f16 d; q less 32; runs of 16 ----
 *
 * A block is two halves of 128 elements, each four runs of 32. In a half, byte l of ql[64] holds
 * the low nibbles of runs l/32 (low) and 2 + l/32 (high); byte l of qh[32] holds two bits for each
 * of the four runs. */

static void q6_k_unpack(struct aglm_kblock *b, const uint8_t *block)
{
    const uint8_t *ql = block, *qh = block + 128;
    int8_t *q = b->q;
    for (int half = 0; half < 2; half++, ql += 64, qh += 32, q += 128) {
        for (int l = 0; l < 32; l++) {
            q[l] = (int8_t)(((ql[l] & 15) | (qh[l] & 3) << 4) - 32);
            q[l + 32] = (int8_t)(((ql[l + 32] & 15) | (qh[l] >> 2 & 3) << 4) - 32);
            q[l + 64] = (int8_t)((ql[l] >> 4 | (qh[l] >> 4 & 3) << 4) - 32);
            q[l + 96] = (int8_t)((ql[l + 32] >> 4 | qh[l] >> 6 << 4) - 32);
        }
    }
    memset(b->min, 0, sizeof(b->min));
    for (int i = 0; i < 16; i++)
        b->scale[i] = (int8_t)block[192 + i];
    b->d = aglm_load16(block + 208);
    b->dmin = 0;
}

static void q6_k_pack(uint8_t *block, const struct aglm_kblock *in)
{
    uint8_t *ql = block, *qh = block + 128;
    const int8_t *q = in->q;
    for (int half = 0; half < 2; half++, ql += 64, qh += 32, q += 128) {
        for (int l = 0; l < 32; l++) {
            int a = q[l] + 32, b = q[l + 32] + 32, c = q[l + 64] + 32, e = q[l + 96] + 32;
            ql[l] = (uint8_t)((a & 15) | (c & 15) << 4);
            ql[l + 32] = (uint8_t)((b & 15) | (e & 15) << 4);
            qh[l] = (uint8_t)(a >> 4 | b >> 4 << 2 | c >> 4 << 4 | e >> 4 << 6);
        }
    }
    for (int i = 0; i < 16; i++)
        block[192 + i] = (uint8_t)(int8_t)in->scale[i];
    aglm_store16(block + 208, in->d);
}

/* ---- all of them ---- */

const struct aglm_kformat aglm_q2_k_format = {AGLM_Q2_K, 16, AGLM_Q2_K_BYTES, 0,        3, 0,
                                              15,        15, q2_k_unpack,     q2_k_pack};
const struct aglm_kformat aglm_q3_k_format = {AGLM_Q3_K, 16, AGLM_Q3_K_BYTES, -4,       3, -32,
                                              31,        0,  q3_k_unpack,     q3_k_pack};
const struct aglm_kformat aglm_q4_k_format = {AGLM_Q4_K, 32, AGLM_Q4_K_BYTES, 0,        15, 0,
                                              63,        63, q4_k_unpack,     q4_k_pack};
const struct aglm_kformat aglm_q5_k_format = {AGLM_Q5_K, 32, AGLM_Q5_K_BYTES, 0,        31, 0,
                                              63,        63, q5_k_unpack,     q5_k_pack};
const struct aglm_kformat aglm_q6_k_format = {AGLM_Q6_K, 16, AGLM_Q6_K_BYTES, -32,      31, -128,
                                              127,       0,  q6_k_unpack,     q6_k_pack};

static void to_float(const struct aglm_kformat *f, float *dst, const uint8_t *block, size_t n)
{
    for (size_t i = 0; i < n; i += 256, block += f->bytes) {
        struct aglm_kblock b;
        f->unpack(&b, block);
        float d = aglm_half_to_float(b.d), dmin = aglm_half_to_float(b.dmin);
        for (size_t j = 0; j < 256; j++) {
            size_t run = j / f->run;
            float v = d * (float)b.scale[run] * (float)b.q[j];
            dst[i + j] = f->min_high ? v - dmin * (float)b.min[run] : v;
        }
    }
}

void aglm_q2_k_to_float(float *dst, const void *src, size_t n)
{
    to_float(&aglm_q2_k_format, dst, src, n);
}

void aglm_q3_k_to_float(float *dst, const void *src, size_t n)
{
    to_float(&aglm_q3_k_format, dst, src, n);
}

void aglm_q4_k_to_float(float *dst, const void *src, size_t n)
{
    to_float(&aglm_q4_k_format, dst, src, n);
}

void aglm_q5_k_to_float(float *dst, const void *src, size_t n)
{
    to_float(&aglm_q5_k_format, dst, src, n);
}

void aglm_q6_k_to_float(float *dst, const void *src, size_t n)
{
    to_float(&aglm_q6_k_format, dst, src, n);
}
