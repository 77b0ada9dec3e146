/* Where a converted file goes; see target.h. */
#include "engine/convert/target.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int aglm_convert_check_target(const char *path, struct aglm_err *err)
{
    char magic[4] = "";
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT
                   ? 0
                   : aglm_err_set(err, -errno, "%s: cannot open: %s", path, strerror(errno));
    ssize_t n = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? read(fd, magic, 4) : -1;
    close(fd);
    if (n == 0 || (n == 4 && memcmp(magic, "GGUF", 4) == 0))
        return 0;
    return aglm_err_set(err, -EEXIST,
                        "%s: is there and is no GGUF file; give another name, or remove it first",
                        path);
}
