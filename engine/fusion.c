/* Names of fused operators; see fusion.h. */
#include "engine/fusion.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char *const NAMES[] = {"norm", "qkv", "gateup", "rope", "softmax"};
enum { N = sizeof(NAMES) / sizeof(NAMES[0]) };

/* Sets the bits of names joined by mark. */
static int read_names(uint32_t *out, const char *text, char mark)
{
    const char end[] = {mark, '\0'};
    *out = 0;
    for (;; text++) {
        const size_t length = strcspn(text, end);
        unsigned i = 0;
        while (i < N && (strncmp(text, NAMES[i], length) != 0 || NAMES[i][length] != '\0'))
            i++;
        if (i == N || length == 0)
            return -EINVAL;
        *out |= 1u << i;
        text += length;
        if (*text == '\0')
            return 0;
    }
}

int aglm_fusion_parse(uint32_t *out, const char *text)
{
    uint32_t bits = 0;
    int rc = 0;
    if (strcmp(text, "all") == 0)
        bits = AGLM_FUSE_ALL;
    else if (strncmp(text, "all-", 4) == 0) {
        rc = read_names(&bits, text + 4, '-');
        bits = AGLM_FUSE_ALL & ~bits;
    } else if (strcmp(text, "none") != 0)
        rc = read_names(&bits, text, '+');
    if (rc == 0)
        *out = bits;
    return rc;
}

void aglm_fusion_name(char *buf, size_t size, uint32_t fused)
{
    const uint32_t off = AGLM_FUSE_ALL & ~fused;
    unsigned on = 0;
    for (unsigned i = 0; i < N; i++)
        on += fused >> i & 1;
    const bool less = on > N / 2; /* what is missing is said in fewer words */
    int n = snprintf(buf, size, "%s", less ? "all" : on == 0 ? "none" : "");
    for (unsigned i = 0; i < N; i++) {
        if (!((less ? off : fused) >> i & 1))
            continue;
        n += snprintf(buf + n, size - (size_t)n, "%s%s", less ? "-" : n > 0 ? "+" : "", NAMES[i]);
    }
}
