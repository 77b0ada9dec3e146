/* Asks a model every item and sees which answers are right.
 *
 * Each prompt is the only user message in the model's chat template; the answer is greedy and ends
 * where the model ends it. Right is an answer that is the same text, byte for byte. Items are
 * independent, so n_threads of them are worked on at a time, each by one thread with a session of
 * its own: for small models several times as fast as all threads in one matrix product. Logits do
 * not depend on batch and threads, so neither do answers.
 */
#ifndef AGLM_BENCH_ACCURACY_H
#define AGLM_BENCH_ACCURACY_H

#include "bench/items.h"
#include "bench/record.h"
#include "engine/session.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AGLM_ACCURACY_SUITE "accuracy" /* of records, suite and test */

struct aglm_answer {
    bool asked; /* false: time was up before */
    bool right;
    char *text; /* owned; NUL-terminated, may hold NULs before its end: size counts */
    size_t size;
};

struct aglm_answers {
    struct aglm_answer *list; /* [n], in the items' order */
    size_t n, n_asked;
    struct aglm_model_info model; /* as it was loaded */
    uint32_t n_threads;
    /* Tokens per second within one session while n_threads of them ran, over all items; NaN: there
     * were none. Prefill counts what was not in the cache from the item before. */
    double prefill_ts, decode_ts;
    uint64_t wall_ns;          /* loading left out */
    double others_cpu_percent; /* meanwhile; NaN: unknown */
};

struct aglm_accuracy_options {
    const char *path, *backend, *isa;
    const char *quantize;           /* the value of -q, or NULL: as the file is */
    double prune;                   /* share of each row's weights that become 0 */
    enum aglm_dtype type_k, type_v; /* of the KV cache; 0 means F16 */
    unsigned n_threads;             /* >= 1 */
    uint64_t limit_ns; /* 0: none; else items are asked in an evenly spread order until then */
    bool (*cancelled)(void *ctx);                       /* from any thread; may be NULL */
    void (*progress)(void *ctx, size_t done, size_t n); /* may be NULL */
    void *ctx;
};

/* -EINVAL: an item is longer than the model's context, the backend computes nothing, a logit is NaN
 * (-EDOM); what opening, tokenizer and template give; -ECANCELED. */
int aglm_accuracy_run(struct aglm_answers *out, const struct aglm_items *items,
                      const struct aglm_accuracy_options *options, struct aglm_err *err);
void aglm_answers_finish(struct aglm_answers *answers);

/* Counts answers by part and language, beside the reference's to the same items (NULL: none). Only
 * what both were asked is counted. Fills *out but for what a record says of items and reference
 * (items_digest, n_file, reference). -ENOMEM, -E2BIG. */
int aglm_accuracy_count(struct aglm_accuracy *out, const struct aglm_items *items,
                        const struct aglm_answers *answers, const struct aglm_answers *reference);

/* A record of these answers: suite and test "accuracy", no samples; run, build and device fields
 * from common. reference (may be NULL) and what it is called, "F32". *out needs finish also on
 * error. -ENOMEM, -EIO (no random bytes). */
int aglm_accuracy_record(struct aglm_record *out, const struct aglm_record *common,
                         const struct aglm_items *items,
                         const struct aglm_accuracy_options *options,
                         const struct aglm_answers *answers, const struct aglm_answers *reference,
                         const char *reference_name, struct aglm_err *err);

#endif
