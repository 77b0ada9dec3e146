/* Quantizing a whole model file.
 *
 * In: a GGUF file and a mode. Out: a GGUF file with the same metadata but file_type and
 * quantization_version, and the same tensors in the same order; and a report. Every type's rows are
 * whole blocks, so a tensor is one long row to the loops here: threads take pieces of it, the main
 * thread writes what they made in order.
 */
#include "engine/quant/quantize.h"
#include "engine/gguf_write.h"
#include "engine/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Elements that one thread does at a time, and such pieces per write. */
enum { PIECE = 1 << 14, PIECES = 256 };

struct piece {
    double error, power; /* sums of squares: of x - decoded x, of x */
    bool bad;            /* a weight that cannot be written */
};

struct job {
    const struct aglm_quantize_options *options;
    const char *out_path;
    struct aglm_gguf *in;
    uint32_t *types; /* [tensors] chosen */
    struct aglm_gguf_writer *writer;
    struct aglm_pool *pool;
    float *floats;        /* [threads][2][PIECE]: decoded input, decoded output */
    uint8_t *buffer;      /* PIECES * PIECE elements of the output type */
    struct piece *pieces; /* [PIECES] */
    uint64_t done, total;
    double error, power;
    struct aglm_quantize_report report;

    /* The round that the threads are at. */
    const struct aglm_gguf_tensor *tensor;
    const struct aglm_dtype_info *from, *to;
    uint64_t first, n; /* elements */
};

/* ---- numbers ---- */

static void quantize_piece(const struct job *job, uint64_t start, size_t n, float *x,
                           struct piece *piece)
{
    const struct aglm_dtype_info *from = job->from, *to = job->to;
    float *y = x + PIECE;
    uint8_t *dst = job->buffer + start / to->block_elements * to->block_bytes;
    const uint64_t at = (job->first + start) / from->block_elements * from->block_bytes;
    *piece = (struct piece){0};
    from->to_float(x, (const uint8_t *)job->tensor->data + at, n);
    piece->bad = !aglm_dtype_holds(to->type, x, n);
    if (piece->bad)
        return;
    to->quantize_row(dst, x, n);
    to->to_float(y, dst, n);
    for (size_t i = 0; i < n; i++) {
        double rest = (double)x[i] - (double)y[i];
        piece->error += rest * rest;
        piece->power += (double)x[i] * (double)x[i];
    }
}

static void quantize_pieces(void *ctx, unsigned ith, unsigned n_threads)
{
    const struct job *job = ctx;
    float *floats = job->floats + (size_t)ith * 2 * PIECE;
    for (;;) {
        size_t i = aglm_pool_next(job->pool);
        uint64_t start = (uint64_t)i * PIECE;
        if (start >= job->n)
            return;
        uint64_t n = job->n - start < PIECE ? job->n - start : PIECE;
        quantize_piece(job, start, (size_t)n, floats, &job->pieces[i]);
    }
}

/* ---- tensors ---- */

static int put(struct job *job, const void *data, uint64_t bytes, struct aglm_err *err)
{
    const struct aglm_quantize_options *o = job->options;
    int rc = aglm_gguf_writer_data(job->writer, data, (size_t)bytes, err);
    job->done += bytes;
    if (!rc && o->progress && !o->progress(o->progress_ctx, job->done, job->total))
        rc = aglm_err_set(err, -ECANCELED, "%s: stopped; nothing was kept", job->out_path);
    return rc;
}

static int bad_weights(const struct job *job, struct aglm_err *err)
{
    return aglm_err_set(err, -EINVAL,
                        "%s: tensor %s holds weights that are not finite or too large for %s; the "
                        "file is damaged, or its training went wrong",
                        aglm_gguf_path(job->in), job->tensor->name, job->to->name);
}

static int copy_tensor(struct job *job, struct aglm_err *err)
{
    const uint8_t *data = job->tensor->data;
    const uint64_t most = (uint64_t)PIECE * PIECES;
    int rc = 0;
    for (uint64_t at = 0; at < job->tensor->n_bytes && !rc; at += most) {
        uint64_t n = job->tensor->n_bytes - at < most ? job->tensor->n_bytes - at : most;
        rc = put(job, data + at, n, err);
    }
    return rc;
}

static int convert_tensor(struct job *job, struct aglm_err *err)
{
    const uint64_t total = job->tensor->n_elements, most = (uint64_t)PIECE * PIECES;
    for (job->first = 0; job->first < total; job->first += job->n) {
        job->n = total - job->first < most ? total - job->first : most;
        aglm_pool_run(job->pool, quantize_pieces, job);
        for (uint64_t i = 0; i * PIECE < job->n; i++) {
            if (job->pieces[i].bad)
                return bad_weights(job, err);
            job->error += job->pieces[i].error;
            job->power += job->pieces[i].power;
        }
        int rc =
            put(job, job->buffer, job->n / job->to->block_elements * job->to->block_bytes, err);
        if (rc)
            return rc;
    }
    return 0;
}

static void count(struct aglm_quantize_report *r, uint32_t type, uint64_t elements, uint64_t bytes)
{
    size_t k = 0;
    while (k < r->n_types && r->types[k].type != type)
        k++;
    if (k == r->n_types && k < sizeof(r->types) / sizeof(r->types[0]))
        r->types[r->n_types++] = (struct aglm_quantize_count){.type = type};
    if (k < r->n_types) {
        r->types[k].tensors++;
        r->types[k].elements += elements;
        r->types[k].bytes += bytes;
    }
    r->n_elements += elements;
    r->tensor_bytes_out += bytes;
}

static uint64_t bytes_as(uint32_t type, uint64_t elements)
{
    unsigned block_elements = 1, block_bytes = 0;
    aglm_dtype_block(type, &block_elements, &block_bytes);
    return elements / block_elements * block_bytes;
}

static int write_tensors(struct job *job, struct aglm_err *err)
{
    int rc = 0;
    for (size_t i = 0; i < aglm_gguf_tensor_count(job->in) && !rc; i++) {
        const struct aglm_gguf_tensor *t = aglm_gguf_tensor_at(job->in, i);
        job->tensor = t;
        job->from = aglm_dtype_get(t->type);
        job->to = aglm_dtype_get(job->types[i]);
        rc = t->type == job->types[i] ? copy_tensor(job, err) : convert_tensor(job, err);
        count(&job->report, job->types[i], t->n_elements, bytes_as(job->types[i], t->n_elements));
        job->report.tensor_bytes_in += t->n_bytes;
    }
    return rc;
}

/* ---- metadata ---- */

static void declare(struct job *job)
{
    static const char *const replaced[] = {
        "general.file_type", "general.quantization_version",
        "general.alignment", /* what is written is aligned to 32, the value without this key */
    };
    for (size_t i = 0; i < aglm_gguf_kv_count(job->in); i++) {
        uint32_t type;
        const void *value;
        size_t bytes;
        const char *key = aglm_gguf_kv_raw(job->in, i, &type, &value, &bytes);
        bool copied = true;
        for (size_t k = 0; k < sizeof(replaced) / sizeof(replaced[0]); k++)
            copied = copied && strcmp(key, replaced[k]) != 0;
        if (copied)
            aglm_gguf_writer_raw(job->writer, key, type, value, bytes);
    }
    aglm_gguf_writer_u32(job->writer, "general.quantization_version", 2);
    aglm_gguf_writer_u32(job->writer, "general.file_type", job->options->mode->file_type);
    for (size_t i = 0; i < aglm_gguf_tensor_count(job->in); i++) {
        const struct aglm_gguf_tensor *t = aglm_gguf_tensor_at(job->in, i);
        aglm_gguf_writer_tensor(job->writer, t->name, (enum aglm_dtype)job->types[i], t->n_dims,
                                t->ne);
        job->total += bytes_as(job->types[i], t->n_elements);
    }
}

/* ---- what is refused ---- */

static int check_paths(const char *in, const char *out, struct aglm_err *err)
{
    struct stat from, to;
    char magic[4];
    if (stat(in, &from) != 0)
        return aglm_err_set(err, -errno, "%s: cannot open: %s", in, strerror(errno));
    if (stat(out, &to) != 0 || !S_ISREG(to.st_mode))
        return 0; /* what is no regular file, the writer refuses */
    if (from.st_dev == to.st_dev && from.st_ino == to.st_ino)
        return aglm_err_set(err, -EINVAL, "%s: is the model itself; give another name to write to",
                            out);
    int fd = open(out, O_RDONLY | O_CLOEXEC);
    bool is_model = fd >= 0 && read(fd, magic, sizeof(magic)) == 4 && memcmp(magic, "GGUF", 4) == 0;
    if (fd >= 0)
        close(fd);
    if (!is_model)
        return aglm_err_set(err, -EINVAL,
                            "%s: exists and is no model file; remove it or give another name", out);
    return 0;
}

static int check_tensors(const struct job *job, struct aglm_err *err)
{
    const char *path = aglm_gguf_path(job->in);
    uint64_t parts = 0;
    if (aglm_gguf_get_u64(job->in, "split.count", &parts, NULL) == 0 && parts > 1)
        return aglm_err_set(err, -ENOTSUP,
                            "%s: one of %" PRIu64 " parts of a model; join them first, with "
                            "llama-gguf-split --merge",
                            path, parts);
    for (size_t i = 0; i < aglm_gguf_tensor_count(job->in); i++) {
        const struct aglm_gguf_tensor *t = aglm_gguf_tensor_at(job->in, i);
        const struct aglm_dtype_info *from = aglm_dtype_get(t->type);
        if (t->type == job->types[i])
            continue;
        if (!from)
            return aglm_err_set(err, -ENOTSUP, "%s: tensor %s is of type %s, which cannot be read",
                                path, t->name, aglm_dtype_foreign_name(t->type));
        if (from->quantized && !job->options->allow_requantize)
            return aglm_err_set(err, -EPERM,
                                "%s: tensor %s is quantized already (%s); begin with an F16, BF16 "
                                "or F32 file, or accept the loss with --allow-requantize",
                                path, t->name, from->name);
    }
    return 0;
}

/* ---- from beginning to end ---- */

static int prepare(struct job *job, const char *out, struct aglm_err *err)
{
    const unsigned threads = job->options->n_threads;
    if (threads < 1 || threads > 512)
        return aglm_err_set(err, -EINVAL, "%u threads; give 1 to 512", threads);
    job->types = calloc(aglm_gguf_tensor_count(job->in) + 1, sizeof(*job->types));
    job->floats = malloc((size_t)threads * 2 * PIECE * sizeof(float));
    job->buffer = malloc((size_t)PIECE * PIECES * sizeof(float));
    job->pieces = calloc(PIECES, sizeof(*job->pieces));
    if (!job->types || !job->floats || !job->buffer || !job->pieces)
        return aglm_err_set(err, -ENOMEM, "%s: out of memory", out);
    int rc = aglm_quantize_choose_file(job->options->mode, job->in, job->types,
                                       &job->report.n_fallback, err);
    if (!rc)
        rc = check_tensors(job, err);
    if (!rc)
        rc = aglm_pool_create(&job->pool, threads, NULL, 0, false, err);
    if (!rc)
        rc = aglm_gguf_writer_create(&job->writer, out, err);
    if (rc)
        return rc;
    declare(job);
    return aglm_gguf_writer_check_space(job->writer, err);
}

int aglm_quantize_file(const char *in, const char *out, const struct aglm_quantize_options *options,
                       struct aglm_quantize_report *report, struct aglm_err *err)
{
    struct job job = {.options = options, .out_path = out};
    int rc = check_paths(in, out, err);
    if (!rc)
        rc = aglm_gguf_open(&job.in, in, err);
    if (!rc)
        rc = prepare(&job, out, err);
    if (!rc)
        rc = write_tensors(&job, err);
    if (!rc)
        rc = aglm_gguf_writer_finish(job.writer, err);
    if (!rc) {
        job.report.file_bytes_in = aglm_gguf_file_size(job.in);
        job.report.file_bytes_out = aglm_gguf_writer_size(job.writer);
        job.report.relative_rms = job.power > 0 ? sqrt(job.error / job.power) : NAN;
        *report = job.report;
    }
    aglm_gguf_writer_destroy(&job.writer);
    aglm_pool_destroy(&job.pool);
    aglm_gguf_close(&job.in);
    free(job.types);
    free(job.floats);
    free(job.buffer);
    free(job.pieces);
    return rc;
}
