/* Reader of safetensors files; see safetensors.h. */
#include "engine/convert/safetensors.h"
#include "engine/convert/json.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_HEADER_BYTES = 100 * 1000 * 1000 };

struct aglm_safetensors {
    char *path;
    void *mapping; /* NULL when the memory is the caller's */
    size_t mapping_bytes;
    const uint8_t *data; /* behind the header */
    uint64_t data_bytes;
    cJSON *header; /* owns the names */
    struct aglm_safetensor *tensors;
    size_t n;
};

static const struct {
    const char *name;
    enum aglm_safetensors_dtype dtype;
    unsigned bytes;
} DTYPES[] = {
    {"F32", AGLM_ST_F32, 4},       {"F16", AGLM_ST_F16, 2},       {"BF16", AGLM_ST_BF16, 2},
    {"F64", AGLM_ST_OTHER, 8},     {"I64", AGLM_ST_OTHER, 8},     {"U64", AGLM_ST_OTHER, 8},
    {"I32", AGLM_ST_OTHER, 4},     {"U32", AGLM_ST_OTHER, 4},     {"I16", AGLM_ST_OTHER, 2},
    {"U16", AGLM_ST_OTHER, 2},     {"I8", AGLM_ST_OTHER, 1},      {"U8", AGLM_ST_OTHER, 1},
    {"F8_E4M3", AGLM_ST_OTHER, 1}, {"F8_E5M2", AGLM_ST_OTHER, 1}, {"BOOL", AGLM_ST_OTHER, 1},
};

static int bad(const struct aglm_safetensors *f, const char *tensor, const char *what,
               struct aglm_err *err)
{
    return aglm_err_set(err, -EINVAL, "%s: tensor '%.100s': %s; the file is damaged", f->path,
                        tensor, what);
}

/* Element size by dtype name, or 0. */
static unsigned read_dtype(struct aglm_safetensor *t, const cJSON *entry)
{
    const cJSON *item = aglm_json_get(entry, "dtype");
    for (size_t i = 0; cJSON_IsString(item) && i < sizeof(DTYPES) / sizeof(*DTYPES); i++) {
        if (strcmp(item->valuestring, DTYPES[i].name) == 0) {
            t->dtype = DTYPES[i].dtype;
            t->dtype_name = DTYPES[i].name;
            return DTYPES[i].bytes;
        }
    }
    return 0;
}

static int read_shape(struct aglm_safetensor *t, const cJSON *entry)
{
    const cJSON *shape = aglm_json_get(entry, "shape"), *item;
    if (!cJSON_IsArray(shape))
        return -EINVAL;
    t->n_elements = 1;
    cJSON_ArrayForEach(item, shape)
    {
        uint64_t n;
        if (t->n_dims == AGLM_SAFETENSORS_MAX_DIMS || aglm_json_whole(item, &n) != 0 ||
            __builtin_mul_overflow(t->n_elements, n, &t->n_elements))
            return -EINVAL;
        t->shape[t->n_dims++] = n;
    }
    return 0;
}

static int read_offsets(const cJSON *entry, uint64_t *begin, uint64_t *end)
{
    const cJSON *offsets = aglm_json_get(entry, "data_offsets");
    const cJSON *first = cJSON_IsArray(offsets) ? offsets->child : NULL;
    if (!first || !first->next || first->next->next || aglm_json_whole(first, begin) != 0 ||
        aglm_json_whole(first->next, end) != 0)
        return -EINVAL;
    return 0;
}

static int read_tensor(struct aglm_safetensors *f, const cJSON *entry, struct aglm_err *err)
{
    struct aglm_safetensor *t = &f->tensors[f->n];
    uint64_t begin, end, bytes;
    *t = (struct aglm_safetensor){.name = entry->string, .path = f->path};
    if (!t->name[0] || !cJSON_IsObject(entry))
        return bad(f, t->name, "has no description", err);
    unsigned element = read_dtype(t, entry);
    if (!element)
        return aglm_err_set(err, -ENOTSUP,
                            "%s: tensor '%.100s' has no dtype or one that is not known", f->path,
                            t->name);
    if (read_shape(t, entry) != 0)
        return bad(f, t->name, "its shape is missing or impossible", err);
    if (read_offsets(entry, &begin, &end) != 0)
        return bad(f, t->name, "data_offsets must be two whole numbers", err);
    if (begin > end || end > f->data_bytes)
        return aglm_err_set(err, -EINVAL,
                            "%s: tensor '%.100s': bytes %" PRIu64 " to %" PRIu64
                            " are not inside the %" PRIu64 " bytes of data; the file is cut off "
                            "or damaged",
                            f->path, t->name, begin, end, f->data_bytes);
    if (__builtin_mul_overflow(t->n_elements, (uint64_t)element, &bytes) || bytes != end - begin)
        return bad(f, t->name, "its bytes are not what shape and dtype ask for", err);
    t->n_bytes = bytes;
    t->data = f->data + begin;
    f->n++;
    return 0;
}

static int by_place(const void *a, const void *b)
{
    const struct aglm_safetensor *x = a, *y = b;
    if (x->data != y->data)
        return x->data < y->data ? -1 : 1;
    return (x->n_bytes > y->n_bytes) - (x->n_bytes < y->n_bytes);
}

static int by_name(const void *a, const void *b)
{
    const struct aglm_safetensor *x = a, *y = b;
    return strcmp(x->name, y->name);
}

/* Every byte of data belongs to exactly one tensor. */
static int check_places(struct aglm_safetensors *f, struct aglm_err *err)
{
    const uint8_t *next = f->data;
    qsort(f->tensors, f->n, sizeof(*f->tensors), by_place);
    for (size_t i = 0; i < f->n; i++) {
        const struct aglm_safetensor *t = &f->tensors[i];
        if (t->data < next)
            return aglm_err_set(err, -EINVAL,
                                "%s: tensors '%.100s' and '%.100s' overlap; the file is damaged",
                                f->path, f->tensors[i - 1].name, t->name);
        if (t->data > next)
            return bad(f, t->name, "there is a gap before its data", err);
        next = t->data + t->n_bytes;
    }
    if (next != f->data + f->data_bytes)
        return aglm_err_set(err, -EINVAL,
                            "%s: %" PRIu64 " bytes at the end belong to no tensor; the file is "
                            "damaged",
                            f->path, (uint64_t)(f->data + f->data_bytes - next));
    return 0;
}

static int read_header(struct aglm_safetensors *f, struct aglm_err *err)
{
    const cJSON *entry;
    size_t n = 0;
    int rc = 0;
    if (!cJSON_IsObject(f->header))
        return aglm_err_set(err, -EINVAL, "%s: the header is not a JSON object", f->path);
    cJSON_ArrayForEach(entry, f->header) n++;
    f->tensors = calloc(n + 1, sizeof(*f->tensors));
    if (!f->tensors)
        return aglm_err_set(err, -ENOMEM, "%s: out of memory", f->path);
    cJSON_ArrayForEach(entry, f->header)
    {
        if (strcmp(entry->string, "__metadata__") != 0)
            rc = read_tensor(f, entry, err);
        if (rc)
            return rc;
    }
    rc = check_places(f, err);
    if (rc)
        return rc;
    qsort(f->tensors, f->n, sizeof(*f->tensors), by_name);
    for (size_t i = 1; i < f->n; i++)
        if (by_name(&f->tensors[i - 1], &f->tensors[i]) == 0)
            return bad(f, f->tensors[i].name, "comes twice", err);
    return 0;
}

static int read_bytes(struct aglm_safetensors *f, const uint8_t *data, size_t size,
                      struct aglm_err *err)
{
    uint64_t header = 0;
    for (size_t i = 0; size >= 8 && i < 8; i++)
        header |= (uint64_t)data[i] << (8 * i);
    if (size < 8 || header > size - 8)
        return aglm_err_set(err, -EINVAL,
                            "%s: no safetensors file, or cut off: its header does not fit into "
                            "its %zu bytes",
                            f->path, size);
    if (header > MAX_HEADER_BYTES)
        return aglm_err_set(err, -EINVAL, "%s: a header of %" PRIu64 " bytes; at most %d can be",
                            f->path, header, MAX_HEADER_BYTES);
    f->data = data + 8 + header;
    f->data_bytes = size - 8 - header;
    int rc = aglm_json_parse(&f->header, (const char *)data + 8, (size_t)header, f->path, err);
    return rc ? rc : read_header(f, err);
}

static int map_file(struct aglm_safetensors *f, struct aglm_err *err)
{
    struct stat st;
    int rc, fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        rc = errno ? -errno : -EIO;
        return aglm_err_set(err, rc, "%s: cannot open: %s", f->path, strerror(-rc));
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size > SIZE_MAX / 2) {
        rc = aglm_err_set(err, -EINVAL, "%s: is not a regular file that can be mapped", f->path);
    } else if (st.st_size < 8) {
        rc = aglm_err_set(err, -EINVAL, "%s: no safetensors file, or cut off: it has %d bytes",
                          f->path, (int)st.st_size);
    } else {
        f->mapping_bytes = (size_t)st.st_size;
        f->mapping = mmap(NULL, f->mapping_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
        rc = 0;
        if (f->mapping == MAP_FAILED) {
            f->mapping = NULL;
            rc = aglm_err_set(err, -errno, "%s: cannot map: %s", f->path, strerror(errno));
        }
    }
    close(fd);
    return rc;
}

static int open_any(struct aglm_safetensors **out, const void *data, size_t size, const char *path,
                    struct aglm_err *err)
{
    int rc = 0;
    struct aglm_safetensors *f = calloc(1, sizeof(*f));
    if (!f || !(f->path = strdup(path))) {
        rc = aglm_err_set(err, -ENOMEM, "%s: out of memory", path);
        goto fail;
    }
    if (!data) {
        rc = map_file(f, err);
        if (rc)
            goto fail;
        data = f->mapping;
        size = f->mapping_bytes;
    }
    rc = read_bytes(f, data, size, err);
    if (rc)
        goto fail;
    *out = f;
    return 0;
fail:
    aglm_safetensors_close(&f);
    return rc;
}

int aglm_safetensors_open(struct aglm_safetensors **out, const char *path, struct aglm_err *err)
{
    return open_any(out, NULL, 0, path, err);
}

int aglm_safetensors_open_memory(struct aglm_safetensors **out, const void *data, size_t size,
                                 const char *name, struct aglm_err *err)
{
    return open_any(out, data ? data : "", size, name, err);
}

void aglm_safetensors_close(struct aglm_safetensors **file)
{
    struct aglm_safetensors *f = *file;
    if (!f)
        return;
    if (f->mapping)
        munmap(f->mapping, f->mapping_bytes);
    cJSON_Delete(f->header);
    free(f->tensors);
    free(f->path);
    free(f);
    *file = NULL;
}

size_t aglm_safetensors_count(const struct aglm_safetensors *file)
{
    return file->n;
}

const struct aglm_safetensor *aglm_safetensors_at(const struct aglm_safetensors *file, size_t i)
{
    return &file->tensors[i];
}

const struct aglm_safetensor *aglm_safetensors_find(const struct aglm_safetensors *file,
                                                    const char *name)
{
    const struct aglm_safetensor key = {.name = name};
    return bsearch(&key, file->tensors, file->n, sizeof(key), by_name);
}
