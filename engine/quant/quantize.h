/* Quantizing a whole model file: the same metadata, the same tensors, other types.
 *
 * Streams: a few megabytes of memory whatever the model's size. The same input, mode and version
 * give the same bytes with any number of threads.
 */
#ifndef AGLM_ENGINE_QUANT_QUANTIZE_H
#define AGLM_ENGINE_QUANT_QUANTIZE_H

#include "engine/quant/mix.h"
#include "probes/err.h"

/* Called now and then with bytes written and in all; returns false to stop (then -ECANCELED). */
typedef bool (*aglm_quantize_progress)(void *ctx, uint64_t done_bytes, uint64_t total_bytes);

struct aglm_quantize_options {
    const struct aglm_quantize_mode *mode;
    unsigned n_threads;    /* 1 to 512 */
    bool allow_requantize; /* else tensors that are quantized already must stay as they are */
    aglm_quantize_progress progress; /* may be NULL */
    void *progress_ctx;
};

struct aglm_quantize_report {
    uint64_t file_bytes_in, file_bytes_out;
    uint64_t tensor_bytes_in, tensor_bytes_out, n_elements;
    struct aglm_quantize_count {
        uint32_t type;
        uint64_t tensors, elements, bytes;
    } types[16]; /* in the order of their first tensor */
    size_t n_types;
    uint64_t n_fallback; /* tensors whose rows do not fit the type they should have got */
    double relative_rms; /* sqrt(sum of squared errors / sum of squares) over what was quantized;
                            NaN if nothing was */
};

/* Reads in, writes out. Refused, before anything is written: -EINVAL when out is the same file as
 * in or exists and is no GGUF file, when in is damaged or tells no architecture; -ENOTSUP for
 * tensors of a type that the engine cannot decode, a part of a split model, a mixture of experts;
 * -EPERM for tensors that would have to be quantized anew; -ENOSPC. While it runs: -EINVAL for
 * weights that are not finite or too large for 16 bits. Then nothing is left behind. */
int aglm_quantize_file(const char *in, const char *out, const struct aglm_quantize_options *options,
                       struct aglm_quantize_report *report, struct aglm_err *err);

#endif
