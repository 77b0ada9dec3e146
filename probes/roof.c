/* Measures the device's limits; see roof.h.
 *
 * One team of threads for each thread count: all wait for the same moment, work until the window's
 * end, and each reports what it did over its own time. Refused: more than 512 threads.
 */
#include "probes/roof.h"

#include "probes/clock.h"
#include "probes/isa.h"
#include "probes/profile.h"
#include "probes/roof_kernels.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { MAX_THREADS = 512, WINDOWS = 3, CHUNK = 1 << 18, ALIGN = 1 << 12 };

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
    atomic_uint ready;
    atomic_int go;
    atomic_ullong sink; /* keeps the results alive */
    struct member member[MAX_THREADS];
};

/* The i-th CPU of those the process may use; failing is no harm. */
static void pin(unsigned index)
{
    cpu_set_t all, one;
    if (sched_getaffinity(0, sizeof(all), &all) || CPU_COUNT(&all) == 0)
        return;
    unsigned wanted = index % (unsigned)CPU_COUNT(&all);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &all) && wanted-- == 0) {
            CPU_ZERO(&one);
            CPU_SET(cpu, &one);
            (void)pthread_setaffinity_np(pthread_self(), sizeof(one), &one);
            return;
        }
}

static uint64_t work(const struct team *t, const uint8_t *part, size_t *at, uint64_t *done)
{
    enum { ROUNDS = 1 << 12 };
    if (t->kind == AGLM_ROOF_INT8)
        return t->kernels->int8(ROUNDS, done);
    if (t->kind == AGLM_ROOF_F32)
        return t->kernels->f32(ROUNDS, done);
    uint64_t sum = t->kernels->read(part + *at, CHUNK);
    *done = CHUNK;
    *at = *at + CHUNK < t->part_bytes ? *at + CHUNK : 0;
    return sum;
}

static void *run_member(void *ctx)
{
    struct member *m = ctx;
    struct team *t = m->team;
    const uint8_t *part = t->buffer ? t->buffer + m->index * t->part_bytes : NULL;
    uint64_t done = 0, sum = 0, total = 0, now;
    size_t at = 0;
    pin(m->index);
    atomic_fetch_add(&t->ready, 1);
    while (!atomic_load(&t->go))
        sched_yield();
    sum ^= work(t, part, &at, &done); /* clocks and prefetchers wake up */
    const uint64_t start = aglm_clock_ns();
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
    atomic_store(&t->go, 0);
    for (; started < t->n; started++) {
        struct member *m = &t->member[started];
        *m = (struct member){.team = t, .index = started};
        if (pthread_create(&m->thread, NULL, run_member, m))
            break;
    }
    while (atomic_load(&t->ready) < started)
        sched_yield();
    atomic_store(&t->go, 1);
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
                                  .n_windows = WINDOWS};
    if (roof->n == AGLM_ROOF_MAX_LINES)
        return 0;
    for (unsigned i = 0; i < WINDOWS; i++) {
        double per_s = run_window(t);
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

static int measure_threads(struct aglm_roof *roof, struct team *t,
                           const struct aglm_roof_kernels *const *sets, size_t n_sets,
                           unsigned skip, struct aglm_err *err)
{
    int rc = 0;
    t->part_bytes = roof->buffer_bytes / t->n / CHUNK * CHUNK;
    t->kernels = sets[n_sets - 1]; /* the widest loads */
    t->kind = AGLM_ROOF_READ;
    if (!(skip & 1u << AGLM_ROOF_READ))
        rc = measure_line(roof, t, err);
    for (size_t i = 0; i < n_sets && !rc; i++) {
        t->kernels = sets[i];
        t->kind = AGLM_ROOF_INT8;
        if (!(skip & 1u << AGLM_ROOF_INT8))
            rc = measure_line(roof, t, err);
        t->kind = AGLM_ROOF_F32;
        if (!rc && !(skip & 1u << AGLM_ROOF_F32))
            rc = measure_line(roof, t, err);
    }
    return rc;
}

int aglm_roof_measure(struct aglm_roof *out, const struct aglm_roof_options *options,
                      struct aglm_err *err)
{
    const struct aglm_roof_kernels *sets[3] = {&aglm_roof_c};
    const uint64_t start_ns = aglm_clock_ns();
    struct aglm_roof roof = {0};
    uint8_t *buffer = NULL;
    size_t n_sets = 1;
    const unsigned max = options->max_threads;
    if (max < 1 || max > MAX_THREADS)
        return aglm_err_set(err, -EINVAL, "roof: %u threads: must be 1 to %d", max, MAX_THREADS);
#if defined(__x86_64__)
    if (options->isa_flags & AGLM_ISA_AVX2)
        sets[n_sets++] = &aglm_roof_avx2;
    if (options->isa_flags & AGLM_ISA_AVX512)
        sets[n_sets++] = &aglm_roof_avx512;
#endif
    struct team *t = calloc(1, sizeof(*t));
    if (!t)
        return aglm_err_set(err, -ENOMEM, "roof: out of memory");
    t->window_ns = (options->window_ms ? options->window_ms : 20) * (uint64_t)1000000;
    roof.buffer_bytes = choose_bytes(options) / ALIGN * ALIGN;
    roof.buffer_bytes =
        roof.buffer_bytes < (size_t)max * CHUNK ? (size_t)max * CHUNK : roof.buffer_bytes;
    int rc = 0;
    if (!(options->skip & 1u << AGLM_ROOF_READ))
        rc = make_buffer(&buffer, roof.buffer_bytes, err);
    t->buffer = buffer;
    for (unsigned n = 1; !rc; n = n * 2 < max ? n * 2 : max) {
        t->n = n;
        rc = measure_threads(&roof, t, sets, n_sets, options->skip, err);
        if (n == max)
            break;
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
