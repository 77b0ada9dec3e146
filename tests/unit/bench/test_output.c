/* Output: llama-bench's columns in order, escaping in every format, what is unknown, what is
 * INVALID. */
#include "bench/columns.h"
#include "bench/escape.h"
#include "bench/operators.h"
#include "bench/output.h"
#include "tests/unit/bench/samples.h"
#include "tests/unit/bench/suites.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

static char *printed(enum aglm_format format, const struct aglm_record *records, size_t n)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    ck_assert_ptr_nonnull(out);
    ck_assert_int_eq(aglm_output(out, format, records, n), 0);
    fclose(out);
    return text;
}

static const char *const llama_bench[] = {"build_commit",   "build_number",
                                          "cpu_info",       "gpu_info",
                                          "backends",       "model_filename",
                                          "model_type",     "model_size",
                                          "model_n_params", "n_batch",
                                          "n_ubatch",       "n_threads",
                                          "cpu_mask",       "cpu_strict",
                                          "poll",           "type_k",
                                          "type_v",         "n_gpu_layers",
                                          "n_cpu_moe",      "split_mode",
                                          "main_gpu",       "no_kv_offload",
                                          "flash_attn",     "devices",
                                          "tensor_split",   "tensor_buft_overrides",
                                          "use_mmap",       "embeddings",
                                          "no_op_offload",  "no_host",
                                          "n_prompt",       "n_gen",
                                          "n_depth",        "test_time",
                                          "avg_ns",         "stddev_ns",
                                          "avg_ts",         "stddev_ts"};

START_TEST(llama_benchs_columns_come_first)
{
    struct aglm_record r;
    struct aglm_results d;
    struct aglm_row row;
    aglm_samples_record(&r);
    aglm_results_derive(&d, &r);
    aglm_row_fill(&row, &r, &d);
    for (size_t i = 0; i < sizeof(llama_bench) / sizeof(llama_bench[0]); i++) {
        ck_assert_str_eq(row.cells[i].name, llama_bench[i]);
    }
    for (size_t i = 0; i < row.n; i++) { /* no name twice */
        for (size_t j = 0; j < i; j++) {
            ck_assert_str_ne(row.cells[i].name, row.cells[j].name);
        }
    }
    ck_assert_str_eq(row.test_time, "2023-11-14T22:13:20Z");
    aglm_record_finish(&r);
}
END_TEST

START_TEST(csv)
{
    struct aglm_record r;
    aglm_samples_record(&r);
    aglm_samples_add(&r, 64000000, 1000000, 1000000, 7);
    char *text = printed(AGLM_FORMAT_CSV, &r, 1);
    ck_assert_ptr_eq(strstr(text, "build_commit,build_number,cpu_info,"), text);
    ck_assert_ptr_nonnull(strstr(text, "\"a \"\"label\"\", it's\nodd; \xc3\xa4 | \\\""));
    ck_assert_ptr_nonnull(strstr(text, ",\"72000000\",,\"1000.000000\",,")); /* one sample: no sd */
    free(text);
    aglm_record_finish(&r);
}
END_TEST

START_TEST(json)
{
    struct aglm_record r[2];
    for (size_t i = 0; i < 2; i++) {
        aglm_samples_record(&r[i]);
        aglm_samples_add(&r[i], 64000000, 1000000, 1000000, 7);
    }
    snprintf(r[1].label, sizeof(r[1].label), "\x01\x7f\xff");
    char *text = printed(AGLM_FORMAT_JSON, r, 2);
    cJSON *root = cJSON_Parse(text);
    ck_assert_int_eq(cJSON_GetArraySize(root), 2);
    const cJSON *one = cJSON_GetArrayItem(root, 0);
    ck_assert_str_eq(cJSON_GetObjectItem(one, "label")->valuestring, r[0].label);
    ck_assert(cJSON_IsNull(cJSON_GetObjectItem(one, "stddev_ts")));
    ck_assert_double_eq(cJSON_GetObjectItem(one, "avg_ns")->valuedouble, 72000000);
    ck_assert_double_eq(cJSON_GetArrayItem(cJSON_GetObjectItem(one, "samples_ts"), 0)->valuedouble,
                        1000);
    ck_assert_int_eq(
        cJSON_GetArraySize(cJSON_GetArrayItem(cJSON_GetObjectItem(one, "samples_token_ns"), 0)), 7);
    one = cJSON_GetArrayItem(root, 1);
    ck_assert_str_eq(cJSON_GetObjectItem(one, "label")->valuestring, "\x01\x7f\xef\xbf\xbd");
    cJSON_Delete(root);
    free(text);
    text = printed(AGLM_FORMAT_JSONL, r, 2);
    char *second = strchr(text, '\n') + 1;
    ck_assert_ptr_nonnull(strchr(second, '\n'));
    ck_assert_ptr_eq(strchr(second, '\n')[1] == '\0' ? text : NULL, text); /* two lines */
    root = cJSON_Parse(second);
    ck_assert(cJSON_IsObject(root));
    cJSON_Delete(root);
    free(text);
    aglm_record_finish(&r[0]);
    aglm_record_finish(&r[1]);
}
END_TEST

START_TEST(sql)
{
    struct aglm_record r;
    aglm_samples_record(&r);
    aglm_samples_add(&r, 64000000, 1000000, 1000000, 7);
    char *text = printed(AGLM_FORMAT_SQL, &r, 1);
    ck_assert_ptr_eq(
        strstr(text, "CREATE TABLE IF NOT EXISTS llama_bench (\n  build_commit TEXT,\n"), text);
    ck_assert_ptr_nonnull(strstr(text, "'a \"label\", it''s\nodd; \xc3\xa4 | \\'"));
    ck_assert_ptr_nonnull(strstr(text, ", 72000000, NULL, 1000.000000, NULL, "));
    free(text);
    aglm_record_finish(&r);
}
END_TEST

START_TEST(nothing_is_still_a_document)
{
    char *text = printed(AGLM_FORMAT_JSON, NULL, 0);
    cJSON *root = cJSON_Parse(text);
    ck_assert(cJSON_IsArray(root));
    cJSON_Delete(root);
    free(text);
    text = printed(AGLM_FORMAT_CSV, NULL, 0);
    ck_assert_ptr_eq(strstr(text, "build_commit,"), text);
    free(text);
    text = printed(AGLM_FORMAT_MD, NULL, 0);
    ck_assert_str_eq(text, "");
    free(text);
    text = printed(AGLM_FORMAT_JSONL, NULL, 0);
    ck_assert_str_eq(text, "");
    free(text);
}
END_TEST

/* Number of unescaped '|' in the line at text. */
static size_t bars(const char *text)
{
    size_t n = 0;
    for (bool escaped = false; *text != '\n'; text++) {
        n += *text == '|' && !escaped;
        escaped = *text == '\\';
    }
    return n;
}

START_TEST(md)
{
    struct aglm_record r[2];
    for (size_t i = 0; i < 2; i++) {
        aglm_samples_record(&r[i]);
        aglm_samples_add(&r[i], 64000000, 1000000, 1000000, 7);
        aglm_samples_add(&r[i], 136000000, 1000000, 1000000, 7);
    }
    snprintf(r[0].model_type, sizeof(r[0].model_type), "a|b\nc");
    r[1].n_ubatch = 64;
    r[1].valid = false;
    snprintf(r[1].reasons, sizeof(r[1].reasons), "others used 23%% of the CPU");
    r[0].samples[0].after.cpu_total_ticks = NAN; /* nobody watched the first */
    r[0].samples[0].after.others_cpu_percent = r[0].samples[1].after.others_cpu_percent = NAN;
    char *text = printed(AGLM_FORMAT_MD, r, 2);
    const char *line = text;
    for (size_t i = 0; i < 4; i++) { /* header, rule, two rows: as many cells each */
        ck_assert_uint_eq(bars(line), bars(text));
        line = strchr(line, '\n') + 1;
    }
    ck_assert_ptr_nonnull(strstr(text, "of roof"));
    ck_assert_ptr_nonnull(
        strstr(text, "| 57%, 1000% | ")); /* 735 of 1280 Gop/s, 1250 of 125 MB/s */
    ck_assert_ptr_nonnull(strstr(text, "a\\|b c"));
    ck_assert_ptr_nonnull(strstr(text, "750.00 \xc2\xb1 353.55 | 750.00 [500.00, 1000.00]"));
    ck_assert_ptr_nonnull(strstr(text, "median [range]"));
    ck_assert_ptr_nonnull(strstr(text, "n_ubatch"));
    ck_assert_ptr_null(strstr(text, "n_batch"));
    ck_assert_ptr_null(strstr(text, "cpu_mask"));
    ck_assert_ptr_nonnull(strstr(text, "| INVALID "));
    ck_assert_ptr_nonnull(strstr(text, "- pp64+tg8, llama 1M Q4_0, 2 threads, -ub 64, fused: "
                                       "all-norm: others used 23% of the CPU\n"));
    ck_assert_ptr_nonnull(strstr(text, "| VALID, others unknown |"));
    ck_assert_ptr_nonnull(strstr(text, "\nothers unknown (how much of the CPU others used): cannot "
                                       "be read on this system\n"));
    ck_assert_ptr_nonnull(strstr(text, "build: 0123456789 (0.1.0)\n"));
    free(text);
    r[0].roof_read.best = r[0].roof_int8.best = NAN;
    r[1].prefill_ops /= 100;
    text = printed(AGLM_FORMAT_MD, r, 2);
    ck_assert_ptr_nonnull(strstr(text, "|           - | "));
    ck_assert_ptr_nonnull(strstr(text, "| 0.6%, 1000% | "));
    free(text);
    r[1].roof_read.best = r[1].roof_int8.best = NAN;
    text = printed(AGLM_FORMAT_MD, r, 2);
    ck_assert_ptr_null(strstr(text, "of roof")); /* nothing to say */
    free(text);
    aglm_record_finish(&r[0]);
    aglm_record_finish(&r[1]);
}
END_TEST

START_TEST(operators)
{
    struct aglm_record r;
    struct aglm_operator_figures f;
    struct aglm_operator_rest rest;
    aglm_samples_record(&r);
    aglm_samples_add(&r, 64000000, 1000000, 1000000, 7);
    aglm_samples_operators(&r);
    r.operators[0].float_ops = r.operators[1].float_ops = 0;
    aglm_operator_derive(&f, &r, &r.operators[0]); /* a prompt: 0.1 ms of arithmetic in 0.4 ms */
    ck_assert_double_eq_tol(f.share_percent, 100.0 * 0.4 / 64, 1e-9);
    ck_assert_double_eq_tol(f.wait_percent, 37.5, 1e-9);
    ck_assert_double_eq_tol(f.roof_percent, 25, 1e-9);
    ck_assert_double_eq_tol(f.ops_per_s, 128e6 / 0.4e-3, 1);
    aglm_operator_derive(&f, &r, &r.operators[1]); /* a token: 0.2 ms of reading */
    ck_assert_double_eq_tol(f.roof_percent, 50, 1e-9);
    ck_assert_double_eq_tol(f.ns_per_token, 400000.0 / 8, 1e-9);
    aglm_operators_rest(&rest, &r, "decode");
    ck_assert_double_eq(rest.wait_ns, 150000);
    ck_assert_double_eq(rest.other_ns, 8000000 - 400000);
    r.operators[0].float_ops = 1; /* whose limit is not known */
    aglm_operator_derive(&f, &r, &r.operators[0]);
    ck_assert_double_nan(f.roof_percent);
    char *text = printed(AGLM_FORMAT_MD, &r, 1);
    ck_assert_ptr_nonnull(strstr(text, "\nOperators, decode per token: pp64+tg8, llama 1M Q4_0, 2 "
                                       "threads, fused: all-norm\n\n| operator   |"));
    ck_assert_ptr_nonnull(strstr(text,
                                 "| qkv        | 50.0 | 5.00% | 37.5% |       0.00 |     0.00 "
                                 "|    0.00 | 16.0 | 0.06 |   320 |   50.0% |\n"));
    ck_assert_ptr_nonnull(strstr(text, "| (barriers) | 18.8 | 1.88% |     - |"));
    ck_assert_ptr_nonnull(strstr(text, "| (other)    |  950 | 95.0% |     - |"));
    ck_assert_ptr_nonnull(strstr(text, "| (all)      | 1000 |  100% |     - |"));
    free(text);
    r.valid = false;
    text = printed(AGLM_FORMAT_MD, &r, 1);
    ck_assert_ptr_nonnull(strstr(text, "2 threads, fused: all-norm, INVALID\n"));
    aglm_record_finish(&r);
    free(text);
}
END_TEST

/* In json as whole numbers, with what they leave over; in sql by test. */
START_TEST(operators_of_other_formats)
{
    struct aglm_record r;
    aglm_samples_record(&r);
    aglm_samples_add(&r, 64000000, 1000000, 1000000, 7);
    aglm_samples_operators(&r);
    r.operators[0].float_ops = 1; /* whose limit is not known */
    r.operators[1].float_ops = 0;
    char *text = printed(AGLM_FORMAT_JSON, &r, 1);
    cJSON *root = cJSON_Parse(text);
    const cJSON *list = cJSON_GetObjectItem(cJSON_GetArrayItem(root, 0), "operators");
    ck_assert_int_eq(cJSON_GetArraySize(list), 2);
    const cJSON *one = cJSON_GetArrayItem(list, 1);
    ck_assert_str_eq(cJSON_GetObjectItem(one, "name")->valuestring, "qkv");
    ck_assert_double_eq(cJSON_GetObjectItem(one, "kv_bytes")->valuedouble, 5000);
    ck_assert_double_eq(cJSON_GetObjectItem(one, "roof_percent")->valuedouble, 50);
    ck_assert(cJSON_IsNull(cJSON_GetObjectItem(cJSON_GetArrayItem(list, 0), "roof_percent")));
    ck_assert_ptr_nonnull(strstr(text, "\"kv_bytes\": 5000, "));
    ck_assert_ptr_nonnull(strstr(text, "\"prefill_ops\": 64000000000,"));
    ck_assert_ptr_nonnull(strstr(text, "\"pack_ns\": 0,"));
    ck_assert_ptr_nonnull(strstr(text, "\"packed_bytes\": null,"));
    list = cJSON_GetObjectItem(cJSON_GetArrayItem(root, 0), "operator_phases");
    ck_assert_int_eq(cJSON_GetArraySize(list), 2);
    one = cJSON_GetArrayItem(list, 1);
    ck_assert_str_eq(cJSON_GetObjectItem(one, "phase")->valuestring, "decode");
    ck_assert_double_eq(cJSON_GetObjectItem(one, "n_tokens")->valuedouble, 8);
    ck_assert_double_eq(cJSON_GetObjectItem(one, "all_ns")->valuedouble, 8000000);
    ck_assert_double_eq(cJSON_GetObjectItem(one, "barriers_ns")->valuedouble, 150000);
    ck_assert_double_eq(cJSON_GetObjectItem(one, "other_ns")->valuedouble, 8000000 - 400000);
    cJSON_Delete(root);
    free(text);
    text = printed(AGLM_FORMAT_SQL, &r, 1);
    ck_assert_ptr_nonnull(strstr(text, "CREATE TABLE IF NOT EXISTS operator ("));
    ck_assert_ptr_nonnull(strstr(text,
                                 "INSERT INTO operator VALUES ("
                                 "'01900000-0000-7000-8000-000000000002', 'decode', 'qkv', 4, "
                                 "250000, 150000, 20000, 5000, 64, 128000000, 0);\n"));
    free(text);
    aglm_record_finish(&r);
}
END_TEST

/* One pair is told as one, six have an interval; rows of a sweep and INVALID ones are named. */
START_TEST(few_and_many_pairs)
{
    struct aglm_record r[4];
    for (size_t i = 0; i < 4; i++) {
        aglm_samples_record(&r[i]);
        snprintf(r[i].fuse, sizeof(r[i].fuse), "%s", i % 2 ? "none" : "all");
        snprintf(r[i].load, sizeof(r[i].load), "%s", i < 2 ? "pack" : "mmap");
        aglm_samples_add(&r[i], (i % 2 ? 110 : 100) * 640000, 0, 0, 0);
    }
    r[3].valid = false;
    char *text = printed(AGLM_FORMAT_MD, r, 4);
    ck_assert_ptr_nonnull(strstr(text,
                                 "| --load pack |       2 | pp64+tg8 | none  | 1022.73 |       "
                                 "1125.00 |      +10.0% | one pair: shows nothing          |"));
    ck_assert_ptr_nonnull(strstr(text, "| --load mmap |"));
    ck_assert_ptr_nonnull(strstr(text, "| one pair: shows nothing, INVALID |"));
    ck_assert_ptr_nonnull(strstr(text, "|  median |")); /* of one sample: no interval either */
    ck_assert_ptr_nonnull(strstr(text, "| 1125.00 | 1125.00 | "));
    free(text);
    for (size_t i = 0; i < 2; i++) {
        for (size_t k = 1; k < 6; k++) {
            aglm_samples_add(&r[i], (i % 2 ? 110 + k : 100) * 640000, 0, 0, 0);
        }
    }
    text = printed(AGLM_FORMAT_MD, r, 2);
    ck_assert_ptr_nonnull(strstr(text, "+12.5% [+10.0, +15.0] | 6 of 6 "));
    ck_assert_ptr_nonnull(strstr(text, "and its 95% interval)"));
    ck_assert_ptr_null(strstr(text, "Under 6 pairs"));
    ck_assert_ptr_null(strstr(text, "| options"));
    free(text);
    for (size_t i = 0; i < 4; i++) {
        aglm_record_finish(&r[i]);
    }
}
END_TEST

/* Of each round the neighbours: 20%, 10% and 50% faster with everything fused. */
START_TEST(gains)
{
    static const uint64_t apart[] = {120, 110, 150};
    struct aglm_record r[3];
    for (size_t i = 0; i < 3; i++) {
        aglm_samples_record(&r[i]);
        for (size_t k = 0; k < 3; k++) {
            aglm_samples_add(&r[i], (i == 1 ? apart[k] : 100) * 640000, 0, 0, 0);
        }
    }
    snprintf(r[0].fuse, sizeof(r[0].fuse), "all");
    r[2].n_threads = 1; /* another test: no partner */
    char *text = printed(AGLM_FORMAT_MD, r, 3);
    ck_assert_ptr_nonnull(strstr(text, "| fuse     |"));
    ck_assert_ptr_nonnull(strstr(text,
                                 "| llama 1M Q4_0 |       2 | pp64+tg8 | all-norm | 937.50 |   "
                                 "    1125.00 | +20.0% [+10.0, +50.0] | 3 of 3    |\n"));
    ck_assert_ptr_nonnull(strstr(text, "and its range)"));
    ck_assert_ptr_nonnull(strstr(text, "\nUnder 6 pairs chance may do that"));
    ck_assert_ptr_null(strstr(text, "| llama 1M Q4_0 |       1 | pp64+tg8 | all-norm |"));
    free(text);
    text = printed(AGLM_FORMAT_MD, r + 1, 2);
    ck_assert_ptr_null(strstr(text, "What fused operators are worth"));
    free(text);
    for (size_t i = 0; i < 3; i++) {
        aglm_record_finish(&r[i]);
    }
}
END_TEST

START_TEST(utf8)
{
    static const struct {
        const char *text;
        size_t length;
    } cases[] = {{"a", 1},
                 {"\xc3\xa4", 2},
                 {"\xe2\x96\x88", 3},
                 {"\xf0\x9f\x98\x80", 4},
                 {"\x80", 0},
                 {"\xc0\x80", 0},
                 {"\xc1\xbf", 0},
                 {"\xe0\x9f\xbf", 0},
                 {"\xed\xa0\x80", 0},
                 {"\xf0\x8f\xbf\xbf", 0},
                 {"\xf4\x90\x80\x80", 0},
                 {"\xf5\x80\x80\x80", 0},
                 {"\xe2\x96", 0},
                 {"\xc3", 0},
                 {"\xff", 0}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ck_assert_uint_eq(aglm_utf8_length(cases[i].text), cases[i].length);
    }
    ck_assert_uint_eq(aglm_utf8_columns("1 \xc2\xb1 \xff"), 5);
}
END_TEST

Suite *aglm_suite_output(void)
{
    Suite *suite = suite_create("output");
    TCase *tc = tcase_create("output");
    tcase_add_test(tc, llama_benchs_columns_come_first);
    tcase_add_test(tc, csv);
    tcase_add_test(tc, json);
    tcase_add_test(tc, sql);
    tcase_add_test(tc, nothing_is_still_a_document);
    tcase_add_test(tc, md);
    tcase_add_test(tc, operators);
    tcase_add_test(tc, operators_of_other_formats);
    tcase_add_test(tc, few_and_many_pairs);
    tcase_add_test(tc, gains);
    tcase_add_test(tc, utf8);
    suite_add_tcase(suite, tc);
    return suite;
}
