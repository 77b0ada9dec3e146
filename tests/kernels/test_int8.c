/* INT8's kernels against their C reference bit for bit, and the reference against plain arithmetic;
 * ragged sizes, the largest values, guard bytes.
 */
#include "engine/int8.h"
#include "engine/kernels/kernels.h"
#include "engine/kernels/pack.h"
#include "tests/kernels/tables.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = AGLM_PANEL_ROWS, GUARD = 16 };

static uint32_t seed;
static uint32_t next_random(void)
{
    seed ^= seed << 13, seed ^= seed >> 17, seed ^= seed << 5;
    return seed;
}
static float next_float(void)
{
    return (float)((int32_t)next_random() >> 8) * 0x1p-22f;
}

static void *guarded(size_t bytes)
{
    uint8_t *p = aligned_alloc(64, (bytes + GUARD + 63) / 64 * 64);
    ck_assert_ptr_nonnull(p);
    memset(p + bytes, 0x5a, GUARD);
    return p;
}

static void check_guard(const void *p, size_t bytes)
{
    for (size_t i = 0; i < GUARD; i++)
        ck_assert_uint_eq(((const uint8_t *)p)[bytes + i], 0x5a);
}

struct problem {
    size_t k, n_rows, n_panels, n_tokens;
    int8_t *rows; /* [n_rows, k] */
    float *row_scale;
    uint8_t *packed;
    int8_t *q;    /* [n_tokens, k] */
    float *scale; /* [n_tokens, k / 32] */
    int16_t *sum; /* [n_tokens, k / 16] */
};

/* fill 0: any values; 1: the largest magnitudes there are, signs so that all products agree. */
static void make(struct problem *p, size_t k, size_t n_rows, size_t n_tokens, int fill)
{
    *p = (struct problem){.k = k, .n_rows = n_rows, .n_tokens = n_tokens};
    p->n_panels = (n_rows + ROWS - 1) / ROWS;
    p->rows = malloc(n_rows * k);
    p->row_scale = malloc(n_rows * sizeof(float));
    p->packed = guarded(p->n_panels * aglm_panel_bytes(AGLM_INT8, k));
    p->q = malloc(n_tokens * k);
    p->scale = calloc(n_tokens * (k / 32), sizeof(float));
    p->sum = calloc(n_tokens * (k / 16), sizeof(int16_t));
    for (size_t i = 0; i < n_rows * k; i++)
        p->rows[i] = (int8_t)(fill ? -127 : (int)(next_random() % 255) - 127);
    for (size_t i = 0; i < n_tokens * k; i++) {
        p->q[i] = (int8_t)(fill ? -128 : (int)(next_random() % 256) - 128);
        p->sum[i / 16] = (int16_t)(p->sum[i / 16] + p->q[i]);
    }
    for (size_t i = 0; i < n_rows; i++)
        p->row_scale[i] = fabsf(next_float()) + 0.01f;
    for (size_t t = 0; t < n_tokens; t++)
        p->scale[t * (k / 32)] = fabsf(next_float()) + 0.01f;
    for (size_t panel = 0; panel < p->n_panels; panel++) {
        const int8_t *row[ROWS];
        float scale[ROWS];
        for (size_t r = 0; r < ROWS; r++) {
            size_t at = panel * ROWS + r;
            row[r] = at < n_rows ? p->rows + at * k : NULL;
            scale[r] = at < n_rows ? p->row_scale[at] : NAN;
        }
        aglm_pack_int8(p->packed + panel * aglm_panel_bytes(AGLM_INT8, k), row, scale, k);
    }
    check_guard(p->packed, p->n_panels * aglm_panel_bytes(AGLM_INT8, k));
}

static void finish(struct problem *p)
{
    free(p->rows), free(p->row_scale), free(p->packed), free(p->q), free(p->scale), free(p->sum);
}

static const struct {
    size_t k, rows, tokens;
    int fill;
} SHAPES[] = {{32, 1, 1, 0},   {32, 16, 3, 0},   {64, 17, 13, 0},  {96, 80, 1, 0},
              {160, 33, 5, 0}, {288, 15, 25, 0}, {2048, 70, 1, 1}, {2048, 31, 4, 1}};

START_TEST(test_product)
{
    struct problem p;
    seed = 77 + (uint32_t)_i;
    make(&p, SHAPES[_i].k, SHAPES[_i].rows, SHAPES[_i].tokens, SHAPES[_i].fill);
    const struct aglm_acts acts = {NULL, p.q, p.scale, p.sum};
    const size_t ld = p.n_panels * ROWS + 3, bytes = (p.n_tokens - 1) * ld * 4 + (ld - 3) * 4;
    float *expected = guarded(bytes), *out = guarded(bytes);
    void *scratch = aligned_alloc(64, (aglm_matmul_scratch(p.k) + 63) / 64 * 64);
    reference.matmul[AGLM_INT8](expected, ld, p.packed, &acts, p.k, p.n_panels, p.n_tokens,
                                scratch);
    for (size_t t = 0; t < p.n_tokens; t++)
        for (size_t r = 0; r < p.n_panels * ROWS; r++) {
            double sum = 0, scale = r < p.n_rows ? (double)p.row_scale[r] : 0;
            for (size_t i = 0; i < p.k && r < p.n_rows; i++)
                sum += (double)p.rows[r * p.k + i] * p.q[t * p.k + i];
            sum *= scale * (double)p.scale[t * (p.k / 32)];
            ck_assert_double_eq_tol((double)expected[t * ld + r], sum, fabs(sum) * 3e-7 + 1e-30);
        }
    for (int i = 0; i < n_tables; i++) {
        memset(out, 0xff, bytes);
        tables[i].k.matmul[AGLM_INT8](out, ld, p.packed, &acts, p.k, p.n_panels, p.n_tokens,
                                      scratch);
        for (size_t t = 0; t < p.n_tokens; t++)
            ck_assert_msg(!memcmp(out + t * ld, expected + t * ld, (ld - 3) * 4),
                          "%s differs at token %zu", tables[i].name, t);
        check_guard(out, bytes);
    }
    free(expected), free(out), free(scratch);
    finish(&p);
}
END_TEST

START_TEST(test_activations)
{
    enum { N = 96 };
    seed = 5 + (uint32_t)_i;
    for (int special = 0; special < 5; special++) {
        float x[N];
        for (size_t i = 0; i < N; i++)
            x[i] = special == 1 ? 0.0f : next_float() * 3;
        if (special == 2)
            x[50] = INFINITY;
        if (special == 3)
            x[50] = NAN;
        if (special == 4) /* ties and both ends */
            for (size_t i = 0; i < N; i++)
                x[i] = (float)(int)(i * 7 % 300) * 0.5f - 70.0f;
        const float fixed = _i == 0 ? 0.0f : _i == 1 ? 0.01f : 1.0f;
        int8_t q[2][N];
        int16_t sum[2][N / 16];
        for (int i = -1; i < n_tables; i++) {
            const struct aglm_kernels *k = i < 0 ? &reference : &tables[i].k;
            const int at = i >= 0;
            float scale = k->quantize_int8(q[at], sum[at], x, N, fixed);
            ck_assert(isnan(scale) == (special == 2 || special == 3));
            ck_assert_mem_eq(q[0], q[at], N);
            ck_assert_mem_eq(sum[0], sum[at], sizeof(sum[0]));
            for (size_t j = 0; j < N && !isnan(scale) && scale > 0; j++) {
                double v = nearbyint((double)(x[j] / scale));
                v = v > 127 ? 127 : v < -128 ? -128 : v;
                ck_assert_int_eq(q[at][j], (int)v);
            }
            for (size_t j = 0; j < N / 16; j++) {
                int total = 0;
                for (size_t c = 0; c < 16; c++)
                    total += q[at][j * 16 + c];
                ck_assert_int_eq(sum[at][j], total);
            }
        }
    }
}
END_TEST

int main(void)
{
    find_tables("INT8");
    Suite *suite = suite_create("int8");
    TCase *tc = tcase_create("int8");
    tcase_set_timeout(tc, 300);
    tcase_add_loop_test(tc, test_product, 0, (int)(sizeof(SHAPES) / sizeof(*SHAPES)));
    tcase_add_loop_test(tc, test_activations, 0, 3);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
