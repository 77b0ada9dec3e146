/* What of a text can be shown before the rest of it is there: whole UTF-8 characters, and bytes
 * that can never become one.
 */
#include "bench/generate.h"
#include "tests/unit/bench/suites.h"

#include <string.h>

START_TEST(whole_characters)
{
    static const struct {
        const char *text;
        size_t complete;
    } cases[] = {
        {"", 0},
        {"ab", 2},
        {"a\xe4", 1},            /* the first byte of three */
        {"a\xe4\xbd", 1},        /* two of three */
        {"a\xe4\xbd\xa0", 4},    /* all */
        {"\xf0\x9f\x98", 0},     /* three of four */
        {"\xf0\x9f\x98\x80", 4}, /* all */
        {"\xc3", 0},             /* one of two */
        {"\xc3\xa4\xc3", 2},     /* one character and a half */
        {"\x80", 1},             /* never a character */
        {"\x80\x80\x80\x80", 4}, /* neither */
        {"\xff", 1},             /* nor this */
        {"\xc0", 1},             /* nor this */
        {"\xe4\xbd\xa0\x80", 4}, /* one byte too many */
        {"\xe4\xbd\xa0z", 4},    /* ends in a letter */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ck_assert_msg(aglm_utf8_complete(cases[i].text, strlen(cases[i].text)) == cases[i].complete,
                      "case %zu", i);
    }
}
END_TEST

Suite *aglm_suite_generate(void)
{
    Suite *suite = suite_create("generate");
    TCase *tests = tcase_create("generate");
    tcase_add_test(tests, whole_characters);
    suite_add_tcase(suite, tests);
    return suite;
}
