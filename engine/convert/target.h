/* Where a converted file goes: what may be replaced, and whether there is room. */
#ifndef AGLM_ENGINE_CONVERT_TARGET_H
#define AGLM_ENGINE_CONVERT_TARGET_H

#include "probes/err.h"

#include <stdint.h>

/* -EEXIST if something lies at path that is neither GGUF nor empty. */
int aglm_convert_check_target(const char *path, struct aglm_err *err);
/* -ENOSPC if the folder of path has less than need bytes free. */
int aglm_convert_check_space(const char *path, uint64_t need, struct aglm_err *err);

#endif
