/* The thread pool: every thread takes part, work is dealt out once and by speed, masks are
 * honoured, and who waits sleeps. */
#include "engine/pool.h"

#include <check.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

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

/* ---- work for one ---- */

struct alone {
    struct aglm_pool *pool;
    unsigned works; /* not atomic: one thread at a time */
    bool wrong[16];
};

static void work_alone(void *ctx, unsigned ith, unsigned n)
{
    enum { STEPS = 100 };
    struct alone *a = ctx;
    (void)n;
    for (unsigned i = 1; i <= STEPS; i++) {
        if (aglm_pool_last(a->pool)) {
            a->works++;
            aglm_pool_release(a->pool);
        }
        a->wrong[ith] |= a->works != i;
        aglm_pool_barrier(a->pool);
    }
}

START_TEST(test_pool_last_works_before_the_others_go_on)
{
    unsigned n = (unsigned)_i;
    struct alone a = {0};
    ck_assert_int_eq(aglm_pool_create(&a.pool, n, NULL, 0, false, &err), 0);
    aglm_pool_run(a.pool, work_alone, &a);
    for (unsigned i = 0; i < n; i++)
        ck_assert(!a.wrong[i]);
    aglm_pool_destroy(&a.pool);
}
END_TEST

/* ---- pieces by speed ---- */

START_TEST(test_pool_leaves_out_by_speed)
{
    size_t out[3];
    aglm_pool_leave_out(out, (const size_t[]){0, 0, 0}, 3);
    ck_assert(out[0] == 0 && out[1] == 0 && out[2] == 0);
    aglm_pool_leave_out(out, (const size_t[]){500, 490, 510}, 3);
    ck_assert(out[0] == 0 && out[1] == 0 && out[2] == 0);
    /* A quarter of the speed: with 2 pieces left, the other is done before the slow one had one. */
    aglm_pool_leave_out(out, (const size_t[]){80, 20}, 2);
    ck_assert(out[0] == 0 && out[1] == 2);
    /* Who took nothing still gets some of a long step. */
    aglm_pool_leave_out(out, (const size_t[]){0, 1000}, 2);
    ck_assert(out[0] > 2 && out[0] < 32 && out[1] == 0);
}
END_TEST

enum { PIECES = 100, SLOW_PIECES = 20 };

/* Of the first run thread 1 gets SLOW_PIECES; then it asks first. */
struct slow {
    struct aglm_pool *pool;
    bool first;
    size_t got[2];
};

static void take_slowly(void *ctx, unsigned ith, unsigned n)
{
    struct slow *s = ctx;
    (void)n;
    s->got[ith] = 0;
    if (s->first) {
        size_t pieces = ith ? SLOW_PIECES : PIECES - SLOW_PIECES;
        while (s->got[ith] < pieces && aglm_pool_take(s->pool, ith, PIECES) < PIECES)
            s->got[ith]++;
        return;
    }
    if (ith == 1)
        while (aglm_pool_take(s->pool, 1, 3) < 3)
            s->got[1]++;
    aglm_pool_barrier(s->pool);
    if (ith == 0)
        while (aglm_pool_take(s->pool, 0, 3) < 3)
            s->got[0]++;
}

START_TEST(test_pool_slow_thread_leaves_the_last_pieces)
{
    struct slow s = {.first = true};
    ck_assert_int_eq(aglm_pool_create(&s.pool, 2, NULL, 0, false, &err), 0);
    aglm_pool_run(s.pool, take_slowly, &s);
    ck_assert_uint_eq(s.got[0], PIECES - SLOW_PIECES);
    ck_assert_uint_eq(s.got[1], SLOW_PIECES);
    s.first = false;
    aglm_pool_run(s.pool, take_slowly, &s);
    ck_assert_uint_eq(s.got[1], 1); /* of 3, the last 2 are not for it */
    ck_assert_uint_eq(s.got[0], 3); /* the barrier began anew */
    aglm_pool_destroy(&s.pool);
}
END_TEST

/* Each thread begins with its own part of neighbouring pieces and goes on with the others': every
 * piece once, in each step. One thread asks for all of them, in an order that is known. */
static void take_as_all(void *ctx, unsigned ith, unsigned n_threads)
{
    static const size_t EXPECTED[] = {0, 3, 6, 7, 8, 9, 1, 2, 4, 5};
    enum { N = sizeof(EXPECTED) / sizeof(*EXPECTED) };
    struct aglm_pool *pool = ctx;
    for (int step = 0; step < 2; step++) {
        for (size_t i = 0; ith == 0 && i <= N; i++) {
            const size_t got = aglm_pool_take(pool, i < n_threads ? (unsigned)i : 2, N);
            ck_assert_uint_eq(got, i < N ? EXPECTED[i] : N);
        }
        aglm_pool_barrier(pool);
    }
}

START_TEST(test_pool_parts)
{
    struct aglm_pool *pool = NULL;
    ck_assert_int_eq(aglm_pool_create(&pool, 3, NULL, 0, false, &err), 0);
    aglm_pool_run(pool, take_as_all, pool);
    aglm_pool_destroy(&pool);
}
END_TEST

/* ---- sleep ---- */

struct sleepers {
    unsigned n;
    long tid[16]; /* not all of the process: a sanitizer has a thread of its own */
};

static void tell_tid(void *ctx, unsigned ith, unsigned n)
{
    struct sleepers *s = ctx;
    if (ith == 0)
        s->n = n;
    s->tid[ith] = syscall(SYS_gettid);
}

/* How often the workers have been on a CPU; *asleep: whether all sleep now. */
static unsigned long long switches(const struct sleepers *s, bool *asleep)
{
    unsigned long long sum = 0, one;
    char path[64], line[256], state;
    *asleep = true;
    for (unsigned i = 1; i < s->n; i++) {
        snprintf(path, sizeof(path), "/proc/self/task/%ld/status", s->tid[i]);
        FILE *f = fopen(path, "r");
        ck_assert_ptr_nonnull(f);
        while (fgets(line, sizeof(line), f)) {
            if (sscanf(line, "State: %c", &state) == 1)
                *asleep &= state == 'S';
            if (sscanf(line, "voluntary_ctxt_switches: %llu", &one) == 1 ||
                sscanf(line, "nonvoluntary_ctxt_switches: %llu", &one) == 1)
                sum += one;
        }
        fclose(f);
    }
    return sum;
}

/* Workers reach their sleep, and then no CPU runs them until there is work. */
START_TEST(test_pool_idle_sleeps)
{
    struct aglm_pool *pool = NULL;
    struct sleepers s = {0};
    bool asleep = false;
    unsigned long long before = 0, after;
    ck_assert_int_eq(aglm_pool_create(&pool, (unsigned)_i, NULL, 0, false, &err), 0);
    aglm_pool_run(pool, tell_tid, &s);
    while (!asleep) { /* Check ends this if it never comes true */
        usleep(20 * 1000);
        before = switches(&s, &asleep);
    }
    usleep(200 * 1000);
    after = switches(&s, &asleep);
    ck_assert(asleep);
    ck_assert_uint_eq(before, after);
    aglm_pool_run(pool, nothing, NULL);
    do
        after = switches(&s, &asleep);
    while (!asleep);
    ck_assert_uint_gt(after, before); /* what is counted does count */
    aglm_pool_destroy(&pool);
}
END_TEST

START_TEST(test_pool_fits_threads_to_cpus)
{
    cpu_set_t allowed;
    uint8_t first[128] = {0}, all[128], none[1] = {0};
    ck_assert_int_eq(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
    const unsigned cpus = (unsigned)CPU_COUNT(&allowed);
    for (size_t cpu = 0; cpu < 1024; cpu++)
        if (CPU_ISSET(cpu, &allowed)) {
            first[cpu / 8] = (uint8_t)(1u << cpu % 8);
            break;
        }
    memset(all, 0xff, sizeof(all));
    ck_assert_uint_eq(aglm_pool_fit(1, NULL, 0), 1);
    ck_assert_uint_eq(aglm_pool_fit(cpus, NULL, 0), cpus);
    ck_assert_uint_eq(aglm_pool_fit(cpus + 1, NULL, 0), cpus);
    ck_assert_uint_eq(aglm_pool_fit(512, all, sizeof(all)), cpus);
    ck_assert_uint_eq(aglm_pool_fit(1, first, sizeof(first)), 1);
    ck_assert_uint_eq(aglm_pool_fit(8, first, sizeof(first)), 1);
    ck_assert_uint_eq(aglm_pool_fit(8, none, sizeof(none)), 8); /* refused by aglm_pool_create */
}
END_TEST

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
    tcase_add_loop_test(pool, test_pool_last_works_before_the_others_go_on, 1, 6);
    tcase_add_test(pool, test_pool_leaves_out_by_speed);
    tcase_add_test(pool, test_pool_slow_thread_leaves_the_last_pieces);
    tcase_add_test(pool, test_pool_parts);
    tcase_add_loop_test(pool, test_pool_idle_sleeps, 2, 6);
    tcase_add_test(pool, test_pool_fits_threads_to_cpus);
    tcase_add_loop_test(pool, test_pool_pins_and_puts_back, 0, 2);
    suite_add_tcase(suite, pool);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
