/* Fork and join with few system calls: workers spin for a moment on an epoch counter, then sleep on
 * a futex.
 *
 * The barrier inside a run works the same way. With more threads than CPUs nobody spins: whoever
 * waits gives its CPU away at once.
 */
#include "engine/pool.h"

#include <assert.h>
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SPINS = 4000, MAX_THREADS = 512, MASK_CPUS = CPU_SETSIZE };

struct worker {
    struct aglm_pool *pool;
    pthread_t thread;
    unsigned ith;
};

struct aglm_pool {
    unsigned n, started;
    int spins;
    struct worker *workers; /* [n]; 0 is the caller and has no thread */
    aglm_pool_fn fn;
    void *ctx;
    atomic_uint epoch, sleepers;         /* of the workers between runs */
    atomic_uint arrived, phase, waiting; /* of the barrier */
    atomic_size_t next;
    atomic_bool stop;
    bool pinned, caller_pinned, strict;
    cpu_set_t mask, caller_mask; /* asked for; the caller's own, to be put back */
};

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || (defined(__arm__) && __ARM_ARCH >= 7)
    __asm__ volatile("yield");
#endif
}

/* Waits until *word is no longer old: spins, then sleeps. sleepers tells the waker that a wake is
 * needed. */
static void wait_change(atomic_uint *word, unsigned old, atomic_uint *sleepers, int spins)
{
    for (int i = 0; i < spins; i++) {
        if (atomic_load_explicit(word, memory_order_acquire) != old)
            return;
        relax();
    }
    atomic_fetch_add(sleepers, 1);
    while (atomic_load(word) == old)
        syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, old, NULL, NULL, 0);
    atomic_fetch_sub(sleepers, 1);
}

static void change(atomic_uint *word, atomic_uint *sleepers)
{
    atomic_fetch_add(word, 1);
    if (atomic_load(sleepers))
        syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, MAX_THREADS, NULL, NULL, 0);
}

void aglm_pool_barrier(struct aglm_pool *pool)
{
    unsigned phase = atomic_load(&pool->phase);
    if (atomic_fetch_add(&pool->arrived, 1) + 1 == pool->n) {
        atomic_store(&pool->arrived, 0);
        atomic_store(&pool->next, 0);
        change(&pool->phase, &pool->waiting);
    } else {
        wait_change(&pool->phase, phase, &pool->waiting, pool->spins);
    }
}

/* The CPUs thread ith shall run on: the whole mask, or the ith of its CPUs in turn. */
static cpu_set_t mask_of(const struct aglm_pool *pool, unsigned ith)
{
    if (!pool->strict)
        return pool->mask;
    unsigned want = ith % (unsigned)CPU_COUNT(&pool->mask), seen = 0;
    cpu_set_t one;
    CPU_ZERO(&one);
    for (int cpu = 0; cpu < MASK_CPUS; cpu++)
        if (CPU_ISSET(cpu, &pool->mask) && seen++ == want)
            CPU_SET(cpu, &one);
    return one;
}

static void pin(const struct aglm_pool *pool, unsigned ith)
{
    cpu_set_t mask = mask_of(pool, ith);
    /* A refusal shows in aglm_pool_affinity, which reads back. */
    (void)pthread_setaffinity_np(pthread_self(), sizeof(mask), &mask);
}

static void *work(void *arg)
{
    struct worker *w = arg;
    struct aglm_pool *pool = w->pool;
    if (pool->pinned)
        pin(pool, w->ith);
    for (unsigned epoch = 0;; epoch++) {
        wait_change(&pool->epoch, epoch, &pool->sleepers, pool->spins);
        if (atomic_load(&pool->stop))
            return NULL;
        pool->fn(pool->ctx, w->ith, pool->n);
        aglm_pool_barrier(pool);
    }
}

static int read_mask(struct aglm_pool *pool, const uint8_t *bits, size_t bytes,
                     struct aglm_err *err)
{
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    if (sched_getaffinity(0, sizeof(allowed), &allowed))
        return aglm_err_set(err, -errno, "CPU mask: cannot read this process's own CPUs: %s",
                            strerror(errno));
    CPU_ZERO(&pool->mask);
    for (size_t cpu = 0; cpu < bytes * 8 && cpu < MASK_CPUS; cpu++)
        if (bits[cpu / 8] >> (cpu % 8) & 1)
            CPU_SET(cpu, &pool->mask);
    cpu_set_t both;
    CPU_AND(&both, &pool->mask, &allowed);
    if (CPU_COUNT(&both) == 0)
        return aglm_err_set(err, -EINVAL,
                            "CPU mask: names no CPU that this process may run on; see "
                            "Cpus_allowed_list in /proc/self/status");
    pool->mask = both;
    return 0;
}

int aglm_pool_create(struct aglm_pool **out, unsigned n_threads, const uint8_t *cpu_mask,
                     size_t cpu_mask_bytes, bool strict, struct aglm_err *err)
{
    assert(n_threads >= 1 && n_threads <= MAX_THREADS);
    cpu_set_t allowed;
    struct aglm_pool *pool = calloc(1, sizeof(*pool));
    int rc = 0;
    if (!pool)
        return aglm_err_set(err, -ENOMEM, "%u threads: out of memory", n_threads);
    pool->n = n_threads;
    pool->strict = strict;
    pool->workers = calloc(n_threads, sizeof(*pool->workers));
    if (!pool->workers) {
        rc = aglm_err_set(err, -ENOMEM, "%u threads: out of memory", n_threads);
        goto fail;
    }
    if (cpu_mask) {
        rc = read_mask(pool, cpu_mask, cpu_mask_bytes, err);
        if (rc)
            goto fail;
        pool->pinned = true;
    }
    CPU_ZERO(&allowed);
    int cpus = sched_getaffinity(0, sizeof(allowed), &allowed) ? 1 : CPU_COUNT(&allowed);
    if (pool->pinned)
        cpus = CPU_COUNT(&pool->mask);
    pool->spins = n_threads > (unsigned)cpus ? 0 : SPINS;
    for (unsigned i = 1; i < n_threads; i++) {
        pool->workers[i] = (struct worker){.pool = pool, .ith = i};
        int e = pthread_create(&pool->workers[i].thread, NULL, work, &pool->workers[i]);
        if (e) {
            rc = aglm_err_set(err, -e, "%u threads: thread %u could not be started: %s", n_threads,
                              i, strerror(e));
            goto fail;
        }
        pool->started = i;
    }
    *out = pool;
    return 0;
fail:
    aglm_pool_destroy(&pool);
    return rc;
}

void aglm_pool_destroy(struct aglm_pool **pool_ptr)
{
    struct aglm_pool *pool = *pool_ptr;
    if (!pool)
        return;
    *pool_ptr = NULL;
    atomic_store(&pool->stop, true);
    change(&pool->epoch, &pool->sleepers);
    for (unsigned i = 1; i <= pool->started; i++)
        pthread_join(pool->workers[i].thread, NULL);
    if (pool->caller_pinned)
        (void)pthread_setaffinity_np(pthread_self(), sizeof(pool->caller_mask), &pool->caller_mask);
    free(pool->workers);
    free(pool);
}

unsigned aglm_pool_threads(const struct aglm_pool *pool)
{
    return pool->n;
}

void aglm_pool_run(struct aglm_pool *pool, aglm_pool_fn fn, void *ctx)
{
    if (pool->pinned && !pool->caller_pinned) {
        CPU_ZERO(&pool->caller_mask);
        if (pthread_getaffinity_np(pthread_self(), sizeof(pool->caller_mask), &pool->caller_mask) ==
            0) {
            pin(pool, 0);
            pool->caller_pinned = true;
        }
    }
    pool->fn = fn;
    pool->ctx = ctx;
    atomic_store(&pool->next, 0);
    if (pool->n > 1)
        change(&pool->epoch, &pool->sleepers);
    fn(ctx, 0, pool->n);
    aglm_pool_barrier(pool);
}

size_t aglm_pool_next(struct aglm_pool *pool)
{
    return atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed);
}

/* "0-3,6" of a set, into buf; returns the length that it has or would have. */
static size_t print_set(char *buf, size_t size, const cpu_set_t *set)
{
    size_t n = 0;
    for (int cpu = 0; cpu < MASK_CPUS; cpu++) {
        if (!CPU_ISSET(cpu, set))
            continue;
        int last = cpu;
        while (last + 1 < MASK_CPUS && CPU_ISSET(last + 1, set))
            last++;
        int len = snprintf(n < size ? buf + n : NULL, n < size ? size - n : 0,
                           last > cpu ? "%s%d-%d" : "%s%d", n ? "," : "", cpu, last);
        n += len > 0 ? (size_t)len : 0;
        cpu = last;
    }
    return n;
}

void aglm_pool_affinity(const struct aglm_pool *pool, char *buf, size_t size)
{
    cpu_set_t previous;
    size_t n = 0;
    CPU_ZERO(&previous);
    if (size)
        buf[0] = '\0';
    for (unsigned i = 0; i < pool->n && n < size; i++) {
        cpu_set_t set;
        CPU_ZERO(&set);
        pthread_t thread = i ? pool->workers[i].thread : pthread_self();
        if (pthread_getaffinity_np(thread, sizeof(set), &set))
            continue;
        if (i && CPU_EQUAL(&set, &previous))
            continue;
        if (n)
            n += (size_t)snprintf(buf + n, size - n, " | ");
        if (n < size)
            n += print_set(buf + n, size - n, &set);
        previous = set;
    }
}
