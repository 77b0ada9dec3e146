/* What the store knows of devices beside their tests; see store.h. */
#include "reports/store_db.h"

#include <errno.h>

static const char *text_of(sqlite3_stmt *stmt, int column)
{
    return (const char *)sqlite3_column_text(stmt, column);
}

/* Runs a query without parameters to its end; take() gets each row. */
static int each_row(struct aglm_store *store, const char *sql, const char *doing,
                    int (*take)(void *ctx, sqlite3_stmt *stmt), void *ctx, struct aglm_err *err)
{
    sqlite3_stmt *stmt = NULL;
    int r = 0, rc = sqlite3_prepare_v2(store->db, sql, -1, &stmt, NULL);
    while (rc == SQLITE_OK && r == 0) {
        rc = sqlite3_step(stmt);
        if (rc == SQLITE_ROW) {
            r = take(ctx, stmt);
            rc = SQLITE_OK;
        }
    }
    if (rc != SQLITE_OK && rc != SQLITE_DONE)
        r = aglm_store_db_error(store, rc, doing, err);
    sqlite3_finalize(stmt);
    return r;
}

struct device_reader {
    int (*each)(void *ctx, const struct aglm_store_device *device);
    void *ctx;
};

static int take_device(void *ctx, sqlite3_stmt *stmt)
{
    const struct device_reader *reader = ctx;
    const char *cpu = text_of(stmt, 3);
    const struct aglm_store_device device = {.fingerprint = text_of(stmt, 0),
                                             .profile = text_of(stmt, 1),
                                             .last_ms = sqlite3_column_int64(stmt, 2),
                                             .cpu_info = cpu ? cpu : "",
                                             .n_tests = (size_t)sqlite3_column_int64(stmt, 4)};
    return device.fingerprint ? reader->each(reader->ctx, &device) : -ENOMEM;
}

int aglm_store_each_device(struct aglm_store *store,
                           int (*each)(void *ctx, const struct aglm_store_device *device),
                           void *ctx, struct aglm_err *err)
{
    struct device_reader reader = {each, ctx};
    return each_row(store,
                    "SELECT d.fingerprint, d.profile, d.last_ms, (SELECT cpu_info FROM test WHERE "
                    "device_id = d.id ORDER BY started_ms DESC, id DESC LIMIT 1), "
                    "(SELECT count(*) FROM test WHERE device_id = d.id) FROM device d "
                    "ORDER BY d.last_ms DESC, d.id DESC",
                    "read the devices", take_device, &reader, err);
}

struct profile_reader {
    int (*each)(void *ctx, const char *profile, int64_t taken_ms);
    void *ctx;
};

static int take_profile(void *ctx, sqlite3_stmt *stmt)
{
    const struct profile_reader *reader = ctx;
    const char *profile = text_of(stmt, 0);
    return profile ? reader->each(reader->ctx, profile, sqlite3_column_int64(stmt, 1)) : -ENOMEM;
}

int aglm_store_each_profile(struct aglm_store *store,
                            int (*each)(void *ctx, const char *profile, int64_t taken_ms),
                            void *ctx, struct aglm_err *err)
{
    struct profile_reader reader = {each, ctx};
    return each_row(store,
                    "SELECT profile, started_ms FROM run r WHERE profile IS NOT NULL AND NOT "
                    "EXISTS (SELECT 1 FROM test t WHERE t.run_id = r.id) "
                    "ORDER BY started_ms DESC, id DESC",
                    "read the profiles", take_profile, &reader, err);
}
