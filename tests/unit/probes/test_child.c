/* Commands, children with a deadline, guarded probes and the wire their facts cross. */
#include "tests/unit/probes/suites.h"
#include "tests/unit/probes/tree.h"

#include "probes/child.h"
#include "probes/command.h"
#include "probes/guard.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_MS = 60000, SHORT_MS = 300, BYTES_MAX = 1 << 20 };

static struct tree tree;
static struct aglm_fsroot live, captured;

static void setup(void)
{
    tree_make(&tree);
    ck_assert_int_eq(aglm_fsroot_open(&live, NULL, NULL), 0);
    ck_assert_int_eq(aglm_fsroot_open(&captured, tree.root, NULL), 0);
}

static void teardown(void)
{
    aglm_fsroot_close(&live);
    aglm_fsroot_close(&captured);
    tree_remove(&tree);
}

/* ---- commands ---- */

static const struct {
    const char *script; /* for sh */
    int code, status;
    const char *text, *reason;
} scripts[] = {
    {"echo one; echo two", 0, 0, "one\ntwo\n", NULL},
    {"printf 'tab\\tand \\303\\251\\r\\n'", 0, 0, "tab\tand \303\251\r\n", NULL},
    {"echo out; echo err >&2; exit 3", -ECHILD, 3, NULL, "failed with status 3"},
    {"exit 127", -ENOENT, 127, NULL, "not there"},
    {"exit 126", -EACCES, 126, NULL, "denied"},
    {"kill -9 $$", -ECANCELED, 9, NULL, "ended by signal 9"},
    {":", -ENODATA, 0, NULL, "said nothing"},
    {"echo; echo '  '", -ENODATA, 0, NULL, "said nothing"},
    {"echo text; echo err >&2", 0, 0, "text\n", NULL},
    {"printf 'a\\000b'", -EILSEQ, 0, NULL, "garbage"},
    {"printf '\\033[31m'", -EILSEQ, 0, NULL, "garbage"},
    {"printf '\\377'", -EILSEQ, 0, NULL, "garbage"},
    {"while :; do echo too much; done", -EFBIG, -1, NULL, "too large"},
    {"echo 'Permission Denial: can'\\''t dump battery'", -EACCES, 0, NULL, "denied"},
    {"echo \"Can't find service: battery\"", -ENOENT, 0, NULL, "not there"},
};

START_TEST(live_commands)
{
    const char *const argv[] = {"sh", "-c", scripts[_i].script, NULL};
    struct aglm_command command;
    char reason[64];
    int code = aglm_command_run(&command, &live, argv, PATIENCE_MS, 4096);
    ck_assert_int_eq(code, scripts[_i].code);
    ck_assert_int_eq(command.code, code);
    ck_assert_int_eq(command.status, scripts[_i].status);
    if (scripts[_i].text) {
        ck_assert_str_eq(command.text, scripts[_i].text);
    } else {
        ck_assert_ptr_null(command.text);
        ck_assert_str_eq(aglm_command_reason(&command, reason, sizeof(reason)), scripts[_i].reason);
    }
    aglm_command_finish(&command);
}
END_TEST

START_TEST(absent_and_denied)
{
    struct aglm_command command;
    char path[128];
    const char *const absent[] = {"no-such-command-here", NULL}, *const denied[] = {path, NULL};
    ck_assert_int_eq(aglm_command_run(&command, &live, absent, PATIENCE_MS, 4096), -ENOENT);
    tree_text(&tree, "/plain", "no program\n");
    tree_mode(&tree, "/plain", 0644);
    snprintf(path, sizeof(path), "%s/plain", tree.root);
    ck_assert_int_eq(aglm_command_run(&command, &live, denied, PATIENCE_MS, 4096), -EACCES);
}
END_TEST

/* Whether a process lives: it is there and no zombie. */
static bool lives(long pid)
{
    char path[64], text[512] = "";
    snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
    if (aglm_fsroot_read(&live, path, text, sizeof(text)))
        return false;
    const char *end = strrchr(text, ')');
    return end && end[2] != 'Z' && end[2] != 'X';
}

/* The command and what it started are both gone afterwards. */
START_TEST(hanging_command)
{
    char path[128], text[64];
    const char *const argv[] = {"sh", "-c", "sleep 1000 & echo $! >\"$0\"; echo begun; wait", path,
                                NULL};
    struct aglm_command command;
    snprintf(path, sizeof(path), "%s/pid", tree.root);
    ck_assert_int_eq(aglm_command_run(&command, &live, argv, 2 * SHORT_MS, 4096), -ETIMEDOUT);
    ck_assert_ptr_null(command.text);
    ck_assert_str_eq(aglm_command_reason(&command, text, sizeof(text)),
                     "no answer in time, given up");
    ck_assert_int_eq(aglm_fsroot_text(&captured, text, sizeof(text), "/pid"), 0);
    long pid = atol(text);
    ck_assert_int_gt(pid, 1);
    for (int i = 0; i < 1000 && lives(pid); i++)
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    ck_assert(!lives(pid));
}
END_TEST

START_TEST(captured_commands)
{
    const char *const argv[] = {"dumpsys", "battery", NULL}, *const odd[] = {"cmd", "a/b c", NULL};
    struct aglm_command command;
    ck_assert_int_eq(aglm_command_run(&command, &captured, argv, 1, 4096), -ENOENT);
    tree_text(&tree, "/commands/dumpsys_battery", "level: 3\n");
    ck_assert_int_eq(aglm_command_run(&command, &captured, argv, 1, 4096), 0);
    ck_assert_str_eq(command.text, "level: 3\n");
    aglm_command_finish(&command);
    tree_text(&tree, "/commands/cmd_a_b_c", "odd\n");
    ck_assert_int_eq(aglm_command_run(&command, &captured, odd, 1, 4096), 0);
    aglm_command_finish(&command);
    tree_text(&tree, "/commands/dumpsys_battery", "Permission Denial: no\n");
    ck_assert_int_eq(aglm_command_run(&command, &captured, argv, 1, 4096), -EACCES);
    tree_text(&tree, "/commands/dumpsys_battery", "0123456789");
    ck_assert_int_eq(aglm_command_run(&command, &captured, argv, 1, 9), -EFBIG);
    tree_bytes(&tree, "/commands/dumpsys_battery", "a\0b", 3);
    ck_assert_int_eq(aglm_command_run(&command, &captured, argv, 1, 4096), -EILSEQ);
}
END_TEST

/* ---- children ---- */

static int talk(void *arg, int fd)
{
    aglm_child_write(fd, arg, strlen(arg));
    return 7;
}

static int write_everywhere(void *arg, int fd)
{
    ssize_t n = write(STDOUT_FILENO, "out", 3) + write(STDERR_FILENO, "err", 3);
    char c;
    n += read(STDIN_FILENO, &c, 1);
    return n == 6 ? 0 : 1;
}

static int close_and_stay(void *arg, int fd)
{
    close(fd);
    for (int i = 3; i < 64; i++)
        close(i);
    for (;;)
        pause();
    return 0;
}

START_TEST(children)
{
    struct aglm_child child;
    char text[] = "hello";
    ck_assert_int_eq(aglm_child_run(&child, talk, text, PATIENCE_MS, BYTES_MAX), 0);
    ck_assert_str_eq(child.text, "hello");
    ck_assert_uint_eq(child.size, 5);
    ck_assert_int_eq(child.status, 7);
    aglm_child_finish(&child);
    ck_assert_int_eq(aglm_child_run(&child, write_everywhere, NULL, PATIENCE_MS, BYTES_MAX), 0);
    ck_assert_uint_eq(child.size, 0);
    ck_assert_int_eq(child.status, 0);
    aglm_child_finish(&child);
    /* One that answers and does not end is given up all the same. */
    ck_assert_int_eq(aglm_child_run(&child, close_and_stay, NULL, SHORT_MS, BYTES_MAX), -ETIMEDOUT);
    aglm_child_finish(&child);
}
END_TEST

/* ---- guarded probes ---- */

static void probe(struct aglm_facts *facts, const void *arg)
{
    const char *how = arg;
    aglm_facts_text(facts, "a.text", "A", "source", "%s", "text of one");
    aglm_facts_identity(facts);
    aglm_facts_number(facts, "a.number", "B", "/proc/x", "bytes", 0.1);
    aglm_facts_unknown(facts, "a.unknown", "C", "/proc/y", "denied");
    if (strcmp(how, "hang") == 0)
        for (;;)
            pause();
    if (strcmp(how, "crash") == 0)
        raise(SIGKILL);
    if (strcmp(how, "leave") == 0)
        _exit(5);
    if (strcmp(how, "memory") == 0)
        facts->out_of_memory = true;
}

static void guarded(struct aglm_facts *facts, const char *how)
{
    *facts = (struct aglm_facts){0};
    aglm_guard_run(facts, "made", strcmp(how, "hang") == 0 ? SHORT_MS : PATIENCE_MS, probe, how);
    ck_assert_uint_ge(facts->n, 3);
    ck_assert_int_eq(facts->v[0].kind, AGLM_FACT_TEXT);
    ck_assert_str_eq(facts->v[0].key, "a.text");
    ck_assert_str_eq(facts->v[0].label, "A");
    ck_assert_str_eq(facts->v[0].source, "source");
    ck_assert_str_eq(facts->v[0].text, "text of one");
    ck_assert(facts->v[0].identity && !facts->v[1].identity && !facts->v[2].identity);
    ck_assert_double_eq(facts->v[1].number, 0.1);
    ck_assert_str_eq(facts->v[1].unit, "bytes");
    ck_assert_int_eq(facts->v[2].kind, AGLM_FACT_UNKNOWN);
    ck_assert_str_eq(facts->v[2].text, "denied");
}

static const struct {
    const char *how, *reason;
} guards[] = {
    {"answer", NULL},
    {"hang", "no answer within 0.3 s, given up; what it found before stands above"},
    {"crash", "crashed: ended by signal 9 (Killed)"},
    {"leave", "ended early, with status 5"},
};

START_TEST(guarded_probes)
{
    struct aglm_facts facts;
    guarded(&facts, guards[_i].how);
    ck_assert_uint_eq(facts.n, guards[_i].reason ? 4 : 3);
    if (guards[_i].reason) {
        ck_assert_str_eq(facts.v[3].key, "probe.made");
        ck_assert_int_eq(facts.v[3].kind, AGLM_FACT_UNKNOWN);
        ck_assert_str_eq(facts.v[3].text, guards[_i].reason);
    }
    ck_assert(!facts.out_of_memory);
    aglm_facts_finish(&facts);
}
END_TEST

START_TEST(guarded_memory)
{
    struct aglm_facts facts;
    guarded(&facts, "memory");
    ck_assert(facts.out_of_memory);
    aglm_facts_finish(&facts);
}
END_TEST

/* Every beginning of a good answer is refused and adds no broken fact; so is every other byte in
 * the place of a mark. */
START_TEST(wire_cut)
{
    int fds[2];
    char bytes[256];
    char k[] = "k", l[] = "l", t[] = "t", u[] = "u", s[] = "s";
    const struct aglm_fact fact = {k, l, AGLM_FACT_NUMBER, t, 1.5, u, s, false};
    ck_assert_int_eq(pipe(fds), 0);
    aglm_wire_fact(fds[1], &fact);
    aglm_wire_mark(fds[1], 'I');
    aglm_wire_mark(fds[1], 'E');
    ssize_t n = read(fds[0], bytes, sizeof(bytes));
    ck_assert_int_eq(n, 2 + 8 + 5 * 2 + 2);
    for (size_t i = 0; i <= (size_t)n; i++) {
        struct aglm_facts facts = {0};
        char *copy = malloc(i ? i : 1);
        memcpy(copy, bytes, i);
        ck_assert_int_eq(aglm_wire_read(&facts, copy, i), i == (size_t)n ? 0 : -EILSEQ);
        ck_assert_uint_eq(facts.n, i >= (size_t)n - 2);
        aglm_facts_finish(&facts);
        free(copy);
    }
    struct aglm_facts facts = {0};
    bytes[1] = 9; /* no kind */
    ck_assert_int_eq(aglm_wire_read(&facts, bytes, (size_t)n), -EILSEQ);
    ck_assert_int_eq(aglm_wire_read(&facts, "IE", 2), -EILSEQ);
    ck_assert_uint_eq(facts.n, 0);
    aglm_facts_finish(&facts);
    close(fds[0]);
    close(fds[1]);
}
END_TEST

/* A child that foreign code runs in may send anything: no string of it reaches a terminal as it
 * came. */
START_TEST(wire_control_characters)
{
    static const char bytes[] = "F\1"
                                "\0\0\0\0\0\0\0\0"
                                "a\33\0b\n\0c\177\0\200\0e\r\0E";
    struct aglm_facts facts = {0};
    ck_assert_int_eq(AGLM_FACT_TEXT, 1);
    ck_assert_int_eq(aglm_wire_read(&facts, bytes, sizeof(bytes) - 1), 0);
    ck_assert_uint_eq(facts.n, 1);
    ck_assert_str_eq(facts.v[0].key, "a?");
    ck_assert_str_eq(facts.v[0].label, "b?");
    ck_assert_str_eq(facts.v[0].text, "c?");
    ck_assert_str_eq(facts.v[0].source, "e?");
    aglm_facts_finish(&facts);
}
END_TEST

Suite *child_suite(void)
{
    Suite *suite = suite_create("child");
    TCase *tc = tcase_create("child");
    tcase_set_timeout(tc, 100);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, live_commands, 0, (int)(sizeof(scripts) / sizeof(*scripts)));
    tcase_add_test(tc, absent_and_denied);
    tcase_add_test(tc, hanging_command);
    tcase_add_test(tc, captured_commands);
    tcase_add_test(tc, children);
    tcase_add_loop_test(tc, guarded_probes, 0, (int)(sizeof(guards) / sizeof(*guards)));
    tcase_add_test(tc, guarded_memory);
    tcase_add_test(tc, wire_cut);
    tcase_add_test(tc, wire_control_characters);
    suite_add_tcase(suite, tc);
    return suite;
}
