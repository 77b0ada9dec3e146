/* Processor topology; see topology.h, and the topology facts of the profile.
 *
 * On the running machine hwloc answers. A replaced root is not given to hwloc: the only way is the
 * environment variable HWLOC_FSROOT, which cannot be set safely next to other threads, and hwloc
 * follows links out of the folder; the same figures come from the tables of cpus.h and caches.h
 * then. */
#include "probes/topology.h"

#include "probes/cgroup.h"
#include "probes/placement.h"
#include "probes/probe.h"

#include <errno.h>
#include <hwloc.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SYSFS "/sys/devices/system/cpu"

/* Loads what this machine has, CPUs that this process may not use included. -ENOTSUP if hwloc
 * cannot. */
static int load(hwloc_topology_t *out)
{
    hwloc_topology_t topology;
    if (hwloc_topology_init(&topology))
        return -ENOTSUP;
    if (hwloc_topology_set_flags(topology, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED) ||
        hwloc_topology_load(topology)) {
        hwloc_topology_destroy(topology);
        return -ENOTSUP;
    }
    *out = topology;
    return 0;
}

/* Cores (or PUs) with at least one CPU that the calling thread may run on; -1 if hwloc cannot tell.
 */
static int count_usable(hwloc_topology_t topology, hwloc_obj_type_t type)
{
    int count = -1, objects = hwloc_get_nbobjs_by_type(topology, type);
    hwloc_bitmap_t bound = hwloc_bitmap_alloc();
    if (bound && objects > 0 && hwloc_get_cpubind(topology, bound, HWLOC_CPUBIND_THREAD) == 0) {
        hwloc_bitmap_and(bound, bound, hwloc_topology_get_allowed_cpuset(topology));
        count = 0;
        for (int i = 0; i < objects; i++) {
            hwloc_obj_t object = hwloc_get_obj_by_type(topology, type, (unsigned)i);
            count += object && hwloc_bitmap_intersects(object->cpuset, bound);
        }
    }
    hwloc_bitmap_free(bound);
    return count > 0 ? count : -1;
}

/* Without hwloc: the CPUs of the affinity mask, or those that are online. */
static int count_by_affinity(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 0)
        return CPU_COUNT(&set);
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (int)online : 1;
}

/* A control group may give fewer CPUs' time than there are CPUs: 1.5 is room for two threads. */
static int within_quota(int count)
{
    struct aglm_fsroot fs;
    double quota;
    if (aglm_fsroot_open(&fs, NULL, NULL))
        return count;
    int rc = aglm_cgroup_cpus(&fs, &quota);
    aglm_fsroot_close(&fs);
    if (rc || isinf(quota) || ceil(quota) >= count)
        return count;
    return quota <= 1 ? 1 : (int)ceil(quota);
}

static int usable(hwloc_obj_type_t type)
{
    hwloc_topology_t topology;
    int count = -1;
    if (load(&topology) == 0) {
        count = count_usable(topology, type);
        hwloc_topology_destroy(topology);
    }
    return within_quota(count > 0 ? count : count_by_affinity());
}

int aglm_topology_cores(void)
{
    return usable(HWLOC_OBJ_CORE);
}

int aglm_topology_threads(void)
{
    const int cores = aglm_topology_cores(), strong = (int)aglm_placement_cores_here();
    return strong > 0 && strong < cores ? strong : cores;
}

int aglm_topology_cpus(void)
{
    return usable(HWLOC_OBJ_PU);
}

/* ---- facts ---- */

static void add_count(struct aglm_facts *facts, const char *key, const char *label,
                      const char *source, int64_t count, const char *reason)
{
    if (count > 0)
        aglm_facts_number(facts, key, label, source, "count", (double)count);
    else
        aglm_facts_unknown(facts, key, label, source, "%s", reason);
}

/* "L1d 2x 32 KiB, L3 1x 32 MiB" from the number and size of each kind that holds data. */
static void add_caches(struct aglm_facts *facts, const char *source,
                       const struct aglm_caches *caches)
{
    char text[160] = "";
    for (size_t kind = 0; kind < AGLM_CACHE_KINDS; kind++) {
        size_t len = strlen(text);
        double kib = (double)caches->largest[kind] / 1024;
        if (caches->instances[kind] > 0 && kind != AGLM_CACHE_L1I)
            snprintf(text + len, sizeof(text) - len, "%s%s %zux %.4g %s", len ? ", " : "",
                     aglm_cache_name((enum aglm_cache_kind)kind), caches->instances[kind],
                     kib < 1024 ? kib : kib / 1024, kib < 1024 ? "KiB" : "MiB");
    }
    if (text[0])
        aglm_facts_text(facts, "topology.caches", "Caches", source, "%s", text);
    else
        aglm_facts_unknown(facts, "topology.caches", "Caches", source, "%s",
                           aglm_fsroot_reason(caches->code ? caches->code : -ENOENT));
}

static void hwloc_caches(struct aglm_caches *out, hwloc_topology_t topology)
{
    static const hwloc_obj_type_t types[] = {HWLOC_OBJ_L1CACHE, HWLOC_OBJ_L1ICACHE,
                                             HWLOC_OBJ_L2CACHE, HWLOC_OBJ_L3CACHE};
    *out = (struct aglm_caches){.code = -ENOENT};
    for (size_t kind = 0; kind < AGLM_CACHE_KINDS; kind++) {
        int n = hwloc_get_nbobjs_by_type(topology, types[kind]);
        for (int i = 0; i < n; i++) {
            hwloc_obj_t object = hwloc_get_obj_by_type(topology, types[kind], (unsigned)i);
            if (!object || object->attr->cache.size == 0)
                continue;
            int64_t size = (int64_t)object->attr->cache.size;
            out->instances[kind]++;
            if (size > out->largest[kind])
                out->largest[kind] = size;
        }
    }
}

static void add_usable(struct aglm_facts *facts, const struct aglm_fsroot *fs)
{
    const char *cores = "topology.usable_cores", *cores_label = "Cores this process may use";
    const char *cpus = "topology.usable_cpus", *cpus_label = "CPUs this process may use";
    const char *reason = "only the running machine tells";
    add_count(facts, cores, cores_label, "hwloc, affinity, control group",
              fs->live ? aglm_topology_cores() : -1, reason);
    add_count(facts, cpus, cpus_label, "hwloc, affinity, control group",
              fs->live ? aglm_topology_cpus() : -1, reason);
}

static int64_t count_nodes(const struct aglm_fsroot *fs, int *code)
{
    struct aglm_fsroot_names names = {0};
    int64_t count = 0;
    *code = aglm_fsroot_list(fs, "/sys/devices/system/node", "node", &names);
    for (size_t i = 0; i < names.count; i++)
        count += names.names[i][4] >= '0' && names.names[i][4] <= '9';
    aglm_fsroot_names_finish(&names);
    return count;
}

static void add_from_tables(struct aglm_facts *facts, const struct aglm_fsroot *fs,
                            const struct aglm_cpus *cpus, const struct aglm_caches *caches)
{
    const char *reason = aglm_fsroot_reason(cpus->code ? cpus->code : -ENOENT);
    int node_code;
    int64_t nodes = count_nodes(fs, &node_code);
    add_count(facts, "topology.packages", "Packages", SYSFS, aglm_cpus_packages(cpus), reason);
    add_count(facts, "topology.cores", "Cores", SYSFS, aglm_cpus_cores(cpus), reason);
    add_count(facts, "topology.cpus", "Hardware threads", SYSFS, (int64_t)aglm_cpus_online(cpus),
              reason);
    add_count(facts, "topology.numa_nodes", "NUMA nodes", "/sys/devices/system/node", nodes,
              aglm_fsroot_reason(node_code ? node_code : -ENOENT));
    add_caches(facts, SYSFS, caches);
}

void aglm_probe_topology(struct aglm_facts *facts, const struct aglm_fsroot *fs,
                         const struct aglm_cpus *cpus, const struct aglm_caches *caches)
{
    hwloc_topology_t topology;
    if (fs->live && load(&topology) == 0) {
        struct aglm_caches found;
        const char *reason = "hwloc does not tell";
        add_count(facts, "topology.packages", "Packages", "hwloc",
                  hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PACKAGE), reason);
        add_count(facts, "topology.cores", "Cores", "hwloc",
                  hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_CORE), reason);
        add_count(facts, "topology.cpus", "Hardware threads", "hwloc",
                  hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PU), reason);
        add_count(facts, "topology.numa_nodes", "NUMA nodes", "hwloc",
                  hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_NUMANODE), reason);
        hwloc_caches(&found, topology);
        add_caches(facts, "hwloc", &found);
        hwloc_topology_destroy(topology);
    } else {
        add_from_tables(facts, fs, cpus, caches);
    }
    add_usable(facts, fs);
}
