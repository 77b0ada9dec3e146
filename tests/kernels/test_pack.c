/* Packing of every type and instruction set against the C packer, byte for byte: any bits as rows,
 * at any address, ragged sizes, missing rows; nothing is read behind a row or written behind a
 * panel. */
#include "engine/kernels/kernels.h"
#include "engine/kernels/pack.h"
#include "probes/isa.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = AGLM_PANEL_ROWS, GUARD = 64, MAX_TABLES = 5, MARK = 0xa5 };

static struct aglm_kernels tables[MAX_TABLES];
static int n_tables;

static const enum aglm_dtype TYPES[] = {AGLM_F32,   AGLM_F16,  AGLM_BF16, AGLM_Q8_0, AGLM_Q4_0,
                                        AGLM_Q4_1,  AGLM_Q5_0, AGLM_Q5_1, AGLM_Q2_K, AGLM_IQ4_NL,
                                        AGLM_MXFP4, AGLM_Q3_K, AGLM_Q4_K, AGLM_Q5_K, AGLM_Q6_K};
enum { N_TYPES = sizeof(TYPES) / sizeof(*TYPES) };

static void find_tables(void)
{
    static const char *const ISAS[MAX_TABLES] = {"avx2", "avx512", "neon", "dotprod", "i8mm"};
    for (int i = 0; i < MAX_TABLES; i++)
        if (aglm_kernels_select(&tables[n_tables], ISAS[i], aglm_isa_detect(), NULL) == 0)
            n_tables++;
}

/* Sixteen rows in allocations of their exact size, so that a sanitizer sees a read behind one;
 * `missing`: a bit for each row that is left out. */
static void compare(enum aglm_dtype type, size_t k, uint32_t missing)
{
    static uint32_t random = 0x2545f491u;
    unsigned elements = 1, block = 0;
    ck_assert_int_eq(aglm_dtype_block(type, &elements, &block), 0);
    const size_t row_bytes = k / elements * block, bytes = aglm_panel_bytes(type, k);
    uint8_t *memory[ROWS], *expected = aligned_alloc(64, (bytes + GUARD + 63) / 64 * 64);
    uint8_t *packed = aligned_alloc(64, (bytes + GUARD + 63) / 64 * 64);
    const void *rows[ROWS];
    for (size_t r = 0; r < ROWS; r++) {
        memory[r] = malloc(row_bytes + r % 3);
        for (size_t i = 0; i < row_bytes; i++) {
            random ^= random << 13, random ^= random >> 17, random ^= random << 5;
            memory[r][r % 3 + i] = (uint8_t)(random >> 9);
        }
        rows[r] = missing >> r & 1 ? NULL : memory[r] + r % 3;
    }
    memset(expected, MARK, bytes + GUARD);
    aglm_pack_panel(type, expected, rows, k);
    for (int t = 0; t < n_tables; t++) {
        memset(packed, MARK, bytes + GUARD);
        tables[t].pack(type, packed, rows, k);
        size_t i = 0;
        while (i < bytes + GUARD && packed[i] == expected[i])
            i++;
        ck_assert_msg(i == bytes + GUARD, "%s with %s, %zu columns: byte %zu of %zu",
                      aglm_dtype_get((uint32_t)type)->name, tables[t].isa, k, i, bytes);
    }
    for (size_t r = 0; r < ROWS; r++)
        free(memory[r]);
    free(expected);
    free(packed);
}

START_TEST(test_pack_equals_reference)
{
    const struct aglm_dtype_info *type = aglm_dtype_get((uint32_t)TYPES[_i]);
    static const size_t BLOCKS[] = {1, 2, 3, 8, 17};
    for (size_t i = 0; i < sizeof(BLOCKS) / sizeof(*BLOCKS); i++) {
        compare(type->type, type->quantized ? BLOCKS[i] * type->block_elements : BLOCKS[i] * 7, 0);
        compare(type->type, BLOCKS[i] * 256, 0);
    }
}
END_TEST

START_TEST(test_missing_rows_are_zero)
{
    compare(TYPES[_i], 256, 0x8000);
    compare(TYPES[_i], 256, 0xfffe);
}
END_TEST

int main(void)
{
    find_tables();
    printf("packing checked against the C packer:");
    for (int i = 0; i < n_tables; i++)
        printf("%s %s", i ? "," : "", tables[i].isa);
    printf("%s\n", n_tables ? "" : " none");
    Suite *suite = suite_create("pack");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 300);
    tcase_add_loop_test(tc, test_pack_equals_reference, 0, N_TYPES);
    tcase_add_loop_test(tc, test_missing_rows_are_zero, 0, N_TYPES);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
