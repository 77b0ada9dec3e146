/* CPU lists, the CPU table, caches, Arm's core names. */
#include "tests/unit/probes/suites.h"
#include "tests/unit/probes/tree.h"

#include "probes/arm/midr.h"
#include "probes/caches.h"
#include "probes/cpus.h"
#include "probes/isa.h"
#include "probes/topology.h"
#include "probes/x86/cpuid.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CPU "/sys/devices/system/cpu"

static struct tree tree;
static struct aglm_fsroot fs;

static void setup(void)
{
    tree_make(&tree);
    ck_assert_int_eq(aglm_fsroot_open(&fs, tree.root, NULL), 0);
}

static void teardown(void)
{
    aglm_fsroot_close(&fs);
    tree_remove(&tree);
}

static const struct {
    const char *text, *again; /* again: NULL if it is no list */
    int rc;
    size_t count;
} lists[] = {
    {"0", "0", 0, 1},
    {"0-3", "0-3", 0, 4},
    {"0-3,8", "0-3,8", 0, 5},
    {"3,1,2", "1-3", 0, 3},
    {"1023", "1023", 0, 1},
    {"0-1023", "0-1023", 0, 1024},
    {"63-64", "63-64", 0, 2},
    {"1024", NULL, -ERANGE, 0},
    {"99999999999999999999", NULL, -ERANGE, 0},
    {"", NULL, -EILSEQ, 0},
    {"3-1", NULL, -EILSEQ, 0},
    {"1,", NULL, -EILSEQ, 0},
    {"-1", NULL, -EILSEQ, 0},
    {"a", NULL, -EILSEQ, 0},
    {"1-2-3", NULL, -EILSEQ, 0},
    {"1 2", NULL, -EILSEQ, 0},
    {"0-", NULL, -EILSEQ, 0},
};

START_TEST(cpulist)
{
    struct aglm_cpulist list = {0};
    char text[32];
    ck_assert_int_eq(aglm_cpulist_parse(&list, lists[_i].text), lists[_i].rc);
    ck_assert_uint_eq(aglm_cpulist_count(&list), lists[_i].count);
    if (!lists[_i].again)
        return;
    aglm_cpulist_format(&list, text, sizeof(text));
    ck_assert_str_eq(text, lists[_i].again);
}
END_TEST

START_TEST(cpulist_cut)
{
    struct aglm_cpulist list = {0};
    char text[16];
    for (size_t cpu = 0; cpu < AGLM_CPUS_MAX; cpu += 2)
        aglm_cpulist_add(&list, cpu);
    aglm_cpulist_add(&list, AGLM_CPUS_MAX); /* no such CPU: ignored */
    ck_assert_uint_eq(aglm_cpulist_count(&list), AGLM_CPUS_MAX / 2);
    aglm_cpulist_format(&list, text, sizeof(text));
    ck_assert_str_eq(text, "0,2,4,6,8,…");
}
END_TEST

START_TEST(flags)
{
    ck_assert(aglm_cpus_flag("fpu avx avx2", "avx"));
    ck_assert(aglm_cpus_flag("fpu avx avx2", "avx2"));
    ck_assert(aglm_cpus_flag("fpu avx avx2", "fpu"));
    ck_assert(!aglm_cpus_flag("fpu avx2", "avx"));
    ck_assert(!aglm_cpus_flag("xavx", "avx"));
    ck_assert(!aglm_cpus_flag(NULL, "avx"));
    char text[256];
    aglm_x86_features_from_flags("avx512f avx2 fpu sse4_2", text, sizeof(text));
    ck_assert_str_eq(text, "sse4_2 avx2 avx512f");
}
END_TEST

START_TEST(midr)
{
    char core[48];
    aglm_midr_core(0x41, 0xd46, core, sizeof(core));
    ck_assert_str_eq(core, "Cortex-A510");
    aglm_midr_core(0x41, 0xd4e, core, sizeof(core));
    ck_assert_str_eq(core, "Cortex-X3");
    aglm_midr_core(0x48, 0xd40, core, sizeof(core));
    ck_assert_str_eq(core, "Cortex-A76 (HiSilicon)");
    aglm_midr_core(0x41, 0xfff, core, sizeof(core));
    ck_assert_str_eq(core, "Arm part 0x41:0xfff");
    aglm_midr_core(0xee, 0x001, core, sizeof(core));
    ck_assert_str_eq(core, "part 0xee:0x001");
    ck_assert_str_eq(aglm_midr_implementer(0x51), "Qualcomm");
    ck_assert_ptr_null(aglm_midr_implementer(0xee));
}
END_TEST

/* A Mate 20's little and big core by MIDR alone; one CPU is offline. */
START_TEST(table_from_midr)
{
    struct aglm_cpus cpus;
    int code;
    tree_text(&tree, CPU "/present", "0-2\n");
    tree_text(&tree, CPU "/online", "0,2\n");
    tree_text(&tree, CPU "/cpu0/regs/identification/midr_el1", "0x00000000411fd050\n");
    tree_text(&tree, CPU "/cpu2/regs/identification/midr_el1", "0x00000000481fd400\n");
    tree_text(&tree, CPU "/cpu0/topology/thread_siblings_list", "0\n");
    tree_text(&tree, CPU "/cpu2/topology/core_cpus_list", "2\n");
    tree_text(&tree, CPU "/cpu2/cpufreq/cpuinfo_max_freq", "2600000\n");
    tree_text(&tree, CPU "/cpu2/cpufreq/scaling_cur_freq", "0\n");
    aglm_cpus_read(&cpus, &fs);
    ck_assert_int_eq(cpus.code, 0);
    ck_assert_uint_eq(cpus.n, 3);
    ck_assert_uint_eq(aglm_cpus_online(&cpus), 2);
    ck_assert_int_eq(cpus.v[0].implementer, 0x41);
    ck_assert_int_eq(cpus.v[0].part, 0xd05);
    ck_assert_int_eq(cpus.v[2].implementer, 0x48);
    ck_assert_int_eq(cpus.v[2].part, 0xd40);
    ck_assert_int_eq(cpus.v[2].max_khz, 2600000);
    ck_assert_int_eq(cpus.v[2].now_khz, -1);
    ck_assert_int_eq(cpus.v[2].now_code, -ERANGE);
    ck_assert_int_eq(cpus.v[0].max_code, -ENOENT);
    ck_assert_int_eq(aglm_cpus_cores(&cpus, &code), 2);
    ck_assert_int_eq(aglm_cpus_packages(&cpus, &code), -1);
    ck_assert_int_eq(code, -ENOENT);
    ck_assert_int_eq(cpus.v[2].variant, 1);
    ck_assert_int_eq(cpus.v[2].revision, 0);
    aglm_cpus_finish(&cpus);
    aglm_cpus_finish(&cpus);
}
END_TEST

/* Two packages of two cores with two threads each, by core and package number only, from
 * /proc/cpuinfo alone. */
START_TEST(table_from_cpuinfo)
{
    struct aglm_cpus cpus;
    int code;
    char text[2048] = "";
    for (int i = 0; i < 8; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text),
                 "processor\t: %d\nvendor_id : GenuineIntel\nmodel name\t: A  CPU \nmodel : 85\n"
                 "physical id : %d\ncore id : %d\ncpu MHz : 2100.5\nflags : fpu avx2\n\n",
                 i, i / 2 % 2, i % 2);
    tree_text(&tree, "/proc/cpuinfo", text);
    aglm_cpus_read(&cpus, &fs);
    ck_assert_uint_eq(cpus.n, 8);
    ck_assert_str_eq(cpus.source, "/proc/cpuinfo");
    ck_assert_str_eq(cpus.brand, "A  CPU");
    ck_assert_int_eq(cpus.model, 85);
    ck_assert_int_eq(cpus.family, -1);
    ck_assert_int_eq(cpus.v[7].now_khz, 2100500);
    ck_assert_str_eq(cpus.v[7].now_source, "/proc/cpuinfo");
    ck_assert_int_eq(aglm_cpus_cores(&cpus, &code), 4);
    ck_assert_int_eq(aglm_cpus_packages(&cpus, &code), 2);
    aglm_cpus_finish(&cpus);
}
END_TEST

/* A Pixel says that each core is a package of its own. */
START_TEST(package_per_core)
{
    struct aglm_cpus cpus;
    int code;
    char path[96], id[16];
    tree_text(&tree, CPU "/present", "0-3\n");
    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof(path), CPU "/cpu%d/regs/identification/midr_el1", i);
        tree_text(&tree, path, "0x00000000411fd050\n");
        snprintf(path, sizeof(path), CPU "/cpu%d/topology/physical_package_id", i);
        snprintf(id, sizeof(id), "%d", i);
        tree_text(&tree, path, id);
    }
    aglm_cpus_read(&cpus, &fs);
    ck_assert_int_eq(aglm_cpus_packages(&cpus, &code), -1);
    aglm_cpus_finish(&cpus);
}
END_TEST

static void add_cache(size_t cpu, size_t index, const char *level, const char *type,
                      const char *size, const char *shared)
{
    char path[128];
    const char *const names[] = {"level", "type", "size", "shared_cpu_list"};
    const char *const values[] = {level, type, size, shared};
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof(path), CPU "/cpu%zu/cache/index%zu/%s", cpu, index, names[i]);
        tree_text(&tree, path, values[i]);
    }
}

START_TEST(caches)
{
    struct aglm_cpus cpus;
    struct aglm_caches found;
    tree_text(&tree, CPU "/present", "0-3\n");
    for (size_t cpu = 0; cpu < 4; cpu++) {
        add_cache(cpu, 0, "1", "Data", cpu < 2 ? "32K" : "48K", cpu < 2 ? "0-1" : "2-3");
        add_cache(cpu, 1, "3", "Unified", "8M", "0-3");
    }
    add_cache(0, 2, "2", "Unified", "junk", "0");
    aglm_cpus_read(&cpus, &fs);
    aglm_caches_read(&found, &fs, &cpus);
    ck_assert_int_eq(found.code, 0);
    ck_assert_int_eq(found.largest[AGLM_CACHE_L1D], 48 << 10);
    ck_assert_uint_eq(found.instances[AGLM_CACHE_L1D], 2);
    ck_assert_int_eq(found.largest[AGLM_CACHE_L1I], -1);
    ck_assert_int_eq(found.largest[AGLM_CACHE_L2], -1);
    ck_assert_int_eq(found.largest[AGLM_CACHE_L3], 8 << 20);
    ck_assert_uint_eq(found.instances[AGLM_CACHE_L3], 1);
    aglm_cpus_finish(&cpus);
}
END_TEST

/* The flags that let a kernel run may not promise more than the kernel's own list. */
START_TEST(isa)
{
    struct aglm_fsroot live;
    struct aglm_cpus cpus;
    uint32_t found = aglm_isa_detect();
    ck_assert_int_eq(aglm_fsroot_open(&live, NULL, NULL), 0);
    aglm_cpus_read(&cpus, &live);
    aglm_fsroot_close(&live);
    ck_assert_ptr_nonnull(cpus.flags);
    bool avx2 = aglm_cpus_flag(cpus.flags, "avx2") && aglm_cpus_flag(cpus.flags, "fma") &&
                aglm_cpus_flag(cpus.flags, "f16c");
    bool avx512 =
        avx2 && aglm_cpus_flag(cpus.flags, "avx512f") && aglm_cpus_flag(cpus.flags, "avx512bw") &&
        aglm_cpus_flag(cpus.flags, "avx512vl") && aglm_cpus_flag(cpus.flags, "avx512dq") &&
        aglm_cpus_flag(cpus.flags, "avx512_vnni");
    bool avxvnni = avx2 && aglm_cpus_flag(cpus.flags, "avx_vnni");
    ck_assert_int_eq((found & AGLM_ISA_AVX2) != 0, avx2);
    ck_assert_int_eq((found & AGLM_ISA_AVXVNNI) != 0, avxvnni);
    ck_assert_int_eq((found & AGLM_ISA_AVX512) != 0, avx512);
    aglm_cpus_finish(&cpus);
}
END_TEST

/* hwloc's counts against the kernel's tables. */
START_TEST(usable)
{
    struct aglm_fsroot live;
    struct aglm_cpus cpus;
    ck_assert_int_eq(aglm_fsroot_open(&live, NULL, NULL), 0);
    aglm_cpus_read(&cpus, &live);
    aglm_fsroot_close(&live);
    ck_assert_int_ge(aglm_topology_cores(), 1);
    ck_assert_int_ge(aglm_topology_cpus(), aglm_topology_cores());
    ck_assert_int_le(aglm_topology_cpus(), (int)aglm_cpus_online(&cpus));
    aglm_cpus_finish(&cpus);
}
END_TEST

Suite *cpus_suite(void)
{
    Suite *suite = suite_create("cpus");
    TCase *tc = tcase_create("cpus");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, cpulist, 0, (int)(sizeof(lists) / sizeof(*lists)));
    tcase_add_test(tc, cpulist_cut);
    tcase_add_test(tc, flags);
    tcase_add_test(tc, midr);
    tcase_add_test(tc, table_from_midr);
    tcase_add_test(tc, table_from_cpuinfo);
    tcase_add_test(tc, package_per_core);
    tcase_add_test(tc, caches);
    tcase_add_test(tc, isa);
    tcase_add_test(tc, usable);
    suite_add_tcase(suite, tc);
    return suite;
}
