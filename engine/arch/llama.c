/* Llama 2 and 3, SmolLM2, Mistral. */
#include "engine/arch/archs.h"

const struct aglm_arch aglm_arch_llama = {
    .name = "llama",
    .rope = AGLM_ROPE_NORM,
    .rope_freqs = true,
};
