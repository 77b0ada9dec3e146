/* Advice and scenarios on made-up devices, whose every limit the test chooses. */
#include "bench/advice.h"
#include "bench/scenarios.h"
#include "bench/verify.h"
#include "tests/unit/bench/suites.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct aglm_advice_device device(double read_per_s, double memory_bytes)
{
    return (struct aglm_advice_device){.isa = "avx512",
                                       .roof = {{1, read_per_s, 400e9, 100e9},
                                                {2, 1.5 * read_per_s, 800e9, 200e9},
                                                {4, 1.5 * read_per_s, 1600e9, 400e9},
                                                {8, 1.5 * read_per_s, 3200e9, 800e9}},
                                       .n_roofs = 4,
                                       .memory_bytes = memory_bytes};
}

static struct aglm_advice advise(const struct aglm_advice_device *d, const char *preset,
                                 const char *mode)
{
    struct aglm_advice a;
    aglm_advice_give(&a, d, aglm_preset_find(preset), aglm_quantize_mode_find(mode));
    return a;
}

/* The figures that `aglm-bench run` prints for these files (bytes_per_token of the engine). */
START_TEST(work_of_shapes)
{
    static const struct {
        const char *preset, *mode;
        double bytes;
    } files[] = {{"smollm2-135m", "q4_0", 89801316},
                 {"smollm2-135m", "f16", 268960896},
                 {"qwen2.5-0.5b", "q4_0", 345921464},
                 {"qwen2.5-0.5b", "q8_0", 524834744}};
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        struct aglm_advice_work w;
        aglm_advice_work_of(&w, aglm_preset_find(files[i].preset),
                            aglm_quantize_mode_find(files[i].mode));
        ck_assert_double_le(fabs(w.bytes_per_token / files[i].bytes - 1), 0.003);
        ck_assert_int_eq(w.int8, strcmp(files[i].mode, "f16") != 0);
    }
    /* Not tied: the embedding is read by the row. 59264 x 2048 weights of 4.5 bits. */
    struct aglm_advice_work w;
    aglm_advice_work_of(&w, aglm_preset_find("glm-edge-1.5b"), aglm_quantize_mode_find("q4_0"));
    ck_assert_double_le(fabs((w.file_bytes - w.bytes_per_token) / (59264 * 2048 * 0.5625) - 1),
                        0.003);
    ck_assert_double_eq(w.output_params, 59264.0 * 2048);
    ck_assert_double_eq(w.kv_bytes_per_position, 28 * 2 * 4 * 128 * 2);
}
END_TEST

START_TEST(every_preset_and_type)
{
    const struct aglm_advice_device d = device(30e9, 24e9);
    for (size_t i = 0; i < aglm_preset_count(); i++)
        for (size_t k = 0; k < aglm_quantize_mode_count(); k++) {
            struct aglm_advice a;
            aglm_advice_give(&a, &d, aglm_preset_at(i), aglm_quantize_mode_at(k));
            ck_assert_double_gt(a.need_bytes, 0);
            ck_assert_double_gt(a.prefill_ts, 0);
            ck_assert_double_gt(a.decode_ts, 0);
            ck_assert_double_gt(a.step_s, a.step_ttft_s);
        }
}
END_TEST

START_TEST(follows_the_limits)
{
    const struct aglm_advice_device slow = device(10e9, 24e9), fast = device(40e9, 24e9);
    const struct aglm_advice a = advise(&slow, "glm-edge-1.5b", "q4_0"),
                             b = advise(&fast, "glm-edge-1.5b", "q4_0"),
                             c = advise(&slow, "glm-edge-1.5b", "q8_0");
    ck_assert_double_gt(b.decode_ts, a.decode_ts * 1.5); /* memory decides about decode */
    ck_assert_double_eq(b.prefill_ts, a.prefill_ts);     /* and not about prefill */
    ck_assert_double_lt(c.decode_ts, a.decode_ts);
    /* Never above what memory can give. */
    ck_assert_double_lt(a.decode_ts, 15e9 / 816e6);
    ck_assert_uint_eq(a.prefill_threads, 8);
    ck_assert_uint_eq(a.decode_threads, 4); /* eight gain nothing where four take all there is */
}
END_TEST

START_TEST(fits)
{
    struct aglm_advice_device d = device(30e9, 4e9);
    ck_assert_int_eq(advise(&d, "glm-edge-1.5b", "q4_0").fit, AGLM_FIT_YES);
    ck_assert_int_eq(advise(&d, "glm-4-9b-chat", "q4_0").fit, AGLM_FIT_NO);
    d.memory_bytes = 5.8e9;
    ck_assert_int_eq(advise(&d, "glm-4-9b-chat", "q4_0").fit, AGLM_FIT_TIGHT);
    d.memory_bytes = NAN;
    ck_assert_int_eq(advise(&d, "glm-4-9b-chat", "q4_0").fit, AGLM_FIT_UNKNOWN);
}
END_TEST

START_TEST(nothing_measured)
{
    const struct aglm_advice_device d = {.memory_bytes = 8e9};
    const struct aglm_advice a = advise(&d, "glm-edge-1.5b", "q4_0");
    ck_assert_int_eq(a.fit, AGLM_FIT_YES);
    ck_assert_uint_eq(a.prefill_threads, 0);
    ck_assert_double_nan(a.prefill_ts);
    ck_assert_double_nan(a.decode_ts);
    ck_assert_double_nan(a.step_s);
}
END_TEST

START_TEST(errors_in_percent)
{
    struct aglm_verify_line l = {.prefill_predicted_ts = 110,
                                 .prefill_ts = 100,
                                 .decode_predicted_ts = 80,
                                 .decode_ts = 100};
    ck_assert_double_eq_tol(aglm_verify_error_percent(110, 100), 10, 1e-9);
    ck_assert(aglm_verify_within(&l, 25));
    ck_assert(!aglm_verify_within(&l, 15));
    l.decode_predicted_ts = NAN;
    ck_assert(!aglm_verify_within(&l, 25));
    ck_assert_double_nan(aglm_verify_error_percent(1, 0));
}
END_TEST

/* ---- scenarios ---- */

static struct aglm_scenario_verdict judge(const char *id, const struct aglm_advice_device *d)
{
    static struct aglm_thresholds *thresholds; /* stays: the verdict's labels belong to it */
    struct aglm_profile *profile = NULL;
    struct aglm_scenario_verdict v = {0};
    struct aglm_err err = {0};
    size_t n;
    const struct aglm_scenario *all = aglm_scenarios(&n);
    if (!thresholds)
        ck_assert_int_eq(aglm_thresholds_load(&thresholds, NULL, &err), 0);
    ck_assert_int_eq(
        aglm_profile_create(&profile, &(struct aglm_profile_options){.root = AGLM_FIXTURE}, &err),
        0);
    for (size_t i = 0; i < n; i++)
        if (strcmp(all[i].id, id) == 0)
            aglm_scenario_judge(&v, &all[i], profile, d, thresholds);
    ck_assert_ptr_nonnull(v.scenario);
    aglm_profile_destroy(&profile);
    return v;
}

START_TEST(names_its_thresholds)
{
    struct aglm_thresholds *thresholds = NULL;
    struct aglm_err err = {0};
    size_t n;
    const struct aglm_scenario *all = aglm_scenarios(&n);
    ck_assert_int_eq(aglm_thresholds_load(&thresholds, NULL, &err), 0);
    for (size_t i = 0; i < n; i++) {
        ck_assert_ptr_nonnull(aglm_preset_find(all[i].preset));
        for (size_t k = 0; all[i].checks[k]; k++) {
            const char *name = all[i].checks[k];
            name = strncmp(name, "total:", 6) == 0 ? name + 6 : name;
            ck_assert_msg(strcmp(name, "fit") == 0 || aglm_thresholds_find(thresholds, name), "%s",
                          name);
        }
    }
    aglm_thresholds_destroy(&thresholds);
}
END_TEST

START_TEST(verdicts)
{
    struct aglm_advice_device d = device(200e9, 20e9);
    for (size_t i = 0; i < d.n_roofs; i++) {
        d.roof[i].int8_per_s *= 20;
        d.roof[i].f32_per_s *= 20;
    }
    struct aglm_scenario_verdict v = judge("voice_assistant", &d);
    ck_assert_msg(v.status == AGLM_STATUS_GOOD, "%s", v.reason);
    d.memory_bytes = 0.5e9;
    v = judge("voice_assistant", &d);
    ck_assert_int_eq(v.status, AGLM_STATUS_ALERT);
    ck_assert_ptr_nonnull(strstr(v.reason, "Memory free for the model: 0.47 GiB"));
    d = device(10e9, 20e9);
    v = judge("phone_agent", &d); /* slow, and the load of a capture is not known: alert wins */
    ck_assert_int_eq(v.status, AGLM_STATUS_ALERT);
    ck_assert_ptr_nonnull(strstr(v.reason, "Step of a phone agent"));
    d.n_roofs = 0;
    v = judge("phone_agent", &d);
    ck_assert_int_eq(v.status, AGLM_STATUS_UNKNOWN);
    ck_assert_double_nan(v.total_s);
}
END_TEST

/* ---- from a profile ---- */

START_TEST(reads_no_roof_from_a_capture)
{
    struct aglm_profile *profile = NULL;
    struct aglm_advice_device d;
    struct aglm_err err = {0};
    ck_assert_int_eq(
        aglm_profile_create(&profile, &(struct aglm_profile_options){.root = AGLM_FIXTURE}, &err),
        0);
    aglm_advice_device_read(&d, profile);
    ck_assert_uint_eq(d.n_roofs, 0);
    ck_assert_str_eq(d.isa, "");
    ck_assert_double_eq(d.memory_bytes, aglm_profile_find(profile, "memory.available")->number);
    aglm_profile_destroy(&profile);
}
END_TEST

START_TEST(reads_the_measured_roof)
{
    struct aglm_profile *profile = NULL;
    struct aglm_advice_device d;
    struct aglm_err err = {0};
    ck_assert_int_eq(
        aglm_profile_create(&profile, &(struct aglm_profile_options){.roof = true}, &err), 0);
    aglm_advice_device_read(&d, profile);
    ck_assert_uint_ge(d.n_roofs, 1);
    ck_assert_uint_eq(d.roof[0].threads, 1);
    ck_assert(d.isa[0]);
    ck_assert_double_eq(d.roof[0].read_per_s, aglm_profile_find(profile, "roof.read.t1")->number);
    for (size_t i = 0; i < d.n_roofs; i++) {
        ck_assert(i == 0 || d.roof[i].threads > d.roof[i - 1].threads);
        ck_assert_double_gt(d.roof[i].int8_per_s, 0);
        ck_assert_double_gt(d.roof[i].f32_per_s, 0);
    }
    aglm_profile_destroy(&profile);
}
END_TEST

Suite *aglm_suite_advice(void)
{
    Suite *suite = suite_create("advice");
    TCase *t = tcase_create("advice");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, work_of_shapes);
    tcase_add_test(t, every_preset_and_type);
    tcase_add_test(t, follows_the_limits);
    tcase_add_test(t, fits);
    tcase_add_test(t, nothing_measured);
    tcase_add_test(t, errors_in_percent);
    tcase_add_test(t, names_its_thresholds);
    tcase_add_test(t, verdicts);
    tcase_add_test(t, reads_no_roof_from_a_capture);
    tcase_add_test(t, reads_the_measured_roof);
    suite_add_tcase(suite, t);
    return suite;
}
