/* From answers to a record; see accuracy.h. */
#include "bench/accuracy.h"

#include "bench/record_model.h"
#include "bench/tally.h"
#include "bench/uuid.h"
#include "probes/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int aglm_accuracy_count(struct aglm_accuracy *out, const struct aglm_items *items,
                        const struct aglm_answers *answers, const struct aglm_answers *reference)
{
    struct aglm_accuracy counted = {.prefill_ts = answers->prefill_ts,
                                    .decode_ts = answers->decode_ts,
                                    .wall_ns = (double)answers->wall_ns,
                                    .others_cpu_percent = answers->others_cpu_percent,
                                    .n_threads = answers->n_threads};
    int rc = 0;
    snprintf(counted.model, sizeof(counted.model), "%s", answers->model.name);
    snprintf(counted.model_digest, sizeof(counted.model_digest), "%s", answers->model.digest);
    for (size_t i = 0; i < items->n && !rc; i++) {
        const struct aglm_answer *a = &answers->list[i];
        const struct aglm_answer *r = reference ? &reference->list[i] : NULL;
        if (a->asked && (!r || r->asked))
            rc = aglm_accuracy_add(&counted, items->list[i].part, items->list[i].lang, a->right,
                                   r ? r->right : -1);
    }
    if (rc)
        aglm_accuracy_finish(&counted);
    else
        *out = counted;
    return rc;
}

static void cache_type(char name[8], enum aglm_dtype type)
{
    snprintf(name, 8, "%s", aglm_dtype_get(type == AGLM_F32 ? AGLM_F16 : type)->name);
}

int aglm_accuracy_record(struct aglm_record *out, const struct aglm_record *common,
                         const struct aglm_items *items,
                         const struct aglm_accuracy_options *options,
                         const struct aglm_answers *answers, const struct aglm_answers *reference,
                         const char *reference_name, struct aglm_err *err)
{
    const char *profile = common->profile_json;
    *out = *common;
    out->profile_json = profile ? strdup(profile) : NULL;
    if (profile && !out->profile_json)
        return aglm_err_set(err, -ENOMEM, "out of memory for a record");
    snprintf(out->suite, sizeof(out->suite), AGLM_ACCURACY_SUITE);
    snprintf(out->test, sizeof(out->test), AGLM_ACCURACY_SUITE);
    out->started_ms = aglm_clock_wall_ms() - (int64_t)(answers->wall_ns / 1000000);
    aglm_record_model(out, options->path, &answers->model,
                      options->quantize ? options->quantize : "none");
    snprintf(out->backend, sizeof(out->backend), "%s", answers->model.backend);
    cache_type(out->type_k, options->type_k);
    cache_type(out->type_v, options->type_v);
    snprintf(out->fuse, sizeof(out->fuse), "all");
    snprintf(out->order, sizeof(out->order), "file");
    out->n_threads = options->n_threads;
    int rc = aglm_accuracy_count(&out->accuracy, items, answers, reference);
    if (rc)
        return aglm_err_set(err, rc, "answers: %s",
                            rc == -E2BIG ? "more than 64 parts and languages" : "out of memory");
    struct aglm_accuracy *a = &out->accuracy;
    snprintf(a->items_digest, sizeof(a->items_digest), "%s", items->digest);
    snprintf(a->reference, sizeof(a->reference), "%s", reference ? reference_name : "");
    a->n_file = items->n_file;
    a->n_items = items->n;
    a->prune = options->prune;
    return aglm_uuid_v7(out->test_uuid, out->started_ms, err);
}
