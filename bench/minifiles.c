/* Finds files that are installed beside the program; see minifiles.h. */
#include "bench/minifiles.h"

#include "probes/program.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FOLDER = 4096 };

int aglm_minifile_from(char *path, size_t size, const char *folder, const char *name,
                       const char *option, struct aglm_err *err)
{
    static const char *const places[] = {"", "/../share/aglm-bench"};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        int n = snprintf(path, size, "%s%s/%s", folder, places[i], name);
        if (n >= 0 && (size_t)n < size && access(path, R_OK) == 0)
            return 0;
    }
    return aglm_err_set(err, -ENOENT,
                        "%s: neither in %s, beside the program, nor in its ../share/aglm-bench; "
                        "put it there or name it with %s",
                        name, folder, option);
}

int aglm_minifile(char *path, size_t size, const char *name, const char *option,
                  struct aglm_err *err)
{
    char folder[FOLDER];
    int rc = aglm_program_folder(folder, sizeof(folder));
    if (rc)
        return aglm_err_set(err, rc,
                            "%s: where this program lies cannot be read: %s; name it "
                            "with %s",
                            name, strerror(-rc), option);
    return aglm_minifile_from(path, size, folder, name, option, err);
}
