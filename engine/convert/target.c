/* Where a converted file goes; see target.h. */
#include "engine/convert/target.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
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

int aglm_convert_check_space(const char *path, uint64_t need, struct aglm_err *err)
{
    struct statvfs fs;
    char folder[4096];
    const char *slash = strrchr(path, '/');
    int n = slash ? snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path + 1), path)
                  : snprintf(folder, sizeof(folder), ".");
    if (n < 0 || (size_t)n >= sizeof(folder))
        return aglm_err_set(err, -ENAMETOOLONG, "%.200s…: the path is too long", path);
    if (statvfs(folder, &fs) != 0)
        return aglm_err_set(err, -EIO, "%s: cannot read the free space: %s", folder,
                            strerror(errno));
    const uint64_t free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (free_bytes >= need)
        return 0;
    return aglm_err_set(err, -ENOSPC,
                        "%s: needs %" PRIu64 " MB and %s has %" PRIu64
                        " MB free; free some space or choose another folder",
                        path, (need + 999999) / 1000000, folder, free_bytes / 1000000);
}
