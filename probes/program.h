/* Where this program lies: what is installed beside it is found from there.
 */
#ifndef AGLM_PROBES_PROGRAM_H
#define AGLM_PROBES_PROGRAM_H

#include <stddef.h>

/* The folder of the running executable, without a slash at its end, links resolved. 0, or -errno
 * (-ENAMETOOLONG: size is too small) and buf is "". */
int aglm_program_folder(char *buf, size_t size);

#endif
