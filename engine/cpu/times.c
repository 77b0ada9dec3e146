/* From slots and steps to the operator profile; see times.h. */
#include "engine/cpu/times.h"

#include <string.h>

void aglm_cpu_times_begin(struct aglm_cpu_times *times, unsigned n_threads)
{
    memset(times->slots, 0, n_threads * sizeof(*times->slots));
    *times = (struct aglm_cpu_times){.slots = times->slots, .step_ns = aglm_clock_ns()};
}

struct work {
    uint64_t alone_ns[AGLM_OPS], mixed_ns[AGLM_OPS];
};

static void add_span(struct aglm_op_count *c, uint64_t span_ns, uint64_t work_ns,
                     unsigned n_threads)
{
    const uint64_t mean_ns = work_ns / n_threads;
    c->ns += mean_ns;
    c->wait_ns += span_ns > mean_ns ? span_ns - mean_ns : 0;
}

/* A step of operators a and b, divided as all threads' work in it. */
static void add_mix(const struct aglm_cpu_times *times, enum aglm_cpu_mix mix,
                    const struct work *work, unsigned n_threads, struct aglm_op_profile *into,
                    enum aglm_op a, enum aglm_op b)
{
    const uint64_t span_ns = times->span_ns[AGLM_OPS + mix];
    const double of_a = (double)work->mixed_ns[a], of_b = (double)work->mixed_ns[b];
    const double share = of_a > 0 ? of_a / (of_a + of_b) : 0;
    const uint64_t span_a = (uint64_t)((double)span_ns * share);
    add_span(&into->op[a], span_a, work->mixed_ns[a], n_threads);
    add_span(&into->op[b], span_ns - span_a, work->mixed_ns[b], n_threads);
    into->op[b].barriers += times->barriers[AGLM_OPS + mix];
}

void aglm_cpu_times_add(const struct aglm_cpu_times *times, unsigned n_threads,
                        struct aglm_op_profile *into)
{
    struct work work = {0};
    for (unsigned t = 0; t < n_threads; t++) {
        for (unsigned i = 0; i < AGLM_OPS; i++) {
            work.alone_ns[i] += times->slots[t].alone_ns[i];
            work.mixed_ns[i] += times->slots[t].mixed_ns[i];
        }
    }
    for (unsigned i = 0; i < AGLM_OPS; i++) {
        add_span(&into->op[i], times->span_ns[i], work.alone_ns[i], n_threads);
        into->op[i].barriers += times->barriers[i];
    }
    add_mix(times, AGLM_CPU_ROPE_ATTENTION, &work, n_threads, into, AGLM_OP_ROPE,
            AGLM_OP_ATTENTION);
    add_mix(times, AGLM_CPU_GATEUP_ACTIVATION, &work, n_threads, into, AGLM_OP_ACTIVATION,
            AGLM_OP_GATEUP);
}
