/* Expands options into the plan of tests. Inputs: parsed options. Outputs: variants and tests in
 * llama-bench's order (models outermost; within a configuration prompts, then generations, then
 * pairs). Refuses plans above the limit, counted before anything is allocated.
 */
#include "bench/matrix.h"

#include "bench/prng.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t times(uint64_t a, uint64_t b)
{
    return b != 0 && a > UINT64_MAX / b ? UINT64_MAX : a * b;
}

static uint64_t count_nonzero(const struct aglm_u32_list *list)
{
    uint64_t n = 0;
    for (size_t i = 0; i < list->n; i++) {
        n += list->values[i] != 0;
    }
    return n;
}

static bool has_isa(const char *backend)
{
    return strcmp(backend, "null") != 0;
}

static uint64_t count_variants(const struct aglm_options *o)
{
    uint64_t n = 0;
    for (size_t b = 0; b < o->backends.n; b++) {
        n += has_isa(o->backends.values[b]) ? o->isas.n * o->loads.n : 1;
    }
    return times(times(n, o->models.n), o->quantize.n);
}

static uint64_t count_phases(const struct aglm_options *o)
{
    return count_nonzero(&o->n_prompt) + count_nonzero(&o->n_gen) + o->n_pg + o->n_suite;
}

uint64_t aglm_plan_count(const struct aglm_options *o)
{
    uint64_t n = times(count_variants(o), count_phases(o));
    n = times(n, times(o->n_batch.n, o->n_ubatch.n));
    n = times(n, times(o->types_k.n, times(o->types_v.n, o->fuse.n)));
    n = times(n, times(o->n_threads.n, o->cpu_masks.n));
    return times(n, times(o->cpu_strict.n, o->n_depth.n));
}

static void add_variants(struct aglm_plan *plan, const struct aglm_options *o)
{
    for (size_t m = 0; m < o->models.n; m++) {
        for (size_t q = 0; q < o->quantize.n; q++) {
            for (size_t b = 0; b < o->backends.n; b++) {
                size_t n = has_isa(o->backends.values[b]) ? o->isas.n * o->loads.n : 1;
                for (size_t i = 0; i < n; i++) {
                    plan->variants[plan->n_variants++] =
                        (struct aglm_variant){.model = o->models.values[m],
                                              .quantize = o->quantize.values[q],
                                              .backend = o->backends.values[b],
                                              .isa = o->isas.values[i / o->loads.n],
                                              .load = o->loads.values[i % o->loads.n],
                                              .model_index = m};
                }
            }
        }
    }
}

static void add_test(struct aglm_plan *plan, struct aglm_test test, uint32_t n_prompt,
                     uint32_t n_gen)
{
    test.n_prompt = n_prompt;
    test.n_gen = n_gen;
    if (n_prompt > 0 || n_gen > 0) {
        plan->tests[plan->n_tests++] = test;
    }
}

static void add_phases(struct aglm_plan *plan, const struct aglm_options *o, struct aglm_test test)
{
    for (size_t i = 0; i < o->n_prompt.n; i++) {
        add_test(plan, test, o->n_prompt.values[i], 0);
    }
    for (size_t i = 0; i < o->n_gen.n; i++) {
        add_test(plan, test, 0, o->n_gen.values[i]);
    }
    for (size_t i = 0; i < o->n_pg; i++) {
        add_test(plan, test, o->pg[i].n_prompt, o->pg[i].n_gen);
    }
    for (size_t i = 0; i < o->n_suite; i++) {
        test.prompt = o->suite[i];
        test.n_depth = test.prompt->n_cached;
        add_test(plan, test, test.prompt->n_prompt, test.prompt->n_gen);
    }
}

/* Adds the tests of configuration number k of one variant: k counts through the options like the
 * digits of a number, depth being the last digit. */
static void add_configuration(struct aglm_plan *plan, const struct aglm_options *o, size_t variant,
                              uint64_t k)
{
    struct aglm_test test = {.variant = variant};
    test.n_depth = o->n_depth.values[k % o->n_depth.n];
    k /= o->n_depth.n;
    test.cpu_strict = o->cpu_strict.values[k % o->cpu_strict.n] != 0;
    k /= o->cpu_strict.n;
    test.cpu_mask = o->cpu_masks.values[k % o->cpu_masks.n];
    k /= o->cpu_masks.n;
    test.n_threads = o->n_threads.values[k % o->n_threads.n];
    k /= o->n_threads.n;
    test.type_v = o->types_v.values[k % o->types_v.n];
    k /= o->types_v.n;
    test.type_k = o->types_k.values[k % o->types_k.n];
    k /= o->types_k.n;
    test.fuse = o->fuse.values[k % o->fuse.n];
    k /= o->fuse.n;
    test.n_ubatch = o->n_ubatch.values[k % o->n_ubatch.n];
    k /= o->n_ubatch.n;
    test.n_batch = o->n_batch.values[k];
    add_phases(plan, o, test);
}

int aglm_plan_create(struct aglm_plan *out, const struct aglm_options *o, struct aglm_err *err)
{
    uint64_t n = aglm_plan_count(o);
    if (n == 0) {
        return aglm_err_set(err, -EINVAL,
                            "nothing to measure: -p and -n are 0 and there is no -pg");
    }
    if (n > AGLM_PLAN_MAX_TESTS) {
        return aglm_err_set(err, -E2BIG,
                            "these options ask for %" PRIu64
                            " tests and the limit is %d: give shorter lists",
                            n, AGLM_PLAN_MAX_TESTS);
    }
    struct aglm_plan plan = {0};
    uint64_t n_variants = count_variants(o);
    plan.variants = calloc((size_t)n_variants, sizeof(*plan.variants));
    plan.tests = calloc((size_t)n, sizeof(*plan.tests));
    if (plan.variants == NULL || plan.tests == NULL) {
        aglm_plan_finish(&plan);
        return aglm_err_set(err, -ENOMEM, "out of memory for a plan of %" PRIu64 " tests", n);
    }
    add_variants(&plan, o);
    uint64_t n_configurations = n / n_variants / count_phases(o);
    for (size_t v = 0; v < plan.n_variants; v++) {
        for (uint64_t k = 0; k < n_configurations; k++) {
            add_configuration(&plan, o, v, k);
        }
    }
    *out = plan;
    return 0;
}

void aglm_plan_finish(struct aglm_plan *plan)
{
    free(plan->variants);
    free(plan->tests);
    *plan = (struct aglm_plan){0};
}

void aglm_test_name(const struct aglm_test *test, char *buf, size_t size)
{
    char phases[48], depth[24] = "";
    if (test->prompt != NULL) {
        snprintf(buf, size, "%s", test->prompt->id);
        return;
    }
    if (test->n_prompt > 0 && test->n_gen > 0) {
        snprintf(phases, sizeof(phases), "pp%" PRIu32 "+tg%" PRIu32, test->n_prompt, test->n_gen);
    } else if (test->n_prompt > 0) {
        snprintf(phases, sizeof(phases), "pp%" PRIu32, test->n_prompt);
    } else {
        snprintf(phases, sizeof(phases), "tg%" PRIu32, test->n_gen);
    }
    if (test->n_depth > 0) {
        snprintf(depth, sizeof(depth), " @ d%" PRIu32, test->n_depth);
    }
    snprintf(buf, size, "%s%s", phases, depth);
}

void aglm_plan_shuffle(size_t *order, size_t n, uint64_t seed, uint64_t round)
{
    struct aglm_prng prng;
    aglm_prng_init(&prng, seed, round + 1);
    for (size_t i = n; i > 1; i--) {
        size_t j = (size_t)aglm_prng_below(&prng, i);
        size_t swapped = order[i - 1];
        order[i - 1] = order[j];
        order[j] = swapped;
    }
}
