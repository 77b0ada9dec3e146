/* Fuzz target: Android's `cmd gpu vkjson`.
 *
 * In: any bytes, as the command's output. What is read of a device is within its limits or
 * unknown, and its facts are fit to print. Built with libFuzzer (meson option fuzz, clang) or
 * with replay.c.
 */
#include "tests/fuzz/facts_check.h"

#include "probes/gpu.h"

#include <errno.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_feature(int value)
{
    return value >= -1 && value <= 1;
}

static bool is_subgroup(int64_t size)
{
    return size == -1 || (size >= 1 && size <= 1024);
}

static void check_device(const struct aglm_vulkan_device *d)
{
    require(strlen(d->name) < sizeof(d->name) && strlen(d->driver) < sizeof(d->driver));
    require(d->type >= -1 && d->api_version >= -1 && d->driver_version >= -1);
    require(isnan(d->all_bytes)
                ? isnan(d->local_bytes)
                : d->all_bytes > 0 && d->local_bytes >= 0 && d->local_bytes <= d->all_bytes);
    require(is_feature(d->compute) && is_feature(d->float16) && is_feature(d->int8));
    require(is_feature(d->storage8) && is_feature(d->storage16));
    require(is_feature(d->dot) && is_feature(d->dot_fast));
    require(is_subgroup(d->subgroup) && is_subgroup(d->subgroup_min) &&
            is_subgroup(d->subgroup_max));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct aglm_vulkan_device devices[AGLM_GPU_DEVICES_MAX];
    struct aglm_facts facts = {0};
    size_t n = 99;
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    int rc = aglm_vkjson_parse(devices, &n, text);
    free(text);
    require(rc == 0 || (rc == -EILSEQ && n == 0));
    require(n <= AGLM_GPU_DEVICES_MAX);
    for (size_t i = 0; i < n; i++) {
        check_device(&devices[i]);
        aglm_vulkan_add(&facts, "cmd gpu vkjson", i, &devices[i]);
    }
    check_facts(&facts);
    aglm_facts_finish(&facts);
    return 0;
}
