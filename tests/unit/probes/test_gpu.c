/* Graphics: vkjson, the drivers' files, and libraries that crash or hang. The real ones are asked
 * in test_gpu_drivers.c. AGLM_VKJSON is the fuzz corpus of vkjson, AGLM_BAD_DRIVER a library that
 * writes where drivers do and then does as the environment says. */
#include "tests/unit/probes/suites.h"
#include "tests/unit/probes/tree.h"

#include "probes/gpu.h"
#include "probes/guard.h"
#include "probes/profile.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct tree tree;
static struct aglm_vulkan_device devices[AGLM_GPU_DEVICES_MAX];

static void setup(void)
{
    tree_make(&tree);
}

static void teardown(void)
{
    tree_remove(&tree);
}

static char *slurp(const char *name)
{
    struct aglm_fsroot fs;
    char path[64], *text = NULL;
    snprintf(path, sizeof(path), "/%s", name);
    ck_assert_int_eq(aglm_fsroot_open(&fs, AGLM_VKJSON, NULL), 0);
    ck_assert_int_eq(aglm_fsroot_slurp(&fs, path, 1 << 20, &text), 0);
    aglm_fsroot_close(&fs);
    return text;
}

/* ---- vkjson ---- */

START_TEST(vkjson_new)
{
    char *text = slurp("core13.json");
    size_t n;
    ck_assert_int_eq(aglm_vkjson_parse(devices, &n, text), 0);
    ck_assert_uint_eq(n, 1);
    ck_assert_str_eq(devices[0].name, "Adreno (TM) 740");
    ck_assert_int_eq(devices[0].type, 1);
    ck_assert_int_eq(devices[0].api_version, (1 << 22) | (3 << 12) | 128);
    ck_assert_str_eq(devices[0].driver, "Qualcomm driver, Driver Build: 01, Date: today");
    ck_assert_double_eq(devices[0].local_bytes, 0x1d7a00000p0);
    ck_assert_double_eq(devices[0].all_bytes, 0x1d7a00000p0 + 0x10000000p0);
    ck_assert_int_eq(devices[0].compute, 1);
    ck_assert(devices[0].float16 == 1 && devices[0].int8 == 1 && devices[0].storage8 == 1);
    ck_assert(devices[0].storage16 == 1 && devices[0].dot == 1 && devices[0].dot_fast == 1);
    ck_assert_int_eq(devices[0].subgroup, 64);
    ck_assert(devices[0].subgroup_min == 64 && devices[0].subgroup_max == 128);
    free(text);
}
END_TEST

START_TEST(vkjson_old)
{
    char *text = slurp("core10.json");
    size_t n;
    ck_assert_int_eq(aglm_vkjson_parse(devices, &n, text), 0);
    ck_assert_uint_eq(n, 2);
    ck_assert_str_eq(devices[0].name, "Mali-G76");
    ck_assert_str_eq(devices[0].driver, "");
    ck_assert_int_eq(devices[0].driver_version, 58720256);
    ck_assert(devices[0].float16 == -1 && devices[0].int8 == -1 && devices[0].dot == -1);
    ck_assert_int_eq(devices[0].subgroup, -1);
    ck_assert_int_eq(devices[1].compute, 0);
    ck_assert_str_eq(devices[1].driver, "one of an extension");
    ck_assert(devices[1].float16 == 1 && devices[1].int8 == 0 && devices[1].dot == 1);
    ck_assert_double_nan(devices[1].local_bytes);
    free(text);
}
END_TEST

static const struct {
    const char *text;
    int rc;
    size_t n;
} jsons[] = {
    {"", -EILSEQ, 0},
    {"{", -EILSEQ, 0},
    {"[]", -EILSEQ, 0},
    {"{}", -EILSEQ, 0},
    {"{\"devices\": {}}", -EILSEQ, 0},
    {"{\"devices\": []}", 0, 0},
    {"{\"devices\": [3]}", -EILSEQ, 0},
    {"{\"devices\": [{}]}", -EILSEQ, 0},
    {"{\"devices\": [{\"properties\": {}}, 4]}", -EILSEQ, 0},
    {"{\"devices\": [{\"properties\": {\"deviceName\": 3, \"deviceType\": -1, \"apiVersion\": "
     "1e99},"
     "\"memory\": {\"memoryHeaps\": [{\"size\": \"0xzz\", \"flags\": 1}, {\"size\": "
     "\"0xffffffffffffffff\"}, 7]}, \"queues\": {}, \"extensions\": 5}]}",
     0, 1},
};

START_TEST(vkjson_bad)
{
    size_t n = 99;
    ck_assert_int_eq(aglm_vkjson_parse(devices, &n, jsons[_i].text), jsons[_i].rc);
    ck_assert_uint_eq(n, jsons[_i].n);
    if (n == 1) {
        ck_assert_str_eq(devices[0].name, "");
        ck_assert(devices[0].type == -1 && devices[0].api_version == -1);
        ck_assert_double_nan(devices[0].all_bytes);
    }
}
END_TEST

/* ---- as facts ---- */

static struct aglm_profile *profile;

static const char *shown(const char *key)
{
    static char buf[512];
    const struct aglm_fact *f = aglm_profile_find(profile, key);
    if (!f)
        return "-";
    if (f->kind == AGLM_FACT_NUMBER)
        snprintf(buf, sizeof(buf), "%.15g %s", f->number, f->unit);
    else
        snprintf(buf, sizeof(buf), "%s%s", f->kind == AGLM_FACT_UNKNOWN ? "?" : "", f->text);
    return buf;
}

#define is(key, text) ck_assert_msg(strcmp(shown(key), text) == 0, "%s: %s", key, shown(key))

static void load(void)
{
    const struct aglm_profile_options options = {.root = tree.root};
    aglm_profile_destroy(&profile);
    ck_assert_int_eq(aglm_profile_create(&profile, &options, NULL), 0);
}

START_TEST(vkjson_facts)
{
    char *text = slurp("core13.json");
    tree_text(&tree, "/commands/cmd_gpu_vkjson", text);
    load();
    is("gpu.vulkan0", "Adreno (TM) 740 (integrated GPU)");
    is("gpu.vulkan0.version", "1.3.128");
    is("gpu.vulkan0.memory", "7912554496 bytes");
    is("gpu.vulkan0.subgroup", "64, can be 64 to 128");
    is("gpu.vulkan0.features",
       "fp16, int8, 8-bit storage, 16-bit storage, int8 dot product in hardware");
    is("gpu.vulkan_compute", "yes: Adreno (TM) 740 (integrated GPU)");
    is("gpu.vulkan", "-");
    free(text);
    text = slurp("core10.json");
    tree_text(&tree, "/commands/cmd_gpu_vkjson", text);
    load();
    is("gpu.vulkan0.driver", "version 0x03800000");
    is("gpu.vulkan0.features", "?the driver does not tell");
    is("gpu.vulkan1.features", "fp16, int8 dot product; not int8");
    is("gpu.vulkan_compute", "yes: Mali-G76 (integrated GPU)");
    free(text);
    tree_text(&tree, "/commands/cmd_gpu_vkjson", "Segmentation fault\n");
    load();
    is("gpu.vkjson", "?garbage");
    is("gpu.vulkan_compute", "?only the running machine tells");
    tree_text(&tree, "/commands/cmd_gpu_vkjson", "{\"devices\": []}");
    load();
    is("gpu.vkjson", "no devices");
    aglm_profile_destroy(&profile);
}
END_TEST

/* ---- files ---- */

static const struct {
    const char *path, *text, *key, *shown;
} files[] = {
    {"/sys/class/kgsl/kgsl-3d0/gpu_model", "Adreno740v2\n", "gpu.model", "Adreno740v2"},
    {"/sys/class/kgsl/kgsl-3d0/gpu_busy_percentage", "37 %\n", "gpu.busy", "37 percent"},
    {"/sys/class/kgsl/kgsl-3d0/gpu_busy_percentage", "137 %\n", "gpu.busy", "?implausible value"},
    {"/sys/class/kgsl/kgsl-3d0/gpu_busy_percentage", "busy\n", "gpu.busy", "?garbage"},
    {"/sys/class/kgsl/kgsl-3d0/gpubusy", " 250000 1000000\n", "gpu.busy", "25 percent"},
    {"/sys/class/kgsl/kgsl-3d0/gpubusy", "      0       0\n", "gpu.busy", "0 percent"},
    {"/sys/class/kgsl/kgsl-3d0/gpubusy", "3 2\n", "gpu.busy", "?implausible value"},
    {"/sys/class/kgsl/kgsl-3d0/gpubusy", "3\n", "gpu.busy", "?garbage"},
    {"/sys/class/kgsl/kgsl-3d0/gpuclk", "680000000\n", "gpu.frequency", "680000 kHz"},
    {"/sys/class/kgsl/kgsl-3d0/max_gpuclk", "-1\n", "gpu.frequency_max", "?implausible value"},
    {"/sys/class/misc/mali0/device/gpuinfo", "Mali-G57 5 cores r0p1 0x9091\n", "gpu.model",
     "Mali-G57 5 cores r0p1 0x9091"},
    {"/sys/kernel/gpu/gpu_model", "Mali-G78\n", "gpu.model", "Mali-G78"},
    {"/sys/kernel/gpu/gpu_clock", "702\n", "gpu.frequency", "702000 kHz"},
    {"/sys/kernel/gpu/gpu_max_clock", "897000\n", "gpu.frequency_max", "897000 kHz"},
    {"/sys/kernel/gpu/gpu_busy", "12%\n", "gpu.busy", "12 percent"},
    {"/sys/class/devfreq/1f000000.mali/cur_freq", "202000000\n", "gpu.frequency", "202000 kHz"},
    {"/sys/class/devfreq/1f000000.mali/governor", "simple_ondemand\n", "gpu.governor",
     "simple_ondemand"},
    {"/sys/class/devfreq/soc:qcom,gpubw-bus/cur_freq", "202000000\n", "gpu.frequency", "-"},
    {"/proc/driver/nvidia/version",
     "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19\nGCC version: 12\n",
     "gpu.nvidia_driver", "535.104.05"},
    {"/proc/driver/nvidia/version", "something else\n", "gpu.nvidia_driver", "?garbage"},
};

START_TEST(driver_files)
{
    tree_text(&tree, files[_i].path, files[_i].text);
    load();
    is(files[_i].key, files[_i].shown);
    aglm_profile_destroy(&profile);
}
END_TEST

/* ---- bad libraries ---- */

#ifdef AGLM_HAVE_GPU_HEADERS
static const char *const bad[] = {"no-such-library.so", AGLM_BAD_DRIVER, NULL};
static const char *const absent[] = {"no-such-library.so", NULL};

static const struct {
    const char *how;
    unsigned timeout_ms;
    const char *key, *reason;
} drivers[] = {
    {"crash", 60000, "probe.driver", "crashed: ended by signal 6 (Aborted)"},
    {"hang", 300, "probe.driver",
     "no answer within 0.3 s, given up; what it found before stands above"},
    {"empty", 60000, NULL, "its library lacks a function"},
};

/* The user's folders, in a tree of their own: "home" with a file, "cache", "tmp". */
static const struct {
    const char *variable, *folder;
} folders[] = {{"HOME", "/home"},
               {"XDG_CACHE_HOME", "/cache"},
               {"TMPDIR", "/tmp"},
               {"POCL_CACHE_DIR", "/cache"},
               {"MESA_SHADER_CACHE_DIR", "/cache"},
               {"AGLM_BAD_DRIVER_ELSEWHERE", "/home"}};

static void move_in(void)
{
    char path[256];
    tree_text(&tree, "/home/mine", "mine\n");
    tree_text(&tree, "/cache/mine", "mine\n");
    tree_text(&tree, "/tmp/mine", "mine\n");
    for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
        snprintf(path, sizeof(path), "%s%s", tree.root, folders[i].folder);
        ck_assert_int_eq(setenv(folders[i].variable, path, 1), 0);
    }
}

/* Nothing came, nothing went, and this process's environment is what it was. */
static void check_untouched(void)
{
    struct aglm_fsroot fs;
    char path[256];
    ck_assert_int_eq(aglm_fsroot_open(&fs, tree.root, NULL), 0);
    for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
        struct aglm_fsroot_names names = {0};
        ck_assert_int_eq(aglm_fsroot_list(&fs, folders[i].folder, "", &names), 0);
        ck_assert_msg(names.count == 1, "%s: %s", folders[i].folder, names.names[0]);
        ck_assert_str_eq(names.names[0], "mine");
        aglm_fsroot_names_finish(&names);
        snprintf(path, sizeof(path), "%s%s", tree.root, folders[i].folder);
        ck_assert_str_eq(getenv(folders[i].variable), path);
    }
    aglm_fsroot_close(&fs);
}

START_TEST(bad_drivers)
{
    const struct aglm_gpu_driver asked[] = {
        {"driver", "Driver", aglm_gpu_opencl, bad, drivers[_i].timeout_ms},
        {"driver", "Driver", aglm_gpu_vulkan, bad, drivers[_i].timeout_ms}};
    struct aglm_facts facts = {0};
    sigset_t before, after;
    move_in();
    ck_assert_int_eq(setenv("AGLM_BAD_DRIVER_DOES", drivers[_i].how, 1), 0);
    ck_assert_int_eq(pthread_sigmask(SIG_SETMASK, NULL, &before), 0);
    aglm_gpu_ask(&facts, &asked[0]);
    aglm_gpu_ask(&facts, &asked[1]);
    ck_assert_uint_eq(facts.n, 2);
    for (size_t i = 0; i < 2; i++) {
        const char *own = i == 0 ? "gpu.opencl" : "gpu.vulkan";
        ck_assert_int_eq(facts.v[i].kind, AGLM_FACT_UNKNOWN);
        ck_assert_str_eq(facts.v[i].key, drivers[_i].key ? drivers[_i].key : own);
        ck_assert_str_eq(facts.v[i].text, drivers[_i].reason);
    }
    check_untouched();
    ck_assert_int_eq(pthread_sigmask(SIG_SETMASK, NULL, &after), 0);
    ck_assert(sigismember(&before, SIGINT) == sigismember(&after, SIGINT));
    aglm_facts_finish(&facts);
}
END_TEST

/* What the folder is for: without it the same library writes into the user's folders. */
static void ask_plainly(struct aglm_facts *facts, const void *arg)
{
    aglm_gpu_opencl(facts, arg);
}

START_TEST(bad_driver_writes)
{
    struct aglm_facts facts = {0};
    char path[256];
    move_in();
    ck_assert_int_eq(setenv("AGLM_BAD_DRIVER_DOES", "empty", 1), 0);
    aglm_guard_run(&facts, "driver", 60000, ask_plainly, bad);
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "%s%s/cache/kernels/one", tree.root, folders[i].folder);
        ck_assert_int_eq(access(path, F_OK), 0);
    }
    aglm_facts_finish(&facts);
}
END_TEST

START_TEST(absent_drivers)
{
    struct aglm_facts facts = {0};
    aglm_gpu_opencl(&facts, absent);
    aglm_gpu_vulkan(&facts, absent);
    ck_assert_uint_eq(facts.n, 2);
    ck_assert_str_eq(facts.v[0].text, "there is no OpenCL library");
    ck_assert_str_eq(facts.v[1].text, "there is no Vulkan library");
    aglm_facts_finish(&facts);
}
END_TEST
#endif

Suite *gpu_suite(void)
{
    Suite *suite = suite_create("gpu");
    TCase *tc = tcase_create("gpu");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, vkjson_new);
    tcase_add_test(tc, vkjson_old);
    tcase_add_loop_test(tc, vkjson_bad, 0, (int)(sizeof(jsons) / sizeof(*jsons)));
    tcase_add_test(tc, vkjson_facts);
    tcase_add_loop_test(tc, driver_files, 0, (int)(sizeof(files) / sizeof(*files)));
#ifdef AGLM_HAVE_GPU_HEADERS
    tcase_add_loop_test(tc, bad_drivers, 0, (int)(sizeof(drivers) / sizeof(*drivers)));
    tcase_add_test(tc, bad_driver_writes);
    tcase_add_test(tc, absent_drivers);
#endif
    suite_add_tcase(suite, tc);
    return suite;
}
