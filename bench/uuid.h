/* UUID version 7 (RFC 9562): sorted by time, unique enough to merge databases of many devices. */
#ifndef AGLM_BENCH_UUID_H
#define AGLM_BENCH_UUID_H

#include "probes/err.h"

#include <stdint.h>

/* Writes 36 characters and a NUL. wall_ms: ms since 1970 UTC. Fails only when the kernel has no
 * random bytes. */
int aglm_uuid_v7(char out[37], int64_t wall_ms, struct aglm_err *err);

#endif
