/* A library that does, when it is loaded, what AGLM_BAD_DRIVER_DOES says: "crash", "hang", or
 * nothing; but first it writes where drivers write. It has none of the functions that a driver has.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A cache of some depth, and a link from it to where nothing may be removed. */
static void write_below(const char *folder)
{
    char path[1024];
    snprintf(path, sizeof(path), "%s/cache", folder);
    (void)mkdir(path, 0700);
    snprintf(path, sizeof(path), "%s/cache/kernels", folder);
    (void)mkdir(path, 0700);
    snprintf(path, sizeof(path), "%s/cache/kernels/one", folder);
    FILE *f = fopen(path, "w");
    if (f) {
        fputs("compiled\n", f);
        fclose(f);
    }
    const char *elsewhere = getenv("AGLM_BAD_DRIVER_ELSEWHERE");
    snprintf(path, sizeof(path), "%s/cache/link", folder);
    if (elsewhere && symlink(elsewhere, path) != 0)
        return;
}

__attribute__((constructor)) static void loaded(void)
{
    static const char *const folders[] = {"HOME", "TMPDIR", "XDG_CACHE_HOME", "POCL_CACHE_DIR",
                                          "MESA_SHADER_CACHE_DIR"};
    const char *how = getenv("AGLM_BAD_DRIVER_DOES");
    for (size_t i = 0; how && i < sizeof(folders) / sizeof(*folders); i++)
        if (getenv(folders[i]))
            write_below(getenv(folders[i]));
    if (how && strcmp(how, "crash") == 0)
        abort();
    while (how && strcmp(how, "hang") == 0)
        pause();
}
