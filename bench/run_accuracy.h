/* The end of a run: how many answers stay right in the quantizations, cache types, backends and
 * instruction sets that were measured.
 *
 * The small model that ships with the program stands in for the one whose speed was measured, which
 * may have no trained weights: it is loaded in the same quantization. Nothing is printed here.
 */
#ifndef AGLM_BENCH_RUN_ACCURACY_H
#define AGLM_BENCH_RUN_ACCURACY_H

#include "bench/record.h"
#include "probes/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct aglm_run_accuracy {
    const char *model, *items;        /* files */
    const struct aglm_record *common; /* run, build and device fields */
    struct aglm_record *records;      /* [n] measured; get their answers and the verdict on them */
    size_t n;
    unsigned n_threads;   /* answers worked on at a time */
    uint64_t limit_ns;    /* for all of it: what is not asked by then is left out */
    double limit_percent; /* see aglm_verdict_accuracy() */
    void *ctx;            /* of the callbacks, none of which may be NULL */
    bool (*cancelled)(void *ctx);
    /* passes: times that the items are asked; done of n items in this one */
    void (*progress)(void *ctx, size_t pass, size_t passes, size_t done, size_t n);
    /* A record to be stored: one for the answers of each quantization (suite "accuracy"), F32's
     * first, then those of records that changed. */
    void (*record)(void *ctx, const struct aglm_record *record);
    /* A quantization that cannot be asked; err says which and why. */
    void (*failed)(void *ctx, const struct aglm_err *err);
};

/* Does nothing where no record has a backend that computes. -ECANCELED, -ENOMEM; the errors of
 * aglm_items_read(), and of aglm_accuracy_run() for the reference. */
int aglm_run_accuracy(const struct aglm_run_accuracy *setup, struct aglm_err *err);

/* Would it ask anything? */
bool aglm_run_accuracy_applies(const struct aglm_record *records, size_t n);

#endif
