/* aglm-bench model convert: a Hugging Face folder to a GGUF file.
 *
 * In: arguments. Out: the file; progress and what was left out on stderr. Returns 0, 1 for an
 * error, 2 for wrong usage. Ctrl-C removes what there is of the file.
 */
#include "bench/cmd_complain.h"
#include "bench/commands.h"
#include "bench/progress.h"
#include "engine/convert/convert.h"
#include "engine/quant/mix.h"
#include "engine/text/pretok.h"
#include "probes/clock.h"

#include <errno.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "Usage: aglm-bench model convert DIR OUT.gguf [-q TYPE] [--pre NAME] [--no-tokenizer] "
    "[--quiet]\n"
    "Makes a GGUF file of a Hugging Face folder: config.json, tokenizer.json or tokenizer.model,\n"
    "and model.safetensors or its shards with model.safetensors.index.json.\n"
    "\n"
    "Architectures: LlamaForCausalLM, Qwen2ForCausalLM, Qwen3ForCausalLM, ChatGLMModel,\n"
    "ChatGLMForConditionalGeneration, GlmForCausalLM, Glm4ForCausalLM,\n"
    "Glm4vForConditionalGeneration (its language model), Gemma3ForCausalLM.\n"
    "\n"
    "  -q, --quantize TYPE   of matrices (default: bf16 where the weights are BF16, else f16);\n"
    "                        norms and biases are f32. The types and mixtures are those of\n"
    "                        aglm-bench model quantize\n"
    "  --pre NAME            pre-tokenizer, when tokenizer.json's is not recognized:\n"
    "                        chatglm-bpe, glm4, llama-bpe, qwen2, smollm, gpt-2\n"
    "  --no-tokenizer        a file without a tokenizer, to measure speed with\n"
    "  -t, --threads N       1 to 512 (default: the CPUs this process may use)\n"
    "  --quiet               errors only on standard error\n"
    "  -h, --help            this text\n"
    "\n"
    "OUT.gguf is replaced if it is a GGUF file, and appears only when complete.\n"
    "Exit codes: 0 done, 1 error or interrupted, 2 wrong usage.\n";

enum { EXIT_DONE = 0, EXIT_ERROR = 1 };

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    interrupted = 1;
}

struct drawing {
    struct aglm_progress progress;
    const char *what;
    uint64_t start_ns;
};

static bool draw(void *ctx, uint64_t done, uint64_t total)
{
    struct drawing *d = ctx;
    double fraction = total ? (double)done / (double)total : 0.0;
    double spent = (double)(aglm_clock_ns() - d->start_ns) / 1e9;
    aglm_progress_draw(&d->progress, fraction, d->what,
                       fraction > 0.02 ? spent / fraction - spent : NAN);
    return !interrupted;
}

struct arguments {
    const char *folder, *path;
    struct aglm_convert_options options;
    bool quiet;
};

static int wrong_usage(const char *what, const char *value)
{
    return aglm_usage("model convert", what, value);
}

static bool is_option(const char *argument, const char *brief, const char *full)
{
    return strcmp(argument, full) == 0 || (brief && strcmp(argument, brief) == 0);
}

static unsigned usable_cpus(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
    return n < 1 ? 1 : n > 512 ? 512 : (unsigned)n;
}

static bool parse_threads(const char *text, unsigned *out)
{
    char *end;
    long n = text[0] >= '0' && text[0] <= '9' ? strtol(text, &end, 10) : 0;
    if (n < 1 || n > 512 || *end)
        return false;
    *out = (unsigned)n;
    return true;
}

static int parse(struct arguments *a, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i];
        const char **value = is_option(name, "-q", "--quantize") ? &a->options.type
                             : is_option(name, NULL, "--pre")    ? &a->options.pre
                                                                 : NULL;
        if (value) {
            if (++i == argc)
                return wrong_usage("a value is missing after", name);
            *value = argv[i];
        } else if (is_option(name, "-t", "--threads")) {
            if (++i == argc || !parse_threads(argv[i], &a->options.n_threads))
                return wrong_usage("-t must be a whole number, 1 to 512",
                                   i < argc ? argv[i] : NULL);
        } else if (is_option(name, NULL, "--quiet")) {
            a->quiet = true;
        } else if (is_option(name, NULL, "--no-tokenizer")) {
            a->options.no_tokenizer = true;
        } else if (name[0] == '-' && name[1] != '\0') {
            return wrong_usage("there is no such option", name);
        } else if (!a->folder) {
            a->folder = name;
        } else if (!a->path) {
            a->path = name;
        } else {
            return wrong_usage("a folder and a file are enough, more is given", name);
        }
    }
    if (!a->folder || !a->path)
        return wrong_usage(a->folder ? "say which file to write" : "say which folder to convert",
                           NULL);
    if (a->options.pre && (!a->options.pre[0] || !aglm_pretok_find(a->options.pre)))
        return wrong_usage("--pre must be a pre-tokenizer that --help names", a->options.pre);
    if (a->options.type && !aglm_quantize_mode_find(a->options.type))
        return wrong_usage("-q must be a type that --help names", a->options.type);
    return EXIT_DONE;
}

static void tell(const struct arguments *a, const struct aglm_convert_notes *n)
{
    fprintf(stderr, "%s: %s, %s, %zu tensors, %.1f MB\n", a->path, n->arch, n->type, n->n_tensors,
            (double)n->bytes / 1e6);
    if (n->n_tokens)
        fprintf(stderr, "tokenizer: %s, %zu tokens, %zu of them unused\n", n->tokenizer,
                n->n_tokens, n->n_padded);
    if (n->n_fallback)
        fprintf(stderr, "%zu matrices have another type, because their rows do not fit\n",
                n->n_fallback);
    if (n->n_dropped)
        fprintf(stderr, "left out: %zu added tokens that the embedding has no row for\n",
                n->n_dropped);
    if (n->n_vision)
        fprintf(stderr, "left out: %zu tensors of the vision part\n", n->n_vision);
    if (n->n_other)
        fprintf(stderr,
                "left out: %zu tensors that hold nothing new (rope frequencies, a tied output)\n",
                n->n_other);
    if (n->composes)
        fprintf(stderr, "note: the published tokenizer composes text (Unicode NFC), GGUF's do not; "
                        "decomposed text gets other tokens\n");
}

int aglm_cmd_convert(int argc, char **argv)
{
    struct arguments a = {.options = {.n_threads = usable_cpus()}};
    struct aglm_convert_notes notes = {0};
    struct aglm_err err = {0};
    struct sigaction action = {.sa_handler = on_signal}, old_int, old_term;
    for (int i = 1; i < argc; i++) {
        if (is_option(argv[i], "-h", "--help")) {
            fputs(help, stdout);
            return EXIT_DONE;
        }
    }
    int code = parse(&a, argc, argv);
    if (code)
        return code;
    struct drawing drawing = {.what = a.path, .start_ns = aglm_clock_ns()};
    aglm_progress_init(&drawing.progress, stderr, false, a.quiet);
    a.options.progress = draw;
    a.options.progress_ctx = &drawing;
    interrupted = 0;
    sigaction(SIGINT, &action, &old_int);
    sigaction(SIGTERM, &action, &old_term);
    int rc = aglm_convert(a.folder, a.path, &a.options, &notes, &err);
    sigaction(SIGINT, &old_int, NULL);
    sigaction(SIGTERM, &old_term, NULL);
    aglm_progress_clear(&drawing.progress);
    if (rc) {
        fprintf(stderr, "aglm-bench model convert: %s\n", err.msg);
        return EXIT_ERROR;
    }
    if (!a.quiet)
        tell(&a, &notes);
    return EXIT_DONE;
}
