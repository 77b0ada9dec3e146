/* The plan: every test that the options ask for, and the order in which to run them. Pure: no
 * clock, no file.
 *
 * Loaded models are called variants: one model file with one re-quantization on one backend with
 * one instruction set, loaded in one way. The null backend has no instruction set and packs
 * nothing, so it takes part only once.
 */
#ifndef AGLM_BENCH_MATRIX_H
#define AGLM_BENCH_MATRIX_H

#include "bench/options.h"
#include "probes/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AGLM_PLAN_MAX_TESTS 1000

struct aglm_variant {
    const char *model, *quantize, *backend, *isa,
        *load;          /* the options' strings, which must outlive the plan */
    size_t model_index; /* in options->models */
};

struct aglm_test {
    size_t variant; /* in plan->variants */
    const char *cpu_mask;
    const char *type_k, *type_v; /* of the KV cache */
    const char *fuse;            /* see engine/fusion.h */
    uint32_t n_threads, n_batch, n_ubatch, n_depth, n_prompt, n_gen;
    bool cpu_strict;
    const struct aglm_suite_entry *prompt; /* whose lengths these are, or NULL */
};

struct aglm_plan {
    struct aglm_variant *variants; /* [n_variants] */
    size_t n_variants;
    struct aglm_test *tests; /* [n_tests], grouped by variant */
    size_t n_tests;
};

/* How many tests the options ask for; stops counting at UINT64_MAX. */
uint64_t aglm_plan_count(const struct aglm_options *options);

/* -E2BIG when there are more than AGLM_PLAN_MAX_TESTS, -EINVAL when there are none, -ENOMEM. */
int aglm_plan_create(struct aglm_plan *out, const struct aglm_options *options,
                     struct aglm_err *err);
void aglm_plan_finish(struct aglm_plan *plan);

/* A test's name as llama-bench writes it: "pp512", "tg128", "pp512+tg128", "pp512 @ d4096"; of a
 * suite's prompt its id. */
void aglm_test_name(const struct aglm_test *test, char *buf, size_t size);

/* order: [n] distinct numbers, shuffled in place (Fisher-Yates); the same seed and round give the
 * same permutation of the same input. */
void aglm_plan_shuffle(size_t *order, size_t n, uint64_t seed, uint64_t round);

#endif
