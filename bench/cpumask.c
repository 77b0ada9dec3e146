/* CPU masks: parse, print, compare. Inputs: text from the command line and from the engine. Refuses
 * digits that are not hexadecimal and CPUs past 511.
 */
#include "bench/cpumask.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int aglm_cpumask_parse(struct aglm_cpumask *out, const char *text, struct aglm_err *err)
{
    struct aglm_cpumask mask = {0};
    const char *digits = text;
    if (digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X')) {
        digits += 2;
    }
    size_t n = strlen(digits);
    if (n < 1 || n > AGLM_CPUMASK_BITS / 4) {
        return aglm_err_set(err, -EINVAL,
                            "-C: '%.40s' is no CPU mask: give 1 to %d hexadecimal digits", text,
                            AGLM_CPUMASK_BITS / 4);
    }
    for (size_t i = 0; i < n; i++) {
        int v = hex_digit(digits[n - 1 - i]);
        if (v < 0) {
            return aglm_err_set(err, -EINVAL,
                                "-C: '%.40s' is no CPU mask: give hexadecimal digits such as 0x3",
                                text);
        }
        mask.bits[i / 2] |= (uint8_t)(v << (i % 2 ? 4 : 0));
    }
    *out = mask;
    return 0;
}

static bool get(const struct aglm_cpumask *mask, unsigned cpu)
{
    return cpu < AGLM_CPUMASK_BITS && (mask->bits[cpu / 8] >> (cpu % 8) & 1);
}

bool aglm_cpumask_is_empty(const struct aglm_cpumask *mask)
{
    for (size_t i = 0; i < sizeof(mask->bits); i++) {
        if (mask->bits[i] != 0) {
            return false;
        }
    }
    return true;
}

void aglm_cpumask_list(const struct aglm_cpumask *mask, char *buf, size_t size)
{
    size_t at = 0;
    buf[0] = '\0';
    for (unsigned i = 0; i < AGLM_CPUMASK_BITS; i++) {
        if (!get(mask, i)) {
            continue;
        }
        unsigned last = i;
        while (get(mask, last + 1)) {
            last++;
        }
        int n = last > i ? snprintf(buf + at, size - at, "%s%u-%u", at > 0 ? "," : "", i, last)
                         : snprintf(buf + at, size - at, "%s%u", at > 0 ? "," : "", i);
        if (n < 0 || (size_t)n >= size - at) {
            return;
        }
        at += (size_t)n;
        i = last;
    }
}

/* Reads one CPU list up to '|' or the end, into mask. */
static bool read_list(const char **p, struct aglm_cpumask *mask)
{
    *mask = (struct aglm_cpumask){0};
    for (;;) {
        char *end;
        if (**p < '0' || **p > '9') {
            return false;
        }
        unsigned long first = strtoul(*p, &end, 10);
        unsigned long last = first;
        if (*end == '-' && end[1] >= '0' && end[1] <= '9') {
            last = strtoul(end + 1, &end, 10);
        }
        if (first > last || last >= AGLM_CPUMASK_BITS) {
            return false;
        }
        for (unsigned long cpu = first; cpu <= last; cpu++) {
            mask->bits[cpu / 8] |= (uint8_t)(1u << (cpu % 8));
        }
        *p = end + strspn(end, " ");
        if (**p != ',') {
            return **p == '|' || **p == '\0';
        }
        (*p)++;
    }
}

static bool subset(const struct aglm_cpumask *a, const struct aglm_cpumask *b)
{
    for (size_t i = 0; i < sizeof(a->bits); i++) {
        if (a->bits[i] & ~b->bits[i]) {
            return false;
        }
    }
    return true;
}

static unsigned count(const struct aglm_cpumask *mask)
{
    unsigned n = 0;
    for (size_t i = 0; i < sizeof(mask->bits); i++) {
        n += (unsigned)__builtin_popcount(mask->bits[i]);
    }
    return n;
}

bool aglm_cpumask_granted(const struct aglm_cpumask *asked, unsigned strict_threads,
                          const char *readback)
{
    const char *p = readback + strspn(readback, " ");
    struct aglm_cpumask all = {{0}};
    for (;;) {
        struct aglm_cpumask got;
        if (!read_list(&p, &got) || !subset(&got, asked) ||
            (strict_threads == 0 && !subset(asked, &got))) {
            return false;
        }
        for (size_t i = 0; i < sizeof(all.bits); i++) {
            all.bits[i] |= got.bits[i];
        }
        if (*p == '\0') {
            unsigned wanted = count(asked) < strict_threads ? count(asked) : strict_threads;
            return count(&all) >= wanted;
        }
        p += 1 + strspn(p + 1, " ");
    }
}
