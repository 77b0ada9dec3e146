/* Reads a whole file with a limit; see textfile.h. */
#include "bench/textfile.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int aglm_textfile_read(const char *name, size_t max, char **out, size_t *size, struct aglm_err *err)
{
    const bool standard = strcmp(name, "-") == 0;
    const char *shown = standard ? "standard input" : name;
    FILE *f = standard ? stdin : fopen(name, "rb");
    if (!f)
        return aglm_err_set(err, -errno, "%s: cannot be read: %s", shown, strerror(errno));
    size_t n = 0, capacity = 1 << 16;
    char *text = malloc(capacity + 1);
    int rc = text ? 0 : aglm_err_set(err, -ENOMEM, "%s: out of memory", shown);
    while (!rc && !feof(f)) {
        n += fread(text + n, 1, capacity - n, f);
        if (ferror(f)) {
            rc = aglm_err_set(err, -EIO, "%s: cannot be read: %s", shown, strerror(errno));
        } else if (n > max) {
            rc = aglm_err_set(err, -EFBIG, "%s: longer than the %zu bytes that are read", shown,
                              max);
        } else if (n == capacity) {
            char *grown = realloc(text, capacity * 2 + 1);
            rc = grown ? 0 : aglm_err_set(err, -ENOMEM, "%s: out of memory", shown);
            text = grown ? grown : text;
            capacity *= 2;
        }
    }
    if (!standard)
        fclose(f);
    if (!rc && n == 0)
        rc = aglm_err_set(err, -EINVAL, "%s: is empty", shown);
    if (rc) {
        free(text);
        return rc;
    }
    text[n] = '\0';
    *out = text;
    *size = n;
    return 0;
}
