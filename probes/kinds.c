/* Groups CPUs by kind; see kinds.h. */
#include "probes/kinds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GAP_ARM 1.05
#define GAP_OTHERS 1.12

/* An online CPU while it is compared: which step of capacity and of frequency it stands on. */
struct place {
    const struct aglm_cpu *cpu;
    int64_t value;
    size_t capacity_step, khz_step;
};

static int same_make(const struct aglm_cpu *a, const struct aglm_cpu *b)
{
    if (a->implementer != b->implementer)
        return a->implementer < b->implementer ? -1 : 1;
    if (a->part != b->part)
        return a->part < b->part ? -1 : 1;
    return a->type != b->type ? (a->type < b->type ? -1 : 1) : 0;
}

static int by_value(const void *pa, const void *pb)
{
    const struct place *a = pa, *b = pb;
    int make = same_make(a->cpu, b->cpu);
    return make ? make : (a->value > b->value) - (a->value < b->value);
}

static int by_id(const void *pa, const void *pb)
{
    const struct place *a = pa, *b = pb;
    return (a->cpu->id > b->cpu->id) - (a->cpu->id < b->cpu->id);
}

/* Numbers the steps of value among CPUs of one make, in order; a make of which one CPU's value is
 * unknown has one step. */
static void number_steps(struct place *places, size_t n, bool capacity)
{
    qsort(places, n, sizeof(*places), by_value);
    bool known = false;
    size_t step = 0;
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || same_make(places[i - 1].cpu, places[i].cpu)) {
            known = places[i].value > 0; /* the smallest: an unknown one comes first */
            step++;
        } else if (known) {
            double gap = places[i].cpu->part >= 0 ? GAP_ARM : GAP_OTHERS;
            step += (double)places[i].value > (double)places[i - 1].value * gap;
        }
        *(capacity ? &places[i].capacity_step : &places[i].khz_step) = step;
    }
}

static void find_steps(struct place *places, size_t n)
{
    for (size_t i = 0; i < n; i++)
        places[i].value = places[i].cpu->capacity;
    number_steps(places, n, true);
    for (size_t i = 0; i < n; i++)
        places[i].value = places[i].cpu->max_khz;
    number_steps(places, n, false);
    qsort(places, n, sizeof(*places), by_id);
}

static void add_governor(struct aglm_kind *kind, const char *governor)
{
    size_t len = strlen(kind->governors), n = strlen(governor);
    for (const char *at = kind->governors; n && *at; at += strcspn(at, " "), at += *at == ' ')
        if (strncmp(at, governor, n) == 0 && (at[n] == ',' || at[n] == '\0'))
            return;
    if (n && len + n + 3 < sizeof(kind->governors))
        snprintf(kind->governors + len, sizeof(kind->governors) - len, "%s%s", len ? ", " : "",
                 governor);
}

/* now_khz holds the sum and *counted how many are in it until all are there. */
static void join(struct aglm_kind *kind, const struct aglm_cpu *cpu, size_t *counted)
{
    aglm_cpulist_add(&kind->cpus, cpu->id);
    kind->count++;
    if ((double)cpu->max_khz > kind->max_khz)
        kind->max_khz = (double)cpu->max_khz;
    if (cpu->now_khz >= 0) {
        kind->now_khz = (*counted ? kind->now_khz : 0) + (double)cpu->now_khz;
        ++*counted;
    }
    if (cpu->variant != kind->model->variant || cpu->revision != kind->model->revision)
        kind->one_revision = false;
    add_governor(kind, cpu->governor);
}

static size_t collect(struct aglm_kind *kinds, const struct place *places, size_t n)
{
    const struct place *first[AGLM_KINDS_MAX];
    size_t counted[AGLM_KINDS_MAX] = {0}, count = 0;
    for (size_t i = 0; i < n; i++) {
        const struct place *p = &places[i];
        size_t k = 0;
        while (k < count &&
               (same_make(first[k]->cpu, p->cpu) || first[k]->capacity_step != p->capacity_step ||
                first[k]->khz_step != p->khz_step))
            k++;
        if (k == AGLM_KINDS_MAX)
            continue;
        if (k == count) {
            first[k] = p;
            kinds[count++] = (struct aglm_kind){
                .model = p->cpu, .max_khz = -1, .now_khz = -1, .one_revision = true};
        }
        join(&kinds[k], p->cpu, &counted[k]);
    }
    for (size_t k = 0; k < count; k++)
        if (counted[k] > 0)
            kinds[k].now_khz /= (double)counted[k];
    return count;
}

size_t aglm_kinds_find(struct aglm_kind kinds[AGLM_KINDS_MAX], const struct aglm_cpus *cpus)
{
    struct place *places = calloc(cpus->n + 1, sizeof(*places));
    size_t n = 0;
    if (!places)
        return 0;
    for (size_t i = 0; i < cpus->n; i++)
        if (cpus->v[i].online)
            places[n++].cpu = &cpus->v[i];
    find_steps(places, n);
    size_t count = collect(kinds, places, n);
    free(places);
    return count;
}
