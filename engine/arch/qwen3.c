/* Qwen3, dense. The heads together are wider than the model. */
#include "engine/arch/archs.h"

const struct aglm_arch aglm_arch_qwen3 = {
    .name = "qwen3",
    .rope = AGLM_ROPE_NEOX,
    .qk_norm = true,
};
