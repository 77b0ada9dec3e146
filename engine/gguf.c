/* GGUF files: opening, the header, and the table of tensors.
 *
 * In: a path or the caller's memory. Out: struct aglm_gguf with every tensor checked to lie inside
 * the file. Refused: what is no regular file, other versions and byte orders, counts that the
 * file's size cannot hold, bad names, shapes, types and offsets, duplicates, overlapping data. A
 * file that another process cuts short while it is mapped cannot be guarded against; reading it
 * then ends in SIGBUS.
 */
#include "engine/gguf.h"
#include "engine/dtype.h"
#include "engine/gguf_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- arena ---- */

struct gguf_arena_chunk {
    struct gguf_arena_chunk *next;
    size_t used, size;
    char bytes[];
};

static char *arena_take(struct aglm_gguf *file, size_t n)
{
    struct gguf_arena_chunk *chunk = file->arena;
    if (!chunk || chunk->size - chunk->used < n) {
        size_t size = n > 65536 ? n : 65536;
        chunk = malloc(sizeof(*chunk) + size);
        if (!chunk)
            return NULL;
        chunk->next = file->arena;
        chunk->used = 0;
        chunk->size = size;
        file->arena = chunk;
    }
    char *p = chunk->bytes + chunk->used;
    chunk->used += n;
    return p;
}

/* ---- cursor ---- */

const uint8_t *gguf_take(struct gguf_cursor *c, uint64_t n, const char *what)
{
    size_t left = c->file->size - c->at;
    if (n > left) {
        aglm_err_set(c->err, -EINVAL,
                     "%s: cut off or damaged: %s at byte %zu needs %" PRIu64
                     " bytes and %zu are left; fetch the file again",
                     c->file->path, what, c->at, n, left);
        return NULL;
    }
    const uint8_t *p = c->file->base + c->at;
    c->at += (size_t)n;
    return p;
}

int gguf_read_u32(struct gguf_cursor *c, uint32_t *out, const char *what)
{
    const uint8_t *p = gguf_take(c, sizeof(*out), what);
    if (!p)
        return -EINVAL;
    memcpy(out, p, sizeof(*out));
    return 0;
}

int gguf_read_u64(struct gguf_cursor *c, uint64_t *out, const char *what)
{
    const uint8_t *p = gguf_take(c, sizeof(*out), what);
    if (!p)
        return -EINVAL;
    memcpy(out, p, sizeof(*out));
    return 0;
}

int gguf_read_string(struct gguf_cursor *c, uint64_t max, const char **out, const char *what)
{
    size_t start = c->at;
    uint64_t n = 0;
    int rc = gguf_read_u64(c, &n, what);
    if (rc)
        return rc;
    if (n > max)
        return aglm_err_set(c->err, -EINVAL,
                            "%s: %s at byte %zu claims %" PRIu64 " bytes, at most %" PRIu64
                            " are allowed; the file is damaged",
                            c->file->path, what, start, n, max);
    const uint8_t *p = gguf_take(c, n, what);
    if (!p)
        return -EINVAL;
    if (memchr(p, 0, (size_t)n))
        return aglm_err_set(c->err, -EINVAL,
                            "%s: %s at byte %zu holds a NUL character; the file is damaged",
                            c->file->path, what, start);
    char *copy = arena_take(c->file, (size_t)n + 1);
    if (!copy)
        return aglm_err_set(c->err, -ENOMEM, "%s: out of memory reading %s", c->file->path, what);
    memcpy(copy, p, (size_t)n);
    copy[n] = '\0';
    *out = copy;
    return 0;
}

int gguf_read_name(struct gguf_cursor *c, uint64_t max, const char **out, const char *what)
{
    size_t start = c->at;
    const char *name = "";
    int rc = gguf_read_string(c, max, &name, what);
    if (rc)
        return rc;
    if (!name[0])
        return aglm_err_set(c->err, -EINVAL, "%s: %s at byte %zu is empty; the file is damaged",
                            c->file->path, what, start);
    for (const char *p = name; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return aglm_err_set(c->err, -EINVAL,
                                "%s: %s at byte %zu holds a control character; the file is damaged",
                                c->file->path, what, start);
    *out = name;
    return 0;
}

/* ---- header ---- */

static int check_version(struct gguf_cursor *c)
{
    const char *path = c->file->path;
    uint32_t version = 0;
    int rc = gguf_read_u32(c, &version, "the version");
    if (rc)
        return rc;
    if (version != 0 && (version & 0xffff) == 0)
        return aglm_err_set(c->err, -ENOTSUP,
                            "%s: big-endian GGUF file; convert it to little-endian "
                            "(gguf_convert_endian.py)",
                            path);
    if (version < 2 || version > 3)
        return aglm_err_set(c->err, -ENOTSUP,
                            "%s: GGUF version %" PRIu32
                            "; versions 2 and 3 are read; convert the model again",
                            path, version);
    c->file->version = version;
    return 0;
}

/* Refuses a count that the rest of the file, at least min_bytes for each, cannot hold. */
static int check_count(struct gguf_cursor *c, uint64_t n, uint64_t limit, size_t min_bytes,
                       const char *what)
{
    size_t left = c->file->size - c->at;
    if (n > limit || n > left / min_bytes)
        return aglm_err_set(c->err, -EINVAL,
                            "%s: claims %" PRIu64 " %s, more than its %zu bytes can hold or "
                            "the limit of %" PRIu64 "; the file is cut off or damaged",
                            c->file->path, n, what, c->file->size, limit);
    return 0;
}

static int read_header(struct gguf_cursor *c, uint64_t *n_tensors, uint64_t *n_kv)
{
    if (c->file->size < 4 || memcmp(c->file->base, "GGUF", 4) != 0)
        return aglm_err_set(c->err, -EINVAL,
                            "%s: not a GGUF file (it does not begin with \"GGUF\"); give a model "
                            "converted to GGUF",
                            c->file->path);
    c->at = 4;
    int rc = check_version(c);
    if (!rc)
        rc = gguf_read_u64(c, n_tensors, "the tensor count");
    if (!rc)
        rc = gguf_read_u64(c, n_kv, "the metadata count");
    if (!rc)
        rc = check_count(c, *n_kv, GGUF_MAX_KV, GGUF_MIN_KV_BYTES, "metadata keys");
    if (!rc)
        rc = check_count(c, *n_tensors, GGUF_MAX_TENSORS, GGUF_MIN_TENSOR_BYTES, "tensors");
    return rc;
}

static int read_alignment(struct aglm_gguf *file, uint64_t *out, struct aglm_err *err)
{
    uint64_t alignment = 32;
    int rc = aglm_gguf_get_u64(file, "general.alignment", &alignment, err);
    if (rc && rc != -ENOENT)
        return rc;
    if (alignment < 8 || alignment > GGUF_MAX_ALIGNMENT || (alignment & (alignment - 1)) != 0)
        return aglm_err_set(err, -EINVAL,
                            "%s: general.alignment is %" PRIu64
                            "; it must be a power of two from 8 to %d",
                            file->path, alignment, GGUF_MAX_ALIGNMENT);
    *out = alignment;
    return 0;
}

/* ---- tensors ---- */

static int tensor_err(struct gguf_cursor *c, const struct aglm_gguf_tensor *t, const char *what,
                      uint64_t value, const char *rest)
{
    return aglm_err_set(c->err, -EINVAL, "%s: tensor %s: %s %" PRIu64 "%s", c->file->path, t->name,
                        what, value, rest);
}

static int read_shape(struct gguf_cursor *c, struct aglm_gguf_tensor *t)
{
    int rc = gguf_read_u32(c, &t->n_dims, "a tensor's dimension count");
    if (rc)
        return rc;
    if (t->n_dims < 1 || t->n_dims > AGLM_GGUF_MAX_DIMS)
        return tensor_err(c, t, "dimension count is", t->n_dims, ", must be 1 to 4");
    t->n_elements = 1;
    for (uint32_t d = 0; d < AGLM_GGUF_MAX_DIMS; d++) {
        t->ne[d] = 1;
        if (d >= t->n_dims)
            continue;
        rc = gguf_read_u64(c, &t->ne[d], "a tensor's dimension");
        if (rc)
            return rc;
        if (t->ne[d] == 0)
            return tensor_err(c, t, "size of dimension", d, " is 0");
        if (__builtin_mul_overflow(t->n_elements, t->ne[d], &t->n_elements) ||
            t->n_elements > INT64_MAX)
            return tensor_err(c, t, "dimension", d, " makes it larger than any file can be");
    }
    return 0;
}

static int read_type(struct gguf_cursor *c, struct aglm_gguf_tensor *t)
{
    unsigned elements, bytes;
    int rc = gguf_read_u32(c, &t->type, "a tensor's type");
    if (rc)
        return rc;
    if (aglm_dtype_block(t->type, &elements, &bytes)) {
        const char *name = aglm_dtype_foreign_name(t->type);
        return aglm_err_set(c->err, -ENOTSUP,
                            "%s: tensor %s: type id %" PRIu32 "%s%s%s is not known; quantize the "
                            "model to a common type such as Q4_0",
                            c->file->path, t->name, t->type, name ? " (" : "", name ? name : "",
                            name ? ")" : "");
    }
    if (t->ne[0] % elements != 0)
        return tensor_err(c, t, "row length", t->ne[0], " is not a whole number of blocks");
    if (__builtin_mul_overflow(t->n_elements / elements, (uint64_t)bytes, &t->n_bytes))
        return tensor_err(c, t, "size in bytes overflows for", t->n_elements, " elements");
    return 0;
}

static int read_tensor(struct gguf_cursor *c, struct aglm_gguf_tensor *t)
{
    int rc = gguf_read_name(c, GGUF_MAX_NAME_BYTES, &t->name, "a tensor's name");
    if (!rc)
        rc = read_shape(c, t);
    if (!rc)
        rc = read_type(c, t);
    if (!rc)
        rc = gguf_read_u64(c, &t->offset, "a tensor's offset");
    return rc;
}

/* Turns offsets within the data into offsets within the file and checks them. */
static int place_tensors(struct gguf_cursor *c, uint64_t alignment)
{
    struct aglm_gguf *file = c->file;
    uint64_t start = ((uint64_t)c->at + alignment - 1) / alignment * alignment;
    for (size_t i = 0; i < file->n_tensors; i++) {
        struct aglm_gguf_tensor *t = &file->tensors[i];
        if (t->offset % alignment != 0)
            return tensor_err(c, t, "offset", t->offset, " is not aligned to general.alignment");
        uint64_t end;
        if (__builtin_add_overflow(t->offset, start, &t->offset) ||
            __builtin_add_overflow(t->offset, t->n_bytes, &end) || end > file->size)
            return aglm_err_set(c->err, -EINVAL,
                                "%s: tensor %s: its %" PRIu64 " bytes at %" PRIu64
                                " reach past the end of the file (%zu bytes); it is cut off, "
                                "fetch it again",
                                file->path, t->name, t->n_bytes, t->offset, file->size);
        t->data = file->base + t->offset;
    }
    return 0;
}

static int by_name(const void *a, const void *b)
{
    const struct aglm_gguf_tensor *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

static int by_offset(const void *a, const void *b)
{
    const struct aglm_gguf_tensor *const *x = a, *const *y = b;
    return ((*x)->offset > (*y)->offset) - ((*x)->offset < (*y)->offset);
}

/* Leaves tensors_sorted sorted by name. */
static int check_distinct(struct gguf_cursor *c)
{
    struct aglm_gguf *file = c->file;
    const struct aglm_gguf_tensor **sorted = file->tensors_sorted;
    for (size_t i = 0; i < file->n_tensors; i++)
        sorted[i] = &file->tensors[i];
    qsort(sorted, file->n_tensors, sizeof(sorted[0]), by_offset);
    for (size_t i = 1; i < file->n_tensors; i++)
        if (sorted[i - 1]->offset + sorted[i - 1]->n_bytes > sorted[i]->offset)
            return aglm_err_set(c->err, -EINVAL,
                                "%s: tensors %s and %s overlap; the file is damaged", file->path,
                                sorted[i - 1]->name, sorted[i]->name);
    qsort(sorted, file->n_tensors, sizeof(sorted[0]), by_name);
    for (size_t i = 1; i < file->n_tensors; i++)
        if (strcmp(sorted[i - 1]->name, sorted[i]->name) == 0)
            return aglm_err_set(c->err, -EINVAL, "%s: two tensors are named %s", file->path,
                                sorted[i]->name);
    return 0;
}

static int read_tensors(struct gguf_cursor *c, uint64_t n, uint64_t alignment)
{
    struct aglm_gguf *file = c->file;
    /* The metadata may have used up room that the count relied on. */
    int rc = check_count(c, n, GGUF_MAX_TENSORS, GGUF_MIN_TENSOR_BYTES, "tensors");
    if (rc || n == 0)
        return rc;
    file->tensors = calloc((size_t)n, sizeof(*file->tensors));
    file->tensors_sorted = calloc((size_t)n, sizeof(const struct aglm_gguf_tensor *));
    if (!file->tensors || !file->tensors_sorted)
        return aglm_err_set(c->err, -ENOMEM, "%s: out of memory for %" PRIu64 " tensors",
                            file->path, n);
    for (; file->n_tensors < n; file->n_tensors++) {
        rc = read_tensor(c, &file->tensors[file->n_tensors]);
        if (rc)
            return rc;
    }
    rc = place_tensors(c, alignment);
    return rc ? rc : check_distinct(c);
}

/* ---- opening and closing ---- */

static int parse(struct aglm_gguf *file, struct aglm_err *err)
{
    struct gguf_cursor c = {.file = file, .err = err};
    uint64_t n_tensors = 0, n_kv = 0, alignment = 0;
    int rc = read_header(&c, &n_tensors, &n_kv);
    if (!rc)
        rc = gguf_read_metadata(&c, n_kv);
    if (!rc)
        rc = read_alignment(file, &alignment, err);
    if (!rc)
        rc = read_tensors(&c, n_tensors, alignment);
    return rc;
}

static int map_file(struct aglm_gguf *file, struct aglm_err *err)
{
    const char *path = file->path;
    struct stat st;
    int rc = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* not to hang on a FIFO */
    if (fd < 0) {
        int code = errno ? -errno : -EIO;
        return aglm_err_set(err, code, "%s: cannot open the model file: %s", path, strerror(-code));
    }
    if (fstat(fd, &st) != 0)
        rc = aglm_err_set(err, -EIO, "%s: cannot stat: %s", path, strerror(errno));
    else if (S_ISDIR(st.st_mode))
        rc = aglm_err_set(err, -EISDIR, "%s: is a folder; give a GGUF model file", path);
    else if (!S_ISREG(st.st_mode))
        rc = aglm_err_set(err, -EINVAL, "%s: is not a regular file; give a GGUF model file", path);
    else if (st.st_size == 0)
        rc = aglm_err_set(err, -EINVAL, "%s: is empty; fetch or make the model file again", path);
    else if ((uint64_t)st.st_size > SIZE_MAX)
        rc = aglm_err_set(err, -EFBIG, "%s: too large for this machine's address space", path);
    if (rc == 0) {
        void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
        if (p == MAP_FAILED) {
            int code = errno ? -errno : -EIO;
            rc = aglm_err_set(err, code, "%s: cannot map into memory: %s", path, strerror(-code));
        } else {
            file->base = p;
            file->size = (size_t)st.st_size;
            file->mapped = true;
        }
    }
    close(fd);
    return rc;
}

static struct aglm_gguf *create(const char *path)
{
    struct aglm_gguf *file = calloc(1, sizeof(*file));
    if (file)
        file->path = strdup(path);
    if (file && !file->path)
        aglm_gguf_close(&file);
    return file;
}

int aglm_gguf_open(struct aglm_gguf **out, const char *path, struct aglm_err *err)
{
    struct aglm_gguf *file = create(path);
    if (!file)
        return aglm_err_set(err, -ENOMEM, "%s: out of memory", path);
    int rc = map_file(file, err);
    if (!rc)
        rc = parse(file, err);
    if (rc)
        goto fail;
    *out = file;
    return 0;
fail:
    aglm_gguf_close(&file);
    return rc;
}

int aglm_gguf_open_memory(struct aglm_gguf **out, const void *data, size_t size, const char *name,
                          struct aglm_err *err)
{
    struct aglm_gguf *file = create(name);
    if (!file)
        return aglm_err_set(err, -ENOMEM, "%s: out of memory", name);
    file->base = data;
    file->size = size;
    int rc = parse(file, err);
    if (rc)
        goto fail;
    *out = file;
    return 0;
fail:
    aglm_gguf_close(&file);
    return rc;
}

void aglm_gguf_close(struct aglm_gguf **file)
{
    struct aglm_gguf *f = *file;
    if (!f)
        return;
    while (f->arena) {
        struct gguf_arena_chunk *next = f->arena->next;
        free(f->arena);
        f->arena = next;
    }
    if (f->mapped)
        munmap((void *)(uintptr_t)f->base, f->size);
    free(f->kvs);
    free(f->kvs_sorted);
    free(f->tensors);
    free(f->tensors_sorted);
    free(f->path);
    free(f);
    *file = NULL;
}

/* ---- access ---- */

const char *aglm_gguf_path(const struct aglm_gguf *file)
{
    return file->path;
}

uint32_t aglm_gguf_version(const struct aglm_gguf *file)
{
    return file->version;
}

uint64_t aglm_gguf_file_size(const struct aglm_gguf *file)
{
    return file->size;
}

size_t aglm_gguf_tensor_count(const struct aglm_gguf *file)
{
    return file->n_tensors;
}

const struct aglm_gguf_tensor *aglm_gguf_tensor_at(const struct aglm_gguf *file, size_t i)
{
    return i < file->n_tensors ? &file->tensors[i] : NULL;
}

const struct aglm_gguf_tensor *aglm_gguf_tensor_find(const struct aglm_gguf *file, const char *name)
{
    size_t low = 0, high = file->n_tensors;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, file->tensors_sorted[middle]->name);
        if (order == 0)
            return file->tensors_sorted[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}
