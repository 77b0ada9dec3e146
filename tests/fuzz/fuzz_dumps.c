/* Fuzz target: what commands print and what the kernel's text files say.
 *
 * In: the first byte says what the rest is (the table below): the text of that file or command in
 * an otherwise nearly empty tree, which is then given to the probe that reads it. b, t and w
 * also go to their parsers directly, with bytes that no text file would be taken with. What comes
 * out is within the limits that headers promise, and every fact is fit to print. Built with
 * libFuzzer (meson option fuzz, clang) or with replay.c.
 */
#include "tests/fuzz/facts_check.h"

#include "probes/android_thermal.h"
#include "probes/battery.h"
#include "probes/gpu.h"
#include "probes/guard.h"
#include "probes/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void probe_load(struct aglm_facts *facts, const struct aglm_fsroot *fs)
{
    aglm_probe_load(facts, fs, 0);
}

static void probe_storage(struct aglm_facts *facts, const struct aglm_fsroot *fs)
{
    char type[64], *text = NULL;
    if (aglm_fsroot_slurp(fs, "/proc/self/mountinfo", 1 << 20, &text) == 0 &&
        aglm_mount_type(text, 8, 1, type, sizeof(type)) == 0)
        aglm_facts_text(facts, "storage.type", "File system", "mountinfo", "%s", type);
    free(text);
}

static const struct {
    char kind;
    const char *path;
    void (*probe)(struct aglm_facts *facts, const struct aglm_fsroot *fs);
} inputs[] = {
    {'b', "/commands/dumpsys_battery", aglm_probe_power},
    {'t', "/commands/dumpsys_thermalservice", aglm_probe_thermal},
    {'g', "/commands/getprop", aglm_probe_os},
    {'o', "/etc/os-release", aglm_probe_os},
    {'p', "/proc/pressure/memory", aglm_probe_pressure},
    {'s', "/proc/stat", probe_load},
    {'l', "/proc/loadavg", probe_load},
    {'q', "/proc/7/stat", probe_load},
    {'m', "/proc/meminfo", aglm_probe_memory},
    {'c', "/proc/self/cgroup", aglm_probe_memory},
    {'a', "/proc/swaps", aglm_probe_swap},
    {'z', "/sys/block/zram0/mm_stat", aglm_probe_swap},
    {'k', "/sys/class/kgsl/kgsl-3d0/gpubusy", aglm_gpu_nodes},
    {'K', "/sys/class/kgsl/kgsl-3d0/gpu_busy_percentage", aglm_gpu_nodes},
    {'G', "/sys/class/misc/mali0/device/gpuinfo", aglm_gpu_nodes},
    {'n', "/proc/driver/nvidia/version", aglm_gpu_nodes},
    {'i', "/proc/self/mountinfo", probe_storage},
    {'u', "/sys/class/power_supply/bat/current_now", aglm_probe_power},
    {'v', "/sys/class/power_supply/bat/uevent", aglm_probe_power},
    {'h', "/sys/class/thermal/thermal_zone0/temp", aglm_probe_thermal},
};

enum { N_INPUTS = sizeof(inputs) / sizeof(*inputs), SIZE_MAX_BYTES = 1 << 16 };

/* What is there besides, so that a probe comes as far as the input. */
static const char *const others[][2] = {
    {"/sys/fs/cgroup/memory.max", "1000000000\n"},
    {"/sys/fs/cgroup/memory.current", "500000000\n"},
    {"/sys/class/power_supply/bat/type", "Battery\n"},
    {"/sys/class/power_supply/bat/status", "Discharging\n"},
    {"/sys/class/power_supply/bat/voltage_now", "3900000\n"},
    {"/sys/class/thermal/thermal_zone0/type", "cpu\n"},
};

/* ---- the tree ---- */

static char root[64];

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    return remove(path);
}

static void remove_tree(void)
{
    (void)nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void write_file(const char *path, const void *data, size_t size)
{
    char full[256];
    require(snprintf(full, sizeof(full), "%s%s", root, path) < (int)sizeof(full));
    for (char *slash = full + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        require(mkdir(full, 0755) == 0 || errno == EEXIST);
        *slash = '/';
    }
    int fd = open(full, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    require(fd >= 0 && write(fd, data, size) == (ssize_t)size && close(fd) == 0);
}

static void make_tree(void)
{
    snprintf(root, sizeof(root), "%s/aglm-fuzz-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    require(mkdtemp(root) != NULL);
    atexit(remove_tree);
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        write_file(others[i][0], others[i][1], strlen(others[i][1]));
}

/* ---- parsers alone ---- */

static void battery(const char *text)
{
    struct aglm_battery b = {.percent = NAN,
                             .volts = NAN,
                             .degc = NAN,
                             .amperes_hours = NAN,
                             .amperes = NAN,
                             .code = -ENOENT,
                             .source = "none"};
    int rc = aglm_battery_merge_dump(&b, text);
    require(rc == 0 || rc == -EILSEQ || rc == -ECANCELED);
    require(rc == 0 || (!b.present && b.code == -ENOENT));
    require(isnan(b.percent) || (b.percent >= 0 && b.percent <= 100));
    require(isnan(b.volts) || (b.volts >= 1 && b.volts <= 60));
    require(isnan(b.degc) || (b.degc >= -30 && b.degc <= 100));
    require(isnan(b.amperes) || fabs(b.amperes) <= 20);
    require(isnan(b.amperes_hours) || (b.amperes_hours > 0 && b.amperes_hours < 100));
    require(isnan(aglm_battery_draw_watts(&b)) || b.state == AGLM_BATTERY_DISCHARGING);
    require(aglm_battery_state_word(b.state)[0]);
}

static void thermal(const char *text)
{
    static struct aglm_android_thermal t;
    int rc = aglm_android_thermal_parse(&t, text);
    require(rc == 0 || rc == -EILSEQ);
    require(t.status >= AGLM_ANDROID_NO_STATUS && t.status < AGLM_ANDROID_SEVERITIES);
    require(t.n <= AGLM_ANDROID_SENSORS_MAX && t.cooling_active <= t.cooling);
    for (size_t i = 0; i < t.n; i++) {
        const struct aglm_android_sensor *s = &t.v[i];
        require(isnan(s->degc) || (s->degc >= -40 && s->degc <= 150));
        require(s->status >= -1 && s->status < AGLM_ANDROID_SEVERITIES && s->type >= -1);
        require(strlen(s->name) < sizeof(s->name) && aglm_android_type_word(s->type)[0]);
        for (size_t k = 0; k < AGLM_ANDROID_SEVERITIES; k++)
            require(isnan(s->hot[k]) || (s->hot[k] >= 1 && s->hot[k] <= 150));
    }
}

/* What a child that went mad may send. */
static void wire(const char *bytes, size_t n)
{
    struct aglm_facts facts = {0};
    int rc = aglm_wire_read(&facts, bytes, n);
    require(rc == 0 || rc == -EILSEQ);
    facts.out_of_memory = false; /* it may say so */
    check_facts(&facts);
    aglm_facts_finish(&facts);
}

static void probe(size_t i, const char *text, size_t n)
{
    struct aglm_fsroot fs;
    struct aglm_facts facts = {0};
    char path[256];
    if (!root[0])
        make_tree();
    write_file(inputs[i].path, text, n);
    require(aglm_fsroot_open(&fs, root, NULL) == 0);
    inputs[i].probe(&facts, &fs);
    check_facts(&facts);
    aglm_facts_finish(&facts);
    aglm_fsroot_close(&fs);
    snprintf(path, sizeof(path), "%s%s", root, inputs[i].path);
    unlink(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > SIZE_MAX_BYTES)
        return 0;
    char *text = malloc(size);
    if (!text)
        return 0;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    if (data[0] == 'b')
        battery(text);
    if (data[0] == 't')
        thermal(text);
    if (data[0] == 'w')
        wire(text, size - 1);
    for (size_t i = 0; i < N_INPUTS; i++)
        if (data[0] == (uint8_t)inputs[i].kind)
            probe(i, text, size - 1);
    free(text);
    return 0;
}
