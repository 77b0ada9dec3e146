/* Sets of CPU numbers in the kernel's list form; see cpus.h. */
#include "probes/cpus.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

bool aglm_cpulist_has(const struct aglm_cpulist *list, size_t cpu)
{
    return cpu < AGLM_CPUS_MAX && (list->bits[cpu / 64] >> (cpu % 64) & 1);
}

void aglm_cpulist_add(struct aglm_cpulist *list, size_t cpu)
{
    if (cpu < AGLM_CPUS_MAX)
        list->bits[cpu / 64] |= UINT64_C(1) << (cpu % 64);
}

size_t aglm_cpulist_count(const struct aglm_cpulist *list)
{
    size_t count = 0;
    for (size_t i = 0; i < AGLM_CPUS_MAX / 64; i++)
        count += (size_t)__builtin_popcountll(list->bits[i]);
    return count;
}

/* A CPU number at *text, which moves past it. */
static int number(const char **text, size_t *out)
{
    size_t value = 0;
    if (!isdigit((unsigned char)**text))
        return -EILSEQ;
    for (; isdigit((unsigned char)**text); (*text)++) {
        value = value * 10 + (size_t)(**text - '0');
        if (value >= AGLM_CPUS_MAX)
            return -ERANGE;
    }
    *out = value;
    return 0;
}

int aglm_cpulist_parse(struct aglm_cpulist *out, const char *text)
{
    struct aglm_cpulist list = {0};
    for (;; text++) {
        size_t first, last;
        int rc = number(&text, &first);
        if (rc)
            return rc;
        last = first;
        if (*text == '-') {
            text++;
            rc = number(&text, &last);
            if (rc)
                return rc;
        }
        if (last < first)
            return -EILSEQ;
        for (size_t cpu = first; cpu <= last; cpu++)
            aglm_cpulist_add(&list, cpu);
        if (*text == '\0')
            break;
        if (*text != ',')
            return -EILSEQ;
    }
    *out = list;
    return 0;
}

void aglm_cpulist_format(const struct aglm_cpulist *list, char *buf, size_t cap)
{
    size_t len = 0;
    buf[0] = '\0';
    for (size_t cpu = 0; cpu < AGLM_CPUS_MAX; cpu++) {
        if (!aglm_cpulist_has(list, cpu))
            continue;
        size_t last = cpu;
        while (aglm_cpulist_has(list, last + 1))
            last++;
        char range[48];
        int n = last > cpu ? snprintf(range, sizeof(range), "%s%zu-%zu", len ? "," : "", cpu, last)
                           : snprintf(range, sizeof(range), "%s%zu", len ? "," : "", cpu);
        if (n < 0 || len + (size_t)n + sizeof(",…") > cap) {
            snprintf(buf + len, cap - len, "%s", ",…");
            return;
        }
        memcpy(buf + len, range, (size_t)n + 1);
        len += (size_t)n;
        cpu = last;
    }
}
