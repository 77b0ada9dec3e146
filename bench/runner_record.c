/* What a record says before its first repetition. Inputs: the plan, the open model and session, the
 * run's common fields. Outputs: the record's identity, configuration and the work of its phases.
 */
#include "bench/runner_state.h"

#include "bench/record_model.h"
#include "bench/uuid.h"
#include "probes/clock.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* KV cache bytes that a further token reads, the mean over those of the test: token j of n_gen sees
 * depth, prompt, the j before it and itself. */
static double mean_kv_bytes(const struct aglm_session *session, const struct aglm_test *test)
{
    double sum = 0;
    for (uint32_t j = 1; j < test->n_gen; j++) {
        sum +=
            (double)aglm_session_kv_bytes(session, (size_t)test->n_depth + test->n_prompt + j + 1);
    }
    return test->n_gen > 1 ? sum / (test->n_gen - 1) : NAN;
}

/* The work that the test is, from shapes alone. Of the output matrix a prompt needs one row of
 * logits. */
static void fill_work(struct aglm_record *rec, const struct runner *r, const struct aglm_test *test)
{
    const struct aglm_model *model = r->variants[test->variant].model;
    const struct aglm_model_info *info = aglm_model_info(model);
    if (info->matmul_params == 0) {
        return; /* no arithmetic */
    }
    rec->kv_bytes_per_token = mean_kv_bytes(r->session, test);
    snprintf(rec->prefill_kind, sizeof(rec->prefill_kind), "%s", info->int8_math ? "int8" : "f32");
    if (test->n_prompt > 0) {
        double layers = (double)(info->matmul_params - info->output_params);
        rec->prefill_ops =
            2 * (layers * test->n_prompt + (double)info->output_params +
                 (double)aglm_model_attention_madds(model, test->n_depth, test->n_prompt));
    }
}

int aglm_runner_start_record(struct runner *r, size_t i, struct aglm_err *err)
{
    const struct aglm_options *o = r->setup->options;
    const struct aglm_test *test = aglm_runner_test(r, i);
    const struct aglm_variant *variant = &r->setup->plan->variants[test->variant];
    const struct aglm_model_info *info = aglm_model_info(r->variants[test->variant].model);
    struct aglm_record *rec = &r->tests[i].record;
    char *profile = r->setup->common->profile_json;
    *rec = *r->setup->common;
    rec->profile_json = profile != NULL ? strdup(profile) : NULL;
    if (profile != NULL && rec->profile_json == NULL) {
        return aglm_err_set(err, -ENOMEM, "out of memory");
    }
    rec->started_ms = aglm_clock_wall_ms();
    if (test->prompt != NULL) {
        snprintf(rec->suite, sizeof(rec->suite), "%s", AGLM_SUITE_STANDARD);
        snprintf(rec->prompt_digest, sizeof(rec->prompt_digest), "%s",
                 r->tests[i].prompt.ids_digest);
        snprintf(rec->text_digest, sizeof(rec->text_digest), "%s", r->tests[i].prompt.text_digest);
    }
    aglm_test_name(test, rec->test, sizeof(rec->test));
    aglm_record_model(rec, r->setup->paths[variant->model_index], info, variant->quantize);
    snprintf(rec->backend, sizeof(rec->backend), "%s", variant->backend);
    snprintf(rec->cpu_mask, sizeof(rec->cpu_mask), "%s", test->cpu_mask);
    snprintf(rec->type_k, sizeof(rec->type_k), "%s", test->type_k);
    snprintf(rec->type_v, sizeof(rec->type_v), "%s", test->type_v);
    snprintf(rec->fuse, sizeof(rec->fuse), "%s", test->fuse);
    rec->n_threads = test->n_threads;
    rec->n_batch = test->n_batch;
    rec->n_ubatch = test->n_ubatch;
    rec->n_prompt = test->n_prompt;
    rec->n_gen = test->n_gen;
    rec->n_depth = test->n_depth;
    rec->cpu_strict = test->cpu_strict;
    rec->repetitions = (uint32_t)o->repetitions;
    rec->seed = o->seed;
    rec->warmup = !o->no_warmup;
    rec->delay_s = o->delay_s;
    snprintf(rec->order, sizeof(rec->order), "%s",
             r->shuffle_all ? "shuffled" : "shuffled per model");
    fill_work(rec, r, test);
    r->tests[i].started = true;
    return aglm_uuid_v7(rec->test_uuid, rec->started_ms, err);
}
