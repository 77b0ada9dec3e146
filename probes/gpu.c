/* The graphics processors' facts in order: OpenCL, Vulkan or vkjson, the drivers' files; see gpu.h.
 *
 * Each part that runs foreign code is a guarded child of its own, so that a driver which crashes in
 * one interface leaves the other's facts. */
#include "probes/gpu.h"

#include "probes/clock.h"
#include "probes/command.h"
#include "probes/guard.h"
#include "probes/probe.h"
#include "probes/scratch.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { DRIVER_MS = 4000, HURRY_MIN_MS = 50, VKJSON_MS = 3000 };

static const char *const opencl_libraries[] = {
    "libOpenCL.so.1",
    "libOpenCL.so",
    "/vendor/lib64/libOpenCL.so",
    "/system/vendor/lib64/libOpenCL.so",
    "/vendor/lib64/egl/libGLES_mali.so",
    "/vendor/lib/libOpenCL.so",
    NULL,
};
static const char *const vulkan_libraries[] = {"libvulkan.so.1", "libvulkan.so", NULL};

static const struct aglm_gpu_driver opencl = {"opencl", "OpenCL", aglm_gpu_opencl, opencl_libraries,
                                              DRIVER_MS};
static const struct aglm_gpu_driver vulkan = {"vulkan", "Vulkan", aglm_gpu_vulkan, vulkan_libraries,
                                              DRIVER_MS};

struct asked {
    const struct aglm_gpu_driver *driver;
    const struct aglm_scratch *scratch;
};

static void guarded_driver(struct aglm_facts *facts, const void *arg)
{
    const struct asked *asked = arg;
    aglm_scratch_enter(asked->scratch);
    asked->driver->ask(facts, asked->driver->libraries);
}

void aglm_gpu_ask(struct aglm_facts *facts, const struct aglm_gpu_driver *driver)
{
    struct aglm_scratch scratch;
    const struct asked asked = {driver, &scratch};
    char key[64], path[sizeof(scratch.path)];
    int rc = aglm_scratch_make(&scratch);
    if (rc) {
        snprintf(key, sizeof(key), "gpu.%s", driver->name);
        aglm_facts_unknown(facts, key, driver->label, "TMPDIR",
                           "not asked: no temporary folder for what drivers write: %s",
                           strerror(-rc));
        return;
    }
    snprintf(path, sizeof(path), "%s", scratch.path);
    aglm_guard_run(facts, driver->name, driver->timeout_ms, guarded_driver, &asked);
    snprintf(key, sizeof(key), "probe.%s.left", driver->name);
    if (aglm_scratch_remove(&scratch))
        aglm_facts_text(facts, key, "Left behind", "probe", "%s: remove it by hand", path);
}

static const struct aglm_fact *find(const struct aglm_facts *facts, const char *key)
{
    for (size_t i = 0; i < facts->n; i++)
        if (strcmp(facts->v[i].key, key) == 0)
            return &facts->v[i];
    return NULL;
}

/* Android's own view, which needs no library in this process; nothing elsewhere. */
static void probe_vkjson(struct aglm_facts *facts, const struct aglm_fsroot *fs)
{
    static const char *const argv[] = {"cmd", "gpu", "vkjson", NULL};
    const char *key = "gpu.vkjson", *source = "cmd gpu vkjson";
    struct aglm_vulkan_device devices[AGLM_GPU_DEVICES_MAX];
    struct aglm_command command;
    char reason[64];
    size_t n = 0;
    int rc = aglm_command_run(&command, fs, argv, AGLM_COMMAND_TIMEOUT_MS, AGLM_COMMAND_BYTES_MAX);
    if (rc == 0) {
        rc = aglm_vkjson_parse(devices, &n, command.text);
        command.code = rc;
    }
    for (size_t i = 0; i < n; i++)
        aglm_vulkan_add(facts, source, i, &devices[i]);
    if (rc == 0 && n == 0)
        aglm_facts_text(facts, key, "Vulkan, by Android", source, "no devices");
    else if (rc && rc != -ENOENT)
        aglm_facts_unknown(facts, key, "Vulkan, by Android", source, "%s",
                           aglm_command_reason(&command, reason, sizeof(reason)));
    aglm_command_finish(&command);
}

static void guarded_files(struct aglm_facts *facts, const void *arg)
{
    aglm_gpu_nodes(facts, arg);
}

static void guarded_vkjson(struct aglm_facts *facts, const void *arg)
{
    probe_vkjson(facts, arg);
}

/* "yes", "software only" or "no" from the devices that either source named. */
static void add_compute(struct aglm_facts *facts)
{
    const char *key = "gpu.vulkan_compute", *label = "Vulkan compute";
    const struct aglm_fact *device = NULL, *found = NULL;
    bool hardware = false;
    char of[64];
    for (size_t i = 0; i < AGLM_GPU_DEVICES_MAX; i++) {
        snprintf(of, sizeof(of), "gpu.vulkan%zu", i);
        device = find(facts, of);
        snprintf(of, sizeof(of), "gpu.vulkan%zu.compute", i);
        const struct aglm_fact *compute = find(facts, of);
        if (!device || !compute || compute->kind != AGLM_FACT_TEXT ||
            strcmp(compute->text, "no") == 0)
            continue;
        bool software = strcmp(compute->text, "in software") == 0;
        if (!found || (hardware < !software))
            found = device;
        hardware = hardware || !software;
    }
    const struct aglm_fact *none = find(facts, "gpu.vulkan");
    if (!none)
        none = find(facts, "probe.vulkan"); /* which crashed or hung */
    if (found)
        aglm_facts_text(facts, key, label, found->source, "%s: %s",
                        hardware ? "yes" : "software only", found->text);
    else if (find(facts, "gpu.vulkan0"))
        aglm_facts_text(facts, key, label, "Vulkan", "no: no device has a queue for it");
    else
        aglm_facts_unknown(facts, key, label, "Vulkan", "%s",
                           none && none->kind == AGLM_FACT_UNKNOWN ? none->text
                                                                   : "no device was found");
}

/* Asks one of n drivers that share the time until by_ns. */
static void ask_by(struct aglm_facts *facts, const struct aglm_gpu_driver *driver, uint64_t by_ns,
                   unsigned n)
{
    struct aglm_gpu_driver hurried = *driver;
    const uint64_t now = aglm_clock_ns();
    const uint64_t ms = by_ns > now ? (by_ns - now) / 1000000u / n : 0;
    if (by_ns > 0 && ms < DRIVER_MS)
        hurried.timeout_ms = ms < HURRY_MIN_MS ? HURRY_MIN_MS : (unsigned)ms;
    aglm_gpu_ask(facts, &hurried);
}

static bool is_given_up(const struct aglm_facts *facts, const char *key)
{
    const struct aglm_fact *f = find(facts, key);
    return f && strncmp(f->text, "no answer", 9) == 0;
}

static void ask_both(struct aglm_facts *facts, uint64_t by_ns)
{
    ask_by(facts, &opencl, by_ns, 2);
    ask_by(facts, &vulkan, by_ns, 1);
    if (by_ns > 0 && (is_given_up(facts, "probe.opencl") || is_given_up(facts, "probe.vulkan")))
        aglm_facts_text(facts, "gpu.hurry", "Drivers asked", "probe",
                        "in passing; a profile that measures waits %d s for each",
                        DRIVER_MS / 1000);
}

void aglm_probe_gpu(struct aglm_facts *facts, const struct aglm_fsroot *fs, uint64_t drivers_by_ns)
{
    const char *const reason = "only the running machine tells";
    if (fs->live)
        ask_both(facts, drivers_by_ns);
    else
        aglm_facts_unknown(facts, "gpu.opencl", "OpenCL", "libOpenCL", "%s", reason);
    if (!find(facts, "gpu.vulkan0"))
        aglm_guard_run(facts, "vkjson", VKJSON_MS, guarded_vkjson, fs);
    if (!fs->live && !find(facts, "gpu.vulkan0"))
        aglm_facts_unknown(facts, "gpu.vulkan", "Vulkan", "libvulkan", "%s", reason);
    add_compute(facts);
    aglm_guard_run(facts, "gpufiles", VKJSON_MS, guarded_files, fs);
}
