/* The tables behind the Markdown table: what each fused operator is worth, and the operators of
 * profiled tests. Inputs: records. Outputs: nothing where there is nothing to say.
 */
#include "bench/output.h"

#include "bench/escape.h"
#include "bench/operators.h"
#include "bench/stats.h"

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

/* The median over rounds of the time without by the time with, of neighbours in the same round. */
static double paired_ratio(const struct aglm_record *without, const struct aglm_record *with,
                           size_t *faster, size_t *n)
{
    *faster = 0;
    *n = without->n_samples < with->n_samples ? without->n_samples : with->n_samples;
    double *x = calloc(*n + 1, sizeof(*x));
    if (x == NULL) {
        return NAN;
    }
    for (size_t i = 0; i < *n; i++) {
        x[i] = (double)without->samples[i].total_ns / (double)with->samples[i].total_ns;
        *faster += x[i] > 1;
    }
    aglm_stats_sort(x, *n);
    double median = aglm_stats_median(x, *n);
    free(x);
    return median;
}

static void print_gain(FILE *out, const struct aglm_record *without, const struct aglm_record *with)
{
    struct aglm_results a, b;
    size_t faster, n;
    char type[96], test[96];
    aglm_results_derive(&a, without);
    aglm_results_derive(&b, with);
    const double ratio = paired_ratio(without, with, &faster, &n);
    aglm_escape_md(type, sizeof(type), with->model_type);
    aglm_escape_md(test, sizeof(test), with->test);
    fprintf(out,
            "| %s | %" PRIu32 " | %s | %s | %.2f [%.2f, %.2f] | %.2f [%.2f, %.2f] | %+.1f%% | %zu "
            "of %zu%s |\n",
            type, with->n_threads, test, without->fuse, a.median_ts, a.ci_low_ts, a.ci_high_ts,
            b.median_ts, b.ci_low_ts, b.ci_high_ts, 100 * (ratio - 1), faster, n,
            with->valid && without->valid ? "" : ", INVALID");
}

void aglm_output_gains(FILE *out, const struct aglm_record *records, size_t n)
{
    bool first = true;
    for (size_t i = 0; i < n; i++) {
        /* The null backend has no operators: its differences are the clock's. */
        if (strcmp(records[i].fuse, "all") != 0 || strcmp(records[i].backend, "null") == 0) {
            continue;
        }
        for (size_t k = 0; k < n; k++) {
            if (!same_but_fuse(&records[i], &records[k])) {
                continue;
            }
            fputs(first ? "\nWhat fused operators are worth (gain: median ratio of repetitions of "
                          "the same round):\n\n"
                          "| model | threads | test | fused | t/s so | t/s all fused | gain of all "
                          "| faster in |\n"
                          "| ----- | ------: | ---- | ----- | -----: | ------------: | ----------: "
                          "| --------: |\n"
                        : "",
                  out);
            first = false;
            print_gain(out, &records[k], &records[i]);
        }
    }
}

/* ---- operators ---- */

/* A cell with a number of fitting precision; "-" where unknown or nothing. */
static void cell(FILE *out, double v, const char *unit)
{
    if (isnan(v) || v == 0) {
        fputs(" - |", out);
    } else {
        fprintf(out, " %.*f%s |", fabs(v) < 10 ? 2 : fabs(v) < 100 ? 1 : 0, v, unit);
    }
}

static void print_operator(FILE *out, const struct aglm_record *r, const struct aglm_operator *o,
                           double n_tokens)
{
    struct aglm_operator_figures f;
    aglm_operator_derive(&f, r, o);
    fprintf(out, "| %s | %s | %" PRIu64 " |", o->phase, o->name, o->calls);
    cell(out, f.ns_per_token / 1e3, "");
    cell(out, f.share_percent, "%");
    cell(out, (double)o->wait_ns / n_tokens / 1e3, "");
    cell(out, o->weight_bytes / n_tokens / 1e6, "");
    cell(out, o->kv_bytes / n_tokens / 1e6, "");
    cell(out, o->act_bytes / n_tokens / 1e6, "");
    cell(out, (o->int8_ops + o->float_ops) / n_tokens / 1e6, "");
    cell(out, f.bytes_per_s / 1e9, "");
    cell(out, f.ops_per_s / 1e9, "");
    cell(out, f.roof_percent, "%");
    fputc('\n', out);
}

static void print_rest(FILE *out, const char *phase, const char *name, double ns,
                       const struct aglm_operator_rest *rest)
{
    fprintf(out, "| %s | %s | - |", phase, name);
    cell(out, ns / rest->n_tokens / 1e3, "");
    cell(out, 100 * ns / rest->phase_ns, "%");
    fputs(" - | - | - | - | - | - | - | - |\n", out);
}

static void print_phase(FILE *out, const struct aglm_record *r, const char *phase)
{
    struct aglm_operator_rest rest;
    aglm_operators_rest(&rest, r, phase);
    if (rest.phase_ns <= 0) {
        return;
    }
    for (size_t i = 0; i < r->n_operators; i++) {
        if (strcmp(r->operators[i].phase, phase) == 0) {
            print_operator(out, r, &r->operators[i], rest.n_tokens);
        }
    }
    print_rest(out, phase, "(barriers)", rest.wait_ns, &rest);
    print_rest(out, phase, "(other)", rest.other_ns, &rest);
    print_rest(out, phase, "(all)", rest.phase_ns, &rest);
}

void aglm_output_operators(FILE *out, const struct aglm_record *records, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct aglm_record *r = &records[i];
        char type[96], test[96];
        if (r->n_operators == 0) {
            continue;
        }
        aglm_escape_md(type, sizeof(type), r->model_type);
        aglm_escape_md(test, sizeof(test), r->test);
        fprintf(out, "\nOperators of %s, %s, %" PRIu32 " thread%s", test, type, r->n_threads,
                r->n_threads == 1 ? "" : "s");
        if (strcmp(r->fuse, "all") != 0) {
            fprintf(out, ", fused: %s", r->fuse);
        }
        fputs(" (per token; of all threads, time of the first):\n\n"
              "| phase | operator | calls | us | share | waits us | weights MB | cache MB | "
              "acts MB | Mop | GB/s | Gop/s | of roof |\n"
              "| ----- | -------- | ----: | -: | ----: | -------: | ---------: | -------: | "
              "------: | --: | ---: | ----: | ------: |\n",
              out);
        print_phase(out, r, "prefill");
        print_phase(out, r, "decode");
    }
}
