/* Builds GGUF files in memory, well-formed or not, for tests. Values are written little-endian, as
 * they are. */
#ifndef AGLM_TESTS_GGUF_BUILD_H
#define AGLM_TESTS_GGUF_BUILD_H

#include "engine/gguf.h"

#include <stddef.h>
#include <stdint.h>

struct build {
    uint8_t bytes[1 << 16];
    size_t n;
};

void put_bytes(struct build *b, const void *data, size_t n);
void put_u8(struct build *b, uint8_t v);
void put_u32(struct build *b, uint32_t v);
void put_u64(struct build *b, uint64_t v);
void put_string(struct build *b, const char *s);

void put_header(struct build *b, uint32_t version, uint64_t n_tensors, uint64_t n_kv);
void put_kv_u32(struct build *b, const char *key, uint32_t v);
void put_kv_f32(struct build *b, const char *key, float v);
void put_kv_string(struct build *b, const char *key, const char *v);
void put_tensor(struct build *b, const char *name, uint32_t n_dims, const uint64_t *ne,
                uint32_t type, uint64_t offset);
/* Pads to a multiple of alignment, then appends n bytes 1, 2, 3 … */
void put_data(struct build *b, size_t alignment, size_t n);

/* A file with a key of every value type and two tensors (F32 [4, 3], Q8_0 [32, 2]); no byte after
 * the last tensor's data. Returns the size of the part before the data. */
size_t build_sample(struct build *b, uint32_t version);

/* Opens b's bytes in a heap block of just that size, so that reads past it are caught; free *copy
 * afterwards. */
int open_build(struct aglm_gguf **out, const struct build *b, uint8_t **copy, struct aglm_err *err);
/* Reads every key, by every getter, and every tensor's first and last byte. Returns a sum, so that
 * nothing is optimised away. */
uint64_t walk(const struct aglm_gguf *file);

#endif
