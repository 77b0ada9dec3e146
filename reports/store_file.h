/* A database's path: checks that give errors about files and folders before SQLite gives errors
 * about SQL. */
#ifndef AGLM_REPORTS_STORE_FILE_H
#define AGLM_REPORTS_STORE_FILE_H

#include "probes/err.h"

#include <stdbool.h>

/* 0 if path can be opened for reading, or (write) for writing and creating. Errors name the path
 * and what to do: -ENOENT, -EISDIR, -EACCES, -ENOTDIR, -EINVAL for an empty name or something that
 * is no regular file. */
int aglm_store_file_check(const char *path, bool write, struct aglm_err *err);
/* True if writes wait in a journal beside the file (or that cannot be told). */
bool aglm_store_file_has_wal(const char *path);
/* The path as an SQLite URI that promises that the file cannot change; the caller frees it. NULL
 * for lack of memory. */
char *aglm_store_file_uri(const char *path);

#endif
