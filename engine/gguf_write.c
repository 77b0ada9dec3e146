/* Writer of GGUF v3 files.
 *
 * In: metadata, tensor declarations, then the tensors' bytes in order. Out: the file, under its
 * name only when complete. The partial file is locked while it is written, so that two writers of
 * one path never mix; the second gets -EBUSY. Refused: a path that is no regular file (renaming
 * over a device would destroy it), a folder that does not exist, more or fewer bytes than were
 * declared.
 */
#include "engine/gguf_write.h"
#include "engine/gguf.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { ALIGNMENT = 32, MAX_NAME_BYTES = 64 };

struct buffer {
    uint8_t *bytes;
    size_t size, capacity;
};

struct aglm_gguf_writer {
    char *path, *partial; /* NULL when only sizes are added up */
    int fd;
    struct buffer kv, infos;
    uint64_t n_kv, n_tensors;
    uint64_t *tensor_bytes; /* [n_tensors] */
    size_t tensor_capacity;
    uint64_t data_bytes; /* declared, padding included */
    size_t tensor;       /* the one that data goes to */
    uint64_t tensor_done;
    bool header_written;
    struct aglm_err sticky; /* the first error of a declaration */
};

static uint64_t aligned(uint64_t n)
{
    return (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* ---- building the header in memory ---- */

static void stick(struct aglm_gguf_writer *w, int code, const char *what, const char *name)
{
    if (w->sticky.code == 0)
        aglm_err_set(&w->sticky, code, "%s: %s: %.80s", w->path ? w->path : "model file", what,
                     name);
}

static void append(struct aglm_gguf_writer *w, struct buffer *b, const void *data, size_t n)
{
    if (w->sticky.code)
        return;
    if (b->capacity - b->size < n) {
        size_t capacity = (b->capacity + n) * 2 + 1024;
        uint8_t *bytes = realloc(b->bytes, capacity);
        if (!bytes) {
            stick(w, -ENOMEM, "out of memory", "building the header");
            return;
        }
        b->bytes = bytes;
        b->capacity = capacity;
    }
    memcpy(b->bytes + b->size, data, n);
    b->size += n;
}

static void append_u32(struct aglm_gguf_writer *w, struct buffer *b, uint32_t v)
{
    append(w, b, &v, sizeof(v));
}

static void append_u64(struct aglm_gguf_writer *w, struct buffer *b, uint64_t v)
{
    append(w, b, &v, sizeof(v));
}

static void append_string(struct aglm_gguf_writer *w, struct buffer *b, const char *s)
{
    append_u64(w, b, strlen(s));
    append(w, b, s, strlen(s));
}

static void append_key(struct aglm_gguf_writer *w, const char *key, uint32_t type)
{
    if (w->header_written)
        stick(w, -EINVAL, "metadata after the first data", key);
    append_string(w, &w->kv, key);
    append_u32(w, &w->kv, type);
    w->n_kv++;
}

void aglm_gguf_writer_u32(struct aglm_gguf_writer *w, const char *key, uint32_t value)
{
    append_key(w, key, AGLM_GGUF_U32);
    append_u32(w, &w->kv, value);
}

void aglm_gguf_writer_f32(struct aglm_gguf_writer *w, const char *key, float value)
{
    append_key(w, key, AGLM_GGUF_F32);
    append(w, &w->kv, &value, sizeof(value));
}

void aglm_gguf_writer_string(struct aglm_gguf_writer *w, const char *key, const char *value)
{
    append_key(w, key, AGLM_GGUF_STRING);
    append_string(w, &w->kv, value);
}

void aglm_gguf_writer_bool(struct aglm_gguf_writer *w, const char *key, bool value)
{
    append_key(w, key, AGLM_GGUF_BOOL);
    append(w, &w->kv, &(uint8_t){value}, 1);
}

void aglm_gguf_writer_array(struct aglm_gguf_writer *w, const char *key, uint32_t type, uint64_t n,
                            const void *packed, size_t bytes)
{
    append_key(w, key, AGLM_GGUF_ARRAY);
    append_u32(w, &w->kv, type);
    append_u64(w, &w->kv, n);
    if (bytes)
        append(w, &w->kv, packed, bytes);
}

void aglm_gguf_writer_raw(struct aglm_gguf_writer *w, const char *key, uint32_t type,
                          const void *value, size_t bytes)
{
    append_key(w, key, type);
    append(w, &w->kv, value, bytes);
}

/* Bytes of a tensor, or 0 with a sticky error. */
static uint64_t declared_bytes(struct aglm_gguf_writer *w, const char *name, uint32_t type,
                               unsigned n_dims, const uint64_t *ne)
{
    unsigned block_elements = 0, block_bytes = 0;
    uint64_t elements = 1, bytes = 0;
    bool fits = aglm_dtype_block(type, &block_elements, &block_bytes) == 0 && n_dims >= 1 &&
                n_dims <= AGLM_GGUF_MAX_DIMS && name[0] && strlen(name) <= MAX_NAME_BYTES;
    for (unsigned d = 0; fits && d < n_dims; d++)
        fits = ne[d] >= 1 && !__builtin_mul_overflow(elements, ne[d], &elements);
    fits = fits && ne[0] % block_elements == 0 &&
           !__builtin_mul_overflow(elements / block_elements, (uint64_t)block_bytes, &bytes) &&
           bytes <= INT64_MAX / 2 - w->data_bytes;
    if (!fits) {
        stick(w, -EINVAL, "tensor with an impossible name, type or shape", name);
        return 0;
    }
    return bytes;
}

void aglm_gguf_writer_tensor(struct aglm_gguf_writer *w, const char *name, enum aglm_dtype type,
                             unsigned n_dims, const uint64_t *ne)
{
    if (w->header_written)
        stick(w, -EINVAL, "tensor declared after the first data", name);
    uint64_t bytes = declared_bytes(w, name, (uint32_t)type, n_dims, ne);
    if (w->n_tensors == w->tensor_capacity) {
        size_t capacity = w->tensor_capacity * 2 + 64;
        uint64_t *list = realloc(w->tensor_bytes, capacity * sizeof(*list));
        if (!list)
            stick(w, -ENOMEM, "out of memory", name);
        else {
            w->tensor_bytes = list;
            w->tensor_capacity = capacity;
        }
    }
    if (w->sticky.code)
        return;
    append_string(w, &w->infos, name);
    append_u32(w, &w->infos, n_dims);
    for (unsigned d = 0; d < n_dims; d++)
        append_u64(w, &w->infos, ne[d]);
    append_u32(w, &w->infos, (uint32_t)type);
    append_u64(w, &w->infos, w->data_bytes);
    w->tensor_bytes[w->n_tensors++] = bytes;
    w->data_bytes += aligned(bytes);
}

static uint64_t header_bytes(const struct aglm_gguf_writer *w)
{
    return 4 + 4 + 8 + 8 + w->kv.size + w->infos.size;
}

uint64_t aglm_gguf_writer_size(const struct aglm_gguf_writer *w)
{
    return aligned(header_bytes(w)) + w->data_bytes;
}

int aglm_gguf_writer_check_space(const struct aglm_gguf_writer *w, struct aglm_err *err)
{
    struct statvfs fs;
    const uint64_t need = aglm_gguf_writer_size(w);
    if (fstatvfs(w->fd, &fs) != 0)
        return aglm_err_set(err, -EIO, "%s: cannot read the free space: %s", w->path,
                            strerror(errno));
    uint64_t free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (free_bytes >= need)
        return 0;
    return aglm_err_set(err, -ENOSPC,
                        "%s: needs %" PRIu64 " MB and its folder has %" PRIu64
                        " MB free; free some space or choose another folder",
                        w->path, (need + 999999) / 1000000, free_bytes / 1000000);
}

/* ---- the file ---- */

/* Opens and locks PATH.partial. A file that its writer renamed or removed between our open and our
 * lock is not ours to fill: then once more. */
static int open_partial(struct aglm_gguf_writer *w, struct aglm_err *err)
{
    for (int attempt = 0; attempt < 16; attempt++) {
        struct stat at_path, opened;
        w->fd = open(w->partial, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);
        if (w->fd < 0) {
            int code = errno ? -errno : -EIO;
            return aglm_err_set(err, code, "%s: cannot create the file: %s%s", w->partial,
                                strerror(-code), code == -ENOENT ? "; the folder must exist" : "");
        }
        if (flock(w->fd, LOCK_EX | LOCK_NB) != 0) {
            close(w->fd);
            w->fd = -1;
            return aglm_err_set(err, -EBUSY, "%s: is being written by another process; wait for it",
                                w->path);
        }
        if (stat(w->partial, &at_path) == 0 && fstat(w->fd, &opened) == 0 &&
            at_path.st_ino == opened.st_ino && at_path.st_dev == opened.st_dev) {
            if (ftruncate(w->fd, 0) == 0)
                return 0;
            return aglm_err_set(err, -EIO, "%s: cannot truncate: %s", w->partial, strerror(errno));
        }
        close(w->fd);
        w->fd = -1;
    }
    return aglm_err_set(err, -EBUSY, "%s: other processes keep replacing it", w->path);
}

static int check_target(const char *path, struct aglm_err *err)
{
    struct stat st;
    if (!path[0])
        return aglm_err_set(err, -EINVAL, "the name of the file to write is empty; give one");
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return aglm_err_set(err, S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL,
                            "%s: is %s; give the name of a file to write", path,
                            S_ISDIR(st.st_mode) ? "a folder" : "not a regular file");
    return 0;
}

int aglm_gguf_writer_create(struct aglm_gguf_writer **out, const char *path, struct aglm_err *err)
{
    int rc = 0;
    struct aglm_gguf_writer *w = calloc(1, sizeof(*w));
    if (!w)
        return aglm_err_set(err, -ENOMEM, "%s: out of memory", path ? path : "model file");
    w->fd = -1;
    if (path) {
        rc = check_target(path, err);
        if (rc)
            goto fail;
        w->path = strdup(path);
        if (!w->path || asprintf(&w->partial, "%s.partial", path) < 0) {
            w->partial = NULL;
            rc = aglm_err_set(err, -ENOMEM, "%s: out of memory", path);
            goto fail;
        }
        rc = open_partial(w, err);
        if (rc)
            goto fail;
    }
    *out = w;
    return 0;
fail:
    aglm_gguf_writer_destroy(&w);
    return rc;
}

void aglm_gguf_writer_destroy(struct aglm_gguf_writer **writer)
{
    struct aglm_gguf_writer *w = *writer;
    if (!w)
        return;
    if (w->fd >= 0) { /* unfinished: removed before the lock goes with the descriptor */
        unlink(w->partial);
        close(w->fd);
    }
    free(w->kv.bytes);
    free(w->infos.bytes);
    free(w->tensor_bytes);
    free(w->partial);
    free(w->path);
    free(w);
    *writer = NULL;
}

static int write_all(struct aglm_gguf_writer *w, const void *data, size_t size,
                     struct aglm_err *err)
{
    const uint8_t *p = data;
    while (size > 0) {
        ssize_t n = write(w->fd, p, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            int code = errno ? -errno : -EIO;
            return aglm_err_set(err, code, "%s: cannot write: %s%s", w->path, strerror(-code),
                                code == -ENOSPC || code == -EDQUOT
                                    ? "; free some space or choose another folder"
                                    : "");
        }
        p += n;
        size -= (size_t)n;
    }
    return 0;
}

static int write_padding(struct aglm_gguf_writer *w, uint64_t after, struct aglm_err *err)
{
    static const uint8_t zeros[ALIGNMENT];
    return write_all(w, zeros, (size_t)(aligned(after) - after), err);
}

static int write_header(struct aglm_gguf_writer *w, struct aglm_err *err)
{
    if (w->sticky.code)
        return aglm_err_set(err, w->sticky.code, "%s", w->sticky.msg);
    if (w->header_written)
        return 0;
    struct buffer start = {0};
    append(w, &start, "GGUF", 4);
    append_u32(w, &start, 3);
    append_u64(w, &start, w->n_tensors);
    append_u64(w, &start, w->n_kv);
    int rc = w->sticky.code ? aglm_err_set(err, w->sticky.code, "%s", w->sticky.msg) : 0;
    if (!rc)
        rc = write_all(w, start.bytes, start.size, err);
    if (!rc)
        rc = write_all(w, w->kv.bytes, w->kv.size, err);
    if (!rc)
        rc = write_all(w, w->infos.bytes, w->infos.size, err);
    if (!rc)
        rc = write_padding(w, header_bytes(w), err);
    w->header_written = true;
    free(start.bytes);
    return rc;
}

int aglm_gguf_writer_data(struct aglm_gguf_writer *w, const void *data, size_t size,
                          struct aglm_err *err)
{
    if (!w->path)
        return aglm_err_set(err, -EINVAL, "a writer without a path takes no data");
    int rc = write_header(w, err);
    if (rc || size == 0)
        return rc;
    if (w->tensor >= w->n_tensors || size > w->tensor_bytes[w->tensor] - w->tensor_done)
        return aglm_err_set(err, -EINVAL, "%s: more data than tensor %zu of %" PRIu64 " declared",
                            w->path, w->tensor, w->n_tensors);
    rc = write_all(w, data, size, err);
    if (rc)
        return rc;
    w->tensor_done += size;
    if (w->tensor_done < w->tensor_bytes[w->tensor])
        return 0;
    rc = write_padding(w, w->tensor_done, err);
    w->tensor++;
    w->tensor_done = 0;
    return rc;
}

int aglm_gguf_writer_finish(struct aglm_gguf_writer *w, struct aglm_err *err)
{
    if (!w->path)
        return aglm_err_set(err, -EINVAL, "a writer without a path makes no file");
    int rc = write_header(w, err);
    if (rc)
        return rc;
    if (w->tensor < w->n_tensors)
        return aglm_err_set(err, -EINVAL, "%s: data of tensor %zu of %" PRIu64 " is incomplete",
                            w->path, w->tensor, w->n_tensors);
    if (fsync(w->fd) != 0 && errno != EINVAL && errno != EROFS) {
        int code = errno ? -errno : -EIO;
        return aglm_err_set(err, code, "%s: cannot write: %s", w->path, strerror(-code));
    }
    if (rename(w->partial, w->path) != 0) {
        int code = errno ? -errno : -EIO;
        return aglm_err_set(err, code, "%s: cannot rename from %s: %s", w->path, w->partial,
                            strerror(-code));
    }
    close(w->fd);
    w->fd = -1;
    return 0;
}
