/* The store: what goes in comes out, migrations, the llama_bench view, several writers, a full
 * disk. */
#include "reports/embedded.h"
#include "tests/unit/reports/suites.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

struct found {
    char *json[64];
    size_t n;
};

static int collect(void *ctx, const struct aglm_record *rec)
{
    struct found *f = ctx;
    ck_assert_uint_lt(f->n, 64);
    f->json[f->n++] = aglm_record_json(rec);
    return 0;
}

static int count(void *ctx, const struct aglm_record *rec)
{
    ck_assert_str_ne(rec->test_uuid, "");
    ++*(size_t *)ctx;
    return 0;
}

static void found_finish(struct found *f)
{
    while (f->n)
        free(f->json[--f->n]);
}

static void each(struct aglm_store *store, const struct aglm_store_filter *filter,
                 struct found *out)
{
    struct aglm_err err = {0};
    ck_assert_msg(aglm_store_each(store, filter, collect, out, &err) == 0, "%s", err.msg);
}

static void expect_stored(struct aglm_store *store, const struct aglm_record *rec)
{
    struct found f = {0};
    char *expected = aglm_record_json(rec);
    each(store, NULL, &f);
    ck_assert_uint_eq(f.n, 1);
    ck_assert_str_eq(f.json[0], expected);
    free(expected);
    found_finish(&f);
}

START_TEST(round_trip)
{
    struct aglm_store *store = open_store(scratch("round.db"));
    struct aglm_record rec;
    fill_record(&rec, 7);
    put(store, &rec);
    expect_stored(store, &rec);
    aglm_store_close(&store);
    ck_assert_ptr_null(store);
    store = open_store(scratch("round.db")); /* and from the disk */
    expect_stored(store, &rec);
    aglm_store_close(&store);
    ck_assert_int_eq(aglm_store_open_readonly(&store, scratch("round.db"), NULL), 0);
    expect_stored(store, &rec);
    ck_assert_int_eq(aglm_store_put(store, &rec, NULL), -EROFS);
    aglm_store_close(&store);
    aglm_record_finish(&rec);
}
END_TEST

START_TEST(extremes_survive)
{
    struct aglm_store *store = open_store(scratch("extremes.db"));
    struct aglm_record rec;
    fill_record(&rec, 2);
    rec.seed = 9007199254740991; /* what JSON numbers hold exactly */
    rec.n_threads = UINT32_MAX;
    rec.samples[1].total_ns = 9007199254740991;
    snprintf(rec.model_name, sizeof(rec.model_name), "'; DROP TABLE test; -- \"\xe6\x99\xba");
    put(store, &rec);
    expect_stored(store, &rec);
    aglm_store_close(&store);
    aglm_record_finish(&rec);
}
END_TEST

START_TEST(put_again_replaces)
{
    struct aglm_store *store = open_store(scratch("again.db"));
    struct aglm_record rec;
    fill_record(&rec, 4);
    size_t all = rec.n_samples;
    rec.n_samples = 1; /* after the first repetition */
    put(store, &rec);
    expect_stored(store, &rec);
    rec.n_samples = all;
    snprintf(rec.reasons, sizeof(rec.reasons), "throttled");
    rec.valid = false;
    put(store, &rec);
    expect_stored(store, &rec);
    aglm_store_close(&store);
    aglm_record_finish(&rec);
}
END_TEST

START_TEST(filters_and_order)
{
    struct aglm_store *store = open_store(scratch("filter.db"));
    struct aglm_record rec;
    for (unsigned n = 25; n-- > 0;) { /* newest first; runs of ten */
        fill_record(&rec, n);
        if (n == 3)
            snprintf(rec.fingerprint, sizeof(rec.fingerprint), "other");
        put(store, &rec);
        aglm_record_finish(&rec);
    }
    struct found f = {0};
    each(store, NULL, &f);
    ck_assert_uint_eq(f.n, 25);
    ck_assert_ptr_nonnull(strstr(f.json[0], "0192e4a0-0000-7000-9000-000000000000"));
    ck_assert_ptr_nonnull(strstr(f.json[24], "0192e4a0-0000-7000-9000-000000000024"));
    found_finish(&f);
    each(store, &(struct aglm_store_filter){.run_uuid = "0192e4a0-0000-7000-8000-000000000001"},
         &f);
    ck_assert_uint_eq(f.n, 10);
    found_finish(&f);
    each(store, &(struct aglm_store_filter){.fingerprint = "other"}, &f);
    ck_assert_uint_eq(f.n, 1);
    found_finish(&f);
    each(store, &(struct aglm_store_filter){.since_ms = 1700000000020}, &f);
    ck_assert_uint_eq(f.n, 5);
    found_finish(&f);
    aglm_store_close(&store);
}
END_TEST

static int stop_at_two(void *ctx, const struct aglm_record *rec)
{
    (void)rec;
    return ++*(int *)ctx == 2 ? -ECANCELED : 0;
}

START_TEST(caller_can_stop)
{
    struct aglm_store *store = open_store(scratch("stop.db"));
    struct aglm_record rec;
    for (unsigned n = 0; n < 4; n++) {
        fill_record(&rec, n);
        put(store, &rec);
        aglm_record_finish(&rec);
    }
    int seen = 0;
    ck_assert_int_eq(aglm_store_each(store, NULL, stop_at_two, &seen, NULL), -ECANCELED);
    ck_assert_int_eq(seen, 2);
    aglm_store_close(&store);
}
END_TEST

static void make_version(const char *path, int version)
{
    sqlite3 *db = NULL;
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    for (int v = 0; v < version; v++)
        ck_assert_int_eq(sqlite3_exec(db, aglm_schema[v], NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

START_TEST(migrates_from_each_version)
{
    char name[32];
    struct aglm_record rec;
    fill_record(&rec, 1);
    for (int v = 0; v < aglm_schema_version; v++) {
        struct aglm_store *store = NULL;
        struct aglm_err err = {0};
        snprintf(name, sizeof(name), "old%d.db", v);
        make_version(scratch(name), v);
        ck_assert_int_eq(aglm_store_open_readonly(&store, scratch(name), &err),
                         v ? -ESTALE : -ENODATA);
        ck_assert_ptr_nonnull(strstr(err.msg, name));
        store = open_store(scratch(name));
        put(store, &rec);
        expect_stored(store, &rec);
        aglm_store_close(&store);
        ck_assert_int_eq(aglm_store_open_readonly(&store, scratch(name), NULL), 0);
        aglm_store_close(&store);
    }
    aglm_record_finish(&rec);
}
END_TEST

/* A test as versions up to 7 stored it. */
static const char old_test[] =
    "INSERT INTO device (fingerprint, first_ms, last_ms) VALUES ('f', 1, 1);"
    "INSERT INTO run (uuid, started_ms) VALUES ('r', 1);"
    "INSERT INTO test (uuid, run_id, device_id, suite, name, label, started_ms, version, "
    "commit_id, compiler, flags, cpu_info, gpu_info, model_path, model_name, model_type, arch, "
    "quantization, model_digest, model_size, model_n_params, bytes_per_token, load_ns, "
    "backend, isa, cpu_mask, affinity, requantize, n_threads, n_batch, n_ubatch, n_prompt, "
    "n_gen, n_depth, repetitions, seed, cpu_strict, warmup, delay_s, order_kind, valid, "
    "reasons) VALUES ('t', 1, 1, 'bench', 'pp8', '', 1, '', '', '', '', '', '', '', '', '', "
    "'', '', '', 0, 0, 0, 0, '', '', '', '', '', 1, 1, 1, 8, 0, 0, 1, 1, 0, 0, 0, '', 1, '');"
    "INSERT INTO sample (test_id, seq, prefill_ns, first_token_ns, total_ns, peak_rss_bytes, "
    "token_ns) VALUES (1, 0, 9, 0, 9, 1, x'')";

/* Version 2 knew no types of the KV cache: they were F16. */
START_TEST(old_tests_had_caches_in_f16)
{
    sqlite3 *db = NULL;
    struct found f = {0};
    make_version(scratch("version2.db"), 2);
    ck_assert_int_eq(sqlite3_open(scratch("version2.db"), &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, old_test, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    struct aglm_store *store = open_store(scratch("version2.db"));
    each(store, NULL, &f);
    ck_assert_ptr_nonnull(strstr(f.json[0], "\"type_k\":\"f16\",\"type_v\":\"f16\""));
    ck_assert_ptr_nonnull(strstr(f.json[0], "\"roof_read_bytes_per_s\":null"));
    ck_assert_ptr_nonnull(strstr(f.json[0], "\"prefill_ops\":null"));
    ck_assert_ptr_nonnull(strstr(f.json[0], "\"fuse\":\"all\""));
    ck_assert_ptr_null(strstr(f.json[0], "\"operators\""));
    ck_assert_ptr_nonnull(strstr(f.json[0], "\"roof_when\":\"\""));
    ck_assert_ptr_nonnull(
        strstr(f.json[0], "\"load\":\"pack\",\"pack_ns\":null,\"packed_bytes\":null"));
    found_finish(&f);
    aglm_store_close(&store);
}
END_TEST

/* Version 7 asked nobody anything: its tests have no answers, and stay. */
START_TEST(old_tests_were_asked_nothing)
{
    sqlite3 *db = NULL;
    struct found f = {0};
    make_version(scratch("version7.db"), 7);
    ck_assert_int_eq(sqlite3_open(scratch("version7.db"), &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, old_test, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    struct aglm_store *store = open_store(scratch("version7.db"));
    each(store, NULL, &f);
    ck_assert_uint_eq(f.n, 1);
    ck_assert_ptr_null(strstr(f.json[0], "\"accuracy\""));
    found_finish(&f);
    aglm_store_close(&store);
}
END_TEST

/* Answers go with their test, and a test put again has them once. */
START_TEST(answers_go_with_their_test)
{
    const char *path = scratch("answers.db");
    struct aglm_store *store = open_store(path);
    struct aglm_record rec;
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    fill_record(&rec, 2);
    put(store, &rec);
    put(store, &rec);
    aglm_accuracy_finish(&rec.accuracy);
    snprintf(rec.test_uuid, sizeof(rec.test_uuid), "another");
    put(store, &rec);
    aglm_record_finish(&rec);
    aglm_store_close(&store);
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_prepare_v2(
                         db, "SELECT (SELECT count(*) FROM accuracy), count(*) FROM accuracy_part",
                         -1, &stmt, NULL),
                     SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
    ck_assert_int_eq(sqlite3_column_int(stmt, 0), 1);
    ck_assert_int_eq(sqlite3_column_int(stmt, 1), 2);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
}
END_TEST

START_TEST(view_has_llama_bench_columns)
{
    static const char *const columns[] = {"build_commit",   "build_number",
                                          "cpu_info",       "gpu_info",
                                          "backends",       "model_filename",
                                          "model_type",     "model_size",
                                          "model_n_params", "n_batch",
                                          "n_ubatch",       "n_threads",
                                          "cpu_mask",       "cpu_strict",
                                          "poll",           "type_k",
                                          "type_v",         "n_gpu_layers",
                                          "n_cpu_moe",      "split_mode",
                                          "main_gpu",       "no_kv_offload",
                                          "flash_attn",     "devices",
                                          "tensor_split",   "tensor_buft_overrides",
                                          "use_mmap",       "embeddings",
                                          "no_op_offload",  "no_host",
                                          "n_prompt",       "n_gen",
                                          "n_depth",        "test_time",
                                          "avg_ns",         "stddev_ns",
                                          "avg_ts",         "stddev_ts"};
    const int n = sizeof(columns) / sizeof(*columns);
    struct aglm_store *store = open_store(scratch("view.db"));
    struct aglm_record rec;
    struct aglm_results res;
    fill_sweep(&rec, 5, "Q4_0", 2, 512, 0, 123.0);
    aglm_results_derive(&res, &rec);
    put(store, &rec);
    aglm_store_close(&store);

    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    ck_assert_int_eq(sqlite3_open(scratch("view.db"), &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_prepare_v2(db, "SELECT * FROM llama_bench", -1, &stmt, NULL),
                     SQLITE_OK);
    ck_assert_int_eq(sqlite3_column_count(stmt), n);
    ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
    for (int i = 0; i < n; i++) {
        ck_assert_str_eq(sqlite3_column_name(stmt, i), columns[i]);
        ck_assert_msg(sqlite3_column_type(stmt, i) != SQLITE_NULL, "%s", columns[i]);
    }
    ck_assert_int_eq(sqlite3_column_int(stmt, 11), 2);
    ck_assert_str_eq((const char *)sqlite3_column_text(stmt, 33), "2023-11-14T22:13:25Z");
    ck_assert_double_eq_tol(sqlite3_column_double(stmt, 34), res.avg_ns, 1);
    ck_assert_double_eq_tol(sqlite3_column_double(stmt, 35), res.stddev_ns, 1);
    ck_assert_double_eq_tol(sqlite3_column_double(stmt, 36), res.avg_ts, 1e-9 * res.avg_ts);
    ck_assert_double_eq_tol(sqlite3_column_double(stmt, 37), res.stddev_ts, 1e-6 * res.stddev_ts);
    ck_assert_int_eq(sqlite3_step(stmt), SQLITE_DONE);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    aglm_record_finish(&rec);
}
END_TEST

/* Both writers also race for creating the database. */
START_TEST(two_writers)
{
    enum { WRITERS = 2, EACH = 20 };
    const char *path = scratch("two.db");
    pid_t pids[WRITERS];
    for (unsigned w = 0; w < WRITERS; w++) {
        pids[w] = fork();
        ck_assert_int_ge(pids[w], 0);
        if (pids[w] == 0) {
            struct aglm_store *store = NULL;
            int r = aglm_store_open(&store, path, NULL);
            for (unsigned i = 0; i < EACH && r == 0; i++) {
                struct aglm_record rec;
                fill_record(&rec, w * 1000 + i);
                r = aglm_store_put(store, &rec, NULL);
                aglm_record_finish(&rec);
            }
            aglm_store_close(&store);
            _exit(r == 0 ? 0 : 1);
        }
    }
    for (unsigned w = 0; w < WRITERS; w++) {
        int status;
        ck_assert_int_eq(waitpid(pids[w], &status, 0), pids[w]);
        ck_assert_int_eq(status, 0);
    }
    size_t n = 0;
    struct aglm_store *store = open_store(path);
    ck_assert_int_eq(aglm_store_each(store, NULL, count, &n, NULL), 0);
    ck_assert_uint_eq(n, WRITERS * EACH);
    aglm_store_close(&store);
}
END_TEST

START_TEST(full_disk_keeps_what_is_stored)
{
    struct aglm_store *store = open_store(scratch("full.db"));
    struct aglm_err err = {0};
    struct rlimit limit;
    size_t stored = 0, n = 0;
    int r = 0;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    rlim_t soft = limit.rlim_cur;
    signal(SIGXFSZ, SIG_IGN);
    limit.rlim_cur = 300000;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    for (unsigned i = 0; i < 2000 && r == 0; i++) {
        struct aglm_record rec;
        fill_record(&rec, i);
        r = aglm_store_put(store, &rec, &err);
        stored += r == 0;
        aglm_record_finish(&rec);
    }
    limit.rlim_cur = soft;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    ck_assert_msg(r == -ENOSPC, "%d: %s", r, err.msg);
    ck_assert_ptr_nonnull(strstr(err.msg, "full.db"));
    ck_assert_uint_gt(stored, 0);
    ck_assert_int_eq(aglm_store_each(store, NULL, count, &n, NULL), 0);
    ck_assert_uint_eq(n, stored);
    struct aglm_record rec; /* and there is room again */
    fill_record(&rec, 5000);
    put(store, &rec);
    aglm_record_finish(&rec);
    aglm_store_close(&store);
}
END_TEST

static int list_device(void *ctx, const struct aglm_store_device *d)
{
    char *out = ctx;
    const size_t used = strlen(out);
    snprintf(out + used, 256 - used, "%s %s %zu %lld %s;", d->fingerprint, d->cpu_info, d->n_tests,
             (long long)d->last_ms, d->profile ? d->profile : "none");
    return 0;
}

static int list_profile(void *ctx, const char *profile, int64_t taken_ms)
{
    char *out = ctx;
    const size_t used = strlen(out);
    snprintf(out + used, 256 - used, "%s@%lld;", profile, (long long)taken_ms);
    return 0;
}

static void put_profile(struct aglm_store *store, const char *uuid, const char *device,
                        const char *json, int64_t ms)
{
    struct aglm_record run;
    struct aglm_err err = {0};
    aglm_record_init(&run);
    snprintf(run.run_uuid, sizeof(run.run_uuid), "%s", uuid);
    snprintf(run.fingerprint, sizeof(run.fingerprint), "%s", device);
    run.profile_json = strdup(json);
    run.started_ms = ms;
    ck_assert_msg(aglm_store_put_profile(store, &run, &err) == 0, "%s", err.msg);
    aglm_record_finish(&run);
}

/* Profiles without a test: of devices that nobody else knows, and beside tests. */
START_TEST(profiles_and_devices)
{
    struct aglm_store *store = open_store(scratch("profiles.db"));
    struct aglm_record rec;
    struct aglm_err err = {0};
    char text[256] = "";
    put_profile(store, "u1", "aa", "{1}", 10);
    put_profile(store, "u1", "aa", "{2}", 10); /* again: replaced */
    put_profile(store, "u2", "bb", "{3}", 30);
    put_profile(store, "u3", "aa", "{4}", 5); /* older: the device's stays */
    fill_sweep(&rec, 1, "Q4_0", 1, 0, 4, 5);
    snprintf(rec.fingerprint, sizeof(rec.fingerprint), "aa");
    snprintf(rec.cpu_info, sizeof(rec.cpu_info), "cpu");
    rec.profile_json = strdup("{5}");
    rec.started_ms = 20;
    put(store, &rec);
    ck_assert_int_eq(aglm_store_each_device(store, list_device, text, &err), 0);
    ck_assert_str_eq(text, "bb  0 30 {3};aa cpu 1 20 {5};");
    text[0] = '\0';
    ck_assert_int_eq(aglm_store_each_profile(store, list_profile, text, &err), 0);
    ck_assert_str_eq(text, "{3}@30;{2}@10;{4}@5;"); /* the run's own is not among them */
    rec.run_uuid[0] = '\0';
    ck_assert_int_eq(aglm_store_put_profile(store, &rec, &err), -EINVAL);
    ck_assert_msg(strstr(err.msg, "profiles.db") != NULL, "%s", err.msg);
    aglm_record_finish(&rec);
    aglm_store_close(&store);
}
END_TEST

Suite *store_suite(void)
{
    Suite *s = suite_create("store");
    TCase *tc = tcase_create("store");
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, round_trip);
    tcase_add_test(tc, extremes_survive);
    tcase_add_test(tc, put_again_replaces);
    tcase_add_test(tc, filters_and_order);
    tcase_add_test(tc, caller_can_stop);
    tcase_add_test(tc, profiles_and_devices);
    tcase_add_test(tc, migrates_from_each_version);
    tcase_add_test(tc, old_tests_were_asked_nothing);
    tcase_add_test(tc, answers_go_with_their_test);
    tcase_add_test(tc, old_tests_had_caches_in_f16);
    tcase_add_test(tc, view_has_llama_bench_columns);
    tcase_add_test(tc, two_writers);
    tcase_add_test(tc, full_disk_keeps_what_is_stored);
    suite_add_tcase(s, tc);
    return s;
}
