/* Tensor types: conversions of single values over all of their range, blocks against values worked
 * out by hand, error bounds, and totality on values that are not finite.
 */
#include "engine/dtype.h"

#include <check.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const enum aglm_dtype all_types[] = {
    AGLM_F32,  AGLM_F16,  AGLM_BF16, AGLM_Q8_0, AGLM_Q4_0, AGLM_Q6_K,   AGLM_Q4_1,  AGLM_Q5_0,
    AGLM_Q5_1, AGLM_Q2_K, AGLM_Q3_K, AGLM_Q4_K, AGLM_Q5_K, AGLM_IQ4_NL, AGLM_MXFP4,
};

static float float_of(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof(f));
    return f;
}

/* The value of a half by the definition of binary16. */
static double half_value(uint16_t h)
{
    int exponent = h >> 10 & 31, mantissa = h & 1023;
    double sign = h & 0x8000 ? -1.0 : 1.0;
    if (exponent == 31)
        return mantissa ? NAN : sign * INFINITY;
    return exponent ? sign * ldexp(1024 + mantissa, exponent - 25) : sign * ldexp(mantissa, -24);
}

START_TEST(every_half)
{
    for (uint32_t h = 0; h < 65536; h++) {
        double expected = half_value((uint16_t)h);
        float f = aglm_half_to_float((uint16_t)h);
        uint16_t back = aglm_float_to_half(f);
        if (isnan(expected)) {
            ck_assert(isnan(f));
            ck_assert_uint_eq(back & 0x7c00, 0x7c00);
            ck_assert_uint_ne(back & 0x03ff, 0);
            continue;
        }
        ck_assert_msg((double)f == expected && !signbit(f) == !(h & 0x8000), "half %04x", h);
        ck_assert_uint_eq(back, h);
    }
}
END_TEST

/* Between each pair of neighbours: below, at and above the middle. */
START_TEST(halves_round_to_nearest_even)
{
    for (uint16_t h = 0; h < 0x7bff; h++) {
        float low = aglm_half_to_float(h), high = aglm_half_to_float((uint16_t)(h + 1));
        float middle = low + (high - low) / 2;
        uint16_t even = (uint16_t)(h & 1 ? h + 1 : h);
        ck_assert_uint_eq(aglm_float_to_half(middle), even);
        ck_assert_uint_eq(aglm_float_to_half(nextafterf(middle, 0)), h);
        ck_assert_uint_eq(aglm_float_to_half(nextafterf(middle, INFINITY)), h + 1);
        ck_assert_uint_eq(aglm_float_to_half(-middle), even | 0x8000);
    }
    ck_assert_uint_eq(aglm_float_to_half(65519.996f), 0x7bff);
    ck_assert_uint_eq(aglm_float_to_half(65520.0f), 0x7c00);
    ck_assert_uint_eq(aglm_float_to_half(1e30f), 0x7c00);
    ck_assert_uint_eq(aglm_float_to_half(-INFINITY), 0xfc00);
    ck_assert_uint_eq(aglm_float_to_half(1e-30f), 0);
}
END_TEST

START_TEST(every_bf16)
{
    for (uint32_t h = 0; h < 65536; h++) {
        float f = aglm_bf16_to_float((uint16_t)h);
        uint16_t back = aglm_float_to_bf16(f);
        if (isnan(f))
            ck_assert(isnan(aglm_bf16_to_float(back)));
        else
            ck_assert_uint_eq(back, h);
    }
    ck_assert_uint_eq(aglm_float_to_bf16(float_of(0x3f808000)), 0x3f80); /* tie to even */
    ck_assert_uint_eq(aglm_float_to_bf16(float_of(0x3f818000)), 0x3f82);
    ck_assert_uint_eq(aglm_float_to_bf16(float_of(0x3f808001)), 0x3f81);
    ck_assert_uint_eq(aglm_float_to_bf16(float_of(0x7f7fffff)), 0x7f80); /* overflow */
    ck_assert(isnan(aglm_bf16_to_float(aglm_float_to_bf16(float_of(0x7f800001)))));
}
END_TEST

START_TEST(tables)
{
    for (size_t i = 0; i < sizeof(all_types) / sizeof(all_types[0]); i++) {
        const struct aglm_dtype_info *t = aglm_dtype_get((uint32_t)all_types[i]);
        unsigned elements = 0, bytes = 0;
        ck_assert_ptr_nonnull(t);
        ck_assert_int_eq(t->type, all_types[i]);
        ck_assert_ptr_eq(aglm_dtype_by_name(t->name), t);
        ck_assert_int_eq(aglm_dtype_block((uint32_t)all_types[i], &elements, &bytes), 0);
        ck_assert_uint_eq(elements, t->block_elements);
        ck_assert_uint_eq(bytes, t->block_bytes);
    }
    unsigned elements = 7, bytes = 8;
    ck_assert_ptr_eq(aglm_dtype_by_name("Q6_K"), aglm_dtype_get(14));
    ck_assert_ptr_null(aglm_dtype_by_name("q8_K"));
    ck_assert_ptr_null(aglm_dtype_by_name(""));
    ck_assert_ptr_null(aglm_dtype_get(15));
    ck_assert_ptr_null(aglm_dtype_get(UINT32_MAX));
    ck_assert_str_eq(aglm_dtype_foreign_name(11), "q3_K");
    ck_assert_ptr_null(aglm_dtype_foreign_name(99));
    ck_assert_int_eq(aglm_dtype_block(99, &elements, &bytes), -ENOENT);
    ck_assert_int_eq(aglm_dtype_block(4, &elements, &bytes), -ENOENT);
    ck_assert_uint_eq(elements, 7);
    ck_assert_uint_eq(bytes, 8);
    ck_assert_int_eq(aglm_dtype_block(12, &elements, &bytes), 0);
    ck_assert_uint_eq(elements, 256);
    ck_assert_uint_eq(bytes, 144);
}
END_TEST

/* ---- blocks worked out by hand ---- */

START_TEST(q8_0_by_hand)
{
    uint8_t block[34];
    float x[32] = {0}, y[32];
    x[0] = -254.0f; /* d = 2 */
    x[1] = 3.0f;    /* 1.5 rounds away from zero: 2 */
    x[2] = -3.0f;
    x[31] = 127.0f; /* 63.5: 64 */
    aglm_dtype_get(AGLM_Q8_0)->from_float(block, x, 32);
    ck_assert_uint_eq(block[0] | block[1] << 8, 0x4000);
    ck_assert_int_eq((int8_t)block[2], -127);
    ck_assert_int_eq((int8_t)block[3], 2);
    ck_assert_int_eq((int8_t)block[4], -2);
    ck_assert_int_eq((int8_t)block[33], 64);
    aglm_dtype_get(AGLM_Q8_0)->to_float(y, block, 32);
    ck_assert(y[0] == -254.0f && y[1] == 4.0f && y[2] == -4.0f && y[31] == 128.0f && y[5] == 0.0f);
}
END_TEST

START_TEST(q4_0_by_hand)
{
    uint8_t block[18];
    float x[32] = {0}, y[32];
    x[0] = 16.0f;  /* of largest magnitude: becomes -8, d = -2 */
    x[1] = -15.0f; /* 7.5 + 8.5 is cut to 16, held to 15 */
    x[16] = 4.0f;  /* -2 */
    x[31] = -2.0f; /* 1 */
    aglm_dtype_get(AGLM_Q4_0)->from_float(block, x, 32);
    ck_assert_uint_eq(block[0] | block[1] << 8, 0xc000);
    ck_assert_uint_eq(block[2], 0 | 6 << 4);
    ck_assert_uint_eq(block[3], 15 | 8 << 4);
    ck_assert_uint_eq(block[17], 8 | 9 << 4);
    aglm_dtype_get(AGLM_Q4_0)->to_float(y, block, 32);
    ck_assert(y[0] == 16.0f && y[1] == -14.0f && y[16] == 4.0f && y[31] == -2.0f && y[7] == 0.0f);
}
END_TEST

/* One code at a time, at each of the four places that the layout treats apart. */
START_TEST(q6_k_by_hand)
{
    uint8_t block[210] = {0};
    float y[256];
    for (int s = 0; s < 16; s++)
        block[192 + s] = (uint8_t)(s + 1);
    block[192 + 15] = (uint8_t)(int8_t)-16;
    block[208] = 0x00; /* d = 0.5 */
    block[209] = 0x38;
    block[5] = 0x0a | 0x0b << 4;          /* elements 5, 69: low nibbles 10, 11 */
    block[32 + 5] = 0x0c | 0x0d << 4;     /* elements 37, 101 */
    block[128 + 5] = 1 | 2 << 2 | 3 << 4; /* high bits of elements 5, 37, 69, 101: 1, 2, 3, 0 */
    block[64 + 63] = 0x0f << 4;           /* element 255 */
    block[128 + 63] = 3 << 6;
    aglm_dtype_get(AGLM_Q6_K)->to_float(y, block, 256);
    ck_assert(y[5] == 0.5f * 1 * (10 + 16 - 32));
    ck_assert(y[37] == 0.5f * 3 * (12 + 32 - 32));
    ck_assert(y[69] == 0.5f * 5 * (11 + 48 - 32));
    ck_assert(y[101] == 0.5f * 7 * (13 - 32));
    ck_assert(y[255] == 0.5f * -16 * (15 + 48 - 32));
    ck_assert(y[0] == 0.5f * 1 * -32);
    ck_assert(y[240] == 0.5f * -16 * -32);
}
END_TEST

/* ---- round trips ---- */

enum { N = 256 * 64 };
static float x[N], y[N];
static uint8_t packed[N * 4 + 16];

/* About normal, deviation 1, the same each time. */
static void fill_normal(void)
{
    uint32_t state = 12345;
    for (int i = 0; i < N; i++) {
        x[i] = -6.0f;
        for (int k = 0; k < 12; k++) {
            state = state * 1664525u + 1013904223u;
            x[i] += (float)(state >> 8) / 16777216.0f;
        }
    }
}

static double round_trip_nmse(enum aglm_dtype type)
{
    const struct aglm_dtype_info *t = aglm_dtype_get((uint32_t)type);
    size_t bytes = N / t->block_elements * t->block_bytes;
    double error = 0, power = 0;
    memset(packed, 0xa5, sizeof(packed));
    t->from_float(packed, x, N);
    for (size_t i = bytes; i < bytes + 16; i++)
        ck_assert_uint_eq(packed[i], 0xa5);
    t->to_float(y, packed, N);
    for (int i = 0; i < N; i++) {
        error += ((double)x[i] - y[i]) * ((double)x[i] - y[i]);
        power += (double)x[i] * x[i];
    }
    return error / power;
}

START_TEST(errors_are_within_bounds)
{
    /* A tenth to a quarter above what a million such values measure. */
    static const double bounds[] = {0.0,    6e-8,   4e-6, 3.5e-5, 8.5e-3, 3.3e-4, 7e-3,  2.2e-3,
                                    1.7e-3, 1.3e-1, 3e-2, 7e-3,   1.8e-3, 7.5e-3, 1.6e-2};
    fill_normal();
    for (size_t i = 0; i < sizeof(all_types) / sizeof(all_types[0]); i++) {
        double nmse = round_trip_nmse(all_types[i]);
        ck_assert_msg(nmse <= bounds[i], "%s: %g", aglm_dtype_get((uint32_t)all_types[i])->name,
                      nmse);
    }
}
END_TEST

/* No worse than the plain way: each 16 scaled by -max/32, scales rounded to 8 bits. */
START_TEST(q6_k_beats_the_plain_search)
{
    double plain = 0, power = 0;
    fill_normal();
    for (int block = 0; block < N; block += 256) {
        float scale[16], largest = 0;
        for (int s = 0; s < 16; s++) {
            float max = 0;
            for (int j = 0; j < 16; j++)
                if (fabsf(x[block + 16 * s + j]) > fabsf(max))
                    max = x[block + 16 * s + j];
            scale[s] = max / -32;
            if (fabsf(scale[s]) > fabsf(largest))
                largest = scale[s];
        }
        float d = aglm_half_to_float(aglm_float_to_half(largest / -128));
        for (int i = 0; i < 256; i++) {
            float step = d * fminf(roundf(scale[i / 16] / d), 127);
            float v = step * fmaxf(fminf(roundf(x[block + i] / step), 31), -32);
            plain += ((double)v - x[block + i]) * ((double)v - x[block + i]);
            power += (double)x[block + i] * x[block + i];
        }
    }
    ck_assert(round_trip_nmse(AGLM_Q6_K) <= plain / power);
}
END_TEST

START_TEST(zeros_stay_zero)
{
    memset(x, 0, sizeof(x));
    for (size_t i = 0; i < sizeof(all_types) / sizeof(all_types[0]); i++) {
        const struct aglm_dtype_info *t = aglm_dtype_get((uint32_t)all_types[i]);
        t->from_float(packed, x, N);
        t->to_float(y, packed, N);
        for (int k = 0; k < N; k++)
            ck_assert(y[k] == 0.0f);
    }
}
END_TEST

/* The sanitizers judge: no cast of a value out of range, whatever comes in. */
START_TEST(anything_may_come_in)
{
    static const uint32_t odd[] = {0x7f800000, 0xff800000, 0x7fc00000, 0xffc00001, 0x7f7fffff,
                                   0xff7fffff, 0x00000001, 0x80000001, 0x00800000, 0x3f800000};
    enum { N_ODD = sizeof(odd) / sizeof(odd[0]) };
    for (size_t shift = 0; shift < N_ODD + 1; shift++) {
        for (size_t i = 0; i < 512; i++) /* the last round: one odd value for each block */
            x[i] = shift < N_ODD ? float_of(odd[(i * (shift + 1)) % N_ODD])
                                 : (i % 32 == 7 ? float_of(odd[i / 32 % N_ODD]) : 1.0f);
        for (size_t i = 0; i < sizeof(all_types) / sizeof(all_types[0]); i++) {
            const struct aglm_dtype_info *t = aglm_dtype_get((uint32_t)all_types[i]);
            static uint8_t again[N * 4];
            t->from_float(packed, x, 512);
            t->from_float(again, x, 512);
            ck_assert_int_eq(memcmp(packed, again, 512 / t->block_elements * t->block_bytes), 0);
            t->to_float(y, packed, 512);
        }
    }
    memset(packed, 0xff, sizeof(packed));
    for (size_t i = 0; i < sizeof(all_types) / sizeof(all_types[0]); i++)
        aglm_dtype_get((uint32_t)all_types[i])->to_float(y, packed, 512);
    aglm_dtype_get(AGLM_Q4_K)->to_float(y, packed, 512);
    ck_assert(isnan(y[0]));
}
END_TEST

START_TEST(nothing_is_fine)
{
    float value = 5;
    for (size_t i = 0; i < sizeof(all_types) / sizeof(all_types[0]); i++) {
        aglm_dtype_get((uint32_t)all_types[i])->to_float(&value, packed, 0);
        aglm_dtype_get((uint32_t)all_types[i])->from_float(&value, x, 0);
    }
    ck_assert(value == 5);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dtype");
    TCase *tc = tcase_create("dtype");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, every_half);
    tcase_add_test(tc, halves_round_to_nearest_even);
    tcase_add_test(tc, every_bf16);
    tcase_add_test(tc, tables);
    tcase_add_test(tc, q8_0_by_hand);
    tcase_add_test(tc, q4_0_by_hand);
    tcase_add_test(tc, q6_k_by_hand);
    tcase_add_test(tc, errors_are_within_bounds);
    tcase_add_test(tc, q6_k_beats_the_plain_search);
    tcase_add_test(tc, zeros_stay_zero);
    tcase_add_test(tc, anything_may_come_in);
    tcase_add_test(tc, nothing_is_fine);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
