/* The running executable's folder. Inputs: the kernel's link to it. Refuses nothing: where /proc is
 * not mounted the caller is told so. */
#include "probes/program.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

int aglm_program_folder(char *buf, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", buf, size);
    int failed = errno;
    buf[0] = n < 0 || (size_t)n >= size ? '\0' : buf[0];
    if (n < 0)
        return -failed;
    if ((size_t)n >= size)
        return -ENAMETOOLONG;
    buf[n] = '\0';
    char *slash = strrchr(buf, '/');
    if (slash != NULL)
        *(slash == buf ? slash + 1 : slash) = '\0';
    return 0;
}
