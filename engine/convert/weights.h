/* The weights of a model folder: model.safetensors, or the shards that model.safetensors.index.json
 * names. Refused: a shard that is missing or whose name leaves the folder, a tensor that the index
 * places in a shard and that is not there, tensors the index does not know, two of one name.
 */
#ifndef AGLM_ENGINE_CONVERT_WEIGHTS_H
#define AGLM_ENGINE_CONVERT_WEIGHTS_H

#include "engine/convert/safetensors.h"

struct aglm_weights;

int aglm_weights_open(struct aglm_weights **out, const char *folder, struct aglm_err *err);
void aglm_weights_close(struct aglm_weights **weights);

size_t aglm_weights_count(const struct aglm_weights *weights);
/* Sorted by name, over all shards. */
const struct aglm_safetensor *aglm_weights_at(const struct aglm_weights *weights, size_t i);
/* The index of a name, or -1. */
long aglm_weights_find(const struct aglm_weights *weights, const char *name);

#endif
