/* The roof's loops of every instruction set: that each runs where the CPU has it and nowhere else,
 * counts its operations right, and reads every byte. How fast they are is not tested.
 *
 * AVX-VNNI's loop runs with AVX-512's form of its instruction, too, where the CPU has that.
 */
#include "probes/isa.h"
#include "probes/roof_kernels.h"

#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __x86_64__
extern const struct aglm_roof_kernels aglm_roof_avxvnni_evex;
#endif

static const struct aglm_roof_kernels *sets[AGLM_ROOF_MAX_SETS + 1];
static size_t n_sets;

static void find_sets(void)
{
    const uint32_t flags = aglm_isa_detect();
    n_sets = aglm_roof_sets(sets, flags);
    printf("the roof's loops checked beside the C reference:");
    for (size_t i = 1; i < n_sets; i++)
        printf("%s %s", i > 1 ? "," : "", sets[i]->isa);
    printf("%s\n", n_sets > 1 ? "" : " none");
    fflush(stdout); /* Check forks */
#ifdef __x86_64__
    if (flags & AGLM_ISA_AVX512)
        sets[n_sets++] = &aglm_roof_avxvnni_evex;
#endif
}

/* All products are 3 * -5, but C's, which are 3 * 5 … 3 * 12. */
START_TEST(test_integer_operations)
{
    for (size_t i = 0; i < n_sets; i++)
        for (size_t n = 0; n < 9; n++) {
            uint64_t ops = 1, sum = sets[i]->int8(n, &ops);
            const uint64_t products = ops / 2;
            const uint64_t expected = i == 0 ? products / 8 * 204 : 0 - 15 * products;
            ck_assert_msg(n == 0 || products > 0, "%s: %zu", sets[i]->isa, n);
            ck_assert_msg((sum & 0xffff) == (expected & 0xffff), "%s: %zu rounds, %llu operations",
                          sets[i]->isa, n, (unsigned long long)ops);
            ck_assert_msg(products % 8 == 0 && (n == 0 || products / n * n == products), "%s",
                          sets[i]->isa);
        }
}
END_TEST

/* The first round adds 0.001 to each chain's lanes, C's 1; later ones go on from there. */
START_TEST(test_float_operations)
{
    for (size_t i = 0; i < n_sets; i++) {
        uint64_t ops[3];
        float sum[3];
        for (size_t n = 0; n < 3; n++) {
            const uint32_t bits = (uint32_t)sets[i]->f32(n, &ops[n]);
            memcpy(&sum[n], &bits, sizeof(bits));
        }
        const double step = i == 0 ? 1 : 0.001, expected = step * (double)(ops[1] / 2);
        ck_assert_msg(ops[0] == 0 && ops[1] > 0 && ops[2] == 2 * ops[1], "%s", sets[i]->isa);
        ck_assert(sum[0] == 0);
        ck_assert_msg((double)sum[1] > 0.9999 * expected && (double)sum[1] < 1.0001 * expected,
                      "%s: %g, not %g", sets[i]->isa, (double)sum[1], expected);
        ck_assert_msg((double)sum[2] > 1.99 * expected && (double)sum[2] < 2.01 * expected, "%s",
                      sets[i]->isa);
    }
}
END_TEST

/* Each byte of the four streams, and none beside them. */
START_TEST(test_reads_all)
{
    enum { STRIDE = 512, N = 192 };
    uint8_t *p = aligned_alloc(64, 4 * STRIDE);
    ck_assert_ptr_nonnull(p);
    for (size_t i = 0; i < 4 * STRIDE; i++)
        p[i] = (uint8_t)(i * 7 + i / 64);
    for (size_t s = 0; s < n_sets; s++) {
        const uint64_t before = sets[s]->read(p, STRIDE, N);
        for (size_t i = 0; i < 4 * STRIDE; i++) {
            p[i] ^= 0x40;
            const uint64_t after = sets[s]->read(p, STRIDE, N);
            p[i] ^= 0x40;
            ck_assert_msg((before != after) == (i % STRIDE < N), "%s: byte %zu", sets[s]->isa, i);
        }
    }
    free(p);
}
END_TEST

START_TEST(test_none_without_its_flag)
{
    const struct aglm_roof_kernels *v[AGLM_ROOF_MAX_SETS];
    const uint32_t flags = aglm_isa_detect() & ~AGLM_ISA_AHEAD; /* no instruction set */
    ck_assert_uint_eq(aglm_roof_sets(v, 0), 1);
    ck_assert_str_eq(v[0]->isa, "c");
    for (uint32_t bit = 1; bit; bit <<= 1)
        if (flags & bit)
            ck_assert_uint_eq(aglm_roof_sets(v, flags & ~bit), aglm_roof_sets(v, flags) - 1);
#if defined(__x86_64__)
    ck_assert_uint_eq(aglm_roof_sets(v, ~0u), 4);
    ck_assert_uint_eq(aglm_roof_sets(v, AGLM_ISA_NEON), 1);
    ck_assert_uint_eq(aglm_roof_sets(v, AGLM_ISA_AVXVNNI), 2);
    ck_assert_str_eq(v[1]->isa, "avxvnni");
#elif defined(__aarch64__)
    ck_assert_uint_eq(aglm_roof_sets(v, ~0u), 4);
    ck_assert_uint_eq(aglm_roof_sets(v, AGLM_ISA_AVX2), 1);
#endif
}
END_TEST

int main(void)
{
    find_sets();
    Suite *suite = suite_create("roof");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, test_integer_operations);
    tcase_add_test(tc, test_float_operations);
    tcase_add_test(tc, test_reads_all);
    tcase_add_test(tc, test_none_without_its_flag);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
