/* Measures the device's limits; see roof.h.
 *
 * One team of threads for each window: all are there and pinned before it begins, work until the
 * same end, and each reports what it did since the common beginning: a thread that the kernel lets
 * wait lowers the sum, and none is counted alone while others have yet to start. Refused: more than
 * 512 threads.
 */
#include "probes/roof.h"

#include "probes/clock.h"
#include "probes/profile.h"
#include "probes/roof_cpus.h"
#include "probes/roof_kernels.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { MAX_THREADS = 512, MAX_COUNTS = 64, CHUNK = 1 << 18, STREAMS = 4, ALIGN = 1 << 12 };

#define DEFAULT_BUFFER ((size_t)256 << 20)

struct team;

struct member {
    struct team *team;
    pthread_t thread;
    unsigned index;
    double per_s;
};

/* One window of one kind. */
struct team {
    const struct aglm_roof_kernels *kernels;
    enum aglm_roof_kind kind;
    const uint8_t *buffer;
    size_t part_bytes; /* of each member */
    uint64_t window_ns;
    unsigned n;
    size_t n_cpus; /* 0: not pinned */
    unsigned cpus[AGLM_ROOF_CPUS_MAX];
    atomic_uint ready;
    atomic_ullong start_ns; /* 0: not yet */
    atomic_ullong sink;     /* keeps the results alive */
    struct member member[MAX_THREADS];
};

/* Failing is no harm. */
static void pin(const struct team *t, unsigned index)
{
    cpu_set_t one;
    if (t->n_cpus == 0)
        return;
    CPU_ZERO(&one);
    CPU_SET(t->cpus[index % t->n_cpus], &one);
    (void)pthread_setaffinity_np(pthread_self(), sizeof(one), &one);
}

static uint64_t work(const struct team *t, const uint8_t *part, size_t *at, uint64_t *done)
{
    enum { ROUNDS = 1 << 12 };
    if (t->kind == AGLM_ROOF_INT8)
        return t->kernels->int8(ROUNDS, done);
    if (t->kind == AGLM_ROOF_F32)
        return t->kernels->f32(ROUNDS, done);
    /* Streams as far apart as there is room: within one page they would share a prefetcher. */
    const size_t stride = t->part_bytes / STREAMS, step = CHUNK / STREAMS;
    uint64_t sum = t->kernels->read(part + *at, stride, step);
    *done = CHUNK;
    *at = *at + step < stride ? *at + step : 0;
    return sum;
}

static void *run_member(void *ctx)
{
    struct member *m = ctx;
    struct team *t = m->team;
    const uint8_t *part = t->buffer ? t->buffer + m->index * t->part_bytes : NULL;
    uint64_t done = 0, sum = 0, total = 0, start, now;
    size_t at = 0;
    pin(t, m->index);
    sum ^= work(t, part, &at, &done); /* clocks and prefetchers wake up */
    atomic_fetch_add(&t->ready, 1);
    while (!(start = atomic_load(&t->start_ns)))
        sched_yield();
    do {
        sum ^= work(t, part, &at, &done);
        total += done;
        now = aglm_clock_ns();
    } while (now - start < t->window_ns);
    m->per_s = (double)total / ((double)(now - start) * 1e-9);
    atomic_fetch_xor(&t->sink, sum);
    return NULL;
}

/* Sum over the members of one window, or 0 when no thread could be started. */
static double run_window(struct team *t)
{
    unsigned started = 0;
    double sum = 0;
    atomic_store(&t->ready, 0);
    atomic_store(&t->start_ns, 0);
    for (; started < t->n; started++) {
        struct member *m = &t->member[started];
        *m = (struct member){.team = t, .index = started};
        if (pthread_create(&m->thread, NULL, run_member, m))
            break;
    }
    while (atomic_load(&t->ready) < started)
        sched_yield();
    atomic_store(&t->start_ns, aglm_clock_ns());
    for (unsigned i = 0; i < started; i++) {
        pthread_join(t->member[i].thread, NULL);
        sum += t->member[i].per_s;
    }
    return started == t->n ? sum : 0;
}

static int measure_line(struct aglm_roof *roof, struct team *t, struct aglm_err *err)
{
    struct aglm_roof_line line = {.kind = t->kind,
                                  .isa = t->kernels->isa,
                                  .threads = t->n,
                                  .low_per_s = INFINITY,
                                  .n_windows = AGLM_ROOF_WINDOWS};
    if (roof->n == AGLM_ROOF_MAX_LINES)
        return 0;
    for (unsigned i = 0; i < AGLM_ROOF_WINDOWS; i++) {
        double per_s = run_window(t);
        line.window_per_s[i] = per_s;
        if (per_s <= 0)
            return aglm_err_set(err, -EAGAIN, "roof: %u threads could not be started", t->n);
        line.per_s = per_s > line.per_s ? per_s : line.per_s;
        line.low_per_s = per_s < line.low_per_s ? per_s : line.low_per_s;
    }
    roof->line[roof->n++] = line;
    return 0;
}

static size_t choose_bytes(const struct aglm_roof_options *o)
{
    struct aglm_conditions now;
    if (o->buffer_bytes)
        return o->buffer_bytes;
    aglm_conditions_take(&now, NULL);
    double eighth = now.memory_available_bytes / 8;
    return eighth < (double)DEFAULT_BUFFER ? (size_t)eighth : DEFAULT_BUFFER;
}

/* Every page is written, or all would be the same zero page, which lies in the cache. */
static int make_buffer(uint8_t **out, size_t bytes, struct aglm_err *err)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return aglm_err_set(err, -errno, "roof: no memory for a buffer of %zu MiB: %s", bytes >> 20,
                            strerror(errno));
#ifdef MADV_HUGEPAGE
    (void)madvise(p, bytes, MADV_HUGEPAGE);
#endif
    for (size_t i = 0; i < bytes; i += ALIGN)
        ((uint8_t *)p)[i] = (uint8_t)(i / ALIGN);
    *out = p;
    return 0;
}

static bool wanted(const struct aglm_roof_options *o, const char *isa)
{
    for (size_t i = 0; i < o->n_isas; i++)
        if (strcmp(o->isas[i], isa) == 0)
            return true;
    return !o->isas;
}

struct sets {
    const struct aglm_roof_kernels *v[AGLM_ROOF_MAX_SETS];
    size_t n;
};

/* All lines of t->n threads. */
static int measure_threads(struct aglm_roof *roof, struct team *t, const struct sets *sets,
                           const struct aglm_roof_options *o, struct aglm_err *err)
{
    int rc = 0;
    t->part_bytes = roof->buffer_bytes / t->n / CHUNK * CHUNK;
    t->kernels = sets->v[sets->n - 1]; /* the widest loads */
    t->kind = AGLM_ROOF_READ;
    if (!(o->skip & 1u << AGLM_ROOF_READ))
        rc = measure_line(roof, t, err);
    for (size_t i = 0; i < sets->n && !rc; i++) {
        if (!wanted(o, sets->v[i]->isa))
            continue;
        t->kernels = sets->v[i];
        t->kind = AGLM_ROOF_INT8;
        if (!(o->skip & 1u << AGLM_ROOF_INT8))
            rc = measure_line(roof, t, err);
        t->kind = AGLM_ROOF_F32;
        if (!rc && !(o->skip & 1u << AGLM_ROOF_F32))
            rc = measure_line(roof, t, err);
    }
    return rc;
}

/* 20 ms, or less where there is so much to measure that 3 s would not do. */
static uint64_t choose_window_ns(const struct aglm_roof_options *o, size_t n_counts, size_t n_sets)
{
    enum { WINDOW_NS = 20000000, LEAST_NS = 1000000 };
    const uint64_t budget_ns = 2200000000;
    const uint64_t share = budget_ns / (n_counts * (1 + 2 * n_sets) * AGLM_ROOF_WINDOWS);
    if (o->window_ms)
        return o->window_ms * (uint64_t)1000000;
    return share > WINDOW_NS ? WINDOW_NS : share < LEAST_NS ? LEAST_NS : share;
}

/* The thread counts to measure, and the largest. */
static int choose_counts(unsigned counts[MAX_COUNTS], size_t *n_counts, unsigned *max,
                         const struct aglm_roof_options *o, struct aglm_err *err)
{
    const unsigned *given = o->threads ? o->threads : &o->max_threads;
    const size_t n_given = o->threads ? o->n_threads : 1;
    size_t n = 0;
    *max = 0;
    if (n_given < 1 || n_given > MAX_COUNTS)
        return aglm_err_set(err, -EINVAL, "roof: %zu thread counts: must be 1 to %d", n_given,
                            MAX_COUNTS);
    for (size_t i = 0; i < n_given; i++) {
        if (given[i] < 1 || given[i] > MAX_THREADS)
            return aglm_err_set(err, -EINVAL, "roof: %u threads: must be 1 to %d", given[i],
                                MAX_THREADS);
        *max = given[i] > *max ? given[i] : *max;
    }
    for (unsigned k = 1; !o->threads && k < *max; k *= 2)
        counts[n++] = k;
    for (size_t i = 0; i < n_given; i++)
        counts[n++] = given[i];
    *n_counts = n;
    return 0;
}

int aglm_roof_measure(struct aglm_roof *out, const struct aglm_roof_options *options,
                      struct aglm_err *err)
{
    struct sets sets;
    const uint64_t start_ns = aglm_clock_ns();
    unsigned counts[MAX_COUNTS], max;
    struct aglm_roof roof = {0};
    uint8_t *buffer = NULL;
    size_t n_counts = 0;
    sets.n = aglm_roof_sets(sets.v, options->isa_flags);
    int rc = choose_counts(counts, &n_counts, &max, options, err);
    if (rc)
        return rc;
    struct team *t = calloc(1, sizeof(*t));
    if (!t)
        return aglm_err_set(err, -ENOMEM, "roof: out of memory");
    t->window_ns = choose_window_ns(options, n_counts, sets.n);
    t->n_cpus = aglm_roof_cpus(t->cpus, options->cpu_mask, options->cpu_mask_bytes);
    roof.buffer_bytes = choose_bytes(options) / ALIGN * ALIGN;
    roof.buffer_bytes =
        roof.buffer_bytes < (size_t)max * CHUNK ? (size_t)max * CHUNK : roof.buffer_bytes;
    if (!(options->skip & 1u << AGLM_ROOF_READ))
        rc = make_buffer(&buffer, roof.buffer_bytes, err);
    t->buffer = buffer;
    for (size_t i = 0; i < n_counts && !rc; i++) {
        t->n = counts[i];
        rc = measure_threads(&roof, t, &sets, options, err);
    }
    if (buffer)
        munmap(buffer, roof.buffer_bytes);
    free(t);
    roof.ns = aglm_clock_ns() - start_ns;
    if (!rc)
        *out = roof;
    return rc;
}

const struct aglm_roof_line *aglm_roof_find(const struct aglm_roof *roof, enum aglm_roof_kind kind,
                                            const char *isa, unsigned threads)
{
    const struct aglm_roof_line *best = NULL;
    for (size_t i = 0; i < roof->n; i++) {
        const struct aglm_roof_line *l = &roof->line[i];
        if (l->kind != kind || l->threads > threads || (isa && strcmp(l->isa, isa) != 0))
            continue;
        if (!best || l->threads > best->threads ||
            (l->threads == best->threads && l->per_s > best->per_s))
            best = l;
    }
    return best;
}
