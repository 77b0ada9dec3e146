/* What the processor says about itself through CPUID, read with libcpuid. */
#ifndef AGLM_PROBES_X86_CPUID_H
#define AGLM_PROBES_X86_CPUID_H

#include "probes/caches.h"

#include <stdbool.h>
#include <stdint.h>

struct aglm_x86_cpu {
    char brand[128], vendor[16];     /* "" unknown */
    int family, model, stepping;     /* as Linux counts them, extended parts added; -1 unknown */
    int64_t cache[AGLM_CACHE_KINDS]; /* bytes of one cache, -1 unknown */
    char features[256]; /* Linux' flag names, those that matter here, usable ones only */
    bool hybrid;     /* cores of several kinds: the caches are those of the core that was asked */
    bool hypervisor; /* leaf 1 says that a hypervisor is there */
    char hypervisor_id[13]; /* its signature, "KVMKVMKVM", or "" */
};

/* -ENOTSUP where there is no CPUID (another architecture) or libcpuid is at a loss. Prints nothing.
 */
int aglm_x86_identify(struct aglm_x86_cpu *out);

/* Copies those of the blank-separated flags that matter here, in the order of CPUID's list: the
 * form of aglm_x86_cpu.features for a captured machine. */
void aglm_x86_features_from_flags(const char *flags, char *buf, size_t cap);

#endif
