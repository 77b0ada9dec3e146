/* Snapshots of load, memory, heat and frequency, and what lies between two of them. */
#include "tests/unit/probes/suites.h"
#include "tests/unit/probes/tree.h"

#include "probes/profile.h"

#include <math.h>
#include <string.h>

static struct tree tree;

static void setup(void)
{
    tree_make(&tree);
}

static void teardown(void)
{
    tree_remove(&tree);
}

START_TEST(all_known)
{
    struct aglm_conditions now;
    tree_text(&tree, "/proc/loadavg", "1.25 0.5 0.1 1/100 42\n");
    tree_text(&tree, "/proc/meminfo", "MemTotal: 4000 kB\nMemAvailable:    3000 kB\n");
    tree_text(&tree, "/proc/stat", "cpu  100 10 50 800 40 0 0 7 3 0\ncpu0 1 1 1 1\n");
    tree_text(&tree, "/sys/class/thermal/thermal_zone0/temp", "41500\n");
    tree_text(&tree, "/sys/class/thermal/thermal_zone1/temp", "999999\n");
    tree_text(&tree, "/sys/class/thermal/thermal_zone2/temp", "63000\n");
    tree_text(&tree, "/sys/devices/system/cpu/online", "0-1\n");
    tree_text(&tree, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "1000000\n");
    tree_text(&tree, "/sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq", "2000000\n");
    aglm_conditions_take(&now, tree.root);
    ck_assert_double_eq(now.load_1min, 1.25);
    ck_assert(isnan(now.others_cpu_percent));
    ck_assert_double_eq(now.memory_available_bytes, 3000 * 1024.0);
    ck_assert_double_eq(aglm_conditions_memory(tree.root), 3000 * 1024.0);
    ck_assert_double_eq(now.temperature_max_degc, 63);
    ck_assert_double_eq(now.frequency_mean_khz, 1500000);
    ck_assert_double_eq(now.cpu_total_ticks, 1007);
    ck_assert_double_eq(now.cpu_idle_ticks, 840);
    ck_assert_double_eq(now.cpu_steal_ticks, 7);
    ck_assert_double_ge(now.cpu_self_ticks, 0);
    ck_assert_double_ge(now.major_faults, 0);
}
END_TEST

static void all_unknown(const char *root)
{
    struct aglm_conditions now;
    aglm_conditions_take(&now, root);
    ck_assert(isnan(now.load_1min));
    ck_assert(isnan(now.others_cpu_percent));
    ck_assert(isnan(now.memory_available_bytes));
    ck_assert(isnan(aglm_conditions_memory(root)));
    ck_assert(isnan(now.temperature_max_degc));
    ck_assert(isnan(now.frequency_mean_khz));
    ck_assert_double_eq(now.cpu_total_ticks, -1);
    ck_assert_double_eq(now.cpu_idle_ticks, -1);
    ck_assert_double_eq(now.cpu_steal_ticks, -1);
}

START_TEST(unknown)
{
    all_unknown(tree.root);
    all_unknown("/no/such/root");
    all_unknown(AGLM_FIXTURES "/nothing");
    all_unknown(AGLM_FIXTURES "/garbage");
}
END_TEST

START_TEST(live)
{
    struct aglm_conditions now;
    aglm_conditions_take(&now, NULL);
    ck_assert_double_gt(now.memory_available_bytes, 0);
    ck_assert_double_gt(now.cpu_total_ticks, 0);
    ck_assert_double_ge(now.cpu_total_ticks, now.cpu_idle_ticks);
}
END_TEST

/* total, idle, self of two snapshots and the percentage between them; -1 for NaN. */
static const struct {
    double before[3], after[3], percent;
} differences[] = {
    {{0, 0, 0}, {200, 100, 60}, 20},         /* 100 busy, 60 of them ours */
    {{1000, 900, 50}, {1200, 1100, 50}, 0},  /* idle all the time */
    {{1000, 900, 50}, {1200, 900, 50}, 100}, /* all for others */
    {{1000, 900, 50}, {1200, 1000, 160}, 0}, /* our clock is finer than the ticks: not below 0 */
    {{1000, 900, 50},
     {1200, 890, 50},
     100}, /* the wait for I/O can count backwards: not above 100 */
    {{1000, 900, 50}, {1019, 910, 50}, -1}, /* too short */
    {{1000, 900, 50}, {1020, 910, 50}, 50},
    {{1000, 900, 50}, {900, 800, 50}, -1}, /* backwards: another boot */
    {{-1, -1, 0}, {200, 100, 60}, -1},     /* unknown before */
    {{0, 0, 0}, {-1, -1, 60}, -1},         /* unknown after */
};

START_TEST(between)
{
    const double *b = differences[_i].before, *a = differences[_i].after;
    struct aglm_conditions before = {
        .cpu_total_ticks = b[0], .cpu_idle_ticks = b[1], .cpu_self_ticks = b[2]};
    struct aglm_conditions after = {.cpu_total_ticks = a[0],
                                    .cpu_idle_ticks = a[1],
                                    .cpu_self_ticks = a[2],
                                    .others_cpu_percent = 12345};
    aglm_conditions_between(&before, &after);
    if (differences[_i].percent < 0)
        ck_assert(isnan(after.others_cpu_percent));
    else
        ck_assert_double_eq_tol(after.others_cpu_percent, differences[_i].percent, 1e-9);
}
END_TEST

START_TEST(between_nan)
{
    struct aglm_conditions before = {.cpu_total_ticks = NAN}, after = {.cpu_total_ticks = 100};
    aglm_conditions_between(&before, &after);
    ck_assert(isnan(after.others_cpu_percent));
}
END_TEST

Suite *conditions_suite(void)
{
    Suite *suite = suite_create("conditions");
    TCase *tc = tcase_create("conditions");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, all_known);
    tcase_add_test(tc, unknown);
    tcase_add_test(tc, live);
    tcase_add_loop_test(tc, between, 0, (int)(sizeof(differences) / sizeof(*differences)));
    tcase_add_test(tc, between_nan);
    suite_add_tcase(suite, tc);
    return suite;
}
