/* A library that does, when it is loaded, what AGLM_BAD_DRIVER_DOES says: "crash", "hang", or
 * nothing. It has none of the functions that a driver has. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

__attribute__((constructor)) static void loaded(void)
{
    const char *how = getenv("AGLM_BAD_DRIVER_DOES");
    if (how && strcmp(how, "crash") == 0)
        abort();
    while (how && strcmp(how, "hang") == 0)
        pause();
}
