/* Reader of GGUF model files (versions 2 and 3), memory-mapped and bounds-checked.
 *
 * Nothing in a file is trusted: every length, count, offset, type and shape is checked against the
 * file's size before use, with overflow-safe arithmetic. What is refused is named: file, what,
 * where, what to do.
 */
#ifndef AGLM_ENGINE_GGUF_H
#define AGLM_ENGINE_GGUF_H

#include "probes/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AGLM_GGUF_MAX_DIMS 4

enum aglm_gguf_vtype {
    AGLM_GGUF_U8 = 0,
    AGLM_GGUF_I8,
    AGLM_GGUF_U16,
    AGLM_GGUF_I16,
    AGLM_GGUF_U32,
    AGLM_GGUF_I32,
    AGLM_GGUF_F32,
    AGLM_GGUF_BOOL,
    AGLM_GGUF_STRING,
    AGLM_GGUF_ARRAY,
    AGLM_GGUF_U64,
    AGLM_GGUF_I64,
    AGLM_GGUF_F64,
};

struct aglm_gguf_tensor {
    const char *name; /* NUL-terminated, owned by the file */
    uint32_t n_dims;
    uint64_t ne[AGLM_GGUF_MAX_DIMS]; /* ne[0] contiguous; unused dimensions are 1 */
    uint32_t type;                   /* GGUF type id; may be one the engine cannot run */
    uint64_t n_elements;
    uint64_t n_bytes;
    uint64_t offset;  /* of the data from the start of the file */
    const void *data; /* into the mapping */
};

struct aglm_gguf;

/* Maps path read-only. On success *out must be closed by the caller. Errors: -ENOENT etc. from
 * open, -EINVAL for what is no GGUF file or a damaged one, -ENOTSUP for a version or byte order we
 * do not read. */
int aglm_gguf_open(struct aglm_gguf **out, const char *path, struct aglm_err *err);
/* The same over the caller's memory, which must outlive the file; name is used in messages. */
int aglm_gguf_open_memory(struct aglm_gguf **out, const void *data, size_t size, const char *name,
                          struct aglm_err *err);
void aglm_gguf_close(struct aglm_gguf **file);

const char *aglm_gguf_path(const struct aglm_gguf *file);
uint32_t aglm_gguf_version(const struct aglm_gguf *file);
uint64_t aglm_gguf_file_size(const struct aglm_gguf *file);

size_t aglm_gguf_tensor_count(const struct aglm_gguf *file);
const struct aglm_gguf_tensor *aglm_gguf_tensor_at(const struct aglm_gguf *file, size_t i);
/* NULL if there is no tensor of that name. */
const struct aglm_gguf_tensor *aglm_gguf_tensor_find(const struct aglm_gguf *file,
                                                     const char *name);

/* Metadata. Each returns 0 and writes *out, or -ENOENT (no such key; *out untouched), or -EINVAL
 * with a message (wrong type or out of range). Integers of any width and sign are accepted where
 * the value fits. */
int aglm_gguf_get_u64(const struct aglm_gguf *file, const char *key, uint64_t *out,
                      struct aglm_err *err);
int aglm_gguf_get_f32(const struct aglm_gguf *file, const char *key, float *out,
                      struct aglm_err *err);
int aglm_gguf_get_bool(const struct aglm_gguf *file, const char *key, bool *out,
                       struct aglm_err *err);
/* *out is NUL-terminated and owned by the file (a string with an embedded NUL is refused on open).
 */
int aglm_gguf_get_string(const struct aglm_gguf *file, const char *key, const char **out,
                         struct aglm_err *err);

/* A metadata array: element type, count, and access. Strings are not NUL-terminated. */
struct aglm_gguf_array {
    uint32_t type;
    uint64_t n;
    const void *data; /* packed elements in the mapping, maybe unaligned; strings: u64 length +
                         bytes each */
};
int aglm_gguf_get_array(const struct aglm_gguf *file, const char *key, struct aglm_gguf_array *out,
                        struct aglm_err *err);

/* Enumeration, for `model info`: key i of n, its value as short text in buf (arrays: "[u32 x 12]").
 */
size_t aglm_gguf_kv_count(const struct aglm_gguf *file);
const char *aglm_gguf_kv_at(const struct aglm_gguf *file, size_t i, char *buf, size_t buf_size);
/* The same without a look into it, for copying: key i of n, the type of its value (one of enum
 * aglm_gguf_vtype) and the value's bytes as they lie in the file. */
const char *aglm_gguf_kv_raw(const struct aglm_gguf *file, size_t i, uint32_t *type,
                             const void **value, size_t *bytes);

#endif
