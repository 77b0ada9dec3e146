/* aglm-bench model: synth (make a synthetic model), info (what a GGUF file holds), list (the
 * presets).
 *
 * In: arguments. Out: a file, or text or JSON on stdout; progress and messages on stderr. Returns
 * 0, 1 for an error, 2 for wrong usage. Ctrl-C while a file is being made removes what there is of
 * it.
 */
#include "bench/cmd_model.h"
#include "bench/commands.h"
#include "bench/escape.h"
#include "engine/arch.h"
#include "engine/convert/target.h"
#include "engine/synth.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "Usage: aglm-bench model list\n"
    "       aglm-bench model info FILE [-o text|json]\n"
    "       aglm-bench model synth --preset NAME -o FILE [-q TYPE] [--seed N] [-t N] [--quiet]\n"
    "       aglm-bench model quantize IN OUT -q TYPE [options]  see model quantize --help\n"
    "       aglm-bench model convert DIR OUT.gguf [options]    see model convert --help\n"
    "Looks at GGUF model files and makes synthetic ones.\n"
    "\n"
    "list    the presets: models whose published shapes can be had without a download\n"
    "info    metadata, tensors by type, parameters and size of a file; -o json for programs\n"
    "synth   a GGUF file with a preset's shapes and random weights; same seed, same bytes\n"
    "  --preset NAME            see list\n"
    "  -q, --quantize TYPE      f32, f16, bf16, q8_0, q6_k, q5_k_m, q5_k_s, q5_1, q5_0, q4_k_m,\n"
    "                           q4_k_s, q4_1, q4_0, iq4_nl, mxfp4, q3_k_l, q3_k_m, q3_k_s or q2_k\n"
    "                           (default: q4_0)\n"
    "  -o, --output FILE        the file to write, or a GGUF file to replace; its folder must "
    "exist\n"
    "  --seed N                 of the weights (default: 1)\n"
    "  -t, --threads N          1 to 512 (default: the CPUs this process may use)\n"
    "  --quiet                  errors only on standard error\n"
    "  -h, --help               this text\n"
    "\n"
    "Each matrix gets the type that llama.cpp's quantizer would give it: the output matrix of a "
    "q4_0\n"
    "file is q6_k, and where a row is no whole number of blocks, a type that fits.\n"
    "Exit codes: 0 done, 1 error or interrupted, 2 wrong usage.\n";

static uint64_t preset_parameters(const struct aglm_preset *p)
{
    const uint64_t q = (uint64_t)p->n_heads * p->head_dim,
                   kv = (uint64_t)p->n_kv_heads * p->head_dim;
    const struct aglm_arch *arch = aglm_arch_find(p->arch);
    uint64_t layer = 2 * (uint64_t)p->n_embd * (q + kv) + 3 * (uint64_t)p->n_embd * p->n_ff +
                     (arch->post_norms ? 4 : 2) * (uint64_t)p->n_embd +
                     (arch->qk_norm ? 2 * (uint64_t)p->head_dim : 0) +
                     (p->qkv_bias ? q + 2 * kv : 0);
    return layer * p->n_layers + (uint64_t)p->n_embd * p->n_vocab * (p->tied ? 1 : 2) + p->n_embd;
}

/* ---- list ---- */

static int list(int argc, char **argv)
{
    if (argc > 1)
        return model_wrong_usage("list takes no arguments", argv[1]);
    printf("%-15s %-8s %8s %10s %10s %10s\n", "preset", "arch", "params", "q4_0", "q8_0", "f16");
    for (size_t i = 0; i < aglm_preset_count(); i++) {
        const struct aglm_preset *p = aglm_preset_at(i);
        printf("%-15s %-8s %6.2f B", p->name, p->arch, (double)preset_parameters(p) / 1e9);
        static const enum aglm_dtype types[] = {AGLM_Q4_0, AGLM_Q8_0, AGLM_F16};
        for (size_t t = 0; t < 3; t++)
            printf(" %7.0f MB", (double)aglm_synth_size(p, types[t]) / 1e6);
        printf("\n");
    }
    return model_finish_stdout();
}

/* ---- info ---- */

/* Sums over the tensors of one type; types in the order of their first tensor. */
struct type_sum {
    uint32_t type;
    uint64_t tensors, parameters, bytes;
};

struct summary {
    struct type_sum types[64];
    size_t n_types;
    uint64_t parameters, bytes;
};

static void summarize(struct summary *s, const struct aglm_gguf *file)
{
    *s = (struct summary){0};
    for (size_t i = 0; i < aglm_gguf_tensor_count(file); i++) {
        const struct aglm_gguf_tensor *t = aglm_gguf_tensor_at(file, i);
        size_t k = 0;
        while (k < s->n_types && s->types[k].type != t->type)
            k++;
        if (k == s->n_types && k < sizeof(s->types) / sizeof(s->types[0]))
            s->types[s->n_types++] = (struct type_sum){.type = t->type};
        if (k < s->n_types) {
            s->types[k].tensors++;
            s->types[k].parameters += t->n_elements;
            s->types[k].bytes += t->n_bytes;
        }
        s->parameters += t->n_elements;
        s->bytes += t->n_bytes;
    }
}

/* The reader lets only types through that have a name. */
static const char *type_name(uint32_t type)
{
    const char *name = aglm_dtype_foreign_name(type);
    return name ? name : "unknown";
}

static const char *unsupported_type(const struct aglm_gguf *file)
{
    for (size_t i = 0; i < aglm_gguf_tensor_count(file); i++)
        if (!aglm_dtype_get(aglm_gguf_tensor_at(file, i)->type))
            return type_name(aglm_gguf_tensor_at(file, i)->type);
    return NULL;
}

/* Why the engine would not run the file, judged by metadata and types; empty if it would. */
static void obstacle(const struct aglm_gguf *file, struct aglm_err *err)
{
    struct aglm_hparams hparams;
    const char *type = unsupported_type(file);
    if (aglm_hparams_read(&hparams, file, err) == 0 && type)
        aglm_err_set(err, -ENOTSUP, "%s: tensors of type %s cannot be run", aglm_gguf_path(file),
                     type);
}

static void info_text(const struct aglm_gguf *file, const struct summary *s)
{
    struct aglm_err err = {0};
    char value[100];
    printf("file        %s\n", aglm_gguf_path(file));
    printf("format      GGUF v%" PRIu32 "\n", aglm_gguf_version(file));
    printf("size        %.2f MB\n", (double)aglm_gguf_file_size(file) / 1e6);
    printf("tensors     %zu, %.2f MB\n", aglm_gguf_tensor_count(file), (double)s->bytes / 1e6);
    printf("parameters  %" PRIu64 " (%.2f B)\n", s->parameters, (double)s->parameters / 1e9);
    obstacle(file, &err);
    printf("runs        %s%s\n", err.code ? "no: " : "yes", err.code ? err.msg : "");
    printf("\n%-10s %8s %15s %12s\n", "type", "tensors", "parameters", "MB");
    for (size_t i = 0; i < s->n_types; i++)
        printf("%-10s %8" PRIu64 " %15" PRIu64 " %12.2f\n", type_name(s->types[i].type),
               s->types[i].tensors, s->types[i].parameters, (double)s->types[i].bytes / 1e6);
    printf("\n");
    for (size_t i = 0; i < aglm_gguf_kv_count(file); i++) {
        const char *key = aglm_gguf_kv_at(file, i, value, sizeof(value));
        printf("%s = %s\n", key, value);
    }
}

static void add_text(cJSON *object, const char *key, const char *value)
{
    char *clean_key = aglm_utf8_clean(key), *clean = aglm_utf8_clean(value);
    if (clean_key && clean)
        cJSON_AddStringToObject(object, clean_key, clean);
    free(clean_key);
    free(clean);
}

static cJSON *info_json(const struct aglm_gguf *file, const struct summary *s)
{
    struct aglm_err err = {0};
    static char value[65536];
    cJSON *root = cJSON_CreateObject();
    add_text(root, "file", aglm_gguf_path(file));
    cJSON_AddNumberToObject(root, "gguf_version", aglm_gguf_version(file));
    cJSON_AddNumberToObject(root, "file_bytes", (double)aglm_gguf_file_size(file));
    cJSON_AddNumberToObject(root, "n_tensors", (double)aglm_gguf_tensor_count(file));
    cJSON_AddNumberToObject(root, "tensor_bytes", (double)s->bytes);
    cJSON_AddNumberToObject(root, "n_params", (double)s->parameters);
    obstacle(file, &err);
    cJSON_AddBoolToObject(root, "runs", err.code == 0);
    if (err.code)
        add_text(root, "obstacle", err.msg);
    cJSON *types = cJSON_AddArrayToObject(root, "types");
    for (size_t i = 0; i < s->n_types; i++) {
        cJSON *type = cJSON_CreateObject();
        cJSON_AddStringToObject(type, "type", type_name(s->types[i].type));
        cJSON_AddNumberToObject(type, "n_tensors", (double)s->types[i].tensors);
        cJSON_AddNumberToObject(type, "n_params", (double)s->types[i].parameters);
        cJSON_AddNumberToObject(type, "bytes", (double)s->types[i].bytes);
        cJSON_AddItemToArray(types, type);
    }
    cJSON *metadata = cJSON_AddObjectToObject(root, "metadata");
    for (size_t i = 0; i < aglm_gguf_kv_count(file); i++) {
        const char *key = aglm_gguf_kv_at(file, i, value, sizeof(value));
        add_text(metadata, key, value);
    }
    return root;
}

static int print_json(cJSON *root)
{
    char *text = cJSON_Print(root);
    cJSON_Delete(root);
    if (!text) {
        fprintf(stderr, "aglm-bench model: out of memory\n");
        return MODEL_ERROR;
    }
    puts(text);
    cJSON_free(text);
    return MODEL_DONE;
}

static int info(int argc, char **argv)
{
    const char *path = NULL;
    bool json = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-o") == 0 || strcmp(argv[i], "--output") == 0) {
            const char *format = i + 1 < argc ? argv[++i] : "";
            json = strcmp(format, "json") == 0;
            if (!json && strcmp(format, "text") != 0)
                return model_wrong_usage("-o must be text or json", format);
        } else if (argv[i][0] == '-' && argv[i][1] != '\0') {
            return model_wrong_usage("info has no such option", argv[i]);
        } else if (path) {
            return model_wrong_usage("info takes one file, more than one is given", argv[i]);
        } else {
            path = argv[i];
        }
    }
    if (!path)
        return model_wrong_usage("info needs a file", NULL);

    struct aglm_gguf *file = NULL;
    struct aglm_err err = {0};
    struct summary summary;
    int code = MODEL_DONE;
    if (aglm_gguf_open(&file, path, &err))
        return model_fail(&err);
    summarize(&summary, file);
    if (json)
        code = print_json(info_json(file, &summary));
    else
        info_text(file, &summary);
    aglm_gguf_close(&file);
    return code ? code : model_finish_stdout();
}

/* ---- synth ---- */

struct synth_arguments {
    const char *preset, *type, *path;
    uint64_t seed, threads;
    bool quiet;
};

static int parse_synth(struct synth_arguments *a, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i];
        if (model_is_option(name, NULL, "--quiet")) {
            a->quiet = true;
            continue;
        }
        const char **text = model_is_option(name, NULL, "--preset")     ? &a->preset
                            : model_is_option(name, "-q", "--quantize") ? &a->type
                            : model_is_option(name, "-o", "--output")   ? &a->path
                                                                        : NULL;
        bool seed = model_is_option(name, NULL, "--seed"),
             threads = model_is_option(name, "-t", "--threads");
        if (!text && !seed && !threads)
            return model_wrong_usage("synth has no such option", name);
        if (++i == argc)
            return model_wrong_usage("a value is missing after", name);
        if (text)
            *text = argv[i];
        else if (seed && !model_parse_number(argv[i], 0, UINT64_MAX, &a->seed))
            return model_wrong_usage("--seed must be a whole number, 0 or more", argv[i]);
        else if (threads && !model_parse_number(argv[i], 1, 512, &a->threads))
            return model_wrong_usage("-t must be a whole number, 1 to 512", argv[i]);
    }
    if (!a->preset || !a->path)
        return model_wrong_usage(a->preset ? "synth needs -o FILE" : "synth needs --preset NAME",
                                 NULL);
    return MODEL_DONE;
}

static int write_synth(const struct synth_arguments *a, const struct aglm_preset *preset,
                       const struct aglm_quantize_mode *mode)
{
    struct aglm_err err = {0};
    struct model_job job;
    struct aglm_synth_options options = {.mode = mode,
                                         .seed = a->seed,
                                         .n_threads = (unsigned)a->threads,
                                         .progress = model_job_draw,
                                         .progress_ctx = &job};
    int rc = aglm_convert_check_target(a->path, &err);
    if (rc)
        return model_fail(&err);
    model_job_begin(&job, a->path, a->quiet);
    rc = aglm_synth_write(preset, &options, a->path, &err);
    model_job_end(&job);
    if (rc)
        return model_fail(&err);
    if (!a->quiet)
        fprintf(stderr, "%s: %s, %s, %.0f MB, seed %" PRIu64 "\n", a->path, preset->title,
                mode->name, (double)aglm_synth_size_of(preset, mode) / 1e6, a->seed);
    return MODEL_DONE;
}

static int synth(int argc, char **argv)
{
    struct synth_arguments a = {.type = "q4_0", .seed = 1, .threads = model_usable_cpus()};
    int code = parse_synth(&a, argc, argv);
    if (code)
        return code;
    const struct aglm_preset *preset = aglm_preset_find(a.preset);
    const struct aglm_quantize_mode *mode = aglm_quantize_mode_find(a.type);
    if (!preset)
        return model_wrong_usage("no such preset (aglm-bench model list names them)", a.preset);
    if (!mode)
        return model_wrong_usage("-q must be a type that --help names", a.type);
    return write_synth(&a, preset, mode);
}

int aglm_cmd_model(int argc, char **argv)
{
    if (argc >= 2 && strcmp(argv[1], "quantize") == 0)
        return aglm_cmd_model_quantize(argc - 1, argv + 1);
    if (argc >= 2 && strcmp(argv[1], "convert") == 0)
        return aglm_cmd_convert(argc - 1, argv + 1);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0) {
            fputs(help, stdout);
            return model_finish_stdout();
        }
    }
    if (argc < 2)
        return model_wrong_usage("say what to do: list, info, synth, quantize or convert", NULL);
    if (strcmp(argv[1], "list") == 0)
        return list(argc - 1, argv + 1);
    if (strcmp(argv[1], "info") == 0)
        return info(argc - 1, argv + 1);
    if (strcmp(argv[1], "synth") == 0)
        return synth(argc - 1, argv + 1);
    return model_wrong_usage(
        "there is no such subcommand; there are list, info, synth, quantize and convert", argv[1]);
}
