/* Chooses CPUs for threads; see placement.h.
 *
 * Inputs: the CPUs allowed, the kernel's table of CPUs. A CPU's level is its capacity or, if one of
 * them has none, its top frequency, as a share of the best one's. Frequencies hide how wide a core
 * is: a little one runs at 58 to 70% of a phone's best core and does a third of its work, while the
 * small cores of PCs run at 74% and more; hence the two limits.
 */
#include "probes/placement.h"

#include <sched.h>
#include <stdlib.h>

#define ALIKE 0.9
#define STRONG_CAPACITY 0.5
#define STRONG_FREQUENCY 0.7

struct levels {
    size_t n;
    double strong; /* levels from here on help */
    struct level {
        size_t cpu;
        bool sibling; /* a CPU of the same core stands before it */
        double of_best;
    } v[AGLM_CPUS_MAX];
};

static int64_t figure(const struct aglm_cpu *cpu, bool by_capacity)
{
    return by_capacity ? cpu->capacity : cpu->max_khz;
}

/* False if a CPU lacks the figure. */
static bool fill(struct levels *out, const struct aglm_cpulist *allowed,
                 const struct aglm_cpus *table, bool by_capacity)
{
    struct aglm_cpulist cores = {0};
    int64_t best = 0;
    out->n = 0;
    out->strong = by_capacity ? STRONG_CAPACITY : STRONG_FREQUENCY;
    for (size_t i = 0; i < table->n; i++) {
        const struct aglm_cpu *cpu = &table->v[i];
        if (cpu->id >= AGLM_CPUS_MAX || !aglm_cpulist_has(allowed, cpu->id))
            continue;
        struct level *l = &out->v[out->n++];
        *l = (struct level){.cpu = cpu->id, .of_best = (double)figure(cpu, by_capacity)};
        if (figure(cpu, by_capacity) <= 0)
            return false;
        best = figure(cpu, by_capacity) > best ? figure(cpu, by_capacity) : best;
        if (cpu->sibling >= 0 && cpu->sibling < AGLM_CPUS_MAX) {
            l->sibling = aglm_cpulist_has(&cores, (size_t)cpu->sibling);
            aglm_cpulist_add(&cores, (size_t)cpu->sibling);
        }
    }
    for (size_t i = 0; i < out->n; i++)
        out->v[i].of_best /= (double)best;
    return out->n > 0 && out->n == aglm_cpulist_count(allowed);
}

static struct levels *read_levels(const struct aglm_cpulist *allowed, const struct aglm_cpus *table)
{
    struct levels *levels = malloc(sizeof(*levels));
    if (levels && !fill(levels, allowed, table, true) && !fill(levels, allowed, table, false)) {
        free(levels);
        return NULL;
    }
    return levels;
}

static int compare(const void *pa, const void *pb)
{
    const struct level *a = pa, *b = pb;
    if (a->sibling != b->sibling)
        return a->sibling ? 1 : -1;
    return (a->of_best < b->of_best) - (a->of_best > b->of_best);
}

bool aglm_placement_choose(struct aglm_cpulist *out, size_t n_threads,
                           const struct aglm_cpulist *allowed, const struct aglm_cpus *table)
{
    struct levels *levels = n_threads ? read_levels(allowed, table) : NULL;
    struct aglm_cpulist chosen = {0};
    double weakest = 1;
    size_t n = 0;
    if (!levels || n_threads > levels->n) {
        free(levels);
        return false;
    }
    qsort(levels->v, levels->n, sizeof(levels->v[0]), compare);
    for (size_t i = 0; i < n_threads; i++)
        weakest = levels->v[i].of_best < weakest ? levels->v[i].of_best : weakest;
    for (size_t i = 0; i < levels->n; i++)
        if (levels->v[i].of_best >= weakest * ALIKE) {
            aglm_cpulist_add(&chosen, levels->v[i].cpu);
            n++;
        }
    const bool choice = n < levels->n;
    free(levels);
    if (choice)
        *out = chosen;
    return choice;
}

size_t aglm_placement_cores(const struct aglm_cpulist *allowed, const struct aglm_cpus *table)
{
    struct levels *levels = read_levels(allowed, table);
    size_t cores = 0;
    for (size_t i = 0; levels && i < levels->n; i++)
        cores += !levels->v[i].sibling && levels->v[i].of_best >= levels->strong;
    free(levels);
    return cores;
}

/* ---- this machine ---- */

/* False where it cannot be read. */
static bool read_here(struct aglm_cpulist *allowed, struct aglm_cpus *table)
{
    struct aglm_fsroot fs;
    *allowed = (struct aglm_cpulist){0};
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) || aglm_fsroot_open(&fs, NULL, NULL))
        return false;
    for (size_t cpu = 0; cpu < CPU_SETSIZE && cpu < AGLM_CPUS_MAX; cpu++)
        if (CPU_ISSET(cpu, &set))
            aglm_cpulist_add(allowed, cpu);
    aglm_cpus_read(table, &fs);
    aglm_fsroot_close(&fs);
    return true;
}

bool aglm_placement_here(struct aglm_cpulist *out, size_t n_threads)
{
    struct aglm_cpulist allowed;
    struct aglm_cpus table;
    if (!read_here(&allowed, &table))
        return false;
    const bool choice = aglm_placement_choose(out, n_threads, &allowed, &table);
    aglm_cpus_finish(&table);
    return choice;
}

size_t aglm_placement_cores_here(void)
{
    struct aglm_cpulist allowed;
    struct aglm_cpus table;
    if (!read_here(&allowed, &table))
        return 0;
    const size_t cores = aglm_placement_cores(&allowed, &table);
    aglm_cpus_finish(&table);
    return cores;
}
