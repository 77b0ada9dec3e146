/* What the commands that store results share: where, and what all their records say.
 */
#ifndef AGLM_BENCH_CMD_STORE_H
#define AGLM_BENCH_CMD_STORE_H

#include "bench/record.h"
#include "probes/err.h"

#include <stdbool.h>
#include <stddef.h>

/* Where to store: option, AGLM_DB, ./results/aglm.db when there is such a folder; "" for nowhere.
 * option: NULL when it was not given. */
void aglm_cmd_choose_db(char *db, size_t size, const char *option, bool none);
/* Initialises record and fills the fields of run, build and device. label NULL: "". Needs finish
 * also on error. */
int aglm_cmd_fill_common(struct aglm_record *record, const char *label, struct aglm_err *err);
/* The lowest share of the reference's accuracy in percent that does not make a result INVALID, from
 * the thresholds; NaN: the file has no such limit. */
int aglm_cmd_accuracy_limit(double *percent, struct aglm_err *err);

#endif
