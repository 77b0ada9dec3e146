/* What the two halves of the GGUF reader share (gguf.c: file and tensors; gguf_kv.c: metadata). Not
 * for others.
 */
#ifndef AGLM_ENGINE_GGUF_FILE_H
#define AGLM_ENGINE_GGUF_FILE_H

#include "engine/gguf.h"

/* Limits that no sane file comes near; they bound memory and time before anything is allocated. */
enum {
    GGUF_MAX_KV = 1 << 20,
    GGUF_MAX_TENSORS = 1 << 20,
    GGUF_MAX_KEY_BYTES = 65535,
    GGUF_MAX_NAME_BYTES = 64,
    GGUF_MAX_ALIGNMENT = 1 << 20,
    GGUF_MIN_KV_BYTES = 8 + 1 + 4 + 1,             /* length, one-byte key, type, one-byte value */
    GGUF_MIN_TENSOR_BYTES = 8 + 1 + 4 + 8 + 4 + 8, /* length, name, n_dims, one dim, type, offset */
};

struct gguf_kv {
    const char *key; /* in the arena */
    uint32_t type;
    const uint8_t *raw; /* the value as it lies in the file, after its type */
    size_t raw_bytes;
    const uint8_t *value; /* scalars: in the mapping, maybe unaligned; not for strings and arrays */
    const char *string;   /* in the arena */
    struct aglm_gguf_array array;
};

struct gguf_arena_chunk;

struct aglm_gguf {
    char *path;
    const uint8_t *base;
    size_t size;
    bool mapped;
    uint32_t version;
    struct gguf_arena_chunk *arena; /* copies of keys, names and string values, NUL-terminated */
    struct gguf_kv *kvs;
    const struct gguf_kv **kvs_sorted; /* by key */
    size_t n_kv;
    struct aglm_gguf_tensor *tensors;
    const struct aglm_gguf_tensor **tensors_sorted; /* by name */
    size_t n_tensors;
};

/* A place in the file; at <= file->size always. */
struct gguf_cursor {
    struct aglm_gguf *file;
    size_t at;
    struct aglm_err *err;
};

/* Moves the cursor over n bytes and returns their place in the mapping; NULL, with a message that
 * names what was to be read, when fewer are left. */
const uint8_t *gguf_take(struct gguf_cursor *c, uint64_t n, const char *what);
/* Each reads at the cursor and moves it; 0, or -EINVAL or -ENOMEM with a message. */
int gguf_read_u32(struct gguf_cursor *c, uint32_t *out, const char *what);
int gguf_read_u64(struct gguf_cursor *c, uint64_t *out, const char *what);
/* A u64 length and that many bytes, 0 to max, without NUL; *out is copied into the arena. */
int gguf_read_string(struct gguf_cursor *c, uint64_t max, const char **out, const char *what);
/* A string that names something: not empty, no control characters. */
int gguf_read_name(struct gguf_cursor *c, uint64_t max, const char **out, const char *what);

/* Reads n_kv key-value pairs into file->kvs, refuses duplicates. */
int gguf_read_metadata(struct gguf_cursor *c, uint64_t n_kv);

#endif
