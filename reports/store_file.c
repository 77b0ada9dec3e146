/* What can be told about a database's path without SQL; see store_file.h. */
#include "reports/store_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The folder of a path, in a buffer that the caller frees: "a/b.db" -> "a", "b.db" -> ".". */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return strdup(".");
    return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

static int check_folder(const char *path, struct aglm_err *err)
{
    char *folder = folder_of(path);
    if (!folder)
        return aglm_err_set(err, -ENOMEM, "%s: out of memory", path);
    struct stat st;
    int r = 0;
    if (stat(folder, &st) < 0)
        r = aglm_err_set(err, -errno, "%s: no folder %s (%s); create it with: mkdir -p %s", path,
                         folder, strerror(errno), folder);
    else if (!S_ISDIR(st.st_mode))
        r = aglm_err_set(err, -ENOTDIR, "%s: %s is not a folder; choose another file with --db",
                         path, folder);
    else if (access(folder, W_OK | X_OK) < 0)
        r = aglm_err_set(err, -errno,
                         "%s: cannot write in the folder %s (%s); make it writable or choose "
                         "another file with --db",
                         path, folder, strerror(errno));
    free(folder);
    return r;
}

/* What can be told about a path before SQLite sees it, so that the message is about files and not
 * about SQL. */
int aglm_store_file_check(const char *path, bool write, struct aglm_err *err)
{
    struct stat st;
    if (!*path)
        return aglm_err_set(err, -EINVAL, "the database has an empty name; give a file to --db");
    if (stat(path, &st) < 0) {
        if (errno != ENOENT)
            return aglm_err_set(err, -errno, "%s: cannot be opened: %s", path, strerror(errno));
        if (!write)
            return aglm_err_set(err, -ENOENT,
                                "%s: no such database; measure something first (aglm-bench run), "
                                "or name one with --db",
                                path);
        return check_folder(path, err);
    }
    if (S_ISDIR(st.st_mode))
        return aglm_err_set(err, -EISDIR, "%s: is a folder; give a file, such as %s/aglm.db", path,
                            path);
    if (!S_ISREG(st.st_mode))
        return aglm_err_set(err, -EINVAL, "%s: not a regular file; choose another with --db", path);
    if (access(path, write ? R_OK | W_OK : R_OK) < 0)
        return aglm_err_set(err, -errno, "%s: cannot be %s: %s; change its permissions", path,
                            write ? "written" : "read", strerror(errno));
    return write ? check_folder(path, err) : 0;
}

bool aglm_store_file_has_wal(const char *path)
{
    char *wal = NULL;
    struct stat st;
    if (asprintf(&wal, "%s-wal", path) < 0)
        return true;
    bool yes = stat(wal, &st) == 0 && st.st_size > 0;
    free(wal);
    return yes;
}

char *aglm_store_file_uri(const char *path)
{
    char *uri = malloc(strlen(path) * 3 + 32);
    if (!uri)
        return NULL;
    char *p = stpcpy(uri, "file:");
    for (const char *s = path; *s; s++) {
        if (strchr("%?#", *s))
            p += sprintf(p, "%%%02X", (unsigned)*s);
        else
            *p++ = *s;
    }
    strcpy(p, "?immutable=1");
    return uri;
}
