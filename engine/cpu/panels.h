/* Panels of a matrix made from the rows of the mapped file, and the file's pages under them.
 *
 * The rows are taken as they lie in the file, in its type. Any thread may call these; they touch
 * nothing but the panels asked for.
 */
#ifndef AGLM_ENGINE_CPU_PANELS_H
#define AGLM_ENGINE_CPU_PANELS_H

#include "engine/cpu/weights.h"

/* Row r of a matrix, as it lies in the file, and the tensor it is of; NULL past the end. */
const void *aglm_cpu_source_row(const struct aglm_matrix *m, size_t r,
                                const struct aglm_gguf_tensor **of);

/* Panels first … first + n - 1 as the kernels take them: where they lie packed, or packed now into
 * room: n panels, 64-byte aligned. */
const uint8_t *aglm_cpu_panels(const struct aglm_cpu_weights *w, const struct aglm_matrix *m,
                               size_t first, size_t n, uint8_t *room);

/* Gives the file's pages under these panels back: they were read once and live on packed. */
void aglm_cpu_pages_drop(const struct aglm_matrix *m, size_t first, size_t n);

/* How many panels of a matrix a thread takes at a time when all are gone through: about 1 MiB, and
 * enough pieces for n_threads. */
size_t aglm_cpu_panels_stretch(const struct aglm_matrix *m, unsigned n_threads);

#endif
