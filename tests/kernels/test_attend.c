/* Attention and the rows of the KV cache: every instruction set, every pair of cache types.
 *
 * Attention must lie within NMSE 1e-10 of attention in double precision over the dequantized cache
 * (measured: below 1e-11), give a token the same bits alone and among others, and read no row that
 * the token may not see: what lies beyond is NaN here. Stored rows must equal the type's from_float
 * byte for byte.
 */
#include "engine/kernels/kernels.h"
#include "probes/isa.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GUARD = 64, MAX_TABLES = 8 };
static const double NMSE = 1e-10;
static const enum aglm_dtype CACHE[] = {AGLM_F16, AGLM_Q8_0, AGLM_Q4_0};

static struct aglm_kernels tables[MAX_TABLES];
static int n_tables;

/* Sets that share another's functions (Arm's all do) are said, but not run again. */
static void find_tables(void)
{
    static const char *const ISA[] = {"c", "avx2", "avxvnni", "avx512", "neon", "dotprod", "i8mm"};
    int said = 0;
    printf("attention checked beside the C reference:");
    for (size_t i = 0; i < sizeof(ISA) / sizeof(*ISA); i++) {
        struct aglm_kernels *k = &tables[n_tables];
        if (aglm_kernels_select(k, ISA[i], aglm_isa_detect(), NULL) != 0)
            continue;
        if (i > 0)
            printf("%s %s", said++ ? "," : "", ISA[i]);
        if (n_tables == 0 || k[-1].attend != k->attend || k[-1].kv_store != k->kv_store)
            n_tables++;
    }
    printf("%s\n", said ? "" : " none");
    fflush(stdout); /* Check forks */
}

static uint32_t seed;
static float next_float(void)
{
    seed ^= seed << 13, seed ^= seed >> 17, seed ^= seed << 5;
    return (float)((int32_t)seed >> 8) * 0x1p-22f; /* -2 … 2 */
}

struct problem {
    struct aglm_attend a;
    size_t n_rows, out_floats;
    float *q, *out;
    uint8_t *k, *v;
};

/* Rows of random values in the cache's type; those after the last that any token sees are 0xff. */
static uint8_t *random_cache(enum aglm_dtype type, size_t n_rows, size_t dim)
{
    const size_t bytes = aglm_kv_row_bytes(type, dim), spare = 40;
    uint8_t *cache = malloc((n_rows + spare) * bytes);
    float *row = malloc(dim * sizeof(*row));
    memset(cache, 0xff, (n_rows + spare) * bytes);
    for (size_t p = 0; p < n_rows; p++) {
        for (size_t i = 0; i < dim; i++)
            row[i] = next_float();
        tables[0].kv_store(cache + p * bytes, row, dim, type);
    }
    free(row);
    return cache;
}

static void problem_init(struct problem *x, size_t n_tokens, size_t n_q, size_t dim, size_t n_pos,
                         enum aglm_dtype type_k, enum aglm_dtype type_v)
{
    x->n_rows = n_pos + n_tokens - 1;
    x->a = (struct aglm_attend){.n_q = n_q,
                                .head_dim = dim,
                                .n_pos = n_pos,
                                .type_k = type_k,
                                .type_v = type_v,
                                .n_tokens = n_tokens,
                                .ld_q = n_q * dim + 5,
                                .ld_out = n_q * dim + 3};
    x->out_floats = n_tokens * x->a.ld_out + GUARD;
    x->q = malloc(n_tokens * x->a.ld_q * sizeof(float));
    x->out = malloc(x->out_floats * sizeof(float));
    for (size_t i = 0; i < n_tokens * x->a.ld_q; i++)
        x->q[i] = next_float() * (i % 3 ? 0.5f : 2.0f);
    x->k = random_cache(type_k, x->n_rows, dim);
    x->v = random_cache(type_v, x->n_rows, dim);
    x->a.q = x->q, x->a.k = x->k, x->a.v = x->v, x->a.out = x->out;
}

static void problem_finish(struct problem *x)
{
    free(x->q), free(x->out), free(x->k), free(x->v);
}

static float *floats_of(const uint8_t *cache, enum aglm_dtype type, size_t n)
{
    float *f = malloc(n * sizeof(*f));
    aglm_dtype_get(type)->to_float(f, cache, n);
    return f;
}

/* One head in double; k, v: [end, dim]. */
static void exact_head(double *out, const float *q, const float *k, const float *v, size_t dim,
                       size_t first, size_t end)
{
    double *s = malloc(end * sizeof(*s)), max = -INFINITY, total = 0;
    for (size_t p = first; p < end; p++) {
        s[p] = 0;
        for (size_t i = 0; i < dim; i++)
            s[p] += (double)q[i] * (double)k[p * dim + i];
        max = s[p] > max ? s[p] : max;
    }
    for (size_t p = first; p < end; p++)
        total += s[p] = exp(s[p] - max);
    for (size_t i = 0; i < dim; i++) {
        out[i] = 0;
        for (size_t p = first; p < end; p++)
            out[i] += s[p] / total * (double)v[p * dim + i];
    }
    free(s);
}

static void check_against_double(const struct problem *x, const char *isa)
{
    const struct aglm_attend *a = &x->a;
    const size_t dim = a->head_dim;
    float *k = floats_of(x->k, a->type_k, x->n_rows * dim);
    float *v = floats_of(x->v, a->type_v, x->n_rows * dim);
    double *expected = malloc(dim * sizeof(*expected)), error = 0, size = 0;
    for (size_t t = 0; t < a->n_tokens; t++)
        for (size_t h = 0; h < a->n_q; h++) {
            const size_t end = a->n_pos + t;
            const size_t first = a->window && end > a->window ? end - a->window : 0;
            exact_head(expected, a->q + t * a->ld_q + h * dim, k, v, dim, first, end);
            for (size_t i = 0; i < dim; i++) {
                double e = (double)a->out[t * a->ld_out + h * dim + i] - expected[i];
                error += e * e;
                size += expected[i] * expected[i];
            }
        }
    ck_assert_msg(error <= NMSE * size,
                  "%s, keys %s, values %s, %zu tokens, %zu heads of %zu, %zu positions, window "
                  "%zu: NMSE %g",
                  isa, aglm_dtype_get(a->type_k)->name, aglm_dtype_get(a->type_v)->name,
                  a->n_tokens, a->n_q, dim, a->n_pos, a->window, error / size);
    free(k), free(v), free(expected);
}

/* What lies between and after the tokens' outputs is untouched. */
static void check_guard(const struct problem *x, float guard)
{
    const struct aglm_attend *a = &x->a;
    for (size_t t = 0; t < a->n_tokens; t++)
        for (size_t i = a->n_q * a->head_dim; i < a->ld_out; i++)
            ck_assert(x->out[t * a->ld_out + i] == guard);
    for (size_t i = a->n_tokens * a->ld_out; i < x->out_floats; i++)
        ck_assert(x->out[i] == guard);
}

static const size_t SHAPES[][5] = {
    /* tokens, heads, head_dim, positions, window */
    {1, 1, 32, 1, 0},     {1, 2, 64, 15, 0},    {1, 3, 96, 17, 0},   {1, 4, 128, 31, 0},
    {1, 5, 64, 32, 0},    {1, 6, 128, 33, 0},   {1, 7, 64, 257, 0},  {1, 8, 256, 65, 0},
    {1, 16, 128, 40, 0},  {1, 65, 32, 50, 0},   {1, 4, 256, 100, 0}, {1, 2, 512, 9, 0},
    {1, 1, 544, 7, 0},    {2, 4, 128, 1, 0},    {7, 3, 64, 30, 0},   {33, 4, 32, 1, 0},
    {40, 2, 64, 60, 0},   {1, 4, 64, 100, 31},  {5, 4, 64, 70, 33},  {40, 3, 64, 1, 17},
    {9, 1, 256, 64, 1},   {1, 4, 64, 64, 0},    {1, 4, 64, 65, 0},   {1, 8, 64, 127, 0},
    {1, 9, 128, 129, 0},  {1, 7, 96, 191, 0},   {1, 16, 64, 200, 0}, {17, 4, 64, 48, 0},
    {16, 7, 96, 113, 0},  {3, 5, 256, 126, 0},  {64, 1, 128, 65, 0}, {1, 4, 96, 300, 65},
    {30, 2, 64, 150, 64}, {9, 6, 32, 250, 129},
};
/* F16 heads of any length. */
static const size_t RAGGED[][5] = {
    {1, 4, 80, 33, 0},   {3, 2, 72, 20, 0},  {1, 2, 20, 3, 0},   {1, 3, 33, 8, 0},
    {1, 8, 7, 33, 0},    {1, 5, 8, 17, 0},   {2, 1, 104, 31, 5}, {20, 4, 80, 55, 0},
    {1, 7, 112, 130, 9}, {5, 8, 48, 128, 0}, {1, 3, 16, 65, 0},  {2, 9, 240, 64, 0},
};

static void check_shape(const size_t shape[5], enum aglm_dtype type_k, enum aglm_dtype type_v)
{
    struct problem x;
    problem_init(&x, shape[0], shape[1], shape[2], shape[3], type_k, type_v);
    x.a.window = shape[4];
    for (int i = 0; i < n_tables; i++) {
        for (size_t j = 0; j < x.out_floats; j++)
            x.out[j] = 4321.0f;
        tables[i].attend(&x.a);
        check_against_double(&x, tables[i].isa);
        check_guard(&x, 4321.0f);
    }
    problem_finish(&x);
}

START_TEST(test_attend)
{
    for (size_t s = 0; s < sizeof(SHAPES) / sizeof(*SHAPES); s++) {
        seed = (uint32_t)(s * 9 + (size_t)_i + 1);
        check_shape(SHAPES[s], CACHE[_i / 3], CACHE[_i % 3]);
    }
}
END_TEST

START_TEST(test_attend_ragged_heads)
{
    for (size_t s = 0; s < sizeof(RAGGED) / sizeof(*RAGGED); s++) {
        seed = (uint32_t)s + 77;
        check_shape(RAGGED[s], AGLM_F16, AGLM_F16);
    }
}
END_TEST

/* Like a cache, but the last row that a token may see is the last one there is: for sanitizers. */
static uint8_t *exact(const uint8_t *cache, size_t bytes)
{
    uint8_t *copy = malloc(bytes);
    memcpy(copy, cache, bytes);
    return copy;
}

START_TEST(test_attend_reads_no_further)
{
    for (size_t s = 0; s < sizeof(SHAPES) / sizeof(*SHAPES); s++) {
        const enum aglm_dtype k = CACHE[_i / 3], v = CACHE[_i % 3];
        struct problem x;
        seed = (uint32_t)s + 5;
        problem_init(&x, SHAPES[s][0], SHAPES[s][1], SHAPES[s][2], SHAPES[s][3], k, v);
        float *out = malloc(x.out_floats * sizeof(float));
        for (int i = 0; i < n_tables; i++) {
            struct aglm_attend a = x.a;
            uint8_t *keys = exact(x.k, x.n_rows * aglm_kv_row_bytes(k, a.head_dim));
            uint8_t *values = exact(x.v, x.n_rows * aglm_kv_row_bytes(v, a.head_dim));
            tables[i].attend(&x.a);
            a.k = keys, a.v = values, a.out = out;
            tables[i].attend(&a);
            for (size_t t = 0; t < a.n_tokens; t++)
                ck_assert_mem_eq(out + t * a.ld_out, x.out + t * a.ld_out,
                                 a.n_q * a.head_dim * sizeof(float));
            free(keys), free(values);
        }
        free(out);
        problem_finish(&x);
    }
}
END_TEST

static const struct {
    size_t n_q, dim, n_pos, window;
    enum aglm_dtype type_k, type_v;
} AMONG[] = {
    {3, 64, 20, 0, AGLM_Q8_0, AGLM_F16},   {3, 64, 20, 37, AGLM_Q8_0, AGLM_F16},
    {3, 256, 20, 0, AGLM_Q8_0, AGLM_F16},  {3, 256, 20, 37, AGLM_Q8_0, AGLM_F16},
    {4, 64, 100, 0, AGLM_F16, AGLM_F16},   {1, 96, 90, 70, AGLM_F16, AGLM_Q8_0},
    {7, 128, 30, 0, AGLM_Q4_0, AGLM_Q4_0}, {8, 64, 60, 0, AGLM_Q8_0, AGLM_Q8_0},
    {9, 64, 120, 64, AGLM_F16, AGLM_Q4_0}, {16, 32, 31, 0, AGLM_Q4_0, AGLM_F16},
    {2, 512, 20, 0, AGLM_F16, AGLM_F16},   {5, 96, 40, 0, AGLM_Q8_0, AGLM_Q4_0},
};
enum { N_AMONG = sizeof(AMONG) / sizeof(*AMONG) };

/* A token among others has the bits it has alone, also when a later token's rows are broken. */
START_TEST(test_attend_alone_or_among_others)
{
    const size_t dim = AMONG[_i].dim, n_q = AMONG[_i].n_q;
    const enum aglm_dtype type_k = AMONG[_i].type_k, type_v = AMONG[_i].type_v;
    const size_t row_k = aglm_kv_row_bytes(type_k, dim), row_v = aglm_kv_row_bytes(type_v, dim);
    struct problem x;
    seed = 99;
    problem_init(&x, 50, n_q, dim, AMONG[_i].n_pos, type_k, type_v);
    x.a.window = AMONG[_i].window;
    memset(x.k + (x.n_rows - 1) * row_k, 0xff, row_k);
    memset(x.v + (x.n_rows - 1) * row_v, 0xff, row_v);
    float *alone = malloc(n_q * dim * sizeof(float));
    for (int i = 0; i < n_tables; i++) {
        tables[i].attend(&x.a);
        for (size_t t = 0; t < x.a.n_tokens; t++) {
            struct aglm_attend one = x.a;
            one.n_tokens = 1, one.n_pos = x.a.n_pos + t;
            one.q += t * x.a.ld_q, one.out = alone;
            tables[i].attend(&one);
            for (size_t j = 0; j < n_q * dim; j++) {
                const float among = x.out[t * x.a.ld_out + j];
                if (t == x.a.n_tokens - 1)
                    ck_assert(isnan(alone[j]) && isnan(among));
                else
                    ck_assert_msg(memcmp(&alone[j], &among, 4) == 0, "%s, token %zu, %zu: %g, %g",
                                  tables[i].isa, t, j, (double)alone[j], (double)among);
            }
        }
    }
    free(alone);
    problem_finish(&x);
}
END_TEST

/* Scores of thousands: all weight on one position. A broken query shows in every output. */
START_TEST(test_attend_extremes)
{
    enum { DIM = 64, POSITIONS = 100 };
    struct problem x;
    seed = 5;
    problem_init(&x, 1, 2, DIM, POSITIONS, AGLM_F16, AGLM_F16);
    for (size_t i = 0; i < 2 * DIM; i++)
        x.q[i] *= 20000.0f;
    for (int i = 0; i < n_tables; i++) {
        tables[i].attend(&x.a);
        check_against_double(&x, tables[i].isa);
    }
    x.q[DIM + 3] = NAN;
    for (int i = 0; i < n_tables; i++) {
        tables[i].attend(&x.a);
        for (size_t j = 0; j < DIM; j++)
            ck_assert(isfinite(x.out[j]) && isnan(x.out[DIM + j]));
    }
    problem_finish(&x);
}
END_TEST

enum { LONG = 256 };

static void fill_row(float *x, size_t n, int kind)
{
    static const float SPECIAL[] = {NAN, INFINITY, -INFINITY, 3e38f, 1e-38f, 70000.0f};
    for (size_t i = 0; i < n; i++)
        x[i] = next_float();
    if (kind < 6)
        x[n / 3] = SPECIAL[kind];
    for (size_t i = 0; i < n; i++)
        switch (kind) {
        case 6: /* ties of Q8_0: a scale of 1 */
            x[i] = i % 32 == 0 ? -127.0f : (float)(int)(i % 31) - 15.5f;
            break;
        case 7: /* ties of Q4_0: a scale of 1, both signs of the extreme */
            x[i] = i % 32 == 5 ? (i < 32 ? -8.0f : 8.0f) : (float)(int)(i % 16) - 7.5f;
            break;
        case 8:
            x[i] = i % 2 ? -0.0f : 0.0f;
            break;
        case 9: /* the extreme twice, signs apart: the first one counts */
            x[i] = i % 32 == 7 ? 1.5f : i % 32 == 20 ? -1.5f : 0.3f;
            break;
        case 10:
            x[i] *= 1e-41f;
            break;
        case 11:
            x[i] = NAN;
            break;
        default:
            break;
        }
}

START_TEST(test_kv_store)
{
    const enum aglm_dtype type = CACHE[_i];
    static const size_t DIMS[] = {32, 64, 96, 128, 256, 8, 20, 33, 80};
    float x[LONG];
    uint8_t row[LONG * 2 + GUARD], expected[LONG * 2 + GUARD];
    for (size_t d = 0; d < (type == AGLM_F16 ? 9 : 5); d++)
        for (int kind = 0; kind < 60; kind++) {
            seed = (uint32_t)(d * 100 + (size_t)kind + 1);
            fill_row(x, DIMS[d], kind);
            memset(expected, 0x5a, sizeof(expected));
            aglm_dtype_get(type)->from_float(expected, x, DIMS[d]);
            for (int i = 0; i < n_tables; i++) {
                memset(row, 0x5a, sizeof(row));
                tables[i].kv_store(row, x, DIMS[d], type);
                ck_assert_msg(memcmp(row, expected, sizeof(row)) == 0, "%s, %s, %zu, kind %d",
                              tables[i].isa, aglm_dtype_get(type)->name, DIMS[d], kind);
            }
        }
}
END_TEST

START_TEST(test_kv_row_bytes)
{
    ck_assert_uint_eq(aglm_kv_row_bytes(AGLM_F16, 80), 160);
    ck_assert_uint_eq(aglm_kv_row_bytes(AGLM_Q8_0, 128), 136);
    ck_assert_uint_eq(aglm_kv_row_bytes(AGLM_Q4_0, 64), 36);
}
END_TEST

int main(void)
{
    find_tables();
    Suite *suite = suite_create("attend");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 300);
    tcase_add_loop_test(tc, test_attend, 0, 9);
    tcase_add_test(tc, test_attend_ragged_heads);
    tcase_add_loop_test(tc, test_attend_reads_no_further, 0, 9);
    tcase_add_loop_test(tc, test_attend_alone_or_among_others, 0, N_AMONG);
    tcase_add_test(tc, test_attend_extremes);
    tcase_add_loop_test(tc, test_kv_store, 0, 3);
    tcase_add_test(tc, test_kv_row_bytes);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
