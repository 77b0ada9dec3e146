/* Calibration of INT8: scales whose answers are known. */
#include "engine/int8.h"

#include <check.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

static uint32_t seed = 1;
static double uniform(void)
{
    seed ^= seed << 13, seed ^= seed >> 17, seed ^= seed << 5;
    return ((double)seed + 0.5) / 4294967296.0;
}

static struct aglm_int8_stats *stats_of(const float *x, size_t n)
{
    struct aglm_int8_stats *s = NULL;
    ck_assert_int_eq(aglm_int8_stats_create(&s, 1, NULL), 0);
    aglm_int8_stats_add(s, 0, x, n);
    return s;
}

static float scale_of(const struct aglm_int8_stats *s, enum aglm_int8_method method, double percent)
{
    float scale = NAN;
    struct aglm_err err = {0};
    ck_assert_msg(!aglm_int8_scales(&scale, s, method, percent, &err), "%s", err.msg);
    return scale;
}

START_TEST(test_minmax)
{
    const float x[] = {0, 0.5f, -6.35f, 1.0f, INFINITY, NAN};
    struct aglm_int8_stats *s = stats_of(x, 6);
    ck_assert_float_eq(scale_of(s, AGLM_INT8_MINMAX, 0), 6.35f / 127);
    aglm_int8_stats_destroy(&s);
    ck_assert_ptr_null(s);
    aglm_int8_stats_destroy(&s);
}
END_TEST

/* Magnitudes 1/N … 1, evenly: the p-th percentile is p/100. */
START_TEST(test_percentile)
{
    enum { N = 100000 };
    float *x = malloc(N * sizeof(*x));
    for (size_t i = 0; i < N; i++)
        x[i] = (float)(i + 1) / N * (i % 2 ? 1 : -1);
    struct aglm_int8_stats *s = stats_of(x, N);
    ck_assert_float_eq_tol(scale_of(s, AGLM_INT8_PERCENTILE, 99.0) * 127, 0.99f, 3e-4f);
    ck_assert_float_eq_tol(scale_of(s, AGLM_INT8_PERCENTILE, 60.0) * 127, 0.60f, 3e-4f);
    ck_assert_float_eq_tol(scale_of(s, AGLM_INT8_PERCENTILE, 100.0) * 127, 1.0f, 3e-4f);
    aglm_int8_stats_destroy(&s);
    free(x);
}
END_TEST

/* The bins do not depend on the order in which values come, however far they reach. */
START_TEST(test_order)
{
    enum { N = 5000 };
    float up[N], down[N];
    for (size_t i = 0; i < N; i++)
        up[i] = expf((float)i * 0.004f - 10.0f);
    for (size_t i = 0; i < N; i++)
        down[i] = up[N - 1 - i];
    struct aglm_int8_stats *a = stats_of(up, N), *b = stats_of(down, N);
    for (int m = AGLM_INT8_MINMAX; m <= AGLM_INT8_KL; m++)
        ck_assert_float_eq(scale_of(a, (enum aglm_int8_method)m, 99.5),
                           scale_of(b, (enum aglm_int8_method)m, 99.5));
    aglm_int8_stats_destroy(&a);
    aglm_int8_stats_destroy(&b);
}
END_TEST

/* An even spread loses by any clipping: KL keeps (nearly) all of it. A few outliers a hundred times
 * beyond a Laplace distribution are not worth its resolution: KL clips far below them and not below
 * its 99th percentile. */
START_TEST(test_kl)
{
    enum { N = 200000 };
    float *x = malloc(N * sizeof(*x));
    for (size_t i = 0; i < N; i++)
        x[i] = (float)uniform();
    struct aglm_int8_stats *s = stats_of(x, N);
    ck_assert_float_ge(scale_of(s, AGLM_INT8_KL, 0) * 127, 0.97f);
    aglm_int8_stats_destroy(&s);
    for (size_t i = 0; i < N; i++)
        x[i] = (float)-log(uniform());
    for (size_t i = 0; i < 4; i++)
        x[i] = 300.0f;
    s = stats_of(x, N);
    ck_assert_float_eq(scale_of(s, AGLM_INT8_MINMAX, 0) * 127, 300.0f);
    float threshold = scale_of(s, AGLM_INT8_KL, 0) * 127;
    ck_assert_float_le(threshold, 60.0f);
    ck_assert_float_ge(threshold, 4.6f);
    aglm_int8_stats_destroy(&s);
    free(x);
}
END_TEST

START_TEST(test_edges)
{
    const float zeros[3] = {0, 0, -0.0f};
    struct aglm_int8_stats *s = stats_of(zeros, 3);
    float scale = 7;
    for (int m = AGLM_INT8_MINMAX; m <= AGLM_INT8_KL; m++)
        ck_assert_float_eq(scale_of(s, (enum aglm_int8_method)m, 99), 1.0f);
    ck_assert_int_eq(aglm_int8_scales(&scale, s, AGLM_INT8_PERCENTILE, 50, NULL), -EINVAL);
    ck_assert_int_eq(aglm_int8_scales(&scale, s, AGLM_INT8_PERCENTILE, NAN, NULL), -EINVAL);
    ck_assert_int_eq(aglm_int8_scales(&scale, s, AGLM_INT8_PERCENTILE, 100.5, NULL), -EINVAL);
    aglm_int8_stats_destroy(&s);
    ck_assert_int_eq(aglm_int8_stats_create(&s, 2, NULL), 0);
    aglm_int8_stats_add(s, 0, zeros, 3);
    ck_assert_int_eq(aglm_int8_scales(&scale, s, AGLM_INT8_MINMAX, 0, NULL), -EINVAL);
    ck_assert_float_eq(scale, 7);
    aglm_int8_stats_destroy(&s);
}
END_TEST

START_TEST(test_row)
{
    const float x[8] = {1.27f, -1.27f, 0.005f, -0.005f, 0.0149f, 0, 0.64f, -0.3f};
    const int8_t expected[8] = {127, -127, 0, 0, 1, 0, 64, -30};
    int8_t q[8];
    ck_assert_float_eq(aglm_int8_row(q, x, 8), 1.27f / 127);
    for (size_t i = 0; i < 8; i++)
        ck_assert_msg(q[i] == expected[i] || i == 2 || i == 3, "%zu: %d", i, q[i]);
    const float bad[2] = {1, NAN}, none[2] = {0, 0};
    ck_assert(isnan(aglm_int8_row(q, bad, 2)) && q[0] == 0);
    ck_assert(aglm_int8_row(q, none, 2) == 0 && q[0] == 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("int8");
    TCase *tc = tcase_create("calibration");
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, test_minmax);
    tcase_add_test(tc, test_percentile);
    tcase_add_test(tc, test_order);
    tcase_add_test(tc, test_kl);
    tcase_add_test(tc, test_edges);
    tcase_add_test(tc, test_row);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
