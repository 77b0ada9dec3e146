/* The thread pool: every thread takes part, work is dealt out once, masks are honoured. */
#include "engine/pool.h"

#include <check.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct aglm_err err;

struct tally {
    struct aglm_pool *pool;
    atomic_uint threads, pieces, after;
    bool seen[16];
};

static void take_part(void *ctx, unsigned ith, unsigned n)
{
    struct tally *t = ctx;
    ck_assert_uint_lt(ith, n);
    t->seen[ith] = true;
    atomic_fetch_add(&t->threads, 1);
    while (aglm_pool_next(t->pool) < 100)
        atomic_fetch_add(&t->pieces, 1);
    aglm_pool_barrier(t->pool);
    /* All pieces are done, and the counter starts again. */
    ck_assert_uint_eq(atomic_load(&t->pieces) % 100, 0);
    while (aglm_pool_next(t->pool) < 50)
        atomic_fetch_add(&t->after, 1);
}

START_TEST(test_pool)
{
    enum { RUNS = 200 };
    unsigned n = (unsigned)_i;
    struct tally t = {0};
    ck_assert_int_eq(aglm_pool_create(&t.pool, n, NULL, 0, false, &err), 0);
    ck_assert_uint_eq(aglm_pool_threads(t.pool), n);
    for (int i = 0; i < RUNS; i++)
        aglm_pool_run(t.pool, take_part, &t);
    ck_assert_uint_eq(atomic_load(&t.threads), RUNS * n);
    ck_assert_uint_eq(atomic_load(&t.pieces), RUNS * 100);
    ck_assert_uint_eq(atomic_load(&t.after), RUNS * 50);
    for (unsigned i = 0; i < n; i++)
        ck_assert(t.seen[i]);
    aglm_pool_destroy(&t.pool);
    ck_assert_ptr_null(t.pool);
    aglm_pool_destroy(&t.pool);
}
END_TEST

static void nothing(void *ctx, unsigned ith, unsigned n)
{
    (void)ctx, (void)ith, (void)n;
}

START_TEST(test_pool_pins_and_puts_back)
{
    cpu_set_t before, after;
    uint8_t mask[16] = {0};
    char text[64], expected[16];
    struct aglm_pool *pool = NULL;
    CPU_ZERO(&before);
    CPU_ZERO(&after);
    ck_assert_int_eq(sched_getaffinity(0, sizeof(before), &before), 0);
    int cpu = 0;
    while (!CPU_ISSET(cpu, &before))
        cpu++;
    ck_assert_int_lt(cpu, 128);
    mask[cpu / 8] = (uint8_t)(1u << (cpu % 8));
    ck_assert_int_eq(aglm_pool_create(&pool, 2, mask, sizeof(mask), _i, &err), 0);
    aglm_pool_run(pool, nothing, NULL);
    aglm_pool_affinity(pool, text, sizeof(text));
    snprintf(expected, sizeof(expected), "%d", cpu);
    ck_assert_str_eq(text, expected);
    aglm_pool_destroy(&pool);
    ck_assert_int_eq(sched_getaffinity(0, sizeof(after), &after), 0);
    ck_assert(CPU_EQUAL(&before, &after));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pool");
    TCase *pool = tcase_create("pool");
    tcase_set_timeout(pool, 120);
    tcase_add_loop_test(pool, test_pool, 1, 6);
    tcase_add_loop_test(pool, test_pool_pins_and_puts_back, 0, 2);
    suite_add_tcase(suite, pool);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
