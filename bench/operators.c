/* Operators of a record; see operators.h. Inputs: the engine's sums, or a record. Outputs: rows,
 * and figures derived from them and from the record's samples and roofs. */
#include "bench/operators.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const phases[] = {"prefill", "decode"};

int aglm_operators_set(struct aglm_record *record, const struct aglm_op_profile profile[2])
{
    struct aglm_operator *list = calloc(2 * AGLM_OPS, sizeof(*list));
    size_t n = 0;
    if (list == NULL) {
        return -ENOMEM;
    }
    for (unsigned p = 0; p < 2; p++) {
        for (unsigned i = 0; i < AGLM_OPS; i++) {
            const struct aglm_op_count *c = &profile[p].op[i];
            if (c->calls == 0) {
                continue;
            }
            struct aglm_operator *o = &list[n++];
            *o = (struct aglm_operator){.calls = c->calls,
                                        .ns = c->ns,
                                        .wait_ns = c->wait_ns,
                                        .weight_bytes = c->weight_bytes,
                                        .kv_bytes = c->kv_bytes,
                                        .act_bytes = c->act_bytes,
                                        .int8_ops = c->int8_ops,
                                        .float_ops = c->float_ops};
            snprintf(o->phase, sizeof(o->phase), "%s", phases[p]);
            snprintf(o->name, sizeof(o->name), "%s", aglm_op_name((enum aglm_op)i));
        }
    }
    free(record->operators);
    record->operators = list;
    record->n_operators = n;
    return 0;
}

void aglm_operators_rest(struct aglm_operator_rest *out, const struct aglm_record *r,
                         const char *phase)
{
    const bool prefill = strcmp(phase, phases[0]) == 0;
    *out = (struct aglm_operator_rest){0};
    for (size_t i = 0; i < r->n_samples; i++) {
        const struct aglm_sample *s = &r->samples[i];
        out->phase_ns += (double)(prefill ? s->prefill_ns : s->first_token_ns);
        for (size_t k = 0; !prefill && k < s->n_token_ns; k++) {
            out->phase_ns += (double)s->token_ns[k];
        }
        out->n_tokens += prefill ? r->n_prompt : r->n_gen;
    }
    out->other_ns = out->phase_ns;
    for (size_t i = 0; i < r->n_operators; i++) {
        const struct aglm_operator *o = &r->operators[i];
        if (strcmp(o->phase, phase) == 0) {
            out->wait_ns += (double)o->wait_ns;
            out->other_ns -= (double)o->ns + (double)o->wait_ns;
        }
    }
}

/* 0 where there is nothing to do, NaN where the limit is unknown. */
static double least_ns(double work, double per_s)
{
    return work > 0 ? 1e9 * work / per_s : 0;
}

void aglm_operator_derive(struct aglm_operator_figures *out, const struct aglm_record *r,
                          const struct aglm_operator *o)
{
    const double all_ns = (double)o->ns + (double)o->wait_ns;
    const double bytes = o->weight_bytes + o->kv_bytes, ops = o->int8_ops + o->float_ops;
    const double reading = least_ns(bytes, r->roof_read.best);
    const double computing =
        least_ns(o->int8_ops, r->roof_int8.best) + least_ns(o->float_ops, r->roof_f32.best);
    const double least = isnan(reading) || isnan(computing) ? NAN : fmax(reading, computing);
    struct aglm_operator_rest rest;
    aglm_operators_rest(&rest, r, o->phase);
    out->share_percent = rest.phase_ns > 0 ? 100 * all_ns / rest.phase_ns : NAN;
    out->wait_percent = all_ns > 0 ? 100 * (double)o->wait_ns / all_ns : NAN;
    out->ns_per_token = rest.n_tokens > 0 ? all_ns / rest.n_tokens : NAN;
    out->bytes_per_s = bytes > 0 && all_ns > 0 ? 1e9 * bytes / all_ns : NAN;
    out->ops_per_s = ops > 0 && all_ns > 0 ? 1e9 * ops / all_ns : NAN;
    out->roof_percent = least > 0 && ops > 0 && all_ns > 0 ? 100 * least / all_ns : NAN;
}
