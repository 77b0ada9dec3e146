/* The store: records in SQLite. SQL is in store.c, store_devices.c and the migrations
 * in schema/ only.
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

/* Stores a profile taken without a test: a run of its own, of which the record holds run_uuid,
 * started_ms, fingerprint and profile_json. */
int aglm_store_put_profile(struct aglm_store *store, const struct aglm_record *record,
                           struct aglm_err *err);

/* What is known of a device without reading its tests. Texts are the store's, gone after the
 * call. */
struct aglm_store_device {
    const char *fingerprint, *cpu_info; /* cpu_info of the newest test, or "" */
    const char *profile;                /* the newest, JSON, or NULL */
    int64_t last_ms;                    /* newest test or profile */
    size_t n_tests;
};

/* Calls each() with every device, the one measured last first; as with aglm_store_each(). */
int aglm_store_each_device(struct aglm_store *store,
                           int (*each)(void *ctx, const struct aglm_store_device *device),
                           void *ctx, struct aglm_err *err);
/* Calls each() with every profile that was taken without a test, newest first: JSON, and when. */
int aglm_store_each_profile(struct aglm_store *store,
                            int (*each)(void *ctx, const char *profile, int64_t taken_ms),
                            void *ctx, struct aglm_err *err);

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
