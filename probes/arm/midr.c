/* Names for MIDR numbers; see midr.h. Numbers: the cores' technical reference manuals and Linux'
 * arch/arm64/include/asm/cputype.h. */
#include "probes/arm/midr.h"

#include <stdio.h>

static const struct {
    unsigned char implementer;
    const char *name;
} implementers[] = {
    {0x41, "Arm"},       {0x42, "Broadcom"}, {0x43, "Cavium"},    {0x46, "Fujitsu"},
    {0x48, "HiSilicon"}, {0x4e, "NVIDIA"},   {0x50, "APM"},       {0x51, "Qualcomm"},
    {0x53, "Samsung"},   {0x61, "Apple"},    {0x6d, "Microsoft"}, {0xc0, "Ampere"},
};

static const struct {
    unsigned char implementer;
    unsigned short part;
    const char *name;
} cores[] = {
    {0x41, 0xc07, "Cortex-A7"},     {0x41, 0xc08, "Cortex-A8"},
    {0x41, 0xc09, "Cortex-A9"},     {0x41, 0xc0f, "Cortex-A15"},
    {0x41, 0xc0e, "Cortex-A17"},    {0x41, 0xd01, "Cortex-A32"},
    {0x41, 0xd02, "Cortex-A34"},    {0x41, 0xd03, "Cortex-A53"},
    {0x41, 0xd04, "Cortex-A35"},    {0x41, 0xd05, "Cortex-A55"},
    {0x41, 0xd06, "Cortex-A65"},    {0x41, 0xd07, "Cortex-A57"},
    {0x41, 0xd08, "Cortex-A72"},    {0x41, 0xd09, "Cortex-A73"},
    {0x41, 0xd0a, "Cortex-A75"},    {0x41, 0xd0b, "Cortex-A76"},
    {0x41, 0xd0c, "Neoverse-N1"},   {0x41, 0xd0d, "Cortex-A77"},
    {0x41, 0xd0e, "Cortex-A76AE"},  {0x41, 0xd40, "Neoverse-V1"},
    {0x41, 0xd41, "Cortex-A78"},    {0x41, 0xd42, "Cortex-A78AE"},
    {0x41, 0xd44, "Cortex-X1"},     {0x41, 0xd46, "Cortex-A510"},
    {0x41, 0xd47, "Cortex-A710"},   {0x41, 0xd48, "Cortex-X2"},
    {0x41, 0xd49, "Neoverse-N2"},   {0x41, 0xd4a, "Neoverse-E1"},
    {0x41, 0xd4b, "Cortex-A78C"},   {0x41, 0xd4c, "Cortex-X1C"},
    {0x41, 0xd4d, "Cortex-A715"},   {0x41, 0xd4e, "Cortex-X3"},
    {0x41, 0xd4f, "Neoverse-V2"},   {0x41, 0xd80, "Cortex-A520"},
    {0x41, 0xd81, "Cortex-A720"},   {0x41, 0xd82, "Cortex-X4"},
    {0x41, 0xd84, "Neoverse-V3"},   {0x41, 0xd85, "Cortex-X925"},
    {0x41, 0xd87, "Cortex-A725"},   {0x41, 0xd8e, "Neoverse-N3"},
    {0x48, 0xd01, "TaiShan v110"},  {0x48, 0xd40, "Cortex-A76 (HiSilicon)"},
    {0x4e, 0x004, "Carmel"},        {0x51, 0x001, "Oryon"},
    {0x51, 0x800, "Kryo 2xx Gold"}, {0x51, 0x801, "Kryo 2xx Silver"},
    {0x51, 0x802, "Kryo 3xx Gold"}, {0x51, 0x803, "Kryo 3xx Silver"},
    {0x51, 0x804, "Kryo 4xx Gold"}, {0x51, 0x805, "Kryo 4xx Silver"},
    {0x53, 0x001, "Exynos-M1"},     {0x53, 0x002, "Exynos-M3"},
    {0x53, 0x003, "Exynos-M4"},     {0x53, 0x004, "Exynos-M5"},
    {0xc0, 0xac3, "Ampere-1"},      {0xc0, 0xac4, "Ampere-1A"},
};

const char *aglm_midr_implementer(int64_t implementer)
{
    for (size_t i = 0; i < sizeof(implementers) / sizeof(*implementers); i++)
        if (implementers[i].implementer == implementer)
            return implementers[i].name;
    return NULL;
}

void aglm_midr_core(int64_t implementer, int64_t part, char *buf, size_t cap)
{
    for (size_t i = 0; i < sizeof(cores) / sizeof(*cores); i++) {
        if (cores[i].implementer == implementer && cores[i].part == part) {
            snprintf(buf, cap, "%s", cores[i].name);
            return;
        }
    }
    snprintf(buf, cap, "part 0x%02llx:0x%03llx", (unsigned long long)implementer,
             (unsigned long long)part);
}
