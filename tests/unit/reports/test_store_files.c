/* What is no database of ours: each is refused with one message that names the path, and left as it
 * was. */
#include "tests/unit/reports/suites.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Root may do anything: the tests of permissions run as somebody else. Each test is a process of
 * its own. */
static void become_nobody(void)
{
    if (geteuid() == 0) {
        ck_assert_int_eq(setgid(65534), 0);
        ck_assert_int_eq(setuid(65534), 0);
    }
}

static void expect_refused(const char *path, int writable, int readonly, const char *word)
{
    struct aglm_store *store = NULL;
    struct aglm_err err = {0};
    ck_assert_int_eq(aglm_store_open(&store, path, &err), writable);
    ck_assert_ptr_null(store);
    ck_assert_msg(strstr(err.msg, path) && strstr(err.msg, word), "%s", err.msg);
    ck_assert_ptr_null(strchr(err.msg, '\n'));
    err = (struct aglm_err){0};
    ck_assert_int_eq(aglm_store_open_readonly(&store, path, &err), readonly);
    ck_assert_ptr_null(store);
    ck_assert_msg(strstr(err.msg, path), "%s", err.msg);
}

static void write_file(const char *path, const char *data, size_t n)
{
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(data, 1, n, f), n);
    ck_assert_int_eq(fclose(f), 0);
}

static void run(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

START_TEST(text_file)
{
    static const char text[] = "These are notes on a benchmark, and not a database at all.\n";
    char back[sizeof(text)] = "";
    const char *path = scratch("notes.txt");
    write_file(path, text, strlen(text));
    expect_refused(path, -EINVAL, -EINVAL, "not a database");
    FILE *f = fopen(path, "r");
    ck_assert_ptr_nonnull(fgets(back, sizeof(back), f));
    fclose(f);
    ck_assert_str_eq(back, text);
}
END_TEST

START_TEST(truncated_and_damaged)
{
    const char *path = scratch("cut.db");
    struct aglm_store *store = open_store(path);
    struct aglm_record rec;
    fill_sweep(&rec, 1, "Q4_0", 2, 0, 2000, 50);
    put(store, &rec);
    aglm_record_finish(&rec);
    aglm_store_close(&store);
    struct stat st;
    ck_assert_int_eq(stat(path, &st), 0);
    for (off_t size = st.st_size - 5000; size > 600; size -= st.st_size / 7) {
        ck_assert_int_eq(truncate(path, size), 0);
        struct aglm_err err = {0};
        ck_assert_int_lt(aglm_store_open(&store, path, &err), 0);
        ck_assert_msg(strstr(err.msg, path) != NULL, "%s", err.msg);
        ck_assert_int_lt(aglm_store_open_readonly(&store, path, &err), 0);
    }
}
END_TEST

/* Bytes overwritten at many places: opening and reading may fail, with a message, and must not
 * crash. */
START_TEST(scribbled_over)
{
    const char *path = scratch("scribble.db");
    struct aglm_store *store = open_store(path);
    struct aglm_record rec;
    unsigned refused = 0;
    for (unsigned n = 0; n < 5; n++) {
        fill_record(&rec, n);
        put(store, &rec);
        aglm_record_finish(&rec);
    }
    aglm_store_close(&store);
    struct stat st;
    ck_assert_int_eq(stat(path, &st), 0);
    char *good = malloc((size_t)st.st_size);
    FILE *f = fopen(path, "r");
    ck_assert_uint_eq(fread(good, 1, (size_t)st.st_size, f), (size_t)st.st_size);
    fclose(f);
    for (off_t at = 0; at + 16 < st.st_size; at += st.st_size / 150) {
        char saved[16];
        memcpy(saved, good + at, 16);
        memset(good + at, 0xa5, 16);
        write_file(path, good, (size_t)st.st_size);
        memcpy(good + at, saved, 16);
        struct aglm_err err = {0};
        int r = aglm_store_open_readonly(&store, path, &err);
        if (r < 0) {
            refused++;
            ck_assert_msg(strstr(err.msg, path) != NULL, "%s", err.msg);
        }
        aglm_store_close(&store);
    }
    free(good);
    ck_assert_uint_gt(refused, 5);
}
END_TEST

START_TEST(newer_version)
{
    const char *path = scratch("newer.db");
    struct aglm_store *store = open_store(path);
    aglm_store_close(&store);
    run(path, "PRAGMA user_version = 999");
    expect_refused(path, -ENOTSUP, -ENOTSUP, "newer");
}
END_TEST

START_TEST(other_programs_database)
{
    const char *path = scratch("other.db");
    run(path, "CREATE TABLE bookmarks (url TEXT)");
    expect_refused(path, -EINVAL, -EINVAL, "another program");
    path = scratch("other2.db");
    run(path, "PRAGMA application_id = 7; PRAGMA user_version = 1");
    expect_refused(path, -EINVAL, -EINVAL, "another program");
}
END_TEST

START_TEST(paths)
{
    ck_assert_int_eq(mkdir(scratch("folder"), 0777), 0);
    expect_refused(scratch("folder"), -EISDIR, -EISDIR, "folder");
    expect_refused(scratch("absent/x.db"), -ENOENT, -ENOENT, "mkdir -p");
    write_file(scratch("plain"), "x", 1);
    expect_refused(scratch("plain/x.db"), -ENOTDIR, -ENOTDIR, "Not a directory");
    ck_assert_int_eq(mkfifo(scratch("fifo"), 0666), 0);
    expect_refused(scratch("fifo"), -EINVAL, -EINVAL, "regular file");
    struct aglm_store *store = NULL;
    ck_assert_int_eq(aglm_store_open(&store, "", NULL), -EINVAL);
    ck_assert_int_eq(aglm_store_open_readonly(&store, scratch("never.db"), NULL), -ENOENT);
    ck_assert_int_eq(access(scratch("never.db"), F_OK), -1); /* and it was not created */
}
END_TEST

START_TEST(permissions)
{
    const char *path = scratch("locked.db");
    struct aglm_store *store = open_store(path);
    aglm_store_close(&store);
    ck_assert_int_eq(mkdir(scratch("shut"), 0555), 0);
    if (geteuid() == 0)
        ck_assert_int_eq(chown(path, 65534, 65534), 0);
    become_nobody();
    ck_assert_int_eq(chmod(path, 0444), 0);
    expect_refused(scratch("shut/x.db"), -EACCES, -ENOENT, "shut");
    struct aglm_err err = {0};
    ck_assert_int_eq(aglm_store_open(&store, path, &err), -EACCES);
    ck_assert_ptr_nonnull(strstr(err.msg, path));
    ck_assert_int_eq(aglm_store_open_readonly(&store, path, &err), 0);
    aglm_store_close(&store);
    ck_assert_int_eq(chmod(path, 0), 0);
    expect_refused(path, -EACCES, -EACCES, "ermission");
}
END_TEST

START_TEST(odd_names)
{
    static const char *const names[] = {"a b.db", "per%cent.db", "q?mark#hash.db",
                                        "\xe6\x99\xba.db", "-dash.db"};
    struct aglm_record rec;
    fill_record(&rec, 3);
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        struct aglm_store *store = open_store(scratch(names[i]));
        put(store, &rec);
        aglm_store_close(&store);
        ck_assert_int_eq(access(scratch(names[i]), F_OK), 0);
    }
    ck_assert_int_eq(chdir(scratch_dir()), 0);
    struct aglm_store *store = open_store(":memory:"); /* a file, because we say so */
    put(store, &rec);
    aglm_store_close(&store);
    ck_assert_int_eq(access(scratch(":memory:"), F_OK), 0);
    aglm_record_finish(&rec);
}
END_TEST

/* A database in WAL mode, in a folder where nothing may be created, can still be read. */
START_TEST(read_only_folder)
{
    ck_assert_int_eq(mkdir(scratch("ro"), 0777), 0);
    const char *path = scratch("ro/x.db");
    struct aglm_store *store = open_store(path);
    struct aglm_record rec;
    fill_record(&rec, 1);
    put(store, &rec);
    aglm_store_close(&store);
    ck_assert_int_eq(chmod(path, 0444), 0);
    ck_assert_int_eq(chmod(scratch("ro"), 0555), 0);
    become_nobody();
    struct aglm_err err = {0};
    ck_assert_msg(aglm_store_open_readonly(&store, path, &err) == 0, "%s", err.msg);
    aglm_store_close(&store);
    aglm_record_finish(&rec);
}
END_TEST

Suite *store_files_suite(void)
{
    Suite *s = suite_create("store files");
    TCase *tc = tcase_create("store files");
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, text_file);
    tcase_add_test(tc, truncated_and_damaged);
    tcase_add_test(tc, scribbled_over);
    tcase_add_test(tc, newer_version);
    tcase_add_test(tc, other_programs_database);
    tcase_add_test(tc, paths);
    tcase_add_test(tc, permissions);
    tcase_add_test(tc, odd_names);
    tcase_add_test(tc, read_only_folder);
    suite_add_tcase(s, tc);
    return s;
}
