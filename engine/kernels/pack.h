/* Packed weights: the layout that the matrix kernels read.
 *
 * Sixteen rows are interleaved so that one vector register holds the same columns of sixteen rows,
 * and values are kept apart from their scales so that both are aligned. A panel takes as many bytes
 * as its sixteen rows took in the file, rounded up to 64. Missing rows of the last panel are zero.
 *
 *   F32, F16, BF16  [k][16 rows]
 *   Q8_0            values [k/4][16 rows][4 columns] i8; scales [k/32][16] f16
 *   Q4_0            values [k/32][4][64]: byte i of 64 = row i/4, column i%4 of step s (low nibble)
 * and of step s + 4 (high nibble), a step being 4 columns; scales [k/32][16] f16 Q6_K low 4 bits as
 * in Q4_0; high 2 bits [k/32][2][64]: byte i of half h holds steps 4h … 4h+3 of its row and column,
 * lowest bits first; scales [k/16][16] i8; super-scales [k/256][16] f16
 */
#ifndef AGLM_ENGINE_KERNELS_PACK_H
#define AGLM_ENGINE_KERNELS_PACK_H

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

/* Where the parts of a panel begin, from its start. */
struct aglm_panel_parts {
    size_t high, scales, supers; /* of Q6_K all three; of Q8_0 and Q4_0 scales */
};
static inline struct aglm_panel_parts aglm_q8_0_parts(size_t k)
{
    return (struct aglm_panel_parts){.scales = k * 16};
}
static inline struct aglm_panel_parts aglm_q4_0_parts(size_t k)
{
    return (struct aglm_panel_parts){.scales = k * 8};
}
static inline struct aglm_panel_parts aglm_q6_k_parts(size_t k)
{
    return (struct aglm_panel_parts){.high = k * 8, .scales = k * 12, .supers = k * 13};
}

#endif
