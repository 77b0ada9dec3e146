/* OpenCL's platforms and devices, asked through a library loaded at run time; see gpu.h.
 *
 * Runs vendors' code: call it in a guarded child only. */
#include "probes/gpu.h"

#include <stdio.h>
#include <string.h>

#ifdef AGLM_HAVE_OPENCL

#define CL_TARGET_OPENCL_VERSION 300
#include <CL/cl.h>
#include <CL/cl_ext.h>
#include <dlfcn.h>
#include <math.h>
#include <stdlib.h>

enum { PLATFORMS_MAX = 8, INFO_MAX = 512, EXTENSIONS_MAX = 16384 };

static const char SOURCE[] = "OpenCL";

struct opencl {
    __typeof__(&clGetPlatformIDs) platforms;
    __typeof__(&clGetPlatformInfo) platform_info;
    __typeof__(&clGetDeviceIDs) devices;
    __typeof__(&clGetDeviceInfo) device_info;
};

/* Extensions that a language model's kernels can use, and what they are called here. */
static const struct {
    const char *name, *words;
} features[] = {
    {"cl_khr_fp16", "fp16"},
    {"cl_arm_integer_dot_product_int8", "int8 dot product (Arm)"},
    {"cl_arm_integer_dot_product_accumulate_int8", "int8 dot product with sum (Arm)"},
    {"cl_qcom_dot_product8", "int8 dot product (Qualcomm)"},
    {"cl_khr_subgroups", "subgroups"},
    {"cl_intel_subgroups", "subgroups (Intel)"},
    {"cl_qcom_reqd_sub_group_size", "chosen subgroup size (Qualcomm)"},
    {"cl_intel_required_subgroup_size", "chosen subgroup size (Intel)"},
    {"cl_khr_il_program", "SPIR-V"},
};

/* Puts a function of the library into *out, copied because ISO C has no conversion for it. */
static bool symbol(void *library, const char *name, void *out)
{
    void *function = dlsym(library, name);
    memcpy(out, &function, sizeof(function));
    return function != NULL;
}

/* NULL, or why there is nothing to ask. */
static const char *load(struct opencl *cl, const char *const libraries[])
{
    void *library = NULL;
    for (size_t i = 0; !library && libraries[i]; i++)
        library = dlopen(libraries[i], RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return "there is no OpenCL library";
    bool whole = symbol(library, "clGetPlatformIDs", &cl->platforms) &&
                 symbol(library, "clGetPlatformInfo", &cl->platform_info) &&
                 symbol(library, "clGetDeviceIDs", &cl->devices) &&
                 symbol(library, "clGetDeviceInfo", &cl->device_info);
    return whole ? NULL : "its library lacks a function";
}

/* A text of a device, "" if it does not tell. */
static void device_text(const struct opencl *cl, cl_device_id device, cl_device_info what,
                        char *buf, size_t cap)
{
    size_t size = 0;
    if (cl->device_info(device, what, 0, NULL, &size) != CL_SUCCESS || size == 0 || size >= cap ||
        cl->device_info(device, what, size, buf, NULL) != CL_SUCCESS)
        size = 0;
    buf[size] = '\0';
}

static double device_number(const struct opencl *cl, cl_device_id device, cl_device_info what)
{
    cl_ulong wide = 0;
    cl_uint narrow = 0;
    size_t size = 0;
    if (cl->device_info(device, what, 0, NULL, &size) != CL_SUCCESS)
        return NAN;
    if (size == sizeof(wide) && cl->device_info(device, what, size, &wide, NULL) == CL_SUCCESS)
        return (double)wide;
    if (size == sizeof(narrow) && cl->device_info(device, what, size, &narrow, NULL) == CL_SUCCESS)
        return narrow;
    return NAN;
}

static bool has_word(const char *list, const char *word)
{
    const size_t n = strlen(word);
    for (const char *at = list; (at = strstr(at, word)); at += n)
        if ((at == list || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0'))
            return true;
    return false;
}

static void add_text(struct aglm_facts *facts, const char *prefix, const char *name,
                     const char *label, const char *text)
{
    char key[64];
    snprintf(key, sizeof(key), "%s.%s", prefix, name);
    if (text[0])
        aglm_facts_text(facts, key, label, SOURCE, "%s", text);
    else
        aglm_facts_unknown(facts, key, label, SOURCE, "the driver does not tell");
}

static void add_number(struct aglm_facts *facts, const char *prefix, const char *name,
                       const char *label, const char *unit, double value)
{
    char key[64];
    snprintf(key, sizeof(key), "%s.%s", prefix, name);
    if (isnan(value))
        aglm_facts_unknown(facts, key, label, SOURCE, "the driver does not tell");
    else
        aglm_facts_number(facts, key, label, SOURCE, unit, value);
}

/* Appends to a list of words. */
static void append(char text[INFO_MAX], const char *between, const char *words)
{
    size_t at = strlen(text);
    snprintf(text + at, INFO_MAX - at, "%s%s", at ? between : "", words);
}

/* What the extension of OpenCL itself says of products of four packed bytes. */
static const char *dot_words(const struct opencl *cl, cl_device_id device)
{
    cl_device_integer_dot_product_acceleration_properties_khr fast = {0};
    size_t size = 0;
    const cl_device_info what = CL_DEVICE_INTEGER_DOT_PRODUCT_ACCELERATION_PROPERTIES_8BIT_KHR;
    if (cl->device_info(device, what, 0, NULL, &size) != CL_SUCCESS || size != sizeof(fast) ||
        cl->device_info(device, what, size, &fast, NULL) != CL_SUCCESS)
        return "int8 dot product";
    return fast.signed_accelerated ? "int8 dot product in hardware"
                                   : "int8 dot product, not in hardware";
}

/* The extensions that help, then which of the three that matter most are missing. */
static void features_text(const struct opencl *cl, cl_device_id device, const char *list,
                          char text[INFO_MAX])
{
    static const char *const wanted[] = {"fp16", "int8 dot product", "subgroups"};
    for (size_t i = 0; i < sizeof(features) / sizeof(*features); i++)
        if (has_word(list, features[i].name))
            append(text, ", ", features[i].words);
    if (has_word(list, "cl_khr_integer_dot_product"))
        append(text, ", ", dot_words(cl, device));
    /* OpenCL 3.0 may have subgroups without the extension. */
    if (device_number(cl, device, CL_DEVICE_MAX_NUM_SUB_GROUPS) > 0 && !strstr(text, "subgroups"))
        append(text, ", ", "subgroups");
    char had[INFO_MAX];
    snprintf(had, sizeof(had), "%s", text);
    const char *not = text[0] ? "; not " : "not ";
    for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
        if (strstr(had, wanted[i]))
            continue;
        size_t at = strlen(text);
        snprintf(text + at, INFO_MAX - at, "%s%s", not, wanted[i]);
        not = ", ";
    }
}

static void add_features(struct aglm_facts *facts, const struct opencl *cl, cl_device_id device,
                         const char *prefix)
{
    char text[INFO_MAX] = "", *list = malloc(EXTENSIONS_MAX);
    if (!list) {
        facts->out_of_memory = true;
        return;
    }
    device_text(cl, device, CL_DEVICE_EXTENSIONS, list, EXTENSIONS_MAX);
    if (list[0])
        features_text(cl, device, list, text);
    add_text(facts, prefix, "features", "OpenCL features", text);
    free(list);
}

static const char *kind_of(const struct opencl *cl, cl_device_id device)
{
    double type = device_number(cl, device, CL_DEVICE_TYPE);
    unsigned long bits = type >= 0 && type <= 0xffff ? (unsigned long)type : 0;
    return bits & CL_DEVICE_TYPE_GPU           ? "GPU"
           : bits & CL_DEVICE_TYPE_CPU         ? "CPU, in software"
           : bits & CL_DEVICE_TYPE_ACCELERATOR ? "accelerator"
                                               : "of unknown kind";
}

static void add_device(struct aglm_facts *facts, const struct opencl *cl, cl_platform_id platform,
                       cl_device_id device, size_t i)
{
    char prefix[32], label[32], text[INFO_MAX], name[INFO_MAX] = "";
    size_t size = 0;
    snprintf(prefix, sizeof(prefix), "gpu.opencl%zu", i);
    snprintf(label, sizeof(label), "OpenCL device %zu", i);
    device_text(cl, device, CL_DEVICE_NAME, text, sizeof(text));
    aglm_facts_text(facts, prefix, label, SOURCE, "%s (%s)", text[0] ? text : "without a name",
                    kind_of(cl, device));
    if (cl->platform_info(platform, CL_PLATFORM_NAME, sizeof(name) - 1, name, &size) != CL_SUCCESS)
        name[0] = '\0';
    add_text(facts, prefix, "platform", "OpenCL platform", name);
    device_text(cl, device, CL_DEVICE_VERSION, text, sizeof(text));
    add_text(facts, prefix, "version", "OpenCL version", text);
    device_text(cl, device, CL_DRIVER_VERSION, text, sizeof(text));
    add_text(facts, prefix, "driver", "OpenCL driver", text);
    add_number(facts, prefix, "memory", "OpenCL memory", "bytes",
               device_number(cl, device, CL_DEVICE_GLOBAL_MEM_SIZE));
    add_number(facts, prefix, "buffer_max", "Largest OpenCL buffer", "bytes",
               device_number(cl, device, CL_DEVICE_MAX_MEM_ALLOC_SIZE));
    add_number(facts, prefix, "units", "OpenCL compute units", "count",
               device_number(cl, device, CL_DEVICE_MAX_COMPUTE_UNITS));
    add_features(facts, cl, device, prefix);
}

void aglm_gpu_opencl(struct aglm_facts *facts, const char *const libraries[])
{
    struct opencl cl;
    cl_platform_id platforms[PLATFORMS_MAX];
    cl_uint n_platforms = 0;
    size_t n = 0;
    const char *why = load(&cl, libraries);
    if (!why) {
        why = "no driver is installed";
        if (cl.platforms(PLATFORMS_MAX, platforms, &n_platforms) != CL_SUCCESS)
            n_platforms = 0;
        if (n_platforms > 0)
            why = "its drivers have no device";
    }
    for (size_t p = 0; p < n_platforms && p < PLATFORMS_MAX; p++) {
        cl_device_id devices[AGLM_GPU_DEVICES_MAX];
        cl_uint count = 0;
        if (cl.devices(platforms[p], CL_DEVICE_TYPE_ALL, AGLM_GPU_DEVICES_MAX, devices, &count) !=
            CL_SUCCESS)
            continue;
        for (size_t d = 0; d < count && d < AGLM_GPU_DEVICES_MAX && n < AGLM_GPU_DEVICES_MAX; d++)
            add_device(facts, &cl, platforms[p], devices[d], n++);
    }
    if (n == 0)
        aglm_facts_unknown(facts, "gpu.opencl", "OpenCL", "libOpenCL", "%s", why);
}

#else

void aglm_gpu_opencl(struct aglm_facts *facts, const char *const libraries[])
{
    aglm_facts_unknown(facts, "gpu.opencl", "OpenCL", "libOpenCL", "built without OpenCL");
}

#endif
