/* Token embeddings as the CPU backend looks them up: rows in blocks as a file has them. */
#ifndef AGLM_ENGINE_CPU_EMBEDDING_H
#define AGLM_ENGINE_CPU_EMBEDDING_H

#include "engine/dtype.h"
#include "engine/gguf.h"
#include "engine/pool.h"

#include <stddef.h>
#include <stdint.h>

struct aglm_cpu_embedding {
    enum aglm_dtype type;
    size_t row_bytes;
    const uint8_t *rows; /* [n_vocab, row_bytes]: in the file, or owned */
    uint8_t *owned;      /* NULL where the file's rows are used */
};

/* The rows of t: [n_vocab rows of n_embd], in type; other than the file's, they are quantized here,
 * once. *out keeps pointing into the file, which must outlive it. path is for messages. -ENOMEM;
 * -EINVAL for weights that type cannot hold. */
int aglm_cpu_embedding_make(struct aglm_cpu_embedding *out, const struct aglm_gguf_tensor *t,
                            enum aglm_dtype type, bool quick, struct aglm_pool *pool,
                            const char *path, struct aglm_err *err);
void aglm_cpu_embedding_finish(struct aglm_cpu_embedding *embedding);

#endif
