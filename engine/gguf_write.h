/* Writer of GGUF v3 files: metadata first, then tensor data streamed in the order it was declared.
 *
 * Writes to PATH.partial and renames on finish, so that a broken-off write never leaves a file
 * under the final name; destroying an unfinished writer removes the partial file.
 */
#ifndef AGLM_ENGINE_GGUF_WRITE_H
#define AGLM_ENGINE_GGUF_WRITE_H

#include "engine/dtype.h"
#include "probes/err.h"

#include <stddef.h>
#include <stdint.h>

struct aglm_gguf_writer;

/* path NULL makes a writer that only adds up sizes: it takes declarations, no data. -EBUSY: another
 * process is writing the same file. The folder must exist; an existing regular file is replaced on
 * finish. */
int aglm_gguf_writer_create(struct aglm_gguf_writer **out, const char *path, struct aglm_err *err);
void aglm_gguf_writer_destroy(struct aglm_gguf_writer **writer);

/* Metadata and tensor declarations, before the first data call. Errors are sticky and reported by
 * finish. */
void aglm_gguf_writer_u32(struct aglm_gguf_writer *w, const char *key, uint32_t value);
void aglm_gguf_writer_f32(struct aglm_gguf_writer *w, const char *key, float value);
void aglm_gguf_writer_string(struct aglm_gguf_writer *w, const char *key, const char *value);
void aglm_gguf_writer_bool(struct aglm_gguf_writer *w, const char *key, bool value);
/* An array of n elements of a type of enum aglm_gguf_vtype (no arrays in arrays), packed as files
 * have them: numbers little-endian without gaps, strings as u64 length and bytes each. */
void aglm_gguf_writer_array(struct aglm_gguf_writer *w, const char *key, uint32_t type, uint64_t n,
                            const void *packed, size_t bytes);
/* A value of any type as it lies in another file: see aglm_gguf_kv_raw. */
void aglm_gguf_writer_raw(struct aglm_gguf_writer *w, const char *key, uint32_t type,
                          const void *value, size_t bytes);
/* Also of types that the engine does not run, if their block size is known. */
void aglm_gguf_writer_tensor(struct aglm_gguf_writer *w, const char *name, enum aglm_dtype type,
                             unsigned n_dims, const uint64_t *ne);
/* Total size in bytes that the finished file will have; valid after the last declaration. */
uint64_t aglm_gguf_writer_size(const struct aglm_gguf_writer *w);
/* -ENOSPC, naming the need and what there is, when the folder has no room for the whole file. After
 * the last declaration. */
int aglm_gguf_writer_check_space(const struct aglm_gguf_writer *w, struct aglm_err *err);
/* Appends bytes to the data of the next tensor in declaration order; a tensor may come in pieces.
 */
int aglm_gguf_writer_data(struct aglm_gguf_writer *w, const void *data, size_t size,
                          struct aglm_err *err);
/* Checks that every declared byte came, syncs, renames. */
int aglm_gguf_writer_finish(struct aglm_gguf_writer *w, struct aglm_err *err);

#endif
