/* The part of the Markdown output about answers: one line for each quantization, backend and
 * instruction set that was asked. Inputs: records. Outputs: text.
 */
#include "bench/output.h"

#include "bench/escape.h"
#include "bench/tally.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { TEXT = 192 };

static bool same(const struct aglm_record *a, const struct aglm_record *b)
{
    return strcmp(a->quantization, b->quantization) == 0 && strcmp(a->backend, b->backend) == 0 &&
           strcmp(a->isa, b->isa) == 0 && strcmp(a->type_k, b->type_k) == 0 &&
           strcmp(a->type_v, b->type_v) == 0;
}

static void print_line(FILE *out, const struct aglm_record *r)
{
    const struct aglm_accuracy_part sum = aglm_accuracy_sum(&r->accuracy, NULL, NULL);
    const struct aglm_interval w = aglm_wilson(sum.right, sum.n);
    const double kept = aglm_accuracy_kept(&sum);
    char quantization[TEXT];
    aglm_escape_md(quantization, sizeof(quantization), r->quantization);
    fprintf(out, "- %s, %s %s", quantization, strcmp(r->backend, "cpu") == 0 ? "CPU" : r->backend,
            r->isa);
    if (strcmp(r->type_k, "f16") != 0 || strcmp(r->type_v, "f16") != 0) {
        fprintf(out, ", KV cache %s/%s", r->type_k, r->type_v);
    }
    if (sum.n < r->accuracy.n_items) {
        fprintf(out, ", time for %" PRIu64 " of %" PRIu64 " questions", sum.n, r->accuracy.n_items);
    }
    fprintf(out, ": %" PRIu64 " of %" PRIu64 ", %.1f%% [%.1f, %.1f]", sum.right, sum.n, w.percent,
            w.low, w.high);
    if (!isnan(kept)) {
        fprintf(out, "; %.1f%% of F32's kept, %" PRIu64 " lost, %" PRIu64 " gained", kept, sum.lost,
                sum.gained);
    }
    fputc('\n', out);
}

void aglm_output_accuracy(FILE *out, const struct aglm_record *records, size_t n)
{
    bool first = true;
    for (size_t i = 0; i < n; i++) {
        const struct aglm_accuracy *a = &records[i].accuracy;
        size_t k = 0;
        while (k < i && !(records[k].accuracy.n_parts > 0 && same(&records[k], &records[i]))) {
            k++;
        }
        if (a->n_parts == 0 || k < i) {
            continue;
        }
        if (first) {
            char model[TEXT];
            aglm_escape_md(model, sizeof(model), a->model);
            fprintf(out,
                    "\nAccuracy: right answers of %s in the same quantization [95%% interval]:"
                    "\n\n",
                    model);
        }
        first = false;
        print_line(out, &records[i]);
    }
}
