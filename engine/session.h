/* The engine's public face: open a model, open sessions on it, prefill, decode, look at logits,
 * close.
 *
 * Callers know token ids and floats, not tensors. A model (weights, ready to run) can be shared by
 * several sessions, also at the same time; a session has its own KV cache and threads and is used
 * by one thread at a time. Deterministic: the same model, tokens, threads and instruction set give
 * the same logits bit for bit.
 */
#ifndef AGLM_ENGINE_SESSION_H
#define AGLM_ENGINE_SESSION_H

#include "engine/dtype.h"
#include "engine/ops.h"
#include "engine/text/tokenizer.h"
#include "probes/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct aglm_model;
struct aglm_session;
struct aglm_int8_options;

/* Where the weights are while the model runs. */
enum aglm_load {
    AGLM_LOAD_PACK, /* in memory, repacked once for the kernels: the quickest to run */
    AGLM_LOAD_MMAP  /* in the file's pages, repacked a few rows at a time whenever they are used: no
                       second copy, the same logits, slower token by token */
};

struct aglm_model_options {
    const char *path;        /* GGUF file */
    const char *backend;     /* "cpu" or "null" */
    const char *isa;         /* "auto" or a name of kernels.h: "c", "avx2", … */
    const char *quantize;    /* NULL, or "int8" or the mode (engine/quant/mix.h) in which an
                                F16/BF16/F32 file is re-quantized on load: to what a file made in
                                that mode has */
    bool quantize_quick;     /* with quantize: the plain formula of each type instead of the search
                                for the least error: tens of times quicker, the same types and
                                sizes, other values. For measuring speed */
    double prune;            /* 0, or the share of each row of an F16/BF16/F32 file's matrices that
                                becomes 0 on load, before quantize (engine/quant/prune.h);
                                embeddings that are looked up stay whole */
    enum aglm_load load;     /* AGLM_LOAD_MMAP excludes quantize and prune */
    unsigned n_load_threads; /* threads for repacking; >= 1 */
    const struct aglm_int8_options *int8; /* with quantize "int8": NULL is dynamic; engine/int8.h */
    uint32_t n_ctx_override;      /* 0, or the training context to assume instead of the file's, at
                                     most 8192 or the file's (the option --override-ctx) */
    bool (*cancelled)(void *ctx); /* polled; true stops with -ECANCELED; may be NULL */
    void *cancelled_ctx;
};

struct aglm_model_info {
    char name[128];       /* general.name, or the file's base name */
    char description[64]; /* like llama.cpp's model_type: "chatglm 1.5B Q4_0" */
    char arch[32];
    char quantization[16]; /* the mixture, or the type most weights have in memory: "Q4_K_M",
                              "Q4_0", "F16"; upper case */
    char isa[16];          /* chosen: "c", "avx2", …; backend null: "none" */
    char backend[16];
    uint64_t n_params;
    uint64_t size_bytes; /* of all tensors, in the types they have in memory */
    uint64_t
        bytes_per_token; /* weight bytes that decoding one token reads (KV cache not counted) */
    /* Elements of the matrices that tokens are multiplied with: a multiply-add each for every
     * token; all of them, and those of the output matrix, which only the last token of a prompt
     * needs. 0: the backend does no arithmetic. */
    uint64_t matmul_params, output_params;
    bool int8_math;   /* most of those are multiplied as 8-bit integers, else as 32-bit floats */
    uint64_t load_ns; /* from open() to ready, repacking then included */
    uint64_t pack_ns; /* what repacking took, at open() or in aglm_model_pack(); 0: none yet */
    uint64_t packed_bytes; /* of the packed copy; 0: there is none */
    char load[8];          /* as opened: "pack", "mmap" */
    uint32_t n_vocab, n_ctx_train, n_layers, n_embd;
    char digest[33]; /* xxh3-128 of the file's metadata and a sample of its data; see model.c */
};

/* Errors name the file. -ENOTSUP: architecture, type or isa that cannot run here. */
int aglm_model_open(struct aglm_model **out, const struct aglm_model_options *options,
                    struct aglm_err *err);
/* Packs a model that was opened with AGLM_LOAD_MMAP, between two calls on its sessions, which stay
 * as they are; options as for opening. Nothing happens if it is packed. On error it runs as before.
 * Not for several threads at once. */
int aglm_model_pack(struct aglm_model *model, const struct aglm_model_options *options,
                    struct aglm_err *err);
void aglm_model_close(struct aglm_model **model); /* after its sessions */
const struct aglm_model_info *aglm_model_info(const struct aglm_model *model);
/* Multiply-adds of attention (keys, then values) of n tokens at positions first …: token p meets
 * the positions up to its own, in local layers at most the window. Of every head and layer. */
uint64_t aglm_model_attention_madds(const struct aglm_model *model, uint64_t first, uint64_t n);
/* The model's tokenizer, read when first asked for, owned by the model. Errors as
 * aglm_tokenizer_open. Not for several threads at once. */
int aglm_model_tokenizer(struct aglm_model *model, const struct aglm_tokenizer **out,
                         struct aglm_err *err);
/* The open file, for metadata; owned by the model. */
const struct aglm_gguf *aglm_model_file(const struct aglm_model *model);

struct aglm_session_options {
    uint32_t n_ctx;                 /* positions in the KV cache; >= 1 */
    enum aglm_dtype type_k, type_v; /* of the KV cache: AGLM_F16, AGLM_Q8_0 or AGLM_Q4_0 (0, which
                                       is AGLM_F32, means F16); quantized: head_dim % 32 == 0 */
    uint32_t n_batch;  /* logical batch; a prefill longer than this is cut into batches */
    uint32_t n_ubatch; /* physical batch: tokens that go through the layers together */
    unsigned n_threads; /* 1 … 512; no more work than there are CPUs for, the rest is not started */
    const uint8_t *cpu_mask; /* bitmap of CPUs, bit i of byte i/8, or NULL: no pinning */
    size_t cpu_mask_bytes;
    bool cpu_strict; /* one CPU of the mask for each thread, in turn; else each thread gets the mask
                      */
    uint32_t unfused; /* operators that shall not run fused: bits of enum aglm_fusion, to show what
                         fusing is worth. The backend null has none */
    bool (*cancelled)(void *ctx); /* polled between batches and layers; may be NULL */
    void *cancelled_ctx;
};

/* Allocates everything that prefill and decode will need: neither allocates afterwards. */
int aglm_session_open(struct aglm_session **out, struct aglm_model *model,
                      const struct aglm_session_options *options, struct aglm_err *err);
void aglm_session_close(struct aglm_session **session);

/* Appends n tokens to the context. Afterwards aglm_session_logits() is the row of the last one.
 * -EINVAL: a token id outside the vocabulary; -ENOSPC: context full; -ECANCELED. On error the
 * context is as it was before the call. */
int aglm_session_prefill(struct aglm_session *session, const int32_t *tokens, size_t n,
                         struct aglm_err *err);
/* The same, and logits of every position into rows: [n, n_vocab]. */
int aglm_session_eval(struct aglm_session *session, const int32_t *tokens, size_t n, float *rows,
                      struct aglm_err *err);
/* Appends one token: prefill with n = 1. */
int aglm_session_decode(struct aglm_session *session, int32_t token, struct aglm_err *err);

/* Prefix reuse: keeps the longest prefix of tokens: [n] that the context already starts with, but
 * at most n - 1 (the last token must be run for its logits), forgets the rest, and returns its
 * length. */
size_t aglm_session_reuse(struct aglm_session *session, const int32_t *tokens, size_t n);

/* Shows fn every row of activations before it meets a matrix, with its place as engine/int8.h
 * counts them: for calibration, slow. fn NULL ends it. -ENOTSUP: the backend has none. */
int aglm_session_observe(struct aglm_session *session,
                         void (*fn)(void *ctx, size_t site, const float *x, size_t n), void *ctx,
                         struct aglm_err *err);

/* From the next call on, adds every operator's time and work to *into, which outlives that; NULL
 * ends it. Costs every thread two readings of the clock at each barrier. -ENOTSUP: the backend has
 * no operators.
 */
int aglm_session_profile(struct aglm_session *session, struct aglm_op_profile *into,
                         struct aglm_err *err);

/* [n_vocab] floats of the last position, owned by the session, valid until the next call on it. */
const float *aglm_session_logits(const struct aglm_session *session);
/* Positions in use. */
size_t aglm_session_length(const struct aglm_session *session);
/* Forgets all positions from n_keep on. */
void aglm_session_truncate(struct aglm_session *session, size_t n_keep);
/* The CPUs the threads really may run on, read back: "0-1", or "0 | 1" when they differ. */
const char *aglm_session_affinity(const struct aglm_session *session);
/* KV cache bytes read when decoding a token at depth positions, in the session's cache types. */
uint64_t aglm_session_kv_bytes(const struct aglm_session *session, size_t depth);

#endif
