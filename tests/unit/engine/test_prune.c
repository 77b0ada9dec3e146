/* Pruning by magnitude: how many weights become 0, which ones, and that the others stay. */
#include "engine/quant/prune.h"

#include <check.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

START_TEST(known_rows)
{
    float row[] = {3, -1, 0.5f, -0.25f, 2, -4, 0, 1};
    static const float half[] = {3, 0, 0, 0, 2, -4, 0, 1};
    aglm_prune_row(row, 8, 0.5); /* of -1 and 1, which are as small, the first */
    ck_assert_mem_eq(row, half, sizeof(row));
    aglm_prune_row(row, 8, 0);
    ck_assert_mem_eq(row, half, sizeof(row));
    aglm_prune_row(row, 8, 1);
    for (size_t i = 0; i < 8; i++)
        ck_assert_float_eq(row[i], 0);
}
END_TEST

START_TEST(equals_and_shares)
{
    float row[100];
    static const double shares[] = {0.01, 0.29, 0.3, 0.57, 0.99};
    static const size_t zeros[] = {1, 29, 30, 57, 99};
    for (size_t s = 0; s < 5; s++) {
        for (size_t i = 0; i < 100; i++)
            row[i] = i % 2 ? 1 : -1;
        aglm_prune_row(row, 100, shares[s]);
        for (size_t i = 0; i < 100; i++)
            ck_assert_float_eq(row[i], i < zeros[s] ? 0 : i % 2 ? 1 : -1);
    }
}
END_TEST

static int compare(const void *a, const void *b)
{
    float x = fabsf(*(const float *)a), y = fabsf(*(const float *)b);
    return (x > y) - (x < y);
}

/* Against sorting, over magnitudes from subnormal to huge. */
START_TEST(random_rows)
{
    enum { N = 777 };
    float row[N], was[N], sorted[N];
    uint32_t state = 1;
    for (unsigned round = 0; round < 200; round++) {
        for (size_t i = 0; i < N; i++) {
            state = state * 1664525 + 1013904223;
            uint32_t bits = round % 2 ? state & 0xbf800000 : state; /* odd: many equals */
            bits = (bits & 0x7f800000) == 0x7f800000 ? bits & 0x80ffffff : bits;
            memcpy(&row[i], &bits, sizeof(bits));
        }
        memcpy(was, row, sizeof(row));
        memcpy(sorted, row, sizeof(row));
        qsort(sorted, N, sizeof(*sorted), compare);
        const size_t zeros = round * N / 200;
        aglm_prune_row(row, N, (double)zeros / N);
        size_t changed = 0, none = 0;
        for (size_t i = 0; i < N; i++) {
            none += was[i] == 0;
            if (row[i] == 0 && was[i] != 0) {
                changed++;
                ck_assert(fabsf(was[i]) <= fabsf(sorted[zeros - 1]));
            } else {
                ck_assert_mem_eq(&row[i], &was[i], sizeof(*row) * (was[i] != 0));
            }
        }
        ck_assert_uint_eq(changed, zeros > none ? zeros - none : 0);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("prune");
    TCase *tc = tcase_create("prune");
    tcase_add_test(tc, known_rows);
    tcase_add_test(tc, equals_and_shares);
    tcase_add_test(tc, random_rows);
    suite_add_tcase(s, tc);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
