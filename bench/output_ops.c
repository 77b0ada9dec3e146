/* The tables behind the Markdown table: what each fused operator is worth, and the operators of
 * profiled tests. Inputs: records. Outputs: nothing where there is nothing to say.
 */
#include "bench/output.h"

#include "bench/escape.h"
#include "bench/gain.h"
#include "bench/operators.h"
#include "bench/record_options.h"
#include "bench/table.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- gains ---- */

/* The same test but for what is fused? */
static bool same_but_fuse(const struct aglm_record *a, const struct aglm_record *b)
{
    return strcmp(a->run_uuid, b->run_uuid) == 0 && strcmp(a->test, b->test) == 0 &&
           strcmp(a->suite, b->suite) == 0 && strcmp(a->model_path, b->model_path) == 0 &&
           strcmp(a->requantize, b->requantize) == 0 && strcmp(a->backend, b->backend) == 0 &&
           strcmp(a->isa, b->isa) == 0 && strcmp(a->cpu_mask, b->cpu_mask) == 0 &&
           strcmp(a->type_k, b->type_k) == 0 && strcmp(a->type_v, b->type_v) == 0 &&
           strcmp(a->load, b->load) == 0 && a->n_threads == b->n_threads &&
           a->n_batch == b->n_batch && a->n_ubatch == b->n_ubatch &&
           a->cpu_strict == b->cpu_strict && strcmp(a->fuse, b->fuse) != 0;
}

static int derive_gain(struct aglm_gain *out, const struct aglm_record *without,
                       const struct aglm_record *with)
{
    size_t n = without->n_samples < with->n_samples ? without->n_samples : with->n_samples;
    uint64_t *ns = calloc(2 * n + 1, sizeof(*ns));
    if (ns == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        ns[i] = without->samples[i].total_ns;
        ns[n + i] = with->samples[i].total_ns;
    }
    int rc = aglm_gain_derive(out, ns, ns + n, n);
    free(ns);
    return rc;
}

static const struct aglm_table_column gain_columns[] = {
    {"model", false, NULL, .lift = true},
    {"options", false, "", .lift = true},
    {"threads", true, NULL, .lift = true},
    {"test", false, NULL, .lift = true},
    {"fused", false, NULL},
    {"t/s so", true, NULL, .rank = 1},
    {"t/s all fused", true, NULL, .rank = 2},
    {"gain of all", true, NULL},
    {"faster in", false, NULL},
};

/* One line of the table; *few: too few pairs to tell a gain from chance. */
static int add_gain(struct aglm_table *t, const struct aglm_record *without,
                    const struct aglm_record *with, uint32_t varying, bool *few)
{
    struct aglm_results a, b;
    struct aglm_gain gain;
    char type[96], test[96], text[700], options[700];
    if (derive_gain(&gain, without, with) < 0) {
        return -ENOMEM;
    }
    aglm_results_derive(&a, without);
    aglm_results_derive(&b, with);
    aglm_escape_md(type, sizeof(type), with->model_type);
    aglm_escape_md(test, sizeof(test), with->test);
    aglm_record_options_text(text, sizeof(text), with, varying);
    aglm_escape_md(options, sizeof(options), text);
    aglm_table_add(t, type);
    aglm_table_add(t, options);
    aglm_table_fmt(t, "%" PRIu32, with->n_threads);
    aglm_table_add(t, test);
    aglm_table_add(t, without->fuse);
    aglm_table_fmt(t, "%.2f", a.median_ts);
    aglm_table_fmt(t, "%.2f", b.median_ts);
    if (gain.n < 2) {
        aglm_table_fmt(t, "%+.1f%%", gain.percent);
    } else {
        aglm_table_fmt(t, "%+.1f%% [%+.1f, %+.1f]", gain.percent, gain.low, gain.high);
    }
    const char *invalid = with->valid && without->valid ? "" : ", INVALID";
    if (gain.n < 2) {
        aglm_table_fmt(t, "one pair: shows nothing%s", invalid);
    } else {
        aglm_table_fmt(t, "%zu of %zu%s", gain.faster, gain.n, invalid);
    }
    *few |= gain.n < AGLM_GAIN_MIN_PAIRS;
    return 0;
}

static int add_gains(struct aglm_table *t, const struct aglm_record *records, size_t n,
                     uint32_t varying, bool *few)
{
    for (size_t i = 0; i < n; i++) {
        /* The null backend has no operators: its differences are the clock's. */
        if (strcmp(records[i].fuse, "all") != 0 || strcmp(records[i].backend, "null") == 0) {
            continue;
        }
        for (size_t k = 0; k < n; k++) {
            if (same_but_fuse(&records[i], &records[k]) &&
                add_gain(t, &records[k], &records[i], varying, few) < 0) {
                return -ENOMEM;
            }
        }
    }
    return 0;
}

int aglm_output_gains(FILE *out, const struct aglm_record *records, size_t n, uint32_t varying)
{
    struct aglm_table t;
    bool few = false;
    aglm_table_init(&t, gain_columns, sizeof(gain_columns) / sizeof(gain_columns[0]));
    int rc = add_gains(&t, records, n, varying, &few);
    if (rc == 0 && t.n_cells > 0) {
        fprintf(out,
                "\nWhat fused operators are worth (gain: median of pairs of the same round, "
                "and its %s):\n\n",
                few ? "range" : "95% interval");
        rc = aglm_table_print(out, &t, aglm_table_width(out));
    }
    if (rc == 0 && t.n_cells > 0 && few) {
        fprintf(out,
                "\nUnder %d pairs chance may do that, and there is no interval: -r 10 or more "
                "can tell.\n",
                AGLM_GAIN_MIN_PAIRS);
    }
    aglm_table_finish(&t);
    return rc;
}

/* ---- operators ---- */

static const struct aglm_table_column operator_columns[] = {
    {"operator", false, NULL},
    {"us", true, NULL},
    {"share", true, NULL},
    {"waits", true, NULL},
    {"weights MB", true, "-"},
    {"cache MB", true, "-"},
    {"acts MB", true, "-", .rank = 1},
    {"Mop", true, "-", .rank = 2},
    {"GB/s", true, "-"},
    {"Gop/s", true, "-", .rank = 3},
    {"of roof", true, "-"},
};

/* A cell with a number of fitting precision; "-" where unknown or nothing. */
static void cell(struct aglm_table *t, double v, const char *unit)
{
    if (isnan(v) || v == 0) {
        aglm_table_add(t, "-");
    } else {
        aglm_table_fmt(t, "%.*f%s", fabs(v) < 9.995 ? 2 : fabs(v) < 99.95 ? 1 : 0, v, unit);
    }
}

static void add_operator(struct aglm_table *t, const struct aglm_record *r,
                         const struct aglm_operator *o, double n_tokens)
{
    struct aglm_operator_figures f;
    aglm_operator_derive(&f, r, o);
    aglm_table_add(t, o->name);
    cell(t, f.ns_per_token / 1e3, "");
    cell(t, f.share_percent, "%");
    cell(t, f.wait_percent, "%");
    cell(t, o->weight_bytes / n_tokens / 1e6, "");
    cell(t, o->kv_bytes / n_tokens / 1e6, "");
    cell(t, o->act_bytes / n_tokens / 1e6, "");
    cell(t, (o->int8_ops + o->float_ops) / n_tokens / 1e6, "");
    cell(t, f.bytes_per_s / 1e9, "");
    cell(t, f.ops_per_s / 1e9, "");
    cell(t, f.roof_percent, "%");
}

static void add_rest(struct aglm_table *t, const char *name, double ns,
                     const struct aglm_operator_rest *rest)
{
    enum { NAMED = 3, COLUMNS = sizeof(operator_columns) / sizeof(operator_columns[0]) };
    aglm_table_add(t, name);
    cell(t, ns / rest->n_tokens / 1e3, "");
    cell(t, 100 * ns / rest->phase_ns, "%");
    for (size_t i = NAMED; i < COLUMNS; i++) {
        aglm_table_add(t, "-");
    }
}

static int print_phase(FILE *out, const struct aglm_record *r, const char *phase, uint32_t varying)
{
    struct aglm_operator_rest rest;
    struct aglm_table t;
    aglm_operators_rest(&rest, r, phase);
    if (rest.phase_ns <= 0) {
        return 0;
    }
    aglm_table_init(&t, operator_columns, sizeof(operator_columns) / sizeof(operator_columns[0]));
    for (size_t i = 0; i < r->n_operators; i++) {
        if (strcmp(r->operators[i].phase, phase) == 0) {
            add_operator(&t, r, &r->operators[i], rest.n_tokens);
        }
    }
    add_rest(&t, "(barriers)", rest.wait_ns, &rest);
    add_rest(&t, "(other)", rest.other_ns, &rest);
    add_rest(&t, "(all)", rest.phase_ns, &rest);
    fprintf(out, "\nOperators, %s per token: ", phase);
    aglm_output_name(out, r, varying);
    fputs(r->valid ? "\n\n" : ", INVALID\n\n", out);
    int rc = aglm_table_print(out, &t, aglm_table_width(out));
    aglm_table_finish(&t);
    return rc;
}

int aglm_output_operators(FILE *out, const struct aglm_record *records, size_t n, uint32_t varying)
{
    bool any = false;
    for (size_t i = 0; i < n; i++) {
        const struct aglm_record *r = &records[i];
        if (r->n_operators == 0) {
            continue;
        }
        any = true;
        if (print_phase(out, r, "prefill", varying) < 0 ||
            print_phase(out, r, "decode", varying) < 0) {
            return -ENOMEM;
        }
    }
    if (any) {
        fputs("\nus: until the last thread has done its share; waits: how much of that the threads "
              "waited, on average; (barriers): all of it.\nBytes and operations are those of all "
              "threads; of roof: the time that the limits allow over the time taken.\n",
              out);
    }
    return 0;
}
