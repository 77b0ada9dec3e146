/* GLM-4-0414 and, with rope.dimension_sections, the text part of GLM-4.1V and AutoGLM-Phone. */
#include "engine/arch/archs.h"

const struct aglm_arch aglm_arch_glm4 = {
    .name = "glm4",
    .rope = AGLM_ROPE_NORM,
    .fused_ffn_up = true,
    .post_norms = true,
    .rope_sections = true,
};
