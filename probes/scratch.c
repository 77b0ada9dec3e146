/* Throw-away folders; see scratch.h. */
#include "probes/scratch.h"

#include <errno.h>
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* What may be left open at a time while folders are walked, and how often a folder is tried in
 * which somebody is still writing. */
enum { OPEN_MAX_DIRS = 16, TRIES = 20, TRY_NS = 5000000 };

int aglm_scratch_make(struct aglm_scratch *out)
{
    const char *env = getenv("TMPDIR");
    const char *const folders[] = {env && env[0] == '/' ? env : "/tmp", "/tmp", "/data/local/tmp",
                                   "/var/tmp"};
    sigset_t most;
    int rc = -ENOENT;
    sigfillset(&most);
    (void)pthread_sigmask(SIG_BLOCK, &most, &out->before);
    for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
        if (snprintf(out->path, sizeof(out->path), "%s/aglm-bench-XXXXXX", folders[i]) >=
            (int)sizeof(out->path))
            rc = -ENAMETOOLONG;
        else if (mkdtemp(out->path))
            return 0;
        else
            rc = -errno;
    }
    (void)pthread_sigmask(SIG_SETMASK, &out->before, NULL);
    out->path[0] = '\0';
    return rc;
}

/* Where the variable stands for a folder below home, it goes on to do so when home is another. */
static void keep(const char *name, const char *home, const char *below)
{
    char path[4096];
    if (home && !getenv(name) &&
        snprintf(path, sizeof(path), "%s/%s", home, below) < (int)sizeof(path))
        setenv(name, path, 1);
}

void aglm_scratch_enter(const struct aglm_scratch *scratch)
{
    static const char *const folders[] = {"HOME",
                                          "TMPDIR",
                                          "TMP",
                                          "TEMP",
                                          "XDG_CACHE_HOME",
                                          "XDG_STATE_HOME",
                                          "POCL_CACHE_DIR",
                                          "MESA_SHADER_CACHE_DIR",
                                          "MESA_GLSL_CACHE_DIR",
                                          "CUDA_CACHE_PATH",
                                          "__GL_SHADER_DISK_CACHE_PATH",
                                          "NEO_CACHE_DIR",
                                          "cl_cache_dir"};
    keep("XDG_CONFIG_HOME", getenv("HOME"), ".config"); /* Vulkan's loader finds drivers there */
    keep("XDG_DATA_HOME", getenv("HOME"), ".local/share");
    for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
        setenv(folders[i], scratch->path, 1);
    setenv("MESA_SHADER_CACHE_DISABLE", "true", 1);
    setenv("POCL_KERNEL_CACHE", "0", 1);
    setenv("CUDA_CACHE_DISABLE", "1", 1);
    (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}); /* a crash is expected here */
    (void)pthread_sigmask(SIG_SETMASK, &scratch->before, NULL);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)remove(path); /* what cannot be removed makes its folder fail, last of all the topmost */
    return 0;
}

int aglm_scratch_remove(struct aglm_scratch *scratch)
{
    int rc = 0;
    if (!scratch->path[0])
        return 0;
    for (int i = 0; i < TRIES; i++) {
        (void)nftw(scratch->path, remove_one, OPEN_MAX_DIRS, FTW_DEPTH | FTW_PHYS);
        rc = access(scratch->path, F_OK) == 0 ? -ENOTEMPTY : 0;
        if (rc == 0)
            break;
        nanosleep(&(struct timespec){.tv_nsec = TRY_NS}, NULL); /* somebody still writes */
    }
    scratch->path[0] = '\0';
    (void)pthread_sigmask(SIG_SETMASK, &scratch->before, NULL);
    return rc;
}
