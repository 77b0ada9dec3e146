/* The page: whole and well-formed with and without gnuplot, from an empty store, and with names
 * that try to break out. What a page may hold is checked by check_page.py. */
#include "reports/gnuplot.h"
#include "reports/html.h"
#include "tests/unit/reports/suites.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *report(struct aglm_store *store, const char *path,
                    const struct aglm_report_options *options)
{
    struct aglm_err err = {0};
    ck_assert_msg(aglm_report_write(store, path, options, &err) == 0, "%s", err.msg);
    return read_all(path);
}

START_TEST(full_page)
{
    struct aglm_store *store = open_store(scratch("full.db"));
    fill_store(store);
    char *page = report(store, scratch("full.html"), NULL);
    check_page(scratch("full.html"), "7",
               NULL); /* 2 by threads, 2 by quantization, tokens, 2 over time */
    static const char *const expected[] = {"GLM-Edge-1.5B",
                                           "pp512",
                                           "tg32",
                                           "VALID",
                                           "Q8_0",
                                           "Test CPU",
                                           "What each number means",
                                           "aglm-bench run -m",
                                           "Snapdragon 8 Elite",
                                           "var(--s3)"};
    for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++)
        ck_assert_msg(strstr(page, expected[i]) != NULL, "%s", expected[i]);
    ck_assert_ptr_null(strstr(page, "No plots"));
    free(page);
    aglm_store_close(&store);
}
END_TEST

START_TEST(without_gnuplot)
{
    struct aglm_store *store = open_store(scratch("nogp.db"));
    fill_store(store);
    char *page = report(store, scratch("nogp.html"),
                        &(struct aglm_report_options){.gnuplot = "/nonexistent/gnuplot"});
    check_page(scratch("nogp.html"), "0", NULL);
    ck_assert_ptr_nonnull(strstr(page, "apt install gnuplot-nox"));
    ck_assert_ptr_nonnull(strstr(page, "<summary>Data</summary>"));
    free(page);
    aglm_store_close(&store);
}
END_TEST

START_TEST(broken_gnuplot)
{
    static const char *const commands[] = {"/bin/false", "/bin/cat", "/bin/true", "/"};
    struct aglm_store *store = open_store(scratch("broken.db"));
    fill_store(store);
    for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
        char *page = report(store, scratch("broken.html"),
                            &(struct aglm_report_options){.gnuplot = commands[i]});
        check_page(scratch("broken.html"), "0", NULL);
        ck_assert_ptr_nonnull(strstr(page, "No plots"));
        free(page);
    }
    aglm_store_close(&store);
}
END_TEST

START_TEST(gnuplot_errors)
{
    struct aglm_text script = {0}, out = {0};
    struct aglm_err err = {0};
    aglm_text_raw(&script, "this is no command\n");
    ck_assert_int_eq(aglm_gnuplot_run(NULL, &script, &out, &err), -EPROTO);
    /* Some gnuplots end with status 1 after an error, some with 0 and no output. */
    ck_assert_msg(strstr(err.msg, "gnuplot: drew nothing: ") ||
                      strstr(err.msg, "gnuplot: failed with status 1: "),
                  "%s", err.msg);
    ck_assert_msg(strstr(err.msg, "invalid command") != NULL, "%s", err.msg);
    ck_assert_int_eq(aglm_gnuplot_run("/nonexistent", &script, &out, &err), -ENOENT);
    ck_assert_int_eq(aglm_gnuplot_run("/etc/passwd", &script, &out, &err), -EACCES);
    ck_assert_uint_eq(out.len, 0);
    aglm_text_finish(&script);
    aglm_text_finish(&out);
}
END_TEST

START_TEST(shares_of_the_roof)
{
    struct aglm_store *store = open_store(scratch("roof.db"));
    struct aglm_record rec;
    for (unsigned n = 0; n < 3; n++) { /* a prompt, an answer, an answer without its roof */
        fill_sweep(&rec, n, "Q4_0", 1 + n, n ? 0 : 512, n ? 32 : 0, 20);
        rec.prefill_ops = 512e9;
        rec.kv_bytes_per_token = 100000000;
        snprintf(rec.prefill_kind, sizeof(rec.prefill_kind), "int8");
        if (n < 2) {
            rec.roof_int8 = (struct aglm_roof_range){50e9, 39e9, 31e9};
            rec.roof_read = (struct aglm_roof_range){25e9, 24e9, 23e9};
        }
        put(store, &rec);
        aglm_record_finish(&rec);
    }
    char *page = report(store, scratch("roof.html"), NULL);
    check_page(scratch("roof.html"), "any", NULL);
    ck_assert_ptr_nonnull(
        strstr(page, "40.1% <span class=\"muted\">of 50.0 Gop/s [31.0, 50.0]</span>"));
    ck_assert_ptr_nonnull(
        strstr(page, "80.2% <span class=\"muted\">of 25.0 GB/s [23.0, 25.0]</span>"));
    free(page);
    aglm_store_close(&store);
}
END_TEST

START_TEST(while_tests_ran)
{
    struct aglm_store *store = open_store(scratch("during.db"));
    struct aglm_record rec;
    fill_sweep(&rec, 0, "Q4_0", 2, 0, 32, 20);
    for (size_t i = 1; i < rec.n_samples; i++) {
        struct aglm_during *d = &rec.samples[i].during;
        aglm_during_init(d);
        d->started_ms = rec.started_ms + 5000 * (int64_t)i;
        d->readings = 9;
        d->temperature_min_degc = 40 + (double)i;
        d->temperature_median_degc = 42 + (double)i;
        d->temperature_max_degc = 44 + (double)i;
        d->frequency_low_khz = 1.5e6;
        d->limit_low_percent = i == 5 ? 62 : 100;
        d->limit_top_percent = 100;
        d->android_status = 1;
        d->own_cpu_percent = 0.125;
        d->joules = 64;
        snprintf(d->energy, sizeof(d->energy), "the <battery>");
    }
    put(store, &rec);
    aglm_record_finish(&rec);
    char *page = report(store, scratch("during.html"), NULL);
    check_page(scratch("during.html"), "any", NULL);
    ck_assert_ptr_nonnull(strstr(page, "45.5 [41.0, 50.0]"));
    ck_assert_ptr_nonnull(strstr(page, "Android: light; limit at 62%"));
    ck_assert_ptr_nonnull(strstr(page, "<td class=\"n\">2.00</td><td>the &lt;battery&gt;</td>"));
    ck_assert_ptr_nonnull(strstr(page, "Temperature over 25 s: from 41 to 50 degrees Celsius"));
    free(page);
    aglm_store_close(&store);
}
END_TEST

START_TEST(empty_store)
{
    struct aglm_store *store = open_store(scratch("empty.db"));
    struct aglm_err err = {0};
    ck_assert_int_eq(aglm_report_write(store, scratch("empty.html"), NULL, &err), -ENODATA);
    ck_assert_msg(strstr(err.msg, "nothing was measured yet") != NULL, "%s", err.msg);
    ck_assert_msg(strstr(err.msg, "--device-profile --db") != NULL, "%s", err.msg);
    ck_assert_int_eq(access(scratch("empty.html"), F_OK), -1);
    ck_assert_int_eq(aglm_report_split(store, scratch("empty"), NULL, &err), -ENODATA);
    ck_assert_int_eq(access(scratch("empty"), F_OK), -1);
    aglm_store_close(&store);
}
END_TEST

/* Every text of a record, and the profile, tries to leave its place. */
START_TEST(hostile_names)
{
    static const char *const evil[] = {"\"><script>alert(1)</script>",
                                       "`touch /tmp/aglm-owned`",
                                       "'; system(\"touch /tmp/aglm-owned\") #",
                                       "</svg><img src=x onerror=alert(1)>",
                                       "a\nplot sin(x)\nEOD\n!touch /tmp/aglm-owned",
                                       "@0@ @1@ %s %n %5$s",
                                       "\xff\xfe\x01\x7f",
                                       "-->]]>&amp;&#60;",
                                       "$(touch /tmp/aglm-owned)",
                                       "{/*80 x}^{y}_{z}"};
    const size_t n_evil = sizeof(evil) / sizeof(*evil);
    struct aglm_store *store = open_store(scratch("evil.db"));
    unlink("/tmp/aglm-owned");
    for (unsigned n = 0; n < 20; n++) {
        struct aglm_record rec;
        const char *text = evil[n % n_evil];
        fill_sweep(&rec, n, text, 1 + n % 2, n < 10 ? 64 : 0, n < 10 ? 0 : 32, 10 + n);
        char *const fields[] = {
            rec.model_name, rec.model_path, rec.cpu_info,   rec.gpu_info, rec.reasons, rec.compiler,
            rec.flags,      rec.version,    rec.commit,     rec.label,    rec.isa,     rec.backend,
            rec.cpu_mask,   rec.affinity,   rec.requantize, rec.order,    rec.test};
        for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
            snprintf(fields[i], 16, "%.15s", text); /* the shortest field's size */
        snprintf(rec.model_name, sizeof(rec.model_name), "%s", text);
        snprintf(rec.model_path, sizeof(rec.model_path), "%s", text);
        snprintf(rec.reasons, sizeof(rec.reasons), "%s", text);
        rec.valid = n % 3 != 0;
        rec.profile_json = strdup(
            n % 2 ? "{\"facts\":[{\"key\":\"cpu.<b>\",\"label\":\"<script>\",\"value\":\"</td>\","
                    "\"unit\":\"<i>\",\"source\":\"'\\\"\"},{\"key\":7},3,null]}"
                  : "{\"facts\":</script>");
        put(store, &rec);
        aglm_record_finish(&rec);
    }
    char *page =
        report(store, scratch("evil.html"), &(struct aglm_report_options){.title = evil[0]});
    check_page(scratch("evil.html"), "any", NULL);
    ck_assert_ptr_null(strstr(page, "<script"));
    ck_assert_ptr_null(strstr(page, "<img"));
    ck_assert_int_eq(access("/tmp/aglm-owned", F_OK), -1);
    free(page);
    aglm_store_close(&store);
}
END_TEST

START_TEST(odd_records)
{
    struct aglm_store *store = open_store(scratch("odd.db"));
    struct aglm_record rec;
    fill_sweep(&rec, 1, "", 0, 0, 0, 1); /* no tokens, no threads, no name */
    rec.model_name[0] = rec.cpu_info[0] = rec.fingerprint[0] = '\0';
    rec.started_ms = -5;
    put(store, &rec);
    char *page = report(store, scratch("odd.html"), NULL);
    check_page(scratch("odd.html"), "any", NULL);
    free(page);
    rec.n_samples = 0; /* broken off before the first repetition */
    put(store, &rec);
    rec.n_samples = 7;
    page = report(store, scratch("odd.html"), NULL);
    check_page(scratch("odd.html"), "any", NULL);
    free(page);
    aglm_record_finish(&rec);
    aglm_store_close(&store);
}
END_TEST

START_TEST(output_errors)
{
    struct aglm_store *store = open_store(scratch("out.db"));
    struct aglm_err err = {0};
    fill_store(store);
    ck_assert_int_eq(aglm_report_write(store, scratch("no/such/r.html"), NULL, &err), -ENOENT);
    ck_assert_msg(strstr(err.msg, "mkdir -p") != NULL, "%s", err.msg);
    ck_assert_int_eq(aglm_report_write(store, scratch_dir(), NULL, &err), -EISDIR);
    ck_assert_int_eq(aglm_report_write(store, "", NULL, &err), -EINVAL);
    ck_assert_int_lt(
        aglm_report_write(store, scratch("r.html"),
                          &(struct aglm_report_options){.thresholds = "/nonexistent.ini"}, &err),
        0);
    ck_assert_int_eq(access(scratch("r.html"), F_OK), -1);
    aglm_store_close(&store);
}
END_TEST

/* What fused operators are worth, from the newest run that has both; a profile. */
/* A step of the ladder, or (speed > 0) a test of speed with the same answers. */
static void put_step(struct aglm_store *store, unsigned n, const char *quantization, unsigned right,
                     double speed)
{
    struct aglm_record rec;
    fill_sweep(&rec, n, quantization, 2, 0, 32, speed > 0 ? speed : 1);
    if (speed <= 0) {
        for (size_t i = 0; i < rec.n_samples; i++)
            free(rec.samples[i].token_ns);
        rec.n_samples = 0;
        snprintf(rec.suite, sizeof(rec.suite), "accuracy");
        snprintf(rec.test, sizeof(rec.test), "accuracy");
        snprintf(rec.model_name, sizeof(rec.model_name), "glm-mini");
        rec.n_gen = 0;
    }
    fill_answers(&rec, 2 * n, 500, 400, right);
    rec.valid = right * 100 >= 400 * 91;
    snprintf(rec.reasons, sizeof(rec.reasons), "%s", rec.valid ? "" : "accuracy: too little kept");
    put(store, &rec);
    aglm_record_finish(&rec);
}

START_TEST(ladder_of_quantizations)
{
    struct aglm_store *store = open_store(scratch("ladder.db"));
    put_step(store, 0, "F32", 400, 0);
    put_step(store, 1, "Q8_0", 399, 0);
    put_step(store, 2, "Q4_0", 380, 0);
    put_step(store, 3, "Q2_K", 200, 0);
    char *page = report(store, scratch("asked.html"), NULL); /* answers and no speed */
    check_page(scratch("asked.html"), "1", NULL);
    ck_assert_ptr_nonnull(strstr(page, "<section id=\"accuracy\">"));
    free(page);
    put_step(store, 4, "Q8_0", 399, 20);
    put_step(store, 5, "Q4_0", 380, 40);
    put_step(store, 6, "Q2_K", 200, 60);
    page = report(store, scratch("ladder.html"), NULL);
    check_page(scratch("ladder.html"), "any", NULL);
    static const char *const expected[] = {
        "id=\"ladder-asked\"",
        "id=\"ladder-measured\"",
        "Accuracy kept by YOLOv8 INT8 on Jetson AGX Xavier: 91%",
        "760 of 1000",   /* Q4_0, both parts */
        "76.0%",         /* of all */
        "<strong>95.0%", /* of F32's */
        "40, 0",         /* lost, gained */
        "accuracy: too little kept",
        "Answers kept",
        "<a href=\"#accuracy\">Accuracy</a>",
        "In Q4_0 a small model keeps <strong>95.0%</strong>", /* the fastest valid one */
    };
    for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++)
        ck_assert_msg(strstr(page, expected[i]) != NULL, "%s", expected[i]);
    const char *results = strstr(page, "<section id=\"results\">");
    const char *end = strstr(results, "</section>"), *mini = strstr(results, "glm-mini");
    ck_assert(mini == NULL || mini > end); /* answers are no speeds */
    free(page);
    aglm_store_close(&store);
}
END_TEST

START_TEST(fusion_and_operators)
{
    static const char *const fuse[] = {"all", "all-rope", "all", "none", "all-norm"};
    static const double speed[] = {20, 10, 30, 15, 29.99};
    struct aglm_store *store = open_store(scratch("fuse.db"));
    struct aglm_record rec, full;
    for (unsigned n = 0; n < 5; n++) { /* two tests of one run, three of the next */
        fill_sweep(&rec, n < 2 ? n : 100 + n, "Q4_0", 2, 0, 32, speed[n]);
        snprintf(rec.fuse, sizeof(rec.fuse), "%s", fuse[n]);
        for (size_t i = 0; n == 4 && i < 3; i++)
            rec.samples[i].total_ns /= 2; /* twice as fast in three of seven rounds */
        put(store, &rec);
        aglm_record_finish(&rec);
    }
    char *page = report(store, scratch("fuse.html"), NULL);
    check_page(scratch("fuse.html"), "any", NULL);
    const char *section = strstr(page, "<section id=\"fusion\">");
    ck_assert_ptr_nonnull(section);
    ck_assert_ptr_null(strstr(page, "<section id=\"operators\">"));
    ck_assert_ptr_nonnull(strstr(section, "<td>none</td>"));
    ck_assert_ptr_nonnull(
        strstr(section, "<td class=\"n\">+100.0% [+100.0, +100.0]</td><td>7 of 7</td>"));
    ck_assert_ptr_nonnull(strstr(section, "<td>all-norm</td>"));
    ck_assert_ptr_nonnull(strstr(section, " of 7: no clear difference</td>"));
    ck_assert_ptr_null(strstr(section, "<td>all-rope</td>")); /* an older run */
    free(page);
    fill_record(&full, 0);
    put(store, &full);
    page = report(store, scratch("fuse.html"), NULL);
    check_page(scratch("fuse.html"), "any", NULL);
    section = strstr(page, "<section id=\"operators\">");
    ck_assert_ptr_nonnull(section);
    ck_assert_ptr_nonnull(strstr(section, "<th scope=\"row\">down</th><td>decode</td>"));
    ck_assert_ptr_nonnull(strstr(section, "<th scope=\"row\">(barriers)</th>"));
    free(page);
    aglm_record_finish(&full);
    aglm_store_close(&store);
}
END_TEST

/* A sweep with one repetition: rows told apart, one INVALID, and nothing made of a single pair. */
START_TEST(sweep_of_single_samples)
{
    struct aglm_store *store = open_store(scratch("single.db"));
    for (unsigned n = 0; n < 4; n++) {
        struct aglm_record rec;
        fill_sweep(&rec, n, "Q4_0", 2, 0, 32, 20 + n);
        snprintf(rec.fuse, sizeof(rec.fuse), "%s", n % 2 ? "none" : "all");
        snprintf(rec.load, sizeof(rec.load), "%s", n < 2 ? "pack" : "mmap");
        snprintf(rec.reasons, sizeof(rec.reasons), "%s",
                 n == 3 ? "others used 23% of the CPU" : "");
        rec.valid = n != 3;
        rec.repetitions = 1;
        while (rec.n_samples > 1)
            free(rec.samples[--rec.n_samples].token_ns);
        rec.operators = calloc(1, sizeof(*rec.operators));
        ck_assert_ptr_nonnull(rec.operators);
        *rec.operators = (struct aglm_operator){.phase = "decode", .name = "down", .ns = 5};
        rec.n_operators = 1;
        free(rec.profile_json);
        rec.profile_json = strdup(
            "{\"schema\":1,\"facts\":[{\"key\":\"cpu.family\",\"label\":\"Family\",\"value\":25,"
            "\"unit\":\"\"}]}");
        put(store, &rec);
        aglm_record_finish(&rec);
    }
    char *page = report(store, scratch("single.html"), NULL);
    check_page(scratch("single.html"), "any", NULL);
    ck_assert_ptr_nonnull(
        strstr(page, "<td class=\"n\"><span class=\"tag\">one sample</span></td>"));
    ck_assert_ptr_nonnull(strstr(page, "<span class=\"why\">others unknown</span>"));
    ck_assert_ptr_nonnull(strstr(page, "Others unknown: how much of the processor"));
    ck_assert_ptr_nonnull(strstr(page, "<th scope=\"row\">Family</th><td>25</td>"));
    const char *section = strstr(page, "<section id=\"fusion\">");
    ck_assert_ptr_nonnull(section);
    ck_assert_ptr_nonnull(strstr(section, "GLM-Edge-1.5B Q4_0, --load pack</td>"));
    ck_assert_ptr_nonnull(strstr(section, "GLM-Edge-1.5B Q4_0, --load mmap</td>"));
    ck_assert_ptr_nonnull(strstr(section, "%</td><td>one pair: shows nothing</td>"));
    ck_assert_ptr_nonnull(strstr(section, "<span class=\"why\">none: others used 23% of the CPU"));
    ck_assert_ptr_null(strstr(section, "<strong>"));
    section = strstr(page, "<section id=\"operators\">");
    ck_assert_ptr_nonnull(section);
    ck_assert_ptr_nonnull(
        strstr(section, "<summary>tg32, GLM-Edge-1.5B Q4_0, 2 threads, --load pack</summary>"));
    const char *bad = strstr(section, ", 2 threads, --load mmap, fused: none <span class=\"pill");
    ck_assert_ptr_nonnull(bad);
    ck_assert_ptr_nonnull(strstr(bad, "INVALID</span> others used 23% of the CPU</summary>"));
    free(page);
    aglm_store_close(&store);
}
END_TEST

Suite *page_suite(void)
{
    Suite *s = suite_create("page");
    TCase *tc = tcase_create("page");
    tcase_set_timeout(tc, 180);
    tcase_add_test(tc, full_page);
    tcase_add_test(tc, without_gnuplot);
    tcase_add_test(tc, broken_gnuplot);
    tcase_add_test(tc, gnuplot_errors);
    tcase_add_test(tc, shares_of_the_roof);
    tcase_add_test(tc, fusion_and_operators);
    tcase_add_test(tc, sweep_of_single_samples);
    tcase_add_test(tc, ladder_of_quantizations);
    tcase_add_test(tc, while_tests_ran);
    tcase_add_test(tc, empty_store);
    tcase_add_test(tc, hostile_names);
    tcase_add_test(tc, odd_records);
    tcase_add_test(tc, output_errors);
    suite_add_tcase(s, tc);
    return s;
}
