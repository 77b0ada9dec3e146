/* llama-bench's options for things this engine does in one way only: a value that asks for that way
 * is accepted, any other is refused with the reason.
 */
#ifndef AGLM_BENCH_OPTIONS_FOREIGN_H
#define AGLM_BENCH_OPTIONS_FOREIGN_H

#include "probes/err.h"

#include <stdbool.h>

struct aglm_foreign_option {
    const char *names[2];
    bool takes_value;
    const char *accepted; /* "|"-separated; NULL: none */
    const char *what;     /* what is not supported: "GPU layers" */
};

/* NULL if it is none of them. */
const struct aglm_foreign_option *aglm_foreign_find(const char *name);
/* -EINVAL unless every item of value (a comma list) is accepted. */
int aglm_foreign_check(const struct aglm_foreign_option *option, const char *name,
                       const char *value, struct aglm_err *err);

#endif
