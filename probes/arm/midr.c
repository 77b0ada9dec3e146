/* Names for MIDR numbers; see midr.h.
 *
 * Numbers: the technical reference manuals of Arm's cores, the Linux kernel's
 * arch/arm64/include/asm/cputype.h, util-linux' lscpu for makers that Linux has no quirks for, and
 * Asahi Linux' m1n1 for Apple. A name here is what people call the core, not the manual's full
 * name. Makers of licensed cores often keep Arm's own number: Kryo 5xx and 6xx Gold and Prime say
 * that they are a Cortex-A77, A78 or X1. */
#include "probes/arm/midr.h"

#include <stdio.h>

enum {
    ARM = 0x41,
    BROADCOM = 0x42,
    CAVIUM = 0x43,
    FUJITSU = 0x46,
    HISILICON = 0x48,
    NVIDIA = 0x4e,
    APM = 0x50,
    QUALCOMM = 0x51,
    SAMSUNG = 0x53,
    MARVELL = 0x56,
    APPLE = 0x61,
    MICROSOFT = 0x6d,
    PHYTIUM = 0x70,
    AMPERE = 0xc0
};

static const struct {
    unsigned char implementer;
    const char *name;
} implementers[] = {
    {ARM, "Arm"},
    {BROADCOM, "Broadcom"},
    {CAVIUM, "Cavium"},
    {0x44, "DEC"},
    {FUJITSU, "Fujitsu"},
    {0x49, "Infineon"},
    {HISILICON, "HiSilicon"},
    {0x4d, "Freescale"},
    {NVIDIA, "NVIDIA"},
    {APM, "APM"},
    {QUALCOMM, "Qualcomm"},
    {SAMSUNG, "Samsung"},
    {MARVELL, "Marvell"},
    {APPLE, "Apple"},
    {0x66, "Faraday"},
    {0x69, "Intel"},
    {PHYTIUM, "Phytium"},
    {MICROSOFT, "Microsoft"},
    {AMPERE, "Ampere"},
};

static const struct {
    unsigned char implementer;
    unsigned short part;
    const char *name;
} cores[] = {
    /* 32 bits */
    {ARM, 0xb02, "ARM11 MPCore"},
    {ARM, 0xb36, "ARM1136"},
    {ARM, 0xb56, "ARM1156"},
    {ARM, 0xb76, "ARM1176"},
    {ARM, 0xc05, "Cortex-A5"},
    {ARM, 0xc07, "Cortex-A7"},
    {ARM, 0xc08, "Cortex-A8"},
    {ARM, 0xc09, "Cortex-A9"},
    {ARM, 0xc0d, "Cortex-A12"},
    {ARM, 0xc0e, "Cortex-A17"},
    {ARM, 0xc0f, "Cortex-A15"},
    {ARM, 0xd01, "Cortex-A32"},
    /* ARMv8-A */
    {ARM, 0xd02, "Cortex-A34"},
    {ARM, 0xd03, "Cortex-A53"},
    {ARM, 0xd04, "Cortex-A35"},
    {ARM, 0xd05, "Cortex-A55"},
    {ARM, 0xd06, "Cortex-A65"},
    {ARM, 0xd07, "Cortex-A57"},
    {ARM, 0xd08, "Cortex-A72"},
    {ARM, 0xd09, "Cortex-A73"},
    {ARM, 0xd0a, "Cortex-A75"},
    {ARM, 0xd0b, "Cortex-A76"},
    {ARM, 0xd0c, "Neoverse-N1"},
    {ARM, 0xd0d, "Cortex-A77"},
    {ARM, 0xd0e, "Cortex-A76AE"},
    {ARM, 0xd0f, "Arm's model of ARMv8"},
    {ARM, 0xd15, "Cortex-R82"},
    {ARM, 0xd40, "Neoverse-V1"},
    {ARM, 0xd41, "Cortex-A78"},
    {ARM, 0xd42, "Cortex-A78AE"},
    {ARM, 0xd43, "Cortex-A65AE"},
    {ARM, 0xd44, "Cortex-X1"},
    {ARM, 0xd4a, "Neoverse-E1"},
    {ARM, 0xd4b, "Cortex-A78C"},
    {ARM, 0xd4c, "Cortex-X1C"},
    /* ARMv9-A */
    {ARM, 0xd46, "Cortex-A510"},
    {ARM, 0xd47, "Cortex-A710"},
    {ARM, 0xd48, "Cortex-X2"},
    {ARM, 0xd49, "Neoverse-N2"},
    {ARM, 0xd4d, "Cortex-A715"},
    {ARM, 0xd4e, "Cortex-X3"},
    {ARM, 0xd4f, "Neoverse-V2"},
    {ARM, 0xd80, "Cortex-A520"},
    {ARM, 0xd81, "Cortex-A720"},
    {ARM, 0xd82, "Cortex-X4"},
    {ARM, 0xd83, "Neoverse-V3AE"},
    {ARM, 0xd84, "Neoverse-V3"},
    {ARM, 0xd85, "Cortex-X925"},
    {ARM, 0xd87, "Cortex-A725"},
    {ARM, 0xd88, "Cortex-A520AE"},
    {ARM, 0xd89, "Cortex-A720AE"},
    {ARM, 0xd8a, "C1-Nano"},
    {ARM, 0xd8b, "C1-Pro"},
    {ARM, 0xd8c, "C1-Ultra"},
    {ARM, 0xd8e, "Neoverse-N3"},
    {ARM, 0xd8f, "Cortex-A320"},
    {ARM, 0xd90, "C1-Premium"},
    /* phones' and boards' own cores */
    {QUALCOMM, 0x00f, "Scorpion"},
    {QUALCOMM, 0x02d, "Scorpion"},
    {QUALCOMM, 0x04d, "Krait"},
    {QUALCOMM, 0x06f, "Krait"},
    {QUALCOMM, 0x201, "Kryo Silver"},
    {QUALCOMM, 0x205, "Kryo Gold"},
    {QUALCOMM, 0x211, "Kryo Silver"},
    {QUALCOMM, 0x800, "Kryo 2xx Gold"},
    {QUALCOMM, 0x801, "Kryo 2xx Silver"},
    {QUALCOMM, 0x802, "Kryo 3xx Gold"},
    {QUALCOMM, 0x803, "Kryo 3xx Silver"},
    {QUALCOMM, 0x804, "Kryo 4xx Gold"},
    {QUALCOMM, 0x805, "Kryo 4xx Silver"},
    {QUALCOMM, 0xc00, "Falkor"},
    {QUALCOMM, 0xc01, "Saphira"},
    {QUALCOMM, 0x001, "Oryon"},
    {QUALCOMM, 0x002, "Oryon, 3rd generation"},
    {SAMSUNG, 0x001, "Exynos-M1/M2"},
    {SAMSUNG, 0x002, "Exynos-M3"},
    {SAMSUNG, 0x003, "Exynos-M4"},
    {SAMSUNG, 0x004, "Exynos-M5"},
    {HISILICON, 0xd01, "TaiShan v110"},
    {HISILICON, 0xd02, "TaiShan v120"},
    {HISILICON, 0xd06, "HIP12"},
    {HISILICON, 0xd40, "Cortex-A76 (HiSilicon)"},
    {HISILICON, 0xd41, "Cortex-A77 (HiSilicon)"},
    {HISILICON, 0xd42, "Kirin 9000S middle core"},
    {NVIDIA, 0x000, "Denver"},
    {NVIDIA, 0x003, "Denver 2"},
    {NVIDIA, 0x004, "Carmel"},
    {NVIDIA, 0x010, "Olympus"},
    {PHYTIUM, 0x303, "FTC310"},
    {PHYTIUM, 0x660, "FTC660"},
    {PHYTIUM, 0x661, "FTC661"},
    {PHYTIUM, 0x662, "FTC662"},
    {PHYTIUM, 0x663, "FTC663"},
    {PHYTIUM, 0x664, "FTC664"},
    {PHYTIUM, 0x862, "FTC862"},
    {MARVELL, 0x131, "Feroceon 88FR131"},
    {MARVELL, 0x581, "PJ4"},
    {MARVELL, 0x584, "PJ4B-MP"},
    /* Apple: the small core of a pair first */
    {APPLE, 0x000, "Apple core of a virtual machine"},
    {APPLE, 0x020, "Icestorm (A14)"},
    {APPLE, 0x021, "Firestorm (A14)"},
    {APPLE, 0x022, "Icestorm (M1)"},
    {APPLE, 0x023, "Firestorm (M1)"},
    {APPLE, 0x024, "Icestorm (M1 Pro)"},
    {APPLE, 0x025, "Firestorm (M1 Pro)"},
    {APPLE, 0x028, "Icestorm (M1 Max)"},
    {APPLE, 0x029, "Firestorm (M1 Max)"},
    {APPLE, 0x030, "Blizzard (A15)"},
    {APPLE, 0x031, "Avalanche (A15)"},
    {APPLE, 0x032, "Blizzard (M2)"},
    {APPLE, 0x033, "Avalanche (M2)"},
    {APPLE, 0x034, "Blizzard (M2 Pro)"},
    {APPLE, 0x035, "Avalanche (M2 Pro)"},
    {APPLE, 0x036, "Sawtooth (A16)"},
    {APPLE, 0x037, "Everest (A16)"},
    {APPLE, 0x038, "Blizzard (M2 Max)"},
    {APPLE, 0x039, "Avalanche (M2 Max)"},
    {APPLE, 0x042, "Sawtooth (M3)"},
    {APPLE, 0x043, "Everest (M3)"},
    {APPLE, 0x044, "Sawtooth (M3 Pro)"},
    {APPLE, 0x045, "Everest (M3 Pro)"},
    {APPLE, 0x048, "Sawtooth (M3 Max)"},
    {APPLE, 0x049, "Everest (M3 Max)"},
    {APPLE, 0x052, "efficiency core (M4)"},
    {APPLE, 0x053, "performance core (M4)"},
    {APPLE, 0x054, "efficiency core (M4 Pro)"},
    {APPLE, 0x055, "performance core (M4 Pro)"},
    {APPLE, 0x058, "efficiency core (M4 Max)"},
    {APPLE, 0x059, "performance core (M4 Max)"},
    /* servers */
    {AMPERE, 0xac3, "Ampere-1"},
    {AMPERE, 0xac4, "Ampere-1A"},
    {AMPERE, 0xac5, "Ampere-1B"},
    {APM, 0x000, "X-Gene"},
    {BROADCOM, 0x00f, "Brahma-B15"},
    {BROADCOM, 0x100, "Brahma-B53"},
    {BROADCOM, 0x516, "ThunderX2"},
    {CAVIUM, 0x0a0, "ThunderX"},
    {CAVIUM, 0x0a1, "ThunderX CN88xx"},
    {CAVIUM, 0x0a2, "ThunderX CN81xx"},
    {CAVIUM, 0x0a3, "ThunderX CN83xx"},
    {CAVIUM, 0x0af, "ThunderX2 CN99xx"},
    {CAVIUM, 0x0b0, "Octeon TX2"},
    {CAVIUM, 0x0b1, "Octeon TX2 CN98xx"},
    {CAVIUM, 0x0b2, "Octeon TX2 CN96xx"},
    {CAVIUM, 0x0b3, "Octeon TX2 CN95xx"},
    {CAVIUM, 0x0b4, "Octeon TX2 CN95xxN"},
    {CAVIUM, 0x0b5, "Octeon TX2 CN95xxMM"},
    {CAVIUM, 0x0b6, "Octeon TX2 CN95xxO"},
    {CAVIUM, 0x0b8, "ThunderX3 T110"},
    {FUJITSU, 0x001, "A64FX"},
    {FUJITSU, 0x003, "MONAKA"},
    {MICROSOFT, 0xd49, "Azure Cobalt 100"},
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
    const char *maker = aglm_midr_implementer(implementer);
    snprintf(buf, cap, "%s%spart 0x%02llx:0x%03llx", maker ? maker : "", maker ? " " : "",
             (unsigned long long)implementer, (unsigned long long)part);
}

size_t aglm_midr_count(void)
{
    return sizeof(cores) / sizeof(*cores);
}

void aglm_midr_at(size_t i, int64_t *implementer, int64_t *part, const char **name)
{
    *implementer = cores[i].implementer;
    *part = cores[i].part;
    *name = cores[i].name;
}
