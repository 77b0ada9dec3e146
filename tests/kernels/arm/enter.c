/* Enters an instruction set's kernels without asking whether the processor has it:
 * scripts/check-arm sees by this that its emulator stops what a processor lacks, so that tests
 * which pass there have entered nothing of the kind.
 *
 * usage: enter SET     prints "entered SET" if it came through
 */
#include "engine/kernels/kernels.h"
#include "engine/kernels/pack.h"
#include "probes/roof_kernels.h"

#include <stdio.h>
#include <string.h>

enum { K = 32 };

int main(int argc, char **argv)
{
    static _Alignas(64) uint8_t w[K * AGLM_PANEL_ROWS * 4], scratch[AGLM_SCRATCH_MIN * 2];
    static int8_t q[K];
    static int16_t sum[K / 16];
    static float scale[K / 32], out[AGLM_PANEL_ROWS];
    const struct aglm_acts acts = {.q = q, .scale = scale, .sum = sum};
    const struct aglm_roof_kernels *sets[AGLM_ROOF_MAX_SETS];
    struct aglm_kernels k;
    uint64_t ops;
    if (argc != 2 || aglm_kernels_select(&k, argv[1], ~0u, NULL))
        return 2;
    if (aglm_panel_bytes(AGLM_Q4_0, K) > sizeof(w) || aglm_matmul_scratch(K) > sizeof(scratch))
        return 2;
    k.matmul[AGLM_Q4_0](out, AGLM_PANEL_ROWS, w, &acts, K, 1, 1, scratch);
    for (size_t i = aglm_roof_sets(sets, ~0u); i-- > 0;)
        if (strcmp(sets[i]->isa, argv[1]) == 0)
            sets[i]->int8(1, &ops);
    printf("entered %s\n", argv[1]);
    return 0;
}
