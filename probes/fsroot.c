/* Capped reads under a root folder; see fsroot.h.
 *
 * Links are resolved by hand, one component at a time, instead of by openat2(RESOLVE_IN_ROOT): the
 * call is missing on older phones' kernels and under user-mode emulators, and the rules must be the
 * same everywhere.
 */
#include "probes/fsroot.h"

#include "probes/fsroot_access.h"

#include <assert.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ACCESS "/access"

enum { LINKS_MAX = 40, ACCESS_MAX = 256 << 10 };

/* The few codes that fsroot.h promises, from any errno of open, read, readlink. */
static int code_of(int error)
{
    switch (error) {
    case EACCES:
    case EPERM:
        return -EACCES;
    case ENOENT:
    case ENOTDIR:
        return -ENOENT;
    case ENOMEM:
        return -ENOMEM;
    default:
        return -EIO;
    }
}

static int load_access(struct aglm_fsroot *fs, const char *root, struct aglm_err *err)
{
    char *text, name[256];
    int rc = aglm_fsroot_slurp(fs, ACCESS, ACCESS_MAX, &text);
    if (rc == -ENOENT)
        return 0;
    snprintf(name, sizeof(name), "%.200s" ACCESS, root);
    if (rc)
        return aglm_err_set(err, rc, "%s: %s", name, aglm_fsroot_reason(rc));
    rc = aglm_fsroot_access_parse(&fs->access, text, name, err);
    free(text);
    return rc;
}

int aglm_fsroot_open(struct aglm_fsroot *fs, const char *root, struct aglm_err *err)
{
    *fs = (struct aglm_fsroot){.fd = -1};
    if (!root)
        root = "/";
    int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        int error = errno;
        return aglm_err_set(err, -error, "%s: cannot be used as the root: %s; name a folder", root,
                            strerror(error));
    }
    struct stat here, slash;
    fs->live = fstat(fd, &here) == 0 && stat("/", &slash) == 0 && here.st_dev == slash.st_dev &&
               here.st_ino == slash.st_ino;
    fs->fd = fd;
    int rc = fs->live ? 0 : load_access(fs, root, err);
    if (rc)
        aglm_fsroot_close(fs);
    return rc;
}

void aglm_fsroot_close(struct aglm_fsroot *fs)
{
    if (fs && fs->fd >= 0)
        close(fs->fd);
    if (!fs)
        return;
    fs->fd = -1;
    aglm_fsroot_access_finish(&fs->access);
}

/* Cuts the last component off done, whose length is *len; at the root it stays there. */
static void step_up(char *done, size_t *len)
{
    while (*len > 0 && done[--*len] != '/')
        ;
    done[*len] = '\0';
}

/* Appends one component to done; -ENOENT if the path grows too long to exist. */
static int step_down(char *done, size_t *len, const char *name, size_t n)
{
    if (*len + n + 2 > PATH_MAX)
        return -ENOENT;
    if (*len > 0)
        done[(*len)++] = '/';
    memcpy(done + *len, name, n);
    *len += n;
    done[*len] = '\0';
    return 0;
}

/* Replaces what is left of the path by the link's target followed by it. */
static int follow(char *rest, const char *target, const char *tail)
{
    char joined[PATH_MAX];
    int n = snprintf(joined, sizeof(joined), "%s/%s", target, tail);
    if (n < 0 || (size_t)n >= sizeof(joined))
        return -ENOENT;
    memcpy(rest, joined, (size_t)n + 1);
    return 0;
}

/* path with every link resolved inside the root, relative to it, into done; "." for the root
 * itself. */
static int resolve(const struct aglm_fsroot *fs, const char *path, char done[PATH_MAX])
{
    char rest[PATH_MAX];
    size_t len = 0;
    unsigned links = 0;
    if (snprintf(rest, sizeof(rest), "%s", path) >= (int)sizeof(rest))
        return -ENOENT;
    done[0] = '\0';
    for (char *at = rest; *at;) {
        size_t n = strcspn(at, "/");
        char *tail = at + n + (at[n] == '/');
        if (n == 2 && memcmp(at, "..", 2) == 0) {
            step_up(done, &len);
        } else if (n > 0 && !(n == 1 && *at == '.')) {
            size_t parent = len;
            int rc = step_down(done, &len, at, n);
            if (rc)
                return rc;
            char target[PATH_MAX];
            ssize_t got = readlinkat(fs->fd, done, target, sizeof(target) - 1);
            if (got < 0 && errno != EINVAL)
                return code_of(errno);
            if (got >= 0) {
                target[got] = '\0';
                if (++links > LINKS_MAX)
                    return -EIO;
                len = target[0] == '/' ? 0 : parent;
                done[len] = '\0';
                rc = follow(rest, target, tail);
                if (rc)
                    return rc;
                at = rest;
                continue;
            }
        }
        at = tail;
    }
    if (len == 0)
        memcpy(done, ".", 2);
    return 0;
}

/* resolve() for a path that the tree's access rules allow, by its own name and by that of what its
 * links lead to. */
static int resolve_allowed(const struct aglm_fsroot *fs, const char *path, char done[PATH_MAX])
{
    char real[PATH_MAX + 1];
    int rc = aglm_fsroot_access_code(fs->access, path);
    if (rc == 0)
        rc = resolve(fs, path, done);
    if (rc || !fs->access)
        return rc;
    snprintf(real, sizeof(real), "/%s", strcmp(done, ".") == 0 ? "" : done);
    return aglm_fsroot_access_code(fs->access, real);
}

/* Opens a path under the root without waiting; the descriptor or a code. */
static int open_under(const struct aglm_fsroot *fs, const char *path, int flags)
{
    assert(path[0] == '/');
    flags |= O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    int fd;
    if (fs->live) {
        fd = open(path, flags);
    } else {
        char done[PATH_MAX];
        int rc = resolve_allowed(fs, path, done);
        if (rc)
            return rc;
        fd = openat(fs->fd, done, flags | O_NOFOLLOW);
    }
    return fd < 0 ? code_of(errno) : fd;
}

/* Fills buf from fd until the end of the file or until it is full; the count or a code. */
static ssize_t read_full(int fd, char *buf, size_t cap)
{
    size_t len = 0;
    while (len < cap) {
        ssize_t n = read(fd, buf + len, cap - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return code_of(errno);
        if (n == 0)
            break;
        len += (size_t)n;
    }
    return (ssize_t)len;
}

int aglm_fsroot_read(const struct aglm_fsroot *fs, const char *path, char *buf, size_t cap)
{
    assert(cap > 0);
    int fd = open_under(fs, path, 0);
    if (fd < 0)
        return fd;
    struct stat st;
    ssize_t n = -EIO;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        n = read_full(fd, buf, cap);
    close(fd);
    if (n < 0)
        return (int)n;
    if ((size_t)n == cap)
        return -EFBIG;
    while (n > 0 && buf[n - 1] == '\0')
        n--;
    buf[n] = '\0';
    return memchr(buf, '\0', (size_t)n) ? -EILSEQ : 0;
}

int aglm_fsroot_slurp(const struct aglm_fsroot *fs, const char *path, size_t max, char **out)
{
    /* Files in /proc do not tell their size, so the buffer doubles until the file fits. */
    for (size_t cap = max < 16384 ? max + 1 : 16384;; cap = cap > max / 2 ? max + 1 : cap * 2) {
        char *buf = malloc(cap);
        if (!buf)
            return -ENOMEM;
        int rc = aglm_fsroot_read(fs, path, buf, cap);
        if (rc == 0) {
            *out = buf;
            return 0;
        }
        free(buf);
        if (rc != -EFBIG || cap > max)
            return rc;
    }
}

/* Length in bytes of the UTF-8 sequence at s, 0 if it is none (overlong forms and surrogates
 * included). */
static size_t utf8_length(const unsigned char *s)
{
    if (s[0] < 0x80)
        return 1;
    size_t n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
    bool outside = (s[0] == 0xed && s[1] >= 0xa0) || (s[0] == 0xf4 && s[1] >= 0x90);
    bool control = s[0] == 0xc2 && s[1] < 0xa0;
    return overlong || outside || control ? 0 : n;
}

bool aglm_fsroot_printable(const char *text, const char *allow)
{
    const unsigned char *s = (const unsigned char *)text;
    while (*s) {
        if ((*s < 0x20 || *s == 0x7f) && !strchr(allow, *s))
            return false;
        size_t n = utf8_length(s);
        if (n == 0)
            return false;
        s += n;
    }
    return true;
}

/* The text between the spaces around it, cut in place. */
static char *trim(char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    size_t n = strlen(text);
    while (n > 0 && isspace((unsigned char)text[n - 1]))
        text[--n] = '\0';
    return text;
}

/* Formats the path and reads it trimmed; *text points into buf. */
__attribute__((format(printf, 5, 0))) static int read_line(const struct aglm_fsroot *fs, char *buf,
                                                           size_t cap, char **text, const char *fmt,
                                                           va_list ap)
{
    char path[PATH_MAX];
    int n = vsnprintf(path, sizeof(path), fmt, ap);
    if (n < 0 || (size_t)n >= sizeof(path))
        return -ENOENT;
    int rc = aglm_fsroot_read(fs, path, buf, cap);
    if (rc)
        return rc;
    *text = trim(buf);
    return **text && aglm_fsroot_printable(*text, "") ? 0 : -EILSEQ;
}

int aglm_fsroot_text(const struct aglm_fsroot *fs, char *buf, size_t cap, const char *fmt, ...)
{
    char *text = NULL;
    va_list ap;
    va_start(ap, fmt);
    int rc = read_line(fs, buf, cap, &text, fmt, ap);
    va_end(ap);
    if (rc == 0)
        memmove(buf, text, strlen(text) + 1);
    return rc;
}

int aglm_fsroot_integer(const struct aglm_fsroot *fs, int64_t lo, int64_t hi, int64_t *out,
                        const char *fmt, ...)
{
    char buf[64], *text = NULL;
    va_list ap;
    va_start(ap, fmt);
    int rc = read_line(fs, buf, sizeof(buf), &text, fmt, ap);
    va_end(ap);
    if (rc)
        return rc == -EFBIG ? -EILSEQ : rc;
    return aglm_fsroot_parse_integer(text, lo, hi, out);
}

int aglm_fsroot_parse_integer(const char *text, int64_t lo, int64_t hi, int64_t *out)
{
    bool hex = strncmp(text, "0x", 2) == 0;
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, hex ? 16 : 10);
    if (end == text || *end)
        return -EILSEQ;
    if (errno == ERANGE || value < lo || value > hi)
        return -ERANGE;
    *out = value;
    return 0;
}

int aglm_fsroot_look(const struct aglm_fsroot *fs, const char *path)
{
    char done[PATH_MAX];
    struct stat st;
    if (fs->live)
        return stat(path, &st) == 0 ? 0 : code_of(errno);
    int rc = resolve_allowed(fs, path, done);
    if (rc)
        return rc;
    return fstatat(fs->fd, done, &st, AT_SYMLINK_NOFOLLOW) == 0 ? 0 : code_of(errno);
}

bool aglm_fsroot_exists(const struct aglm_fsroot *fs, const char *path)
{
    return aglm_fsroot_look(fs, path) == 0;
}

static int by_version(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;
    return strverscmp(*x, *y);
}

static int append(struct aglm_fsroot_names *names, size_t *cap, const char *name)
{
    if (names->count == AGLM_FSROOT_NAMES_MAX)
        return -EFBIG;
    if (names->count == *cap) {
        size_t more = *cap ? *cap * 2 : 32;
        char **grown = realloc(names->names, more * sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        names->names = grown;
        *cap = more;
    }
    char *copy = strdup(name);
    if (!copy)
        return -ENOMEM;
    names->names[names->count++] = copy;
    return 0;
}

int aglm_fsroot_list(const struct aglm_fsroot *fs, const char *path, const char *prefix,
                     struct aglm_fsroot_names *out)
{
    struct aglm_fsroot_names names = {0};
    size_t cap = 0;
    int rc = open_under(fs, path, O_DIRECTORY);
    if (rc < 0)
        return rc;
    DIR *dir = fdopendir(rc);
    if (!dir) {
        close(rc);
        return -ENOMEM;
    }
    rc = 0;
    for (struct dirent *e; rc == 0 && (e = readdir(dir));) {
        if (e->d_name[0] == '.') /* neither /proc nor /sys has any; a captured empty folder does */
            continue;
        if (strncmp(e->d_name, prefix, strlen(prefix)) == 0)
            rc = append(&names, &cap, e->d_name);
    }
    closedir(dir);
    if (rc) {
        aglm_fsroot_names_finish(&names);
        return rc;
    }
    if (names.count > 1)
        qsort(names.names, names.count, sizeof(*names.names), by_version);
    *out = names;
    return 0;
}

void aglm_fsroot_names_finish(struct aglm_fsroot_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->names[i]);
    free(names->names);
    *names = (struct aglm_fsroot_names){0};
}

const char *aglm_fsroot_reason(int code)
{
    switch (code) {
    case -ENOENT:
        return "not there";
    case -EACCES:
        return "denied";
    case -EFBIG:
        return "too large";
    case -EILSEQ:
        return "garbage";
    case -ERANGE:
        return "implausible value";
    case -ENOMEM:
        return "out of memory";
    default:
        return "unreadable";
    }
}
