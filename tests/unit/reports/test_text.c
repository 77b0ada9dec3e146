/* Escaping, numbers, and SVG by allowance: what stands between hostile names and the page. */
#include "reports/svg.h"
#include "reports/text.h"
#include "tests/unit/reports/suites.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static void expect_escape(const char *in, const char *expected)
{
    struct aglm_text t = {0};
    aglm_text_raw(&t, "");
    aglm_text_fmt(&t, "%s", in);
    ck_assert_str_eq(t.data, expected);
    aglm_text_finish(&t);
}

START_TEST(escapes_markup)
{
    expect_escape("a<b>&\"'", "a&lt;b&gt;&amp;&quot;&#39;");
    expect_escape("\xe6\x99\xba\xe8\xb0\xb1 \xf0\x9f\x98\x80",
                  "\xe6\x99\xba\xe8\xb0\xb1 \xf0\x9f\x98\x80");
}
END_TEST

START_TEST(replaces_broken_utf8_and_controls)
{
    static const char *const broken[] = {"\xff",     /* never valid */
                                         "\xe6\x99", /* cut short */
                                         "\xc0\xbc", /* overlong '<': two bytes, each replaced */
                                         "\xed\xa0\x80",     /* a surrogate */
                                         "\xf4\x90\x80\x80", /* past U+10FFFF */
                                         "\x01",
                                         "\x1b",
                                         "\x7f"};
    for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++) {
        struct aglm_text t = {0};
        aglm_text_escape(&t, broken[i]);
        ck_assert_ptr_nonnull(t.data);
        ck_assert_uint_eq(t.len, 3 * strlen(broken[i]));
        for (size_t k = 0; k < t.len; k += 3)
            ck_assert_int_eq(memcmp(t.data + k, "\xef\xbf\xbd", 3), 0);
        aglm_text_finish(&t);
    }
}
END_TEST

START_TEST(formats)
{
    struct aglm_text t = {0};
    aglm_text_fmt(&t, "<a b=\"%s\">%d %u %zu %lld %.2f %g %c %%</a>", "\"x", -1, 2U, (size_t)3, 4LL,
                  1.005, 0.5, 'c');
    ck_assert_str_eq(t.data, "<a b=\"&quot;x\">-1 2 3 4 1.00 0.5 c %</a>");
    aglm_text_finish(&t);
}
END_TEST

START_TEST(numbers)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0, "0"},
                 {0.1234, "0.123"},
                 {1.234, "1.23"},
                 {9.996, "10.0"},
                 {12.34, "12.3"},
                 {99.96, "100"},
                 {1234, "1234"},
                 {12345, "12\xe2\x80\x89"
                         "345"},
                 {-12.34, "\xe2\x88\x92"
                          "12.3"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct aglm_text t = {0};
        aglm_text_number(&t, cases[i].value);
        ck_assert_str_eq(t.data, cases[i].text);
        aglm_text_finish(&t);
    }
    struct aglm_text t = {0};
    aglm_text_number(&t, NAN);
    ck_assert_ptr_nonnull(strstr(t.data, "unknown"));
    aglm_text_finish(&t);
}
END_TEST

static int inline_svg(struct aglm_text *out, const char *raw)
{
    static const char *const labels[] = {"<b>&\"evil\"</b>"};
    return aglm_svg_inline(
        out, raw,
        &(struct aglm_svg_options){
            .prefix = "p1", .description = "d\"<", .labels = labels, .n_labels = 1},
        NULL);
}

START_TEST(svg_keeps_drawing_and_drops_the_rest)
{
    struct aglm_text out = {0};
    int r = inline_svg(
        &out, "<?xml version=\"1.0\"?><!DOCTYPE svg><svg width=\"480\" height=\"290\" viewBox=\"0 "
              "0 480 290\" "
              "onload=\"alert(1)\" xmlns=\"http://www.w3.org/2000/svg\"><title>secret "
              "path</title><!-- c -->"
              "<script>alert(2)</script><image "
              "href=\"http://evil/x.png\"/><foreignObject><p>no</p></foreignObject>"
              "<g id='a' fill='none' color='black'><path id='b' stroke='rgb(  2,   0,   3)' "
              "d='M0,0 L1,1' style='x:y'/>"
              "<use xlink:href='#b' color='rgb(1,0,4)'/><use xlink:href='http://evil/'/><g></g>"
              "<rect fill='url(http://evil/)' x='javascript:1' width='3'/>"
              "<text onclick='x'>@0@ &amp; 5 @7@ & x</text></g></svg>");
    ck_assert_int_eq(r, 0);
    ck_assert_str_eq(
        out.data,
        "<svg class=\"plot\" role=\"img\" aria-label=\"d&quot;&lt;\" viewBox=\"0 0 480 290\">"
        "<g id=\"p1-a\" fill=\"none\"><path id=\"p1-b\" d=\"M0,0 L1,1\" "
        "style=\"stroke:var(--s3);\"/>"
        "<use href=\"#p1-b\" style=\"color:var(--ref);\"/><use/>"
        "<rect fill=\"currentColor\" width=\"3\"/>"
        "<text>&lt;b&gt;&amp;&quot;evil&quot;&lt;/b&gt; &amp; 5 @7@ &amp; x</text></g></svg>");
    aglm_text_finish(&out);
}
END_TEST

START_TEST(svg_refuses_what_does_not_parse)
{
    static const char *const bad[] = {"",
                                      "plain text",
                                      "<svg>",
                                      "<svg><g></svg>",
                                      "<svg></svg><svg></svg>",
                                      "<html></html>",
                                      "<svg a=b></svg>",
                                      "<svg a='b></svg>",
                                      "<svg><g/ ></svg>",
                                      "<svg><!-- </svg>",
                                      "<svg><"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct aglm_text out = {0};
        aglm_text_raw(&out, "before");
        ck_assert_msg(inline_svg(&out, bad[i]) == -EPROTO, "%s", bad[i]);
        ck_assert_str_eq(out.data, "before");
        aglm_text_finish(&out);
    }
    struct aglm_text deep = {0}, out = {0};
    aglm_text_raw(&deep, "<svg>");
    for (int i = 0; i < 1000; i++)
        aglm_text_raw(&deep, "<g>");
    ck_assert_int_eq(inline_svg(&out, deep.data), -EPROTO);
    aglm_text_finish(&deep);
    aglm_text_finish(&out);
}
END_TEST

Suite *text_suite(void)
{
    Suite *s = suite_create("text");
    TCase *tc = tcase_create("text");
    tcase_add_test(tc, escapes_markup);
    tcase_add_test(tc, replaces_broken_utf8_and_controls);
    tcase_add_test(tc, formats);
    tcase_add_test(tc, numbers);
    tcase_add_test(tc, svg_keeps_drawing_and_drops_the_rest);
    tcase_add_test(tc, svg_refuses_what_does_not_parse);
    suite_add_tcase(s, tc);
    return s;
}
