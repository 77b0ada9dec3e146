/* The topology facts of the profile: packages, cores, hardware threads, memory nodes, caches.
 *
 * On the running machine hwloc answers, and the kernel's own files stand beside it: the two agree,
 * or the profile shows where they do not. A replaced root is not given to hwloc: the only way is
 * the environment variable HWLOC_FSROOT, which cannot be set safely next to other threads, and
 * hwloc follows links out of the folder; the tables of cpus.h and caches.h answer alone then. */
#include "probes/probe.h"
#include "probes/topology.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SYSFS "/sys/devices/system/cpu"
#define NODES "/sys/devices/system/node"

static const struct {
    const char *key, *label, *word, *source;
} counts[AGLM_TOPOLOGY_COUNTS] = {
    [AGLM_TOPOLOGY_PACKAGES] = {"topology.packages", "Packages", "packages", SYSFS},
    [AGLM_TOPOLOGY_CORES] = {"topology.cores", "Cores", "cores", SYSFS},
    [AGLM_TOPOLOGY_CPUS] = {"topology.cpus", "Hardware threads", "threads", SYSFS},
    [AGLM_TOPOLOGY_NODES] = {"topology.numa_nodes", "NUMA nodes", "nodes", NODES},
};

static int64_t count_nodes(const struct aglm_fsroot *fs, int *code)
{
    struct aglm_fsroot_names names = {0};
    int64_t count = 0;
    *code = aglm_fsroot_list(fs, NODES, "node", &names);
    for (size_t i = 0; i < names.count; i++)
        count += names.names[i][4] >= '0' && names.names[i][4] <= '9';
    aglm_fsroot_names_finish(&names);
    return count;
}

void aglm_topology_tables(struct aglm_topology_view *out, const struct aglm_fsroot *fs,
                          const struct aglm_cpus *cpus, const struct aglm_caches *caches)
{
    int codes[AGLM_TOPOLOGY_COUNTS] = {0};
    *out = (struct aglm_topology_view){.caches = *caches};
    out->counts[AGLM_TOPOLOGY_PACKAGES] = aglm_cpus_packages(cpus, &codes[AGLM_TOPOLOGY_PACKAGES]);
    out->counts[AGLM_TOPOLOGY_CORES] = aglm_cpus_cores(cpus, &codes[AGLM_TOPOLOGY_CORES]);
    out->counts[AGLM_TOPOLOGY_CPUS] = (int64_t)aglm_cpus_online(cpus);
    codes[AGLM_TOPOLOGY_CPUS] = cpus->code;
    out->counts[AGLM_TOPOLOGY_NODES] = count_nodes(fs, &codes[AGLM_TOPOLOGY_NODES]);
    for (size_t i = 0; i < AGLM_TOPOLOGY_COUNTS; i++)
        out->reasons[i] = aglm_fsroot_reason(codes[i] ? codes[i] : -ENOENT);
    if (codes[AGLM_TOPOLOGY_PACKAGES] == 0 && cpus->n > 0)
        out->reasons[AGLM_TOPOLOGY_PACKAGES] = "this kernel calls clusters packages";
}

bool aglm_topology_difference(const struct aglm_topology_view *a,
                              const struct aglm_topology_view *b, char *buf, size_t cap)
{
    size_t len = 0;
    buf[0] = '\0';
    for (size_t i = 0; i < AGLM_TOPOLOGY_COUNTS; i++) {
        if (a->counts[i] <= 0 || b->counts[i] <= 0 || a->counts[i] == b->counts[i] || len >= cap)
            continue;
        int n = snprintf(buf + len, cap - len, "%s%s %lld, not %lld", len ? "; " : "",
                         counts[i].word, (long long)a->counts[i], (long long)b->counts[i]);
        len += n > 0 ? (size_t)n : 0;
    }
    char mine[160], other[160];
    aglm_caches_format(&a->caches, mine, sizeof(mine));
    aglm_caches_format(&b->caches, other, sizeof(other));
    if (mine[0] && other[0] && strcmp(mine, other) != 0 && len < cap)
        snprintf(buf + len, cap - len, "%scaches %s, not %s", len ? "; " : "", mine, other);
    return buf[0] != '\0';
}

static void add_view(struct aglm_facts *facts, const struct aglm_topology_view *view,
                     const char *source)
{
    for (size_t i = 0; i < AGLM_TOPOLOGY_COUNTS; i++) {
        const char *from = source ? source : counts[i].source;
        if (view->counts[i] > 0)
            aglm_facts_number(facts, counts[i].key, counts[i].label, from, "count",
                              (double)view->counts[i]);
        else
            aglm_facts_unknown(facts, counts[i].key, counts[i].label, from, "%s", view->reasons[i]);
    }
    char text[160];
    aglm_caches_format(&view->caches, text, sizeof(text));
    if (text[0])
        aglm_facts_text(facts, "topology.caches", "Caches", source ? source : SYSFS, "%s", text);
    else
        aglm_facts_unknown(facts, "topology.caches", "Caches", source ? source : SYSFS, "%s",
                           aglm_fsroot_reason(view->caches.code ? view->caches.code : -ENOENT));
}

static void add_usable(struct aglm_facts *facts, const struct aglm_fsroot *fs)
{
    static const char *const keys[] = {"topology.usable_cores", "topology.usable_cpus"};
    static const char *const labels[] = {"Cores this process may use", "CPUs this process may use"};
    const char *source = "hwloc, affinity, control group";
    for (size_t i = 0; i < 2; i++) {
        int count = !fs->live ? -1 : i == 0 ? aglm_topology_cores() : aglm_topology_cpus();
        if (count > 0)
            aglm_facts_number(facts, keys[i], labels[i], source, "count", count);
        else
            aglm_facts_unknown(facts, keys[i], labels[i], source, "only the running machine tells");
    }
}

void aglm_probe_topology(struct aglm_facts *facts, const struct aglm_fsroot *fs,
                         const struct aglm_cpus *cpus, const struct aglm_caches *caches)
{
    struct aglm_topology_view tables, hwloc;
    char text[512];
    aglm_topology_tables(&tables, fs, cpus, caches);
    if (fs->live && aglm_topology_hwloc(&hwloc) == 0) {
        add_view(facts, &hwloc, "hwloc");
        bool differ = aglm_topology_difference(&hwloc, &tables, text, sizeof(text));
        aglm_facts_text(facts, "topology.check", "hwloc and the kernel", "hwloc, " SYSFS, "%s%s",
                        differ ? "differ: " : "agree", differ ? text : "");
    } else {
        add_view(facts, &tables, NULL);
    }
    add_usable(facts, fs);
}
