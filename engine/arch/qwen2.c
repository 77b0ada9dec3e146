/* Qwen2 and Qwen2.5. */
#include "engine/arch/archs.h"

const struct aglm_arch aglm_arch_qwen2 = {
    .name = "qwen2",
    .rope = AGLM_ROPE_NEOX,
    .qkv_bias = true,
};
