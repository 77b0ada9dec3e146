/* What hwloc says about the running machine; see topology.h. */
#include "probes/topology.h"

#include "probes/cgroup.h"
#include "probes/placement.h"

#include <errno.h>
#include <hwloc.h>
#include <math.h>
#include <sched.h>
#include <unistd.h>

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

static void read_caches(struct aglm_caches *out, hwloc_topology_t topology)
{
    static const hwloc_obj_type_t types[] = {HWLOC_OBJ_L1CACHE, HWLOC_OBJ_L1ICACHE,
                                             HWLOC_OBJ_L2CACHE, HWLOC_OBJ_L3CACHE};
    aglm_caches_init(out, -ENOENT);
    for (size_t kind = 0; kind < AGLM_CACHE_KINDS; kind++) {
        int n = hwloc_get_nbobjs_by_type(topology, types[kind]);
        for (int i = 0; i < n; i++) {
            hwloc_obj_t object = hwloc_get_obj_by_type(topology, types[kind], (unsigned)i);
            if (object && object->attr->cache.size > 0)
                aglm_caches_add(out, (enum aglm_cache_kind)kind, (int64_t)object->attr->cache.size);
        }
    }
    if (out->instances[AGLM_CACHE_L1D] + out->instances[AGLM_CACHE_L2] > 0)
        out->code = 0;
}

int aglm_topology_hwloc(struct aglm_topology_view *out)
{
    hwloc_topology_t topology;
    int rc = load(&topology);
    if (rc)
        return rc;
    static const hwloc_obj_type_t types[AGLM_TOPOLOGY_COUNTS] = {
        [AGLM_TOPOLOGY_PACKAGES] = HWLOC_OBJ_PACKAGE,
        [AGLM_TOPOLOGY_CORES] = HWLOC_OBJ_CORE,
        [AGLM_TOPOLOGY_CPUS] = HWLOC_OBJ_PU,
        [AGLM_TOPOLOGY_NODES] = HWLOC_OBJ_NUMANODE};
    for (size_t i = 0; i < AGLM_TOPOLOGY_COUNTS; i++) {
        out->counts[i] = hwloc_get_nbobjs_by_type(topology, types[i]);
        out->reasons[i] = "hwloc does not tell";
    }
    read_caches(&out->caches, topology);
    hwloc_topology_destroy(topology);
    return 0;
}
