/* Number lists and ranges: what they give, and what is refused. */
#include "bench/ranges.h"
#include "tests/unit/bench/suites.h"

#include <errno.h>
#include <string.h>

struct good {
    const char *text;
    size_t n;
    uint32_t values[8];
};

static const struct good goods[] = {
    {"512", 1, {512}},
    {"1,2,4", 3, {1, 2, 4}},
    {"4,4", 2, {4, 4}},
    {"1-4", 4, {1, 2, 3, 4}},
    {"7-7", 1, {7}},
    {"128-512+128", 4, {128, 256, 384, 512}},
    {"128-500+128", 3, {128, 256, 384}},
    {"1-64*2", 7, {1, 2, 4, 8, 16, 32, 64}},
    {"3-80*5", 3, {3, 15, 75}},
    {"0-2,9,10-30+10", 7, {0, 1, 2, 9, 10, 20, 30}},
    {"0-1000000+1000000", 2, {0, 1000000}},
    {"5-10+100", 1, {5}},
    {"5-10*18446744073709551615", 1, {5}},
    {"5-10+18446744073709551615", 1, {5}},
    {"0001", 1, {1}},
};

START_TEST(gives)
{
    const struct good *good = &goods[_i];
    struct aglm_u32_list list = {0};
    struct aglm_err err = {0};
    ck_assert_msg(aglm_ranges_append(&list, "-p", good->text, 0, 1000000, &err) == 0, "%s: %s",
                  good->text, err.msg);
    ck_assert_uint_eq(list.n, good->n);
    for (size_t i = 0; i < good->n; i++) {
        ck_assert_uint_eq(list.values[i], good->values[i]);
    }
    aglm_u32_list_finish(&list);
}
END_TEST

static const char *const bads[] = {
    "",
    ",",
    "1,",
    ",1",
    "1,,2",
    "-1",
    "+1",
    "512-",
    "512-x",
    "4-1",
    "1-4+0",
    "1-4*1",
    "1-4*0",
    "0-4*2",
    "1-4+",
    "1-4*",
    "1-4/2",
    "1 ",
    " 1",
    "1x",
    "0x10",
    "1.5",
    "1e3",
    "0",
    "513",
    "1-513",
    "0-4",
    "1-2-3",
    "1--2",
    "abc",
    "4294967296",
    "4294967297",
    "18446744073709551616",
    "99999999999999999999999999",
    "1-99999999999999999999999999",
    "１",
};

START_TEST(refuses)
{
    struct aglm_u32_list list = {0};
    struct aglm_err err = {0};
    ck_assert_int_eq(aglm_u32_list_push(&list, 7), 0);
    ck_assert_msg(aglm_ranges_append(&list, "-t", bads[_i], 1, 512, &err) == -EINVAL,
                  "'%s' was taken", bads[_i]);
    ck_assert_uint_eq(list.n, 1); /* untouched */
    ck_assert_ptr_eq(strstr(err.msg, "-t: "), err.msg);
    ck_assert_ptr_nonnull(strstr(err.msg, "1 to 512"));
    ck_assert_ptr_null(strchr(err.msg, '\n'));
    aglm_u32_list_finish(&list);
}
END_TEST

START_TEST(refuses_absurdly_many)
{
    struct aglm_u32_list list = {0};
    struct aglm_err err = {0};
    ck_assert_int_eq(aglm_ranges_append(&list, "-p", "1-1000000", 0, 1000000, &err), -EINVAL);
    ck_assert_ptr_nonnull(strstr(err.msg, "100000"));
    ck_assert_uint_eq(list.n, 0);
    aglm_u32_list_finish(&list);
}
END_TEST

START_TEST(repeats_append)
{
    struct aglm_u32_list list = {0};
    ck_assert_int_eq(aglm_ranges_append(&list, "-p", "1,2", 0, 10, NULL), 0);
    ck_assert_int_eq(aglm_ranges_append(&list, "-p", "9", 0, 10, NULL), 0);
    ck_assert_uint_eq(list.n, 3);
    ck_assert_uint_eq(list.values[2], 9);
    aglm_u32_list_finish(&list);
}
END_TEST

START_TEST(numbers)
{
    uint64_t v = 0;
    ck_assert_int_eq(aglm_ranges_number(&v, "-r", "9223372036854775807", 1, INT64_MAX, NULL), 0);
    ck_assert_uint_eq(v, INT64_MAX);
    static const char *const wrong[] = {
        "", "0", "-1", "1,2", "1-2", "9223372036854775808", "99999999999999999999", "5s"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct aglm_err err = {0};
        ck_assert_int_eq(aglm_ranges_number(&v, "-r", wrong[i], 1, INT64_MAX, &err), -EINVAL);
        ck_assert_ptr_nonnull(strstr(err.msg, "-r"));
    }
    ck_assert_uint_eq(v, INT64_MAX); /* untouched */
}
END_TEST

Suite *aglm_suite_ranges(void)
{
    Suite *suite = suite_create("ranges");
    TCase *tc = tcase_create("ranges");
    tcase_add_loop_test(tc, gives, 0, sizeof(goods) / sizeof(goods[0]));
    tcase_add_loop_test(tc, refuses, 0, sizeof(bads) / sizeof(bads[0]));
    tcase_add_test(tc, refuses_absurdly_many);
    tcase_add_test(tc, repeats_append);
    tcase_add_test(tc, numbers);
    suite_add_tcase(suite, tc);
    return suite;
}
