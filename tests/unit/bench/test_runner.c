/* The runner on a fake engine: what is measured, in which order, what survives an interruption or
 * an error. */
#include "bench/runner.h"
#include "engine/fusion.h"
#include "tests/unit/bench/fake_session.h"
#include "tests/unit/bench/suites.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct log {
    unsigned records, failures, loads, warm_ups;
    unsigned stop_after_records; /* cancelled() is true from then on; 0: never */
    size_t order[64];            /* tests in the order of their repetitions */
    size_t n_order;
    char last_reasons[512], last_failure[512];
};

static bool on_cancelled(void *ctx)
{
    const struct log *log = ctx;
    return log->stop_after_records > 0 && log->records >= log->stop_after_records;
}

static void on_event(void *ctx, const struct aglm_run_event *event)
{
    struct log *log = ctx;
    log->loads += event->stage == AGLM_RUN_LOADING;
    log->warm_ups += event->stage == AGLM_RUN_WARM_UP;
    if (event->stage == AGLM_RUN_MEASURED && log->n_order < 64) {
        log->order[log->n_order++] = event->test;
    }
}

static void on_record(void *ctx, const struct aglm_record *record)
{
    struct log *log = ctx;
    log->records++;
    snprintf(log->last_reasons, sizeof(log->last_reasons), "%s", record->reasons);
}

static void on_failed(void *ctx, const struct aglm_err *err)
{
    struct log *log = ctx;
    log->failures++;
    snprintf(log->last_failure, sizeof(log->last_failure), "%s", err->msg);
}

static struct {
    unsigned calls, fail_at;
    uint32_t threads[8];
    size_t n_threads;
    char isas[64];
    uint64_t masks[8]; /* of each call, the CPUs below 64 */
} roof;

/* Every limit is 1000 times the thread count, more by the call's number and the window's. */
static int fake_roof(struct aglm_roof *out, const struct aglm_roof_options *o, struct aglm_err *err)
{
    *out = (struct aglm_roof){.ns = 1};
    if (++roof.calls == roof.fail_at) {
        return aglm_err_set(err, -ENOMEM, "roof: no memory");
    }
    roof.n_threads = o->n_threads;
    roof.isas[0] = '\0';
    for (unsigned cpu = 0; cpu < 64; cpu++) {
        roof.masks[roof.calls % 8] |= (uint64_t)(o->cpu_mask[cpu / 8] >> cpu % 8 & 1) << cpu;
    }
    for (size_t i = 0; i < o->n_isas; i++) {
        strcat(strcat(roof.isas, o->isas[i]), " ");
    }
    for (size_t i = 0; i < o->n_threads; i++) {
        roof.threads[i] = o->threads[i];
        for (enum aglm_roof_kind k = AGLM_ROOF_READ; k <= AGLM_ROOF_F32; k++) {
            struct aglm_roof_line line = {
                .kind = k, .isa = "c", .threads = o->threads[i], .n_windows = 3};
            for (unsigned w = 0; w < 3; w++) {
                line.window_per_s[w] = 1000.0 * o->threads[i] + 10 * roof.calls + w;
            }
            if (!(o->skip & 1u << k)) {
                out->line[out->n++] = line;
            }
        }
    }
    return 0;
}

struct bench {
    aglm_roof_fn roof;
    struct aglm_options options;
    struct aglm_plan plan;
    struct aglm_record common;
    struct log log;
    struct aglm_run_result result;
};

/* Runs the options in line; afterwards nothing of the engine may be open. */
static void run(struct bench *b, const char *line)
{
    char copy[512];
    char *argv[32] = {copy};
    int argc = 0;
    struct aglm_err err = {0};
    snprintf(copy, sizeof(copy), "run %s", line);
    for (char *p = strtok(copy, " "); p != NULL; p = strtok(NULL, " ")) {
        argv[argc++] = p;
    }
    ck_assert_msg(aglm_options_parse(&b->options, argc, argv, 2, &err) == 0, "%s", err.msg);
    ck_assert_msg(aglm_plan_create(&b->plan, &b->options, &err) == 0, "%s", err.msg);
    aglm_record_init(&b->common);
    snprintf(b->common.run_uuid, sizeof(b->common.run_uuid), "the-run");
    struct aglm_run_setup setup = {.options = &b->options,
                                   .plan = &b->plan,
                                   .paths = b->options.models.values,
                                   .common = &b->common,
                                   .ctx = &b->log,
                                   .cancelled = on_cancelled,
                                   .event = on_event,
                                   .roof = b->roof,
                                   .record = on_record,
                                   .failed = on_failed};
    ck_assert_msg(aglm_run(&b->result, &setup, &err) == 0, "%s", err.msg);
    ck_assert_uint_eq(fake_engine.models_open, 0);
    ck_assert_uint_eq(fake_engine.sessions_open, 0);
    ck_assert(!fake_engine.bad_call);
}

static void finish(struct bench *b)
{
    aglm_run_result_finish(&b->result);
    aglm_plan_finish(&b->plan);
    aglm_options_finish(&b->options);
    fake_engine = (struct fake_engine){0};
}

START_TEST(measures_the_plan)
{
    struct bench b = {0};
    run(&b, "-m m -p 8 -n 4 -pg 6,2 -r 3 --backend null");
    ck_assert_uint_eq(b.result.n, 3);
    ck_assert_uint_eq(b.result.n_missing + b.result.n_failed, 0);
    ck_assert(!b.result.interrupted && !b.result.time_up);
    ck_assert_uint_eq(b.log.records, 9); /* one for each repetition */
    for (size_t i = 0; i < 3; i++) {
        const struct aglm_record *r = &b.result.records[i];
        ck_assert_uint_eq(r->n_samples, 3);
        ck_assert_str_eq(r->run_uuid, "the-run");
        ck_assert_uint_eq(strlen(r->test_uuid), 36);
        ck_assert_str_eq(r->order, "shuffled");
        ck_assert_uint_eq(r->load_ns, 77);
        ck_assert_uint_eq(r->repetitions, 3);
        for (size_t k = 0; k < 3; k++) {
            const struct aglm_sample *s = &r->samples[k];
            uint64_t sum = s->prefill_ns + s->first_token_ns;
            ck_assert_uint_eq(s->n_token_ns, r->n_gen > 1 ? r->n_gen - 1 : 0);
            ck_assert((s->prefill_ns > 0) == (r->n_prompt > 0));
            ck_assert((s->first_token_ns > 0) == (r->n_gen > 0));
            for (size_t j = 0; j < s->n_token_ns; j++) {
                sum += s->token_ns[j];
            }
            ck_assert_uint_eq(sum, s->total_ns); /* the phases fill the window */
        }
    }
    ck_assert_str_eq(b.result.records[0].test, "pp8");
    ck_assert_str_eq(b.result.records[1].test, "tg4");
    ck_assert_str_eq(b.result.records[2].test, "pp6+tg2");
    ck_assert_str_ne(b.result.records[0].test_uuid, b.result.records[1].test_uuid);
    /* warm-up: each test's whole prompt and one token, once; then 3 repetitions */
    ck_assert_uint_eq(fake_engine.prefill_tokens, (8 + 6) * 4);
    ck_assert_uint_eq(fake_engine.decodes, 2 + 3 * (4 + 2));
    finish(&b);
}
END_TEST

START_TEST(the_roof_stands_beside_the_results)
{
    struct bench b = {.roof = fake_roof};
    memset(&roof, 0, sizeof(roof));
    run(&b, "-m m -p 8 -n 4 -t 1,3 -r 1 --isa c");
    ck_assert_uint_eq(roof.calls, 2); /* at the start, at the end */
    ck_assert_uint_eq(roof.n_threads, 2);
    ck_assert_uint_eq(roof.threads[1], 3);
    ck_assert_str_eq(roof.isas, "c ");
    ck_assert_uint_eq(b.log.records, 4 * 2); /* once more with the last measurement */
    ck_assert_uint_eq(b.result.n, 4);
    for (size_t i = 0; i < 4; i++) {
        const struct aglm_record *r = &b.result.records[i];
        const double base = 1000.0 * r->n_threads;
        ck_assert_str_eq(r->roof_when, "start, end");
        ck_assert_double_eq(r->roof_read.low, base + 10);
        ck_assert_double_eq(r->roof_read.median, base + 16); /* of 10 11 12 20 21 22 */
        ck_assert_double_eq(r->roof_read.best, base + 22);
        ck_assert_double_eq(r->roof_int8.best, base + 22);
        ck_assert_double_eq(r->roof_f32.best, base + 22);
        ck_assert_str_eq(r->prefill_kind, "int8");
        ck_assert(r->valid);
        if (r->n_prompt > 0) { /* (900 - 100) x 8 + 100 + attention's 80 */
            ck_assert_double_eq(r->prefill_ops, 2 * (6400 + 100 + 80));
            ck_assert_double_nan(r->kv_bytes_per_token);
        } else { /* tokens 2 … 4 see 2, 3 and 4 positions of 8 bytes */
            ck_assert_double_eq(r->kv_bytes_per_token, 8 * 3);
            ck_assert_double_nan(r->prefill_ops);
        }
    }
    finish(&b);
}
END_TEST

START_TEST(no_roof_where_there_is_no_arithmetic)
{
    struct bench b = {.roof = fake_roof};
    memset(&roof, 0, sizeof(roof));
    run(&b, "-m m -p 8 -n 0 -r 2 --backend null");
    ck_assert_uint_eq(roof.calls, 0);
    ck_assert_uint_eq(b.log.records, 2);
    ck_assert_double_nan(b.result.records[0].roof_read.best);
    ck_assert_str_eq(b.result.records[0].roof_when, "");
    finish(&b);
}
END_TEST

START_TEST(roof_under_a_mask)
{
    struct bench b = {.roof = fake_roof};
    cpu_set_t all;
    char line[128];
    uint64_t usable = 0, low;
    memset(&roof, 0, sizeof(roof));
    ck_assert_int_eq(sched_getaffinity(0, sizeof(all), &all), 0);
    for (unsigned cpu = 0; cpu < 64; cpu++) {
        usable |= (uint64_t)(CPU_ISSET(cpu, &all) != 0) << cpu;
    }
    low = usable & -usable;
    snprintf(line, sizeof(line), "-m m -p 8 -n 0 -r 1 -t 1 --isa c -C 0x0,0x%" PRIx64, low);
    run(&b, line);
    ck_assert_uint_eq(roof.calls, 4); /* each mask by itself */
    ck_assert_uint_eq(roof.masks[1], usable);
    ck_assert_uint_eq(roof.masks[2], low);
    ck_assert_double_eq(b.result.records[0].roof_read.best, 1032);
    ck_assert_double_eq(b.result.records[1].roof_read.best, 1042);
    finish(&b);
}
END_TEST

START_TEST(results_survive_a_roof_that_fails)
{
    for (unsigned at = 1; at <= 2; at++) {
        struct bench b = {.roof = fake_roof};
        memset(&roof, 0, sizeof(roof));
        roof.fail_at = at;
        run(&b, "-m m -p 8 -n 0 -r 1 --isa c");
        ck_assert_uint_eq(roof.calls, at);
        ck_assert_uint_eq(b.log.failures, 1);
        ck_assert_str_eq(b.log.last_failure,
                         "results without this device's limit: roof: no memory");
        ck_assert_uint_eq(b.result.n_failed, 0);
        ck_assert_uint_eq(b.result.n, 1);
        ck_assert(isnan(b.result.records[0].roof_read.best) == (at == 1));
        finish(&b);
    }
}
END_TEST

START_TEST(no_warm_up)
{
    struct bench b = {0};
    run(&b, "-m m -p 8 -n 0 -r 2 --no-warmup");
    ck_assert_uint_eq(b.log.warm_ups, 0);
    ck_assert_uint_eq(fake_engine.prefill_tokens, 16);
    ck_assert(!b.result.records[0].warmup);
    finish(&b);
}
END_TEST

START_TEST(rounds)
{
    struct bench b = {0};
    run(&b, "-m m -p 1-8 -n 0 -r 4");
    bool differ = false;
    ck_assert_uint_eq(b.log.n_order, 32);
    for (size_t round = 0; round < 4; round++) {
        bool seen[8] = {false};
        for (size_t i = 0; i < 8; i++) {
            size_t test = b.log.order[round * 8 + i];
            ck_assert(!seen[test]);
            seen[test] = true;
            differ |= test != b.log.order[i];
        }
    }
    ck_assert(differ);
    struct bench again = {0};
    finish(&b);
    run(&again, "-m m -p 1-8 -n 0 -r 4");
    ck_assert_mem_eq(again.log.order, b.log.order, sizeof(b.log.order));
    finish(&again);
}
END_TEST

START_TEST(depth_is_a_kept_prefix)
{
    struct bench b = {0};
    run(&b, "-m m -p 4 -n 0 -d 50 -r 3 --no-warmup");
    ck_assert_uint_eq(fake_engine.prefill_tokens, 50 + 3 * 4); /* filled once */
    ck_assert_uint_eq(fake_engine.n_ctx, 54);
    ck_assert_str_eq(b.result.records[0].test, "pp4 @ d50");
    ck_assert_uint_eq(b.result.records[0].n_depth, 50);
    finish(&b);
}
END_TEST

START_TEST(too_long_for_the_model)
{
    struct bench b = {0};
    run(&b, "-m m -p 8,200 -n 0 -r 2 --no-warmup"); /* the fake has 100 positions */
    ck_assert_uint_eq(b.log.failures, 1);
    ck_assert_ptr_nonnull(strstr(b.log.last_failure, "pp200: needs 200 positions"));
    ck_assert_ptr_nonnull(strstr(b.log.last_failure, "the model has 100"));
    ck_assert_uint_eq(b.result.n_failed, 1);
    ck_assert_uint_eq(b.result.n_missing, 1);
    ck_assert_uint_eq(b.result.n, 1);
    ck_assert_uint_eq(b.result.records[0].n_samples, 2);
    ck_assert_uint_eq(fake_engine.n_ctx, 8);
    finish(&b);
}
END_TEST

START_TEST(a_missing_model_does_not_lose_the_others)
{
    struct bench b = {0};
    fake_engine.missing = "gone";
    run(&b, "-m a,gone,b -p 4 -n 2 -r 2");
    ck_assert_uint_eq(b.log.failures, 1); /* said once, not for each test */
    ck_assert_uint_eq(b.result.n_failed, 2);
    ck_assert_uint_eq(b.result.n, 4);
    finish(&b);
}
END_TEST

START_TEST(an_error_in_a_repetition)
{
    struct bench b = {0};
    fake_engine.fail_at_call =
        4; /* the third of five repetitions, one call each: 1 warm-up, 3 more */
    run(&b, "-m m -p 4 -n 0 -r 5 --label x");
    ck_assert_uint_eq(b.log.failures, 1);
    ck_assert_uint_eq(b.result.n, 1);
    ck_assert_uint_eq(b.result.n_failed, 1);
    ck_assert_uint_eq(b.result.records[0].n_samples, 2);
    ck_assert(!b.result.records[0].valid);
    ck_assert_ptr_nonnull(strstr(b.result.records[0].reasons, "arm fell off"));
    ck_assert_ptr_nonnull(strstr(b.result.records[0].reasons, "2 of 5 repetitions"));
    ck_assert_str_eq(b.log.last_reasons, b.result.records[0].reasons); /* stored as well */
    finish(&b);
}
END_TEST

START_TEST(interrupted_between_repetitions)
{
    struct bench b = {.log.stop_after_records = 3};
    run(&b, "-m m -p 4 -n 2 -r 5");
    ck_assert(b.result.interrupted);
    ck_assert_uint_eq(b.result.n, 2); /* a round and a half */
    ck_assert_uint_eq(b.result.records[0].n_samples + b.result.records[1].n_samples, 3);
    for (size_t i = 0; i < 2; i++) {
        char expected[64];
        snprintf(expected, sizeof(expected), "interrupted after %zu of 5 repetitions",
                 b.result.records[i].n_samples);
        ck_assert_ptr_eq(strstr(b.result.records[i].reasons, expected),
                         b.result.records[i].reasons);
        ck_assert(!b.result.records[i].valid);
    }
    ck_assert_uint_eq(b.log.records, 3 + 2); /* and the last word on each */
    ck_assert_uint_eq(b.result.n_failed, 0);
    finish(&b);
}
END_TEST

START_TEST(interrupted_inside_a_repetition)
{
    struct bench b = {0};
    fake_engine.cancel_at_call = 6; /* warm-up 2 calls, 3 calls each repetition: in the second */
    run(&b, "-m m -p 0 -n 3 -r 5");
    ck_assert(b.result.interrupted);
    ck_assert_uint_eq(b.log.failures, 0); /* no error */
    ck_assert_uint_eq(b.result.n, 1);
    ck_assert_uint_ge(b.result.records[0].n_samples, 1);
    ck_assert_uint_lt(b.result.records[0].n_samples, 5);
    finish(&b);
}
END_TEST

START_TEST(interrupted_before_anything)
{
    struct bench b = {0};
    fake_engine.cancel_at_call = 1;
    run(&b, "-m m -p 4 -n 2 -r 5");
    ck_assert(b.result.interrupted);
    ck_assert_uint_eq(b.result.n, 0);
    ck_assert_uint_eq(b.result.n_missing, 2);
    ck_assert_uint_eq(b.log.records, 0);
    finish(&b);
}
END_TEST

START_TEST(one_session_at_a_time)
{
    struct bench b = {0};
    run(&b, "-m m -p 4 -n 2 -t 1,2 -r 2");
    ck_assert_uint_eq(fake_engine.models_opened, 1);
    ck_assert_uint_ge(fake_engine.sessions_opened, 2);
    ck_assert_uint_le(fake_engine.sessions_opened, 8);
    ck_assert_uint_eq(b.result.n, 4);
    finish(&b);
}
END_TEST

START_TEST(small_models_share_one_shuffle)
{
    struct bench b = {0};
    run(&b, "-m a,b -q none,q8_0 -p 4 -n 0 -r 2");
    ck_assert_uint_eq(fake_engine.most_models_open, 4); /* no such files: no bytes to hold */
    ck_assert_uint_eq(b.log.loads, 4);
    ck_assert_str_eq(b.result.records[0].quantization, "F32");
    ck_assert_str_eq(b.result.records[1].quantization, "q8_0");
    ck_assert_str_eq(b.result.records[1].requantize, "q8_0");
    ck_assert_str_eq(b.result.records[0].requantize, "none");
    finish(&b);
}
END_TEST

START_TEST(large_models_come_one_after_another)
{
    char path[] = "/tmp/aglm-bench-sparse-XXXXXX", line[128];
    char *file = path + strlen("/tmp/");
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(ftruncate(fd, (off_t)1 << 42), 0); /* 4 TiB of nothing */
    struct bench b = {0};
    snprintf(line, sizeof(line), "-m %s,/tmp/./%s -p 4,5 -n 0 -r 2", path, file);
    run(&b, line);
    close(fd);
    unlink(path);
    ck_assert_uint_eq(fake_engine.most_models_open, 1);
    ck_assert_uint_eq(fake_engine.models_opened, 2);
    ck_assert_str_eq(b.result.records[0].order, "shuffled per model");
    ck_assert_uint_eq(b.result.n, 4);
    for (size_t i = 0; i < 8; i++) {
        ck_assert((b.log.order[i] >= 2) == (i >= 4));
    }
    finish(&b);
}
END_TEST

START_TEST(fused_or_not_is_another_session)
{
    struct bench b = {0};
    run(&b, "-m m -p 4 -n 0 -r 1 --fuse all,all-norm,qkv");
    ck_assert_uint_eq(b.result.n, 3);
    ck_assert_uint_eq(fake_engine.sessions_opened, 3);
    ck_assert_str_eq(b.result.records[0].fuse, "all");
    ck_assert_str_eq(b.result.records[1].fuse, "all-norm");
    ck_assert_str_eq(b.result.records[2].fuse, "qkv");
    ck_assert_uint_eq(fake_engine.unfused, AGLM_FUSE_ALL & ~(uint32_t)AGLM_FUSE_QKV);
    ck_assert_uint_eq(b.result.records[0].n_operators, 0);
    finish(&b);
}
END_TEST

/* The timed calls are watched, of all repetitions; warm-up and filling the cache are not. */
START_TEST(operators_of_the_timed_window)
{
    struct bench b = {0};
    run(&b, "-m m -p 0 -n 0 -pg 8,4 -d 2 -r 3 --profile-ops");
    const struct aglm_record *r = &b.result.records[0];
    ck_assert_uint_eq(r->n_operators, 2);
    ck_assert_str_eq(r->operators[0].phase, "prefill");
    ck_assert_str_eq(r->operators[0].name, "qkv");
    ck_assert_uint_eq(r->operators[0].calls, 3);
    ck_assert_str_eq(r->operators[1].phase, "decode");
    ck_assert_uint_eq(r->operators[1].calls, 3 * 4);
    ck_assert_uint_eq(r->operators[1].ns, 3 * 4 * 1000);
    ck_assert_double_eq(r->operators[1].weight_bytes, 3 * 4 * 500);
    ck_assert_ptr_null(fake_engine.profile);
    finish(&b);
}
END_TEST

START_TEST(affinity_that_was_not_granted)
{
    struct bench b = {0};
    fake_engine.affinity = "0-7";
    run(&b, "-m m -p 4 -n 0 -r 2 -C 0x3");
    ck_assert(!b.result.records[0].valid);
    ck_assert_str_eq(b.result.records[0].affinity, "0-7");
    ck_assert_ptr_nonnull(strstr(b.result.records[0].reasons, "asked for CPUs 0-1, got 0-7"));
    finish(&b);
}
END_TEST

Suite *aglm_suite_runner(void)
{
    Suite *suite = suite_create("runner");
    TCase *tc = tcase_create("runner");
    tcase_add_test(tc, measures_the_plan);
    tcase_add_test(tc, the_roof_stands_beside_the_results);
    tcase_add_test(tc, no_roof_where_there_is_no_arithmetic);
    tcase_add_test(tc, roof_under_a_mask);
    tcase_add_test(tc, results_survive_a_roof_that_fails);
    tcase_add_test(tc, no_warm_up);
    tcase_add_test(tc, rounds);
    tcase_add_test(tc, depth_is_a_kept_prefix);
    tcase_add_test(tc, too_long_for_the_model);
    tcase_add_test(tc, a_missing_model_does_not_lose_the_others);
    tcase_add_test(tc, an_error_in_a_repetition);
    tcase_add_test(tc, interrupted_between_repetitions);
    tcase_add_test(tc, interrupted_inside_a_repetition);
    tcase_add_test(tc, interrupted_before_anything);
    tcase_add_test(tc, one_session_at_a_time);
    tcase_add_test(tc, small_models_share_one_shuffle);
    tcase_add_test(tc, large_models_come_one_after_another);
    tcase_add_test(tc, fused_or_not_is_another_session);
    tcase_add_test(tc, operators_of_the_timed_window);
    tcase_add_test(tc, affinity_that_was_not_granted);
    suite_add_tcase(suite, tc);
    return suite;
}
