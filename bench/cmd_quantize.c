/* aglm-bench model quantize: a model file in other types.
 *
 * In: a GGUF file and a mode. Out: another file; sizes, types and the error on stdout, progress and
 * messages on stderr. Returns 0, 1 for an error, 2 for wrong usage. Ctrl-C removes what there is of
 * the new file.
 */
#include "bench/cmd_model.h"
#include "engine/quant/quantize.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char help[] =
    "Usage: aglm-bench model quantize IN OUT -q TYPE [-t N] [--allow-requantize] [--quiet]\n"
    "Writes the GGUF model IN to OUT in another type. Metadata and tokenizer are copied.\n"
    "\n"
    "  -q, --quantize TYPE      f32, f16, bf16, q8_0, q6_k, q5_k_m, q5_k_s, q5_1, q5_0, q4_k_m,\n"
    "                           q4_k_s, q4_1, q4_0, iq4_nl, mxfp4, q3_k_l, q3_k_m, q3_k_s, q2_k;\n"
    "                           q3_k, q4_k and q5_k mean their _m\n"
    "  -t, --threads N          1 to 512 (default: the CPUs this process may use)\n"
    "  --allow-requantize       also from types that have lost something already\n"
    "  --quiet                  errors only\n"
    "  -h, --help               this text\n"
    "\n"
    "Each tensor gets the type that llama.cpp's quantizer would give it (mxfp4: all matrices, "
    "where\n"
    "llama.cpp takes only experts; the output matrix q8_0). Scales are searched for the least\n"
    "squared error; there is no importance matrix. Vectors and norms stay as they are.\n"
    "Exit codes: 0 done, 1 error or interrupted, 2 wrong usage.\n";

struct arguments {
    const char *in, *out, *type;
    uint64_t threads;
    bool allow_requantize, quiet;
};

static int parse(struct arguments *a, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i];
        const bool type = model_is_option(name, "-q", "--quantize");
        if (type || model_is_option(name, "-t", "--threads")) {
            if (++i == argc)
                return model_wrong_usage("a value is missing after", name);
            if (type)
                a->type = argv[i];
            else if (!model_parse_number(argv[i], 1, 512, &a->threads))
                return model_wrong_usage("-t must be a whole number, 1 to 512", argv[i]);
        } else if (model_is_option(name, NULL, "--allow-requantize")) {
            a->allow_requantize = true;
        } else if (model_is_option(name, NULL, "--quiet")) {
            a->quiet = true;
        } else if (name[0] == '-' && name[1] != '\0') {
            return model_wrong_usage("quantize has no such option", name);
        } else if (!a->in) {
            a->in = name;
        } else if (!a->out) {
            a->out = name;
        } else {
            return model_wrong_usage("quantize takes two files, more are given", name);
        }
    }
    if (!a->in || !a->out)
        return model_wrong_usage("quantize needs the model's file and the new one's", NULL);
    if (!a->type)
        return model_wrong_usage("quantize needs -q TYPE", NULL);
    return MODEL_DONE;
}

static void print_report(const struct arguments *a, const struct aglm_quantize_mode *mode,
                         const struct aglm_quantize_report *r)
{
    printf("%-10s %8s %15s %12s\n", "type", "tensors", "parameters", "MB");
    for (size_t i = 0; i < r->n_types; i++) {
        const char *name = aglm_dtype_foreign_name(r->types[i].type);
        printf("%-10s %8" PRIu64 " %15" PRIu64 " %12.2f\n", name ? name : "unknown",
               r->types[i].tensors, r->types[i].elements, (double)r->types[i].bytes / 1e6);
    }
    if (r->n_fallback)
        printf("%" PRIu64 " tensors have rows that do not fit their type and got a larger one\n",
               r->n_fallback);
    const double n = r->n_elements ? (double)r->n_elements : 1.0;
    printf("%s: %s, %.2f MB -> %.2f MB, %.2f -> %.2f bits per weight", a->out, mode->name,
           (double)r->file_bytes_in / 1e6, (double)r->file_bytes_out / 1e6,
           8.0 * (double)r->tensor_bytes_in / n, 8.0 * (double)r->tensor_bytes_out / n);
    if (!isnan(r->relative_rms))
        printf(", relative RMS error %.3g%%", 100.0 * r->relative_rms);
    printf("\n");
}

int aglm_cmd_model_quantize(int argc, char **argv)
{
    struct arguments a = {.threads = model_usable_cpus()};
    for (int i = 1; i < argc; i++) {
        if (model_is_option(argv[i], "-h", "--help")) {
            fputs(help, stdout);
            return model_finish_stdout();
        }
    }
    int code = parse(&a, argc, argv);
    if (code)
        return code;
    const struct aglm_quantize_mode *mode = aglm_quantize_mode_find(a.type);
    if (!mode) {
        fprintf(stderr, "aglm-bench model: no type \"%.40s\"; there are %s\n", a.type,
                aglm_quantize_mode_names());
        return MODEL_USAGE;
    }

    struct aglm_err err = {0};
    struct model_job job;
    struct aglm_quantize_report report;
    const struct aglm_quantize_options options = {.mode = mode,
                                                  .n_threads = (unsigned)a.threads,
                                                  .allow_requantize = a.allow_requantize,
                                                  .progress = model_job_draw,
                                                  .progress_ctx = &job};
    model_job_begin(&job, a.out, a.quiet);
    int rc = aglm_quantize_file(a.in, a.out, &options, &report, &err);
    model_job_end(&job);
    if (rc)
        return model_fail(&err);
    if (!a.quiet)
        print_report(&a, mode, &report);
    return model_finish_stdout();
}
