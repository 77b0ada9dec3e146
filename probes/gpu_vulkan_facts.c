/* The facts of a Vulkan device, whoever described it: the library or vkjson; see gpu.h. */
#include "probes/gpu.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { TYPE_CPU = 4, TEXT_MAX = 512 };

void aglm_vulkan_device_init(struct aglm_vulkan_device *device)
{
    *device = (struct aglm_vulkan_device){.type = -1,
                                          .api_version = -1,
                                          .driver_version = -1,
                                          .local_bytes = NAN,
                                          .all_bytes = NAN,
                                          .compute = -1,
                                          .float16 = -1,
                                          .int8 = -1,
                                          .storage8 = -1,
                                          .storage16 = -1,
                                          .dot = -1,
                                          .dot_fast = -1,
                                          .subgroup = -1,
                                          .subgroup_min = -1,
                                          .subgroup_max = -1};
}

static const char *type_word(int64_t type)
{
    static const char *const words[] = {"of another kind", "integrated GPU", "discrete GPU",
                                        "virtual GPU", "CPU, in software"};
    return type >= 0 && type <= TYPE_CPU ? words[type] : "of unknown kind";
}

/* Adds "PREFIX.name" with text; an empty one is unknown. */
__attribute__((format(printf, 6, 7))) static void add(struct aglm_facts *facts, const char *source,
                                                      const char *prefix, const char *name,
                                                      const char *label, const char *fmt, ...)
{
    char key[64], text[TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    snprintf(key, sizeof(key), "%s.%s", prefix, name);
    if (text[0])
        aglm_facts_text(facts, key, label, source, "%s", text);
    else
        aglm_facts_unknown(facts, key, label, source, "the driver does not tell");
}

static void add_bytes(struct aglm_facts *facts, const char *source, const char *prefix,
                      const char *name, const char *label, double bytes)
{
    char key[64];
    snprintf(key, sizeof(key), "%s.%s", prefix, name);
    if (bytes > 0)
        aglm_facts_number(facts, key, label, source, "bytes", bytes);
    else
        aglm_facts_unknown(facts, key, label, source, "the driver does not tell");
}

/* "fp16, int8, 8-bit storage; not: integer dot product", unknown ones left out. */
static void features_text(const struct aglm_vulkan_device *d, char buf[TEXT_MAX])
{
    const struct {
        int have;
        const char *words;
    } list[] = {
        {d->float16, "fp16"},
        {d->int8, "int8"},
        {d->storage8, "8-bit storage"},
        {d->storage16, "16-bit storage"},
        {d->dot, d->dot_fast == 1   ? "int8 dot product in hardware"
                 : d->dot_fast == 0 ? "int8 dot product, not in hardware"
                                    : "int8 dot product"},
    };
    size_t at = 0;
    buf[0] = '\0';
    for (int want = 1; want >= 0; want--) {
        bool first = true;
        for (size_t i = 0; i < sizeof(list) / sizeof(*list); i++) {
            if (list[i].have != want)
                continue;
            const char *before = first ? (want ? "" : at ? "; not " : "not ") : ", ";
            at += (size_t)snprintf(buf + at, TEXT_MAX - at, "%s%s", before, list[i].words);
            first = false;
        }
    }
}

void aglm_vulkan_add(struct aglm_facts *facts, const char *source, size_t i,
                     const struct aglm_vulkan_device *d)
{
    char prefix[32], label[32], text[TEXT_MAX] = "";
    const unsigned api = d->api_version >= 0 ? (unsigned)d->api_version : 0;
    snprintf(prefix, sizeof(prefix), "gpu.vulkan%zu", i);
    snprintf(label, sizeof(label), "Vulkan device %zu", i);
    aglm_facts_text(facts, prefix, label, source, "%s (%s)",
                    d->name[0] ? d->name : "without a name", type_word(d->type));
    if (api > 0)
        snprintf(text, sizeof(text), "%u.%u.%u", (api >> 22) & 0x7f, (api >> 12) & 0x3ff,
                 api & 0xfff);
    add(facts, source, prefix, "version", "Vulkan version", "%s", text);
    if (d->driver[0])
        snprintf(text, sizeof(text), "%s", d->driver);
    else if (d->driver_version >= 0)
        snprintf(text, sizeof(text), "version 0x%08x", (unsigned)d->driver_version);
    else
        text[0] = '\0';
    add(facts, source, prefix, "driver", "Vulkan driver", "%s", text);
    add_bytes(facts, source, prefix, "memory", "Vulkan memory of its own", d->local_bytes);
    add_bytes(facts, source, prefix, "memory_all", "Vulkan memory, all heaps", d->all_bytes);
    add(facts, source, prefix, "compute", "Vulkan compute queue", "%s",
        d->compute < 0        ? ""
        : d->compute == 0     ? "no"
        : d->type == TYPE_CPU ? "in software"
                              : "yes");
    text[0] = '\0';
    if (d->subgroup_min > 0 && d->subgroup_min != d->subgroup_max)
        snprintf(text, sizeof(text), "%d, can be %d to %d", (int)d->subgroup, (int)d->subgroup_min,
                 (int)d->subgroup_max);
    else if (d->subgroup > 0)
        snprintf(text, sizeof(text), "%d", (int)d->subgroup);
    add(facts, source, prefix, "subgroup", "Vulkan subgroup size", "%s", text);
    features_text(d, text);
    add(facts, source, prefix, "features", "Vulkan features", "%s", text);
}
