/* Names of operators; see ops.h. */
#include "engine/ops.h"

const char *aglm_op_name(enum aglm_op op)
{
    static const char *const names[AGLM_OPS] = {[AGLM_OP_EMBED] = "embed",
                                                [AGLM_OP_NORM] = "norm",
                                                [AGLM_OP_QKV] = "qkv",
                                                [AGLM_OP_ROPE] = "rope",
                                                [AGLM_OP_ATTENTION] = "attention",
                                                [AGLM_OP_QUANTIZE] = "quantize",
                                                [AGLM_OP_OUT] = "out",
                                                [AGLM_OP_GATEUP] = "gateup",
                                                [AGLM_OP_ACTIVATION] = "activation",
                                                [AGLM_OP_DOWN] = "down",
                                                [AGLM_OP_LOGITS] = "logits"};
    return names[op];
}
