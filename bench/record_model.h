/* What a record says of the model that was loaded. */
#ifndef AGLM_BENCH_RECORD_MODEL_H
#define AGLM_BENCH_RECORD_MODEL_H

#include "bench/record.h"
#include "engine/session.h"

/* Fills the model's fields, how it was loaded, the instruction set and requantize; not the backend.
 * quantize: as after -q, "none" for the file as it is. */
void aglm_record_model(struct aglm_record *rec, const char *path,
                       const struct aglm_model_info *info, const char *quantize);

#endif
