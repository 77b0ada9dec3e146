/* Memory that attention takes by way of a matrix of scores; scores.c. */
#ifndef AGLM_ENGINE_CPU_SCORES_H
#define AGLM_ENGINE_CPU_SCORES_H

#include "engine/cpu/state.h"

/* Bytes that each thread needs for panels and rows: s->packed_bytes. */
size_t aglm_cpu_scores_packed_bytes(const struct aglm_cpu_state *s);

#endif
