/* Fuzz target: what the files of /proc and /sys are read with.
 *
 * In: the first byte says what the rest is: c /proc/cpuinfo, l a list of CPUs, i a number alone in
 * its file, s a cache's size, a a captured tree's access rules. What is accepted keeps what its
 * header promises. Built with libFuzzer (meson option fuzz, clang) or with replay.c.
 */
#include "probes/caches.h"
#include "probes/cpuinfo.h"
#include "probes/fsroot.h"
#include "probes/fsroot_access.h"
#include "probes/kinds.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { N_CPUS = 8 };

static void require(bool holds)
{
    if (!holds)
        abort();
}

static bool within(int64_t value, int64_t hi)
{
    return value >= -1 && value <= hi;
}

static void cpuinfo(const char *text)
{
    struct aglm_cpu v[N_CPUS];
    struct aglm_cpus cpus = {.v = v, .n = N_CPUS, .family = -1, .model = -1, .stepping = -1};
    struct aglm_cpulist list;
    struct aglm_kind kinds[AGLM_KINDS_MAX];
    size_t sum = 0;
    for (size_t i = 0; i < N_CPUS; i++)
        v[i] = (struct aglm_cpu){.id = i,
                                 .online = i != 3,
                                 .package = -1,
                                 .core = -1,
                                 .sibling = -1,
                                 .implementer = -1,
                                 .part = -1,
                                 .variant = -1,
                                 .revision = -1,
                                 .max_khz = i < 4 ? 1800000 : 2400000,
                                 .now_khz = -1,
                                 .capacity = -1};
    int rc = aglm_cpuinfo_list(text, &list);
    require((rc == 0) == (aglm_cpulist_count(&list) > 0) && (rc == 0 || rc == -ENOENT));
    aglm_cpuinfo_parse(&cpus, text);
    for (size_t i = 0; i < N_CPUS; i++) {
        require(within(v[i].implementer, 0xff) && within(v[i].part, 0xfff));
        require(within(v[i].variant, 0xf) && within(v[i].revision, 0xf));
        require(within(v[i].package, AGLM_CPUS_MAX) && within(v[i].core, 1 << 20));
        require(v[i].now_khz == -1 ||
                (v[i].now_khz >= AGLM_KHZ_MIN && v[i].now_khz <= AGLM_KHZ_MAX));
    }
    require(within(cpus.family, 1 << 20) && within(cpus.model, 1 << 20));
    require(aglm_fsroot_printable(cpus.brand, "") && aglm_fsroot_printable(cpus.vendor, ""));
    require(aglm_fsroot_printable(cpus.hardware, "") &&
            aglm_fsroot_printable(cpus.architecture, ""));
    size_t n = aglm_kinds_find(kinds, &cpus);
    require(n >= 1 && n <= AGLM_KINDS_MAX);
    for (size_t k = 0; k < n; k++)
        sum += kinds[k].count;
    require(sum == N_CPUS - 1);
    (void)aglm_cpus_flag(cpus.flags, "avx2");
    cpus.v = NULL;
    aglm_cpus_finish(&cpus);
}

/* What a list says can be written and read again. */
static void cpu_list(const char *text)
{
    struct aglm_cpulist list, again;
    char buf[6 * AGLM_CPUS_MAX];
    int rc = aglm_cpulist_parse(&list, text);
    require(rc == 0 || rc == -EILSEQ || rc == -ERANGE);
    if (rc)
        return;
    aglm_cpulist_format(&list, buf, sizeof(buf));
    require(aglm_cpulist_count(&list) > 0 && aglm_cpulist_parse(&again, buf) == 0);
    require(memcmp(&list, &again, sizeof(list)) == 0);
    aglm_cpulist_format(&list, buf, 16);
    require(strlen(buf) < 16);
}

static void access_rules(const char *text)
{
    struct aglm_fsroot_access *access = NULL;
    struct aglm_err err = {0};
    int rc = aglm_fsroot_access_parse(&access, text, "fuzz", &err);
    require(rc == 0 || (err.code == rc && strncmp(err.msg, "fuzz: ", 6) == 0 && !access));
    if (access) {
        int code = aglm_fsroot_access_code(access, "/sys/class/thermal");
        require(code == 0 || code == -EACCES || code == -EIO);
        require(code == 0 || aglm_fsroot_access_code(access, "/sys/class/thermal/x") != 0);
    }
    aglm_fsroot_access_finish(&access);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 1 << 16)
        return 0;
    char *text = malloc(size);
    if (!text)
        return 0;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    int64_t value = -7;
    if (data[0] == 'c')
        cpuinfo(text);
    else if (data[0] == 'l')
        cpu_list(text);
    else if (data[0] == 'a')
        access_rules(text);
    else if (data[0] == 'i' && aglm_fsroot_parse_integer(text, -5, 1 << 20, &value) == 0)
        require(value >= -5 && value <= 1 << 20);
    else if (data[0] == 's')
        require((value = aglm_cache_size(text)) == -1 ||
                (value >= 1024 && value <= INT64_C(16) << 30));
    free(text);
    return 0;
}
