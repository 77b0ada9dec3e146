/* Which CPUs threads go to, and how many threads are the default: real phones' and PCs' cores. */
#include "tests/unit/probes/suites.h"

#include "probes/placement.h"

#include <string.h>

/* A device's CPUs in order: capacity or thousands of MHz, siblings side by side. */
struct device {
    struct aglm_cpu cpu[16];
    struct aglm_cpus table;
    struct aglm_cpulist all;
};

static void add(struct device *d, size_t n, int64_t capacity, int64_t khz, bool paired)
{
    for (size_t i = 0; i < n; i++) {
        const size_t id = d->table.n++;
        d->cpu[id] = (struct aglm_cpu){.id = id,
                                       .online = true,
                                       .sibling = (int64_t)(paired ? id / 2 * 2 : id),
                                       .capacity = capacity,
                                       .max_khz = khz};
        aglm_cpulist_add(&d->all, id);
    }
    d->table.v = d->cpu;
}

static void expect(const struct device *d, const struct aglm_cpulist *allowed, size_t n_threads,
                   const char *cpus)
{
    struct aglm_cpulist out = {0};
    char text[64] = "";
    bool choice = aglm_placement_choose(&out, n_threads, allowed, &d->table);
    if (choice)
        aglm_cpulist_format(&out, text, sizeof(text));
    ck_assert_str_eq(text, cpus);
    ck_assert_uint_eq(choice, cpus[0] != '\0');
}

/* RK3588: 4 little, 4 big. */
START_TEST(two_kinds)
{
    struct device d = {0};
    add(&d, 4, 414, 1800000, false);
    add(&d, 2, 1024, 2304000, false);
    add(&d, 2, 1024, 2352000, false);
    ck_assert_uint_eq(aglm_placement_cores(&d.all, &d.table), 4);
    expect(&d, &d.all, 1, "4-7"); /* equals: the kernel may choose among them */
    expect(&d, &d.all, 4, "4-7");
    expect(&d, &d.all, 5, ""); /* all are needed */
    expect(&d, &d.all, 8, "");
    expect(&d, &d.all, 9, ""); /* more threads than CPUs */
    expect(&d, &d.all, 0, "");
    struct aglm_cpulist some = {0};
    for (size_t cpu = 0; cpu < 6; cpu++)
        aglm_cpulist_add(&some, cpu);
    expect(&d, &some, 2, "4-5");
    ck_assert_uint_eq(aglm_placement_cores(&some, &d.table), 2);
}
END_TEST

/* A captured phone that tells no capacities: 4, 4 and 1 cores. */
START_TEST(pixel_8)
{
    struct aglm_fsroot fs;
    struct device d = {0};
    ck_assert_int_eq(aglm_fsroot_open(&fs, AGLM_FIXTURES "/pixel-8", NULL), 0);
    aglm_cpus_read(&d.table, &fs);
    aglm_fsroot_close(&fs);
    ck_assert_int_eq(aglm_cpulist_parse(&d.all, "0-8"), 0);
    ck_assert_uint_eq(aglm_placement_cores(&d.all, &d.table), 5);
    expect(&d, &d.all, 1, "8");
    expect(&d, &d.all, 2, "4-8");
    expect(&d, &d.all, 5, "4-8");
    expect(&d, &d.all, 6, "");
    aglm_cpulist_add(&d.all, 9); /* a CPU that the table does not know */
    ck_assert_uint_eq(aglm_placement_cores(&d.all, &d.table), 0);
    expect(&d, &d.all, 1, "");
    aglm_cpus_finish(&d.table);
}
END_TEST

/* A hybrid PC: 4 fast cores with two CPUs each, of which one may clock a little higher; 8 small
 * ones. */
START_TEST(hybrid)
{
    struct device d = {0};
    add(&d, 2, -1, 5200000, true);
    add(&d, 6, -1, 5000000, true);
    add(&d, 8, -1, 3700000, false);
    ck_assert_uint_eq(aglm_placement_cores(&d.all, &d.table), 12);
    expect(&d, &d.all, 1, "0-7");
    expect(&d, &d.all, 4, "0-7");
    expect(&d, &d.all, 5, ""); /* a fifth core is a small one, before a sibling */
}
END_TEST

START_TEST(alike_or_unknown)
{
    struct device d = {0}, unknown = {0};
    add(&d, 8, 1024, -1, true);
    ck_assert_uint_eq(aglm_placement_cores(&d.all, &d.table), 4);
    expect(&d, &d.all, 1, "");
    expect(&d, &d.all, 4, "");
    add(&unknown, 3, 1024, -1, false);
    add(&unknown, 1, -1, 2000000, false);
    ck_assert_uint_eq(aglm_placement_cores(&unknown.all, &unknown.table), 0);
    expect(&unknown, &unknown.all, 1, "");
    memset(&unknown, 0, sizeof(unknown));
    ck_assert_uint_eq(aglm_placement_cores(&unknown.all, &unknown.table), 0);
    expect(&unknown, &unknown.all, 1, "");
}
END_TEST

Suite *placement_suite(void)
{
    Suite *suite = suite_create("placement");
    TCase *tc = tcase_create("placement");
    tcase_add_test(tc, two_kinds);
    tcase_add_test(tc, pixel_8);
    tcase_add_test(tc, hybrid);
    tcase_add_test(tc, alike_or_unknown);
    suite_add_tcase(suite, tc);
    return suite;
}
