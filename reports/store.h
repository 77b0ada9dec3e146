/* The store: records in SQLite. The only file with SQL is store.c (and the migrations in schema/).
 *
 * WAL journal, busy timeout, ordered migrations by PRAGMA user_version; a database of a newer
 * version is refused. Each put is one transaction; putting a record again (same test_uuid) replaces
 * it, so that a test can be stored after every repetition and an interrupted run keeps what it
 * measured.
 */
#ifndef AGLM_REPORTS_STORE_H
#define AGLM_REPORTS_STORE_H

#include "bench/record.h"
#include "probes/err.h"

#include <stdint.h>

struct aglm_store;

/* Opens or creates path (its folder must exist). Errors name the path: not a database, newer
 * schema, read-only, full. */
int aglm_store_open(struct aglm_store **out, const char *path, struct aglm_err *err);
/* For reading only; never creates. */
int aglm_store_open_readonly(struct aglm_store **out, const char *path, struct aglm_err *err);
void aglm_store_close(struct aglm_store **store);

/* Stores a record with its samples and its device's profile. */
int aglm_store_put(struct aglm_store *store, const struct aglm_record *record,
                   struct aglm_err *err);

/* Calls each() with every stored record, oldest first; the record is the store's and gone after the
 * call. each() returns 0 to go on or a negative errno to stop, which is handed back. NULL filters
 * mean any. */
struct aglm_store_filter {
    const char *run_uuid, *fingerprint;
    int64_t since_ms; /* 0: any */
};
int aglm_store_each(struct aglm_store *store, const struct aglm_store_filter *filter,
                    int (*each)(void *ctx, const struct aglm_record *record), void *ctx,
                    struct aglm_err *err);

#endif
