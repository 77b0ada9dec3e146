/* Stored tests, read back in the order of their beginning; see store.h. */
#include "reports/store_db.h"
#include "reports/store_row.h"

/* Samples, or operators: take appends each row to the record. */
static int read_rows(sqlite3_stmt *stmt, int64_t test, struct aglm_record *rec,
                     int (*take)(sqlite3_stmt *stmt, struct aglm_record *rec))
{
    sqlite3_reset(stmt);
    int rc = sqlite3_bind_int64(stmt, 1, test);
    while (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        rc = take(stmt, rec);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* What a test has besides its row: a query by its id, and where each of its rows goes. */
static const struct child {
    const char *query;
    int (*take)(sqlite3_stmt *stmt, struct aglm_record *rec);
} children[] = {
    {"SELECT s.prefill_ns, s.first_token_ns, s.total_ns, s.peak_rss_bytes, "
     "s.token_ns, " AGLM_ROW_CONDITION_COLUMNS("b") ", " AGLM_ROW_CONDITION_COLUMNS(
         "a") ", " AGLM_ROW_DURING_COLUMNS " "
              "FROM sample s "
              "LEFT JOIN conditions b ON b.sample_id = s.id AND b.moment = 0 "
              "LEFT JOIN conditions a ON a.sample_id = s.id AND a.moment = 1 "
              "LEFT JOIN telemetry d ON d.sample_id = s.id "
              "WHERE s.test_id = ?1 ORDER BY s.seq",
     aglm_row_take_sample},
    {"SELECT phase, name, calls, ns, wait_ns, weight_bytes, kv_bytes, act_bytes, int8_ops, "
     "float_ops FROM operator WHERE test_id = ?1 ORDER BY seq",
     aglm_row_take_operator},
    {"SELECT " AGLM_ROW_ACCURACY_COLUMNS " FROM accuracy WHERE test_id = ?1",
     aglm_row_take_accuracy},
    {"SELECT " AGLM_ROW_PART_COLUMNS " FROM accuracy_part WHERE test_id = ?1 ORDER BY seq",
     aglm_row_take_part},
};

enum { CHILDREN = sizeof(children) / sizeof(children[0]) };

static int prepare_tests(struct aglm_store *store, const struct aglm_store_filter *f,
                         sqlite3_stmt **tests)
{
    int rc = sqlite3_prepare_v2(
        store->db,
        "SELECT t.id, t.uuid, r.uuid, d.fingerprint, r.profile, " AGLM_ROW_TEST_COLUMNS
        " FROM (SELECT id AS rid, uuid, profile FROM run) r "
        "JOIN test t ON t.run_id = r.rid "
        "JOIN (SELECT id AS did, fingerprint FROM device) d ON d.did = t.device_id "
        "WHERE (?1 IS NULL OR r.uuid = ?1) AND (?2 IS NULL OR d.fingerprint = ?2) "
        "AND (?3 = 0 OR t.started_ms >= ?3) ORDER BY t.started_ms, t.id",
        -1, tests, NULL);
    struct aglm_row_binder b = {.stmt = *tests, .next = 1, .rc = rc};
    aglm_row_put_text(&b, f ? f->run_uuid : NULL);
    aglm_row_put_text(&b, f ? f->fingerprint : NULL);
    aglm_row_put_int(&b, f ? (uint64_t)f->since_ms : 0);
    return b.rc;
}

int aglm_store_each(struct aglm_store *store, const struct aglm_store_filter *filter,
                    int (*each)(void *ctx, const struct aglm_record *record), void *ctx,
                    struct aglm_err *err)
{
    sqlite3_stmt *tests = NULL, *of[CHILDREN] = {NULL};
    int r = 0;
    int rc = prepare_tests(store, filter, &tests);
    for (size_t i = 0; i < CHILDREN && rc == SQLITE_OK; i++)
        rc = sqlite3_prepare_v2(store->db, children[i].query, -1, &of[i], NULL);
    while (rc == SQLITE_OK && r == 0 && (rc = sqlite3_step(tests)) == SQLITE_ROW) {
        struct aglm_record rec;
        aglm_record_init(&rec);
        rc = aglm_row_take_test(tests, &rec);
        for (size_t i = 0; i < CHILDREN && rc == SQLITE_OK; i++)
            rc = read_rows(of[i], sqlite3_column_int64(tests, 0), &rec, children[i].take);
        if (rc == SQLITE_OK)
            r = each(ctx, &rec);
        aglm_record_finish(&rec);
    }
    if (rc != SQLITE_OK && rc != SQLITE_DONE)
        r = aglm_store_db_error(store, rc, "read the stored tests", err);
    for (size_t i = 0; i < CHILDREN; i++)
        sqlite3_finalize(of[i]);
    sqlite3_finalize(tests);
    return r;
}
