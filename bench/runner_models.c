/* The runner's models: loading and closing them, and the token ids of their tests. Inputs: the
 * plan, files. Outputs: open models, ids. Refuses what the engine and the tokenizer refuse.
 */
#include "bench/runner_state.h"

#include "bench/prng.h"
#include "bench/requantize.h"
#include "probes/profile.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void aglm_runner_close_variant(struct runner *r, size_t v)
{
    aglm_model_close(&r->variants[v].model);
    free(r->variants[v].tokens);
    r->variants[v].tokens = NULL;
}

static int make_tokens(struct runner *r, size_t v, struct aglm_err *err)
{
    const struct aglm_plan *plan = r->setup->plan;
    const struct aglm_model_info *info = aglm_model_info(r->variants[v].model);
    uint64_t n = 1;
    for (size_t i = 0; i < plan->n_tests; i++) {
        if (plan->tests[i].variant == v && aglm_runner_positions(&plan->tests[i]) > n) {
            n = aglm_runner_positions(&plan->tests[i]);
        }
    }
    int32_t *tokens = calloc((size_t)n, sizeof(*tokens));
    if (tokens == NULL || info->n_vocab == 0) {
        free(tokens);
        return aglm_err_set(err, -ENOMEM, "%s: no room for %" PRIu64 " token ids", info->name, n);
    }
    struct aglm_prng prng;
    aglm_prng_init(&prng, r->setup->options->seed, 0);
    for (uint64_t i = 0; i < n; i++) {
        tokens[i] = (int32_t)aglm_prng_below(&prng, info->n_vocab);
    }
    r->variants[v].tokens = tokens;
    return 0;
}

const int32_t *aglm_runner_tokens(const struct runner *r, size_t i)
{
    const int32_t *ids = r->tests[i].prompt.ids;
    return ids != NULL ? ids : r->variants[aglm_runner_test(r, i)->variant].tokens;
}

bool aglm_runner_too_long(const struct runner *r, size_t i)
{
    const struct aglm_test *test = aglm_runner_test(r, i);
    return aglm_runner_positions(test) >
           aglm_model_info(r->variants[test->variant].model)->n_ctx_train;
}

/* The token ids of the suite's prompts; they stay until the end. */
static int make_prompts(struct runner *r, size_t v, struct aglm_err *err)
{
    int rc = 0;
    for (size_t i = 0; i < r->setup->plan->n_tests && rc == 0; i++) {
        const struct aglm_test *test = aglm_runner_test(r, i);
        if (test->variant == v && test->prompt != NULL && !aglm_runner_too_long(r, i)) {
            rc = aglm_suite_prompt_make(&r->tests[i].prompt, test->prompt, r->variants[v].model,
                                        r->setup->options->seed, err);
        }
    }
    return rc;
}

static unsigned most_threads(const struct aglm_plan *plan, size_t v)
{
    unsigned n = 1;
    for (size_t i = 0; i < plan->n_tests; i++) {
        if (plan->tests[i].variant == v && plan->tests[i].n_threads > n) {
            n = plan->tests[i].n_threads;
        }
    }
    return n;
}

int aglm_runner_open_variant(struct runner *r, size_t v, struct aglm_err *err)
{
    const struct aglm_variant *variant = &r->setup->plan->variants[v];
    struct aglm_model_options options = {
        .path = r->setup->paths[variant->model_index],
        .backend = variant->backend,
        .isa = variant->isa,
        .quantize_quick = true,
        .load = strcmp(variant->load, "mmap") == 0 ? AGLM_LOAD_MMAP : AGLM_LOAD_PACK,
        .n_load_threads = most_threads(r->setup->plan, v),
        .n_ctx_override = (uint32_t)r->setup->options->override_ctx,
        .cancelled = r->setup->cancelled,
        .cancelled_ctx = r->setup->ctx};
    int rc = aglm_requantize_open(&r->variants[v].model, &options, variant->quantize, err);
    if (rc == 0) {
        rc = make_tokens(r, v, err);
    }
    if (rc == 0) {
        rc = make_prompts(r, v, err);
    }
    if (rc == 0) {
        return 0;
    }
    aglm_runner_close_variant(r, v);
    r->interrupted |= rc == -ECANCELED;
    r->variants[v].failed = rc != -ECANCELED;
    return rc;
}

bool aglm_runner_fit_together(const struct aglm_run_setup *setup)
{
    double bytes = 0;
    for (size_t v = 0; v < setup->plan->n_variants; v++) {
        const struct aglm_variant *variant = &setup->plan->variants[v];
        struct stat st;
        if (strcmp(variant->backend, "null") != 0 &&
            stat(setup->paths[variant->model_index], &st) == 0) {
            bytes += (double)st.st_size;
        }
    }
    return setup->plan->n_variants == 1 || bytes < aglm_conditions_memory(NULL) / 2;
}
