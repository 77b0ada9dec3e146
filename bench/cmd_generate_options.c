/* The options of `aglm-bench generate`: getopt and a check of what goes together. Inputs: argv.
 * Outputs: struct aglm_generate_command with every default filled in; one line on standard error
 * for wrong usage.
 */
#include "bench/cmd_complain.h"
#include "bench/cmd_generate.h"
#include "bench/requantize.h"
#include "engine/kernels/kernels.h"
#include "probes/topology.h"

#include <errno.h>
#include <float.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_POSITIONS = 1 << 24 };

static const char HELP[] =
    "Usage: aglm-bench generate -m FILE --prompt TEXT [options]\n"
    "\n"
    "Runs a prompt through a model and writes the answer to standard output as it comes; the\n"
    "times follow on standard error.\n"
    "\n"
    "  -m, --model FILE        GGUF file with a tokenizer\n"
    "      --prompt TEXT       what the user says\n"
    "      --prompt-file FILE  the same from a file (a newline at its end is left out)\n"
    "      --system TEXT       system message in front\n"
    "  -i, --interactive       chat: each line of standard input is one message; the cache keeps\n"
    "                          what was said before\n"
    "      --template NAME     chat template: " AGLM_CHAT_FAMILIES "\n"
    "                          (default: the file's)\n"
    "      --no-template       give the text to the model as it is\n"
    "  -n, --n-gen N           tokens to generate at most (default 256)\n"
    "      --temp T            temperature; 0: always the most likely token (default 0)\n"
    "      --top-k N           choose among the N most likely; 0: off (default 0)\n"
    "      --top-p P           choose among the most likely that make up P; 1: off (default 1)\n"
    "      --min-p P           leave out what is less likely than P times the best; 0: off\n"
    "                          (default 0)\n"
    "      --repeat-penalty R  divide the logits of recent tokens by R; 1: off (default 1)\n"
    "      --repeat-last N     how many tokens are recent (default 64)\n"
    "      --seed N            of the random choices (default 1)\n"
    "  -c, --ctx-size N        context in tokens (default: what prompt and answer need; with -i\n"
    "                          4096, or the model's)\n"
    "      --override-ctx N    take the model to be trained for N tokens, whatever its file says\n"
    "  -ctk, -ctv TYPE         type of the KV cache: f16, q8_0 or q4_0 (default f16)\n"
    "  -t, --threads N         (default: strong cores)\n"
    "  -q, --quantize TYPE     re-quantize an F32, F16 or BF16 file on load\n"
    "      --load pack|mmap    keep the weights in memory, packed for the kernels, or in the "
    "file's\n"
    "                          pages and pack them as they are used: no second copy, slower. The\n"
    "                          first token comes before they are packed (default pack)\n"
    "      --isa NAME          " AGLM_ISA_NAMES " (default auto)\n"
    "      --backend NAME      cpu or null (default cpu)\n"
    "      --quiet             no figures\n"
    "  -h, --help              this text\n"
    "\n"
    "Only the messages given are written: system messages that some models' own templates add by\n"
    "themselves are not. Ctrl-C ends the answer; the figures still come.\n";

static int usage(const char *message, const char *value)
{
    return aglm_usage("generate", message, value);
}

static int whole(uint64_t *out, const char *name, const char *text, uint64_t min, uint64_t max)
{
    char *end = NULL, msg[96];
    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || strchr(text, '-') != NULL || v < min ||
        v > max) {
        snprintf(msg, sizeof(msg), "%s: must be %" PRIu64 " to %" PRIu64, name, min, max);
        return usage(msg, text);
    }
    *out = v;
    return 0;
}

/* A number from min to max; above: min itself is out. */
static int number(float *out, const char *name, const char *text, float min, bool above, float max)
{
    char *end = NULL, msg[96];
    float v = strtof(text, &end);
    if (end == text || *end != '\0' || !(above ? v > min : v >= min) || !(v <= max)) {
        snprintf(msg, sizeof(msg), "%s: must be a number, %s %g to %g", name,
                 above ? "above" : "from", (double)min, (double)max);
        return usage(msg, text);
    }
    *out = v;
    return 0;
}

static int cache_type(enum aglm_dtype *out, const char *name, const char *text)
{
    static const struct {
        const char *name;
        enum aglm_dtype type;
    } types[] = {{"f16", AGLM_F16}, {"q8_0", AGLM_Q8_0}, {"q4_0", AGLM_Q4_0}};
    char msg[64];
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(text, types[i].name) == 0) {
            *out = types[i].type;
            return 0;
        }
    }
    snprintf(msg, sizeof(msg), "%s: must be f16, q8_0 or q4_0", name);
    return usage(msg, text);
}

enum {
    OPT_PROMPT = 256,
    OPT_PROMPT_FILE,
    OPT_SYSTEM,
    OPT_TEMPLATE,
    OPT_NO_TEMPLATE,
    OPT_TEMP,
    OPT_TOP_K,
    OPT_TOP_P,
    OPT_MIN_P,
    OPT_PENALTY,
    OPT_LAST,
    OPT_SEED,
    OPT_OVERRIDE,
    OPT_CTK,
    OPT_CTV,
    OPT_LOAD,
    OPT_ISA,
    OPT_BACKEND,
    OPT_QUIET
};

static const struct option OPTIONS[] = {{"help", no_argument, NULL, 'h'},
                                        {"model", required_argument, NULL, 'm'},
                                        {"prompt", required_argument, NULL, OPT_PROMPT},
                                        {"prompt-file", required_argument, NULL, OPT_PROMPT_FILE},
                                        {"system", required_argument, NULL, OPT_SYSTEM},
                                        {"interactive", no_argument, NULL, 'i'},
                                        {"template", required_argument, NULL, OPT_TEMPLATE},
                                        {"no-template", no_argument, NULL, OPT_NO_TEMPLATE},
                                        {"n-gen", required_argument, NULL, 'n'},
                                        {"temp", required_argument, NULL, OPT_TEMP},
                                        {"top-k", required_argument, NULL, OPT_TOP_K},
                                        {"top-p", required_argument, NULL, OPT_TOP_P},
                                        {"min-p", required_argument, NULL, OPT_MIN_P},
                                        {"repeat-penalty", required_argument, NULL, OPT_PENALTY},
                                        {"repeat-last", required_argument, NULL, OPT_LAST},
                                        {"seed", required_argument, NULL, OPT_SEED},
                                        {"ctx-size", required_argument, NULL, 'c'},
                                        {"override-ctx", required_argument, NULL, OPT_OVERRIDE},
                                        {"ctk", required_argument, NULL, OPT_CTK},
                                        {"ctv", required_argument, NULL, OPT_CTV},
                                        {"cache-type-k", required_argument, NULL, OPT_CTK},
                                        {"cache-type-v", required_argument, NULL, OPT_CTV},
                                        {"threads", required_argument, NULL, 't'},
                                        {"quantize", required_argument, NULL, 'q'},
                                        {"load", required_argument, NULL, OPT_LOAD},
                                        {"isa", required_argument, NULL, OPT_ISA},
                                        {"backend", required_argument, NULL, OPT_BACKEND},
                                        {"quiet", no_argument, NULL, OPT_QUIET},
                                        {0}};

/* Numbers; 2 for wrong usage. */
static int set_number(struct aglm_generate_command *c, int option, const char *v)
{
    struct aglm_sampler_options *s = &c->sampling;
    uint64_t n = 0;
    int rc = 0;
    switch (option) {
    case 'n':
        return whole(&c->n_max, "-n", v, 1, MAX_POSITIONS);
    case 'c':
        return whole(&c->n_ctx, "-c", v, 1, MAX_POSITIONS);
    case 't':
        return whole(&c->n_threads, "-t", v, 1, 512);
    case OPT_OVERRIDE:
        return whole(&c->n_ctx_override, "--override-ctx", v, 1, MAX_POSITIONS);
    case OPT_SEED:
        return whole(&s->seed, "--seed", v, 0, INT64_MAX);
    case OPT_TOP_K:
        rc = whole(&n, "--top-k", v, 0, INT32_MAX);
        s->top_k = (uint32_t)n;
        return rc;
    case OPT_LAST:
        rc = whole(&n, "--repeat-last", v, 0, 1 << 20);
        s->repeat_last = (uint32_t)n;
        return rc;
    case OPT_TEMP:
        return number(&s->temperature, "--temp", v, 0, false, FLT_MAX);
    case OPT_TOP_P:
        return number(&s->top_p, "--top-p", v, 0, true, 1);
    case OPT_MIN_P:
        return number(&s->min_p, "--min-p", v, 0, false, 1);
    default:
        return number(&s->repeat_penalty, "--repeat-penalty", v, 0, true, FLT_MAX);
    }
}

static int set_option(struct aglm_generate_command *c, int option, const char *v)
{
    const char **text = option == 'm'               ? &c->model
                        : option == 'q'             ? &c->quantize
                        : option == OPT_PROMPT      ? &c->prompt
                        : option == OPT_PROMPT_FILE ? &c->prompt_file
                        : option == OPT_SYSTEM      ? &c->system
                        : option == OPT_TEMPLATE    ? &c->template
                        : option == OPT_LOAD        ? &c->load
                        : option == OPT_ISA         ? &c->isa
                        : option == OPT_BACKEND     ? &c->backend
                                                    : NULL;
    if (text != NULL) {
        *text = v;
        return 0;
    }
    switch (option) {
    case 'i':
        c->interactive = true;
        return 0;
    case OPT_NO_TEMPLATE:
        c->no_template = true;
        return 0;
    case OPT_QUIET:
        c->quiet = true;
        return 0;
    case OPT_CTK:
        return cache_type(&c->type_k, "-ctk", v);
    case OPT_CTV:
        return cache_type(&c->type_v, "-ctv", v);
    default:
        return set_number(c, option, v);
    }
}

static bool one_of(const char *text, const char *a, const char *b, const char *c, const char *d)
{
    return strcmp(text, a) == 0 || strcmp(text, b) == 0 || (c != NULL && strcmp(text, c) == 0) ||
           (d != NULL && strcmp(text, d) == 0);
}

/* What is no value, and what does not go together. */
static int check_together(const struct aglm_generate_command *c)
{
    int sources = (c->prompt != NULL) + (c->prompt_file != NULL) + c->interactive;
    struct aglm_err err = {0};
    enum aglm_chat_family family;
    if (c->model == NULL) {
        return usage("-m FILE is missing", NULL);
    }
    if (sources != 1) {
        return usage("give one of --prompt, --prompt-file and -i", NULL);
    }
    if (c->no_template && (c->template != NULL || c->system != NULL || c->interactive)) {
        return usage("--no-template leaves no place for --template, --system and -i", NULL);
    }
    if (c->quantize != NULL && aglm_requantize_check("-q", c->quantize, &err) < 0) {
        return usage(err.msg, NULL);
    }
    if (!aglm_kernels_is_name(c->isa)) {
        return usage("--isa: must be " AGLM_ISA_NAMES, c->isa);
    }
    if (!one_of(c->backend, "cpu", "null", NULL, NULL)) {
        return usage("--backend: must be cpu or null", c->backend);
    }
    if (!one_of(c->load, "pack", "mmap", NULL, NULL)) {
        return usage("--load: must be pack or mmap", c->load);
    }
    if (aglm_requantize_check_load(c->load, c->quantize, &err) < 0) {
        return usage(err.msg, NULL);
    }
    if (c->template != NULL && aglm_chat_family_by_name(&family, c->template, &err) < 0) {
        return usage(err.msg, NULL);
    }
    return 0;
}

int aglm_generate_parse(struct aglm_generate_command *c, int argc, char **argv)
{
    static char ctk[] = "--ctk", ctv[] = "--ctv"; /* getopt has no short options of three letters */
    for (int i = 1; i < argc; i++) {
        argv[i] = strcmp(argv[i], "-ctk") == 0 ? ctk : strcmp(argv[i], "-ctv") == 0 ? ctv : argv[i];
    }
    *c = (struct aglm_generate_command){
        .n_max = 256,
        .isa = "auto",
        .load = "pack",
        .backend = "cpu",
        .type_k = AGLM_F16,
        .type_v = AGLM_F16,
        .n_threads = (uint64_t)aglm_topology_threads(),
        .sampling = {.top_p = 1, .repeat_penalty = 1, .repeat_last = 64, .seed = 1}};
    optind = 1;
    opterr = 0;
    for (int o; (o = getopt_long(argc, argv, ":hm:in:c:t:q:", OPTIONS, NULL)) != -1;) {
        if (o == 'h') {
            fputs(HELP, stdout);
            return 1;
        }
        if (o == ':' || o == '?') {
            return usage(o == ':' ? "option needs a value" : "unknown option", argv[optind - 1]);
        }
        if (set_option(c, o, optarg) != 0) {
            return 2;
        }
    }
    return optind < argc ? usage("unexpected argument", argv[optind]) : check_together(c);
}
