/* The graphics drivers' own files; see gpu.h.
 *
 * Input: <root>/sys/class/kgsl/kgsl-3d0 (Adreno), <root>/sys/class/misc/mali0/device (Mali),
 * <root>/sys/kernel/gpu (Exynos and others), <root>/sys/class/devfreq/… of a GPU,
 * <root>/proc/driver/nvidia. On phones a refusal is normal: what is there and denied is said, what
 * is not there is not mentioned. */
#include "probes/gpu.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KGSL "/sys/class/kgsl/kgsl-3d0"
#define MALI "/sys/class/misc/mali0/device"
#define EXYNOS "/sys/kernel/gpu"
#define DEVFREQ "/sys/class/devfreq"

enum { MHZ_MAX = 10000, KHZ_MAX = MHZ_MAX * 1000 };

static void add_text(struct aglm_facts *facts, const struct aglm_fsroot *fs, const char *key,
                     const char *label, const char *path)
{
    char text[256];
    int rc = aglm_fsroot_text(fs, text, sizeof(text), "%s", path);
    if (rc == 0)
        aglm_facts_text(facts, key, label, path, "%s", text);
    else if (rc != -ENOENT)
        aglm_facts_unknown(facts, key, label, path, "%s", aglm_fsroot_reason(rc));
}

/* A clock in Hz, as kgsl and devfreq have it, in kHz or in MHz. */
static void add_clock(struct aglm_facts *facts, const struct aglm_fsroot *fs, const char *key,
                      const char *label, const char *path)
{
    int64_t value;
    int rc = aglm_fsroot_integer(fs, 1, (int64_t)KHZ_MAX * 1000, &value, "%s", path);
    if (rc == 0)
        aglm_facts_number(facts, key, label, path, "kHz",
                          value <= MHZ_MAX   ? (double)value * 1000
                          : value <= KHZ_MAX ? (double)value
                                             : (double)value / 1000);
    else if (rc != -ENOENT)
        aglm_facts_unknown(facts, key, label, path, "%s", aglm_fsroot_reason(rc));
}

/* "%d %" or "%d %%", or "busy total" of kgsl's gpubusy; the share in percent or a code. */
static int parse_busy(const char *text, bool pair, double *out)
{
    char *end;
    if (*text < '0' || *text > '9')
        return -EILSEQ;
    double first = strtod(text, &end);
    if (!pair) {
        end += strspn(end, " %");
        *out = first;
        return *end ? -EILSEQ : first > 100 ? -ERANGE : 0;
    }
    end += strspn(end, " ");
    if (*end < '0' || *end > '9')
        return -EILSEQ;
    double total = strtod(end, &end);
    if (*end || first > total)
        return *end ? -EILSEQ : -ERANGE;
    *out = total > 0 ? first / total * 100 : 0; /* both are 0 while it sleeps */
    return 0;
}

static void add_busy(struct aglm_facts *facts, const struct aglm_fsroot *fs, const char *path,
                     bool pair)
{
    const char *key = "gpu.busy", *label = "GPU in use";
    char text[64];
    double percent;
    int rc = aglm_fsroot_text(fs, text, sizeof(text), "%s", path);
    if (rc == 0)
        rc = parse_busy(text, pair, &percent);
    if (rc == 0)
        aglm_facts_number(facts, key, label, path, "percent", percent);
    else if (rc != -ENOENT)
        aglm_facts_unknown(facts, key, label, path, "%s", aglm_fsroot_reason(rc));
}

static bool add_kgsl(struct aglm_facts *facts, const struct aglm_fsroot *fs)
{
    if (!aglm_fsroot_exists(fs, KGSL))
        return false;
    add_text(facts, fs, "gpu.model", "GPU model", KGSL "/gpu_model");
    add_clock(facts, fs, "gpu.frequency", "GPU frequency", KGSL "/gpuclk");
    add_clock(facts, fs, "gpu.frequency_max", "GPU frequency, highest", KGSL "/max_gpuclk");
    if (aglm_fsroot_exists(fs, KGSL "/gpu_busy_percentage"))
        add_busy(facts, fs, KGSL "/gpu_busy_percentage", false);
    else
        add_busy(facts, fs, KGSL "/gpubusy", true);
    return true;
}

/* "Mali-G57 5 cores r0p1 0x9091": told as it stands. */
static bool add_mali(struct aglm_facts *facts, const struct aglm_fsroot *fs)
{
    bool mali = aglm_fsroot_exists(fs, MALI), exynos = aglm_fsroot_exists(fs, EXYNOS);
    if (mali && (aglm_fsroot_exists(fs, MALI "/gpuinfo") || !exynos))
        add_text(facts, fs, "gpu.model", "GPU model", MALI "/gpuinfo");
    else if (exynos)
        add_text(facts, fs, "gpu.model", "GPU model", EXYNOS "/gpu_model");
    if (exynos) {
        add_clock(facts, fs, "gpu.frequency", "GPU frequency", EXYNOS "/gpu_clock");
        add_clock(facts, fs, "gpu.frequency_max", "GPU frequency, highest",
                  EXYNOS "/gpu_max_clock");
        add_busy(facts, fs, EXYNOS "/gpu_busy", false);
    }
    return exynos;
}

/* The devfreq folder of a GPU, which is named after its address: "1f000000.mali", "17000000.gpu".
 * -ENOENT if there is none. */
static int find_devfreq(const struct aglm_fsroot *fs, char *buf, size_t cap)
{
    static const char *const words[] = {"mali", "kgsl-3d0", "gpu", "gv11b", "ga10b", "v3d"};
    struct aglm_fsroot_names names = {0};
    int rc = aglm_fsroot_list(fs, DEVFREQ, "", &names);
    if (rc == 0)
        rc = -ENOENT;
    for (size_t i = 0; rc == -ENOENT && i < names.count; i++)
        for (size_t w = 0; rc && w < sizeof(words) / sizeof(*words); w++)
            if (strstr(names.names[i], words[w]) && !strstr(names.names[i], "bus"))
                rc = snprintf(buf, cap, DEVFREQ "/%.64s", names.names[i]) < 0 ? -ENOENT : 0;
    aglm_fsroot_names_finish(&names);
    return rc;
}

static void add_devfreq(struct aglm_facts *facts, const struct aglm_fsroot *fs)
{
    char folder[128], path[160];
    if (find_devfreq(fs, folder, sizeof(folder)))
        return;
    snprintf(path, sizeof(path), "%s/cur_freq", folder);
    add_clock(facts, fs, "gpu.frequency", "GPU frequency", path);
    snprintf(path, sizeof(path), "%s/max_freq", folder);
    add_clock(facts, fs, "gpu.frequency_max", "GPU frequency, highest", path);
    snprintf(path, sizeof(path), "%s/governor", folder);
    add_text(facts, fs, "gpu.governor", "GPU governor", path);
}

/* First line: "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104  …". */
static void add_nvidia(struct aglm_facts *facts, const struct aglm_fsroot *fs)
{
    const char *path = "/proc/driver/nvidia/version";
    char text[1024];
    int rc = aglm_fsroot_read(fs, path, text, sizeof(text));
    if (rc == -ENOENT)
        return;
    const char *at = rc ? NULL : strstr(text, "Kernel Module");
    if (at)
        at += strcspn(at, "0123456789\n");
    size_t n = at ? strspn(at, "0123456789.") : 0;
    if (n > 0)
        aglm_facts_text(facts, "gpu.nvidia_driver", "NVIDIA driver", path, "%.*s", (int)n, at);
    else
        aglm_facts_unknown(facts, "gpu.nvidia_driver", "NVIDIA driver", path, "%s",
                           aglm_fsroot_reason(rc ? rc : -EILSEQ));
}

void aglm_gpu_nodes(struct aglm_facts *facts, const struct aglm_fsroot *fs)
{
    bool clocks = add_kgsl(facts, fs);
    if (!clocks)
        clocks = add_mali(facts, fs);
    if (!clocks)
        add_devfreq(facts, fs);
    add_nvidia(facts, fs);
}
