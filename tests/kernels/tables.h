/* The kernel tables that a test compares: the C reference and every other that can run here.
 *
 * Beside what aglm_kernels_select gives: AVX-512's and AVX-VNNI's products under emulation (SIMDe),
 * on any x86, and AVX-VNNI's with AVX-512's form of its instructions where the CPU has that, each
 * over the reference. On x86 the real ones are there twice: decode asks for
 * weights ahead, or does not; the others ask.
 */
#ifndef AGLM_TESTS_KERNELS_TABLES_H
#define AGLM_TESTS_KERNELS_TABLES_H

#include "engine/kernels/kernels.h"
#include "probes/isa.h"

#include <stdio.h>

#ifdef HAVE_EMULATED_X86
void aglm_kernels_fill_avx512_emulated(struct aglm_kernels *k, bool ahead);
void aglm_kernels_fill_int8_avx512_emulated(struct aglm_kernels *k);
void aglm_kernels_fill_avxvnni_emulated(struct aglm_kernels *k, bool ahead);
void aglm_kernels_fill_int8_avxvnni_emulated(struct aglm_kernels *k);
#endif
#ifdef __x86_64__
void aglm_kernels_fill_avxvnni_evex(struct aglm_kernels *k, bool ahead);
void aglm_kernels_fill_int8_avxvnni_evex(struct aglm_kernels *k);
#endif

enum { MAX_TABLES = 12 };

static struct aglm_kernels reference;
static struct {
    struct aglm_kernels k;
    const char *name;
} tables[MAX_TABLES];
static int n_tables;

#ifdef __x86_64__
static void add_table(const char *name, void (*fill)(struct aglm_kernels *, bool),
                      void (*fill_int8)(struct aglm_kernels *))
{
    tables[n_tables].k = reference;
    fill(&tables[n_tables].k, true);
    fill_int8(&tables[n_tables].k);
    tables[n_tables++].name = name;
}
#endif

/* Fills reference and tables, and says which there are: scripts/check-arm reads it. */
static void find_tables(const char *what)
{
    static const char *const ISAS[] = {"avx2", "avxvnni", "avx512", "neon", "dotprod", "i8mm"};
    const uint32_t flags = aglm_isa_detect();
    aglm_kernels_select(&reference, "c", 0, NULL);
    for (size_t i = 0; i < sizeof(ISAS) / sizeof(*ISAS); i++)
        if (!aglm_kernels_select(&tables[n_tables].k, ISAS[i], flags & ~AGLM_ISA_AHEAD, NULL))
            tables[n_tables++].name = ISAS[i];
#ifdef HAVE_EMULATED_X86
    add_table("avx512 emulated", aglm_kernels_fill_avx512_emulated,
              aglm_kernels_fill_int8_avx512_emulated);
    add_table("avxvnni emulated", aglm_kernels_fill_avxvnni_emulated,
              aglm_kernels_fill_int8_avxvnni_emulated);
#endif
#ifdef __x86_64__
    static const char *const AHEAD[] = {"avx2 ahead", "avxvnni ahead", "avx512 ahead"};
    for (size_t i = 0; i < sizeof(AHEAD) / sizeof(*AHEAD); i++)
        if (!aglm_kernels_select(&tables[n_tables].k, ISAS[i], flags | AGLM_ISA_AHEAD, NULL))
            tables[n_tables++].name = AHEAD[i];
    if (flags & AGLM_ISA_AVX512)
        add_table("avxvnni as avx512", aglm_kernels_fill_avxvnni_evex,
                  aglm_kernels_fill_int8_avxvnni_evex);
#endif
    printf("%s checked against the C reference:", what);
    for (int i = 0; i < n_tables; i++)
        printf("%s %s", i ? "," : "", tables[i].name);
    printf("%s\n", n_tables ? "" : " none");
    fflush(stdout); /* Check forks */
}

#endif
