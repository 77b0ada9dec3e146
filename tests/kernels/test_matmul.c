/* Matrix products of every type and instruction set against the C reference, bit for bit, on ragged
 * sizes, with any bits as weights, with the largest magnitudes, and with guard bytes around the
 * output and the scratch; the reference against the dequantized rows in double.
 *
 * Which tables there are: tables.h.
 */
#include "engine/kernels/acts.h"
#include "engine/kernels/kernels.h"
#include "engine/kernels/pack.h"
#include "probes/isa.h"
#include "tests/kernels/tables.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = AGLM_PANEL_ROWS, GUARD = 64 };

static uint32_t seed;
static uint32_t next_random(void)
{
    seed ^= seed << 13, seed ^= seed >> 17, seed ^= seed << 5;
    return seed;
}
static float next_float(void)
{
    return (float)((int32_t)next_random() >> 8) * 0x1p-22f; /* -2 … 2 */
}

static void *aligned(size_t n)
{
    void *p = aligned_alloc(64, (n + 63) / 64 * 64);
    ck_assert_ptr_nonnull(p);
    return p;
}

/* Where a block holds its F16 scales; -1 where it has no such one. */
static const struct {
    enum aglm_dtype type;
    int scale, min;
} TYPES[] = {
    {AGLM_F32, -1, -1},   {AGLM_F16, -1, -1},   {AGLM_BF16, -1, -1},  {AGLM_Q8_0, 0, -1},
    {AGLM_Q4_0, 0, -1},   {AGLM_Q4_1, 0, 2},    {AGLM_Q5_0, 0, -1},   {AGLM_Q5_1, 0, 2},
    {AGLM_IQ4_NL, 0, -1}, {AGLM_MXFP4, -1, -1}, {AGLM_Q2_K, 80, 82},  {AGLM_Q3_K, 108, -1},
    {AGLM_Q4_K, 0, 2},    {AGLM_Q5_K, 0, 2},    {AGLM_Q6_K, 208, -1},
};
enum { N_TYPES = sizeof(TYPES) / sizeof(*TYPES), FIRST_QUANTIZED = 3 };

/* How the bytes of a block that are no scale are filled. */
enum fill { ANY_BITS, ALL_ZERO, ALL_ONES, HIGH_BITS, LOW_BITS, N_FILLS };

static void fill_bytes(uint8_t *dst, size_t n, enum fill fill)
{
    static const int BYTE[] = {0, 0x00, 0xff, 0x88, 0x77};
    for (size_t i = 0; i < n; i++)
        dst[i] = fill == ANY_BITS ? (uint8_t)(next_random() >> 11) : (uint8_t)BYTE[fill];
}

static void put_half(uint8_t *dst, float f)
{
    uint16_t h = aglm_float_to_half(f);
    memcpy(dst, &h, 2);
}

/* A row of random blocks: any bits but the scales, which are small finite numbers. */
static void random_row(uint8_t *row, size_t t, size_t k, enum fill fill)
{
    const struct aglm_dtype_info *type = aglm_dtype_get(TYPES[t].type);
    const size_t n = k / type->block_elements;
    const bool tiny = next_random() % 4 == 0; /* all of a row, or larger ones would hide them */
    fill_bytes(row, n * type->block_bytes, fill);
    for (size_t b = 0; b < n; b++) {
        uint8_t *block = row + b * type->block_bytes;
        /* The least code meets the extreme scales, which follow 4 and 2 bits of each code. */
        if (TYPES[t].type == AGLM_Q6_K && fill == ALL_ZERO)
            memset(block + 192, b % 2 ? 0x80 : 0x7f, 16);
        float f = next_float();
        uint16_t brain = aglm_float_to_bf16(f);
        if (type->type == AGLM_F32)
            memcpy(block, &f, 4);
        else if (type->type == AGLM_F16)
            put_half(block, f);
        else if (type->type == AGLM_BF16)
            memcpy(block, &brain, 2);
        else if (type->type == AGLM_MXFP4) /* 2^-128 and 2^-127 too, which are subnormal */
            block[0] = (uint8_t)(tiny ? next_random() % 3 : 118 + next_random() % 12);
        if (TYPES[t].scale >= 0)
            put_half(block + TYPES[t].scale, b % 7 == 6 ? f * 1e-6f : f * 0.01f);
        if (TYPES[t].min >= 0)
            put_half(block + TYPES[t].min, next_float() * 0.05f);
    }
}

struct product {
    size_t k, n_rows, n_panels, n_tokens, ld;
    const struct aglm_dtype_info *type;
    uint8_t *rows, *packed;
    float *x, *out, *expected;
    int8_t *q;
    float *scale;
    int16_t *sum;
    uint8_t *scratch;
};

static void pack_rows(struct product *p, size_t row_bytes)
{
    const size_t panel = aglm_panel_bytes(p->type->type, p->k);
    p->packed = aligned(p->n_panels * panel);
    for (size_t i = 0; i < p->n_panels; i++) {
        const void *rows[ROWS];
        for (size_t r = 0; r < ROWS; r++)
            rows[r] = i * ROWS + r < p->n_rows ? p->rows + (i * ROWS + r) * row_bytes : NULL;
        aglm_pack_panel(p->type->type, p->packed + i * panel, rows, p->k);
    }
}

static void product_init(struct product *p, size_t t, size_t k, size_t n_rows, size_t n_tokens,
                         enum fill fill)
{
    p->type = aglm_dtype_get(TYPES[t].type);
    ck_assert_ptr_nonnull(p->type);
    p->k = k, p->n_rows = n_rows, p->n_tokens = n_tokens;
    p->n_panels = (n_rows + ROWS - 1) / ROWS;
    p->ld = p->n_panels * ROWS + 3;
    size_t row_bytes = k / p->type->block_elements * p->type->block_bytes;
    p->rows = malloc(n_rows * row_bytes);
    for (size_t r = 0; r < n_rows; r++)
        random_row(p->rows + r * row_bytes, t, k, fill);
    pack_rows(p, row_bytes);
    size_t padded = (k + 31) / 32 * 32;
    p->x = malloc(n_tokens * k * sizeof(float));
    p->q = malloc(n_tokens * padded);
    p->scale = malloc(n_tokens * padded / 32 * sizeof(float));
    p->sum = malloc(n_tokens * padded / 16 * sizeof(int16_t));
    /* Tokens of all sizes; blocks whose scales have all four mantissas. */
    static const int SIZE[] = {0, -25, 20, -70, 3};
    for (size_t i = 0; i < n_tokens * k; i++) {
        const size_t token = i / k, block = i % k / 32;
        p->x[i] = next_float() * ldexpf(1 + (float)((block + token) % 4) * 0.25f, SIZE[token % 5]);
    }
    /* The extremes too: a block of the largest codes meets whatever the weights hold. */
    for (size_t i = 0; i < 32 && i < k; i++)
        p->x[i] = i % 2 ? 2.0f : -2.0f;
    const size_t block = aglm_act_block(p->type->type);
    for (size_t i = 0; block && i < n_tokens; i++)
        reference.quantize(p->q + i * k, p->scale + i * (k / 32), p->sum + i * (k / 16),
                           p->x + i * k, k, block);
    p->out = malloc((n_tokens * p->ld + GUARD) * sizeof(float));
    p->expected = malloc((n_tokens * p->ld + GUARD) * sizeof(float));
    p->scratch = aligned(aglm_matmul_scratch(k) + GUARD);
    memset(p->scratch + aglm_matmul_scratch(k), 0x5a, GUARD);
}

static void product_finish(struct product *p)
{
    for (size_t i = 0; i < GUARD; i++)
        ck_assert_uint_eq(p->scratch[aglm_matmul_scratch(p->k) + i], 0x5a);
    free(p->rows), free(p->packed), free(p->x), free(p->q), free(p->scale), free(p->sum);
    free(p->out), free(p->expected), free(p->scratch);
}

static void multiply(const struct product *p, const struct aglm_kernels *k, float *out)
{
    const struct aglm_acts acts = {p->x, p->q, p->scale, p->sum};
    for (size_t i = 0; i < p->n_tokens * p->ld + GUARD; i++)
        out[i] = 12345.0f;
    k->matmul[p->type->type](out, p->ld, p->packed, &acts, p->k, p->n_panels, p->n_tokens,
                             p->scratch);
}

static void check_tables(const struct product *p, const char *what)
{
    multiply(p, &reference, p->expected);
    for (int i = 0; i < n_tables; i++) {
        multiply(p, &tables[i].k, p->out);
        ck_assert_msg(memcmp(p->out, p->expected, (p->n_tokens * p->ld + GUARD) * sizeof(float)) ==
                          0,
                      "%s %s, %s: k %zu, rows %zu, tokens %zu", tables[i].name, p->type->name, what,
                      p->k, p->n_rows, p->n_tokens);
    }
}

static const size_t SHAPES[][3] = {/* k in blocks, rows, tokens */
                                   {1, 1, 1},   {1, 16, 1},  {2, 17, 1},  {3, 64, 1},  {5, 80, 1},
                                   {7, 100, 1}, {1, 16, 2},  {2, 33, 3},  {3, 48, 4},  {2, 31, 5},
                                   {4, 15, 7},  {1, 16, 12}, {3, 32, 13}, {2, 16, 15}, {2, 16, 17},
                                   {1, 17, 31}, {1, 49, 33}, {6, 16, 25}};

/* Float types take any number of columns: ragged ones here. */
static size_t columns(const struct aglm_dtype_info *type, size_t blocks)
{
    return type->quantized ? blocks * type->block_elements : blocks * 31 + blocks % 3;
}

START_TEST(test_matmul_equals_reference)
{
    for (size_t s = 0; s < sizeof(SHAPES) / sizeof(*SHAPES); s++) {
        struct product p;
        const size_t k = columns(aglm_dtype_get(TYPES[_i].type), SHAPES[s][0]);
        seed = 0x9e3779b9u + (uint32_t)(s * 31 + (size_t)_i);
        product_init(&p, (size_t)_i, k, SHAPES[s][1], SHAPES[s][2], ANY_BITS);
        check_tables(&p, "any bits");
        product_finish(&p);
    }
}
END_TEST

/* Rows longer than any chunk of columns, which end within one. */
START_TEST(test_matmul_long_rows)
{
    const struct aglm_dtype_info *type = aglm_dtype_get(TYPES[_i].type);
    const size_t k = !type->quantized              ? 2 * 1024 + 31
                     : type->block_elements == 256 ? 2048 + 256
                                                   : 2048 + 17 * 32;
    struct product p;
    seed = 0x51ed2701u + (uint32_t)_i;
    product_init(&p, (size_t)_i, k, 70, 9, ANY_BITS);
    check_tables(&p, "long rows");
    product_finish(&p);
}
END_TEST

/* Activations that are all zero, infinite or not a number: the same outputs are NaN, the others
 * have the same bits. */
START_TEST(test_matmul_odd_activations)
{
    enum { TOKENS = 8, K = 512 };
    static const float ODD[] = {NAN, INFINITY, -INFINITY, 0};
    struct product p;
    seed = 99;
    product_init(&p, (size_t)_i + FIRST_QUANTIZED, K, 49, TOKENS, ANY_BITS);
    const size_t block = aglm_act_block(p.type->type);
    for (size_t t = 0; t < TOKENS; t += 2) {
        for (size_t i = 0; i < 32; i++)
            p.x[t * K + 256 + i] = i == 7 || t == 6 ? ODD[t / 2] : p.x[t * K + 256 + i];
        reference.quantize(p.q + t * K, p.scale + t * (K / 32), p.sum + t * (K / 16), p.x + t * K,
                           K, block);
    }
    multiply(&p, &reference, p.expected);
    for (int i = 0; i < n_tables; i++) {
        multiply(&p, &tables[i].k, p.out);
        for (size_t j = 0; j < p.n_panels * ROWS * TOKENS; j++) {
            const size_t t = j / (p.n_panels * ROWS), at = t * p.ld + j % (p.n_panels * ROWS);
            ck_assert_msg(memcmp(&p.out[at], &p.expected[at], sizeof(float)) == 0 ||
                              (isnan(p.out[at]) && isnan(p.expected[at])),
                          "%s %s: token %zu", tables[i].name, p.type->name, t);
            ck_assert(isnan(p.expected[at]) == (t % 2 == 0 && t < 6));
        }
    }
    product_finish(&p);
}
END_TEST

/* The reference itself, against the dequantized rows in double. */
START_TEST(test_reference_is_the_dot_product)
{
    struct product p;
    seed = 4711;
    product_init(&p, (size_t)_i, columns(aglm_dtype_get(TYPES[_i].type), 3), 21, 3, ANY_BITS);
    multiply(&p, &reference, p.expected);
    float *row = malloc(p.k * sizeof(float));
    size_t row_bytes = p.k / p.type->block_elements * p.type->block_bytes;
    for (size_t r = 0; r < p.n_rows; r++) {
        p.type->to_float(row, p.rows + r * row_bytes, p.k);
        for (size_t t = 0; t < p.n_tokens; t++) {
            double dot = 0, size = 0;
            for (size_t i = 0; i < p.k; i++) {
                double x = (double)p.x[t * p.k + i];
                if (p.type->quantized)
                    x = (double)p.q[t * p.k + i] * (double)p.scale[(t * p.k + i) / 32];
                dot += (double)row[i] * x;
                size += fabs((double)row[i] * x);
            }
            ck_assert_msg(fabs((double)p.expected[t * p.ld + r] - dot) <= 1e-5 * size + 1e-30,
                          "%s row %zu: %g, not %g", p.type->name, r,
                          (double)p.expected[t * p.ld + r], dot);
        }
    }
    /* Padding rows are zero. */
    for (size_t r = p.n_rows; r < p.n_panels * ROWS; r++)
        ck_assert(p.expected[r] == 0.0f);
    free(row);
    product_finish(&p);
}
END_TEST

/* The largest activations of one sign. In blocks of 256 they sum to AGLM_ACT_PEAK: all about alike,
 * or eight of them as large as can be, two of every four columns. Returns their sum. */
static int16_t extreme_run(int8_t q[16], bool positive, bool of_256, bool pairs)
{
    int sum = 0;
    for (int i = 0; i < 16; i++) {
        const int alike = i < 15 ? 64 : AGLM_ACT_PEAK - 15 * 64;
        const int paired = i % 4 < 2 ? 127 : i == 15 ? AGLM_ACT_PEAK - 8 * 127 : 0;
        const int size = !of_256 ? 127 : pairs ? paired : alike;
        q[i] = (int8_t)(positive ? size : -size);
        sum += q[i];
    }
    return (int16_t)sum;
}

/* The largest magnitudes there are: no 16-bit sum may saturate and no 32-bit one overflow. */
START_TEST(test_extremes_do_not_saturate)
{
    enum { K = 512, TOKENS = 9 };
    static const int SIGNS[][2] = {{1, 1}, {-1, -1}, {1, -1}};
    for (enum fill fill = ANY_BITS; fill < N_FILLS; fill++)
        for (size_t a = 0; a < 6; a++)
            for (size_t n_tokens = 1; n_tokens <= TOKENS; n_tokens += TOKENS - 1) {
                struct product p;
                seed = 7;
                product_init(&p, (size_t)_i + FIRST_QUANTIZED, K, 80, n_tokens, fill);
                for (size_t i = 0; i < n_tokens * K / 16; i++)
                    p.sum[i] = extreme_run(p.q + i * 16, SIGNS[a % 3][i % 2] > 0,
                                           aglm_act_block(p.type->type) == 256, a >= 3);
                check_tables(&p, "extremes");
                product_finish(&p);
            }
}
END_TEST

/* Any subset of rows missing, nothing but the block's own bytes read: a row alone gives the same.
 */
START_TEST(test_rows_do_not_mix)
{
    struct product p, alone;
    seed = 99;
    product_init(&p, (size_t)_i, columns(aglm_dtype_get(TYPES[_i].type), 2), 16, 2, ANY_BITS);
    multiply(&p, &reference, p.expected);
    size_t row_bytes = p.k / p.type->block_elements * p.type->block_bytes;
    for (size_t r = 0; r < 16; r++) {
        alone = p;
        const void *rows[ROWS] = {NULL};
        rows[r] = p.rows + r * row_bytes;
        aglm_pack_panel(p.type->type, p.packed, rows, p.k);
        multiply(&alone, &reference, p.out);
        for (size_t i = 0; i < 16; i++)
            ck_assert(p.out[i] == (i == r ? p.expected[i] : 0.0f));
    }
    product_finish(&p);
}
END_TEST

int main(void)
{
    find_tables("matrix products");
    Suite *suite = suite_create("matmul");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 300);
    tcase_add_loop_test(tc, test_matmul_equals_reference, 0, N_TYPES);
    tcase_add_loop_test(tc, test_matmul_long_rows, 0, N_TYPES);
    tcase_add_loop_test(tc, test_matmul_odd_activations, 0, N_TYPES - FIRST_QUANTIZED);
    tcase_add_loop_test(tc, test_reference_is_the_dot_product, 0, N_TYPES);
    tcase_add_loop_test(tc, test_extremes_do_not_saturate, 0, N_TYPES - FIRST_QUANTIZED);
    tcase_add_loop_test(tc, test_rows_do_not_mix, 0, N_TYPES);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
