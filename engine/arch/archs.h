/* The architectures, one file each; arch.c lists them. */
#ifndef AGLM_ENGINE_ARCH_ARCHS_H
#define AGLM_ENGINE_ARCH_ARCHS_H

#include "engine/arch.h"

extern const struct aglm_arch aglm_arch_chatglm;
extern const struct aglm_arch aglm_arch_gemma3;
extern const struct aglm_arch aglm_arch_glm4;
extern const struct aglm_arch aglm_arch_llama;
extern const struct aglm_arch aglm_arch_qwen2;
extern const struct aglm_arch aglm_arch_qwen3;

#endif
