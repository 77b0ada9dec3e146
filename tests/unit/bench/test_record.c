/* The record's JSON: everything comes back as it was, and hostile JSON is refused by name. */
#include "bench/record.h"
#include "bench/uuid.h"
#include "tests/unit/bench/samples.h"
#include "tests/unit/bench/suites.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

START_TEST(round_trip)
{
    struct aglm_record r, back;
    struct aglm_err err = {0};
    aglm_samples_record(&r);
    aglm_samples_add(&r, 123456789012345, 7, 9, 3);
    aglm_samples_add(&r, 9007199254740993, 1, 9007199254740995, 2);
    aglm_samples_during(&r);
    aglm_samples_operators(&r);
    r.valid = false;
    snprintf(r.reasons, sizeof(r.reasons), "others used 23%% of the CPU");
    char *json = aglm_record_json(&r);
    ck_assert_ptr_nonnull(json);
    aglm_record_init(&back);
    ck_assert_msg(aglm_record_parse(&back, json, &err) == 0, "%s", err.msg);
    ck_assert_str_eq(back.label, r.label);
    ck_assert_str_eq(back.reasons, r.reasons);
    ck_assert_str_eq(back.profile_json, r.profile_json);
    ck_assert_uint_eq(back.load_ns, 18446744073709551615u);
    ck_assert_uint_eq(back.seed, 9007199254740993u);
    ck_assert_int_eq(back.started_ms, 1700000000123);
    ck_assert(!back.valid && back.warmup && !back.cpu_strict);
    ck_assert_uint_eq(back.n_samples, 2);
    ck_assert_uint_eq(back.samples[1].prefill_ns, 9007199254740993);
    ck_assert_uint_eq(back.samples[1].token_ns[1], 9007199254740995);
    ck_assert_uint_eq(back.samples[0].n_token_ns, 3);
    ck_assert_double_nan(back.samples[0].before.temperature_max_degc);
    ck_assert_double_eq(back.samples[0].before.frequency_mean_khz, 2400000.5);
    ck_assert_uint_eq(back.samples[0].during.readings, 0); /* nobody watched */
    ck_assert_double_nan(back.samples[0].during.temperature_max_degc);
    ck_assert_uint_eq(back.samples[1].during.readings, 17);
    ck_assert_double_eq(back.samples[1].during.joules, 12.5);
    ck_assert_double_nan(back.samples[1].during.battery_max_degc);
    ck_assert_double_eq(back.roof_read.low, 62.5e6);
    ck_assert_double_eq(back.roof_int8.median, 1270.5e9);
    ck_assert_double_nan(back.roof_int8.low);
    ck_assert_double_nan(back.roof_f32.best);
    ck_assert_str_eq(back.roof_when, "start, 2 rounds, end");
    ck_assert_str_eq(back.fuse, "all-norm");
    ck_assert_uint_eq(back.n_operators, 2);
    ck_assert_str_eq(back.operators[1].phase, "decode");
    ck_assert_uint_eq(back.operators[1].wait_ns, 150000);
    ck_assert_double_eq(back.operators[0].float_ops, 0.5);
    char *again = aglm_record_json(&back); /* every field: the text is the same */
    ck_assert_str_eq(json, again);
    free(json);
    free(again);
    aglm_record_finish(&r);
    aglm_record_finish(&back);
}
END_TEST

/* Without the fields that came with the roof. */
START_TEST(records_from_before_the_roof)
{
    struct aglm_record r, back;
    struct aglm_err err = {0};
    aglm_samples_record(&r);
    char *json = aglm_record_json(&r);
    cJSON *root = cJSON_Parse(json);
    static const char *const names[] = {"fuse",
                                        "kv_bytes_per_token",
                                        "prefill_ops",
                                        "prefill_kind",
                                        "roof_read_bytes_per_s",
                                        "roof_read_median_bytes_per_s",
                                        "roof_read_low_bytes_per_s",
                                        "roof_int8_ops_per_s",
                                        "roof_int8_median_ops_per_s",
                                        "roof_int8_low_ops_per_s",
                                        "roof_f32_ops_per_s",
                                        "roof_f32_median_ops_per_s",
                                        "roof_f32_low_ops_per_s",
                                        "roof_when"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        ck_assert_msg(cJSON_HasObjectItem(root, names[i]), "%s", names[i]);
        cJSON_DeleteItemFromObjectCaseSensitive(root, names[i]);
    }
    char *old = cJSON_PrintUnformatted(root);
    aglm_record_init(&back);
    ck_assert_msg(aglm_record_parse(&back, old, &err) == 0, "%s", err.msg);
    ck_assert_str_eq(back.fuse, "all");
    ck_assert_uint_eq(back.n_operators, 0);
    ck_assert_double_nan(back.roof_read.best);
    ck_assert_double_nan(back.roof_f32.low);
    ck_assert_double_nan(back.prefill_ops);
    ck_assert_str_eq(back.roof_when, "");
    cJSON_Delete(root);
    free(old);
    free(json);
    aglm_record_finish(&r);
    aglm_record_finish(&back);
}
END_TEST

START_TEST(bytes_that_are_no_utf8)
{
    struct aglm_record r, back;
    aglm_samples_record(&r);
    snprintf(r.model_path, sizeof(r.model_path), "/tmp/\xff\xc3(\xed\xa0\x80");
    char *json = aglm_record_json(&r);
    aglm_record_init(&back);
    ck_assert_int_eq(aglm_record_parse(&back, json, NULL), 0);
    ck_assert_str_eq(back.model_path,
                     "/tmp/\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    free(json);
    aglm_record_finish(&r);
    aglm_record_finish(&back);
}
END_TEST

/* {text to find in good JSON, what replaces it, what the message must name} */
static const char *const hostile[][3] = {
    {"\"schema\":1", "\"schema\":2", "schema"},
    {"\"schema\":1", "\"schema\":\"x\"", "schema"},
    {"\"n_threads\":2", "\"n_threads\":-2", "n_threads"},
    {"\"n_threads\":2", "\"n_threads\":2.5", "n_threads"},
    {"\"n_threads\":2", "\"n_threads\":4294967296", "n_threads"},
    {"\"n_threads\":2", "\"n_threads\":1e300", "n_threads"},
    {"\"n_threads\":2", "\"n_threads\":null", "n_threads"},
    {"\"n_threads\":2", "\"n_threads\":\"2x\"", "n_threads"},
    {"\"n_threads\":2", "\"n_threads\":\"99999999999999999999\"", "n_threads"},
    {"\"n_threads\":2", "\"threads\":2", "n_threads"},
    {"\"backend\":\"cpu\"", "\"backend\":\"0123456789abcdef\"", "backend"},
    {"\"backend\":\"cpu\"", "\"backend\":7", "backend"},
    {"\"backend\":\"cpu\"", "\"backend\":{\"a\":[]}", "backend"},
    {"\"prefill_ops\":64000000000", "\"prefill_ops\":\"x\"", "prefill_ops"},
    {"\"warmup\":true", "\"warmup\":1", "warmup"},
    {"\"fuse\":\"all-norm\"", "\"fuse\":1", "fuse"},
    {"\"operators\":[", "\"operators\":7,\"x\":[", "operators"},
    {"\"operators\":[", "\"operators\":[{},", "operators[0]"},
    {"\"phase\":\"decode\"", "\"phase\":\"decoding\"", "operators[1]"},
    {"\"name\":\"qkv\"", "\"name\":7", "operators[0]"},
    {"\"wait_ns\":150000", "\"wait_ns\":-1", "operators[0]"},
    {"\"weight_bytes\":1000", "\"weight_bytes\":null", "operators[0]"},
    {"\"samples\":[{", "\"samples\":[7,{", "samples[0]"},
    {"\"samples\":[", "\"samples\":7,\"other\":[", "samples"},
    {"\"token_ns\":[9,9]", "\"token_ns\":[9,\"x\"]", "samples[0].token_ns"},
    {"\"token_ns\":[9,9]", "\"token_ns\":[9,-1]", "samples[0].token_ns"},
    {"\"token_ns\":[9,9]", "\"token_ns\":{\"a\":1}", "samples[0].token_ns"},
    {"\"total_ns\":", "\"total_ns\":[],\"x\":", "samples[0].total_ns"},
    {"\"before\":{", "\"before\":[],\"x\":{", "samples[0].before"},
    {"\"load_1min\":0.25", "\"load_1min\":\"hot\"", "samples[0].before"},
    {"\"during\":{", "\"during\":[],\"x\":{", "samples[0].during"},
    {"\"readings\":17", "\"readings\":-1", "samples[0].during"},
    {"\"joules\":12.5", "\"joules\":\"much\"", "samples[0].during"},
    {"\"joules\":12.5", "\"watts\":12.5", "samples[0].during"},
    {"\"energy\":\"pro", "\"energy\":7,\"x\":\"pro", "samples[0].during"},
    {"\"profile\":{", "\"profile\":[],\"x\":{", "profile"},
    {"{\"samples\"", "[{\"samples\"", "not a JSON object"},
};

START_TEST(refuses)
{
    struct aglm_record r, back;
    struct aglm_err err = {0};
    aglm_samples_record(&r);
    aglm_samples_add(&r, 5, 7, 9, 2);
    aglm_samples_during(&r);
    aglm_samples_operators(&r);
    char *json = aglm_record_json(&r);
    const char *const *h = hostile[_i];
    char *at = strstr(json, h[0]);
    ck_assert_msg(at != NULL, "%s is not in %s", h[0], json);
    size_t size = strlen(json) + strlen(h[1]) + 1;
    char *bad = malloc(size);
    snprintf(bad, size, "%.*s%s%s", (int)(at - json), json, h[1], at + strlen(h[0]));
    aglm_record_init(&back);
    ck_assert_msg(aglm_record_parse(&back, bad, &err) == -EINVAL, "%s was taken", h[1]);
    ck_assert_msg(strstr(err.msg, h[2]) != NULL, "'%s' gives: %s", h[1], err.msg);
    ck_assert_uint_eq(back.n_samples, 0); /* untouched */
    free(bad);
    free(json);
    aglm_record_finish(&back);
    aglm_record_finish(&r);
}
END_TEST

START_TEST(every_truncation_is_refused)
{
    struct aglm_record r, back;
    aglm_samples_record(&r);
    aglm_samples_add(&r, 5, 7, 9, 2);
    char *json = aglm_record_json(&r);
    aglm_record_init(&back);
    for (size_t n = strlen(json); n > 0; n--) {
        json[n - 1] = '\0';
        ck_assert_int_eq(aglm_record_parse(&back, json, NULL), -EINVAL);
    }
    free(json);
    aglm_record_finish(&r);
}
END_TEST

START_TEST(depth_bomb_is_refused)
{
    static char deep[200001];
    struct aglm_record back;
    memset(deep, '[', sizeof(deep) - 1);
    aglm_record_init(&back);
    ck_assert_int_eq(aglm_record_parse(&back, deep, NULL), -EINVAL);
    ck_assert_int_eq(aglm_record_parse(&back, "{} x", NULL), -EINVAL);
}
END_TEST

START_TEST(uuids)
{
    char a[37], b[37];
    ck_assert_int_eq(aglm_uuid_v7(a, 0x0123456789ab, NULL), 0);
    ck_assert_int_eq(aglm_uuid_v7(b, 0x0123456789ac, NULL), 0);
    ck_assert_uint_eq(strlen(a), 36);
    ck_assert_mem_eq(a, "01234567-89ab-7", 15);
    ck_assert_ptr_nonnull(strchr("89ab", a[19]));
    ck_assert_int_lt(strcmp(a, b), 0); /* later is larger */
    ck_assert_int_eq(aglm_uuid_v7(b, 0x0123456789ab, NULL), 0);
    ck_assert_str_ne(a, b);
}
END_TEST

Suite *aglm_suite_record(void)
{
    Suite *suite = suite_create("record");
    TCase *tc = tcase_create("record");
    tcase_add_test(tc, round_trip);
    tcase_add_test(tc, records_from_before_the_roof);
    tcase_add_test(tc, bytes_that_are_no_utf8);
    tcase_add_loop_test(tc, refuses, 0, sizeof(hostile) / sizeof(hostile[0]));
    tcase_add_test(tc, every_truncation_is_refused);
    tcase_add_test(tc, depth_bomb_is_refused);
    tcase_add_test(tc, uuids);
    suite_add_tcase(suite, tc);
    return suite;
}
