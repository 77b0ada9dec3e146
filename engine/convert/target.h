/* Where a converted file goes: what may be replaced. */
#ifndef AGLM_ENGINE_CONVERT_TARGET_H
#define AGLM_ENGINE_CONVERT_TARGET_H

#include "probes/err.h"

/* -EEXIST if something lies at path that is neither GGUF nor empty. */
int aglm_convert_check_target(const char *path, struct aglm_err *err);

#endif
