/* Packs panels from the mapped file and looks after its pages; see panels.h. */
#include "engine/cpu/panels.h"

#include "engine/kernels/pack.h"

#include <sys/mman.h>
#include <unistd.h>

enum { ROWS = AGLM_PANEL_ROWS };

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

/* Only pages that hold nothing else than these rows. Mapping them at once beforehand
 * (MADV_POPULATE_READ) was slower than the faults it saves. */
void aglm_cpu_pages_drop(const struct aglm_matrix *m, size_t first, size_t n)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    size_t row = first * ROWS, end = (first + n) * ROWS;
    for (unsigned i = 0; i < m->n_sources; i++) {
        const struct aglm_gguf_tensor *t = m->source[i];
        const size_t bytes = t->n_bytes / t->ne[1], last = end < t->ne[1] ? end : t->ne[1];
        if (row < last) {
            const uintptr_t from = ((uintptr_t)t->data + row * bytes + page - 1) / page * page;
            const uintptr_t to = ((uintptr_t)t->data + last * bytes) / page * page;
            if (to > from)
                (void)madvise((void *)from, to - from, MADV_DONTNEED);
        }
        row = row > t->ne[1] ? row - t->ne[1] : 0;
        end = end > t->ne[1] ? end - t->ne[1] : 0;
    }
}

size_t aglm_cpu_panels_stretch(const struct aglm_matrix *m, unsigned n_threads)
{
    const size_t by_size = (1u << 20) / aglm_panel_bytes(m->type, m->k);
    const size_t by_share = m->n_panels / (4 * (size_t)n_threads);
    const size_t n = by_size < by_share ? by_size : by_share;
    return n ? n : 1;
}
