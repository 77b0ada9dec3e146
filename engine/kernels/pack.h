/* Packed weights: the layout that the matrix kernels read.
 *
 * Sixteen rows are interleaved so that one vector register holds the same columns of sixteen rows.
 * A panel is a run of records, each with some columns: their scales, then their values, every part
 * aligned. One token reads a panel from its first byte to its last, so that the processor foresees
 * one stream: with scales in a place of their own, decode got 76% of the bandwidth, so it is 95%
 * (CONTRIBUTING.md). Missing rows of the last panel and missing columns of its last record are
 * zero. The layouts are below. */
#ifndef AGLM_ENGINE_KERNELS_PACK_H
#define AGLM_ENGINE_KERNELS_PACK_H

/* clang-format off
 *
 * A block of 32 columns is eight steps of 4 columns; a vector of 64 bytes holds one step: byte i =
 * row i/4, column i%4. Four ways to hold the bits of a step:
 *
 *   nibbles  [k/32][4][64]  low nibble of vector c: step c, high nibble: step c + 4
 *   pairs    [k/32][2][64]  two bits each; vector h holds steps 4h … 4h+3, lowest bits first
 *   bits     [k/32][64]     one bit each; bit s is step s
 *   sixes    [k/32][2][3][64]  six bits each; vector i of half h: step 4h + i, and on top of it two
 *                           bits of step 4h + 3, the lowest two in vector 0. Three of four steps
 *                           cost one operation to read; as nibbles and pairs all four cost more
 *
 * A record of n blocks of 32 columns: a head, then n times high bits and values of one block. In
 * their order:
 *
 *   F32 F16 BF16  no records: [k][16 rows]
 *   INT8    no records: values [k/4][16][4] i8; scales [16] f32, one a row
 *   Q8_0    n = 2: scales [n][16] f16; values [8][64] i8
 *   Q4_0    n = 2: scales [n][16] f16; nibbles
 *   IQ4_NL  n = 2: scales [n][16] f16; nibbles, indices of the table
 *   MXFP4   n = 4: scales [n][16] E8M0 bytes; nibbles
 *   Q4_1    n = 1: scales [16] f16; mins [16] f16; nibbles
 *   Q5_0    n = 2: scales [n][16] f16; bits (the fifth); nibbles
 *   Q5_1    n = 1: scales; mins; bits; nibbles
 *   Q2_K    n = 8: scales [16][16] bytes (low nibble scale, high nibble min); supers [16] f16 d;
 *           mins [16] f16 dmin; pairs
 *   Q3_K    n = 8: scales [192]: [8][16] bytes, low four bits of sub-blocks 2j (low nibble) and
 *           2j + 1 (high nibble), then [4][16] bytes, high two bits of sub-blocks 4j … 4j+3, lowest
 *           first; supers; 32 zeros; bits (the third; set means not less 4); pairs (low two bits)
 *   Q4_K    n = 8: scales [192]: [8][16] bytes, low four bits of block j's scale (low nibble) and
 *           min (high nibble), then [4][16] bytes, their high two bits: scale and min of block 2j,
 *           scale and min of block 2j+1, lowest first; supers f16 d; mins f16 dmin; nibbles
 *   Q5_K    n = 8: the head as Q4_K's; bits; nibbles
 *   Q6_K    n = 8: scales [16][16] i8; supers; 32 zeros; sixes
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

/* Bytes of a record and where its parts begin in it; of values and high bits those of the first
 * block, the next ones `block` bytes later each. high and mins are 0 where a type has none. */
struct aglm_panel_parts {
    size_t record, n_blocks;
    size_t scales, supers, mins, high, values, block;
};

/* With a constant type these are constants. */
static inline struct aglm_panel_parts aglm_panel_parts(enum aglm_dtype type)
{
    switch (type) {
    case AGLM_Q8_0:
        return (struct aglm_panel_parts){.record = 1088, .n_blocks = 2, .values = 64, .block = 512};
    case AGLM_Q4_0:
    case AGLM_IQ4_NL:
        return (struct aglm_panel_parts){.record = 576, .n_blocks = 2, .values = 64, .block = 256};
    case AGLM_MXFP4:
        return (struct aglm_panel_parts){.record = 1088, .n_blocks = 4, .values = 64, .block = 256};
    case AGLM_Q4_1:
        return (struct aglm_panel_parts){
            .record = 320, .n_blocks = 1, .mins = 32, .values = 64, .block = 256};
    case AGLM_Q5_0:
        return (struct aglm_panel_parts){
            .record = 704, .n_blocks = 2, .high = 64, .values = 128, .block = 320};
    case AGLM_Q5_1:
        return (struct aglm_panel_parts){
            .record = 384, .n_blocks = 1, .mins = 32, .high = 64, .values = 128, .block = 320};
    case AGLM_Q2_K:
        return (struct aglm_panel_parts){
            .record = 1344, .n_blocks = 8, .supers = 256, .mins = 288, .values = 320, .block = 128};
    case AGLM_Q3_K:
        return (struct aglm_panel_parts){
            .record = 1792, .n_blocks = 8, .supers = 192, .high = 256, .values = 320, .block = 192};
    case AGLM_Q4_K:
        return (struct aglm_panel_parts){
            .record = 2304, .n_blocks = 8, .supers = 192, .mins = 224, .values = 256, .block = 256};
    case AGLM_Q5_K:
        return (struct aglm_panel_parts){.record = 2816,
                                         .n_blocks = 8,
                                         .supers = 192,
                                         .mins = 224,
                                         .high = 256,
                                         .values = 320,
                                         .block = 320};
    case AGLM_Q6_K:
        return (struct aglm_panel_parts){
            .record = 3392, .n_blocks = 8, .supers = 256, .values = 320, .block = 384};
    default:
        return (struct aglm_panel_parts){0};
    }
}

/* The record of block b of a panel, and which of its blocks that is. */
static inline const uint8_t *aglm_panel_record(const uint8_t *panel,
                                               const struct aglm_panel_parts *parts, size_t b)
{
    return panel + b / parts->n_blocks * parts->record;
}

/* INT8, made from rows quantized by aglm_int8_row: q: [16] rows of k, NULL for a row of zeros;
 * scale: [16]. */
void aglm_pack_int8(uint8_t *dst, const int8_t *const q[AGLM_PANEL_ROWS],
                    const float scale[AGLM_PANEL_ROWS], size_t k);

#endif
