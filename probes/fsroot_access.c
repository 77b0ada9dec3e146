/* Reads and applies a captured tree's access rules; see fsroot_access.h. */
#include "probes/fsroot_access.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { RULES_MAX = 4096 };

struct rule {
    char *path; /* without a slash at its end: "" for everything */
    size_t len;
    int code;
};

struct aglm_fsroot_access {
    size_t n;
    struct rule v[];
};

static const struct {
    const char *word;
    int code;
} words[] = {{"denied ", -EACCES}, {"unreadable ", -EIO}};

/* 0 and a rule whose path the caller frees, -ENOENT for a line that says nothing, -EILSEQ, -ENOMEM.
 */
static int parse_line(struct rule *out, const char *line, size_t len)
{
    while (len > 0 && (line[len - 1] == ' ' || line[len - 1] == '\r'))
        len--;
    if (len == 0 || line[0] == '#')
        return -ENOENT;
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        size_t n = strlen(words[i].word);
        if (len <= n || memcmp(line, words[i].word, n) != 0 || line[n] != '/')
            continue;
        while (len > n && line[len - 1] == '/')
            len--;
        *out = (struct rule){strndup(line + n, len - n), len - n, words[i].code};
        return out->path ? 0 : -ENOMEM;
    }
    return -EILSEQ;
}

static size_t count_lines(const char *text)
{
    size_t n = 1;
    for (; *text; text++)
        n += *text == '\n';
    return n;
}

int aglm_fsroot_access_parse(struct aglm_fsroot_access **out, const char *text, const char *name,
                             struct aglm_err *err)
{
    size_t lines = count_lines(text), number = 0;
    if (lines > RULES_MAX)
        return aglm_err_set(err, -EFBIG, "%s: more than %d lines", name, RULES_MAX);
    struct aglm_fsroot_access *access = calloc(1, sizeof(*access) + lines * sizeof(struct rule));
    if (!access)
        return aglm_err_set(err, -ENOMEM, "%s: out of memory", name);
    while (*text) {
        size_t len = strcspn(text, "\n");
        int rc = parse_line(&access->v[access->n], text, len);
        number++;
        if (rc == 0) {
            access->n++;
        } else if (rc != -ENOENT) {
            aglm_fsroot_access_finish(&access);
            if (rc == -ENOMEM)
                return aglm_err_set(err, rc, "%s: out of memory", name);
            return aglm_err_set(err, rc,
                                "%s: line %zu is no rule; write \"denied /PATH\" or "
                                "\"unreadable /PATH\"",
                                name, number);
        }
        text += len + (text[len] == '\n');
    }
    if (access->n == 0)
        aglm_fsroot_access_finish(&access);
    *out = access;
    return 0;
}

int aglm_fsroot_access_code(const struct aglm_fsroot_access *access, const char *path)
{
    for (size_t i = 0; access && i < access->n; i++) {
        const struct rule *rule = &access->v[i];
        if (strncmp(path, rule->path, rule->len) == 0 &&
            (path[rule->len] == '/' || path[rule->len] == '\0'))
            return rule->code;
    }
    return 0;
}

void aglm_fsroot_access_finish(struct aglm_fsroot_access **access)
{
    if (!*access)
        return;
    for (size_t i = 0; i < (*access)->n; i++)
        free((*access)->v[i].path);
    free(*access);
    *access = NULL;
}
