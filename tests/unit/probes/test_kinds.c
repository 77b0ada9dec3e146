/* Groups of alike CPUs, the forms of /proc/cpuinfo, the table of Arm's cores, two accounts of a
 * topology. */
#include "tests/unit/probes/suites.h"
#include "tests/unit/probes/tree.h"

#include "probes/arm/midr.h"
#include "probes/cpuinfo.h"
#include "probes/kinds.h"
#include "probes/topology.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { N_MAX = 32 };

/* One machine: its CPUs' part (-1: x86), type, capacity and maximum frequency in MHz, and the kinds
 * expected, as their CPU lists. */
static const struct machine {
    const char *name;
    size_t n;
    struct {
        size_t count;
        int64_t part;
        enum aglm_core_type type;
        int64_t capacity, mhz;
    } runs[5];
    const char *lists[4];
} machines[] = {
    {"Ryzen whose best cores are a few percent faster",
     16,
     {{4, -1, 0, -1, 5083}, {4, -1, 0, -1, 4991}, {4, -1, 0, -1, 4850}, {4, -1, 0, -1, 5209}},
     {"0-15"}},
    {"two favoured cores", 16, {{4, -1, 0, -1, 6000}, {12, -1, 0, -1, 5700}}, {"0-15"}},
    {"no frequencies", 4, {{4, -1, 0, -1, -1}}, {"0-3"}},
    {"one frequency unknown", 4, {{3, -1, 0, -1, 4000}, {1, -1, 0, -1, -1}}, {"0-3"}},
    {"performance and efficiency cores by type",
     16,
     {{8, -1, AGLM_CORE_PERFORMANCE, -1, 4700}, {8, -1, AGLM_CORE_EFFICIENCY, -1, 3400}},
     {"0-7", "8-15"}},
    {"favoured performance cores with capacities",
     12,
     {{2, -1, AGLM_CORE_PERFORMANCE, 1024, 5100},
      {2, -1, AGLM_CORE_PERFORMANCE, 1009, 5000},
      {8, -1, AGLM_CORE_EFFICIENCY, 623, 3800}},
     {"0-3", "4-11"}},
    {"three sorts",
     8,
     {{2, -1, AGLM_CORE_PERFORMANCE, -1, 5000},
      {4, -1, AGLM_CORE_EFFICIENCY, -1, 3800},
      {2, -1, AGLM_CORE_LOW_POWER, -1, 2500}},
     {"0-1", "2-5", "6-7"}},
    {"dense cores without a type",
     12,
     {{4, -1, 0, -1, 5100}, {8, -1, 0, -1, 3500}},
     {"0-3", "4-11"}},
    {"prime core of the same part",
     8,
     {{6, 0xd05, 0, -1, 1800}, {1, 0xd0b, 0, -1, 2208}, {1, 0xd0b, 0, -1, 2400}},
     {"0-5", "6", "7"}},
    {"voltage bins of one part",
     8,
     {{4, 0xd05, 0, 530, 1800}, {2, 0xd0b, 0, 1024, 2304}, {2, 0xd0b, 0, 1024, 2352}},
     {"0-3", "4-7"}},
    {"capacity alone", 8, {{4, 0xd03, 0, 446, -1}, {4, 0xd03, 0, 1024, -1}}, {"0-3", "4-7"}},
    {"two parts at one frequency",
     8,
     {{4, 0xd4d, 0, -1, 2800}, {4, 0xd47, 0, -1, 2800}},
     {"0-3", "4-7"}},
};

START_TEST(kinds)
{
    const struct machine *m = &machines[_i];
    struct aglm_cpu v[N_MAX] = {0};
    struct aglm_kind found[AGLM_KINDS_MAX];
    size_t n = 0, expected = 0;
    for (size_t r = 0; r < 5; r++)
        for (size_t i = 0; i < m->runs[r].count; i++, n++)
            v[n] = (struct aglm_cpu){.id = n,
                                     .online = true,
                                     .implementer = m->runs[r].part < 0 ? -1 : 0x41,
                                     .part = m->runs[r].part,
                                     .type = m->runs[r].type,
                                     .capacity = m->runs[r].capacity,
                                     .max_khz = m->runs[r].mhz < 0 ? -1 : m->runs[r].mhz * 1000,
                                     .now_khz = -1};
    ck_assert_uint_eq(n, m->n);
    const struct aglm_cpus cpus = {.v = v, .n = n};
    size_t count = aglm_kinds_find(found, &cpus);
    while (expected < 4 && m->lists[expected])
        expected++;
    ck_assert_msg(count == expected, "%s: %zu kinds", m->name, count);
    for (size_t k = 0; k < count; k++) {
        char list[64];
        aglm_cpulist_format(&found[k].cpus, list, sizeof(list));
        ck_assert_msg(strcmp(list, m->lists[k]) == 0, "%s: %s", m->name, list);
    }
}
END_TEST

START_TEST(kind_figures)
{
    struct aglm_cpu v[4] = {
        {.id = 0, .online = true, .max_khz = 2000000, .now_khz = 1000000, .governor = "schedutil"},
        {.id = 1, .online = true, .max_khz = 2050000, .now_khz = -1, .governor = "performance"},
        {.id = 2, .online = false, .max_khz = 9000000, .now_khz = 9000000, .governor = "off"},
        {.id = 3, .online = true, .max_khz = 1990000, .now_khz = 500000, .governor = "schedutil"},
    };
    struct aglm_kind found[AGLM_KINDS_MAX];
    v[3].revision = 1;
    ck_assert_uint_eq(aglm_kinds_find(found, &(struct aglm_cpus){.v = v, .n = 4}), 1);
    ck_assert_uint_eq(found[0].count, 3);
    ck_assert_double_eq(found[0].max_khz, 2050000);
    ck_assert_double_eq(found[0].now_khz, 750000);
    ck_assert_str_eq(found[0].governors, "schedutil, performance");
    ck_assert(!found[0].one_revision);
}
END_TEST

/* What the forms of /proc/cpuinfo say of CPU 0 and of the last CPU. */
static const struct form {
    const char *text;
    size_t n;
    int64_t first[4], last[4]; /* implementer, variant, part, revision */
    const char *brand, *architecture;
} forms[] = {
    {"processor\t: 0\nBogoMIPS\t: 38.40\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\n"
     "CPU architecture: 8\nCPU variant\t: 0x1\nCPU part\t: 0xd46\nCPU revision\t: 1\n\n"
     "processor\t: 1\nCPU implementer\t: 0x51\nCPU variant\t: 0xd\nCPU part\t: 0x804\n"
     "CPU revision\t: 14\n",
     2,
     {0x41, 1, 0xd46, 1},
     {0x51, 13, 0x804, 14},
     "",
     ""},
    /* arm64 before 3.15: the core once, for all */
    {"Processor\t: AArch64 Processor rev 3 (aarch64)\nprocessor\t: 0\nprocessor\t: 1\n"
     "processor\t: 2\nFeatures\t: fp asimd \nCPU implementer\t: 0x41\nCPU architecture: AArch64\n"
     "CPU variant\t: 0x0\nCPU part\t: 0xd03\nCPU revision\t: 3\n\nHardware\t: hi6210sft\n",
     3,
     {0x41, 0, 0xd03, 3},
     {0x41, 0, 0xd03, 3},
     "",
     "AArch64 Processor rev 3 (aarch64)"},
    /* 32 bits, one core, no number but in "Processor" */
    {"Processor       : ARMv6-compatible processor rev 6 (v6l)\nFeatures        : swp half\n"
     "CPU implementer : 0x41\nCPU variant     : 0x0\nCPU part        : 0xb76\nCPU revision    : 6 "
     "\n",
     1,
     {0x41, 0, 0xb76, 6},
     {0x41, 0, 0xb76, 6},
     "",
     "ARMv6-compatible processor rev 6 (v6l)"},
    /* a 32-bit program's view of 64-bit cores */
    {"processor\t: 0\nmodel name\t: ARMv8 Processor rev 0 (v8l)\nCPU implementer\t: 0x41\n"
     "CPU variant\t: 0x1\nCPU part\t: 0xd05\nCPU revision\t: 0\n\nprocessor\t: 1\n"
     "model name\t: ARMv8 Processor rev 0 (v8l)\nCPU implementer\t: 0x48\nCPU variant\t: 0x1\n"
     "CPU part\t: 0xd40\nCPU revision\t: 0\n",
     2,
     {0x41, 1, 0xd05, 0},
     {0x48, 1, 0xd40, 0},
     "ARMv8 Processor rev 0 (v8l)",
     ""},
    /* the others are offline: one block is no word on all */
    {"processor : 0\nCPU implementer : 0x41\nCPU variant : 0x1\nCPU part : 0xd05\n"
     "CPU revision : 0\n",
     2,
     {0x41, 1, 0xd05, 0},
     {-1, -1, -1, -1},
     "",
     ""},
    {"processor : 0\r\nCPU implementer : 0x141\r\nCPU variant : x\r\nCPU part : 0xd05ff\r\n"
     "CPU revision : -1\r\nprocessor : 99999999999999999999\nCPU part : 0xd05\n: :\n::\nprocessor",
     1,
     {-1, -1, -1, -1},
     {-1, -1, -1, -1},
     "",
     ""},
};

static void is_midr(const struct aglm_cpu *cpu, const int64_t want[4])
{
    ck_assert_int_eq(cpu->implementer, want[0]);
    ck_assert_int_eq(cpu->variant, want[1]);
    ck_assert_int_eq(cpu->part, want[2]);
    ck_assert_int_eq(cpu->revision, want[3]);
}

START_TEST(cpuinfo)
{
    const struct form *form = &forms[_i];
    struct aglm_cpu v[4];
    struct aglm_cpus cpus = {.v = v, .n = form->n, .family = -1, .model = -1, .stepping = -1};
    for (size_t i = 0; i < form->n; i++)
        v[i] = (struct aglm_cpu){
            .id = i, .implementer = -1, .part = -1, .variant = -1, .revision = -1};
    aglm_cpuinfo_parse(&cpus, form->text);
    is_midr(&v[0], form->first);
    is_midr(&v[form->n - 1], form->last);
    ck_assert_str_eq(cpus.brand, form->brand);
    ck_assert_str_eq(cpus.architecture, form->architecture);
    cpus.v = NULL;
    aglm_cpus_finish(&cpus);
}
END_TEST

/* No row of the table hides another, and no name is empty. */
START_TEST(midr_table)
{
    ck_assert_uint_gt(aglm_midr_count(), 120);
    for (size_t i = 0; i < aglm_midr_count(); i++) {
        int64_t implementer, part;
        const char *name;
        char found[48];
        aglm_midr_at(i, &implementer, &part, &name);
        aglm_midr_core(implementer, part, found, sizeof(found));
        ck_assert_str_eq(found, name);
        ck_assert_uint_gt(strlen(name), 2);
        ck_assert_msg(aglm_midr_implementer(implementer) != NULL, "%s", name);
        ck_assert_int_le(part, 0xfff);
    }
}
END_TEST

static struct aglm_topology_view view(int64_t packages, int64_t cores, int64_t l2_count)
{
    struct aglm_topology_view made = {.counts = {packages, cores, 8, 1}};
    aglm_caches_init(&made.caches, 0);
    for (int64_t i = 0; i < l2_count; i++)
        aglm_caches_add(&made.caches, AGLM_CACHE_L2, i < 2 ? 1 << 20 : 512 << 10);
    return made;
}

START_TEST(difference)
{
    char text[256];
    struct aglm_topology_view a = view(1, 4, 4), b = view(1, 4, 4);
    ck_assert(!aglm_topology_difference(&a, &b, text, sizeof(text)));
    ck_assert_str_eq(text, "");
    b = view(-1, 0, 0); /* unknown is no difference */
    ck_assert(!aglm_topology_difference(&a, &b, text, sizeof(text)));
    b = view(2, 8, 1);
    ck_assert(aglm_topology_difference(&a, &b, text, sizeof(text)));
    ck_assert_str_eq(text, "packages 1, not 2; cores 4, not 8; "
                           "caches L2 2x 1 MiB + 2x 512 KiB, not L2 1x 1 MiB");
    ck_assert(aglm_topology_difference(&a, &b, text, 12));
    ck_assert_str_eq(text, "packages 1,");
}
END_TEST

START_TEST(cache_sizes)
{
    struct aglm_caches caches;
    char text[160];
    aglm_caches_init(&caches, -ENOENT);
    aglm_caches_format(&caches, text, sizeof(text));
    ck_assert_str_eq(text, "");
    for (int i = 0; i < 6; i++) /* a fifth size is counted with the fourth */
        aglm_caches_add(&caches, AGLM_CACHE_L1D, (int64_t)(16 + 16 * i) << 10);
    ck_assert_uint_eq(caches.instances[AGLM_CACHE_L1D], 6);
    ck_assert_int_eq(caches.largest[AGLM_CACHE_L1D], 96 << 10);
    ck_assert_uint_eq(caches.sizes[AGLM_CACHE_L1D][3].count, 3);
    ck_assert_int_eq(aglm_cache_size("32K"), 32 << 10);
    ck_assert_int_eq(aglm_cache_size("12M"), 12 << 20);
    ck_assert_int_eq(aglm_cache_size("2048"), 2048);
    for (size_t i = 0; i < 8; i++)
        ck_assert_int_eq(aglm_cache_size((const char *const[]){"", "K", "0K", "-1K", "32KB", "1T",
                                                               "99999999999999999999K", "17G"}[i]),
                         -1);
}
END_TEST

Suite *kinds_suite(void)
{
    Suite *suite = suite_create("kinds");
    TCase *tc = tcase_create("kinds");
    tcase_add_loop_test(tc, kinds, 0, (int)(sizeof(machines) / sizeof(*machines)));
    tcase_add_test(tc, kind_figures);
    tcase_add_loop_test(tc, cpuinfo, 0, (int)(sizeof(forms) / sizeof(*forms)));
    tcase_add_test(tc, midr_table);
    tcase_add_test(tc, difference);
    tcase_add_test(tc, cache_sizes);
    suite_add_tcase(suite, tc);
    return suite;
}
