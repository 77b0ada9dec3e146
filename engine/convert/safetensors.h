/* Reader of safetensors files, memory-mapped; nothing in a file is trusted.
 *
 * Format: u64 length of a JSON header, the header {name: {dtype, shape, data_offsets}}, then the
 * data. Refused, each with one message: a header longer than the file or than 100 MB, what is no
 * such JSON, an unknown dtype, a size that is not shape times element, offsets that overlap, leave
 * gaps or end elsewhere than the file does, names that come twice.
 */
#ifndef AGLM_ENGINE_CONVERT_SAFETENSORS_H
#define AGLM_ENGINE_CONVERT_SAFETENSORS_H

#include "probes/err.h"

#include <stddef.h>
#include <stdint.h>

enum { AGLM_SAFETENSORS_MAX_DIMS = 8 };

enum aglm_safetensors_dtype {
    AGLM_ST_F32,
    AGLM_ST_F16,
    AGLM_ST_BF16,
    AGLM_ST_OTHER, /* known, but not converted: F64, I64, F8_E4M3 … */
};

struct aglm_safetensor {
    const char *name; /* owned by the file, as all here */
    const char *path;
    enum aglm_safetensors_dtype dtype;
    const char *dtype_name;
    unsigned n_dims;
    uint64_t shape[AGLM_SAFETENSORS_MAX_DIMS]; /* outermost first */
    uint64_t n_elements, n_bytes;
    const uint8_t *data; /* may be unaligned */
};

struct aglm_safetensors;

int aglm_safetensors_open(struct aglm_safetensors **out, const char *path, struct aglm_err *err);
/* Over the caller's memory, which must outlive the file. */
int aglm_safetensors_open_memory(struct aglm_safetensors **out, const void *data, size_t size,
                                 const char *name, struct aglm_err *err);
void aglm_safetensors_close(struct aglm_safetensors **file);

size_t aglm_safetensors_count(const struct aglm_safetensors *file);
/* Sorted by name. */
const struct aglm_safetensor *aglm_safetensors_at(const struct aglm_safetensors *file, size_t i);
/* NULL if there is none. */
const struct aglm_safetensor *aglm_safetensors_find(const struct aglm_safetensors *file,
                                                    const char *name);

#endif
