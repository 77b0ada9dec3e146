/* Chooses CPUs for the roof's threads; see roof_cpus.h.
 *
 * Inputs: the thread's affinity or a mask, the kernel's table of CPUs. Refuses nothing: without a
 * table the order is that of the numbers.
 */
#include "probes/roof_cpus.h"

#include "probes/cpus.h"

#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>

struct place {
    unsigned cpu;
    bool sibling; /* a CPU of the same core stands before it */
    int64_t capacity, max_khz;
};

static int compare(const void *pa, const void *pb)
{
    const struct place *a = pa, *b = pb;
    if (a->sibling != b->sibling)
        return a->sibling ? 1 : -1;
    if (a->capacity != b->capacity)
        return a->capacity > b->capacity ? -1 : 1;
    if (a->max_khz != b->max_khz)
        return a->max_khz > b->max_khz ? -1 : 1;
    return (a->cpu > b->cpu) - (a->cpu < b->cpu);
}

void aglm_roof_cpus_sort(unsigned *cpus, size_t n, const struct aglm_cpus *table)
{
    struct place *places = calloc(n + 1, sizeof(*places));
    struct aglm_cpulist cores = {0};
    if (!places)
        return;
    for (size_t i = 0; i < n; i++) {
        places[i] = (struct place){.cpu = cpus[i]};
        for (size_t k = 0; k < table->n; k++) {
            const struct aglm_cpu *c = &table->v[k];
            if (c->id != cpus[i])
                continue;
            places[i].capacity = c->capacity;
            places[i].max_khz = c->max_khz;
            if (c->sibling >= 0 && c->sibling < AGLM_CPUS_MAX) {
                places[i].sibling = aglm_cpulist_has(&cores, (size_t)c->sibling);
                aglm_cpulist_add(&cores, (size_t)c->sibling);
            }
        }
    }
    qsort(places, n, sizeof(*places), compare);
    for (size_t i = 0; i < n; i++)
        cpus[i] = places[i].cpu;
    free(places);
}

size_t aglm_roof_cpus(unsigned out[AGLM_ROOF_CPUS_MAX], const uint8_t *mask, size_t mask_bytes)
{
    struct aglm_fsroot fs;
    struct aglm_cpus table;
    cpu_set_t all;
    size_t n = 0;
    if (!mask && sched_getaffinity(0, sizeof(all), &all))
        return 0;
    for (unsigned cpu = 0; cpu < CPU_SETSIZE && n < AGLM_ROOF_CPUS_MAX; cpu++)
        if (mask ? cpu / 8 < mask_bytes && mask[cpu / 8] >> cpu % 8 & 1 : CPU_ISSET(cpu, &all))
            out[n++] = cpu;
    if (aglm_fsroot_open(&fs, NULL, NULL))
        return n;
    aglm_cpus_read(&table, &fs);
    aglm_roof_cpus_sort(out, n, &table);
    aglm_cpus_finish(&table);
    aglm_fsroot_close(&fs);
    return n;
}
