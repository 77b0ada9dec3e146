/* Lists of numbers as llama-bench's users type them: "512", "1,2,4", "1-4", "128-512+128",
 * "1-64*2", and any mixture separated by commas. Repeating the option appends.
 */
#ifndef AGLM_BENCH_RANGES_H
#define AGLM_BENCH_RANGES_H

#include "probes/err.h"

#include <stddef.h>
#include <stdint.h>

#define AGLM_RANGES_MAX_VALUES 100000 /* per option: far above what a plan may hold */

struct aglm_u32_list {
    uint32_t *values; /* [n] */
    size_t n;
};

/* Appends the values of text, each in [min, max]. option names the culprit in messages ("-t").
 * -EINVAL with one line that says what is allowed; on error the list is as it was. */
int aglm_ranges_append(struct aglm_u32_list *list, const char *option, const char *text,
                       uint32_t min, uint32_t max, struct aglm_err *err);
int aglm_u32_list_push(struct aglm_u32_list *list, uint32_t value);
void aglm_u32_list_finish(struct aglm_u32_list *list);

/* One unsigned decimal number with nothing behind it, in [min, max]. */
int aglm_ranges_number(uint64_t *out, const char *option, const char *text, uint64_t min,
                       uint64_t max, struct aglm_err *err);

#endif
