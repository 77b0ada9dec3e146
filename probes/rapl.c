/* RAPL's energy counters; see rapl.h. */
#include "probes/rapl.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define POWERCAP "/sys/class/powercap"

bool aglm_rapl_is_package(const struct aglm_rapl_domain *domain)
{
    return strncmp(domain->name, "package", 7) == 0;
}

static void read_counter(struct aglm_rapl_domain *d, const struct aglm_fsroot *fs)
{
    d->code = aglm_fsroot_integer(fs, 0, INT64_MAX, &d->uj, POWERCAP "/%s/energy_uj", d->folder);
    if (d->code)
        d->uj = -1;
}

void aglm_rapl_again(struct aglm_rapl *rapl, const struct aglm_fsroot *fs)
{
    for (size_t i = 0; i < rapl->n; i++)
        read_counter(&rapl->v[i], fs);
}

void aglm_rapl_read(struct aglm_rapl *out, const struct aglm_fsroot *fs)
{
    struct aglm_fsroot_names names = {0};
    *out = (struct aglm_rapl){.code = aglm_fsroot_list(fs, POWERCAP, "intel-rapl:", &names)};
    for (size_t i = 0; i < names.count && out->n < AGLM_RAPL_MAX; i++) {
        struct aglm_rapl_domain *d = &out->v[out->n];
        *d = (struct aglm_rapl_domain){.uj = -1};
        if (snprintf(d->folder, sizeof(d->folder), "%s", names.names[i]) >= (int)sizeof(d->folder))
            continue;
        if (aglm_fsroot_text(fs, d->name, sizeof(d->name), POWERCAP "/%s/name", d->folder))
            snprintf(d->name, sizeof(d->name), "%.31s", names.names[i]);
        read_counter(d, fs);
        if (aglm_fsroot_integer(fs, 1, INT64_MAX, &d->range_uj, POWERCAP "/%s/max_energy_range_uj",
                                d->folder))
            d->range_uj = 0;
        out->n++;
    }
    aglm_fsroot_names_finish(&names);
}

double aglm_rapl_joules(const struct aglm_rapl *before, const struct aglm_rapl *after)
{
    double joules = 0;
    size_t packages = 0;
    if (before->n != after->n)
        return NAN;
    for (size_t i = 0; i < after->n; i++) {
        const struct aglm_rapl_domain *a = &before->v[i], *b = &after->v[i];
        if (!aglm_rapl_is_package(b))
            continue;
        if (a->uj < 0 || b->uj < 0 || strcmp(a->folder, b->folder) != 0)
            return NAN;
        double uj = (double)b->uj - (double)a->uj;
        if (uj < 0 && b->range_uj > 0)
            uj += (double)b->range_uj + 1;
        if (uj < 0)
            return NAN;
        joules += uj / 1e6;
        packages++;
    }
    return packages > 0 ? joules : NAN;
}
