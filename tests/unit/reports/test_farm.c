/* Reports of several devices: captured ones with results of their own, devices that were only
 * looked at, hostile names, fifty at once; limits and verdicts from profiles and from runs. */
#include "probes/profile.h"
#include "reports/devices.h"
#include "reports/html.h"
#include "reports/limits.h"
#include "reports/overview.h"
#include "tests/unit/reports/suites.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What `aglm-bench --device-profile` adds to a look: two thread counts, two instruction sets. */
static const char measured_facts[] =
    "{\"key\":\"roof.read.t1\",\"label\":\"Read, 1 thread\",\"value\":20e9,\"unit\":\"bytes/s\"},"
    "{\"key\":\"roof.read.t1.low\",\"label\":\"Read, 1 "
    "thread\",\"value\":18e9,\"unit\":\"bytes/s\"},"
    "{\"key\":\"roof.read.t4\",\"label\":\"Read, 4 threads\",\"value\":31e9,\"unit\":\"bytes/s\"},"
    "{\"key\":\"roof.int8.c.t1\",\"label\":\"Integer c\",\"value\":4e9,\"unit\":\"ops/s\"},"
    "{\"key\":\"roof.int8.dotprod.t1\",\"label\":\"Integer\",\"value\":150e9,\"unit\":\"ops/s\"},"
    "{\"key\":\"roof.int8.dotprod.t4\",\"label\":\"Integer\",\"value\":480e9,\"unit\":\"ops/s\"},"
    "{\"key\":\"roof.f32.dotprod.t1\",\"label\":\"Float\",\"value\":40e9,\"unit\":\"flops/s\"},"
    "{\"key\":\"roof.f32.dotprod.t4\",\"label\":\"Float\",\"value\":130e9,\"unit\":\"flops/s\"},"
    "{\"key\":\"latency.64k\",\"label\":\"Latency within 64 KiB\",\"value\":4.5,\"unit\":\"ns\"},"
    "{\"key\":\"storage.read\",\"label\":\"Sequential "
    "read\",\"value\":1.5e9,\"unit\":\"bytes/s\"},";

/* The profile of a captured device, by its folder's name, as JSON; the caller frees it. */
static char *profile_json(const char *device, bool measured, char fingerprint[33])
{
    char path[512], *out = NULL;
    struct aglm_profile *profile = NULL;
    struct aglm_err err = {0};
    snprintf(path, sizeof(path), AGLM_FIXTURES "/%s", device);
    ck_assert_msg(
        aglm_profile_create(&profile, &(struct aglm_profile_options){.root = path}, &err) == 0,
        "%s", err.msg);
    aglm_profile_fingerprint(profile, fingerprint);
    char *json = aglm_profile_json(profile), *facts = strchr(json, '[');
    ck_assert_ptr_nonnull(facts);
    ck_assert_int_gt(asprintf(&out, "%.*s%s%s", (int)(facts - json) + 1, json,
                              measured ? measured_facts : "", facts + 1),
                     0);
    free(json);
    aglm_profile_destroy(&profile);
    return out;
}

static void put_profile(struct aglm_store *store, const char *json, const char *fingerprint,
                        unsigned number, int64_t ms)
{
    struct aglm_record run;
    struct aglm_err err = {0};
    aglm_record_init(&run);
    run.started_ms = ms;
    run.profile_json = strdup(json);
    snprintf(run.fingerprint, sizeof(run.fingerprint), "%s", fingerprint);
    snprintf(run.run_uuid, sizeof(run.run_uuid), "0192e4a0-0000-7000-a000-%012u", number);
    ck_assert_msg(aglm_store_put_profile(store, &run, &err) == 0, "%s", err.msg);
    aglm_record_finish(&run);
}

/* A sweep of tests on a captured device, each with its profile as a run sees it: without limits. */
static void put_tests(struct aglm_store *store, const char *device, unsigned n, double speed)
{
    for (unsigned i = 0; i < 6; i++) {
        struct aglm_record rec;
        fill_sweep(&rec, n + i, "Q4_0", 1U << (i / 2), i % 2 ? 0 : 512, i % 2 ? 32 : 0,
                   speed * (i % 2 ? 1 : 9) * (1 + i / 2));
        rec.profile_json = profile_json(device, false, rec.fingerprint);
        for (size_t k = 0; k < rec.n_samples; k++) {
            rec.samples[k].before =
                (struct aglm_conditions){1, NAN, 3.5e9, 31.5, 1.7e6, 0, 1000, 900, 0, 50};
            rec.samples[k].after = (struct aglm_conditions){
                1, i == 3 ? 82 : 2.5, 3.1e9, 38 + i, 2.9e6, 0, 2000, 1000, 0, 900};
        }
        snprintf(rec.cpu_info, sizeof(rec.cpu_info), "CPU of %s", device);
        put(store, &rec);
        aglm_record_finish(&rec);
    }
}

static char *report(struct aglm_store *store, const char *path,
                    const struct aglm_report_options *options)
{
    struct aglm_err err = {0};
    ck_assert_msg(aglm_report_write(store, path, options, &err) == 0, "%s", err.msg);
    return read_all(path);
}

static size_t count(const char *text, const char *part)
{
    size_t n = 0;
    for (; (text = strstr(text, part)); text += strlen(part))
        n++;
    return n;
}

/* Four devices: two with tests, of which one has measured limits too; two only looked at. */
static void fill_farm(struct aglm_store *store, char ids[4][33])
{
    static const char *const names[] = {"pixel-8", "raspberry-pi-5", "kvm-epyc", "mate-20"};
    for (unsigned i = 0; i < 4; i++) {
        char *json = profile_json(names[i], i % 2 == 0, ids[i]);
        put_profile(store, json, ids[i], i, 1600000000000 + i);
        free(json);
    }
    put_tests(store, "pixel-8", 100, 9);
    put_tests(store, "raspberry-pi-5", 300, 4);
}

START_TEST(farm)
{
    struct aglm_store *store = open_store(scratch("farm.db"));
    char ids[4][33], link[64];
    fill_farm(store, ids);
    char *page = report(store, scratch("farm.html"), NULL);
    check_page(scratch("farm.html"), "6", NULL); /* by threads 2 and tokens, for two devices */
    ck_assert_ptr_nonnull(strstr(page, "<h1>4 devices</h1>"));
    ck_assert_uint_eq(count(page, "<article class=\"device\""), 4);
    ck_assert_uint_eq(count(page, "<section id=\"meaning\">"), 1);
    for (size_t i = 0; i < 4; i++) {
        snprintf(link, sizeof(link), "<a href=\"#d-%s\">", ids[i]);
        ck_assert_msg(strstr(page, link) != NULL, "%s", link);
        snprintf(link, sizeof(link), "id=\"d-%s-device\"", ids[i]);
        ck_assert_msg(strstr(page, link) != NULL, "%s", link);
        snprintf(link, sizeof(link), "id=\"d-%s-results\"", ids[i]);
        ck_assert_msg((strstr(page, link) != NULL) == (i < 2), "%s", link);
    }
    /* The one measured last comes first; the limits of an older profile outlive a newer run's. */
    ck_assert(strstr(page, "CPU of raspberry-pi-5") < strstr(page, "CPU of pixel-8"));
    ck_assert_uint_eq(count(page, "8-bit integers, Gop/s"), 2);
    ck_assert_ptr_nonnull(strstr(page, "within 64 KiB"));
    ck_assert_ptr_nonnull(strstr(page, "Offline voice assistant"));
    ck_assert_ptr_nonnull(strstr(page, "<td class=\"n\">1.70 to 2.90</td>")); /* GHz */
    ck_assert_uint_eq(count(page, "82.0&#160;% <span class=\"pill watch\">"), 2);
    free(page);
    aglm_store_close(&store);
}
END_TEST

START_TEST(one_of_them)
{
    struct aglm_store *store = open_store(scratch("one.db"));
    struct aglm_err err = {0};
    char ids[4][33], upper[16];
    fill_farm(store, ids);
    snprintf(upper, sizeof(upper), "%.8s", ids[0]);
    const char *const meant[] = {"pixel 8", ids[0], upper};
    for (size_t i = 0; i < 3; i++) {
        char *page = report(store, scratch("one.html"),
                            &(struct aglm_report_options){.device = meant[i], .title = "T & T"});
        check_page(scratch("one.html"), "3", NULL);
        ck_assert_ptr_nonnull(strstr(page, "<h1>T &amp; T</h1>"));
        ck_assert_ptr_null(strstr(page, "<article"));
        ck_assert_ptr_nonnull(strstr(page, "Other devices in this store"));
        ck_assert_ptr_nonnull(strstr(page, "href=\"#meaning\""));
        free(page);
    }
    unlink(scratch("one.html"));
    const struct aglm_report_options none = {.device = "no such %s"}, many = {.device = "cortex"};
    ck_assert_int_eq(aglm_report_write(store, scratch("one.html"), &none, &err), -ENOENT);
    ck_assert_msg(strstr(err.msg, "no such %s: no such device here") != NULL, "%s", err.msg);
    ck_assert_msg(strstr(err.msg, "Pixel 8") != NULL, "%s", err.msg);
    ck_assert_int_eq(aglm_report_write(store, scratch("one.html"), &many, &err), -EEXIST);
    ck_assert_msg(strstr(err.msg, "several devices") != NULL, "%s", err.msg);
    ck_assert_int_eq(access(scratch("one.html"), F_OK), -1);
    aglm_store_close(&store);
}
END_TEST

START_TEST(split)
{
    struct aglm_store *store = open_store(scratch("split.db"));
    struct aglm_err err = {0};
    char ids[4][33], names[4][48], path[300];
    const char *links[6] = {"index.html"};
    fill_farm(store, ids);
    for (int again = 0; again < 2; again++)
        ck_assert_msg(aglm_report_split(store, scratch("split"), NULL, &err) == 0, "%s", err.msg);
    for (size_t i = 0; i < 4; i++) {
        snprintf(names[i], sizeof(names[i]), "d-%.32s.html", ids[i]);
        links[i + 1] = names[i];
    }
    for (size_t i = 0; i < 5; i++) {
        snprintf(path, sizeof(path), "%s/%s", scratch("split"), links[i]);
        check_page(path, "any", links);
    }
    snprintf(path, sizeof(path), "%s/index.html", scratch("split"));
    char *page = read_all(path);
    for (size_t i = 0; i < 4; i++)
        ck_assert_msg(strstr(page, names[i]) != NULL, "%s", names[i]);
    ck_assert_ptr_null(strstr(page, "<article"));
    free(page);
    ck_assert_int_eq(aglm_report_split(store, scratch("no/such"), NULL, &err), -ENOENT);
    aglm_store_close(&store);
}
END_TEST

/* A device that was only looked at: with limits and without. */
START_TEST(profile_alone)
{
    for (int measured = 0; measured < 2; measured++) {
        struct aglm_err err = {0};
        char id[33], *json = profile_json("pixel-8", measured, id), *html = NULL;
        ck_assert_msg(aglm_report_profile(&html, json, 1700000000000, NULL, &err) == 0, "%s",
                      err.msg);
        FILE *f = fopen(scratch("alone.html"), "w");
        ck_assert_ptr_nonnull(f);
        fputs(html, f);
        fclose(f);
        check_page(scratch("alone.html"), "0", NULL);
        ck_assert_ptr_nonnull(strstr(html, "<h1>Pixel 8</h1>"));
        ck_assert_ptr_nonnull(strstr(html, id));
        ck_assert_ptr_null(strstr(html, "id=\"results\""));
        ck_assert_ptr_nonnull(strstr(html, "4x Cortex-A510"));
        ck_assert_int_eq(strstr(html, "Limits by threads") != NULL, measured);
        ck_assert_int_eq(strstr(html, "engine uses here, dotprod") != NULL, measured);
        ck_assert_ptr_nonnull(strstr(html, "Every quantization"));
        ck_assert_ptr_nonnull(strstr(html, "unknown: denied"));
        free(html);
        free(json);
    }
    struct aglm_err err = {0};
    char *html = NULL;
    ck_assert_int_eq(aglm_report_profile(&html, "{\"facts\":</script>", 1, NULL, &err), -EINVAL);
    ck_assert_ptr_null(html);
}
END_TEST

/* Names, fingerprints and facts that try to leave their place, in the list and in links. */
START_TEST(hostile_devices)
{
    static const char *const evil[] = {"\"><script>alert(1)</script>",
                                       "x\" onclick=\"a\" id=\"y",
                                       "' href=\"#z\" <h1>",
                                       "%s%n%5$s",
                                       "\xff\xfe\x01",
                                       "</table>"};
    struct aglm_store *store = open_store(scratch("evil-farm.db"));
    for (unsigned i = 0; i < sizeof(evil) / sizeof(*evil); i++) {
        struct aglm_record rec;
        fill_sweep(&rec, i, "Q4_0", 1, 0, 32, 5);
        snprintf(rec.fingerprint, sizeof(rec.fingerprint), "%s", evil[i]);
        snprintf(rec.cpu_info, sizeof(rec.cpu_info), "%s", evil[i]);
        snprintf(rec.model_name, sizeof(rec.model_name), "%s", evil[i]);
        ck_assert_int_gt(
            asprintf(
                &rec.profile_json,
                "{\"schema\":1,\"facts\":[{\"key\":\"device.model\",\"label\":\"</th><script>\","
                "\"value\":\"</a><script> id=\\\"q\\\" %%s\",\"source\":\"<b>\"},"
                "{\"key\":\"gpu.<i>\",\"unknown\":\"</td>\",\"label\":\"<h1>\"},"
                "{\"key\":\"roof.read.t1\",\"value\":1e9,\"unit\":\"</b>\"},"
                "{\"key\":\"memory.total\",\"value\":-1,\"unit\":\"\\\"><i>\"}]}"),
            0);
        put(store, &rec);
        put_profile(store, rec.profile_json, rec.fingerprint, i, rec.started_ms);
        aglm_record_finish(&rec);
    }
    char *page = report(store, scratch("evil-farm.html"), NULL);
    check_page(scratch("evil-farm.html"), "any", NULL);
    ck_assert_ptr_null(strstr(page, "<script"));
    ck_assert_ptr_null(strstr(page, "id=\"q\""));
    ck_assert_ptr_null(strstr(page, " onclick=\""));
    ck_assert_uint_eq(count(page, "<h1"), 1);
    free(page);
    aglm_store_close(&store);
}
END_TEST

/* Fifty devices: a page that a phone still opens, and a gnuplot that fails is asked once. */
START_TEST(fifty_devices)
{
    struct aglm_store *store = open_store(scratch("fifty.db"));
    char id[33], *json = profile_json("pixel-8", true, id), fake[256];
    for (unsigned i = 0; i < 50; i++) {
        struct aglm_record rec;
        snprintf(id, sizeof(id), "%032x", i * 7919);
        for (unsigned k = 0; k < 4; k++) {
            fill_sweep(&rec, i * 100 + k, "Q4_0", 1 + k / 2, k % 2 ? 0 : 512, k % 2 ? 64 : 0,
                       5 + i);
            snprintf(rec.fingerprint, sizeof(rec.fingerprint), "%s", id);
            rec.profile_json = strdup(json);
            put(store, &rec);
            aglm_record_finish(&rec);
        }
    }
    free(json);
    snprintf(fake, sizeof(fake), "%s", scratch("fake-gnuplot"));
    FILE *f = fopen(fake, "w");
    fprintf(f, "#!/bin/sh\necho asked >>%s\nexit 1\n", scratch("asked"));
    fclose(f);
    ck_assert_int_eq(chmod(fake, 0755), 0);
    char *page =
        report(store, scratch("fifty.html"), &(struct aglm_report_options){.gnuplot = fake});
    check_page(scratch("fifty.html"), "0", NULL);
    ck_assert_uint_eq(count(page, "<article class=\"device\""), 50);
    ck_assert_uint_lt(strlen(page), 8 << 20);
    char *asked = read_all(scratch("asked"));
    ck_assert_str_eq(asked, "asked\n");
    free(asked);
    free(page);
    aglm_store_close(&store);
}
END_TEST

static void load_one(struct aglm_store *store, struct aglm_devices *devices,
                     struct aglm_dataset *set, struct aglm_limits *limits)
{
    struct aglm_err err = {0};
    ck_assert_msg(aglm_devices_load(devices, store, &err) == 0, "%s", err.msg);
    ck_assert_uint_eq(devices->n, 1);
    ck_assert_msg(aglm_dataset_load(set, store, &devices->v[0], &err) == 0, "%s", err.msg);
    aglm_limits_read(limits, set);
}

/* Limits come from a profile that measured, else from runs; predictions need one thread's. */
START_TEST(limits)
{
    struct aglm_store *store = open_store(scratch("limits.db"));
    struct aglm_devices devices = {0};
    struct aglm_dataset set = {0};
    struct aglm_limits l;
    struct aglm_record rec;
    char id[33];
    for (unsigned step = 0; step < 3; step++) {
        if (step < 2) { /* a run with two threads, then one with one */
            fill_sweep(&rec, step, "Q4_0", 2 - step, 0, 32, 10);
            rec.profile_json = profile_json("pixel-8", false, rec.fingerprint);
            rec.roof_read = (struct aglm_roof_range){(2 - step) * 10e9, NAN, 5e9};
            rec.roof_int8 = rec.roof_f32 = (struct aglm_roof_range){100e9, 90e9, 80e9};
            put(store, &rec);
            aglm_record_finish(&rec);
        } else {
            char *json = profile_json("pixel-8", true, id);
            put_profile(store, json, id, 1, 1000); /* older than the runs, and better */
            free(json);
        }
        load_one(store, &devices, &set, &l);
        ck_assert_uint_eq(l.n, step == 0 ? 1 : 2);
        ck_assert_uint_eq(l.advice.n_roofs, step == 0 ? 0 : 2);
        ck_assert_int_eq(l.from_runs, step < 2);
        ck_assert_double_eq(l.line[0].read.best, step == 1 ? 10e9 : 20e9);
        ck_assert_double_gt(l.advice.memory_bytes, 1e9);
        if (step == 2) {
            ck_assert_str_eq(l.isa, "dotprod");
            ck_assert_double_eq(l.line[0].read.low, 18e9);
            ck_assert_double_nan(l.line[1].read.low);
            ck_assert_double_eq(l.line[1].int8.best, 480e9);
            ck_assert_int_eq(l.when_ms, 1000);
        }
        aglm_dataset_finish(&set);
        aglm_devices_finish(&devices);
    }
    aglm_store_close(&store);
}
END_TEST

/* A fact that the newest profile does not know is an older, measured one's; one that it knows is
 * its own. */
START_TEST(facts_of_two_profiles)
{
    static const char json[] =
        "{\"schema\":1,\"facts\":[%s{\"key\":\"memory.available\",\"label\":\"A\","
        "\"value\":%s,\"unit\":\"bytes\"},{\"key\":\"storage.free\",\"value\":%s,"
        "\"unit\":\"bytes\"}]}";
    char *now = NULL, *then = NULL;
    struct aglm_err err = {0};
    struct aglm_device d = {0};
    struct aglm_thresholds *thresholds = NULL;
    struct aglm_judgement j;
    ck_assert_int_gt(asprintf(&now, json, "", "1e8", "null"), 0);
    ck_assert_int_gt(asprintf(&then, json, measured_facts, "9e9", "9e10"), 0);
    ck_assert_int_eq(aglm_profile_parse(&d.profile, now, &err), 0);
    ck_assert_int_eq(aglm_profile_parse(&d.measured, then, &err), 0);
    ck_assert_int_eq(aglm_thresholds_load(&thresholds, NULL, &err), 0);
    ck_assert_double_eq(aglm_device_fact(&d, "memory.available")->number, 1e8);
    ck_assert_double_eq(aglm_device_fact(&d, "storage.free")->number, 9e10);
    ck_assert_ptr_null(aglm_device_fact(&d, "no.such"));
    aglm_device_judge(&j, &d, aglm_thresholds_find(thresholds, "free_memory"));
    ck_assert_int_eq(j.status, AGLM_STATUS_ALERT);
    aglm_device_judge(&j, &d, aglm_thresholds_find(thresholds, "free_storage"));
    ck_assert_int_eq(j.status, AGLM_STATUS_GOOD);
    aglm_device_judge(&j, &d, aglm_thresholds_find(thresholds, "ttft"));
    ck_assert_int_eq(j.status, AGLM_STATUS_UNKNOWN);
    aglm_profile_destroy(&d.profile);
    aglm_profile_destroy(&d.measured);
    aglm_thresholds_destroy(&thresholds);
    free(now);
    free(then);
}
END_TEST

START_TEST(nested)
{
    static const char *const pairs[][2] = {
        {"", ""},
        {"<h1>a</h1><h2 id=\"b\">c</h2>", "<h2>a</h2><h3 id=\"p-b\">c</h3>"},
        {"<a href=\"#x\">y</a><a href=\"z.html\">", "<a href=\"#p-x\">y</a><a href=\"z.html\">"},
        {"<header><hr> id=&quot;x&quot; href=&quot;#y <h",
         "<header><hr> id=&quot;x&quot; href=&quot;#y <h"},
        {"<", "<"},
        {"</", "</"},
        {"</h", "</h"},
        {"<h1", "<h1"},
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
        struct aglm_text out = {0};
        aglm_overview_nest(&out, pairs[i][0], "p");
        ck_assert_str_eq(out.data ? out.data : "", pairs[i][1]);
        aglm_text_finish(&out);
    }
}
END_TEST

Suite *farm_suite(void)
{
    Suite *s = suite_create("farm");
    TCase *tc = tcase_create("farm");
    tcase_set_timeout(tc, 180);
    tcase_add_test(tc, farm);
    tcase_add_test(tc, one_of_them);
    tcase_add_test(tc, split);
    tcase_add_test(tc, profile_alone);
    tcase_add_test(tc, hostile_devices);
    tcase_add_test(tc, fifty_devices);
    tcase_add_test(tc, limits);
    tcase_add_test(tc, facts_of_two_profiles);
    tcase_add_test(tc, nested);
    suite_add_tcase(s, tc);
    return s;
}
