#include "bench/cmd_complain.h"

#include "bench/escape.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

void aglm_complain(const char *command, const char *msg)
{
    char *clean = aglm_utf8_clean(msg);
    fprintf(stderr, "aglm-bench %s: ", command);
    for (const char *p = clean ? clean : msg; *p; p++)
        fputc((unsigned char)*p < 0x20 || *p == 0x7f ? '?' : *p, stderr);
    fputc('\n', stderr);
    free(clean);
}

int aglm_usage(const char *command, const char *msg, const char *value)
{
    char line[700];
    snprintf(line, sizeof(line), "%s%s%.80s; see 'aglm-bench %s --help'", msg, value ? ": " : "",
             value ? value : "", command);
    aglm_complain(command, line);
    return 2;
}

int aglm_usage_number(const char *command, const char *option, const char *text, unsigned min,
                      unsigned max, unsigned *out)
{
    char *end, msg[100];
    errno = 0;
    unsigned long v = strtoul(text, &end, 10);
    if (errno || text[0] < '0' || text[0] > '9' || *end || v < min || v > max) {
        snprintf(msg, sizeof(msg), "%s: must be a whole number, %u to %u", option, min, max);
        return aglm_usage(command, msg, text);
    }
    *out = (unsigned)v;
    return 0;
}
