/* The operator profile: where the time of a forward pass goes.
 *
 * An operator takes from the end of the one before until the last thread has done its share of
 * it. Every thread notes what it did in that time; their mean is work, the rest is waiting: for
 * the last thread, and for those that a barrier had to wake. So work and waiting of all operators
 * add up to the time of the pass, with any number of threads. Bytes and operations are those of
 * all threads, from shapes.
 */
#ifndef AGLM_ENGINE_OPS_H
#define AGLM_ENGINE_OPS_H

#include <stdint.h>

enum aglm_op {
    AGLM_OP_EMBED,      /* rows of the embedding */
    AGLM_OP_NORM,       /* residual sum, norm, quantization of its result */
    AGLM_OP_QKV,        /* product */
    AGLM_OP_ROPE,       /* biases, norms of heads, rotation, the cache's write */
    AGLM_OP_ATTENTION,  /* scores, softmax, mix of values */
    AGLM_OP_QUANTIZE,   /* of what attention gave */
    AGLM_OP_OUT,        /* product */
    AGLM_OP_GATEUP,     /* product */
    AGLM_OP_ACTIVATION, /* SiLU or GELU, quantization of its result */
    AGLM_OP_DOWN,       /* product */
    AGLM_OP_LOGITS,     /* product, cap, copy */
    AGLM_OPS
};

/* Sums over calls. Only what is known exactly is counted. */
struct aglm_op_count {
    uint64_t calls, barriers;
    uint64_t ns, wait_ns;       /* at work and waiting, mean of the threads */
    double weight_bytes;        /* each weight once a call, in the type it has in memory */
    double kv_bytes;            /* of the cache, read and written; each position once a call */
    double act_bytes;           /* activations, read and written, as the operator's own inputs and
                                   outputs: they may never leave a cache */
    double int8_ops, float_ops; /* two for each multiply-add of a product or of attention */
};

struct aglm_op_profile {
    struct aglm_op_count op[AGLM_OPS];
};

/* "embed", "norm", … */
const char *aglm_op_name(enum aglm_op op);

#endif
