/* Measures memory latency; see latency.h.
 *
 * The order of the lines is a linear congruential sequence of full period modulo the power of two
 * (Knuth, The Art of Computer Programming 2, 3.2.1.2, theorem A), so that the chain is written from
 * front to back instead of shuffled: a quarter of a gigabyte is ready in a tenth of a second. Its
 * high bits, which choose the page, are as good as random.
 */
#include "probes/latency.h"

#include "probes/clock.h"
#include "probes/fsroot.h"
#include "probes/profile.h"
#include "probes/roof_cpus.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { LINE = 64, FIRST_SET = 16 << 10, WINDOWS = 3, STEPS = 1 << 16, DEFAULT_BUDGET_MS = 1000 };

#define DEFAULT_MAX ((size_t)256 << 20)
#define ROLLUP "/proc/self/smaps_rollup"

void aglm_latency_chain(void *memory, size_t n)
{
    char *at = memory;
    const size_t mask = n - 1;
    for (size_t i = 0; i < n; i++, at += LINE) {
        const size_t next = (i * 0x9e3779b1u + 0x7f4a7c15u) & mask; /* ≡ 1 mod 4; odd */
        memcpy(at, &next, sizeof(next));
    }
}

/* Steps through the chain; the line it ends on keeps the compiler from leaving any out. */
static size_t chase(const char *memory, size_t from, size_t steps)
{
    for (size_t i = 0; i < steps; i++)
        memcpy(&from, memory + from * LINE, sizeof(from));
    return from;
}

static double time_window(const char *memory, size_t *line, size_t steps)
{
    const uint64_t start = aglm_clock_ns();
    *line = chase(memory, *line, steps);
    return (double)(aglm_clock_ns() - start) / (double)steps;
}

/* Best of the windows, 0 when the deadline came first. */
static double measure_set(char *memory, size_t bytes, uint64_t deadline_ns)
{
    const size_t n = bytes / LINE;
    volatile size_t end;
    size_t line = 0;
    double best = 0;
    aglm_latency_chain(memory, n);
    line = chase(memory, line, n < STEPS ? n : STEPS); /* into the caches, as far as it fits */
    for (unsigned w = 0; w < WINDOWS && aglm_clock_ns() < deadline_ns; w++) {
        const double ns = time_window(memory, &line, STEPS);
        best = best > 0 && best < ns ? best : ns;
    }
    end = line;
    (void)end;
    return best;
}

static size_t choose_max(const struct aglm_latency_options *o)
{
    size_t max = FIRST_SET;
    double limit = (double)(o->max_bytes ? o->max_bytes : DEFAULT_MAX);
    if (!o->max_bytes) {
        const double eighth = aglm_conditions_memory(NULL) / 8;
        if (eighth < limit)
            limit = eighth;
    }
    while ((double)max * 4 <= limit)
        max *= 4;
    return max;
}

/* Bytes of this process in huge pages; -1 where the kernel does not say. */
static double huge_bytes(void)
{
    struct aglm_fsroot fs;
    char text[4096];
    double kib = -1;
    if (aglm_fsroot_open(&fs, NULL, NULL))
        return -1;
    const int rc = aglm_fsroot_read(&fs, ROLLUP, text, sizeof(text));
    aglm_fsroot_close(&fs);
    const char *line = rc ? NULL : strstr(text, "\nAnonHugePages:");
    if (line)
        kib = strtod(line + strlen("\nAnonHugePages:"), NULL);
    return kib < 0 ? -1 : kib * 1024;
}

/* The calling thread onto the strongest CPU; *before is what to go back to. Failing is no harm. */
static bool pin(cpu_set_t *before)
{
    unsigned cpus[AGLM_ROOF_CPUS_MAX];
    cpu_set_t one;
    if (sched_getaffinity(0, sizeof(*before), before) || aglm_roof_cpus(cpus, NULL, 0) == 0)
        return false;
    CPU_ZERO(&one);
    CPU_SET(cpus[0], &one);
    return sched_setaffinity(0, sizeof(one), &one) == 0;
}

int aglm_latency_measure(struct aglm_latency *out, const struct aglm_latency_options *options,
                         struct aglm_err *err)
{
    const uint64_t start_ns = aglm_clock_ns();
    const unsigned budget_ms = options->budget_ms ? options->budget_ms : DEFAULT_BUDGET_MS;
    const uint64_t deadline_ns = start_ns + budget_ms * UINT64_C(1000000);
    struct aglm_latency latency = {0};
    cpu_set_t before;
    if (options->max_bytes && options->max_bytes < FIRST_SET)
        return aglm_err_set(err, -EINVAL, "latency: %zu bytes: give at least %d",
                            options->max_bytes, FIRST_SET);
    const size_t max = choose_max(options);
    const double huge = huge_bytes();
    char *memory = mmap(NULL, max, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return aglm_err_set(err, -ENOMEM, "latency: no memory for %zu MiB", max >> 20);
#ifdef MADV_HUGEPAGE
    (void)madvise(memory, max, MADV_HUGEPAGE);
#endif
    const bool pinned = pin(&before);
    for (size_t bytes = FIRST_SET; bytes <= max && latency.n < AGLM_LATENCY_MAX_SETS; bytes *= 4) {
        const double ns = measure_set(memory, bytes, deadline_ns);
        if (ns > 0)
            latency.set[latency.n++] = (struct aglm_latency_set){.bytes = bytes, .ns = ns};
    }
    if (pinned)
        (void)sched_setaffinity(0, sizeof(before), &before);
    latency.huge_pages = huge >= 0 && huge_bytes() - huge >= (double)max / 2;
    munmap(memory, max);
    latency.ns = aglm_clock_ns() - start_ns;
    *out = latency;
    return 0;
}
