/* Control group limits, versions 1 and 2. */
#include "tests/unit/probes/suites.h"
#include "tests/unit/probes/tree.h"

#include "probes/cgroup.h"

#include <errno.h>
#include <math.h>

static struct tree tree;
static struct aglm_fsroot fs;
static double cpus, bytes;

static void setup(void)
{
    tree_make(&tree);
    ck_assert_int_eq(aglm_fsroot_open(&fs, tree.root, NULL), 0);
    cpus = bytes = -1;
}

static void teardown(void)
{
    aglm_fsroot_close(&fs);
    tree_remove(&tree);
}

START_TEST(v2_tightest)
{
    tree_text(&tree, "/proc/self/cgroup", "0::/a/b\n");
    tree_text(&tree, "/sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
    tree_text(&tree, "/sys/fs/cgroup/a/cpu.max", "150000 100000\n");
    tree_text(&tree, "/sys/fs/cgroup/a/b/memory.max", "536870912\n");
    tree_text(&tree, "/sys/fs/cgroup/a/memory.max", "max\n");
    ck_assert_int_eq(aglm_cgroup_cpus(&fs, &cpus), 0);
    ck_assert_double_eq(cpus, 1.5);
    ck_assert_int_eq(aglm_cgroup_memory(&fs, &bytes), 0);
    ck_assert_double_eq(bytes, 536870912);
}
END_TEST

START_TEST(v2_root_group)
{
    tree_text(&tree, "/proc/self/cgroup", "0::/\n");
    tree_text(&tree, "/sys/fs/cgroup/cgroup.procs", "1\n");
    ck_assert_int_eq(aglm_cgroup_cpus(&fs, &cpus), 0);
    ck_assert(isinf(cpus));
}
END_TEST

START_TEST(v1)
{
    tree_text(&tree, "/proc/self/cgroup", "5:memory:/x\n3:cpu,cpuacct:/\n0::/\n");
    tree_text(&tree, "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "50000\n");
    tree_text(&tree, "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
    tree_text(&tree, "/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    tree_text(&tree, "/sys/fs/cgroup/memory/x/memory.limit_in_bytes", "1073741824\n");
    ck_assert_int_eq(aglm_cgroup_cpus(&fs, &cpus), 0);
    ck_assert_double_eq(cpus, 0.5);
    ck_assert_int_eq(aglm_cgroup_memory(&fs, &bytes), 0);
    ck_assert_double_eq(bytes, 1073741824);
}
END_TEST

START_TEST(v1_no_limit)
{
    tree_text(&tree, "/proc/self/cgroup", "4:memory:/\n1:cpu:/\n");
    tree_text(&tree, "/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
    tree_text(&tree, "/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    ck_assert_int_eq(aglm_cgroup_cpus(&fs, &cpus), 0);
    ck_assert(isinf(cpus));
    ck_assert_int_eq(aglm_cgroup_memory(&fs, &bytes), 0);
    ck_assert(isinf(bytes));
}
END_TEST

static const char *const bad_cpu_max[] = {"", "0 100000", "5", "5 0", "x y", "-5 100", "5 100 7"};

START_TEST(garbage)
{
    tree_text(&tree, "/proc/self/cgroup", "0::/\n");
    tree_text(&tree, "/sys/fs/cgroup/cpu.max", bad_cpu_max[_i]);
    ck_assert_int_eq(aglm_cgroup_cpus(&fs, &cpus), -EILSEQ);
    ck_assert_double_eq(cpus, -1);
}
END_TEST

START_TEST(absent)
{
    ck_assert_int_eq(aglm_cgroup_cpus(&fs, &cpus), -ENOENT);
    tree_text(&tree, "/proc/self/cgroup", "0::/a\n");
    ck_assert_int_eq(aglm_cgroup_cpus(&fs, &cpus), -ENOENT);
    tree_text(&tree, "/proc/self/cgroup", "what\n");
    ck_assert_int_eq(aglm_cgroup_memory(&fs, &bytes), -EILSEQ);
}
END_TEST

Suite *cgroup_suite(void)
{
    Suite *suite = suite_create("cgroup");
    TCase *tc = tcase_create("cgroup");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, v2_tightest);
    tcase_add_test(tc, v2_root_group);
    tcase_add_test(tc, v1);
    tcase_add_test(tc, v1_no_limit);
    tcase_add_loop_test(tc, garbage, 0, (int)(sizeof(bad_cpu_max) / sizeof(*bad_cpu_max)));
    tcase_add_test(tc, absent);
    suite_add_tcase(suite, tc);
    return suite;
}
