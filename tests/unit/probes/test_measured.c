/* What the profile measures, as far as it can be tested without timing anything: chains, files,
 * targets, doubts; and the facts about memory and load that are read.
 */
#include "probes/judge.h"
#include "probes/latency.h"
#include "probes/network.h"
#include "probes/probe.h"
#include "probes/storage.h"
#include "tests/unit/probes/suites.h"
#include "tests/unit/probes/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* ---- latency ---- */

START_TEST(chain_meets_every_line_once)
{
    static const size_t sizes[] = {4, 8, 256, 65536};
    const size_t n = sizes[_i];
    char *memory = malloc(n * 64);
    bool *seen = calloc(n, sizeof(*seen));
    size_t at = 0;
    aglm_latency_chain(memory, n);
    for (size_t i = 0; i < n; i++) {
        ck_assert_msg(!seen[at], "line %zu twice after %zu steps", at, i);
        seen[at] = true;
        memcpy(&at, memory + at * 64, sizeof(at));
        ck_assert_uint_lt(at, n);
    }
    ck_assert_uint_eq(at, 0);
    free(seen);
    free(memory);
}
END_TEST

START_TEST(latency_sets)
{
    struct aglm_latency latency;
    struct aglm_err err = {0};
    ck_assert_int_eq(
        aglm_latency_measure(&latency, &(struct aglm_latency_options){.max_bytes = 1 << 20}, &err),
        0);
    ck_assert_uint_eq(latency.n, 4); /* 16, 64, 256, 1024 KiB */
    for (size_t i = 0; i < latency.n; i++) {
        ck_assert_uint_eq(latency.set[i].bytes, (size_t)16384 << 2 * i);
        ck_assert_double_gt(latency.set[i].ns, 0);
    }
    ck_assert_int_eq(
        aglm_latency_measure(&latency, &(struct aglm_latency_options){.max_bytes = 100}, &err),
        -EINVAL);
}
END_TEST

/* ---- storage ---- */

START_TEST(file_has_no_name)
{
    for (int direct = 0; direct < 2; direct++) {
        struct tree tree;
        struct stat st;
        bool wanted = direct;
        tree_make(&tree);
        int fd = aglm_storage_open(tree.root, &wanted);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(fstat(fd, &st), 0);
        ck_assert_uint_eq(st.st_nlink, 0);
        ck_assert_int_eq(rmdir(tree.root), 0); /* the folder is empty */
        close(fd);
    }
}
END_TEST

START_TEST(storage_refusals)
{
    struct aglm_storage storage;
    struct aglm_err err = {0};
    bool direct = true;
    ck_assert_int_eq(aglm_storage_open("/no/such/folder", &direct), -ENOENT);
    ck_assert_int_eq(
        aglm_storage_measure(&storage, &(struct aglm_storage_options){.dir = "/no/such"}, &err),
        -ENOENT);
    ck_assert_ptr_nonnull(strstr(err.msg, "/no/such"));
    ck_assert_int_lt(
        aglm_storage_measure(&storage, &(struct aglm_storage_options){.dir = "/proc"}, &err), 0);
}
END_TEST

START_TEST(storage_doubts)
{
    static const struct {
        struct aglm_storage s;
        double memory;
        const char *word; /* NULL: plausible */
    } cases[] = {
        {{.direct = true, .read_per_s = 3e9, .random_ns = 60e3, .cached_share = 0}, 30e9, NULL},
        {{.direct = true, .read_per_s = 3e9, .random_ns = 60e3, .cached_share = -1}, 0, NULL},
        {{.direct = false, .read_per_s = 3e9, .random_ns = 60e3}, 30e9, "refused"},
        {{.direct = true, .read_per_s = 3e9, .random_ns = 60e3, .cached_share = 1}, 0, "not kept"},
        {{.direct = true, .read_per_s = 9e9, .random_ns = 60e3}, 15e9, "memory's speed"},
        {{.direct = true, .read_per_s = 20e9, .random_ns = 60e3}, 90e9, "bus"},
        {{.direct = true, .read_per_s = 3e9, .random_ns = 2e3}, 30e9, "flash"},
    };
    char why[160] = "";
    const bool doubt = aglm_storage_implausible(&cases[_i].s, cases[_i].memory, why, sizeof(why));
    ck_assert_int_eq(doubt, cases[_i].word != NULL);
    ck_assert_msg(!doubt || strstr(why, cases[_i].word), "%s", why);
}
END_TEST

START_TEST(mount_types)
{
    static const char text[] = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
                               "25 22 0:22 / /tmp rw - tmpfs tmpfs rw\n"
                               "26 22 0:23 / /bad rw\n"
                               "garbage\n";
    char type[64];
    ck_assert_int_eq(aglm_mount_type(text, 8, 1, type, sizeof(type)), 0);
    ck_assert_str_eq(type, "ext4");
    ck_assert_int_eq(aglm_mount_type(text, 0, 22, type, sizeof(type)), 0);
    ck_assert_str_eq(type, "tmpfs");
    ck_assert_int_eq(aglm_mount_type(text, 0, 23, type, sizeof(type)), -ENOENT);
    ck_assert_int_eq(aglm_mount_type("", 8, 1, type, sizeof(type)), -ENOENT);
}
END_TEST

/* Stands before libc's: a file system whose server is gone. */
static bool gone;

int statvfs(const char *path, struct statvfs *out)
{
    while (gone)
        pause();
    const int fd = open(path, O_PATH | O_CLOEXEC);
    const int rc = fd < 0 ? -1 : fstatvfs(fd, out);
    if (fd >= 0)
        close(fd);
    return rc;
}

START_TEST(storage_that_hangs_is_given_up)
{
    struct aglm_facts facts = {0};
    struct aglm_fsroot fs;
    struct aglm_err err = {0};
    ck_assert_int_eq(aglm_fsroot_open(&fs, NULL, &err), 0);
    aglm_probe_storage(&facts, &fs, &(struct aglm_storage_ask){.dir = "/"});
    ck_assert_uint_ge(facts.n, 3);
    for (size_t i = 0; i < facts.n; i++)
        ck_assert_str_ne(facts.v[i].key, "probe.storage");
    ck_assert_str_eq(facts.v[facts.n - 1].key, "storage.free");
    aglm_facts_finish(&facts);
    gone = true;
    aglm_probe_storage(&facts, &fs, &(struct aglm_storage_ask){.dir = "/", .timeout_ms = 300});
    gone = false;
    ck_assert_str_eq(facts.v[0].key, "storage.folder"); /* what it found before */
    ck_assert_str_eq(facts.v[facts.n - 1].key, "probe.storage");
    ck_assert_int_eq(facts.v[facts.n - 1].kind, AGLM_FACT_UNKNOWN);
    ck_assert_ptr_nonnull(strstr(facts.v[facts.n - 1].text, "no answer within 0.3 s"));
    aglm_facts_finish(&facts);
    aglm_fsroot_close(&fs);
}
END_TEST

/* ---- network ---- */

START_TEST(network_targets)
{
    static const struct {
        const char *text, *host; /* host NULL: refused */
        unsigned port;
    } cases[] = {
        {"example.org", "example.org", 443},
        {"example.org:80", "example.org", 80},
        {"10.0.0.1:65535", "10.0.0.1", 65535},
        {"::1", "::1", 443},
        {"[::1]", "::1", 443},
        {"[fe80::1]:22", "fe80::1", 22},
        {"", NULL, 0},
        {":80", NULL, 0},
        {"a:", NULL, 0},
        {"a:0", NULL, 0},
        {"a:65536", NULL, 0},
        {"a:8x", NULL, 0},
        {"a:-1", NULL, 0},
        {"[::1", NULL, 0},
        {"[]:1", NULL, 0},
        {"[::1]x", NULL, 0},
    };
    char host[64];
    unsigned port = 0;
    struct aglm_err err = {0};
    int rc = aglm_network_target(cases[_i].text, host, sizeof(host), &port, &err);
    ck_assert_int_eq(rc, cases[_i].host ? 0 : -EINVAL);
    if (rc == 0) {
        ck_assert_str_eq(host, cases[_i].host);
        ck_assert_uint_eq(port, cases[_i].port);
    }
}
END_TEST

/* ---- memory and load, read from a tree ---- */

static struct tree tree;
static struct aglm_profile *profile;

static void look(void)
{
    struct aglm_err err = {0};
    const struct aglm_profile_options options = {.root = tree.root};
    ck_assert_msg(aglm_profile_create(&profile, &options, &err) == 0, "%s", err.msg);
}

static void done(void)
{
    aglm_profile_destroy(&profile);
    tree_remove(&tree);
}

static const struct aglm_fact *fact(const char *key)
{
    const struct aglm_fact *f = aglm_profile_find(profile, key);
    ck_assert_msg(f != NULL, "%s", key);
    return f;
}

START_TEST(phone_memory)
{
    tree_make(&tree);
    tree_text(&tree, "/proc/swaps",
              "Filename\tType\tSize\tUsed\tPriority\n/dev/block/zram0 partition 4194300 0 -2\n"
              "/swapfile file 100 0 -3\n");
    tree_text(&tree, "/sys/block/zram0/mm_stat", "  4096000  1024000 1 2 3 4 5 6 7\n");
    tree_text(&tree, "/proc/sys/vm/swappiness", "100\n");
    tree_text(&tree, "/proc/pressure/memory",
              "some avg10=1.50 avg60=0.00 avg300=0.00 total=1\nfull avg10=0.70 avg60=0 total=1\n");
    tree_text(&tree, "/proc/pressure/cpu", "some avg10=150.00 avg60=0 total=1\n");
    tree_text(&tree, "/proc/pressure/io", "some avg10=x\n");
    look();
    ck_assert_str_eq(fact("memory.swap_kind")->text, "zram (compressed memory), a file");
    ck_assert_double_eq(fact("memory.zram")->number, 4096000);
    ck_assert_double_eq(fact("memory.zram_compressed")->number, 1024000);
    ck_assert_double_eq(fact("memory.swappiness")->number, 100);
    ck_assert_double_eq(fact("load.pressure_memory")->number, 1.5);
    ck_assert_str_eq(fact("load.pressure_cpu")->text, "implausible value");
    ck_assert_str_eq(fact("load.pressure_io")->text, "garbage");
    ck_assert_int_eq(fact("storage.free")->kind, AGLM_FACT_UNKNOWN);
    done();
}
END_TEST

START_TEST(group_limit_binds)
{
    tree_make(&tree);
    tree_text(&tree, "/proc/meminfo", "MemTotal: 8000000 kB\nMemAvailable: 4000000 kB\n");
    tree_text(&tree, "/proc/self/cgroup", "0::/a/b\n");
    tree_text(&tree, "/sys/fs/cgroup/a/memory.max", "536870912\n");
    tree_text(&tree, "/sys/fs/cgroup/a/memory.high", "268435456\n");
    tree_text(&tree, "/sys/fs/cgroup/a/memory.current", "200000000\n");
    tree_text(&tree, "/sys/fs/cgroup/a/memory.stat", "anon 1\ninactive_file 100000000\nfile 5\n");
    tree_text(&tree, "/sys/fs/cgroup/a/b/memory.max", "max\n");
    look();
    ck_assert_double_eq(fact("memory.limit")->number, 268435456);
    ck_assert_str_eq(fact("memory.limit_kind")->text, "a control group, version 2");
    ck_assert_double_eq(fact("memory.room")->number, 268435456 - 100000000);
    done();
}
END_TEST

START_TEST(group_limit_version_1)
{
    tree_make(&tree);
    tree_text(&tree, "/proc/meminfo", "MemTotal: 8000000 kB\nMemAvailable: 4000000 kB\n");
    tree_text(&tree, "/proc/self/cgroup", "4:memory:/g\n");
    tree_text(&tree, "/sys/fs/cgroup/memory/g/memory.limit_in_bytes", "536870912\n");
    tree_text(&tree, "/sys/fs/cgroup/memory/g/memory.usage_in_bytes", "600000000\n");
    look();
    ck_assert_str_eq(fact("memory.limit_kind")->text, "a control group, version 1");
    ck_assert_double_eq(fact("memory.room")->number, 0);
    done();
}
END_TEST

START_TEST(live_load)
{
    struct aglm_err err = {0};
    ck_assert_int_eq(aglm_profile_create(&profile, NULL, &err), 0);
    ck_assert_int_eq(fact("load.cpu")->kind, AGLM_FACT_NUMBER);
    ck_assert_int_eq(fact("load.steal")->kind, AGLM_FACT_NUMBER);
    ck_assert_double_ge(fact("load.running")->number, 0);
    ck_assert_double_gt(fact("storage.free")->number, 0);
    ck_assert_ptr_null(aglm_profile_find(profile, "storage.read"));
    ck_assert_ptr_null(aglm_profile_find(profile, "network.target"));
    aglm_profile_destroy(&profile);
}
END_TEST

/* ---- judging ---- */

START_TEST(converts)
{
    ck_assert_double_eq(aglm_judge_convert(0x1p30, "bytes", "MiB"), 1024);
    ck_assert_double_eq(aglm_judge_convert(1.5, "s", "ms"), 1500);
    ck_assert_double_eq(aglm_judge_convert(70, "percent", "%"), 70);
    ck_assert_double_nan(aglm_judge_convert(1, "bytes", "ms"));
    ck_assert_double_nan(aglm_judge_convert(1, "cubits", "ms"));
    ck_assert_double_nan(aglm_judge_convert(NAN, "s", "ms"));
}
END_TEST

START_TEST(judges_facts)
{
    struct aglm_judgement j;
    struct aglm_threshold t = {.kind = AGLM_THRESHOLD_ABOVE, .unit = "GiB", .good = 4, .alert = 2};
    tree_make(&tree);
    tree_text(&tree, "/proc/meminfo", "MemTotal: 3145728 kB\nMemAvailable: 1048576 kB\n");
    look();
    strcpy(t.fact, "memory.total");
    aglm_judge(&j, profile, &t);
    ck_assert_double_eq(j.value, 3);
    ck_assert_int_eq(j.status, AGLM_STATUS_WATCH);
    strcpy(t.fact, "memory.avail*");
    aglm_judge(&j, profile, &t);
    ck_assert_int_eq(j.status, AGLM_STATUS_ALERT);
    strcpy(t.fact, "memory.swap_total"); /* unknown */
    aglm_judge(&j, profile, &t);
    ck_assert_ptr_nonnull(j.fact);
    ck_assert_int_eq(j.status, AGLM_STATUS_UNKNOWN);
    strcpy(t.fact, "no.such*");
    aglm_judge(&j, profile, &t);
    ck_assert_ptr_null(j.fact);
    ck_assert_int_eq(j.status, AGLM_STATUS_UNKNOWN);
    strcpy(t.fact, "memory.total");
    strcpy(t.unit, "ms");
    aglm_judge(&j, profile, &t);
    ck_assert_int_eq(j.status, AGLM_STATUS_UNKNOWN);
    done();
}
END_TEST

Suite *measured_suite(void)
{
    Suite *suite = suite_create("measured");
    TCase *t = tcase_create("measured");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, chain_meets_every_line_once, 0, 4);
    tcase_add_test(t, latency_sets);
    tcase_add_test(t, file_has_no_name);
    tcase_add_test(t, storage_refusals);
    tcase_add_loop_test(t, storage_doubts, 0, 7);
    tcase_add_test(t, mount_types);
    tcase_add_test(t, storage_that_hangs_is_given_up);
    tcase_add_loop_test(t, network_targets, 0, 16);
    tcase_add_test(t, phone_memory);
    tcase_add_test(t, group_limit_binds);
    tcase_add_test(t, group_limit_version_1);
    tcase_add_test(t, live_load);
    tcase_add_test(t, converts);
    tcase_add_test(t, judges_facts);
    suite_add_tcase(suite, t);
    return suite;
}
