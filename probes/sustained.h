/* What the cores keep up: the 8-bit integer peak on all of them, a figure for each second.
 *
 * The roof's windows are over before a phone is warm. A language model's answers are not: what is
 * left after a minute is what long prompts and many answers get.
 */
#ifndef AGLM_PROBES_SUSTAINED_H
#define AGLM_PROBES_SUSTAINED_H

#include "probes/err.h"
#include "probes/facts.h"
#include "probes/profile.h"

enum { AGLM_SUSTAINED_POINTS = 10, AGLM_SUSTAINED_JUDGED = 10, AGLM_SUSTAINED_QUIET_PERCENT = 20 };

struct aglm_sustained {
    const char *isa; /* the instruction set of the loop */
    unsigned threads;
    unsigned asked;              /* seconds */
    unsigned n;                  /* measured: fewer than asked if it was ended */
    double others_percent;       /* of all CPUs, used by others meanwhile; NaN: unknown */
    double start_degc, end_degc; /* the hottest thermal zone before and right after; NaN: unknown */
    double per_s[AGLM_SUSTAINED_MAX]; /* [n] operations a second, of all threads together */
};

struct aglm_sustained_options {
    uint32_t isa_flags;     /* enum aglm_isa_flag: what may be run; the engine's choice of it is */
    unsigned threads;       /* 1 ... 512 */
    unsigned seconds;       /* 1 ... AGLM_SUSTAINED_MAX */
    unsigned window_ms;     /* 0: 1000, a figure a second */
    aglm_each_second *each; /* NULL, or told of each second; see profile.h */
    void *ctx;
};

/* Keeps the threads busy for as long as asked or as each() wants. 0; -EINVAL for options out of
 * range, -ENOMEM, -EAGAIN: no thread could be started. */
int aglm_sustained_measure(struct aglm_sustained *out, const struct aglm_sustained_options *options,
                           struct aglm_err *err);

/* The mean of each tenth of the time (of each second, if there are fewer than ten), in percent of
 * the first; returns how many there are in percent[]. */
size_t aglm_sustained_curve(double percent[AGLM_SUSTAINED_POINTS], const struct aglm_sustained *s);

/* Adds the "roof.sustained." facts: curve, start, end, share (end over start, unknown if fewer than
 * AGLM_SUSTAINED_JUDGED seconds were measured or others used more of the CPUs than
 * AGLM_SUSTAINED_QUIET_PERCENT: what they took is not heat), lowest, others, temperature, threads,
 * time, each. */
void aglm_sustained_facts(struct aglm_facts *facts, const struct aglm_sustained *s);

#endif
