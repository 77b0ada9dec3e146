/* The real libraries: PoCL by OpenCL and lavapipe by Vulkan, through the whole profile of this
 * machine. Which one is to be asked is the argument; without it here the test says so and is
 * skipped (exit status 77), or fails where AGLM_NEED_DRIVERS is set, as in scripts/test. */
#include "probes/profile.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;

static void check(bool holds, const char *what, const struct aglm_fact *fact)
{
    if (holds)
        return;
    fprintf(stderr, "%s: %s\n", what, fact ? fact->text : "no such fact");
    failures++;
}

static void is_known(const struct aglm_profile *profile, const char *prefix, const char *name,
                     enum aglm_fact_kind kind)
{
    char key[64];
    snprintf(key, sizeof(key), "%s%s", prefix, name);
    const struct aglm_fact *fact = aglm_profile_find(profile, key);
    check(fact && fact->kind == kind && (kind != AGLM_FACT_NUMBER || fact->number > 0), key, fact);
}

static int skip(const char *what)
{
    printf("skipped: %s is not installed (scripts/setup test installs it)\n", what);
    return getenv("AGLM_NEED_DRIVERS") ? EXIT_FAILURE : 77;
}

int main(int argc, char **argv)
{
    const bool vulkan = argc == 2 && strcmp(argv[1], "vulkan") == 0;
    const char *prefix = vulkan ? "gpu.vulkan0" : "gpu.opencl0";
    struct aglm_profile *profile = NULL;
    if (!dlopen(vulkan ? "libvulkan.so.1" : "libOpenCL.so.1", RTLD_LAZY | RTLD_LOCAL))
        return skip(vulkan ? "Vulkan's loader" : "OpenCL's loader");
    if (aglm_profile_create(&profile, &(struct aglm_profile_options){0}, NULL))
        return EXIT_FAILURE;
    const struct aglm_fact *none = aglm_profile_find(profile, vulkan ? "gpu.vulkan" : "gpu.opencl");
    if (none) {
        printf("%s\n", none->text);
        aglm_profile_destroy(&profile);
        return skip(vulkan ? "lavapipe or another Vulkan driver" : "PoCL or another OpenCL driver");
    }
    is_known(profile, prefix, "", AGLM_FACT_TEXT);
    is_known(profile, prefix, ".version", AGLM_FACT_TEXT);
    is_known(profile, prefix, ".driver", AGLM_FACT_TEXT);
    is_known(profile, prefix, ".memory", AGLM_FACT_NUMBER);
    is_known(profile, prefix, ".features", AGLM_FACT_TEXT);
    if (vulkan) {
        is_known(profile, prefix, ".compute", AGLM_FACT_TEXT);
        is_known(profile, prefix, ".subgroup", AGLM_FACT_TEXT);
        is_known(profile, "gpu.vulkan_compute", "", AGLM_FACT_TEXT);
    } else {
        is_known(profile, prefix, ".platform", AGLM_FACT_TEXT);
        is_known(profile, prefix, ".units", AGLM_FACT_NUMBER);
    }
    aglm_profile_destroy(&profile);
    return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
