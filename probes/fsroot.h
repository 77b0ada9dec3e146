/* Reading facts from files under a root folder that stands for "/".
 *
 * With the root "/" the machine's own /sys and /proc are read; with another root a captured tree
 * is, and every symbolic link and ".." is resolved inside it, as chroot would, so that nothing
 * outside can be reached. Only regular files are read, with a cap on their size and without ever
 * waiting for a pipe or a device.
 *
 * A captured tree tells in its file "access" what its maker was refused (fsroot_access.h).
 *
 * Refused, each with its own code, because "denied" is another fact than "not there":
 *   -ENOENT not there   -EACCES denied   -EIO unreadable   -EFBIG larger than the cap
 *   -EILSEQ garbage (no text, no number)   -ERANGE a number outside its limits   -ENOMEM
 */
#ifndef AGLM_PROBES_FSROOT_H
#define AGLM_PROBES_FSROOT_H

#include "probes/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct aglm_fsroot_access;

struct aglm_fsroot {
    int fd;                            /* the root folder, for openat */
    bool live;                         /* the root is this machine's own "/" */
    struct aglm_fsroot_access *access; /* what a captured tree says is refused, or NULL */
};

/* Opens a root; NULL means "/". -ENOENT, -ENOTDIR, -EACCES when it is no folder that can be
 * entered; the code of fsroot_access.h when its file "access" has a line that is no rule. */
int aglm_fsroot_open(struct aglm_fsroot *fs, const char *root, struct aglm_err *err);
/* Tolerates one that failed to open or is closed already. */
void aglm_fsroot_close(struct aglm_fsroot *fs);

/* Reads a whole file of at most cap - 1 bytes into buf and ends it with NUL. Trailing NULs (device
 * tree) are cut, a NUL inside is garbage. After a failure the content of buf means nothing. */
int aglm_fsroot_read(const struct aglm_fsroot *fs, const char *path, char *buf, size_t cap);
/* The same into memory that the caller frees, for files of at most max bytes. */
int aglm_fsroot_slurp(const struct aglm_fsroot *fs, const char *path, size_t max, char **out);

/* One line of text, spaces around it cut. Control characters, broken UTF-8 and nothing at all are
 * garbage. The path is built from fmt. */
int aglm_fsroot_text(const struct aglm_fsroot *fs, char *buf, size_t cap, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* One decimal integer (0x… for hexadecimal) alone in its file, lo <= value <= hi. */
int aglm_fsroot_integer(const struct aglm_fsroot *fs, int64_t lo, int64_t hi, int64_t *out,
                        const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* 0 if something of any kind is at the path, else the code why not. */
int aglm_fsroot_look(const struct aglm_fsroot *fs, const char *path);
/* Whether something of any kind can be seen at the path. */
bool aglm_fsroot_exists(const struct aglm_fsroot *fs, const char *path);

struct aglm_fsroot_names {
    char **names; /* [count], sorted so that zone2 comes before zone10 */
    size_t count;
};

/* The most names that a listing keeps. */
#define AGLM_FSROOT_NAMES_MAX 4096

/* The names in a folder that start with prefix, those with a dot in front left out. -EFBIG above
 * AGLM_FSROOT_NAMES_MAX. */
int aglm_fsroot_list(const struct aglm_fsroot *fs, const char *path, const char *prefix,
                     struct aglm_fsroot_names *out);
void aglm_fsroot_names_finish(struct aglm_fsroot_names *names);

/* The number alone in text, lo <= value <= hi; what aglm_fsroot_integer makes of a file's line. */
int aglm_fsroot_parse_integer(const char *text, int64_t lo, int64_t hi, int64_t *out);

/* A few words for people on a code from above: "not there", "denied", … Never NULL. */
const char *aglm_fsroot_reason(int code);

/* Whether text is valid UTF-8 without control characters other than those in allow. */
bool aglm_fsroot_printable(const char *text, const char *allow);

#endif
