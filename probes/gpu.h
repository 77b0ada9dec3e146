/* Graphics processors: what OpenCL, Vulkan, Android's `cmd gpu vkjson` and the drivers' own files
 * tell.
 *
 * The two libraries are loaded at run time and asked in a child each (probes/guard.h), because
 * loading them runs vendors' code, which may hang, crash and write caches: the child's home, caches
 * and temporary files lie in a folder that is removed after it (probes/scratch.h). A device without
 * them has one unknown fact for each.
 */
#ifndef AGLM_PROBES_GPU_H
#define AGLM_PROBES_GPU_H

#include "probes/facts.h"
#include "probes/fsroot.h"

#include <stddef.h>
#include <stdint.h>

enum { AGLM_GPU_DEVICES_MAX = 8 };

/* In a child: loads the first library of the list (ended by NULL) that can be, and adds facts of
 * its devices: "gpu.opencl0", "gpu.opencl0.driver", …, or "gpu.opencl" unknown with the reason. */
void aglm_gpu_opencl(struct aglm_facts *facts, const char *const libraries[]);
/* The same for Vulkan: "gpu.vulkan0", …. */
void aglm_gpu_vulkan(struct aglm_facts *facts, const char *const libraries[]);

/* One of the two, and how to ask it. */
struct aglm_gpu_driver {
    const char *name, *label; /* "opencl", of letters only; "OpenCL" */
    void (*ask)(struct aglm_facts *facts, const char *const libraries[]);
    const char *const *libraries;
    unsigned timeout_ms;
};
/* Asks in a child. One that hangs or crashes is named as "probe.NAME"; "gpu.NAME" is unknown where
 * no temporary folder can be made. */
void aglm_gpu_ask(struct aglm_facts *facts, const struct aglm_gpu_driver *driver);

/* What a Vulkan device can do for a language model, from the library or from vkjson. A feature is
 * 1, 0 or -1 for unknown. */
struct aglm_vulkan_device {
    char name[256], driver[512];
    int64_t type;        /* VkPhysicalDeviceType: 0 other 1 integrated 2 discrete 3 virtual 4 CPU */
    int64_t api_version; /* packed as Vulkan does: 7, 10 and 12 bits; -1 unknown */
    int64_t driver_version;        /* packed as the vendor likes; -1 unknown */
    double local_bytes, all_bytes; /* largest heap of the device's own, all heaps; NaN unknown */
    int compute;                   /* has a queue for compute */
    int float16, int8, storage8, storage16;
    int dot, dot_fast; /* integer dot product, and whether hardware does it for 8-bit values */
    int64_t subgroup, subgroup_min, subgroup_max; /* -1 unknown */
};

/* Everything unknown. */
void aglm_vulkan_device_init(struct aglm_vulkan_device *device);
/* Adds "gpu.vulkanI" and what belongs to it. */
void aglm_vulkan_add(struct aglm_facts *facts, const char *source, size_t i,
                     const struct aglm_vulkan_device *device);

/* Reads vkjson: an object with "devices". *n of at most AGLM_GPU_DEVICES_MAX devices are filled.
 * -EILSEQ if the text is no such JSON. */
int aglm_vkjson_parse(struct aglm_vulkan_device devices[AGLM_GPU_DEVICES_MAX], size_t *n,
                      const char *text);

/* The drivers' files: kgsl (Adreno), Mali, devfreq, the NVIDIA driver. Adds nothing where there are
 * none. */
void aglm_gpu_nodes(struct aglm_facts *facts, const struct aglm_fsroot *fs);

#endif
