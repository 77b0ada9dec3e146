/* Where the small model that ships with this program lies, and the items it is asked.
 *
 * They are no part of the program: a build folder has them beside the executable, as a phone does
 * after a push; an installation has them in ../share/aglm-bench.
 */
#ifndef AGLM_BENCH_MINIFILES_H
#define AGLM_BENCH_MINIFILES_H

#include "probes/err.h"

#include <stddef.h>

#define AGLM_MINI_MODEL "glm-mini-f16.gguf"
#define AGLM_MINI_ITEMS "heldout.jsonl"

/* The path of one of the two. -ENOENT says where it was looked for; option is what names another
 * file: "-m". */
int aglm_minifile(char *path, size_t size, const char *name, const char *option,
                  struct aglm_err *err);
/* The same with the program in folder: for tests. */
int aglm_minifile_from(char *path, size_t size, const char *folder, const char *name,
                       const char *option, struct aglm_err *err);

#endif
