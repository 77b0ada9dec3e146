/* CPU masks: parsing, printing, and whether what was granted is what was asked for. */
#include "bench/cpumask.h"
#include "tests/unit/bench/suites.h"

#include <errno.h>
#include <string.h>

static struct aglm_cpumask mask(const char *text)
{
    struct aglm_cpumask m;
    ck_assert_int_eq(aglm_cpumask_parse(&m, text, NULL), 0);
    return m;
}

static void check_list(const char *text, const char *expected)
{
    char buf[64];
    struct aglm_cpumask m = mask(text);
    aglm_cpumask_list(&m, buf, sizeof(buf));
    ck_assert_str_eq(buf, expected);
}

START_TEST(lists)
{
    check_list("0x0", "");
    check_list("0x1", "0");
    check_list("f", "0-3");
    check_list("0xF5", "0,2,4-7");
    check_list("0X100", "8");
    check_list("80000000000000000000000000000001", "0,127");
}
END_TEST

START_TEST(emptiness)
{
    struct aglm_cpumask none = mask("000"), one = mask("10");
    ck_assert(aglm_cpumask_is_empty(&none));
    ck_assert(!aglm_cpumask_is_empty(&one));
}
END_TEST

START_TEST(bad_masks)
{
    char longest[140] = "";
    struct aglm_cpumask m;
    static const char *const bad[] = {"", "0x", "g", "0x1 ", "-1", "0x0x1", "3,"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_msg(aglm_cpumask_parse(&m, bad[i], NULL) == -EINVAL, "'%s' was taken", bad[i]);
    }
    memset(longest, 'f', 128);
    ck_assert_int_eq(aglm_cpumask_parse(&m, longest, NULL), 0);
    longest[128] = 'f';
    ck_assert_int_eq(aglm_cpumask_parse(&m, longest, NULL), -EINVAL);
}
END_TEST

static const struct {
    const char *asked;
    unsigned strict; /* threads, 0: not strict */
    const char *got;
    bool granted;
} grants[] = {
    {"0x3", 0, "0-1", true},
    {"0x3", 0, "0,1", true},
    {"0x3", 0, "0-1 | 0-1", true},
    {"0x3", 0, "0-7", false},
    {"0x3", 0, "0", false},
    {"0x3", 0, "0-1 | 0-3", false},
    {"0x3", 1, "0 | 1", true},
    {"0x3", 1, "0", true},
    {"0x3", 1, "0 | 2", false},
    {"0xff", 0, "0-1", false},
    {"0x5", 0, "0,2", true},
    {"0x3", 0, "", false},
    {"0x3", 0, "unknown", false},
    {"0x3", 0, "0-", false},
    {"0x3", 0, "1-0", false},
    {"0x3", 0, "0-1 |", false},
    {"0x3", 1, "0-600", false},
    {"0xff", 4, "0 | 1 | 0 | 1", false},
    {"0x3", 4, "0 | 1 | 0 | 1", true},
};

START_TEST(granted)
{
    struct aglm_cpumask m = mask(grants[_i].asked);
    ck_assert_msg(aglm_cpumask_granted(&m, grants[_i].strict, grants[_i].got) == grants[_i].granted,
                  "asked %s, got '%s'", grants[_i].asked, grants[_i].got);
}
END_TEST

Suite *aglm_suite_cpumask(void)
{
    Suite *suite = suite_create("cpumask");
    TCase *tc = tcase_create("cpumask");
    tcase_add_test(tc, lists);
    tcase_add_test(tc, emptiness);
    tcase_add_test(tc, bad_masks);
    tcase_add_loop_test(tc, granted, 0, sizeof(grants) / sizeof(grants[0]));
    suite_add_tcase(suite, tc);
    return suite;
}
