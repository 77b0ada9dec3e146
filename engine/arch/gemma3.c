/* Gemma 3, text. Five layers with a sliding window, then one without. Norm weights in files are
 * those of the published model plus 1, so the plain norm is right. 62 layers: the 27B, whose
 * queries are scaled by its mean width of a head instead of the real one.
 */
#include "engine/arch/archs.h"

const struct aglm_arch aglm_arch_gemma3 = {
    .name = "gemma3",
    .rope = AGLM_ROPE_NEOX,
    .activation = AGLM_GELU,
    .qk_norm = true,
    .post_norms = true,
    .embd_scaled = true,
    .logit_softcap = true,
    .window_every = 6,
    .even_scale_layers = 62,
};
