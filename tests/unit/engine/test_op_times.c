/* The operator profile's times: right for any number of threads, however late one of them wakes.
 * Nothing is timed here against a limit: every comparison holds on the slowest machine.
 */
#include "engine/cpu/run.h"
#include "engine/session.h"
#include "engine/synth.h"

#include <check.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS = 4 };

/* ---- sums ---- */

START_TEST(sums)
{
    struct aglm_cpu_slot slots[2];
    struct aglm_cpu_times times = {.slots = slots};
    struct aglm_op_profile into = {.op[AGLM_OP_DOWN] = {.ns = 7, .wait_ns = 5, .barriers = 1}};
    aglm_cpu_times_begin(&times, 2);
    slots[0].alone_ns[AGLM_OP_DOWN] = 10; /* the first thread came late, the second did the work */
    slots[1].alone_ns[AGLM_OP_DOWN] = 90;
    times.span_ns[AGLM_OP_DOWN] = 100;
    times.barriers[AGLM_OP_DOWN] = 2;
    slots[0].mixed_ns[AGLM_OP_ROPE] = 100; /* a quarter of what both did */
    slots[1].mixed_ns[AGLM_OP_ATTENTION] = 300;
    times.span_ns[AGLM_OPS + AGLM_CPU_ROPE_ATTENTION] = 400;
    slots[0].mixed_ns[AGLM_OP_GATEUP] = slots[1].mixed_ns[AGLM_OP_GATEUP] = 60;
    slots[0].mixed_ns[AGLM_OP_ACTIVATION] = slots[1].mixed_ns[AGLM_OP_ACTIVATION] = 20;
    times.span_ns[AGLM_OPS + AGLM_CPU_GATEUP_ACTIVATION] = 80;
    aglm_cpu_times_add(&times, 2, &into);
    ck_assert_uint_eq(into.op[AGLM_OP_DOWN].ns, 7 + 50);
    ck_assert_uint_eq(into.op[AGLM_OP_DOWN].wait_ns, 5 + 50);
    ck_assert_uint_eq(into.op[AGLM_OP_DOWN].barriers, 1 + 2);
    ck_assert_uint_eq(into.op[AGLM_OP_ROPE].ns, 50);
    ck_assert_uint_eq(into.op[AGLM_OP_ROPE].wait_ns, 50);
    ck_assert_uint_eq(into.op[AGLM_OP_ATTENTION].ns, 150);
    ck_assert_uint_eq(into.op[AGLM_OP_ATTENTION].wait_ns, 150);
    ck_assert_uint_eq(into.op[AGLM_OP_GATEUP].ns, 60);
    ck_assert_uint_eq(into.op[AGLM_OP_GATEUP].wait_ns, 0);
    ck_assert_uint_eq(into.op[AGLM_OP_ACTIVATION].ns, 20);
    ck_assert_uint_eq(into.op[AGLM_OP_NORM].ns + into.op[AGLM_OP_NORM].wait_ns, 0);
}
END_TEST

/* ---- steps of more threads than CPUs ---- */

struct pass {
    struct aglm_cpu_state state;
    struct aglm_cpu_slot slots[THREADS];
    uint64_t begin_ns, worked_ns[AGLM_OPS];
};

/* One thread does all of an operator, and says itself how long it took. */
static void work(struct pass *p, const struct aglm_cpu_run *r, enum aglm_op op, unsigned who)
{
    enum { WORK_NS = 200000 };
    if (r->ith == who) {
        const uint64_t start = aglm_clock_ns();
        while (aglm_clock_ns() - start < WORK_NS) {
        }
        p->worked_ns[op] = aglm_clock_ns() - start;
    }
}

/* Every operator is done by one of the threads but the first, in steps of all kinds. */
static void step(void *ctx, unsigned ith, unsigned n)
{
    struct pass *p = ctx;
    const struct aglm_cpu_run run = {
        .s = &p->state, .ith = ith, .n_threads = n, .slot = &p->slots[ith]};
    run.slot->mark_ns = aglm_clock_ns();
    for (unsigned i = AGLM_OP_EMBED; i < AGLM_OPS; i++) {
        const enum aglm_op op = (enum aglm_op)i;
        if (op == AGLM_OP_ROPE || op == AGLM_OP_ATTENTION) {
            work(p, &run, op, 1 + i % (n - 1));
            aglm_cpu_mark_piece(&run, op, AGLM_CPU_ROPE_ATTENTION);
            if (op == AGLM_OP_ATTENTION)
                aglm_cpu_wait(&run);
        } else if (op == AGLM_OP_QUANTIZE) { /* by the last to arrive */
            for (size_t t = AGLM_CPU_FIRST; aglm_cpu_token(&run, 1, &t, op);)
                work(p, &run, op, ith);
        } else {
            work(p, &run, op, 1 + i % (n - 1));
            aglm_cpu_done(&run, op);
        }
    }
}

/* All threads share one CPU, so whoever wakes late misses whole operators of the others. */
START_TEST(work_of_others_is_not_missed)
{
    struct pass p = {.state.times.slots = p.slots};
    struct aglm_op_profile into = {0};
    uint64_t sum = 0;
    uint8_t mask[128] = {0};
    cpu_set_t allowed;
    ck_assert_int_eq(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
    for (size_t cpu = 0; cpu < 1024; cpu++)
        if (CPU_ISSET(cpu, &allowed)) {
            mask[cpu / 8] = (uint8_t)(1u << cpu % 8);
            break;
        }
    ck_assert_int_eq(aglm_pool_create(&p.state.pool, THREADS, mask, sizeof(mask), false, NULL), 0);
    aglm_cpu_times_begin(&p.state.times, THREADS);
    p.begin_ns = p.state.times.step_ns;
    aglm_pool_run(p.state.pool, step, &p);
    aglm_cpu_times_add(&p.state.times, THREADS, &into);
    for (unsigned i = 0; i < AGLM_OPS; i++) {
        const struct aglm_op_count *c = &into.op[i];
        const bool mixed = i == AGLM_OP_ROPE || i == AGLM_OP_ATTENTION;
        if (!mixed)
            ck_assert_msg(c->ns + c->wait_ns >= p.worked_ns[i],
                          "%s took %llu ns and one thread alone worked %llu",
                          aglm_op_name((enum aglm_op)i), (unsigned long long)(c->ns + c->wait_ns),
                          (unsigned long long)p.worked_ns[i]);
        ck_assert_uint_ge(c->ns, p.worked_ns[i] / THREADS);
        sum += c->ns + c->wait_ns;
    }
    const struct aglm_op_count *rope = &into.op[AGLM_OP_ROPE];
    const struct aglm_op_count *attention = &into.op[AGLM_OP_ATTENTION];
    ck_assert_uint_ge(rope->ns + rope->wait_ns + attention->ns + attention->wait_ns,
                      p.worked_ns[AGLM_OP_ROPE]);
    ck_assert_uint_eq(sum, p.state.times.step_ns - p.begin_ns);
    aglm_pool_destroy(&p.state.pool);
}
END_TEST

/* ---- a model ---- */

static const struct aglm_preset TINY = {.name = "tiny",
                                        .title = "Tiny",
                                        .arch = "llama",
                                        .n_layers = 2,
                                        .n_embd = 64,
                                        .n_heads = 4,
                                        .n_kv_heads = 2,
                                        .head_dim = 16,
                                        .n_ff = 96,
                                        .n_vocab = 100,
                                        .n_rot = 16,
                                        .n_ctx_train = 256,
                                        .rope_theta = 1e4f,
                                        .rms_eps = 1e-6f};

/* One pass: its operators together take no longer than the call. */
static void check_pass(struct aglm_session *session, const struct aglm_op_profile *profile,
                       uint64_t call_ns, unsigned threads)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < AGLM_OPS; i++) {
        const struct aglm_op_count *c = &profile->op[i];
        ck_assert_msg(c->calls > 0, "%s, %u threads", aglm_op_name((enum aglm_op)i), threads);
        sum += c->ns + c->wait_ns;
    }
    ck_assert_uint_gt(sum, 0);
    ck_assert_uint_le(sum, call_ns);
    ck_assert_int_eq(aglm_session_profile(session, NULL, NULL), 0);
}

START_TEST(passes_of_a_model)
{
    char path[] = "/tmp/aglm-op-times-XXXXXX";
    int32_t tokens[20] = {0};
    struct aglm_model *model = NULL;
    struct aglm_session *session = NULL;
    const struct aglm_synth_options synth = {.type = AGLM_Q8_0, .seed = 1, .n_threads = 1};
    const int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    ck_assert_int_eq(aglm_synth_write(&TINY, &synth, path, NULL), 0);
    const struct aglm_model_options open = {
        .path = path, .backend = "cpu", .isa = "auto", .n_load_threads = 1};
    ck_assert_int_eq(aglm_model_open(&model, &open, NULL), 0);
    for (unsigned threads = 1; threads <= 8; threads++) {
        const struct aglm_session_options options = {
            .n_ctx = 64, .n_batch = 64, .n_ubatch = 64, .n_threads = threads};
        ck_assert_int_eq(aglm_session_open(&session, model, &options, NULL), 0);
        for (size_t n = 20; n > 0; n = n > 1 ? 1 : 0) { /* a prompt, then a token */
            struct aglm_op_profile profile = {0};
            const uint64_t start = aglm_clock_ns();
            ck_assert_int_eq(aglm_session_profile(session, &profile, NULL), 0);
            ck_assert_int_eq(aglm_session_prefill(session, tokens, n, NULL), 0);
            check_pass(session, &profile, aglm_clock_ns() - start, threads);
        }
        aglm_session_close(&session);
    }
    aglm_model_close(&model);
    unlink(path);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("op_times");
    TCase *tc = tcase_create("op_times");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, sums);
    tcase_add_test(tc, work_of_others_is_not_missed);
    tcase_add_test(tc, passes_of_a_model);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
