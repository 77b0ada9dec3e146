/* Names of fused operators: every set has one that reads back as itself; nonsense has none. */
#include "engine/fusion.h"

#include <check.h>
#include <errno.h>
#include <string.h>

START_TEST(every_set_reads_back)
{
    char name[AGLM_FUSION_NAME_SIZE];
    for (uint32_t bits = 0; bits <= AGLM_FUSE_ALL; bits++) {
        uint32_t back = ~0u;
        memset(name, 'x', sizeof(name));
        aglm_fusion_name(name, sizeof(name), bits);
        ck_assert_uint_lt(strlen(name), sizeof(name));
        ck_assert_msg(aglm_fusion_parse(&back, name) == 0 && back == bits, "%#x: '%s'", bits, name);
    }
    aglm_fusion_name(name, sizeof(name), AGLM_FUSE_ALL);
    ck_assert_str_eq(name, "all");
    aglm_fusion_name(name, sizeof(name), 0);
    ck_assert_str_eq(name, "none");
    aglm_fusion_name(name, sizeof(name), AGLM_FUSE_ALL & ~(uint32_t)AGLM_FUSE_SOFTMAX);
    ck_assert_str_eq(name, "all-softmax");
    aglm_fusion_name(name, sizeof(name), AGLM_FUSE_NORM | AGLM_FUSE_ROPE);
    ck_assert_str_eq(name, "norm+rope");
}
END_TEST

START_TEST(nonsense_is_refused)
{
    static const char *const bad[] = {"",         "al",    "all-",        "all+norm", "norm-qkv",
                                      "norm+",    "+norm", "norm++qkv",   "NORM",     "all-norm-",
                                      "none-qkv", "norm ", "all-nonsense"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint32_t bits = 77;
        ck_assert_msg(aglm_fusion_parse(&bits, bad[i]) == -EINVAL, "'%s' was taken", bad[i]);
        ck_assert_uint_eq(bits, 77);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fusion");
    TCase *tc = tcase_create("all");
    tcase_add_test(tc, every_set_reads_back);
    tcase_add_test(tc, nonsense_is_refused);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
