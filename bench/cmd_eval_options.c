/* The options of `aglm-bench eval`. Inputs: argv. Outputs: struct aglm_eval_command with every
 * default filled in; one line on standard error for wrong usage.
 */
#include "bench/cmd_complain.h"
#include "bench/cmd_eval.h"
#include "bench/escape.h"
#include "bench/requantize.h"
#include "engine/kernels/kernels.h"
#include "probes/topology.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TOKENS = 131072, MAX_TOP = 1000, MAX_POSITIONS = 1 << 20 };

enum {
    OPT_TOKENS = 256,
    OPT_TOP,
    OPT_LOGITS,
    OPT_TEXT,
    OPT_WINDOW,
    OPT_STRIDE,
    OPT_AGAINST,
    OPT_AGAINST_Q,
    OPT_ISA,
    OPT_BACKEND,
    OPT_UB,
    OPT_CTK,
    OPT_CTV,
    OPT_OVERRIDE,
    OPT_LOAD,
    OPT_PRUNE,
    OPT_QUIET
};

static const char HELP[] =
    "Usage: aglm-bench eval -m MODEL --text-file F [options]\n"
    "       aglm-bench eval -m MODEL --tokens ID,ID,… [options]\n"
    "\n"
    "How likely a text is to a model (negative log-likelihood, perplexity), and how far\n"
    "its predictions are from another file's or type's; or the logits for given tokens.\n"
    "\n"
    "  -m MODEL             GGUF file, or preset:NAME[:TYPE] (see aglm-bench model list)\n"
    "      --text-file F    the text; - for standard input\n"
    "      --window N       tokens run together (default 512)\n"
    "      --stride N       windows begin every N tokens and the last N of each are scored;\n"
    "                       without it windows follow one another and the second half of each\n"
    "                       is scored: llama.cpp's scheme\n"
    "      --against FILE   reference to compare with: KL divergence, agreement of the first\n"
    "                       place, difference in likelihood. Its KV cache is f16\n"
    "      --against-q TYPE re-quantize the reference on load; without --against the\n"
    "                       reference is -m's file, none: as it is\n"
    "      --tokens LIST    token ids, separated by commas\n"
    "      --top K          print the K best ids and logits of each position (default 5\n"
    "                       unless --logits-out is given)\n"
    "      --logits-out F   write the logits: little-endian float32 [tokens, vocabulary]\n"
    "  -o text|json         form of the results (default text)\n"
    "  -t N                 threads (default: strong cores)\n"
    "  -b N, -ub N          batch and physical batch (default 2048, 512)\n"
    "  -q TYPE              re-quantize an F16 or F32 file on load\n"
    "      --prune SHARE    make this share of each row's weights 0 first, those of least\n"
    "                       magnitude (0 to 0.99, default 0); the reference is not pruned\n"
    "      --load pack|mmap keep the weights in memory, packed for the kernels, or in the file's\n"
    "                       pages and pack them as they are used: the same logits, no\n"
    "                       wait at the start, slower afterwards (default pack; with --tokens,\n"
    "                       which go through the model once, mmap)\n"
    "  -ctk TYPE, -ctv TYPE type of the KV cache: f16, q8_0 or q4_0 (default f16)\n"
    "      --override-ctx N take the model to be trained for N tokens, whatever its file says\n"
    "      --isa NAME       " AGLM_ISA_NAMES " (default auto)\n"
    "      --backend NAME   cpu or null (default cpu)\n"
    "      --quiet          no progress\n"
    "  -h, --help           this text\n";

static int usage(const char *message, const char *value)
{
    return aglm_usage("eval", message, value);
}

static int number(const char *option, const char *text, unsigned min, unsigned max, unsigned *out)
{
    return aglm_usage_number("eval", option, text, min, max, out);
}

static int parse_tokens(struct aglm_eval_command *c)
{
    size_t n = 1;
    for (const char *p = c->tokens_text; *p; p++)
        n += *p == ',';
    if (n > MAX_TOKENS)
        return usage("--tokens: more than 131072 ids", NULL);
    c->tokens = calloc(n, sizeof(*c->tokens));
    if (!c->tokens)
        return usage("out of memory", NULL);
    for (const char *p = c->tokens_text;; p++) {
        char *end;
        errno = 0;
        long v = strtol(p, &end, 10);
        if (errno || end == p || v < 0 || v > INT32_MAX || (*end && *end != ','))
            return usage("--tokens: must be ids 0, 1, 2, … separated by commas", NULL);
        c->tokens[c->n++] = (int32_t)v;
        if (!*end)
            return 0;
        p = end;
    }
}

static int weights_type(const char *option, const char *text, const char **out)
{
    struct aglm_err err = {0};
    if (aglm_requantize_check(option, text, &err))
        return usage(err.msg, NULL);
    *out = text;
    return 0;
}

static int cache_type(const char *option, const char *text, enum aglm_dtype *out)
{
    char message[100];
    const struct aglm_dtype_info *info = aglm_dtype_by_name(text);
    if (!info || (info->type != AGLM_F16 && info->type != AGLM_Q8_0 && info->type != AGLM_Q4_0)) {
        snprintf(message, sizeof(message), "%s: must be f16, q8_0 or q4_0", option);
        return usage(message, text);
    }
    *out = info->type;
    return 0;
}

static int one_of(const char *message, const char *text, const char *const *names, const char **out)
{
    for (; *names; names++)
        if (strcmp(*names, text) == 0) {
            *out = *names;
            return 0;
        }
    return usage(message, text);
}

static int share(const char *text, double *out)
{
    char *end;
    double v = strtod(text, &end);
    if (end == text || *end || !(v >= 0 && v <= 0.99))
        return usage("--prune: must be 0 to 0.99", text);
    *out = v;
    return 0;
}

/* Options whose value is a word. */
static int word(struct aglm_eval_command *c, int option, const char *text)
{
    static const char *const BACKENDS[] = {"cpu", "null", NULL};
    static const char *const LOADS[] = {"pack", "mmap", NULL};
    static const char *const FORMS[] = {"text", "json", NULL};
    const char *form = NULL;
    int rc;
    switch (option) {
    case OPT_ISA:
        c->isa = text;
        return aglm_kernels_is_name(text) ? 0 : usage("--isa: must be " AGLM_ISA_NAMES, text);
    case OPT_BACKEND:
        return one_of("--backend: must be cpu or null", text, BACKENDS, &c->backend);
    case OPT_LOAD:
        return one_of("--load: must be pack or mmap", text, LOADS, &c->load);
    case 'o':
        rc = one_of("-o: must be text or json", text, FORMS, &form);
        c->json = !rc && strcmp(form, "json") == 0;
        return rc;
    case 'q':
        return weights_type("-q", text, &c->quantize);
    case OPT_AGAINST_Q:
        return weights_type("--against-q", text, &c->against_quantize);
    case OPT_CTK:
        return cache_type("-ctk", text, &c->type_k);
    default:
        return cache_type("-ctv", text, &c->type_v);
    }
}

static int take(struct aglm_eval_command *c, int option, const char *v)
{
    switch (option) {
    case 'm':
        c->model = v;
        return 0;
    case OPT_TOKENS:
        c->tokens_text = v;
        return 0;
    case OPT_LOGITS:
        c->logits_out = v;
        return 0;
    case OPT_TEXT:
        c->text_file = v;
        return 0;
    case OPT_AGAINST:
        c->against = v;
        return 0;
    case OPT_QUIET:
        c->quiet = true;
        return 0;
    case OPT_WINDOW:
        return number("--window", v, 2, MAX_POSITIONS, &c->windows.window);
    case OPT_STRIDE:
        return number("--stride", v, 1, MAX_POSITIONS, &c->windows.stride);
    case OPT_OVERRIDE:
        return number("--override-ctx", v, 1, MAX_POSITIONS, &c->ctx_override);
    case OPT_PRUNE:
        return share(v, &c->prune);
    case OPT_TOP:
        return number("--top", v, 1, MAX_TOP, &c->top);
    case 't':
        return number("-t", v, 1, 512, &c->threads);
    case 'b':
        return number("-b", v, 1, MAX_POSITIONS, &c->batch);
    case OPT_UB:
        return number("-ub", v, 1, MAX_POSITIONS, &c->ubatch);
    default:
        return word(c, option, v);
    }
}

/* What goes together. */
static int check(struct aglm_eval_command *c)
{
    const struct aglm_windows *w = &c->windows;
    if (!c->model)
        return usage("-m MODEL is missing", NULL);
    if (!c->tokens_text == !c->text_file)
        return usage(c->text_file ? "give --text-file or --tokens, not both"
                                  : "--text-file or --tokens is missing",
                     NULL);
    if (c->tokens_text && (c->against || c->against_quantize || w->stride || w->window))
        return usage("--window, --stride and --against need --text-file", NULL);
    if (c->text_file && (c->logits_out || c->top))
        return usage("--top and --logits-out need --tokens", NULL);
    if (c->logits_out && !*c->logits_out)
        return usage("--logits-out: needs a file name", NULL);
    if (!w->window)
        c->windows.window = AGLM_WINDOW_DEFAULT;
    if (w->stride ? w->stride >= w->window : w->window < 3)
        return usage(w->stride ? "--stride: must be less than --window"
                               : "--window: must be at least 3 without --stride",
                     NULL);
    if (!c->top && !c->logits_out)
        c->top = 5;
    if (!c->load)
        c->load =
            c->tokens_text && c->prune <= 0 && (!c->quantize || strcmp(c->quantize, "none") == 0)
                ? "mmap"
                : "pack";
    struct aglm_err err = {0};
    if (aglm_requantize_check_load(c->load, c->quantize, &err) < 0 ||
        aglm_requantize_check_load(c->load, c->against_quantize, &err) < 0)
        return usage(err.msg, NULL);
    return c->tokens_text ? parse_tokens(c) : 0;
}

int aglm_eval_parse(struct aglm_eval_command *command, int argc, char **argv)
{
    static const struct option OPTIONS[] = {{"help", no_argument, NULL, 'h'},
                                            {"quiet", no_argument, NULL, OPT_QUIET},
                                            {"model", required_argument, NULL, 'm'},
                                            {"tokens", required_argument, NULL, OPT_TOKENS},
                                            {"top", required_argument, NULL, OPT_TOP},
                                            {"logits-out", required_argument, NULL, OPT_LOGITS},
                                            {"text-file", required_argument, NULL, OPT_TEXT},
                                            {"window", required_argument, NULL, OPT_WINDOW},
                                            {"stride", required_argument, NULL, OPT_STRIDE},
                                            {"against", required_argument, NULL, OPT_AGAINST},
                                            {"against-q", required_argument, NULL, OPT_AGAINST_Q},
                                            {"load", required_argument, NULL, OPT_LOAD},
                                            {"prune", required_argument, NULL, OPT_PRUNE},
                                            {"isa", required_argument, NULL, OPT_ISA},
                                            {"backend", required_argument, NULL, OPT_BACKEND},
                                            {"output", required_argument, NULL, 'o'},
                                            {"threads", required_argument, NULL, 't'},
                                            {"batch-size", required_argument, NULL, 'b'},
                                            {"ubatch-size", required_argument, NULL, OPT_UB},
                                            {"ub", required_argument, NULL, OPT_UB},
                                            {"ctk", required_argument, NULL, OPT_CTK},
                                            {"cache-type-k", required_argument, NULL, OPT_CTK},
                                            {"ctv", required_argument, NULL, OPT_CTV},
                                            {"cache-type-v", required_argument, NULL, OPT_CTV},
                                            {"override-ctx", required_argument, NULL, OPT_OVERRIDE},
                                            {"quantize", required_argument, NULL, 'q'},
                                            {0}};
    /* getopt has no short options of two and three letters. */
    static char ub[] = "--ub", ctk[] = "--ctk", ctv[] = "--ctv";
    for (int i = 1; i < argc; i++)
        argv[i] = strcmp(argv[i], "-ub") == 0    ? ub
                  : strcmp(argv[i], "-ctk") == 0 ? ctk
                  : strcmp(argv[i], "-ctv") == 0 ? ctv
                                                 : argv[i];
    *command = (struct aglm_eval_command){.backend = "cpu",
                                          .isa = "auto",
                                          .batch = 2048,
                                          .ubatch = 512,
                                          .threads = (unsigned)aglm_topology_threads(),
                                          .type_k = AGLM_F16,
                                          .type_v = AGLM_F16};
    int rc = 0;
    optind = 1;
    opterr = 0;
    for (int c; !rc && (c = getopt_long(argc, argv, ":hm:o:t:b:q:", OPTIONS, NULL)) != -1;) {
        if (c == 'h') {
            fputs(HELP, stdout);
            return 1;
        }
        if (c == ':')
            return usage("option needs a value", argv[optind - 1]);
        rc = c == '?' ? usage("unknown option", argv[optind - 1]) : take(command, c, optarg);
    }
    if (!rc && optind < argc)
        rc = usage("unexpected argument", argv[optind]);
    return rc ? rc : check(command);
}
