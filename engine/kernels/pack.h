/* Packed weights: the layout that the matrix kernels read.
 *
 * Sixteen rows are interleaved so that one vector register holds the same columns of sixteen rows,
 * and values are kept apart from their scales so that both are aligned. A panel takes as many bytes
 * as its sixteen rows took in the file, rounded up to 64. Missing rows of the last panel are zero.
 * The layouts are below. */
#ifndef AGLM_ENGINE_KERNELS_PACK_H
#define AGLM_ENGINE_KERNELS_PACK_H

/* clang-format off
 *
 * A block of 32 columns is eight steps of 4 columns; a vector of 64 bytes holds one step: byte i =
 * row i/4, column i%4. Three ways to hold the bits of a step:
 *
 *   nibbles  [k/32][4][64]  low nibble of vector c: step c, high nibble: step c + 4
 *   pairs    [k/32][2][64]  two bits each; vector h holds steps 4h … 4h+3, lowest bits first
 *   bits     [k/32][64]     one bit each; bit s is step s
 *
 * Parts of a panel, one after another, in this order:
 *
 *   F32 F16 BF16  [k][16 rows]
 *   INT8    values [k/4][16][4] i8; scales [16] f32, one a row
 *   Q8_0    values [k/4][16][4] i8; scales [k/32][16] f16
 *   Q4_0    nibbles; scales [k/32][16] f16
 *   IQ4_NL  nibbles, indices of the table; scales [k/32][16] f16
 *   MXFP4   nibbles; scales [k/32][16] E8M0 bytes
 *   Q4_1    nibbles; scales [k/32][16] f16; mins [k/32][16] f16
 *   Q5_0    nibbles; bits (the fifth); scales [k/32][16] f16
 *   Q5_1    nibbles; bits; scales; mins
 *   Q2_K    pairs; scales [k/16][16] bytes (low nibble scale, high nibble min); supers [k/256][16]
 *           f16 d; mins [k/256][16] f16 dmin
 *   Q3_K    pairs (low two bits); bits (the third; set means not less 4); scales [k/256][192]:
 *           [8][16] bytes, low four bits of sub-blocks 2j (low nibble) and 2j + 1 (high nibble),
 *           then [4][16] bytes, high two bits of sub-blocks 4j … 4j+3, lowest first; supers f16 d
 *   Q4_K    nibbles; scales [k/256][192]: [8][16] bytes, low four bits of block j's scale (low
 *           nibble) and min (high nibble), then [4][16] bytes, their high two bits: scale and min of
 *           block 2j, scale and min of block 2j+1, lowest first; supers f16 d; mins f16 dmin
 *   Q5_K    nibbles; bits; the rest as Q4_K
 *   Q6_K    nibbles (low four bits); pairs (high two bits); scales [k/16][16] i8; supers f16 d
 *
 * clang-format on */

#include "engine/dtype.h"
#include "engine/kernels/kernels.h"

#include <stddef.h>
#include <stdint.h>

/* Bytes of a panel of 16 rows of k elements; k must be a multiple of the type's block. */
size_t aglm_panel_bytes(enum aglm_dtype type, size_t k);

/* Packs sixteen rows; rows[i] points to row i as it lies in a GGUF file, or is NULL for a row of
 * zeros. dst: aglm_panel_bytes() bytes, 64-byte aligned. */
void aglm_pack_panel(enum aglm_dtype type, uint8_t *dst, const void *const rows[AGLM_PANEL_ROWS],
                     size_t k);

/* Where the parts of a panel begin, from its start: high bits, scales, super-scales, mins; the
 * values themselves are at 0. 0 where a type has no such part. */
struct aglm_panel_parts {
    size_t high, scales, supers, mins;
};

/* With a constant type this is a handful of shifts. */
static inline struct aglm_panel_parts aglm_panel_parts(enum aglm_dtype type, size_t k)
{
    switch (type) {
    case AGLM_Q8_0:
        return (struct aglm_panel_parts){.scales = k * 16};
    case AGLM_Q4_0:
    case AGLM_IQ4_NL:
    case AGLM_MXFP4:
        return (struct aglm_panel_parts){.scales = k * 8};
    case AGLM_Q4_1:
        return (struct aglm_panel_parts){.scales = k * 8, .mins = k * 9};
    case AGLM_Q5_0:
        return (struct aglm_panel_parts){.high = k * 8, .scales = k * 10};
    case AGLM_Q5_1:
        return (struct aglm_panel_parts){.high = k * 8, .scales = k * 10, .mins = k * 11};
    case AGLM_Q2_K:
        return (struct aglm_panel_parts){.scales = k * 4, .supers = k * 5, .mins = k * 5 + k / 8};
    case AGLM_Q3_K:
        return (struct aglm_panel_parts){
            .high = k * 4, .scales = k * 6, .supers = k * 6 + k / 4 * 3};
    case AGLM_Q4_K:
        return (struct aglm_panel_parts){
            .scales = k * 8, .supers = k * 8 + k / 4 * 3, .mins = k * 8 + k / 8 * 7};
    case AGLM_Q5_K:
        return (struct aglm_panel_parts){.high = k * 8,
                                         .scales = k * 10,
                                         .supers = k * 10 + k / 4 * 3,
                                         .mins = k * 10 + k / 8 * 7};
    case AGLM_Q6_K:
        return (struct aglm_panel_parts){.high = k * 8, .scales = k * 12, .supers = k * 13};
    default:
        return (struct aglm_panel_parts){0};
    }
}

/* INT8, made from rows quantized by aglm_int8_row: q: [16] rows of k, NULL for a row of zeros;
 * scale: [16]. */
void aglm_pack_int8(uint8_t *dst, const int8_t *const q[AGLM_PANEL_ROWS],
                    const float scale[AGLM_PANEL_ROWS], size_t k);

#endif
