/* Threads that work until a common end; see roof_team.h.
 *
 * All are there and pinned before a window begins, work until the same end, and each reports what
 * it did since the common beginning: a thread that the kernel lets wait lowers the sum, and none is
 * counted alone while others have yet to start. Refused: more than 512 threads.
 */
#include "probes/roof_team.h"

#include "probes/clock.h"
#include "probes/profile.h"
#include "probes/roof_cpus.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { MAX_THREADS = 512, CHUNK = 1 << 18, STREAMS = 4, ALIGN = 1 << 12 };

#define DEFAULT_BUFFER ((size_t)256 << 20)

struct member {
    struct aglm_roof_team *team;
    pthread_t thread;
    unsigned index;
    double per_s;
};

struct aglm_roof_team {
    unsigned max_threads;
    uint8_t *buffer; /* [buffer_bytes], NULL: none */
    size_t buffer_bytes;
    size_t n_cpus; /* 0: not pinned */
    unsigned cpus[AGLM_ROOF_CPUS_MAX];
    /* of the window that runs */
    const struct aglm_roof_window *window;
    size_t part_bytes; /* of each member */
    atomic_uint ready;
    atomic_ullong start_ns;            /* 0: not yet */
    atomic_ullong sink;                /* keeps the results alive */
    struct member member[MAX_THREADS]; /* [max_threads] are used */
};

/* Failing is no harm. */
static void pin(const struct aglm_roof_team *t, unsigned index)
{
    cpu_set_t one;
    if (t->n_cpus == 0)
        return;
    CPU_ZERO(&one);
    CPU_SET(t->cpus[index % t->n_cpus], &one);
    (void)pthread_setaffinity_np(pthread_self(), sizeof(one), &one);
}

static uint64_t work(const struct aglm_roof_team *t, const uint8_t *part, size_t *at,
                     uint64_t *done)
{
    enum { ROUNDS = 1 << 12 };
    if (t->window->kind == AGLM_ROOF_INT8)
        return t->window->kernels->int8(ROUNDS, done);
    if (t->window->kind == AGLM_ROOF_F32)
        return t->window->kernels->f32(ROUNDS, done);
    /* Streams as far apart as there is room: within one page they would share a prefetcher. */
    const size_t stride = t->part_bytes / STREAMS, step = CHUNK / STREAMS;
    uint64_t sum = t->window->kernels->read(part + *at, stride, step);
    *done = CHUNK;
    *at = *at + step < stride ? *at + step : 0;
    return sum;
}

static void *run_member(void *ctx)
{
    struct member *m = ctx;
    struct aglm_roof_team *t = m->team;
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
    } while (now - start < t->window->ns);
    m->per_s = (double)total / ((double)(now - start) * 1e-9);
    atomic_fetch_xor(&t->sink, sum);
    return NULL;
}

double aglm_roof_team_window(struct aglm_roof_team *t, const struct aglm_roof_window *window)
{
    unsigned started = 0;
    double sum = 0;
    t->window = window;
    t->part_bytes = t->buffer_bytes / window->threads / CHUNK * CHUNK;
    atomic_store(&t->ready, 0);
    atomic_store(&t->start_ns, 0);
    for (; started < window->threads; started++) {
        struct member *m = &t->member[started];
        *m = (struct member){.team = t, .index = started};
        if (pthread_create(&m->thread, NULL, run_member, m))
            break;
    }
    while (atomic_load(&t->ready) < started)
        sched_yield();
    atomic_store(&t->start_ns, aglm_clock_ns());
    if (window->during)
        window->during(window->ctx);
    for (unsigned i = 0; i < started; i++) {
        pthread_join(t->member[i].thread, NULL);
        sum += t->member[i].per_s;
    }
    t->window = NULL;
    return started == window->threads ? sum : 0;
}

size_t aglm_roof_team_buffer_bytes(void)
{
    const double eighth = aglm_conditions_memory(NULL) / 8;
    return eighth < (double)DEFAULT_BUFFER ? (size_t)eighth : DEFAULT_BUFFER;
}

size_t aglm_roof_team_bytes(const struct aglm_roof_team *t)
{
    return t->buffer_bytes;
}

unsigned aglm_roof_team_max(const struct aglm_roof_team *t)
{
    return t->max_threads;
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

int aglm_roof_team_open(struct aglm_roof_team **out, unsigned max_threads, size_t buffer_bytes,
                        struct aglm_err *err)
{
    const size_t least = (size_t)max_threads * CHUNK;
    if (max_threads < 1 || max_threads > MAX_THREADS)
        return aglm_err_set(err, -EINVAL, "roof: %u threads: must be 1 to %d", max_threads,
                            MAX_THREADS);
    struct aglm_roof_team *t = calloc(1, sizeof(*t));
    if (!t)
        return aglm_err_set(err, -ENOMEM, "roof: out of memory");
    t->max_threads = max_threads;
    if (buffer_bytes > 0)
        t->buffer_bytes = buffer_bytes < least ? least : buffer_bytes / ALIGN * ALIGN;
    const int rc = t->buffer_bytes ? make_buffer(&t->buffer, t->buffer_bytes, err) : 0;
    if (rc) {
        free(t);
        return rc;
    }
    aglm_roof_team_pin(t, NULL, 0);
    *out = t;
    return 0;
}

void aglm_roof_team_close(struct aglm_roof_team **team)
{
    struct aglm_roof_team *t = *team;
    *team = NULL;
    if (!t)
        return;
    if (t->buffer)
        munmap(t->buffer, t->buffer_bytes);
    free(t);
}

void aglm_roof_team_pin(struct aglm_roof_team *t, const uint8_t *mask, size_t mask_bytes)
{
    t->n_cpus = aglm_roof_cpus(t->cpus, mask, mask_bytes);
}
