/* The GGUF writer: what it writes is read back the same; a broken-off or failed write leaves
 * nothing behind. */
#include "engine/gguf.h"
#include "engine/gguf_write.h"

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64], path[128], partial[160];
static struct aglm_gguf_writer *writer;
static struct aglm_gguf *file;
static struct aglm_err err;

static void setup(void)
{
    snprintf(folder, sizeof(folder), "/tmp/aglm-test-write-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/x.gguf", folder);
    snprintf(partial, sizeof(partial), "%s.partial", path);
    memset(&err, 0, sizeof(err));
}

/* The folder must be empty again but for path: rmdir checks that. */
static void teardown(void)
{
    aglm_gguf_writer_destroy(&writer);
    aglm_gguf_close(&file);
    unlink(path);
    ck_assert_int_eq(rmdir(folder), 0);
}

static bool exists(const char *name)
{
    struct stat st;
    return stat(name, &st) == 0;
}

static void create(void)
{
    ck_assert_msg(aglm_gguf_writer_create(&writer, path, &err) == 0, "%s", err.msg);
}

static void expect(int rc, int code, const char *words)
{
    ck_assert_msg(rc == code, "returned %d (%s)", rc, err.msg);
    ck_assert_msg(strncmp(err.msg, folder, strlen(folder)) == 0, "no file name: %s", err.msg);
    ck_assert_msg(strstr(err.msg, words) != NULL, "\"%s\" is not in: %s", words, err.msg);
}

static void declare(struct aglm_gguf_writer *w)
{
    aglm_gguf_writer_string(w, "general.architecture", "llama");
    aglm_gguf_writer_u32(w, "a.number", 4000000000u);
    aglm_gguf_writer_f32(w, "a.real", -1.5f);
    aglm_gguf_writer_tensor(w, "small", AGLM_F32, 1, (const uint64_t[]){3});
    aglm_gguf_writer_tensor(w, "large", AGLM_Q8_0, 3, (const uint64_t[]){64, 2, 5});
}

enum { LARGE = 64 * 2 * 5 / 32 * 34 };
static const float small[3] = {1, 2, 3};
static uint8_t large[LARGE];

START_TEST(round_trip)
{
    for (size_t i = 0; i < LARGE; i++)
        large[i] = (uint8_t)(i * 7);
    create();
    declare(writer);
    uint64_t size = aglm_gguf_writer_size(writer);
    ck_assert_int_eq(aglm_gguf_writer_data(writer, small, sizeof(small), &err), 0);
    ck_assert_int_eq(aglm_gguf_writer_data(writer, large, 100, &err), 0);
    ck_assert_int_eq(aglm_gguf_writer_data(writer, large, 0, &err), 0);
    ck_assert_int_eq(aglm_gguf_writer_data(writer, large + 100, LARGE - 100, &err), 0);
    ck_assert(exists(partial) && !exists(path));
    ck_assert_msg(aglm_gguf_writer_finish(writer, &err) == 0, "%s", err.msg);
    ck_assert(!exists(partial) && exists(path));

    ck_assert_msg(aglm_gguf_open(&file, path, &err) == 0, "%s", err.msg);
    ck_assert_uint_eq(aglm_gguf_version(file), 3);
    ck_assert_uint_eq(aglm_gguf_file_size(file), size);
    uint64_t number = 0;
    float real = 0;
    const char *arch = NULL;
    ck_assert_int_eq(aglm_gguf_get_u64(file, "a.number", &number, &err), 0);
    ck_assert_uint_eq(number, 4000000000u);
    ck_assert_int_eq(aglm_gguf_get_f32(file, "a.real", &real, &err), 0);
    ck_assert(real == -1.5f);
    ck_assert_int_eq(aglm_gguf_get_string(file, "general.architecture", &arch, &err), 0);
    ck_assert_str_eq(arch, "llama");
    const struct aglm_gguf_tensor *t = aglm_gguf_tensor_find(file, "small");
    ck_assert_mem_eq(t->data, small, sizeof(small));
    t = aglm_gguf_tensor_find(file, "large");
    ck_assert_uint_eq(t->n_dims, 3);
    ck_assert_uint_eq(t->ne[2], 5);
    ck_assert_uint_eq(t->n_bytes, LARGE);
    ck_assert_mem_eq(t->data, large, LARGE);
}
END_TEST

START_TEST(file_without_tensors)
{
    create();
    aglm_gguf_writer_u32(writer, "a", 1);
    ck_assert_msg(aglm_gguf_writer_finish(writer, &err) == 0, "%s", err.msg);
    ck_assert_msg(aglm_gguf_open(&file, path, &err) == 0, "%s", err.msg);
    ck_assert_uint_eq(aglm_gguf_kv_count(file), 1);
}
END_TEST

/* Keys of all kinds, copied from one file to another, are the same bytes there. */
START_TEST(metadata_can_be_copied)
{
    static const uint8_t words[] = "\3\0\0\0\0\0\0\0one\0\0\0\0\0\0\0\0";
    char copy[200];
    struct aglm_gguf_writer *w = NULL;
    struct aglm_gguf *second = NULL;
    create();
    declare(writer);
    aglm_gguf_writer_bool(writer, "a.bool", true);
    aglm_gguf_writer_array(writer, "a.words", AGLM_GGUF_STRING, 2, words, 19);
    aglm_gguf_writer_array(writer, "a.nothing", AGLM_GGUF_F64, 0, words, 0);
    ck_assert_int_eq(aglm_gguf_writer_data(writer, small, sizeof(small), &err), 0);
    ck_assert_int_eq(aglm_gguf_writer_data(writer, large, LARGE, &err), 0);
    ck_assert_int_eq(aglm_gguf_writer_finish(writer, &err), 0);
    ck_assert_int_eq(aglm_gguf_open(&file, path, &err), 0);
    snprintf(copy, sizeof(copy), "%s.copy", path);
    ck_assert_int_eq(aglm_gguf_writer_create(&w, copy, &err), 0);
    for (int pass = 0; pass < 2; pass++) { /* copy, then compare */
        for (size_t i = 0; i < aglm_gguf_kv_count(file); i++) {
            uint32_t type, same_type;
            const void *value, *same;
            size_t n, same_n;
            const char *key = aglm_gguf_kv_raw(file, i, &type, &value, &n);
            if (pass == 0) {
                aglm_gguf_writer_raw(w, key, type, value, n);
                continue;
            }
            ck_assert_str_eq(aglm_gguf_kv_raw(second, i, &same_type, &same, &same_n), key);
            ck_assert(same_type == type && same_n == n && memcmp(same, value, n) == 0);
        }
        if (pass == 0) {
            ck_assert_int_eq(aglm_gguf_writer_finish(w, &err), 0);
            ck_assert_msg(aglm_gguf_open(&second, copy, &err) == 0, "%s", err.msg);
        }
    }
    ck_assert_uint_eq(aglm_gguf_kv_count(second), 6);
    aglm_gguf_close(&second);
    aglm_gguf_writer_destroy(&w);
    unlink(copy);
}
END_TEST

START_TEST(adds_up_sizes_without_a_file)
{
    create();
    declare(writer);
    uint64_t size = aglm_gguf_writer_size(writer);
    aglm_gguf_writer_destroy(&writer);
    ck_assert_int_eq(aglm_gguf_writer_create(&writer, NULL, &err), 0);
    declare(writer);
    ck_assert_uint_eq(aglm_gguf_writer_size(writer), size);
    ck_assert_int_eq(aglm_gguf_writer_data(writer, small, 4, &err), -EINVAL);
    ck_assert_int_eq(aglm_gguf_writer_finish(writer, &err), -EINVAL);
}
END_TEST

START_TEST(unfinished_leaves_nothing)
{
    FILE *f = fopen(path, "w");
    fputs("older", f);
    fclose(f);
    create();
    declare(writer);
    ck_assert_int_eq(aglm_gguf_writer_data(writer, small, sizeof(small), &err), 0);
    ck_assert(exists(partial));
    aglm_gguf_writer_destroy(&writer);
    ck_assert_ptr_null(writer);
    ck_assert(!exists(partial));
    char text[8] = "";
    f = fopen(path, "r");
    ck_assert_ptr_nonnull(fgets(text, sizeof(text), f));
    fclose(f);
    ck_assert_str_eq(text, "older");
}
END_TEST

START_TEST(bytes_must_be_as_declared)
{
    create();
    declare(writer);
    expect(aglm_gguf_writer_finish(writer, &err), -EINVAL, "incomplete");
    ck_assert_int_eq(aglm_gguf_writer_data(writer, small, 8, &err), 0);
    expect(aglm_gguf_writer_data(writer, small, 8, &err), -EINVAL, "more data");
    ck_assert_int_eq(aglm_gguf_writer_data(writer, small, 4, &err), 0);
    ck_assert_int_eq(aglm_gguf_writer_data(writer, large, LARGE, &err), 0);
    expect(aglm_gguf_writer_data(writer, small, 1, &err), -EINVAL, "more data");
}
END_TEST

START_TEST(bad_declarations_are_reported_by_finish)
{
    static const struct {
        const char *name;
        enum aglm_dtype type;
        unsigned n_dims;
        uint64_t ne[4];
    } bad[] = {
        {"", AGLM_F32, 1, {1}},
        {"65_bytes__65_bytes__65_bytes__65_bytes__65_bytes__65_bytes__65_by", AGLM_F32, 1, {1}},
        {"t", (enum aglm_dtype)4, 1, {256}}, /* withdrawn: nobody knows its size */
        {"t", AGLM_F32, 0, {1}},
        {"t", AGLM_F32, 5, {1}},
        {"t", AGLM_F32, 2, {1, 0}},
        {"t", AGLM_Q8_0, 1, {33}},
        {"t", AGLM_F32, 2, {1ull << 40, 1ull << 40}},
        {"t", AGLM_F32, 1, {1ull << 62}},
    };
    create();
    aglm_gguf_writer_tensor(writer, bad[_i].name, bad[_i].type, bad[_i].n_dims, bad[_i].ne);
    aglm_gguf_writer_u32(writer, "more", 1);
    expect(aglm_gguf_writer_data(writer, small, 4, &err), -EINVAL, "impossible");
    expect(aglm_gguf_writer_finish(writer, &err), -EINVAL, "impossible");
}
END_TEST

START_TEST(declarations_end_with_the_first_data)
{
    create();
    declare(writer);
    ck_assert_int_eq(aglm_gguf_writer_data(writer, small, 4, &err), 0);
    if (_i == 0)
        aglm_gguf_writer_u32(writer, "late", 1);
    else
        aglm_gguf_writer_tensor(writer, "late", AGLM_F32, 1, (const uint64_t[]){1});
    expect(aglm_gguf_writer_finish(writer, &err), -EINVAL, "late");
}
END_TEST

START_TEST(refuses_targets)
{
    char nowhere[160];
    snprintf(nowhere, sizeof(nowhere), "%s/none/x.gguf", folder);
    expect(aglm_gguf_writer_create(&writer, nowhere, &err), -ENOENT, "the folder must exist");
    expect(aglm_gguf_writer_create(&writer, folder, &err), -EISDIR, "folder");
    ck_assert_int_eq(aglm_gguf_writer_create(&writer, "/dev/null", &err), -EINVAL);
    ck_assert_ptr_nonnull(strstr(err.msg, "regular file"));
    ck_assert(!exists("/dev/null.partial"));
    ck_assert_ptr_null(writer);
}
END_TEST

START_TEST(a_second_writer_must_wait)
{
    struct aglm_gguf_writer *second = NULL;
    create();
    expect(aglm_gguf_writer_create(&second, path, &err), -EBUSY, "another process");
    ck_assert_ptr_null(second);
    ck_assert(exists(partial));
    aglm_gguf_writer_destroy(&writer);
    create(); /* after the first gave up */
}
END_TEST

START_TEST(a_partial_file_of_a_killed_writer_is_taken_over)
{
    FILE *f = fopen(partial, "w");
    for (int i = 0; i < 1000; i++)
        fputs("rubbish ", f);
    fclose(f);
    create();
    aglm_gguf_writer_u32(writer, "a", 1);
    ck_assert_int_eq(aglm_gguf_writer_finish(writer, &err), 0);
    ck_assert_msg(aglm_gguf_open(&file, path, &err) == 0, "%s", err.msg);
    ck_assert_uint_lt(aglm_gguf_file_size(file), 100);
}
END_TEST

/* A limit on file sizes stands for a full disk: write() fails half way. */
START_TEST(a_failing_write_is_reported)
{
    struct rlimit old, low;
    create();
    declare(writer);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
    low = old;
    low.rlim_cur = 600;
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &low), 0);
    ck_assert_int_eq(aglm_gguf_writer_data(writer, small, sizeof(small), &err), 0);
    expect(aglm_gguf_writer_data(writer, large, LARGE, &err), -EFBIG, "cannot write");
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
    aglm_gguf_writer_destroy(&writer);
    ck_assert(!exists(partial) && !exists(path));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gguf_write");
    TCase *tc = tcase_create("gguf_write");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, round_trip);
    tcase_add_test(tc, file_without_tensors);
    tcase_add_test(tc, adds_up_sizes_without_a_file);
    tcase_add_test(tc, metadata_can_be_copied);
    tcase_add_test(tc, unfinished_leaves_nothing);
    tcase_add_test(tc, bytes_must_be_as_declared);
    tcase_add_loop_test(tc, bad_declarations_are_reported_by_finish, 0, 9);
    tcase_add_loop_test(tc, declarations_end_with_the_first_data, 0, 2);
    tcase_add_test(tc, refuses_targets);
    tcase_add_test(tc, a_second_writer_must_wait);
    tcase_add_test(tc, a_partial_file_of_a_killed_writer_is_taken_over);
    tcase_add_test(tc, a_failing_write_is_reported);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
