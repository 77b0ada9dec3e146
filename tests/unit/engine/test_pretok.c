/* Where pre-tokenizers cut, by hand from their regular expressions, and the classes of code points
 * that decide it. */
#include "engine/text/pretok.h"
#include "engine/text/unicode.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *pre, *text, *words; /* words separated by bars */
} CASES[] = {
    {"glm4", "Hello, world!!\n\nx", "Hello|,| world|!!\n\n|x"},
    {"glm4", "1234567", "123|456|7"},
    {"glm4", "I'LL don'T o'x", "I|'LL| don|'T| o|'x"},
    {"glm4", "'\xc5\xbf's", "'\xc5\xbf|'s"}, /* a long s is no s */
    {"glm4", "a   b", "a|  | b"},
    {"glm4", "a \n \n  b  ", "a| \n \n| | b|  "},
    {"glm4", "\t\ttab", "\t|\ttab"},
    {"glm4", " ?=\r\n\r\n ", " ?=\r\n\r\n| "},
    {"glm4", "\xc2\x85\xc2\x85z", "\xc2\x85|\xc2\x85z"}, /* U+0085 is white space */
    {"glm4", "\xef\xbb\xbf z", "\xef\xbb\xbf| z"},       /* U+FEFF is none */
    {"glm4", "e\u0301e", "e|\u0301e"},                   /* a mark is no letter … */
    {"qwen35", "e\u0301e", "e\u0301e"},                  /* … but here it is */
    {"qwen35", " \xcc\x81x", " \xcc\x81x"},
    {"qwen2", "1234", "1|2|3|4"},
    {"qwen2", "\xd9\xa1\xd9\xa2 \xe2\x85\xa7", "\xd9\xa1|\xd9\xa2| |\xe2\x85\xa7"},
    {"gpt-2", "I'LL I'll 123 x1", "I|'|LL| I|'ll| 123| x|1"},
    {"gpt-2", "a\n\nb", "a|\n|\n|b"},
    {"gpt-2", "a \n", "a| \n"},
    {"smollm", "a  12", "a|  |1|2"},
    {"smollm", "a   b", "a|  | b"},
    {"default", "f(x)=12345;", "f|(|x|)=|123|45|;"},
    {"default", " 1 22 4444", " |1| |22| |444|4"},
    {"", "a`b$c", "a|`|b|$|c"},
    {"glm4", "", ""},
    {"default", "", ""},
};

static void check_words(const char *pre, const char *text, size_t size, const char *want)
{
    char got[256];
    size_t n = 0, begin, end, last = 0;
    struct aglm_words words;
    const struct aglm_pretok *pretok = aglm_pretok_find(pre);
    ck_assert_ptr_nonnull(pretok);
    aglm_words_start(&words, pretok, (const uint8_t *)text, size);
    for (; aglm_words_next(&words, &begin, &end); last = end) {
        ck_assert(begin == last && begin < end && end <= size);
        n += (size_t)snprintf(got + n, sizeof(got) - n, "%s%.*s", n ? "|" : "", (int)(end - begin),
                              text + begin);
    }
    got[n] = '\0';
    ck_assert_uint_eq(last, size);
    ck_assert_msg(strcmp(got, want) == 0, "%s: '%s' is cut '%s', not '%s'", pre, text, got, want);
}

START_TEST(test_words)
{
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++)
        check_words(CASES[i].pre, CASES[i].text, strlen(CASES[i].text), CASES[i].words);
}
END_TEST

START_TEST(test_names)
{
    ck_assert_ptr_null(aglm_pretok_find("no such"));
    ck_assert_ptr_eq(aglm_pretok_find(""), aglm_pretok_find("default"));
    ck_assert(aglm_pretok_find("llama-bpe")->whole_words);
    ck_assert(aglm_pretok_find("llama-bpe")->add_bos);
    ck_assert(!aglm_pretok_find("glm4")->whole_words && !aglm_pretok_find("glm4")->add_bos);
    ck_assert_ptr_nonnull(strstr(aglm_pretok_names(), "chatglm-bpe"));
}
END_TEST

START_TEST(test_classes)
{
    static const struct {
        uint32_t c;
        unsigned class;
    } POINTS[] = {
        {0, 0},
        {'\t', AGLM_UC_SPACE},
        {'\r', AGLM_UC_SPACE},
        {0x1c, 0}, /* Python's \s has it, Unicode's White_Space not */
        {' ', AGLM_UC_SPACE},
        {'$', 0},
        {'%', AGLM_UC_PUNCTUATION},
        {'0', AGLM_UC_NUMBER},
        {'Z', AGLM_UC_LETTER},
        {'_', AGLM_UC_PUNCTUATION},
        {'`', 0},
        {'~', 0},
        {0x7f, 0},
        {0x85, AGLM_UC_SPACE},
        {0xa0, AGLM_UC_SPACE},
        {0xaa, AGLM_UC_LETTER},
        {0xb2, AGLM_UC_NUMBER},
        {0x300, AGLM_UC_MARK},
        {0x378, 0}, /* unassigned */
        {0x661, AGLM_UC_NUMBER},
        {0x180e, 0}, /* was white space once */
        {0x200b, 0},
        {0x2028, AGLM_UC_SPACE},
        {0x3000, AGLM_UC_SPACE},
        {0x3007, AGLM_UC_NUMBER},
        {0x4e00, AGLM_UC_LETTER},
        {0xd800, 0},
        {0xfeff, 0},
        {0x1f600, 0},
        {0x2ebf0, AGLM_UC_LETTER}, /* new in 15.1 */
        {0x2ee5e, 0},
        {0x10ffff, 0},
        {0x110000, 0},
        {UINT32_MAX, 0},
    };
    for (size_t i = 0; i < sizeof(POINTS) / sizeof(POINTS[0]); i++)
        ck_assert_msg(aglm_unicode_class(POINTS[i].c) == POINTS[i].class, "U+%04X has class %u",
                      (unsigned)POINTS[i].c, aglm_unicode_class(POINTS[i].c));
    unsigned disorder = 0;
    for (size_t i = 1; i < aglm_unicode_n_ranges; i++)
        disorder += aglm_unicode_ranges[i - 1] >> 8 >= aglm_unicode_ranges[i] >> 8;
    ck_assert_uint_eq(disorder, 0);
}
END_TEST

/* Every code point comes back; bytes that begin none count one by one. */
START_TEST(test_utf8)
{
    static const struct {
        const char *text;
        size_t size, length;
        uint32_t c;
    } ODD[] = {{"\x80", 1, 1, AGLM_REPLACEMENT},
               {"\xc3", 1, 1, AGLM_REPLACEMENT},
               {"\xc3(", 2, 1, AGLM_REPLACEMENT},
               {"\xe4\xbd", 2, 1, AGLM_REPLACEMENT},
               {"\xf0\x9f\x98", 3, 1, AGLM_REPLACEMENT},
               {"\xf8\x88\x80\x80", 4, 1, AGLM_REPLACEMENT},
               {"\xff", 1, 1, AGLM_REPLACEMENT},
               {"\xf4\x90\x80\x80", 4, 1, AGLM_REPLACEMENT},
               {"\xc0\x80", 2, 2, 0},
               {"\xed\xa0\x80", 3, 3, 0xd800}};
    uint8_t bytes[4];
    uint32_t c, wrong = 0;
    for (uint32_t i = 0; i <= 0x10ffff; i++) {
        size_t n = aglm_utf8_encode(i, bytes);
        wrong += aglm_utf8_decode(bytes, n, &c) != n || c != i;
        wrong += aglm_utf8_clean_prefix(bytes, n) != n;
    }
    ck_assert_uint_eq(wrong, 0);
    for (size_t i = 0; i < sizeof(ODD) / sizeof(ODD[0]); i++) {
        const uint8_t *p = (const uint8_t *)ODD[i].text;
        ck_assert_uint_eq(aglm_utf8_decode(p, ODD[i].size, &c), ODD[i].length);
        ck_assert_uint_eq(c, ODD[i].c);
    }
    ck_assert_uint_eq(aglm_utf8_clean_prefix((const uint8_t *)"ab\xc0\x80", 4), 2);
    ck_assert_uint_eq(aglm_utf8_clean_prefix((const uint8_t *)"\xc3\xa9\xff", 3), 2);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("pretok");
    tcase_add_test(tc, test_words);
    tcase_add_test(tc, test_names);
    tcase_add_test(tc, test_classes);
    tcase_add_test(tc, test_utf8);
    Suite *suite = suite_create("pretok");
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
