/* Fork and join with few system calls: workers spin for a moment on an epoch counter, then sleep on
 * a futex.
 *
 * The barrier inside a run works the same way. With more threads than CPUs nobody spins: whoever
 * waits offers its CPU to the others a few times, then sleeps. How many pieces a thread took of the
 * last run is its speed; see aglm_pool_take.
 */
#include "engine/pool.h"

#include "probes/placement.h"

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

enum { SPINS = 4000, YIELDS = 16, MAX_THREADS = 512, MASK_CPUS = CPU_SETSIZE, LINE = 64 };

struct worker {
    _Alignas(LINE) struct aglm_pool *pool; /* taken is written all the time, by one thread */
    pthread_t thread;
    unsigned ith;
    size_t taken;    /* pieces of this run */
    size_t left_out; /* last pieces of a step, left to faster threads */
};

struct aglm_pool {
    unsigned n, started;
    int spins, yields;
    struct worker *workers; /* [n]; 0 is the caller and has no thread */
    aglm_pool_fn fn;
    void *ctx;
    bool pinned, caller_pinned, strict;
    cpu_set_t mask, caller_mask; /* asked for; the caller's own, to be put back */
    atomic_bool stop;
    /* What is polled lies apart from what is counted. */
    _Alignas(LINE) atomic_uint epoch, sleepers; /* of the workers between runs */
    _Alignas(LINE) atomic_uint phase, waiting;  /* of the barrier */
    _Alignas(LINE) atomic_uint arrived;
    _Alignas(LINE) atomic_size_t next;
    atomic_size_t from[MAX_THREADS]; /* pieces taken from each thread's part of a step */
};

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || (defined(__arm__) && __ARM_ARCH >= 7)
    __asm__ volatile("yield");
#endif
}

/* Waits until *word is no longer old: spins or yields, then sleeps. sleepers tells the waker that a
 * wake is needed. */
static void wait_change(const struct aglm_pool *pool, atomic_uint *word, unsigned old,
                        atomic_uint *sleepers)
{
    for (int i = 0; i < pool->spins; i++) {
        if (atomic_load_explicit(word, memory_order_acquire) != old)
            return;
        relax();
    }
    for (int i = 0; i < pool->yields; i++) {
        if (atomic_load_explicit(word, memory_order_acquire) != old)
            return;
        sched_yield();
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

bool aglm_pool_last(struct aglm_pool *pool)
{
    unsigned phase = atomic_load(&pool->phase);
    if (atomic_fetch_add(&pool->arrived, 1) + 1 == pool->n)
        return true;
    wait_change(pool, &pool->phase, phase, &pool->waiting);
    return false;
}

static void begin_step(struct aglm_pool *pool)
{
    for (unsigned i = 0; i < pool->n; i++)
        atomic_store_explicit(&pool->from[i], 0, memory_order_relaxed);
    atomic_store(&pool->next, 0);
}

bool aglm_pool_others_wait(struct aglm_pool *pool)
{
    return atomic_load(&pool->arrived) + 1 == pool->n;
}

void aglm_pool_release(struct aglm_pool *pool)
{
    atomic_store(&pool->arrived, 0);
    begin_step(pool);
    change(&pool->phase, &pool->waiting);
}

void aglm_pool_barrier(struct aglm_pool *pool)
{
    if (aglm_pool_last(pool))
        aglm_pool_release(pool);
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
        wait_change(pool, &pool->epoch, epoch, &pool->sleepers);
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

unsigned aglm_pool_fit(unsigned n_threads, const uint8_t *cpu_mask, size_t cpu_mask_bytes)
{
    cpu_set_t allowed;
    unsigned cpus = 0;
    CPU_ZERO(&allowed);
    if (sched_getaffinity(0, sizeof(allowed), &allowed))
        return n_threads;
    for (size_t cpu = 0; cpu < MASK_CPUS; cpu++)
        if (CPU_ISSET(cpu, &allowed) &&
            (!cpu_mask || (cpu < cpu_mask_bytes * 8 && cpu_mask[cpu / 8] >> (cpu % 8) & 1)))
            cpus++;
    return cpus == 0 || n_threads < cpus ? n_threads : cpus;
}

/* Without a mask, the CPUs that n threads best run on, where there is a choice. */
static void place(struct aglm_pool *pool)
{
    struct aglm_cpulist list;
    if (!aglm_placement_here(&list, pool->n))
        return;
    CPU_ZERO(&pool->mask);
    for (size_t cpu = 0; cpu < AGLM_CPUS_MAX && cpu < MASK_CPUS; cpu++)
        if (aglm_cpulist_has(&list, cpu))
            CPU_SET(cpu, &pool->mask);
    pool->pinned = true;
}

int aglm_pool_create(struct aglm_pool **out, unsigned n_threads, const uint8_t *cpu_mask,
                     size_t cpu_mask_bytes, bool strict, struct aglm_err *err)
{
    assert(n_threads >= 1 && n_threads <= MAX_THREADS);
    cpu_set_t allowed;
    struct aglm_pool *pool = aligned_alloc(LINE, sizeof(*pool));
    int rc = 0;
    if (!pool)
        return aglm_err_set(err, -ENOMEM, "%u threads: out of memory", n_threads);
    memset(pool, 0, sizeof(*pool));
    pool->n = n_threads;
    pool->strict = strict && cpu_mask;
    pool->workers = aligned_alloc(LINE, n_threads * sizeof(*pool->workers));
    if (!pool->workers) {
        rc = aglm_err_set(err, -ENOMEM, "%u threads: out of memory", n_threads);
        goto fail;
    }
    memset(pool->workers, 0, n_threads * sizeof(*pool->workers));
    if (cpu_mask) {
        rc = read_mask(pool, cpu_mask, cpu_mask_bytes, err);
        if (rc)
            goto fail;
        pool->pinned = true;
    } else {
        place(pool);
    }
    CPU_ZERO(&allowed);
    int cpus = sched_getaffinity(0, sizeof(allowed), &allowed) ? 1 : CPU_COUNT(&allowed);
    if (pool->pinned)
        cpus = CPU_COUNT(&pool->mask);
    if (n_threads <= (unsigned)cpus)
        pool->spins = SPINS;
    else
        pool->yields = YIELDS;
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

void aglm_pool_leave_out(size_t *left_out, const size_t *taken, size_t n)
{
    enum { PRIOR = 8 };
    double sum = 0, all = 0, fastest = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)taken[i];
    /* Each is taken to have done an eighth of an even share more than it has, so that none is
     * thought to stand still and left without work for good. */
    const double prior = sum / (double)(PRIOR * n);
    for (size_t i = 0; i < n; i++) {
        all += (double)taken[i] + prior;
        fastest = (double)taken[i] + prior > fastest ? (double)taken[i] + prior : fastest;
    }
    for (size_t i = 0; i < n; i++) {
        const double speed = (double)taken[i] + prior;
        left_out[i] = speed > 0 ? (size_t)((1 / speed - 1 / fastest) * (all - speed)) : 0;
    }
}

/* From what the last run took; a run that took nothing tells nothing. */
static void learn(struct aglm_pool *pool)
{
    size_t taken[MAX_THREADS], left_out[MAX_THREADS], sum = 0;
    for (unsigned i = 0; i < pool->n; i++)
        sum += taken[i] = pool->workers[i].taken;
    if (sum == 0)
        return;
    aglm_pool_leave_out(left_out, taken, pool->n);
    for (unsigned i = 0; i < pool->n; i++) {
        pool->workers[i].left_out = left_out[i];
        pool->workers[i].taken = 0;
    }
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
    learn(pool);
    begin_step(pool);
    if (pool->n > 1)
        change(&pool->epoch, &pool->sleepers);
    fn(ctx, 0, pool->n);
    aglm_pool_barrier(pool);
}

size_t aglm_pool_next(struct aglm_pool *pool)
{
    return atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed);
}

size_t aglm_pool_take(struct aglm_pool *pool, unsigned ith, size_t n)
{
    struct worker *w = &pool->workers[ith];
    if (atomic_load_explicit(&pool->next, memory_order_relaxed) + w->left_out >= n)
        return n;
    if (aglm_pool_next(pool) >= n)
        return n;
    w->taken++;
    /* One of n pieces is granted, so that in some part there is one left. */
    for (unsigned whose = ith;; whose = (whose + 1) % pool->n) {
        const size_t first = n * whose / pool->n, end = n * (whose + 1) / pool->n;
        const size_t i =
            first + atomic_fetch_add_explicit(&pool->from[whose], 1, memory_order_relaxed);
        if (i < end)
            return i;
    }
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
