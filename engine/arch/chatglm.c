/* GLM-Edge, ChatGLM3, GLM-4-9B-chat. Files of GLM-Edge have q, k and v apart and no biases, the
 * others one attn_qkv with a bias; rotation may cover the first half of a head only.
 */
#include "engine/arch/archs.h"

const struct aglm_arch aglm_arch_chatglm = {
    .name = "chatglm",
    .rope = AGLM_ROPE_NORM,
    .fused_ffn_up = true,
};
