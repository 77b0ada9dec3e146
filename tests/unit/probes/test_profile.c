/* The profile over captured devices: facts, fingerprint, text and JSON form. */
#include "tests/unit/probes/suites.h"
#include "tests/unit/probes/tree.h"

#include "probes/facts.h"
#include "probes/profile.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct aglm_profile *profile;

static void load(const char *root)
{
    struct aglm_err err = {0};
    const struct aglm_profile_options options = {.root = root};
    aglm_profile_destroy(&profile);
    ck_assert_msg(aglm_profile_create(&profile, &options, &err) == 0, "%s", err.msg);
}

static void teardown(void)
{
    aglm_profile_destroy(&profile);
    ck_assert_ptr_null(profile);
}

static const struct aglm_fact *fact(const char *key)
{
    const struct aglm_fact *found = aglm_profile_find(profile, key);
    ck_assert_msg(found != NULL, "no fact %s", key);
    return found;
}

static void is_text(const char *key, const char *text)
{
    ck_assert_msg(fact(key)->kind == AGLM_FACT_TEXT, "%s: %s", key, fact(key)->text);
    ck_assert_str_eq(fact(key)->text, text);
}

static void is_number(const char *key, double number, const char *unit)
{
    ck_assert_msg(fact(key)->kind == AGLM_FACT_NUMBER, "%s: %s", key, fact(key)->text);
    ck_assert_double_eq(fact(key)->number, number);
    ck_assert_str_eq(fact(key)->unit, unit);
}

static void is_unknown(const char *key, const char *reason)
{
    ck_assert_msg(fact(key)->kind == AGLM_FACT_UNKNOWN, "%s is known", key);
    ck_assert_str_eq(fact(key)->text, reason);
}

START_TEST(kvm_epyc)
{
    load(AGLM_FIXTURES "/kvm-epyc");
    is_text("os.name", "Debian GNU/Linux 12 (bookworm)");
    is_text("os.arch", "x86_64");
    is_text("virt.hypervisor", "yes, without a name");
    is_text("virt.container", "docker");
    is_text("cpu.brand", "AMD EPYC");
    is_text("cpu.vendor", "AuthenticAMD");
    is_number("cpu.family", 25, "");
    is_number("cpu.model", 17, "");
    is_number("cpu.stepping", 1, "");
    is_text("cpu.features", "sse4_2 avx f16c fma avx2");
    is_number("cpu.cache_l1d", 32 << 10, "bytes");
    is_number("cpu.cache_l2", 1 << 20, "bytes");
    is_number("cpu.cache_l3", 32 << 20, "bytes");
    is_number("cpu.present", 2, "count");
    is_text("cpu.cluster0.cores", "0-1");
    is_number("cpu.cluster0.frequency", 2596150, "kHz");
    is_unknown("cpu.cluster0.frequency_max", "not there");
    is_number("topology.packages", 1, "count");
    is_number("topology.cores", 2, "count");
    is_number("topology.numa_nodes", 1, "count");
    is_text("topology.caches", "L1d 2x 32 KiB, L2 2x 1 MiB, L3 1x 32 MiB");
    is_number("memory.total", 24684096 * 1024.0, "bytes");
    is_number("memory.nominal", 24 * 0x1p30, "bytes");
    is_number("memory.swap_total", 0, "bytes");
    is_text("memory.limit", "none");
    is_text("memory.huge_pages", "madvise");
    is_unknown("thermal.hottest", "not there");
}
END_TEST

START_TEST(pixel_8)
{
    load(AGLM_FIXTURES "/pixel-8");
    is_text("device.model", "Pixel 8");
    is_text("device.platform", "zuma");
    is_text("device.abis", "arm64-v8a");
    is_text("os.name", "Android 14");
    is_text("os.arch", "aarch64");
    is_text("cpu.brand", "4x Cortex-A510 + 4x Cortex-A715 + 1x Cortex-X3");
    is_text("cpu.vendor", "Arm");
    is_number("cpu.present", 9, "count");
    is_text("cpu.cluster0.cores", "4x Cortex-A510 r1p1, CPU 0-3");
    is_number("cpu.cluster0.frequency_max", 1704000, "kHz");
    is_text("cpu.cluster1.cores", "4x Cortex-A715 r1p0, CPU 4-7");
    is_number("cpu.cluster1.frequency_max", 2367000, "kHz");
    is_text("cpu.cluster2.cores", "1x Cortex-X3 r1p0, CPU 8");
    is_number("cpu.cluster2.frequency_max", 2914000, "kHz");
    is_number("cpu.cluster2.frequency", 500000, "kHz");
    is_text("cpu.cluster2.governor", "sched_pixel");
    is_unknown("topology.packages", "this kernel calls clusters packages");
    is_unknown("thermal.hottest", "denied");
    ck_assert_ptr_null(aglm_profile_find(profile, "cpu.family"));
    ck_assert_ptr_null(aglm_profile_find(profile, "cpu.cluster3.cores"));
}
END_TEST

START_TEST(nothing)
{
    load(AGLM_FIXTURES "/nothing");
    ck_assert_uint_gt(aglm_profile_count(profile), 30);
    for (size_t i = 0; i < aglm_profile_count(profile); i++) {
        const struct aglm_fact *f = aglm_profile_at(profile, i);
        ck_assert_msg(f->kind == AGLM_FACT_UNKNOWN, "%s", f->key);
        ck_assert_str_ne(f->text, "");
    }
    ck_assert_ptr_null(aglm_profile_at(profile, aglm_profile_count(profile)));
}
END_TEST

/* Only the number of CPUs can be told there, by the folders; nothing else may be believed. */
START_TEST(garbage)
{
    load(AGLM_FIXTURES "/garbage");
    for (size_t i = 0; i < aglm_profile_count(profile); i++) {
        const struct aglm_fact *f = aglm_profile_at(profile, i);
        if (strcmp(f->key, "cpu.present") == 0 || strcmp(f->key, "cpu.online") == 0 ||
            strcmp(f->key, "topology.cpus") == 0 || strcmp(f->key, "cpu.cluster0.cores") == 0)
            continue;
        ck_assert_msg(f->kind == AGLM_FACT_UNKNOWN, "%s", f->key);
    }
    is_unknown("cpu.brand", "garbage");
    is_unknown("memory.total", "garbage");
    is_unknown("memory.swap_total", "implausible value");
    is_unknown("cpu.cluster0.frequency_max", "implausible value");
    is_unknown("cpu.cluster0.governor", "garbage");
    is_unknown("thermal.zone0", "implausible value");
    is_unknown("thermal.zone3", "garbage");
    ck_assert_str_eq(fact("thermal.zone1")->label, "off-sensor");
}
END_TEST

/* Denied, not there, unreadable and garbage are four answers, and no probe takes one for another.
 */
static const struct {
    const char *rule, *reason;
} refusals[] = {{"denied /\n", "denied"}, {"unreadable /\n", "unreadable"}};

START_TEST(refused)
{
    static const char *const reasons[] = {"not there", "denied", "unreadable", "garbage"};
    struct tree tree;
    size_t said = 0;
    tree_make(&tree);
    tree_copy(&tree, AGLM_FIXTURES "/kvm-epyc");
    tree_text(&tree, "/access", refusals[_i].rule);
    load(tree.root);
    tree_remove(&tree);
    for (size_t i = 0; i < aglm_profile_count(profile); i++) {
        const struct aglm_fact *f = aglm_profile_at(profile, i);
        ck_assert_msg(f->kind == AGLM_FACT_UNKNOWN, "%s is known", f->key);
        said += strcmp(f->text, refusals[_i].reason) == 0;
        for (size_t r = 0; r < 4; r++)
            ck_assert_msg(strcmp(f->text, reasons[r]) != 0 ||
                              strcmp(reasons[r], refusals[_i].reason) == 0,
                          "%s is %s", f->key, f->text);
    }
    ck_assert_uint_gt(said, 30);
}
END_TEST

/* One file after the other, each in the four ways. */
static const struct {
    const char *path, *key, *garbage, *reason;
} answers[] = {
    {"/proc/meminfo", "memory.total", "MemTotal: lots\n", "garbage"},
    {"/proc/loadavg", "load.average_1min", "busy\n", "garbage"},
    {"/sys/devices/system/cpu/online", "cpu.online", "all\n", "garbage"},
    {"/sys/devices/system/cpu/cpu0/topology/physical_package_id", "topology.packages", "one\n",
     "garbage"},
    {"/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq", "cpu.cluster0.frequency_max",
     "fast\n", "garbage"},
    {"/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "cpu.cluster0.governor", "\001\n",
     "garbage"},
    {"/sys/class/thermal/thermal_zone0/temp", "thermal.zone0", "warm\n", "garbage"},
    {"/sys/kernel/mm/transparent_hugepage/enabled", "memory.huge_pages", "maybe\n", "garbage"},
    {"/proc/sys/kernel/arch", "os.arch", "\n", "garbage"},
    {"/etc/os-release", "os.name", "PRETTY_NAME=\n", "garbage"},
    {"/commands/getprop", "device.platform", "[ro.board.platform]: []\n", "garbage"},
};

START_TEST(four_answers)
{
    struct tree tree;
    char rule[128];
    tree_make(&tree);
    tree_copy(&tree, AGLM_FIXTURES "/kvm-epyc");
    /* the other account of the same thing must not step in, and a zone must be there to be read */
    tree_text(&tree, "/proc/cpuinfo", "processor : 0\nvendor_id : A\n");
    tree_text(&tree, "/sys/class/thermal/thermal_zone0/type", "x\n");
    tree_text(&tree, "/system/build.prop", "ro.product.model=x\n");
    tree_text(&tree, answers[_i].path, answers[_i].garbage);
    if (strcmp(answers[_i].key, "os.name") == 0)
        tree_delete(&tree, "/system/build.prop");
    load(tree.root);
    is_unknown(answers[_i].key, answers[_i].reason);
    snprintf(rule, sizeof(rule), "denied %s\n", answers[_i].path);
    tree_text(&tree, "/access", rule);
    load(tree.root);
    is_unknown(answers[_i].key, "denied");
    snprintf(rule, sizeof(rule), "unreadable %s\n", answers[_i].path);
    tree_text(&tree, "/access", rule);
    load(tree.root);
    is_unknown(answers[_i].key, "unreadable");
    tree_delete(&tree, "/access");
    tree_delete(&tree, answers[_i].path);
    load(tree.root);
    is_unknown(answers[_i].key, "not there");
    tree_remove(&tree);
}
END_TEST

START_TEST(live)
{
    load(NULL);
    ck_assert_int_eq(fact("cpu.brand")->kind, AGLM_FACT_TEXT);
    ck_assert_int_eq(fact("os.arch")->kind, AGLM_FACT_TEXT);
    ck_assert_int_eq(fact("memory.page_size")->kind, AGLM_FACT_NUMBER);
    ck_assert_double_gt(fact("memory.total")->number, fact("memory.available")->number);
    ck_assert_double_le(fact("topology.usable_cpus")->number, fact("cpu.present")->number);
    ck_assert_double_le(fact("topology.cores")->number, fact("topology.cpus")->number);
}
END_TEST

START_TEST(refused_roots)
{
    struct aglm_profile *none = NULL;
    struct aglm_err err = {0};
    ck_assert_int_eq(aglm_profile_create(&none, &(struct aglm_profile_options){"/no/such"}, &err),
                     -ENOENT);
    ck_assert_ptr_nonnull(strstr(err.msg, "/no/such"));
    ck_assert_int_eq(
        aglm_profile_create(&none, &(struct aglm_profile_options){"/proc/version"}, NULL),
        -ENOTDIR);
    ck_assert_ptr_null(none);
    aglm_profile_destroy(&none);
    aglm_profile_destroy(NULL);
}
END_TEST

/* ---- fingerprint ---- */

static void fingerprint(const char *root, char out[33])
{
    load(root);
    aglm_profile_fingerprint(profile, out);
    ck_assert_uint_eq(strlen(out), 32);
    ck_assert_uint_eq(strspn(out, "0123456789abcdef"), 32);
}

START_TEST(fingerprint_live)
{
    char a[33], b[33];
    fingerprint(NULL, a);
    fingerprint("/", b);
    ck_assert_str_eq(a, b);
}
END_TEST

/* What changes between two runs on one device may not change the fingerprint. */
static const struct {
    const char *path, *text;
    bool same;
} changes[] = {
    {"/proc/loadavg", "9.00 8.00 7.00 3/90 4242\n", true},
    {"/proc/meminfo", "MemTotal: 24600000 kB\nMemAvailable: 1000 kB\n", true},
    {"/proc/sys/kernel/osrelease", "7.0.0\n", false},
    {"/etc/os-release", "PRETTY_NAME=\"Debian GNU/Linux 13\"\n", false},
    {"/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "800000\n", true},
    {"/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n", true},
    {"/sys/class/thermal/thermal_zone0/temp", "55000\n", true},
    {"/sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never\n", true},
    {"/sys/devices/system/cpu/online", "0\n", true},
    {"/proc/meminfo", "MemTotal: 8000000 kB\nMemAvailable: 1000 kB\n", false},
    {"/sys/devices/system/cpu/present", "0\n", false},
    {"/sys/class/dmi/id/product_name", "Another Machine\n", false},
    {"/proc/sys/kernel/arch", "aarch64\n", false},
    {"/proc/cpuinfo", "processor : 0\nmodel name : Another CPU\n", false},
};

START_TEST(fingerprint_changes)
{
    char before[33], after[33];
    struct tree tree;
    tree_make(&tree);
    tree_copy(&tree, AGLM_FIXTURES "/kvm-epyc");
    fingerprint(tree.root, before);
    tree_text(&tree, changes[_i].path, changes[_i].text);
    fingerprint(tree.root, after);
    tree_remove(&tree);
    ck_assert_msg((strcmp(before, after) == 0) == changes[_i].same, "%s", changes[_i].path);
}
END_TEST

/* Canonical JSON's digest, fixed: a change here makes every stored history start anew. */
START_TEST(fingerprint_fixed)
{
    char out[33];
    fingerprint(AGLM_FIXTURES "/kvm-epyc", out);
    ck_assert_str_eq(out, "c4b6cde8e709c33c5d7fa163ac9c1f75");
}
END_TEST

/* ---- forms ---- */

/* The text form in memory that the caller frees. */
static char *text_form(void)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    ck_assert_ptr_nonnull(out);
    aglm_profile_print(profile, out);
    ck_assert_int_eq(fclose(out), 0);
    return text;
}

static const char *const roots[] = {NULL,
                                    AGLM_FIXTURES "/kvm-epyc",
                                    AGLM_FIXTURES "/pixel-8",
                                    AGLM_FIXTURES "/nothing",
                                    AGLM_FIXTURES "/garbage",
                                    AGLM_FIXTURES "/laptop-i7-1360p"};

static void check_width(const char *text)
{
    for (const char *line = text; *line;) {
        size_t columns = 0, n = strcspn(line, "\n");
        for (size_t i = 0; i < n; i++) {
            ck_assert((unsigned char)line[i] >= 0x20);
            columns += (line[i] & 0xc0) != 0x80;
        }
        ck_assert_msg(columns <= 80, "%zu columns: %.*s", columns, (int)n, line);
        line += n + (line[n] == '\n');
    }
}

START_TEST(text)
{
    load(roots[_i]);
    char *form = text_form();
    check_width(form);
    ck_assert_ptr_nonnull(strstr(form, "\nProcessor\n"));
    ck_assert_ptr_nonnull(strstr(form, "\nMemory\n"));
    ck_assert_ptr_nonnull(strstr(form, "\nFingerprint\n"));
    free(form);
}
END_TEST

START_TEST(text_long_values)
{
    struct tree tree;
    char path[64];
    tree_make(&tree);
    tree_text(&tree, "/sys/class/dmi/id/product_name",
              "A0123456789012345678901234567890123456789012345678901234567890123456789 and "
              "more °°°°°°°°°°°°°°°°°°°°°°°°°°°°°°°°°°°°°°°°°°°°°°°°°°°°°°°°°°°°°°°°°° words");
    for (int i = 0; i < 20; i++) {
        snprintf(path, sizeof(path), "/sys/class/thermal/thermal_zone%d/temp", i);
        tree_text(&tree, path, "45500\n");
        snprintf(path, sizeof(path), "/sys/class/thermal/thermal_zone%d/type", i);
        tree_text(&tree, path, "a-zone-with-a-name-that-is-much-longer-than-labels\n");
        snprintf(path, sizeof(path), "/sys/class/thermal/thermal_zone%d/trip_point_0_temp", i);
        tree_text(&tree, path, "95000\n");
    }
    load(tree.root);
    char *form = text_form();
    check_width(form);
    ck_assert_ptr_nonnull(strstr(form, "45.5 °C"));
    ck_assert_ptr_nonnull(strstr(form, "45.5 °C; trip at 95.0 °C\n"));
    const char *more = strstr(form, "14 more zones"), *power = strstr(form, "\nPower\n");
    ck_assert(more && power && more < power);
    free(form);
    tree_remove(&tree);
}
END_TEST

static void same_as_json(const struct aglm_fact *f, const cJSON *object)
{
    const cJSON *value = cJSON_GetObjectItem(object, "value");
    ck_assert_str_eq(cJSON_GetStringValue(cJSON_GetObjectItem(object, "key")), f->key);
    ck_assert_str_eq(cJSON_GetStringValue(cJSON_GetObjectItem(object, "label")), f->label);
    ck_assert_str_eq(cJSON_GetStringValue(cJSON_GetObjectItem(object, "unit")), f->unit);
    ck_assert_str_eq(cJSON_GetStringValue(cJSON_GetObjectItem(object, "source")), f->source);
    ck_assert_int_eq(cJSON_IsTrue(cJSON_GetObjectItem(object, "identity")), f->identity);
    if (f->kind == AGLM_FACT_UNKNOWN) {
        ck_assert(cJSON_IsNull(value));
        ck_assert_str_eq(cJSON_GetStringValue(cJSON_GetObjectItem(object, "unknown")), f->text);
        return;
    }
    ck_assert_ptr_null(cJSON_GetObjectItem(object, "unknown"));
    if (f->kind == AGLM_FACT_TEXT)
        ck_assert_str_eq(cJSON_GetStringValue(value), f->text);
    else
        ck_assert_double_le(fabs(cJSON_GetNumberValue(value) - f->number), fabs(f->number) * 1e-14);
}

START_TEST(json)
{
    char digest[33];
    load(roots[_i]);
    char *form = aglm_profile_json(profile);
    ck_assert_ptr_nonnull(form);
    cJSON *root = cJSON_Parse(form);
    ck_assert_ptr_nonnull(root);
    ck_assert_double_eq(cJSON_GetNumberValue(cJSON_GetObjectItem(root, "schema")), 1);
    aglm_profile_fingerprint(profile, digest);
    ck_assert_str_eq(cJSON_GetStringValue(cJSON_GetObjectItem(root, "fingerprint")), digest);
    const cJSON *facts = cJSON_GetObjectItem(root, "facts");
    ck_assert_int_eq(cJSON_GetArraySize(facts), (int)aglm_profile_count(profile));
    for (size_t i = 0; i < aglm_profile_count(profile); i++)
        same_as_json(aglm_profile_at(profile, i), cJSON_GetArrayItem(facts, (int)i));
    cJSON_Delete(root);
    free(form);
}
END_TEST

/* The form read back is the same form: facts, order, reasons and fingerprint. */
START_TEST(json_read_back)
{
    load(roots[_i]);
    struct aglm_profile *again = NULL;
    struct aglm_err err = {0};
    char *form = aglm_profile_json(profile), *other = NULL;
    ck_assert_msg(aglm_profile_parse(&again, form, &err) == 0, "%s", err.msg);
    other = aglm_profile_json(again);
    ck_assert_uint_gt(aglm_profile_count(again), 0);
    ck_assert_str_eq(form, other);
    aglm_profile_destroy(&again);
    free(other);
    free(form);
}
END_TEST

START_TEST(json_not_a_profile)
{
    static const char *const texts[] = {"",
                                        "{",
                                        "[]",
                                        "null",
                                        "7",
                                        "{\"schema\":1}",
                                        "{\"schema\":2,\"facts\":[]}",
                                        "{\"schema\":1,\"facts\":7}",
                                        "{\"facts\":[]}"};
    struct aglm_profile *none = NULL;
    struct aglm_err err = {0};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        err.msg[0] = '\0';
        ck_assert_msg(aglm_profile_parse(&none, texts[i], &err) == -EINVAL, "%s", texts[i]);
        ck_assert_ptr_null(none);
        ck_assert_msg(strstr(err.msg, "device profile: ") == err.msg, "%s", err.msg);
    }
    ck_assert_int_eq(
        aglm_profile_parse(&none,
                           "{\"schema\":1,\"facts\":[3,null,{\"key\":7},{\"key\":\"\"},"
                           "{\"key\":\"a.b\",\"value\":[1],\"label\":{}},"
                           "{\"key\":\"c\",\"value\":1e999,\"unit\":\"s\"}]}",
                           &err),
        0);
    ck_assert_uint_eq(aglm_profile_count(none), 2);
    ck_assert_int_eq(aglm_profile_at(none, 0)->kind, AGLM_FACT_UNKNOWN);
    ck_assert_str_eq(aglm_profile_at(none, 0)->label, "a.b");
    ck_assert_int_eq(aglm_profile_at(none, 1)->kind, AGLM_FACT_UNKNOWN);
    aglm_profile_destroy(&none);
}
END_TEST

START_TEST(json_too_much)
{
    struct aglm_profile *none = NULL;
    struct aglm_err err = {0};
    char *document = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&document, &size);
    fputs("{\"schema\":1,\"facts\":[0", f);
    for (unsigned i = 0; i < AGLM_PROFILE_FACTS_MAX; i++)
        fputs(",0", f);
    fputs("]}", f);
    ck_assert_int_eq(fclose(f), 0);
    ck_assert_int_eq(aglm_profile_parse(&none, document, &err), -E2BIG);
    free(document);
}
END_TEST

/* No key twice: whoever looks for one finds the only one. */
START_TEST(keys_unique)
{
    load(roots[_i]);
    for (size_t i = 0; i < aglm_profile_count(profile); i++) {
        const struct aglm_fact *f = aglm_profile_at(profile, i);
        ck_assert_msg(aglm_profile_find(profile, f->key) == f, "%s twice", f->key);
    }
}
END_TEST

START_TEST(unsafe_text)
{
    struct aglm_facts facts = {0};
    aglm_facts_text(&facts, "a", "A", "s", "%s", "ok \x1b[31m \xff");
    aglm_facts_number(&facts, "b", "B", "s", "bytes", NAN);
    aglm_facts_number(&facts, "c", "C", "s", "bytes", INFINITY);
    ck_assert_uint_eq(facts.n, 3);
    ck_assert_str_eq(facts.v[0].text, "ok ?[31m ?");
    ck_assert_int_eq(facts.v[1].kind, AGLM_FACT_UNKNOWN);
    ck_assert_int_eq(facts.v[2].kind, AGLM_FACT_UNKNOWN);
    aglm_facts_finish(&facts);
}
END_TEST

Suite *profile_suite(void)
{
    Suite *suite = suite_create("profile");
    TCase *tc = tcase_create("profile");
    const int n_roots = (int)(sizeof(roots) / sizeof(*roots));
    tcase_add_checked_fixture(tc, NULL, teardown);
    tcase_add_test(tc, kvm_epyc);
    tcase_add_test(tc, pixel_8);
    tcase_add_test(tc, nothing);
    tcase_add_test(tc, garbage);
    tcase_add_loop_test(tc, refused, 0, 2);
    tcase_add_loop_test(tc, four_answers, 0, (int)(sizeof(answers) / sizeof(*answers)));
    tcase_add_test(tc, live);
    tcase_add_test(tc, refused_roots);
    tcase_add_test(tc, fingerprint_live);
    tcase_add_loop_test(tc, fingerprint_changes, 0, (int)(sizeof(changes) / sizeof(*changes)));
    tcase_add_test(tc, fingerprint_fixed);
    tcase_add_loop_test(tc, text, 0, n_roots);
    tcase_add_test(tc, text_long_values);
    tcase_add_loop_test(tc, json, 0, n_roots);
    tcase_add_loop_test(tc, json_read_back, 0, n_roots);
    tcase_add_test(tc, json_not_a_profile);
    tcase_add_test(tc, json_too_much);
    tcase_add_loop_test(tc, keys_unique, 0, n_roots);
    tcase_add_test(tc, unsafe_text);
    suite_add_tcase(suite, tc);
    return suite;
}
