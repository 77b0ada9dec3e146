/* The GGUF reader: what it reads from good files, and that it refuses bad ones with the right code
 * and a message that names the file. The hostile cases are in test_gguf_hostile.c.
 */
#include "engine/gguf.h"
#include "tests/unit/engine/gguf_build.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct build b;
static uint8_t *copy;
static struct aglm_gguf *file;
static struct aglm_err err;

static void setup(void)
{
    memset(&err, 0, sizeof(err));
    file = NULL;
    copy = NULL;
}

static void teardown(void)
{
    aglm_gguf_close(&file);
    free(copy);
}

static void open_sample(uint32_t version)
{
    build_sample(&b, version);
    ck_assert_msg(open_build(&file, &b, &copy, &err) == 0, "%s", err.msg);
}

START_TEST(reads_tensors_of_both_versions)
{
    uint32_t version = _i == 0 ? 2 : 3;
    open_sample(version);
    ck_assert_uint_eq(aglm_gguf_version(file), version);
    ck_assert_str_eq(aglm_gguf_path(file), "test.gguf");
    ck_assert_uint_eq(aglm_gguf_file_size(file), b.n);
    ck_assert_uint_eq(aglm_gguf_tensor_count(file), 2);

    const struct aglm_gguf_tensor *first = aglm_gguf_tensor_find(file, "first");
    ck_assert_ptr_eq(first, aglm_gguf_tensor_at(file, 0));
    ck_assert_uint_eq(first->n_dims, 2);
    ck_assert_uint_eq(first->ne[0], 4);
    ck_assert_uint_eq(first->ne[1], 3);
    ck_assert_uint_eq(first->ne[2], 1);
    ck_assert_uint_eq(first->ne[3], 1);
    ck_assert_uint_eq(first->n_elements, 12);
    ck_assert_uint_eq(first->n_bytes, 48);
    ck_assert_uint_eq(first->offset % 64, 0);
    ck_assert_uint_eq(*(const uint8_t *)first->data, 1);

    const struct aglm_gguf_tensor *second = aglm_gguf_tensor_find(file, "second");
    ck_assert_uint_eq(second->type, 8);
    ck_assert_uint_eq(second->n_bytes, 68);
    ck_assert_uint_eq(second->offset, first->offset + 64);
    ck_assert_uint_eq(*(const uint8_t *)second->data, 65);
    ck_assert_ptr_null(aglm_gguf_tensor_find(file, "third"));
    ck_assert_ptr_null(aglm_gguf_tensor_find(file, ""));
    ck_assert_ptr_null(aglm_gguf_tensor_at(file, 2));
}
END_TEST

START_TEST(reads_integers_where_they_fit)
{
    static const struct {
        const char *key;
        uint64_t value;
    } good[] = {{"t.u8", 200},
                {"t.u16", 60000},
                {"t.u32", 4000000000u},
                {"t.i32", 77},
                {"t.u64", 1ull << 40}};
    static const char *const bad[] = {
        "t.i8", "t.i16", "t.i64", "t.f32", "t.bool", "t.words", "general.architecture"};
    open_sample(3);
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        uint64_t v = 0;
        ck_assert_int_eq(aglm_gguf_get_u64(file, good[i].key, &v, &err), 0);
        ck_assert_uint_eq(v, good[i].value);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint64_t v = 42;
        err.msg[0] = '\0';
        ck_assert_int_eq(aglm_gguf_get_u64(file, bad[i], &v, &err), -EINVAL);
        ck_assert_uint_eq(v, 42);
        ck_assert_ptr_nonnull(strstr(err.msg, "test.gguf"));
        ck_assert_ptr_nonnull(strstr(err.msg, bad[i]));
    }
    uint64_t v = 42;
    ck_assert_int_eq(aglm_gguf_get_u64(file, "no.such", &v, &err), -ENOENT);
    ck_assert_uint_eq(v, 42);
}
END_TEST

START_TEST(reads_other_values)
{
    float f = 0;
    bool flag = false;
    const char *s = NULL;
    open_sample(3);
    ck_assert_int_eq(aglm_gguf_get_f32(file, "t.f32", &f, &err), 0);
    ck_assert(f == 1.5f);
    ck_assert_int_eq(aglm_gguf_get_f32(file, "t.f64", &f, &err), 0);
    ck_assert(f == -0.25f);
    ck_assert_int_eq(aglm_gguf_get_f32(file, "t.i8", &f, &err), 0);
    ck_assert(f == -5.0f);
    ck_assert_int_eq(aglm_gguf_get_f32(file, "t.u16", &f, &err), 0);
    ck_assert(f == 60000.0f);
    ck_assert_int_eq(aglm_gguf_get_f32(file, "t.big", &f, &err), -EINVAL);
    ck_assert_int_eq(aglm_gguf_get_f32(file, "t.bool", &f, &err), -EINVAL);
    ck_assert_int_eq(aglm_gguf_get_f32(file, "no.such", &f, &err), -ENOENT);
    ck_assert(f == 60000.0f);
    ck_assert_int_eq(aglm_gguf_get_bool(file, "t.bool", &flag, &err), 0);
    ck_assert(flag);
    ck_assert_int_eq(aglm_gguf_get_bool(file, "t.u8", &flag, &err), -EINVAL);
    ck_assert_int_eq(aglm_gguf_get_bool(file, "no.such", &flag, &err), -ENOENT);
    ck_assert_int_eq(aglm_gguf_get_string(file, "general.architecture", &s, &err), 0);
    ck_assert_str_eq(s, "llama");
    ck_assert_int_eq(aglm_gguf_get_string(file, "t.u8", &s, &err), -EINVAL);
    ck_assert_int_eq(aglm_gguf_get_string(file, "no.such", &s, &err), -ENOENT);
    ck_assert_str_eq(s, "llama");
}
END_TEST

START_TEST(reads_arrays)
{
    struct aglm_gguf_array array;
    open_sample(3);
    ck_assert_int_eq(aglm_gguf_get_array(file, "t.ints", &array, &err), 0);
    ck_assert_uint_eq(array.type, AGLM_GGUF_I32);
    ck_assert_uint_eq(array.n, 2);
    int32_t v[2];
    memcpy(v, array.data, sizeof(v));
    ck_assert_int_eq(v[0], 7);
    ck_assert_int_eq(v[1], 8);
    ck_assert_int_eq(aglm_gguf_get_array(file, "t.words", &array, &err), 0);
    ck_assert_uint_eq(array.type, AGLM_GGUF_STRING);
    ck_assert_uint_eq(array.n, 3);
    ck_assert_int_eq(((const char *)array.data)[8], 'a');
    ck_assert_int_eq(aglm_gguf_get_array(file, "t.u8", &array, &err), -EINVAL);
    ck_assert_int_eq(aglm_gguf_get_array(file, "no.such", &array, &err), -ENOENT);
}
END_TEST

START_TEST(lists_values_as_text)
{
    static const char *const expected[] = {
        "llama",  "200", "-5",           "60000",         "-300", "4000000000",
        "77",     "1.5", "true",         "1099511627776", "-1",   "-0.25",
        "1e+300", "64",  "[string x 3]", "[i32 x 2]"};
    char text[40];
    open_sample(3);
    ck_assert_uint_eq(aglm_gguf_kv_count(file), 16);
    for (size_t i = 0; i < 16; i++) {
        ck_assert_ptr_nonnull(aglm_gguf_kv_at(file, i, text, sizeof(text)));
        ck_assert_str_eq(text, expected[i]);
    }
    ck_assert_str_eq(aglm_gguf_kv_at(file, 0, text, 3), "general.architecture");
    ck_assert_str_eq(text, "ll");
    ck_assert_ptr_null(aglm_gguf_kv_at(file, 16, text, sizeof(text)));
}
END_TEST

START_TEST(text_of_a_value_cannot_steer_the_terminal)
{
    char text[40];
    put_header(&b, 3, 0, 1);
    put_kv_string(&b, "k", "a\x1b[31m\nb\x7f");
    ck_assert_int_eq(open_build(&file, &b, &copy, &err), 0);
    aglm_gguf_kv_at(file, 0, text, sizeof(text));
    ck_assert_str_eq(text, "a.[31m.b.");
}
END_TEST

START_TEST(a_file_without_keys_or_tensors_is_fine)
{
    put_header(&b, 3, 0, 0);
    ck_assert_int_eq(open_build(&file, &b, &copy, &err), 0);
    ck_assert_uint_eq(aglm_gguf_tensor_count(file), 0);
    ck_assert_uint_eq(aglm_gguf_kv_count(file), 0);
    ck_assert_ptr_null(aglm_gguf_tensor_find(file, "x"));
}
END_TEST

/* ---- opening by path ---- */

static char folder[64], path[128];

static void make_folder(void)
{
    snprintf(folder, sizeof(folder), "/tmp/aglm-test-gguf-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/x.gguf", folder);
}

static void expect_refused(const char *at, int code, const char *words)
{
    ck_assert_int_eq(aglm_gguf_open(&file, at, &err), code);
    ck_assert_ptr_null(file);
    ck_assert_int_eq(err.code, code);
    ck_assert_msg(strncmp(err.msg, at, strlen(at)) == 0, "no file name: %s", err.msg);
    ck_assert_msg(strstr(err.msg, words) != NULL, "%s", err.msg);
}

START_TEST(opens_a_file)
{
    make_folder();
    build_sample(&b, 3);
    FILE *f = fopen(path, "wb");
    ck_assert_uint_eq(fwrite(b.bytes, 1, b.n, f), b.n);
    fclose(f);
    ck_assert_msg(aglm_gguf_open(&file, path, &err) == 0, "%s", err.msg);
    ck_assert_str_eq(aglm_gguf_path(file), path);
    ck_assert_uint_gt(walk(file), 0);
    unlink(path);
    rmdir(folder);
}
END_TEST

START_TEST(refuses_what_is_no_model_file)
{
    make_folder();
    expect_refused(path, -ENOENT, "No such file");
    expect_refused(folder, -EISDIR, "folder");
    expect_refused("/dev/null", -EINVAL, "regular file");
    FILE *f = fopen(path, "wb");
    fclose(f);
    expect_refused(path, -EINVAL, "empty");
    f = fopen(path, "wb");
    fputs("this is no model", f);
    fclose(f);
    expect_refused(path, -EINVAL, "not a GGUF file");
    unlink(path);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    expect_refused(path, -EINVAL, "regular file");
    unlink(path);
    ck_assert_int_eq(symlink("x.gguf", path), 0);
    expect_refused(path, -ELOOP, "");
    unlink(path);
    rmdir(folder);
}
END_TEST

START_TEST(refuses_a_file_it_may_not_read)
{
    make_folder();
    FILE *f = fopen(path, "wb");
    fputs("GGUF", f);
    fclose(f);
    ck_assert_int_eq(chmod(path, 0), 0);
    ck_assert_int_eq(chmod(folder, 0755), 0);
    if (geteuid() == 0) /* root may read everything; each test is a process of its own */
        ck_assert_int_eq(seteuid(65534), 0);
    expect_refused(path, -EACCES, "Permission denied");
    if (getuid() == 0)
        ck_assert_int_eq(seteuid(0), 0);
    unlink(path);
    rmdir(folder);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gguf");
    TCase *tc = tcase_create("gguf");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, reads_tensors_of_both_versions, 0, 2);
    tcase_add_test(tc, reads_integers_where_they_fit);
    tcase_add_test(tc, reads_other_values);
    tcase_add_test(tc, reads_arrays);
    tcase_add_test(tc, lists_values_as_text);
    tcase_add_test(tc, text_of_a_value_cannot_steer_the_terminal);
    tcase_add_test(tc, a_file_without_keys_or_tensors_is_fine);
    tcase_add_test(tc, opens_a_file);
    tcase_add_test(tc, refuses_what_is_no_model_file);
    tcase_add_test(tc, refuses_a_file_it_may_not_read);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
