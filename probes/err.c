/* Error messages; see err.h. */
#include "probes/err.h"

#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Names come from files: a line break or an escape sequence in one must not reach the terminal. */
static void one_line(char *msg)
{
    for (unsigned char *p = (unsigned char *)msg; *p; p++) {
        const bool high = *p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0; /* U+0080 to U+009F */
        if (high)
            p[1] = '?';
        if (high || *p < 0x20 || *p == 0x7f)
            *p = '?';
    }
}

int aglm_err_set(struct aglm_err *err, int code, const char *fmt, ...)
{
    assert(code < 0);
    if (!err)
        return code;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
    va_end(ap);
    one_line(err->msg);
    err->code = code;
    return code;
}

void aglm_err_prefix(struct aglm_err *err, const char *fmt, ...)
{
    if (!err)
        return;
    char old[sizeof(err->msg)];
    memcpy(old, err->msg, sizeof(old));
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
    va_end(ap);
    one_line(err->msg);
    if (n < 0 || (size_t)n + 3 > sizeof(err->msg))
        return; /* no room for more than the prefix */
    size_t room = sizeof(err->msg) - (size_t)n - 3, length = strlen(old);
    length = length < room ? length : room;
    memcpy(err->msg + n, ": ", 2);
    memcpy(err->msg + n + 2, old, length);
    err->msg[(size_t)n + 2 + length] = '\0';
}
