/* CPUID by way of libcpuid; see cpuid.h.
 *
 * libcpuid 0.6.2 decodes brand, vendor, family and caches well, but its code names are guesses for
 * processors newer than itself (Zen 4 as "Milan") and its AVX-512 flags are Intel's only, so the
 * features here come from the raw leaves that it reads. It warns on stderr unless told not to. */
#include "probes/x86/cpuid.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { LEAF1, LEAF7, LEAF7_1 };
enum { AX, BX, CX, DX };
enum { ANY_STATE, YMM, ZMM, AMX };

static const struct {
    const char *name; /* as in Linux' /proc/cpuinfo */
    unsigned char leaf, reg, bit, state;
} features[] = {
    {"sse4_2", LEAF1, CX, 20, ANY_STATE}, {"avx", LEAF1, CX, 28, YMM},
    {"f16c", LEAF1, CX, 29, YMM},         {"fma", LEAF1, CX, 12, YMM},
    {"avx2", LEAF7, BX, 5, YMM},          {"avx_vnni", LEAF7_1, AX, 4, YMM},
    {"avx512f", LEAF7, BX, 16, ZMM},      {"avx512dq", LEAF7, BX, 17, ZMM},
    {"avx512bw", LEAF7, BX, 30, ZMM},     {"avx512vl", LEAF7, BX, 31, ZMM},
    {"avx512_vnni", LEAF7, CX, 11, ZMM},  {"avx512_bf16", LEAF7_1, AX, 5, ZMM},
    {"avx512_fp16", LEAF7, DX, 23, ZMM},  {"amx_tile", LEAF7, DX, 24, AMX},
    {"amx_int8", LEAF7, DX, 25, AMX},     {"amx_bf16", LEAF7, DX, 22, AMX},
};

static void append(char *buf, size_t cap, const char *word)
{
    size_t len = strlen(buf);
    if (len + strlen(word) + 2 <= cap)
        snprintf(buf + len, cap - len, "%s%s", len ? " " : "", word);
}

void aglm_x86_features_from_flags(const char *flags, char *buf, size_t cap)
{
    buf[0] = '\0';
    for (size_t i = 0; i < sizeof(features) / sizeof(*features); i++)
        if (aglm_cpus_flag(flags, features[i].name))
            append(buf, cap, features[i].name);
}

#if defined(AGLM_HAVE_LIBCPUID)

#include "probes/x86/xcr0.h"

#include <libcpuid/libcpuid.h>

static void silent(const char *message)
{
    (void)message;
}

static void read_features(struct aglm_x86_cpu *out, const struct cpu_raw_data_t *raw)
{
    static const uint64_t masks[] = {0, AGLM_XCR0_YMM, AGLM_XCR0_ZMM, AGLM_XCR0_AMX};
    uint32_t regs[3][4] = {{0}};
    uint32_t highest = raw->basic_cpuid[0][AX];
    uint64_t xcr0 = 0;
    if (highest >= 1) {
        memcpy(regs[LEAF1], raw->basic_cpuid[1], sizeof(regs[LEAF1]));
        xcr0 = aglm_x86_xcr0(regs[LEAF1][CX]);
    }
    if (highest >= 7) {
        memcpy(regs[LEAF7], raw->basic_cpuid[7], sizeof(regs[LEAF7]));
        if (regs[LEAF7][AX] >= 1) {
            regs[LEAF7_1][AX] = 7;
            regs[LEAF7_1][CX] = 1;
            cpu_exec_cpuid_ext(regs[LEAF7_1]);
        }
    }
    for (size_t i = 0; i < sizeof(features) / sizeof(*features); i++) {
        uint64_t mask = masks[features[i].state];
        if ((regs[features[i].leaf][features[i].reg] >> features[i].bit & 1) &&
            (xcr0 & mask) == mask)
            append(out->features, sizeof(out->features), features[i].name);
    }
    out->hybrid = regs[LEAF7][DX] >> 15 & 1;
    out->hypervisor = regs[LEAF1][CX] >> 31 & 1;
    if (out->hypervisor) {
        uint32_t id[4];
        cpu_exec_cpuid(0x40000000, id);
        memcpy(out->hypervisor_id, &id[BX], 12);
        if (!aglm_fsroot_printable(out->hypervisor_id, ""))
            out->hypervisor_id[0] = '\0';
    }
}

/* libcpuid counts caches in KiB, -1 or 0 for one that it does not know. */
static int64_t bytes_of(int32_t kib)
{
    return kib > 0 && kib <= 16 << 20 ? (int64_t)kib * 1024 : -1;
}

/* The brand without the blanks that vendors pad it with; "" if it is no text. */
static void copy_brand(char *out, size_t cap, const char *brand)
{
    size_t n = 0;
    for (; *brand && n + 1 < cap; brand++)
        if (*brand != ' ' || (n > 0 && out[n - 1] != ' '))
            out[n++] = *brand;
    while (n > 0 && out[n - 1] == ' ')
        n--;
    out[n] = '\0';
    if (!aglm_fsroot_printable(out, ""))
        out[0] = '\0';
}

int aglm_x86_identify(struct aglm_x86_cpu *out)
{
    struct cpu_raw_data_t raw;
    struct cpu_id_t id;
    cpuid_set_warn_function(silent);
    if (!cpuid_present() || cpuid_get_raw_data(&raw) < 0)
        return -ENOTSUP;
    *out =
        (struct aglm_x86_cpu){.family = -1, .model = -1, .stepping = -1, .cache = {-1, -1, -1, -1}};
    read_features(out, &raw);
    if (cpu_identify(&raw, &id) < 0)
        return 0; /* a vendor that it does not know: /proc/cpuinfo fills in */
    copy_brand(out->brand, sizeof(out->brand), id.brand_str);
    copy_brand(out->vendor, sizeof(out->vendor), id.vendor_str);
    out->family = id.ext_family;
    out->model = id.ext_model;
    out->stepping = id.stepping;
    out->cache[AGLM_CACHE_L1D] = bytes_of(id.l1_data_cache);
    out->cache[AGLM_CACHE_L1I] = bytes_of(id.l1_instruction_cache);
    out->cache[AGLM_CACHE_L2] = bytes_of(id.l2_cache);
    out->cache[AGLM_CACHE_L3] = bytes_of(id.l3_cache);
    return 0;
}

#else

int aglm_x86_identify(struct aglm_x86_cpu *out)
{
    (void)out;
    return -ENOTSUP;
}

#endif
