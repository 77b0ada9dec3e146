/* Vulkan's devices, asked through a library loaded at run time; see gpu.h.
 *
 * Runs vendors' code: call it in a guarded child only. No device is opened, only described. */
#include "probes/gpu.h"

#ifdef AGLM_HAVE_VULKAN

#define VK_NO_PROTOTYPES
#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vulkan/vulkan.h>

enum { QUEUES_MAX = 32 };

struct vulkan {
    PFN_vkGetInstanceProcAddr get;
    VkInstance instance;
    PFN_vkEnumeratePhysicalDevices devices;
    PFN_vkGetPhysicalDeviceProperties properties;
    PFN_vkGetPhysicalDeviceMemoryProperties memory;
    PFN_vkGetPhysicalDeviceQueueFamilyProperties queues;
    PFN_vkEnumerateDeviceExtensionProperties extensions;
    PFN_vkGetPhysicalDeviceProperties2 properties2; /* these two: NULL before Vulkan 1.1 */
    PFN_vkGetPhysicalDeviceFeatures2 features2;
};

/* The names of a device's extensions. */
struct extensions {
    VkExtensionProperties *v; /* [n] */
    uint32_t n;
};

#define GET(vk, name) ((PFN_##name)(vk)->get((vk)->instance, #name))

static bool create_instance(struct vulkan *vk)
{
    PFN_vkEnumerateInstanceVersion version = GET(vk, vkEnumerateInstanceVersion);
    PFN_vkCreateInstance create = GET(vk, vkCreateInstance);
    VkApplicationInfo app = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                             .pApplicationName = "aglm-bench",
                             .apiVersion = VK_API_VERSION_1_0};
    const VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                                       .pApplicationInfo = &app};
    uint32_t instance_version = VK_API_VERSION_1_0;
    if (version && version(&instance_version) == VK_SUCCESS)
        app.apiVersion =
            instance_version < VK_API_VERSION_1_3 ? instance_version : VK_API_VERSION_1_3;
    return create && create(&info, NULL, &vk->instance) == VK_SUCCESS;
}

static const char *load(struct vulkan *vk, const char *const libraries[])
{
    void *library = NULL;
    for (size_t i = 0; !library && libraries[i]; i++)
        library = dlopen(libraries[i], RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return "there is no Vulkan library";
    void *get = dlsym(library, "vkGetInstanceProcAddr");
    memcpy(&vk->get, &get, sizeof(get)); /* ISO C has no conversion for it */
    if (!vk->get)
        return "its library lacks a function";
    if (!create_instance(vk))
        return "no driver is installed, or it cannot start";
    vk->devices = GET(vk, vkEnumeratePhysicalDevices);
    vk->properties = GET(vk, vkGetPhysicalDeviceProperties);
    vk->memory = GET(vk, vkGetPhysicalDeviceMemoryProperties);
    vk->queues = GET(vk, vkGetPhysicalDeviceQueueFamilyProperties);
    vk->extensions = GET(vk, vkEnumerateDeviceExtensionProperties);
    vk->properties2 = GET(vk, vkGetPhysicalDeviceProperties2);
    vk->features2 = GET(vk, vkGetPhysicalDeviceFeatures2);
    if (!vk->devices || !vk->properties || !vk->memory || !vk->queues || !vk->extensions)
        return "its library lacks a function";
    return NULL;
}

static void read_extensions(struct extensions *out, const struct vulkan *vk,
                            VkPhysicalDevice device)
{
    *out = (struct extensions){0};
    if (vk->extensions(device, NULL, &out->n, NULL) != VK_SUCCESS || out->n == 0 || out->n > 4096)
        return;
    out->v = calloc(out->n, sizeof(*out->v));
    if (!out->v || vk->extensions(device, NULL, &out->n, out->v) < 0)
        out->n = 0;
}

static bool has(const struct extensions *list, const char *name)
{
    for (uint32_t i = 0; list->v && i < list->n; i++)
        if (strcmp(list->v[i].extensionName, name) == 0)
            return true;
    return false;
}

static void read_memory(struct aglm_vulkan_device *out, const struct vulkan *vk,
                        VkPhysicalDevice device)
{
    VkPhysicalDeviceMemoryProperties memory = {0};
    vk->memory(device, &memory);
    out->local_bytes = out->all_bytes = 0;
    for (uint32_t i = 0; i < memory.memoryHeapCount && i < VK_MAX_MEMORY_HEAPS; i++) {
        const VkMemoryHeap *heap = &memory.memoryHeaps[i];
        out->all_bytes += (double)heap->size;
        if (heap->flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT)
            out->local_bytes = fmax(out->local_bytes, (double)heap->size);
    }
}

static void read_queues(struct aglm_vulkan_device *out, const struct vulkan *vk,
                        VkPhysicalDevice device)
{
    VkQueueFamilyProperties queues[QUEUES_MAX] = {0};
    uint32_t n = QUEUES_MAX;
    vk->queues(device, &n, queues);
    out->compute = 0;
    for (uint32_t i = 0; i < n && i < QUEUES_MAX; i++)
        if (queues[i].queueFlags & VK_QUEUE_COMPUTE_BIT)
            out->compute = 1;
}

/* Puts a struct in front of the chain that starts at root. */
static void chain(void *root, void *link)
{
    VkBaseOutStructure *first = root, *next = link;
    next->pNext = first->pNext;
    first->pNext = next;
}

static void read_features(struct aglm_vulkan_device *out, const struct vulkan *vk,
                          VkPhysicalDevice device, uint32_t api, const struct extensions *ext)
{
    VkPhysicalDeviceShaderFloat16Int8Features small = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_FLOAT16_INT8_FEATURES};
    VkPhysicalDevice8BitStorageFeatures storage8 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_8BIT_STORAGE_FEATURES};
    VkPhysicalDevice16BitStorageFeatures storage16 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES};
    VkPhysicalDeviceShaderIntegerDotProductFeatures dot = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_FEATURES};
    VkPhysicalDeviceFeatures2 features = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2};
    /* A struct the driver does not know it leaves alone: 0, which is the right answer. */
    if (api >= VK_API_VERSION_1_2 || has(ext, VK_KHR_SHADER_FLOAT16_INT8_EXTENSION_NAME))
        chain(&features, &small);
    if (api >= VK_API_VERSION_1_2 || has(ext, VK_KHR_8BIT_STORAGE_EXTENSION_NAME))
        chain(&features, &storage8);
    chain(&features, &storage16);
    if (api >= VK_API_VERSION_1_3 || has(ext, VK_KHR_SHADER_INTEGER_DOT_PRODUCT_EXTENSION_NAME))
        chain(&features, &dot);
    vk->features2(device, &features);
    out->float16 = small.shaderFloat16 != 0;
    out->int8 = small.shaderInt8 != 0;
    out->storage8 = storage8.storageBuffer8BitAccess != 0;
    out->storage16 = storage16.storageBuffer16BitAccess != 0;
    out->dot = dot.shaderIntegerDotProduct != 0;
}

static void read_properties(struct aglm_vulkan_device *out, const struct vulkan *vk,
                            VkPhysicalDevice device, uint32_t api, const struct extensions *ext)
{
    VkPhysicalDeviceDriverProperties driver = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES};
    VkPhysicalDeviceSubgroupProperties subgroup = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES};
    VkPhysicalDeviceSubgroupSizeControlProperties sizes = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES};
    VkPhysicalDeviceShaderIntegerDotProductProperties dot = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_PROPERTIES};
    VkPhysicalDeviceProperties2 properties = {.sType =
                                                  VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2};
    chain(&properties, &subgroup);
    if (api >= VK_API_VERSION_1_2 || has(ext, VK_KHR_DRIVER_PROPERTIES_EXTENSION_NAME))
        chain(&properties, &driver);
    if (api >= VK_API_VERSION_1_3 || has(ext, VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME))
        chain(&properties, &sizes);
    if (out->dot == 1)
        chain(&properties, &dot);
    vk->properties2(device, &properties);
    snprintf(out->driver, sizeof(out->driver), "%.254s%s%.254s", driver.driverName,
             driver.driverInfo[0] ? ", " : "", driver.driverInfo);
    if (subgroup.subgroupSize > 0)
        out->subgroup = subgroup.subgroupSize;
    if (sizes.minSubgroupSize > 0) {
        out->subgroup_min = sizes.minSubgroupSize;
        out->subgroup_max = sizes.maxSubgroupSize;
    }
    if (out->dot == 1)
        out->dot_fast = dot.integerDotProduct4x8BitPackedSignedAccelerated ||
                        dot.integerDotProduct8BitSignedAccelerated;
}

static void read_device(struct aglm_vulkan_device *out, const struct vulkan *vk,
                        VkPhysicalDevice device)
{
    VkPhysicalDeviceProperties properties = {0};
    struct extensions ext;
    aglm_vulkan_device_init(out);
    vk->properties(device, &properties);
    snprintf(out->name, sizeof(out->name), "%.255s", properties.deviceName);
    out->type = properties.deviceType;
    out->api_version = properties.apiVersion;
    out->driver_version = properties.driverVersion;
    read_memory(out, vk, device);
    read_queues(out, vk, device);
    read_extensions(&ext, vk, device);
    if (properties.apiVersion >= VK_API_VERSION_1_1 && vk->properties2 && vk->features2) {
        read_features(out, vk, device, properties.apiVersion, &ext);
        read_properties(out, vk, device, properties.apiVersion, &ext);
    }
    free(ext.v);
}

void aglm_gpu_vulkan(struct aglm_facts *facts, const char *const libraries[])
{
    struct vulkan vk = {0};
    VkPhysicalDevice devices[AGLM_GPU_DEVICES_MAX];
    uint32_t n = AGLM_GPU_DEVICES_MAX;
    const char *why = load(&vk, libraries);
    if (!why && (vk.devices(vk.instance, &n, devices) < 0 || n == 0))
        why = "its drivers have no device";
    if (why) {
        aglm_facts_unknown(facts, "gpu.vulkan", "Vulkan", "libvulkan", "%s", why);
        return;
    }
    for (uint32_t i = 0; i < n && i < AGLM_GPU_DEVICES_MAX; i++) {
        struct aglm_vulkan_device device;
        read_device(&device, &vk, devices[i]);
        aglm_vulkan_add(facts, "Vulkan", i, &device);
    }
}

#else

void aglm_gpu_vulkan(struct aglm_facts *facts, const char *const libraries[])
{
    aglm_facts_unknown(facts, "gpu.vulkan", "Vulkan", "libvulkan", "built without Vulkan");
}

#endif
