/* fsroot: what can be read, why something cannot, and that nothing leads out of the root. */
#include "tests/unit/probes/suites.h"
#include "tests/unit/probes/tree.h"

#include "probes/fsroot.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct tree tree;
static struct aglm_fsroot fs;

static void setup(void)
{
    tree_make(&tree);
    ck_assert_int_eq(aglm_fsroot_open(&fs, tree.root, NULL), 0);
}

static void teardown(void)
{
    aglm_fsroot_close(&fs);
    aglm_fsroot_close(&fs);
    tree_remove(&tree);
}

START_TEST(roots)
{
    struct aglm_fsroot other;
    struct aglm_err err = {0};
    ck_assert(!fs.live);
    ck_assert_int_eq(aglm_fsroot_open(&other, NULL, NULL), 0);
    ck_assert(other.live);
    aglm_fsroot_close(&other);
    ck_assert_int_eq(aglm_fsroot_open(&other, "/tmp/..", NULL), 0);
    ck_assert(other.live);
    aglm_fsroot_close(&other);
    ck_assert_int_eq(aglm_fsroot_open(&other, "/no/such/folder", &err), -ENOENT);
    ck_assert_ptr_nonnull(strstr(err.msg, "/no/such/folder"));
    ck_assert_int_eq(aglm_fsroot_open(&other, "/proc/version", NULL), -ENOTDIR);
    aglm_fsroot_close(&other);
}
END_TEST

START_TEST(text)
{
    char buf[16];
    tree_text(&tree, "/a/b", "  hello world \n\n");
    ck_assert_int_eq(aglm_fsroot_text(&fs, buf, 0 + sizeof(buf), "/%s/%c", "a", 'b'), -EFBIG);
    tree_text(&tree, "/a/b", " hello you \n");
    ck_assert_int_eq(aglm_fsroot_text(&fs, buf, sizeof(buf), "/a/b"), 0);
    ck_assert_str_eq(buf, "hello you");
    tree_bytes(&tree, "/dt", "Pixel\0\0", 7);
    ck_assert_int_eq(aglm_fsroot_text(&fs, buf, sizeof(buf), "/dt"), 0);
    ck_assert_str_eq(buf, "Pixel");
    tree_text(&tree, "/utf8",
              "42 \xc2\xb0"
              "C");
    ck_assert_int_eq(aglm_fsroot_text(&fs, buf, sizeof(buf), "/utf8"), 0);
    ck_assert_int_eq(aglm_fsroot_text(&fs, buf, sizeof(buf), "/absent"), -ENOENT);
    ck_assert_int_eq(aglm_fsroot_text(&fs, buf, sizeof(buf), "/utf8/below"), -ENOENT);
}
END_TEST

/* Each is no line of text. */
static const struct {
    const char *bytes;
    size_t n;
} no_text[] = {
    {"", 0},
    {" \n\t ", 4},
    {"a\0b", 3},
    {"\x1b[31m", 5},
    {"two\nlines", 9},
    {"\xff\xfe", 2},
    {"\xc3(", 2},
    {"\xed\xa0\x80", 3},
    {"\xc0\xaf", 2},
    {"\xf5\x80\x80\x80", 4},
    {"cut \xe2\x82", 6},
    {"\xc2\x9b"
     "31m",
     5},
};

START_TEST(text_garbage)
{
    char buf[64];
    tree_bytes(&tree, "/f", no_text[_i].bytes, no_text[_i].n);
    ck_assert_int_eq(aglm_fsroot_text(&fs, buf, sizeof(buf), "/f"), -EILSEQ);
}
END_TEST

static const struct {
    const char *text;
    int rc;
    int64_t value;
} integers[] = {
    {"0", 0, 0},
    {"42\n", 0, 42},
    {" -7 ", 0, -7},
    {"0x1F", 0, 31},
    {"100", 0, 100},
    {"101", -ERANGE, 0},
    {"-11", -ERANGE, 0},
    {"", -EILSEQ, 0},
    {"12x", -EILSEQ, 0},
    {"1 2", -EILSEQ, 0},
    {"nan", -EILSEQ, 0},
    {"1e3", -EILSEQ, 0},
    {"0x", -EILSEQ, 0},
    {"0.5", -EILSEQ, 0},
    {"99999999999999999999", -ERANGE, 0},
    {"-99999999999999999999", -ERANGE, 0},
    {"\x01", -EILSEQ, 0},
};

START_TEST(integer)
{
    int64_t value = 12345;
    tree_text(&tree, "/n", integers[_i].text);
    ck_assert_int_eq(aglm_fsroot_integer(&fs, -10, 100, &value, "/n"), integers[_i].rc);
    ck_assert_int_eq(value, integers[_i].rc ? 12345 : integers[_i].value);
}
END_TEST

START_TEST(integer_too_long)
{
    char digits[100];
    int64_t value = 5;
    memset(digits, '1', sizeof(digits));
    tree_bytes(&tree, "/n", digits, sizeof(digits));
    ck_assert_int_eq(aglm_fsroot_integer(&fs, 0, INT64_MAX, &value, "/n"), -EILSEQ);
    ck_assert_int_eq(value, 5);
}
END_TEST

START_TEST(sizes)
{
    static char big[100000];
    char buf[11], *out = NULL;
    memset(big, 'x', sizeof(big));
    tree_bytes(&tree, "/ten", big, 10);
    tree_bytes(&tree, "/eleven", big, 11);
    tree_bytes(&tree, "/big", big, sizeof(big));
    ck_assert_int_eq(aglm_fsroot_read(&fs, "/ten", buf, sizeof(buf)), 0);
    ck_assert_uint_eq(strlen(buf), 10);
    ck_assert_int_eq(aglm_fsroot_read(&fs, "/eleven", buf, sizeof(buf)), -EFBIG);
    ck_assert_int_eq(aglm_fsroot_slurp(&fs, "/big", sizeof(big), &out), 0);
    ck_assert_uint_eq(strlen(out), sizeof(big));
    free(out);
    out = NULL;
    ck_assert_int_eq(aglm_fsroot_slurp(&fs, "/big", sizeof(big) - 1, &out), -EFBIG);
    ck_assert_int_eq(aglm_fsroot_slurp(&fs, "/absent", 100, &out), -ENOENT);
    ck_assert_ptr_null(out);
}
END_TEST

/* Gives up, for this thread, root's right to read what its file mode forbids; for others nothing
 * changes. */
static void drop_privilege(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{0}};
    ck_assert_int_eq(syscall(SYS_capset, &header, data), 0);
}

START_TEST(denied)
{
    char buf[16];
    struct aglm_fsroot_names names;
    tree_text(&tree, "/secret", "1");
    tree_text(&tree, "/closed/inside", "1");
    tree_mode(&tree, "/secret", 0);
    tree_mode(&tree, "/closed", 0);
    /* Check runs each test in a process of its own; where it does not (CK_FORK=no) the capabilities
     * stay gone, which no other test needs. */
    drop_privilege();
    ck_assert_int_eq(aglm_fsroot_text(&fs, buf, sizeof(buf), "/secret"), -EACCES);
    ck_assert_int_eq(aglm_fsroot_text(&fs, buf, sizeof(buf), "/closed/inside"), -EACCES);
    ck_assert_int_eq(aglm_fsroot_list(&fs, "/closed", "", &names), -EACCES);
    ck_assert_str_eq(aglm_fsroot_reason(-EACCES), "denied");
    tree_mode(&tree, "/closed", 0755);
}
END_TEST

START_TEST(only_regular_files)
{
    char buf[16];
    tree_fifo(&tree, "/fifo");
    tree_folder(&tree, "/folder");
    ck_assert_int_eq(aglm_fsroot_read(&fs, "/fifo", buf, sizeof(buf)), -EIO);
    ck_assert_int_eq(aglm_fsroot_read(&fs, "/folder", buf, sizeof(buf)), -EIO);
    struct aglm_fsroot live;
    ck_assert_int_eq(aglm_fsroot_open(&live, "/", NULL), 0);
    ck_assert_int_eq(aglm_fsroot_read(&live, "/dev/zero", buf, sizeof(buf)), -EIO);
    aglm_fsroot_close(&live);
}
END_TEST

START_TEST(links_inside)
{
    char buf[16];
    tree_text(&tree, "/devices/zone/temp", "42");
    tree_link(&tree, "/class/thermal/zone0", "../../devices/zone");
    tree_link(&tree, "/absolute", "/devices/zone/temp");
    tree_link(&tree, "/chain", "./absolute");
    ck_assert_int_eq(aglm_fsroot_text(&fs, buf, sizeof(buf), "/class/thermal/zone0/temp"), 0);
    ck_assert_str_eq(buf, "42");
    ck_assert_int_eq(aglm_fsroot_text(&fs, buf, sizeof(buf), "/absolute"), 0);
    ck_assert_int_eq(aglm_fsroot_text(&fs, buf, sizeof(buf), "/chain"), 0);
    ck_assert_int_eq(aglm_fsroot_text(&fs, buf, sizeof(buf), "//devices/./x/../zone//temp"),
                     -ENOENT);
    ck_assert_int_eq(aglm_fsroot_text(&fs, buf, sizeof(buf), "//devices/./zone/../zone//temp"), 0);
    ck_assert(aglm_fsroot_exists(&fs, "/chain"));
    ck_assert(!aglm_fsroot_exists(&fs, "/chain2"));
}
END_TEST

START_TEST(no_way_out)
{
    char buf[64], up[512] = "";
    struct tree outside;
    tree_make(&outside);
    tree_text(&outside, "/secret", "outside");
    for (int i = 0; i < 20; i++)
        strcat(up, "../");
    strcat(up, outside.root + 1);
    tree_link(&tree, "/climb", up);
    tree_link(&tree, "/jump", outside.root);
    tree_folder(&tree, "/sub");
    ck_assert_int_eq(aglm_fsroot_text(&fs, buf, sizeof(buf), "/climb/secret"), -ENOENT);
    ck_assert_int_eq(aglm_fsroot_text(&fs, buf, sizeof(buf), "/jump/secret"), -ENOENT);
    ck_assert_int_eq(aglm_fsroot_text(&fs, buf, sizeof(buf), "/sub/%s/secret", up), -ENOENT);
    ck_assert_int_eq(aglm_fsroot_text(&fs, buf, sizeof(buf), "/../..%s/secret", outside.root),
                     -ENOENT);
    ck_assert(!aglm_fsroot_exists(&fs, "/jump"));
    struct aglm_fsroot_names names;
    ck_assert_int_eq(aglm_fsroot_list(&fs, "/jump", "", &names), -ENOENT);
    tree_remove(&outside);
}
END_TEST

START_TEST(link_loops)
{
    char buf[16];
    tree_link(&tree, "/self", "self");
    tree_link(&tree, "/grow", "grow/grow");
    tree_link(&tree, "/dangling", "nowhere");
    ck_assert_int_eq(aglm_fsroot_text(&fs, buf, sizeof(buf), "/self"), -EIO);
    ck_assert_int_eq(aglm_fsroot_text(&fs, buf, sizeof(buf), "/grow"), -EIO);
    ck_assert_int_eq(aglm_fsroot_text(&fs, buf, sizeof(buf), "/dangling"), -ENOENT);
}
END_TEST

START_TEST(long_paths)
{
    static char path[9000];
    char buf[16];
    memset(path, 'a', sizeof(path) - 1);
    path[0] = '/';
    ck_assert_int_eq(aglm_fsroot_text(&fs, buf, sizeof(buf), "%s", path), -ENOENT);
    path[300] = '\0';
    ck_assert_int_lt(aglm_fsroot_text(&fs, buf, sizeof(buf), "%s", path), 0);
}
END_TEST

START_TEST(listing)
{
    struct aglm_fsroot_names names;
    tree_text(&tree, "/t/zone10/temp", "1");
    tree_text(&tree, "/t/zone2/temp", "1");
    tree_text(&tree, "/t/other", "1");
    ck_assert_int_eq(aglm_fsroot_list(&fs, "/t", "zone", &names), 0);
    ck_assert_uint_eq(names.count, 2);
    ck_assert_str_eq(names.names[0], "zone2");
    ck_assert_str_eq(names.names[1], "zone10");
    aglm_fsroot_names_finish(&names);
    ck_assert_int_eq(aglm_fsroot_list(&fs, "/t", "no", &names), 0);
    ck_assert_uint_eq(names.count, 0);
    aglm_fsroot_names_finish(&names);
    ck_assert_int_eq(aglm_fsroot_list(&fs, "/t/other", "", &names), -ENOENT);
    ck_assert_int_eq(aglm_fsroot_list(&fs, "/absent", "", &names), -ENOENT);
}
END_TEST

START_TEST(listing_cap)
{
    struct aglm_fsroot_names names;
    char first[96], path[96];
    tree_text(&tree, "/many/f", "");
    snprintf(first, sizeof(first), "%s/many/f", tree.root);
    for (int i = 1; i < AGLM_FSROOT_NAMES_MAX; i++) {
        snprintf(path, sizeof(path), "%s/many/f%d", tree.root, i);
        ck_assert_int_eq(link(first, path), 0); /* quicker than as many files */
    }
    ck_assert_int_eq(aglm_fsroot_list(&fs, "/many", "", &names), 0);
    ck_assert_uint_eq(names.count, AGLM_FSROOT_NAMES_MAX);
    aglm_fsroot_names_finish(&names);
    tree_text(&tree, "/many/one-more", "");
    ck_assert_int_eq(aglm_fsroot_list(&fs, "/many", "", &names), -EFBIG);
}
END_TEST

START_TEST(reasons)
{
    static const int codes[] = {-ENOENT, -EACCES, -EIO, -EFBIG, -EILSEQ, -ERANGE, -ENOMEM};
    for (size_t i = 0; i < 7; i++)
        for (size_t j = 0; j < i; j++)
            ck_assert_str_ne(aglm_fsroot_reason(codes[i]), aglm_fsroot_reason(codes[j]));
}
END_TEST

/* A captured tree's rules: by name, by what a link leads to, for all below, and nothing else. */
START_TEST(access_rules)
{
    struct aglm_fsroot ruled;
    struct aglm_fsroot_names names;
    char buf[64];
    int64_t value;
    tree_text(&tree, "/access",
              "# what was refused\n\ndenied /sys/class/thermal\r\nunreadable /sys/slow/ \n"
              "denied /proc/only\n");
    tree_text(&tree, "/sys/class/thermal/zone/temp", "1\n");
    tree_text(&tree, "/sys/class/thermals", "2\n");
    tree_text(&tree, "/sys/slow/file", "3\n");
    tree_link(&tree, "/sys/link", "slow");
    tree_text(&tree, "/proc/only2", "4\n");
    ck_assert_int_eq(aglm_fsroot_open(&ruled, tree.root, NULL), 0);
    ck_assert_int_eq(aglm_fsroot_text(&ruled, buf, sizeof(buf), "/sys/class/thermal/zone/temp"),
                     -EACCES);
    ck_assert_int_eq(aglm_fsroot_text(&ruled, buf, sizeof(buf), "/sys/class/thermal/none"),
                     -EACCES);
    ck_assert_int_eq(aglm_fsroot_list(&ruled, "/sys/class/thermal", "", &names), -EACCES);
    ck_assert_int_eq(aglm_fsroot_integer(&ruled, 0, 9, &value, "/sys/class/thermals"), 0);
    ck_assert_int_eq(aglm_fsroot_text(&ruled, buf, sizeof(buf), "/sys/slow/file"), -EIO);
    ck_assert_int_eq(aglm_fsroot_text(&ruled, buf, sizeof(buf), "/sys/link/file"), -EIO);
    ck_assert_int_eq(aglm_fsroot_look(&ruled, "/proc/only"), -EACCES);
    ck_assert_int_eq(aglm_fsroot_look(&ruled, "/proc/only2"), 0);
    ck_assert_int_eq(aglm_fsroot_look(&ruled, "/proc/only3"), -ENOENT);
    ck_assert(!aglm_fsroot_exists(&ruled, "/sys/slow"));
    aglm_fsroot_close(&ruled);
    tree_text(&tree, "/access", "denied /\n");
    ck_assert_int_eq(aglm_fsroot_open(&ruled, tree.root, NULL), 0);
    ck_assert_int_eq(aglm_fsroot_look(&ruled, "/proc/only2"), -EACCES);
    aglm_fsroot_close(&ruled);
}
END_TEST

static const char *const no_rules[] = {"deny /sys\n", "denied sys\n",       "denied\n",
                                       "denied \n",   "# ok\nunreadable\n", "denied  /sys\n",
                                       "Denied /sys"};

START_TEST(access_garbage)
{
    struct aglm_fsroot ruled;
    struct aglm_err err = {0};
    tree_text(&tree, "/access", no_rules[_i]);
    ck_assert_int_eq(aglm_fsroot_open(&ruled, tree.root, &err), -EILSEQ);
    ck_assert_ptr_nonnull(strstr(err.msg, "/access: line "));
    ck_assert_int_eq(ruled.fd, -1);
}
END_TEST

START_TEST(access_too_much)
{
    struct aglm_fsroot ruled;
    static char lines[8192];
    memset(lines, '\n', sizeof(lines) - 1);
    tree_text(&tree, "/access", lines);
    ck_assert_int_eq(aglm_fsroot_open(&ruled, tree.root, NULL), -EFBIG);
    tree_bytes(&tree, "/access", "denied /\0b", 10);
    ck_assert_int_eq(aglm_fsroot_open(&ruled, tree.root, NULL), -EILSEQ);
}
END_TEST

Suite *fsroot_suite(void)
{
    Suite *suite = suite_create("fsroot");
    TCase *tc = tcase_create("fsroot");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60); /* for listing_cap on a slow disk */
    tcase_add_test(tc, roots);
    tcase_add_test(tc, text);
    tcase_add_loop_test(tc, text_garbage, 0, (int)(sizeof(no_text) / sizeof(*no_text)));
    tcase_add_loop_test(tc, integer, 0, (int)(sizeof(integers) / sizeof(*integers)));
    tcase_add_test(tc, integer_too_long);
    tcase_add_test(tc, sizes);
    tcase_add_test(tc, denied);
    tcase_add_test(tc, only_regular_files);
    tcase_add_test(tc, links_inside);
    tcase_add_test(tc, no_way_out);
    tcase_add_test(tc, link_loops);
    tcase_add_test(tc, long_paths);
    tcase_add_test(tc, listing);
    tcase_add_test(tc, listing_cap);
    tcase_add_test(tc, reasons);
    tcase_add_test(tc, access_rules);
    tcase_add_loop_test(tc, access_garbage, 0, (int)(sizeof(no_rules) / sizeof(*no_rules)));
    tcase_add_test(tc, access_too_much);
    suite_add_tcase(suite, tc);
    return suite;
}
