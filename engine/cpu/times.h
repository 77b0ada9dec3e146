/* Times of the operator profile: how long each step of a forward pass took, and who worked in it.
 *
 * A step lies between two barriers. It ends when the last thread arrives, and then the next one
 * begins: so a step's time holds all work of all threads, however late one of them wakes, and the
 * steps add up to the time of the pass. What a thread did itself is in a slot of its own, from
 * when it woke to the barrier. Where two operators share a step, their work divides it.
 */
#ifndef AGLM_ENGINE_CPU_TIMES_H
#define AGLM_ENGINE_CPU_TIMES_H

#include "engine/ops.h"
#include "probes/clock.h"

/* Steps of two operators; an operator is in one of them at most. */
enum aglm_cpu_mix { AGLM_CPU_ROPE_ATTENTION, AGLM_CPU_GATEUP_ACTIVATION, AGLM_CPU_MIXES };
enum { AGLM_CPU_STEPS = AGLM_OPS + AGLM_CPU_MIXES };

struct aglm_cpu_slot {
    _Alignas(64) uint64_t mark_ns;                   /* the thread's last reading of the clock */
    unsigned step;                                   /* an operator, or AGLM_OPS + a mix */
    enum aglm_op op;                                 /* which of it the thread is at */
    uint64_t alone_ns[AGLM_OPS], mixed_ns[AGLM_OPS]; /* at work, in steps of one and of two */
};

struct aglm_cpu_times {
    struct aglm_cpu_slot *slots; /* [threads] */
    /* Written by the last thread to arrive at a barrier, which orders them. */
    uint64_t step_ns; /* when the step in progress began */
    uint64_t span_ns[AGLM_CPU_STEPS], barriers[AGLM_CPU_STEPS];
};

/* Before a pass. */
void aglm_cpu_times_begin(struct aglm_cpu_times *times, unsigned n_threads);
/* Adds the pass to *into: ns is the threads' mean at work, and with wait_ns the span. */
void aglm_cpu_times_add(const struct aglm_cpu_times *times, unsigned n_threads,
                        struct aglm_op_profile *into);

/* The clock is read: what the thread did since its last reading was its operator. */
static inline void aglm_cpu_slot_read(struct aglm_cpu_slot *slot)
{
    const uint64_t now = aglm_clock_ns();
    *(slot->step < AGLM_OPS ? &slot->alone_ns[slot->op] : &slot->mixed_ns[slot->op]) +=
        now - slot->mark_ns;
    slot->mark_ns = now;
}

/* By one thread, when all have ended their share of the step that is in its slot, and it has just
 * read the clock. */
static inline void aglm_cpu_times_step(struct aglm_cpu_times *times,
                                       const struct aglm_cpu_slot *slot)
{
    times->span_ns[slot->step] += slot->mark_ns - times->step_ns;
    times->barriers[slot->step]++;
    times->step_ns = slot->mark_ns;
}

#endif
