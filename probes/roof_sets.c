/* Which of the roof's loops a machine may run; see roof_kernels.h. */
#include "probes/isa.h"
#include "probes/roof_kernels.h"

size_t aglm_roof_sets(const struct aglm_roof_kernels *sets[AGLM_ROOF_MAX_SETS], uint32_t flags)
{
    size_t n = 0;
    sets[n++] = &aglm_roof_c;
    (void)flags;
#if defined(__x86_64__)
    if (flags & AGLM_ISA_AVX2)
        sets[n++] = &aglm_roof_avx2;
    if (flags & AGLM_ISA_AVXVNNI)
        sets[n++] = &aglm_roof_avxvnni;
    if (flags & AGLM_ISA_AVX512)
        sets[n++] = &aglm_roof_avx512;
#elif defined(__aarch64__) || defined(__arm__)
    if (flags & AGLM_ISA_NEON)
        sets[n++] = &aglm_roof_neon;
#if defined(__aarch64__)
    if (flags & AGLM_ISA_DOTPROD)
        sets[n++] = &aglm_roof_dotprod;
    if (flags & AGLM_ISA_I8MM)
        sets[n++] = &aglm_roof_i8mm;
#endif
#endif
    return n;
}
