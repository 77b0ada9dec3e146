/* The store; see store.h. All SQL of the project is here, in store_read.c, in store_devices.c and
 * in schema/, which the build turns into aglm_schema[].
 *
 * Every statement is prepared with bound values. Writes are one immediate transaction each,
 * journalled in WAL mode with synchronous=FULL: a test that was acknowledged survives a phone that
 * switches itself off. A database is ours if its application_id says so; an empty file becomes
 * ours; anything else is refused and left as it was.
 */
#include "reports/store.h"

#include "reports/embedded.h"
#include "reports/store_db.h"
#include "reports/store_file.h"
#include "reports/store_row.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define APPLICATION_ID 1634167917 /* "aglm", as in schema/0001 */
#define BUSY_MS 15000             /* how long to wait for another program's write */
#define CHECK_BYTES (64 << 20)    /* databases up to this size are checked for damage when opened */

/* ---- errors ---------------------------------------------------------------------------------- */

/* The message for what SQLite just answered; `doing` completes "could not …". */
static int db_error(struct aglm_store *store, int rc, const char *doing, struct aglm_err *err)
{
    const char *path = store->path;
    int sys = store->db ? sqlite3_system_errno(store->db) : 0;
    switch (rc & 0xff) {
    case SQLITE_FULL:
        return aglm_err_set(err, -ENOSPC,
                            "%s: disk full, could not %s; what was stored before is intact: free "
                            "some space and run again",
                            path, doing);
    case SQLITE_IOERR:
        /* SQLite tells a used-up quota and a file size limit apart from a full disk, but not by
         * errno. */
        if (rc == SQLITE_IOERR_WRITE || sys == ENOSPC || sys == EDQUOT || sys == EFBIG)
            return aglm_err_set(
                err, -ENOSPC,
                "%s: could not %s: writing failed, as with a full disk, a used-up quota "
                "or a file size limit; what was stored before is intact: free some "
                "space and run again",
                path, doing);
        return aglm_err_set(err, -EIO, "%s: could not %s: input/output error%s%s; check the disk",
                            path, doing, sys ? ": " : "", sys ? strerror(sys) : "");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return aglm_err_set(err, -EBUSY,
                            "%s: could not %s: another program keeps the database locked; close "
                            "it and try again",
                            path, doing);
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return aglm_err_set(err, -EROFS,
                            "%s: could not %s: the file or its folder is read-only; make both "
                            "writable or choose another file with --db",
                            path, doing);
    case SQLITE_NOTADB:
        return aglm_err_set(err, -EINVAL,
                            "%s: not a database; choose another file with --db or move this one "
                            "away",
                            path);
    case SQLITE_CORRUPT:
        return aglm_err_set(err, -EUCLEAN,
                            "%s: the database is damaged (%s); move it away, or save what is "
                            "left with: sqlite3 FILE .recover",
                            path, store->db ? sqlite3_errmsg(store->db) : "malformed");
    case SQLITE_NOMEM:
        return aglm_err_set(err, -ENOMEM, "%s: out of memory, could not %s", path, doing);
    default:
        return aglm_err_set(err, -EIO, "%s: could not %s: %s", path, doing,
                            store->db ? sqlite3_errmsg(store->db) : sqlite3_errstr(rc));
    }
}

int aglm_store_db_error(struct aglm_store *store, int rc, const char *doing, struct aglm_err *err)
{
    return db_error(store, rc, doing, err);
}

static int run_sql(struct aglm_store *store, const char *sql)
{
    return sqlite3_exec(store->db, sql, NULL, NULL, NULL);
}

static int prepare(struct aglm_store *store, sqlite3_stmt **out, const char *sql)
{
    return sqlite3_prepare_v2(store->db, sql, -1, out, NULL);
}

/* One integer from a query without parameters. */
static int query_int(struct aglm_store *store, const char *sql, int64_t *out)
{
    sqlite3_stmt *stmt = NULL;
    int rc = prepare(store, &stmt, sql);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        *out = sqlite3_column_int64(stmt, 0);
        rc = SQLITE_OK;
    }
    sqlite3_finalize(stmt);
    return rc;
}

/* ---- opening --------------------------------------------------------------------------------- */

/* WAL lets readers and one writer work at once. Changing to it is not covered by the busy timeout,
 * so it is tried again by hand; a file system that cannot do it keeps the rollback journal, which
 * is slower and as safe. */
static int set_wal(struct aglm_store *store)
{
    int rc = SQLITE_BUSY;
    for (int i = 0; i < BUSY_MS / 10 && (rc & 0xff) == SQLITE_BUSY; i++) {
        rc = run_sql(store, "PRAGMA journal_mode = WAL");
        if ((rc & 0xff) == SQLITE_BUSY)
            nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    return (rc & 0xff) == SQLITE_NOTADB || (rc & 0xff) == SQLITE_CORRUPT ? rc : SQLITE_OK;
}

/* Reads the version; refuses databases of other programs and of newer releases. */
static int identify(struct aglm_store *store, int64_t *version, struct aglm_err *err)
{
    int64_t app = 0, tables = 0;
    int rc = run_sql(store, "BEGIN"); /* one snapshot: another process may be migrating */
    if (rc == SQLITE_OK)
        rc = query_int(store, "PRAGMA application_id", &app);
    if (rc == SQLITE_OK)
        rc = query_int(store, "PRAGMA user_version", version);
    if (rc == SQLITE_OK)
        rc = query_int(store, "SELECT count(*) FROM sqlite_master", &tables);
    int r = rc == SQLITE_OK ? 0 : db_error(store, rc, "read the database", err);
    run_sql(store, "ROLLBACK");
    if (r < 0)
        return r;
    if (app == APPLICATION_ID ? *version < 1 : app != 0 || *version != 0 || tables != 0)
        return aglm_err_set(err, -EINVAL,
                            "%s: a database of another program; choose another file with --db",
                            store->path);
    if (*version > aglm_schema_version)
        return aglm_err_set(err, -ENOTSUP,
                            "%s: made by a newer aglm-bench (schema %" PRId64
                            ", this one knows %d); update aglm-bench or choose another file with "
                            "--db",
                            store->path, *version, aglm_schema_version);
    return 0;
}

static int check_damage(struct aglm_store *store, struct aglm_err *err)
{
    struct stat st;
    if (stat(store->path, &st) < 0 || st.st_size > CHECK_BYTES)
        return 0;
    sqlite3_stmt *stmt = NULL;
    int rc = prepare(store, &stmt, "PRAGMA quick_check(1)");
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    const char *answer = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
    bool ok = answer && strcmp(answer, "ok") == 0;
    sqlite3_finalize(stmt);
    return ok ? 0 : db_error(store, rc == SQLITE_ROW ? SQLITE_CORRUPT : rc, "check it", err);
}

/* Each step in a transaction of its own; another process that got there first is noticed inside of
 * it. */
static int migrate(struct aglm_store *store, int64_t version, struct aglm_err *err)
{
    for (; version < aglm_schema_version; version++) {
        int64_t now = 0;
        int rc = run_sql(store, "BEGIN IMMEDIATE");
        if (rc == SQLITE_OK)
            rc = query_int(store, "PRAGMA user_version", &now);
        if (rc == SQLITE_OK && now == version)
            rc = run_sql(store, aglm_schema[version]);
        if (rc == SQLITE_OK)
            rc = run_sql(store, "COMMIT");
        if (rc != SQLITE_OK) {
            int r = db_error(store, rc, "prepare the database", err);
            run_sql(store, "ROLLBACK");
            return r;
        }
    }
    return 0;
}

static int connect_db(struct aglm_store *store, const char *path, int flags, struct aglm_err *err)
{
    int rc = sqlite3_open_v2(path, &store->db, flags | SQLITE_OPEN_EXRESCODE, NULL);
    if (rc != SQLITE_OK)
        return db_error(store, rc, "open the database", err);
    sqlite3_busy_timeout(store->db, BUSY_MS);
    return 0;
}

static struct aglm_store *store_alloc(const char *path)
{
    struct aglm_store *store = calloc(1, sizeof(*store));
    if (!store)
        return NULL;
    /* "./" keeps SQLite from reading names such as ":memory:" in its own way. */
    if (asprintf(&store->path, "%s%s", path[0] == ':' ? "./" : "", path) < 0) {
        free(store);
        return NULL;
    }
    return store;
}

int aglm_store_open(struct aglm_store **out, const char *path, struct aglm_err *err)
{
    int64_t version = 0;
    int r = aglm_store_file_check(path, true, err);
    if (r < 0)
        return r;
    struct aglm_store *store = store_alloc(path);
    if (!store)
        return aglm_err_set(err, -ENOMEM, "%s: out of memory", path);
    r = connect_db(store, store->path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, err);
    if (r < 0)
        goto fail;
    r = identify(store, &version, err);
    if (r < 0)
        goto fail;
    r = check_damage(store, err);
    if (r < 0)
        goto fail;
    int rc = set_wal(store);
    if (rc == SQLITE_OK)
        rc = run_sql(store, "PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL");
    if (rc != SQLITE_OK) {
        r = db_error(store, rc, "set the database up", err);
        goto fail;
    }
    r = migrate(store, version, err);
    if (r < 0)
        goto fail;
    *out = store;
    return 0;
fail:
    aglm_store_close(&store);
    return r;
}

/* A database in WAL mode needs a file beside it even for reading. In a folder that cannot be
 * written, and with no such file left over, the database cannot change either and is opened as
 * immutable. */
static int reopen_immutable(struct aglm_store *store, struct aglm_err *err)
{
    char *uri = aglm_store_file_uri(store->path);
    if (!uri)
        return aglm_err_set(err, -ENOMEM, "%s: out of memory", store->path);
    sqlite3_close_v2(store->db);
    store->db = NULL;
    int r = connect_db(store, uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, err);
    free(uri);
    return r;
}

int aglm_store_open_readonly(struct aglm_store **out, const char *path, struct aglm_err *err)
{
    int64_t version = 0;
    int r = aglm_store_file_check(path, false, err);
    if (r < 0)
        return r;
    struct aglm_store *store = store_alloc(path);
    if (!store)
        return aglm_err_set(err, -ENOMEM, "%s: out of memory", path);
    r = connect_db(store, store->path, SQLITE_OPEN_READONLY, err);
    if (r < 0)
        goto fail;
    int rc = query_int(store, "PRAGMA schema_version", &version) & 0xff;
    if ((rc == SQLITE_CANTOPEN || rc == SQLITE_READONLY) && !aglm_store_file_has_wal(store->path))
        r = reopen_immutable(store, err);
    if (r < 0)
        goto fail;
    r = identify(store, &version, err);
    if (r < 0)
        goto fail;
    r = check_damage(store, err);
    if (r < 0)
        goto fail;
    if (version < aglm_schema_version) {
        r = version == 0 ? aglm_err_set(err, -ENODATA,
                                        "%s: an empty file; measure something first (aglm-bench "
                                        "run), or name another with --db",
                                        path)
                         : aglm_err_set(err, -ESTALE,
                                        "%s: made by an older aglm-bench (schema %" PRId64
                                        "); make it writable, so that it can be brought up to date",
                                        path, version);
        goto fail;
    }
    *out = store;
    return 0;
fail:
    aglm_store_close(&store);
    return r;
}

void aglm_store_close(struct aglm_store **store)
{
    if (!store || !*store)
        return;
    sqlite3_close_v2((*store)->db);
    free((*store)->path);
    free(*store);
    *store = NULL;
}

/* ---- writing --------------------------------------------------------------------------------- */

/* Runs the statement; a RETURNING clause's first column goes to *id if id is given. Finalizes it.
 */
static int finish_put(struct aglm_row_binder *b, int64_t *id)
{
    int rc = b->rc;
    if (rc == SQLITE_OK)
        rc = sqlite3_step(b->stmt);
    if (rc == SQLITE_ROW) {
        if (id)
            *id = sqlite3_column_int64(b->stmt, 0);
        rc = sqlite3_step(b->stmt);
    }
    sqlite3_finalize(b->stmt);
    b->stmt = NULL;
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int put_device(struct aglm_store *store, const struct aglm_record *rec, int64_t *id)
{
    struct aglm_row_binder b = {.next = 1};
    b.rc = prepare(store, &b.stmt,
                   "INSERT INTO device (fingerprint, profile, first_ms, last_ms) "
                   "VALUES (?1, ?2, ?3, ?3) ON CONFLICT (fingerprint) DO UPDATE SET "
                   "profile = CASE WHEN excluded.profile IS NOT NULL AND "
                   "excluded.last_ms >= last_ms THEN excluded.profile ELSE profile END, "
                   "first_ms = min(first_ms, excluded.first_ms), "
                   "last_ms = max(last_ms, excluded.last_ms) RETURNING id");
    aglm_row_put_text(&b, rec->fingerprint);
    aglm_row_put_text(&b, rec->profile_json);
    aglm_row_put_int(&b, (uint64_t)rec->started_ms);
    return finish_put(&b, id);
}

static int put_run(struct aglm_store *store, const struct aglm_record *rec, int64_t *id)
{
    struct aglm_row_binder b = {.next = 1};
    b.rc = prepare(store, &b.stmt,
                   "INSERT INTO run (uuid, profile, started_ms) VALUES (?1, ?2, ?3) "
                   "ON CONFLICT (uuid) DO UPDATE SET "
                   "profile = coalesce(excluded.profile, profile), "
                   "started_ms = min(started_ms, excluded.started_ms) RETURNING id");
    aglm_row_put_text(&b, rec->run_uuid);
    aglm_row_put_text(&b, rec->profile_json);
    aglm_row_put_int(&b, (uint64_t)rec->started_ms);
    return finish_put(&b, id);
}

static int put_test(struct aglm_store *store, const struct aglm_record *rec, int64_t run,
                    int64_t device, int64_t *id)
{
    struct aglm_row_binder b = {.next = 1};
    b.rc = prepare(store, &b.stmt, "DELETE FROM test WHERE uuid = ?1"); /* samples go with it */
    aglm_row_put_text(&b, rec->test_uuid);
    int rc = finish_put(&b, NULL);
    if (rc != SQLITE_OK)
        return rc;
    b = (struct aglm_row_binder){.next = 1};
    b.rc = prepare(store, &b.stmt,
                   "INSERT INTO test (uuid, run_id, device_id, " AGLM_ROW_TEST_COLUMNS ") VALUES "
                   "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
                   "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
                   "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
                   "RETURNING id");
    aglm_row_put_text(&b, rec->test_uuid);
    aglm_row_put_int(&b, (uint64_t)run);
    aglm_row_put_int(&b, (uint64_t)device);
    aglm_row_put_test(&b, rec);
    return finish_put(&b, id);
}

static int put_conditions(struct aglm_store *store, int64_t sample, int moment,
                          const struct aglm_conditions *c)
{
    struct aglm_row_binder b = {.next = 1};
    b.rc = prepare(store, &b.stmt,
                   "INSERT INTO conditions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    aglm_row_put_int(&b, (uint64_t)sample);
    aglm_row_put_int(&b, (uint64_t)moment);
    aglm_row_put_conditions(&b, c);
    return finish_put(&b, NULL);
}

static int put_during(struct aglm_store *store, int64_t sample, const struct aglm_during *during)
{
    struct aglm_row_binder b = {.next = 1};
    if (during->readings == 0)
        return SQLITE_OK;
    b.rc = prepare(store, &b.stmt,
                   "INSERT INTO telemetry VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
                   "?)");
    aglm_row_put_int(&b, (uint64_t)sample);
    aglm_row_put_during(&b, during);
    return finish_put(&b, NULL);
}

static int put_sample(struct aglm_store *store, int64_t test, size_t seq,
                      const struct aglm_sample *s)
{
    struct aglm_row_binder b = {.next = 1};
    int64_t id = 0;
    b.rc = prepare(store, &b.stmt,
                   "INSERT INTO sample (test_id, seq, prefill_ns, first_token_ns, total_ns, "
                   "peak_rss_bytes, token_ns) VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id");
    aglm_row_put_int(&b, (uint64_t)test);
    aglm_row_put_int(&b, seq);
    aglm_row_put_sample(&b, s);
    int rc = finish_put(&b, &id);
    if (rc == SQLITE_OK)
        rc = put_conditions(store, id, 0, &s->before);
    if (rc == SQLITE_OK)
        rc = put_conditions(store, id, 1, &s->after);
    if (rc == SQLITE_OK)
        rc = put_during(store, id, &s->during);
    return rc;
}

static int put_operator(struct aglm_store *store, int64_t test, size_t seq,
                        const struct aglm_operator *o)
{
    struct aglm_row_binder b = {.next = 1};
    b.rc =
        prepare(store, &b.stmt, "INSERT INTO operator VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    aglm_row_put_int(&b, (uint64_t)test);
    aglm_row_put_int(&b, seq);
    aglm_row_put_operator(&b, o);
    return finish_put(&b, NULL);
}

static int put_part(struct aglm_store *store, int64_t test, size_t seq,
                    const struct aglm_accuracy_part *part)
{
    struct aglm_row_binder b = {.next = 1};
    b.rc = prepare(store, &b.stmt,
                   "INSERT INTO accuracy_part (test_id, seq, " AGLM_ROW_PART_COLUMNS
                   ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    aglm_row_put_int(&b, (uint64_t)test);
    aglm_row_put_int(&b, seq);
    aglm_row_put_part(&b, part);
    return finish_put(&b, NULL);
}

static int put_accuracy(struct aglm_store *store, int64_t test, const struct aglm_accuracy *a)
{
    struct aglm_row_binder b = {.next = 1};
    if (a->n_parts == 0)
        return SQLITE_OK;
    b.rc = prepare(store, &b.stmt,
                   "INSERT INTO accuracy (test_id, " AGLM_ROW_ACCURACY_COLUMNS
                   ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    aglm_row_put_int(&b, (uint64_t)test);
    aglm_row_put_accuracy(&b, a);
    int rc = finish_put(&b, NULL);
    for (size_t i = 0; i < a->n_parts && rc == SQLITE_OK; i++)
        rc = put_part(store, test, i, &a->parts[i]);
    return rc;
}

int aglm_store_put(struct aglm_store *store, const struct aglm_record *record, struct aglm_err *err)
{
    int64_t device = 0, run = 0, test = 0;
    if (!record->run_uuid[0] || !record->test_uuid[0])
        return aglm_err_set(err, -EINVAL, "%s: a record without UUIDs cannot be stored",
                            store->path);
    int rc = run_sql(store, "BEGIN IMMEDIATE");
    if (rc != SQLITE_OK)
        return db_error(store, rc, "store a test", err);
    rc = put_device(store, record, &device);
    if (rc == SQLITE_OK)
        rc = put_run(store, record, &run);
    if (rc == SQLITE_OK)
        rc = put_test(store, record, run, device, &test);
    for (size_t i = 0; i < record->n_samples && rc == SQLITE_OK; i++)
        rc = put_sample(store, test, i, &record->samples[i]);
    for (size_t i = 0; i < record->n_operators && rc == SQLITE_OK; i++)
        rc = put_operator(store, test, i, &record->operators[i]);
    if (rc == SQLITE_OK)
        rc = put_accuracy(store, test, &record->accuracy);
    if (rc == SQLITE_OK)
        rc = run_sql(store, "COMMIT");
    if (rc == SQLITE_OK)
        return 0;
    int r = db_error(store, rc, "store a test", err);
    run_sql(store, "ROLLBACK");
    return r;
}

int aglm_store_put_profile(struct aglm_store *store, const struct aglm_record *record,
                           struct aglm_err *err)
{
    int64_t device = 0, run = 0;
    if (!record->run_uuid[0] || !record->profile_json)
        return aglm_err_set(err, -EINVAL, "%s: a run without UUID or profile cannot be stored",
                            store->path);
    int rc = run_sql(store, "BEGIN IMMEDIATE");
    if (rc != SQLITE_OK)
        return db_error(store, rc, "store a profile", err);
    rc = put_device(store, record, &device);
    if (rc == SQLITE_OK)
        rc = put_run(store, record, &run);
    if (rc == SQLITE_OK)
        rc = run_sql(store, "COMMIT");
    if (rc == SQLITE_OK)
        return 0;
    int r = db_error(store, rc, "store a profile", err);
    run_sql(store, "ROLLBACK");
    return r;
}
