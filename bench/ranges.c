/* Parser of number lists and ranges. Inputs: the text of one option. Outputs: appended values.
 * Refuses signs, junk behind a number, empty items, values out of bounds, falling ranges, a step of
 * 0, a factor under 2 and lists that would be absurdly long.
 */
#include "bench/ranges.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

int aglm_u32_list_push(struct aglm_u32_list *list, uint32_t value)
{
    if ((list->n & (list->n - 1)) == 0) { /* 0 or a power of two: full */
        size_t capacity = list->n == 0 ? 1 : 2 * list->n;
        uint32_t *grown = realloc(list->values, capacity * sizeof(*grown));
        if (grown == NULL) {
            return -ENOMEM;
        }
        list->values = grown;
    }
    list->values[list->n++] = value;
    return 0;
}

void aglm_u32_list_finish(struct aglm_u32_list *list)
{
    free(list->values);
    *list = (struct aglm_u32_list){0};
}

/* Reads digits at *p into *out, stopping at 2^63 so that nothing overflows; false when there is no
 * digit. */
static bool read_digits(const char **p, uint64_t *out)
{
    if (**p < '0' || **p > '9') {
        return false;
    }
    uint64_t v = 0;
    while (**p >= '0' && **p <= '9') {
        uint64_t digit = (uint64_t)(**p - '0');
        v = v > (UINT64_MAX - digit) / 10 ? UINT64_MAX : v * 10 + digit;
        (*p)++;
    }
    *out = v;
    return true;
}

struct range {
    uint64_t first, last, step; /* step: 0 = a single value */
    bool multiply;
};

/* Parses one item up to ',' or the end. Returns false for bad syntax. */
static bool read_item(const char **p, struct range *out)
{
    *out = (struct range){0};
    if (!read_digits(p, &out->first)) {
        return false;
    }
    out->last = out->first;
    if (**p == '-') {
        (*p)++;
        out->step = 1;
        if (!read_digits(p, &out->last)) {
            return false;
        }
        if (**p == '+' || **p == '*') {
            out->multiply = **p == '*';
            (*p)++;
            if (!read_digits(p, &out->step)) {
                return false;
            }
            if (out->step == 0 || (out->multiply && (out->step < 2 || out->first == 0))) {
                return false;
            }
        }
    }
    return out->first <= out->last && (**p == ',' || **p == '\0');
}

static int append_range(struct aglm_u32_list *list, const char *option, const struct range *range,
                        struct aglm_err *err)
{
    uint64_t v = range->first;
    while (v <= range->last) {
        if (list->n >= AGLM_RANGES_MAX_VALUES) {
            return aglm_err_set(err, -EINVAL,
                                "%s: more than %d values; give fewer or a larger step", option,
                                AGLM_RANGES_MAX_VALUES);
        }
        if (aglm_u32_list_push(list, (uint32_t)v) < 0) {
            return aglm_err_set(err, -ENOMEM, "%s: out of memory", option);
        }
        if (range->step == 0) {
            break;
        }
        if (range->step > range->last || (range->multiply && v > range->last / range->step)) {
            break; /* the next one would be past the end, maybe past 2^64 */
        }
        v = range->multiply ? v * range->step : v + range->step;
    }
    return 0;
}

int aglm_ranges_append(struct aglm_u32_list *list, const char *option, const char *text,
                       uint32_t min, uint32_t max, struct aglm_err *err)
{
    size_t n_before = list->n;
    const char *p = text;
    int rc = 0;
    for (;;) {
        struct range range;
        const char *item = p;
        int item_len = (int)strcspn(item, ",");
        if (item_len > 40) {
            item_len = 40;
        }
        if (!read_item(&p, &range)) {
            rc = aglm_err_set(
                err, -EINVAL,
                "%s: '%.*s' is not a number or a range: give N, A-B, A-B+STEP or A-B*FACTOR, "
                "separated by commas, from %" PRIu32 " to %" PRIu32,
                option, item_len, item, min, max);
            goto fail;
        }
        if (range.first < min || range.last > max) {
            rc = aglm_err_set(err, -EINVAL,
                              "%s: '%.*s' is out of bounds: allowed is %" PRIu32 " to %" PRIu32,
                              option, item_len, item, min, max);
            goto fail;
        }
        rc = append_range(list, option, &range, err);
        if (rc < 0) {
            goto fail;
        }
        if (*p == '\0') {
            return 0;
        }
        p++;
    }
fail:
    list->n = n_before;
    return rc;
}

int aglm_ranges_number(uint64_t *out, const char *option, const char *text, uint64_t min,
                       uint64_t max, struct aglm_err *err)
{
    const char *p = text;
    uint64_t v;
    if (!read_digits(&p, &v) || *p != '\0' || v < min || v > max) {
        return aglm_err_set(err, -EINVAL,
                            "%s: '%.40s' is not allowed: give a whole number from %" PRIu64
                            " to %" PRIu64,
                            option, text, min, max);
    }
    *out = v;
    return 0;
}
