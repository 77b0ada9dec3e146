/* Packs panels from the mapped file and looks after its pages; see panels.h. */
#include "engine/cpu/panels.h"

#include "engine/kernels/pack.h"

#include <sys/mman.h>
#include <unistd.h>

enum { ROWS = AGLM_PANEL_ROWS };

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22 /* Linux 5.14; older kernels refuse it, and pages come by faults */
#endif

const void *aglm_cpu_source_row(const struct aglm_matrix *m, size_t r,
                                const struct aglm_gguf_tensor **of)
{
    for (unsigned i = 0; i < m->n_sources; i++) {
        const struct aglm_gguf_tensor *t = m->source[i];
        if (r < t->ne[1]) {
            *of = t;
            return (const uint8_t *)t->data + r * (t->n_bytes / t->ne[1]);
        }
        r -= t->ne[1];
    }
    return NULL;
}

const uint8_t *aglm_cpu_panels(const struct aglm_cpu_weights *w, const struct aglm_matrix *m,
                               size_t first, size_t n, uint8_t *room)
{
    const size_t bytes = aglm_panel_bytes(m->type, m->k);
    if (m->data)
        return m->data + first * bytes;
    for (size_t p = 0; p < n; p++) {
        const struct aglm_gguf_tensor *of;
        const void *rows[ROWS];
        for (size_t i = 0; i < ROWS; i++)
            rows[i] = aglm_cpu_source_row(m, (first + p) * ROWS + i, &of);
        w->kernels.pack(m->type, room + p * bytes, rows, m->k);
    }
    return room;
}

/* The pages of rows first … end - 1: all that hold a byte of them, or only those that hold nothing
 * else. */
static void advise(const struct aglm_matrix *m, size_t first, size_t end, int advice, bool outward)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (unsigned i = 0; i < m->n_sources; i++) {
        const struct aglm_gguf_tensor *t = m->source[i];
        const size_t row = t->n_bytes / t->ne[1], n = end < t->ne[1] ? end : t->ne[1];
        if (first < n) {
            uintptr_t from = (uintptr_t)t->data + first * row, to = (uintptr_t)t->data + n * row;
            from = (outward ? from : from + page - 1) / page * page;
            to = outward ? to : to / page * page;
            if (to > from)
                (void)madvise((void *)from, to - from, advice);
        }
        first = first > t->ne[1] ? first - t->ne[1] : 0;
        end = end > t->ne[1] ? end - t->ne[1] : 0;
    }
}

void aglm_cpu_pages_fetch(const struct aglm_matrix *m, size_t first, size_t n)
{
    advise(m, first * ROWS, (first + n) * ROWS, MADV_POPULATE_READ, true);
}

void aglm_cpu_pages_drop(const struct aglm_matrix *m, size_t first, size_t n)
{
    advise(m, first * ROWS, (first + n) * ROWS, MADV_DONTNEED, false);
}

size_t aglm_cpu_panels_stretch(const struct aglm_matrix *m, unsigned n_threads)
{
    const size_t by_size = (1u << 20) / aglm_panel_bytes(m->type, m->k);
    const size_t by_share = m->n_panels / (4 * (size_t)n_threads);
    const size_t n = by_size < by_share ? by_size : by_share;
    return n ? n : 1;
}
