/* The plan: which tests the options give, their order in rounds, and the limit. */
#include "bench/matrix.h"
#include "tests/unit/bench/suites.h"

#include <errno.h>
#include <string.h>

static struct aglm_options options_of(int argc, char **argv)
{
    struct aglm_options o = {0};
    struct aglm_err err = {0};
    ck_assert_msg(aglm_options_parse(&o, argc, argv, 2, &err) == 0, "%s", err.msg);
    return o;
}

/* Parses the words of line. */
static struct aglm_options options(const char *line)
{
    static char copy[512];
    char *argv[32] = {copy};
    int argc = 0;
    snprintf(copy, sizeof(copy), "run %s", line);
    for (char *p = strtok(copy, " "); p != NULL; p = strtok(NULL, " ")) {
        argv[argc++] = p;
    }
    return options_of(argc, argv);
}

START_TEST(the_default_plan)
{
    struct aglm_options o = options("");
    struct aglm_plan plan;
    ck_assert_int_eq(aglm_plan_create(&plan, &o, NULL), 0);
    ck_assert_uint_eq(plan.n_variants, 1);
    ck_assert_uint_eq(plan.n_tests, 2);
    ck_assert_uint_eq(plan.tests[0].n_prompt, 512);
    ck_assert_uint_eq(plan.tests[0].n_gen, 0);
    ck_assert_uint_eq(plan.tests[1].n_prompt, 0);
    ck_assert_uint_eq(plan.tests[1].n_gen, 128);
    ck_assert_uint_eq(plan.tests[1].n_threads, 2);
    aglm_plan_finish(&plan);
    aglm_options_finish(&o);
}
END_TEST

START_TEST(every_combination_once)
{
    struct aglm_options o =
        options("-m a,b -q none,q8_0 -t 1,2 -b 32,64 -ub 8 -C 0x1,0x2 --cpu-strict 0,1 "
                "-d 0,5 -p 3 -n 0,7 -pg 2,2 --fuse all,none");
    struct aglm_plan plan;
    ck_assert_uint_eq(aglm_plan_count(&o), 2 * 2 * 2 * 2 * 2 * 2 * 2 * 2 * (1 + 1 + 1));
    ck_assert_int_eq(aglm_plan_create(&plan, &o, NULL), 0);
    ck_assert_uint_eq(plan.n_tests, aglm_plan_count(&o));
    for (size_t i = 0; i < plan.n_tests; i++) {
        const struct aglm_test *a = &plan.tests[i];
        ck_assert(a->n_prompt + a->n_gen > 0);
        ck_assert(i == 0 || a->variant >= a[-1].variant); /* grouped */
        for (size_t j = 0; j < i; j++) {
            const struct aglm_test *b = &plan.tests[j];
            ck_assert(a->variant != b->variant || strcmp(a->cpu_mask, b->cpu_mask) != 0 ||
                      a->n_threads != b->n_threads || a->n_batch != b->n_batch ||
                      a->n_ubatch != b->n_ubatch || a->n_depth != b->n_depth ||
                      a->n_prompt != b->n_prompt || a->n_gen != b->n_gen ||
                      a->cpu_strict != b->cpu_strict || strcmp(a->fuse, b->fuse) != 0);
        }
    }
    aglm_plan_finish(&plan);
    aglm_options_finish(&o);
}
END_TEST

START_TEST(cache_types_apart)
{
    static const char *const expected[][2] = {{"f16", "q4_0"}, {"f16", "f16"},   {"q8_0", "q4_0"},
                                              {"q8_0", "f16"}, {"q4_0", "q4_0"}, {"q4_0", "f16"}};
    struct aglm_options o = options("-ctk f16,q8_0,q4_0 -ctv q4_0,f16 -p 3 -n 0");
    struct aglm_plan plan;
    ck_assert_int_eq(aglm_plan_create(&plan, &o, NULL), 0);
    ck_assert_uint_eq(plan.n_tests, 6);
    for (size_t i = 0; i < plan.n_tests; i++) {
        ck_assert_str_eq(plan.tests[i].type_k, expected[i][0]);
        ck_assert_str_eq(plan.tests[i].type_v, expected[i][1]);
    }
    aglm_plan_finish(&plan);
    aglm_options_finish(&o);
}
END_TEST

START_TEST(loads_are_variants)
{
    struct aglm_options o = options("--backend cpu,null --isa c,avx2 --load pack,mmap -n 0");
    struct aglm_plan plan;
    static const char *const expected[][2] = {
        {"c", "pack"}, {"c", "mmap"}, {"avx2", "pack"}, {"avx2", "mmap"}, {"c", "pack"}};
    ck_assert_int_eq(aglm_plan_create(&plan, &o, NULL), 0);
    ck_assert_uint_eq(plan.n_variants, 5);
    ck_assert_uint_eq(plan.n_tests, 5);
    for (size_t i = 0; i < plan.n_variants; i++) {
        ck_assert_str_eq(plan.variants[i].isa, expected[i][0]);
        ck_assert_str_eq(plan.variants[i].load, expected[i][1]);
    }
    aglm_plan_finish(&plan);
    aglm_options_finish(&o);
}
END_TEST

START_TEST(null_has_no_instruction_set)
{
    struct aglm_options o = options("--backend null,cpu --isa c,avx2 -n 0");
    struct aglm_plan plan;
    ck_assert_int_eq(aglm_plan_create(&plan, &o, NULL), 0);
    ck_assert_uint_eq(plan.n_tests, 3);
    ck_assert_str_eq(plan.variants[plan.tests[0].variant].backend, "null");
    ck_assert_str_eq(plan.variants[plan.tests[1].variant].isa, "c");
    ck_assert_str_eq(plan.variants[plan.tests[2].variant].isa, "avx2");
    aglm_plan_finish(&plan);
    aglm_options_finish(&o);
}
END_TEST

START_TEST(limits)
{
    struct aglm_plan plan;
    struct aglm_err err = {0};
    struct aglm_options o = options("-p 1-100 -n 0 -t 1-100");
    ck_assert_int_eq(aglm_plan_create(&plan, &o, &err), -E2BIG);
    ck_assert_ptr_nonnull(strstr(err.msg, "10000 tests"));
    ck_assert_ptr_nonnull(strstr(err.msg, "limit is 1000"));
    aglm_options_finish(&o);
    o = options("-p 1-1000 -n 0");
    ck_assert_int_eq(aglm_plan_create(&plan, &o, &err), 0);
    ck_assert_uint_eq(plan.n_tests, 1000);
    aglm_plan_finish(&plan);
    aglm_options_finish(&o);
    o = options("-p 0 -n 0");
    ck_assert_int_eq(aglm_plan_create(&plan, &o, &err), -EINVAL);
    aglm_options_finish(&o);
}
END_TEST

START_TEST(counts_do_not_wrap)
{
    struct aglm_options o =
        options("-p 1-100000 -n 1-100000 -d 0-99999 -b 1-100000 -ub 1-100000 -t 1-512");
    ck_assert_uint_eq(aglm_plan_count(&o), UINT64_MAX);
    aglm_options_finish(&o);
}
END_TEST

static void check_name(struct aglm_test test, const char *expected)
{
    char buf[64];
    aglm_test_name(&test, buf, sizeof(buf));
    ck_assert_str_eq(buf, expected);
}

START_TEST(names)
{
    check_name((struct aglm_test){.n_prompt = 512}, "pp512");
    check_name((struct aglm_test){.n_gen = 128}, "tg128");
    check_name((struct aglm_test){.n_prompt = 512, .n_gen = 128}, "pp512+tg128");
    check_name((struct aglm_test){.n_prompt = 512, .n_depth = 4096}, "pp512 @ d4096");
    check_name(
        (struct aglm_test){.n_prompt = UINT32_MAX, .n_gen = UINT32_MAX, .n_depth = UINT32_MAX},
        "pp4294967295+tg4294967295 @ d4294967295");
}
END_TEST

#define N_ORDER 20

static void shuffled(size_t *order, uint64_t seed, uint64_t round)
{
    for (size_t i = 0; i < N_ORDER; i++) {
        order[i] = i;
    }
    aglm_plan_shuffle(order, N_ORDER, seed, round);
}

START_TEST(rounds_are_permutations)
{
    for (uint64_t round = 0; round < 50; round++) {
        size_t order[N_ORDER];
        bool seen[N_ORDER] = {false};
        shuffled(order, 1, round);
        for (size_t i = 0; i < N_ORDER; i++) {
            ck_assert_uint_lt(order[i], N_ORDER);
            ck_assert(!seen[order[i]]);
            seen[order[i]] = true;
        }
    }
}
END_TEST

START_TEST(seeds_reproduce)
{
    size_t a[N_ORDER], b[N_ORDER], c[N_ORDER], d[N_ORDER];
    shuffled(a, 42, 3);
    shuffled(b, 42, 3);
    shuffled(c, 42, 4);
    shuffled(d, 43, 3);
    ck_assert_mem_eq(a, b, sizeof(a));
    ck_assert_mem_ne(a, c, sizeof(a)); /* 1 in 20! by chance, and the seeds are fixed */
    ck_assert_mem_ne(a, d, sizeof(a));
}
END_TEST

START_TEST(every_place_is_reached)
{
    unsigned first[N_ORDER] = {0};
    for (uint64_t round = 0; round < 2000; round++) {
        size_t order[N_ORDER];
        shuffled(order, 7, round);
        first[order[0]]++;
    }
    for (size_t i = 0; i < N_ORDER; i++) { /* 100 expected, sd 9.7; the seed is fixed */
        ck_assert_uint_gt(first[i], 60);
        ck_assert_uint_lt(first[i], 140);
    }
}
END_TEST

Suite *aglm_suite_matrix(void)
{
    Suite *suite = suite_create("matrix");
    TCase *tc = tcase_create("matrix");
    tcase_add_test(tc, the_default_plan);
    tcase_add_test(tc, every_combination_once);
    tcase_add_test(tc, cache_types_apart);
    tcase_add_test(tc, loads_are_variants);
    tcase_add_test(tc, null_has_no_instruction_set);
    tcase_add_test(tc, limits);
    tcase_add_test(tc, counts_do_not_wrap);
    tcase_add_test(tc, names);
    tcase_add_test(tc, rounds_are_permutations);
    tcase_add_test(tc, seeds_reproduce);
    tcase_add_test(tc, every_place_is_reached);
    suite_add_tcase(suite, tc);
    return suite;
}
