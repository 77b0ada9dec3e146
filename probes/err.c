/* Error messages; see err.h. */
#include "probes/err.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int aglm_err_set(struct aglm_err *err, int code, const char *fmt, ...)
{
    assert(code < 0);
    if (!err)
        return code;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
    va_end(ap);
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
    if (n < 0 || (size_t)n + 3 > sizeof(err->msg))
        return; /* no room for more than the prefix */
    size_t room = sizeof(err->msg) - (size_t)n - 3, length = strlen(old);
    length = length < room ? length : room;
    memcpy(err->msg + n, ": ", 2);
    memcpy(err->msg + n + 2, old, length);
    err->msg[(size_t)n + 2 + length] = '\0';
}
