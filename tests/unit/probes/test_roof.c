/* The roof probe: what it measures and how it is looked up. How fast anything is, is not tested. */
#include "probes/cpus.h"
#include "probes/isa.h"
#include "probes/roof.h"
#include "probes/roof_cpus.h"
#include "probes/roof_kernels.h"
#include "probes/roof_kinds.h"
#include "probes/roof_team.h"

#include <check.h>
#include <errno.h>
#include <math.h>
#include <string.h>

static struct aglm_roof roof;

static const struct aglm_roof_options SMALL = {
    .isa_flags = 0, .max_threads = 3, .buffer_bytes = 4 << 20, .window_ms = 1};

START_TEST(test_lines)
{
    struct aglm_roof_options o = SMALL;
    struct aglm_err err = {0};
    o.isa_flags = aglm_isa_detect();
    ck_assert_msg(!aglm_roof_measure(&roof, &o, &err), "%s", err.msg);
    const struct aglm_roof_kernels *v[AGLM_ROOF_MAX_SETS];
    const size_t sets = aglm_roof_sets(v, o.isa_flags);
    ck_assert_uint_eq(roof.n, 3 * (1 + 2 * sets)); /* for 1, 2 and 3 threads */
    ck_assert_uint_eq(roof.buffer_bytes, 4 << 20);
    ck_assert_uint_gt(roof.ns, 0);
    for (size_t i = 0; i < roof.n; i++) {
        const struct aglm_roof_line *l = &roof.line[i];
        ck_assert(isfinite(l->per_s) && l->low_per_s > 0 && l->low_per_s <= l->per_s);
        ck_assert_uint_eq(l->n_windows, AGLM_ROOF_WINDOWS);
        double best = 0;
        for (unsigned w = 0; w < l->n_windows; w++)
            best = l->window_per_s[w] > best ? l->window_per_s[w] : best;
        ck_assert_double_eq(best, l->per_s);
        const struct aglm_roof_line *found = aglm_roof_find(&roof, l->kind, l->isa, l->threads);
        ck_assert_ptr_eq(found, l);
    }
    ck_assert_ptr_null(aglm_roof_find(&roof, AGLM_ROOF_INT8, "z80", 1));
    ck_assert_uint_eq(aglm_roof_find(&roof, AGLM_ROOF_READ, NULL, 100)->threads, 3);
}
END_TEST

START_TEST(test_base_set)
{
    struct aglm_roof_options o = SMALL;
    o.max_threads = 1;
    ck_assert(!aglm_roof_measure(&roof, &o, NULL));
    ck_assert_uint_eq(roof.n, 3);
    for (size_t i = 0; i < roof.n; i++)
        ck_assert_str_eq(roof.line[i].isa, "c");
    o.skip = 1u << AGLM_ROOF_READ;
    ck_assert(!aglm_roof_measure(&roof, &o, NULL));
    ck_assert_uint_eq(roof.n, 2);
    ck_assert_ptr_null(aglm_roof_find(&roof, AGLM_ROOF_READ, NULL, 1));
}
END_TEST

START_TEST(test_what_is_asked_for)
{
    static const unsigned threads[] = {3, 1};
    static const char *const isas[] = {"c"};
    const uint8_t cpus = 1;
    struct aglm_roof_options o = SMALL;
    o.isa_flags = aglm_isa_detect();
    o.threads = threads;
    o.n_threads = 2;
    o.isas = isas;
    o.n_isas = 1;
    o.cpu_mask = &cpus;
    o.cpu_mask_bytes = 1;
    ck_assert(!aglm_roof_measure(&roof, &o, NULL));
    ck_assert_uint_eq(roof.n, 2 * 3);
    ck_assert_uint_eq(roof.line[0].threads, 3);
    ck_assert_uint_eq(roof.line[5].threads, 1);
    ck_assert_str_eq(roof.line[1].isa, "c");
    o.n_threads = 0;
    ck_assert_int_eq(aglm_roof_measure(&roof, &o, NULL), -EINVAL);
}
END_TEST

/* Two strong cores with two CPUs each, one weak one: strong ones first, siblings last. */
START_TEST(test_order_of_cpus)
{
    unsigned cpus[] = {0, 1, 2, 3, 4, 9};
    struct aglm_cpu v[] = {{.id = 0, .sibling = 0, .capacity = 300},
                           {.id = 1, .sibling = 1, .capacity = 1024},
                           {.id = 2, .sibling = 1, .capacity = 1024},
                           {.id = 3, .sibling = 3, .capacity = 1024, .max_khz = 3000000},
                           {.id = 4, .sibling = 3, .capacity = 1024}};
    const unsigned expected[] = {3, 1, 0, 9, 2, 4};
    aglm_roof_cpus_sort(cpus, 6, &(struct aglm_cpus){.v = v, .n = 5});
    ck_assert_mem_eq(cpus, expected, sizeof(cpus));
    unsigned all[AGLM_ROOF_CPUS_MAX];
    ck_assert_uint_ge(aglm_roof_cpus(all, NULL, 0), 1);
    ck_assert_uint_eq(aglm_roof_cpus(all, (const uint8_t *)"", 1), 0);
}
END_TEST

START_TEST(test_lookup)
{
    const struct aglm_roof r = {.line = {{AGLM_ROOF_INT8, "c", 1, 10, 9, 3},
                                         {AGLM_ROOF_INT8, "avx2", 1, 80, 70, 3},
                                         {AGLM_ROOF_INT8, "c", 2, 20, 18, 3},
                                         {AGLM_ROOF_INT8, "avx2", 2, 150, 140, 3}},
                                .n = 4};
    ck_assert_ptr_eq(aglm_roof_find(&r, AGLM_ROOF_INT8, NULL, 1), &r.line[1]);
    ck_assert_ptr_eq(aglm_roof_find(&r, AGLM_ROOF_INT8, "c", 3), &r.line[2]);
    ck_assert_ptr_eq(aglm_roof_find(&r, AGLM_ROOF_INT8, NULL, 2), &r.line[3]);
    ck_assert_ptr_null(aglm_roof_find(&r, AGLM_ROOF_F32, NULL, 2));
}
END_TEST

START_TEST(test_refused)
{
    struct aglm_roof_options o = SMALL;
    struct aglm_err err = {0};
    o.max_threads = 0;
    ck_assert_int_eq(aglm_roof_measure(&roof, &o, &err), -EINVAL);
    o.max_threads = 513;
    ck_assert_int_eq(aglm_roof_measure(&roof, &o, &err), -EINVAL);
    o.max_threads = 1;
    o.buffer_bytes = (size_t)1 << 60;
    ck_assert_int_lt(aglm_roof_measure(&roof, &o, &err), 0);
}
END_TEST

/* Four small cores, three middle ones, one strong. */
static struct aglm_cpu phone[8];

static struct aglm_cpus phone_table(void)
{
    for (size_t i = 0; i < 8; i++)
        phone[i] = (struct aglm_cpu){.id = i,
                                     .online = true,
                                     .implementer = 0x41,
                                     .part = i < 4   ? 0xd46
                                             : i < 7 ? 0xd4d
                                                     : 0xd4e,
                                     .capacity = i < 4   ? 250
                                                 : i < 7 ? 800
                                                         : 1024,
                                     .max_khz = -1,
                                     .now_khz = -1};
    return (struct aglm_cpus){.v = phone, .n = 8};
}

START_TEST(test_kinds_that_may_be_used)
{
    const unsigned all[] = {7, 4, 5, 6, 0, 1, 2, 3}, some[] = {6, 0, 2}, alike[] = {5, 4};
    const struct aglm_cpus table = phone_table();
    struct aglm_kind kinds[AGLM_KINDS_MAX];
    ck_assert_uint_eq(aglm_roof_kinds_find(kinds, &table, all, 8), 3);
    ck_assert_uint_eq(kinds[0].count, 4);
    ck_assert_uint_eq(kinds[1].count, 3);
    ck_assert_uint_eq(kinds[2].count, 1);
    ck_assert_uint_eq(aglm_roof_kinds_lines(kinds, 3), (2 + 2 + 1) * 3);
    ck_assert_uint_eq(aglm_roof_kinds_find(kinds, &table, some, 3), 3);
    ck_assert_uint_eq(kinds[0].count, 2);
    ck_assert(aglm_cpulist_has(&kinds[0].cpus, 2) && !aglm_cpulist_has(&kinds[0].cpus, 1));
    ck_assert_uint_eq(kinds[1].count, 1);
    ck_assert_uint_eq(kinds[2].count, 0);
    ck_assert_uint_eq(aglm_roof_kinds_lines(kinds, 3), (2 + 1) * 3);
    ck_assert_uint_eq(aglm_roof_kinds_find(kinds, &table, alike, 2), 0);
    for (size_t i = 0; i < 8; i++)
        phone[i].part = 0xd46, phone[i].capacity = 1024;
    ck_assert_uint_eq(aglm_roof_kinds_find(kinds, &table, all, 8), 0);
}
END_TEST

static const struct aglm_fact *fact(const struct aglm_facts *facts, const char *key)
{
    for (size_t i = 0; i < facts->n; i++)
        if (strcmp(facts->v[i].key, key) == 0)
            return &facts->v[i];
    return NULL;
}

/* The injected table's CPUs need not be there: threads that cannot be pinned run unpinned. */
START_TEST(test_facts_of_kinds)
{
    const unsigned usable[] = {0, 1, 4};
    static const char *const isas[] = {"c"};
    const struct aglm_cpus table = phone_table();
    struct aglm_kind kinds[AGLM_KINDS_MAX];
    struct aglm_facts facts = {0};
    struct aglm_roof_options o = {.window_ms = 1, .isas = isas, .n_isas = 1};
    ck_assert_uint_eq(aglm_roof_kinds_find(kinds, &table, usable, 3), 3);
    ck_assert(!aglm_roof_team_open(&o.team, 2, 4 << 20, NULL));
    aglm_roof_kinds_add(&facts, kinds, 3, &o);
    aglm_roof_team_close(&o.team);
    ck_assert_uint_eq(facts.n, 2 * aglm_roof_kinds_lines(kinds, 3)); /* best and lowest */
    ck_assert_double_gt(fact(&facts, "roof.cluster0.read.t1")->number, 0);
    ck_assert_double_gt(fact(&facts, "roof.cluster0.int8.c.t2")->number, 0);
    ck_assert_double_gt(fact(&facts, "roof.cluster1.int8.c.t1.low")->number, 0);
    ck_assert_ptr_null(fact(&facts, "roof.cluster1.read.t2"));
    ck_assert_ptr_null(fact(&facts, "roof.cluster2.read.t1"));
    ck_assert_str_eq(fact(&facts, "roof.cluster0.read.t2")->label, "Cluster 0 read, 2 threads");
    aglm_facts_finish(&facts);
    aglm_roof_kinds_add(&facts, kinds, 0, &o);
    ck_assert_uint_eq(facts.n, 0);
}
END_TEST

START_TEST(test_a_team_has_limits)
{
    struct aglm_roof_team *team = NULL;
    struct aglm_err err = {0};
    ck_assert_int_eq(aglm_roof_team_open(&team, 0, 0, &err), -EINVAL);
    ck_assert_int_eq(aglm_roof_team_open(&team, 513, 0, &err), -EINVAL);
    ck_assert(!aglm_roof_team_open(&team, 1, 0, NULL));
    struct aglm_roof_options o = {.team = team, .max_threads = 1, .window_ms = 1};
    ck_assert_int_eq(aglm_roof_measure(&roof, &o, &err), -EINVAL); /* nothing to read */
    o.skip = 1u << AGLM_ROOF_READ;
    ck_assert(!aglm_roof_measure(&roof, &o, NULL));
    o.max_threads = 2;
    ck_assert_int_eq(aglm_roof_measure(&roof, &o, &err), -EINVAL);
    aglm_roof_team_close(&team);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("roof");
    TCase *tc = tcase_create("roof");
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, test_lines);
    tcase_add_test(tc, test_base_set);
    tcase_add_test(tc, test_what_is_asked_for);
    tcase_add_test(tc, test_order_of_cpus);
    tcase_add_test(tc, test_lookup);
    tcase_add_test(tc, test_refused);
    tcase_add_test(tc, test_kinds_that_may_be_used);
    tcase_add_test(tc, test_facts_of_kinds);
    tcase_add_test(tc, test_a_team_has_limits);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
