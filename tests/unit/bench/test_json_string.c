/* JSON strings, read strictly and written. */
#include "bench/json_string.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *json, *text;
    size_t size;
} GOOD[] = {
    {"\"\"", "", 0},
    {" \t\"a b\" \r", "a b", 3},
    {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8},
    {"\"a\\u0000b\"", "a\0b", 3},
    {"\"\\u0041\\u00e9\\u4F60\"", "A\u00e9\u4f60", 6},
    {"\"\\ud83d\\uDE00\"", "\U0001f600", 4},
    {"\"\\ud83d\"", "\ufffd", 3},
    {"\"\\ud83dx\"", "\ufffdx", 4},
    {"\"\\ude00\\ud83d\"", "\ufffd\ufffd", 6},
    {"\"\\ud83d\\ud83d\\ude00\"", "\ufffd\U0001f600", 7},
    {"\"\\ud83d\\n\"", "\ufffd\n", 4},
    {"\"\u4f60\x7f\"", "\u4f60\x7f", 4},
    {"\"\xff\xc3\"", "\xff\xc3", 2},
};

static const struct {
    const char *json, *why;
} BAD[] = {
    {"", "must begin with"},
    {"  ", "must begin with"},
    {"abc", "must begin with"},
    {"'a'", "must begin with"},
    {"[\"a\"]", "must begin with"},
    {"null", "must begin with"},
    {"\"", "has no end"},
    {"\"a", "has no end"},
    {"\"a\\", "has no end"},
    {"\"a\\\"", "has no end"},
    {"\"a\" b", "something follows"},
    {"\"a\"\"b\"", "something follows"},
    {"\"a\tb\"", "control character"},
    {"\"\\x41\"", "must be followed by"},
    {"\"\\u12\"", "must be followed by"},
    {"\"\\u12g4\"", "must be followed by"},
    {"\"\\u123", "must be followed by"},
    {"\"\\U0041\"", "must be followed by"},
    {"\"\\ud83d\\u12\"", "must be followed by"},
};

/* From a block of just the size, so that reads past it are caught. */
static const char *read_exact(const char *json, char *out, size_t *n)
{
    size_t size = strlen(json);
    char *copy = malloc(size ? size : 1);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, json, size);
    const char *why = aglm_json_string_read(copy, size, out, n);
    free(copy);
    return why;
}

START_TEST(test_read)
{
    char out[64];
    size_t n = 0;
    for (size_t i = 0; i < sizeof(GOOD) / sizeof(GOOD[0]); i++) {
        const char *why = read_exact(GOOD[i].json, out, &n);
        ck_assert_msg(why == NULL, "%s: %s", GOOD[i].json, why);
        ck_assert_msg(n == GOOD[i].size && memcmp(out, GOOD[i].text, n) == 0, "%s gives '%.*s'",
                      GOOD[i].json, (int)n, out);
    }
    for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
        const char *why = read_exact(BAD[i].json, out, &n);
        ck_assert_msg(why != NULL, "%s is taken", BAD[i].json);
        ck_assert_msg(strstr(why, BAD[i].why) != NULL, "%s: %s", BAD[i].json, why);
    }
}
END_TEST

static void check_written(const char *text, size_t size, const char *want)
{
    char *written = NULL, back[64];
    size_t n = 0;
    FILE *f = open_memstream(&written, &n);
    ck_assert_ptr_nonnull(f);
    aglm_json_string_write(f, text, size);
    fclose(f);
    ck_assert_str_eq(written, want);
    ck_assert_ptr_null(aglm_json_string_read(written, n, back, &n));
    free(written);
}

START_TEST(test_write)
{
    check_written("", 0, "\"\"");
    check_written("a\"\\\n\t\b\f\r/", 9, "\"a\\\"\\\\\\n\\t\\b\\f\\r/\"");
    check_written("\0\x01\x1f\x7f", 4, "\"\\u0000\\u0001\\u001f\\u007f\"");
    check_written("\u4f60\U0001f600", 7, "\"\u4f60\U0001f600\"");
    check_written("\xff"
                  "a\xc0\x80",
                  4, "\"\ufffda\ufffd\ufffd\"");
    check_written("\xed\xa0\x80", 3, "\"\ufffd\ufffd\ufffd\"");
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("json_string");
    tcase_add_test(tc, test_read);
    tcase_add_test(tc, test_write);
    Suite *suite = suite_create("json_string");
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
