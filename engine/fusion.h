/* Which neighbouring operators run as one. Each can be switched off, to show what it is worth; the
 * logits stay the same bits, except for the softmax, whose sums are then taken in another order.
 */
#ifndef AGLM_ENGINE_FUSION_H
#define AGLM_ENGINE_FUSION_H

#include <stddef.h>
#include <stdint.h>

enum aglm_fusion {
    AGLM_FUSE_NORM = 1u << 0,   /* residual sum, RMS norm and quantization of a token at once */
    AGLM_FUSE_QKV = 1u << 1,    /* queries, keys and values in one walk over their weights */
    AGLM_FUSE_GATEUP = 1u << 2, /* gate and up in one walk; activation and quantization beside it */
    AGLM_FUSE_ROPE = 1u << 3,   /* bias, norms of heads, rotation and the cache's write at once */
    AGLM_FUSE_SOFTMAX =
        1u << 4, /* softmax within the pass over keys and values: no score is kept */
    AGLM_FUSE_ALL = (1u << 5) - 1
};

#define AGLM_FUSION_NAME_SIZE 40

/* Reads "all", "none", "all-A-B" (all but these) or "A+B" (only these) of norm, qkv, gateup, rope,
 * softmax. -EINVAL for anything else. */
int aglm_fusion_parse(uint32_t *out, const char *text);
/* The shortest of those forms. buf: AGLM_FUSION_NAME_SIZE bytes are enough. */
void aglm_fusion_name(char *buf, size_t size, uint32_t fused);

#endif
