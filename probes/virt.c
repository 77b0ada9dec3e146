/* Virtualization: whether a hypervisor or a container stands between us and the device.
 *
 * Input: CPUID's hypervisor leaf (x86, running machine), the "hypervisor" flag of /proc/cpuinfo,
 * /sys/hypervisor, DMI, the device tree; container markers in /, /run and /proc/1/cgroup. */
#include "probes/probe.h"
#include "probes/x86/cpuid.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *id, *name;
} signatures[] = {
    {"KVMKVMKVM", "KVM"},          {"Linux KVM Hv", "KVM"},
    {"Microsoft Hv", "Hyper-V"},   {"VMwareVMware", "VMware"},
    {"XenVMMXenVMM", "Xen"},       {"TCGTCGTCGTCG", "QEMU (emulated)"},
    {"bhyve bhyve ", "bhyve"},     {"prl hyperv  ", "Parallels"},
    {" lrpepyh  vr", "Parallels"}, {"VBoxVBoxVBox", "VirtualBox"},
    {"ACRNACRNACRN", "ACRN"},      {"QNXQVMBSQG", "QNX"},
};

/* What makers of virtual machines write into DMI's vendor or product name. */
static const struct {
    const char *text, *name;
} products[] = {
    {"KVM", "KVM"},
    {"QEMU", "QEMU"},
    {"VMware", "VMware"},
    {"VirtualBox", "VirtualBox"},
    {"innotek", "VirtualBox"},
    {"Xen", "Xen"},
    {"Bochs", "Bochs"},
    {"Parallels", "Parallels"},
    {"BHYVE", "bhyve"},
    {"Amazon EC2", "Amazon EC2"},
    {"Google Compute Engine", "Google Compute Engine"},
    {"OpenStack", "OpenStack"},
    {"Virtual Machine", "Hyper-V"},
};

static const char *from_products(const char *text)
{
    for (size_t i = 0; i < sizeof(products) / sizeof(*products); i++)
        if (strstr(text, products[i].text))
            return products[i].name;
    return NULL;
}

/* Adds the fact and returns true if CPUID can be asked. */
static bool from_cpuid(struct aglm_facts *facts, const struct aglm_fsroot *fs, const char *key,
                       const char *label)
{
    struct aglm_x86_cpu x86;
    if (!fs->live || aglm_x86_identify(&x86) || !x86.hypervisor)
        return false;
    const char *name = x86.hypervisor_id[0] ? x86.hypervisor_id : "yes, without a name";
    for (size_t i = 0; i < sizeof(signatures) / sizeof(*signatures); i++)
        if (strcmp(x86.hypervisor_id, signatures[i].id) == 0)
            name = signatures[i].name;
    aglm_facts_text(facts, key, label, "cpuid", "%s", name);
    return true;
}

/* Adds the fact and returns true if one of the files names a hypervisor; *readable counts those
 * that could be read. */
static bool from_files(struct aglm_facts *facts, const struct aglm_fsroot *fs, const char *key,
                       const char *label, unsigned *readable, int *code)
{
    static const char *const files[] = {
        "/sys/hypervisor/type", "/sys/class/dmi/id/sys_vendor", "/sys/class/dmi/id/product_name",
        "/proc/device-tree/hypervisor/compatible", "/proc/device-tree/model"};
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        char text[256];
        int rc = aglm_fsroot_text(fs, text, sizeof(text), "%s", files[i]);
        if (rc) {
            *code = *code == -ENOENT || *code == 0 ? rc : *code;
            continue;
        }
        ++*readable;
        bool plain = i == 0 || i == 3;
        const char *name = plain ? text : from_products(text);
        if (name) {
            aglm_facts_text(facts, key, label, files[i], "%s", name);
            return true;
        }
    }
    return false;
}

static void add_hypervisor(struct aglm_facts *facts, const struct aglm_fsroot *fs,
                           const struct aglm_cpus *cpus)
{
    const char *key = "virt.hypervisor", *label = "Hypervisor";
    unsigned readable = 0;
    int code = cpus->cpuinfo_code;
    if (from_cpuid(facts, fs, key, label) || from_files(facts, fs, key, label, &readable, &code))
        return;
    bool x86 = aglm_cpus_flag(cpus->flags, "sse2") || aglm_cpus_flag(cpus->flags, "fpu");
    if (aglm_cpus_flag(cpus->flags, "hypervisor"))
        aglm_facts_text(facts, key, label, "/proc/cpuinfo", "yes, without a name");
    else if (x86)
        aglm_facts_text(facts, key, label, "/proc/cpuinfo", "none");
    else if (readable > 0)
        aglm_facts_text(facts, key, label, "/sys", "none seen");
    else
        aglm_facts_unknown(facts, key, label, "/sys", "%s", aglm_fsroot_reason(code));
}

static const char *container_of(const char *text)
{
    static const char *const names[] = {"kubepods",   "docker", "libpod", "podman",
                                        "containerd", "lxc",    "garden"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (strstr(text, names[i]))
            return names[i];
    return NULL;
}

static void add_container(struct aglm_facts *facts, const struct aglm_fsroot *fs)
{
    const char *key = "virt.container", *label = "Container";
    char text[16384];
    if (aglm_fsroot_text(fs, text, sizeof(text), "/run/systemd/container") == 0) {
        aglm_facts_text(facts, key, label, "/run/systemd/container", "%.64s", text);
        return;
    }
    if (aglm_fsroot_exists(fs, "/run/.containerenv")) {
        aglm_facts_text(facts, key, label, "/run/.containerenv", "podman");
        return;
    }
    if (aglm_fsroot_exists(fs, "/.dockerenv")) {
        aglm_facts_text(facts, key, label, "/.dockerenv", "docker");
        return;
    }
    int rc = aglm_fsroot_read(fs, "/proc/1/cgroup", text, sizeof(text));
    if (rc == 0 && !strstr(text, ":/"))
        rc = text[0] ? -EILSEQ : -ENOENT;
    const char *name = rc ? NULL : container_of(text);
    if (rc)
        aglm_facts_unknown(facts, key, label, "/proc/1/cgroup", "%s", aglm_fsroot_reason(rc));
    else
        aglm_facts_text(facts, key, label, "/proc/1/cgroup", "%s", name ? name : "none seen");
}

void aglm_probe_virt(struct aglm_facts *facts, const struct aglm_fsroot *fs,
                     const struct aglm_cpus *cpus)
{
    add_hypervisor(facts, fs, cpus);
    aglm_facts_identity(facts);
    add_container(facts, fs);
}
