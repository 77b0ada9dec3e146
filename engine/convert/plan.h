/* Which tensor of a folder becomes which of the GGUF file, in what type and order. */
#ifndef AGLM_ENGINE_CONVERT_PLAN_H
#define AGLM_ENGINE_CONVERT_PLAN_H

#include "engine/convert/names.h"
#include "engine/convert/weights.h"
#include "engine/dtype.h"

struct aglm_hf_plan_item {
    char name[64];
    const struct aglm_safetensor *from; /* NULL: rope_freqs, computed */
    enum aglm_hf_change change;
    uint64_t rows, columns; /* GGUF: ne = {columns, rows}; a vector has rows = 1 */
    enum aglm_dtype type;
};

struct aglm_hf_plan {
    struct aglm_hf_plan_item *items; /* [n] */
    size_t n, capacity;
    size_t n_vision, n_other; /* tensors of the folder that are left out */
};

/* type: of matrices. A row that is no whole number of its blocks makes f16 of a matrix. Checks
 * shapes against the config. Refused: tensors that are missing, or that have no place. */
int aglm_hf_plan_make(struct aglm_hf_plan *out, const struct aglm_hf_config *config,
                      const struct aglm_weights *weights, enum aglm_dtype type, const char *folder,
                      struct aglm_err *err);
void aglm_hf_plan_finish(struct aglm_hf_plan *plan);

/* The row of the published tensor that becomes row i. */
uint64_t aglm_hf_plan_row(const struct aglm_hf_plan_item *item, const struct aglm_hf_config *config,
                          uint64_t i);

#endif
