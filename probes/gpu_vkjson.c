/* Android's `cmd gpu vkjson`: the Vulkan devices as JSON; see gpu.h.
 *
 * Where a field stands has changed with Android's versions (beside the device's properties, in a
 * struct of its extension, in core11 to core14), but not its name, so fields are looked for by name
 * anywhere in a device. 64-bit numbers are text, "0x…"; all others are numbers. */
#include "probes/gpu.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { QUEUE_COMPUTE = 2, HEAP_LOCAL = 1, SUBGROUP_MAX = 1024 };

/* The first item of this name in object or anywhere below it. The parser has limited the depth. */
static const cJSON *deep(const cJSON *object, const char *name)
{
    const cJSON *found = NULL;
    for (const cJSON *item = object ? object->child : NULL; item && !found; item = item->next)
        found = item->string && strcmp(item->string, name) == 0 ? item : deep(item, name);
    return found;
}

/* An integer that may be text; otherwise -1. */
static int64_t integer(const cJSON *item)
{
    if (cJSON_IsNumber(item) && item->valuedouble >= 0 && item->valuedouble <= 0x1p53)
        return (int64_t)item->valuedouble;
    if (!cJSON_IsString(item) || strncmp(item->valuestring, "0x", 2) != 0)
        return -1;
    char *end;
    errno = 0;
    unsigned long long value = strtoull(item->valuestring, &end, 16);
    return *end == '\0' && errno == 0 && value <= INT64_MAX ? (int64_t)value : -1;
}

/* The size of a subgroup; what no device has is unknown. */
static int64_t subgroup_of(const cJSON *device, const char *name)
{
    int64_t size = integer(deep(device, name));
    return size >= 1 && size <= SUBGROUP_MAX ? size : -1;
}

/* 1 or 0; where a phone does not name the feature, it is older than it: -1. */
static int feature(const cJSON *device, const char *name)
{
    int64_t value = integer(deep(device, name));
    return value < 0 ? -1 : value != 0;
}

static bool has_extension(const cJSON *device, const char *name)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(device, "extensions"))
    {
        const char *text =
            cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "extensionName"));
        if (text && strcmp(text, name) == 0)
            return true;
    }
    return false;
}

static void read_memory(struct aglm_vulkan_device *out, const cJSON *device)
{
    const cJSON *heap;
    double local = 0, all = 0;
    cJSON_ArrayForEach(heap, deep(device, "memoryHeaps"))
    {
        int64_t size = integer(cJSON_GetObjectItemCaseSensitive(heap, "size"));
        int64_t flags = integer(cJSON_GetObjectItemCaseSensitive(heap, "flags"));
        if (size <= 0)
            continue;
        all += (double)size;
        if (flags > 0 && (flags & HEAP_LOCAL))
            local = fmax(local, (double)size);
    }
    if (all > 0) {
        out->all_bytes = all;
        out->local_bytes = local;
    }
}

static void read_queues(struct aglm_vulkan_device *out, const cJSON *device)
{
    const cJSON *queue;
    cJSON_ArrayForEach(queue, cJSON_GetObjectItemCaseSensitive(device, "queues"))
    {
        int64_t flags = integer(cJSON_GetObjectItemCaseSensitive(queue, "queueFlags"));
        if (flags >= 0 && out->compute != 1)
            out->compute = (flags & QUEUE_COMPUTE) != 0;
    }
}

static void read_driver(struct aglm_vulkan_device *out, const cJSON *device)
{
    const char *name = cJSON_GetStringValue(deep(device, "driverName"));
    const char *info = cJSON_GetStringValue(deep(device, "driverInfo"));
    if (name)
        snprintf(out->driver, sizeof(out->driver), "%.254s%s%.254s", name,
                 info && info[0] ? ", " : "", info ? info : "");
    /* some drivers' info has lines */
    for (char *c = out->driver; *c; c++)
        if (*c == '\n' || *c == '\r' || *c == '\t')
            *c = ' ';
}

static void read_device(struct aglm_vulkan_device *out, const cJSON *device,
                        const cJSON *properties)
{
    const char *name =
        cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(properties, "deviceName"));
    aglm_vulkan_device_init(out);
    snprintf(out->name, sizeof(out->name), "%.255s", name ? name : "");
    out->type = integer(cJSON_GetObjectItemCaseSensitive(properties, "deviceType"));
    out->api_version = integer(cJSON_GetObjectItemCaseSensitive(properties, "apiVersion"));
    out->driver_version = integer(cJSON_GetObjectItemCaseSensitive(properties, "driverVersion"));
    read_driver(out, device);
    read_memory(out, device);
    read_queues(out, device);
    out->float16 = feature(device, "shaderFloat16");
    out->int8 = feature(device, "shaderInt8");
    out->storage8 = feature(device, "storageBuffer8BitAccess");
    out->storage16 = feature(device, "storageBuffer16BitAccess");
    out->dot = feature(device, "shaderIntegerDotProduct");
    if (out->dot < 0 && has_extension(device, "VK_KHR_shader_integer_dot_product"))
        out->dot = 1;
    if (out->dot == 1)
        out->dot_fast = feature(device, "integerDotProduct4x8BitPackedSignedAccelerated") == 1
                            ? 1
                            : feature(device, "integerDotProduct8BitSignedAccelerated");
    out->subgroup = subgroup_of(device, "subgroupSize");
    out->subgroup_min = subgroup_of(device, "minSubgroupSize");
    out->subgroup_max = subgroup_of(device, "maxSubgroupSize");
}

int aglm_vkjson_parse(struct aglm_vulkan_device devices[AGLM_GPU_DEVICES_MAX], size_t *n,
                      const char *text)
{
    cJSON *root = cJSON_Parse(text);
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(root, "devices"), *device;
    int rc = cJSON_IsArray(list) ? 0 : -EILSEQ;
    *n = 0;
    if (rc == 0) {
        cJSON_ArrayForEach(device, list)
        {
            const cJSON *properties = cJSON_GetObjectItemCaseSensitive(device, "properties");
            if (!cJSON_IsObject(properties))
                rc = -EILSEQ;
            else if (*n < AGLM_GPU_DEVICES_MAX)
                read_device(&devices[(*n)++], device, properties);
        }
    }
    if (rc)
        *n = 0;
    cJSON_Delete(root);
    return rc;
}
