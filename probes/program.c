/* The running executable's folder. Inputs: the path that the kernel was given to start it, from the
 * auxiliary vector, which needs no /proc. Refuses nothing: where it cannot be resolved the caller
 * is told so. */
#include "probes/program.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

int aglm_program_folder(char *buf, size_t size)
{
    const char *started = (const char *)(uintptr_t)getauxval(AT_EXECFN);
    char *path = started ? realpath(started, NULL) : NULL;
    int rc = path ? 0 : started ? -errno : -ENOENT;
    buf[0] = '\0';
    if (rc)
        return rc;
    char *slash = strrchr(path, '/');
    slash[slash == path] = '\0';
    if (strlen(path) < size)
        snprintf(buf, size, "%s", path);
    else
        rc = -ENAMETOOLONG;
    free(path);
    return rc;
}
