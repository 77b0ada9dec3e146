/* Every kernel but matrix products (test_matmul.c) and attention (test_attend.c), of every
 * instruction set, against the C reference, on ragged sizes, with guard bytes around outputs.
 *
 * Quantization, conversion, add, SiLU and GELU must be equal bit for bit; the norm within a
 * tolerance. Which tables there are: tables.h.
 */
#include "engine/kernels/acts.h"
#include "engine/kernels/kernels.h"
#include "probes/isa.h"
#include "tests/kernels/tables.h"

#include <check.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GUARD = 64 };

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

static const size_t LENGTHS[] = {1, 7, 8, 15, 16, 17, 31, 32, 33, 64, 100, 257};
enum { LONGEST = 257 };

START_TEST(test_quantize)
{
    enum { LONG = 768 };
    static const float SPECIAL[] = {0.5f, NAN, INFINITY, -INFINITY, 1e-38f, 3e38f};
    float x[LONG], scale[2][LONG / 32];
    int8_t q[2][LONG + GUARD];
    int16_t sum[2][LONG / 16];
    size_t block = _i ? 256 : 32;
    for (size_t n = block; n <= (_i ? LONG : 256); n += block)
        for (int special = 0; special < 6; special++) {
            seed = (uint32_t)(n * 7 + (size_t)special + 1);
            for (size_t i = 0; i < n; i++)
                x[i] = special == 4 ? SPECIAL[4] * (float)i : next_float();
            x[n - 3] = SPECIAL[special];
            memset(q, 77, sizeof(q));
            reference.quantize(q[0], scale[0], sum[0], x, n, block);
            for (int i = 0; i < n_tables; i++) {
                tables[i].k.quantize(q[1], scale[1], sum[1], x, n, block);
                ck_assert_mem_eq(q[0], q[1], sizeof(q[0]));
                ck_assert_mem_eq(sum[0], sum[1], n / 16 * 2);
                for (size_t b = 0; b < n / 32; b++)
                    ck_assert(scale[0][b] == scale[1][b] ||
                              (isnan(scale[0][b]) && isnan(scale[1][b])));
            }
            for (size_t i = 0; i < n; i++) {
                float s = scale[0][i / 32];
                bool broken = i / block == n / block - 1 && special >= 1 && special <= 3;
                ck_assert(broken == (bool)isnan(s));
                ck_assert(s == scale[0][i / block * (block / 32)] || broken);
                ck_assert(broken || fabsf(x[i] - (float)q[0][i] * s) <= s * 0.5001f + 1e-30f);
            }
        }
}
END_TEST

/* A block of 32's scale has three significant bits and its largest code uses them: for largest
 * values all over an octave, and beside every step. */
START_TEST(test_quantize_quarters)
{
    enum { STEPS = 4096 };
    for (int i = 0; i < STEPS + 16; i++) {
        float x[32], scale = 0;
        int8_t q[32];
        int16_t sum[2];
        const float step = 127.4f * (1 + (float)(i % 4) * 0.25f);
        const float max = i < STEPS       ? 100.0f * (1 + (float)i / STEPS)
                          : i < STEPS + 8 ? nextafterf(step, 0)
                                          : nextafterf(step, 1000);
        for (int j = 0; j < 32; j++)
            x[j] = next_float() * 50;
        x[i % 32] = i / 4 % 2 ? max : -max;
        reference.quantize(q, &scale, sum, x, 32, 32);
        uint32_t bits;
        memcpy(&bits, &scale, 4);
        ck_assert_uint_eq(bits & ((1u << 21) - 1), 0);
        ck_assert(abs(q[i % 32]) >= 102);
        ck_assert(abs(q[i % 32]) <= 127);
        for (int j = 0; j < 32; j++)
            ck_assert(fabsf(x[j] - (float)q[j] * scale) <= scale * 0.50001f);
    }
}
END_TEST

/* Of a block of 256, 16 neighbours' codes never sum to more than AGLM_ACT_PEAK, whatever their
 * shape; and where they would not, its largest value has the largest code. part: of 16 neighbours
 * as large as the largest, in 1024ths. */
START_TEST(test_quantize_peak)
{
    float x[256], scale[8];
    int8_t q[256];
    int16_t sum[16];
    seed = 5;
    for (int part = 0; part <= 1024; part++) {
        for (int i = 0; i < 256; i++)
            x[i] = i / 16 == part % 16 && i != 40 ? (float)part / 1024 : next_float() / 8;
        for (int i = 0; i < 256; i += part % 3 + 1)
            x[i] = -x[i];
        x[40] = 1;
        for (int t = -1; t < n_tables; t++) {
            (t < 0 ? &reference : &tables[t].k)->quantize(q, scale, sum, x, 256, 256);
            const int peak = aglm_act_peak(q);
            ck_assert_msg(peak <= AGLM_ACT_PEAK, "%d of 1024: %d", part, peak);
            ck_assert(peak >= 990 || scale[0] == 1.0f / 127.0f);
            ck_assert(q[40] == 127 || part > 480);
            for (int i = 0; i < 256; i++)
                ck_assert(fabsf(x[i] - (float)q[i] * scale[0]) <= scale[0] * 0.5001f);
        }
    }
}
END_TEST

/* The least scale of a block of 32, which is not 0, is that of zeros and of very small numbers. */
START_TEST(test_quantize_least)
{
    static const float LARGEST[] = {0, 1e-45f, 1e-38f, 1e-31f};
    for (size_t i = 0; i < sizeof(LARGEST) / sizeof(*LARGEST); i++) {
        float x[32] = {0}, scale = 0;
        int8_t q[32];
        int16_t sum[2];
        x[5] = LARGEST[i];
        for (int t = -1; t < n_tables; t++) {
            const struct aglm_kernels *k = t < 0 ? &reference : &tables[t].k;
            k->quantize(q, &scale, sum, x, 32, 32);
            ck_assert(scale == 0x1p-100f && q[5] == 0);
        }
    }
}
END_TEST

START_TEST(test_elementwise_exact)
{
    size_t n = LENGTHS[_i];
    float a[LONGEST], b[LONGEST], out[2][LONGEST + GUARD];
    uint16_t half[2][LONGEST + GUARD];
    seed = (uint32_t)n;
    for (size_t i = 0; i < n; i++) {
        a[i] = next_float() * (i % 5 == 0 ? 60.0f : 2.0f);
        b[i] = next_float() * (i % 7 == 0 ? 40000.0f : 1.0f);
    }
    for (int t = 0; t < n_tables; t++) {
        memset(out, 0x55, sizeof(out));
        reference.silu_mul(out[0], a, b, n);
        tables[t].k.silu_mul(out[1], a, b, n);
        ck_assert_mem_eq(out[0], out[1], sizeof(out[0]));
        memset(out, 0x55, sizeof(out));
        reference.gelu_mul(out[0], a, b, n);
        tables[t].k.gelu_mul(out[1], a, b, n);
        ck_assert_mem_eq(out[0], out[1], sizeof(out[0]));
        memset(half, 0x55, sizeof(half));
        reference.to_half(half[0], b, n);
        tables[t].k.to_half(half[1], b, n);
        ck_assert_mem_eq(half[0], half[1], sizeof(half[0]));
        memset(out, 0x55, sizeof(out));
        memcpy(out[0], a, n * sizeof(float));
        memcpy(out[1], a, n * sizeof(float));
        reference.add(out[0], b, n);
        tables[t].k.add(out[1], b, n);
        ck_assert_mem_eq(out[0], out[1], sizeof(out[0]));
    }
    for (size_t i = 0; i < n; i++) {
        double silu = a[i] / (1.0 + exp(-(double)a[i])) * (double)b[i];
        reference.silu_mul(out[0], a + i, b + i, 1);
        ck_assert_msg(fabs(out[0][0] - silu) <= 1e-6 * fabs(silu) + 1e-30, "silu(%g)",
                      (double)a[i]);
        const double z = a[i], u = sqrt(2 / acos(-1.0)) * (z + 0.044715 * z * z * z);
        reference.gelu_mul(out[0], a + i, b + i, 1);
        /* 1 + tanh(u) loses its digits where it is small; 2 / (1 + exp(-2u)) does not. */
        const double gelu = z / (1 + exp(-2 * u)) * (double)b[i];
        ck_assert_msg(fabs(out[0][0] - gelu) <= 2e-5 * fabs(gelu) + 1e-30, "gelu(%g)", z);
    }
}
END_TEST

START_TEST(test_exp)
{
    for (float x = -87.0f; x < 88.0f; x += 0.0137f)
        ck_assert_msg(fabs(aglm_expf(x) / exp((double)x) - 1) < 2e-7, "exp(%g)", (double)x);
    ck_assert(isnan(aglm_expf(NAN)));
    ck_assert(aglm_expf(-INFINITY) < 1e-37f && aglm_expf(0.0f) == 1.0f &&
              isfinite(aglm_expf(INFINITY)));
}
END_TEST

START_TEST(test_rmsnorm)
{
    size_t n = LENGTHS[_i];
    float x[LONGEST], w[LONGEST], out[LONGEST + GUARD];
    double square = 0;
    seed = (uint32_t)n + 99;
    for (size_t i = 0; i < n; i++) {
        x[i] = next_float(), w[i] = next_float();
        square += (double)x[i] * (double)x[i];
    }
    double scale = 1 / sqrt(square / (double)n + 1e-5);
    for (int t = -1; t < n_tables; t++) {
        const struct aglm_kernels *k = t < 0 ? &reference : &tables[t].k;
        memset(out, 0x55, sizeof(out));
        k->rmsnorm(out, x, w, 1e-5f, n);
        for (size_t i = 0; i < n; i++)
            ck_assert(fabs(out[i] - (double)x[i] * scale * (double)w[i]) < 1e-5);
        for (size_t i = n * 4; i < sizeof(out); i++)
            ck_assert(((uint8_t *)out)[i] == 0x55);
    }
}
END_TEST

/* Sums to one, and agrees with double arithmetic; large and far apart scores included. */
START_TEST(test_softmax)
{
    const size_t n = LENGTHS[_i];
    for (int t = -1; t < n_tables; t++) {
        const struct aglm_kernels *k = t < 0 ? &reference : &tables[t].k;
        float x[LONGEST + 1];
        double exact[LONGEST], sum = 0, max = -1e30;
        seed = 77;
        for (size_t i = 0; i < n; i++) {
            x[i] = next_float() * 20 + 60;
            max = (double)x[i] > max ? (double)x[i] : max;
        }
        for (size_t i = 0; i < n; i++)
            sum += exact[i] = exp((double)x[i] - max);
        x[n] = 7;
        k->softmax(x, n);
        ck_assert_msg(x[n] == 7.0f, "%s wrote past the end", k->isa);
        for (size_t i = 0; i < n; i++)
            ck_assert_double_eq_tol((double)x[i], exact[i] / sum, 1e-6);
    }
}
END_TEST

START_TEST(test_select)
{
    struct aglm_kernels k;
    struct aglm_err err;
    ck_assert_int_eq(aglm_kernels_select(&k, "auto", 0, &err), 0);
    ck_assert_str_eq(k.isa, "c");
    ck_assert_int_lt(aglm_kernels_select(&k, "avx2", 0, &err), 0);
    ck_assert_ptr_nonnull(strstr(err.msg, "avx2"));
    ck_assert_int_lt(aglm_kernels_select(&k, "avx512", AGLM_ISA_AVX2, &err), 0);
    ck_assert_int_eq(aglm_kernels_select(&k, "avxvnni", AGLM_ISA_AVX2 | AGLM_ISA_AVX512, &err),
                     -ENOTSUP);
    ck_assert_ptr_nonnull(strstr(err.msg, "avxvnni"));
    ck_assert(aglm_kernels_is_name("auto") && aglm_kernels_is_name("avxvnni"));
    ck_assert(!aglm_kernels_is_name("") && !aglm_kernels_is_name("sse9"));
    ck_assert_int_lt(aglm_kernels_select(&k, "sse9", ~0u, &err), 0);
    ck_assert_ptr_nonnull(strstr(err.msg, "sse9"));
    ck_assert_int_lt(aglm_kernels_select(&k, "neon", 0, &err), 0);
    ck_assert_ptr_nonnull(strstr(err.msg, "neon"));
    ck_assert_int_lt(aglm_kernels_select(&k, "i8mm", AGLM_ISA_NEON | AGLM_ISA_DOTPROD, &err), 0);
    ck_assert_ptr_nonnull(strstr(err.msg, "i8mm"));
#ifdef __x86_64__
    ck_assert_int_eq(aglm_kernels_select(&k, "auto", AGLM_ISA_AVX2, &err), 0);
    ck_assert_str_eq(k.isa, "avx2");
    const uint32_t vnni = AGLM_ISA_AVX2 | AGLM_ISA_AVXVNNI;
    ck_assert_int_eq(aglm_kernels_select(&k, "auto", vnni, &err), 0);
    ck_assert_str_eq(k.isa, "avxvnni");
    ck_assert_int_eq(aglm_kernels_select(&k, "auto", vnni | AGLM_ISA_AVX512, &err), 0);
    ck_assert_str_eq(k.isa, "avx512");
    ck_assert_int_eq(aglm_kernels_select(&k, "c", ~0u, &err), 0);
    ck_assert_str_eq(k.isa, "c");
    ck_assert_int_lt(aglm_kernels_select(&k, "neon", ~0u, &err), 0);
#endif
#if defined(__aarch64__) || defined(__arm__)
    ck_assert_int_eq(aglm_kernels_select(&k, "auto", AGLM_ISA_NEON, &err), 0);
    ck_assert_str_eq(k.isa, "neon");
    ck_assert_int_lt(aglm_kernels_select(&k, "dotprod", AGLM_ISA_NEON, &err), 0);
    ck_assert_int_lt(aglm_kernels_select(&k, "avx2", ~0u, &err), 0);
#endif
#if defined(__aarch64__)
    ck_assert_int_eq(aglm_kernels_select(&k, "auto", AGLM_ISA_NEON | AGLM_ISA_DOTPROD, &err), 0);
    ck_assert_str_eq(k.isa, "dotprod");
    ck_assert_int_eq(aglm_kernels_select(&k, "auto", ~0u, &err), 0);
    ck_assert_str_eq(k.isa, "i8mm");
#elif defined(__arm__)
    ck_assert_int_lt(aglm_kernels_select(&k, "dotprod", ~0u, &err), 0);
#endif
}
END_TEST

/* What auto takes here is one of the tables that the other tests run here, slot for slot. */
START_TEST(test_auto)
{
    struct aglm_kernels k;
    int same = 0;
    ck_assert_int_eq(aglm_kernels_select(&k, "auto", aglm_isa_detect(), NULL), 0);
    for (int i = -1; i < n_tables; i++)
        same += memcmp(&k, i < 0 ? &reference : &tables[i].k, sizeof(k)) == 0;
    ck_assert_msg(same == 1, "auto took %s", k.isa);
}
END_TEST

int main(void)
{
    find_tables("kernel tables");
    Suite *suite = suite_create("kernels");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 300);
    tcase_add_loop_test(tc, test_quantize, 0, 2);
    tcase_add_test(tc, test_quantize_quarters);
    tcase_add_test(tc, test_quantize_peak);
    tcase_add_test(tc, test_quantize_least);
    tcase_add_loop_test(tc, test_elementwise_exact, 0, (int)(sizeof(LENGTHS) / sizeof(*LENGTHS)));
    tcase_add_test(tc, test_exp);
    tcase_add_loop_test(tc, test_rmsnorm, 0, (int)(sizeof(LENGTHS) / sizeof(*LENGTHS)));
    tcase_add_loop_test(tc, test_softmax, 0, (int)(sizeof(LENGTHS) / sizeof(*LENGTHS)));
    tcase_add_test(tc, test_select);
    tcase_add_test(tc, test_auto);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
