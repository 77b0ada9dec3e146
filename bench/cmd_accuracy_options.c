/* The options of `aglm-bench accuracy`. Inputs: argv. Outputs: struct aglm_accuracy_command with
 * every default filled in; one line on standard error for wrong usage.
 */
#include "bench/cmd_accuracy.h"
#include "bench/cmd_complain.h"
#include "bench/escape.h"
#include "bench/minifiles.h"
#include "bench/requantize.h"
#include "engine/kernels/kernels.h"
#include "probes/topology.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LIMIT = 100000, MAX_LABEL = 63 };

/* What -q all stands for: from the least to the most that is lost. */
#define LADDER "f16,q8_0,q6_k,q5_k_m,q4_k_m,q4_0,q3_k_m,q2_k,int8"

static const char HELP[] =
    "Usage: aglm-bench accuracy [options]\n"
    "\n"
    "How many answers of a small trained model stay right, by quantization: spoken phone\n"
    "commands and steps of a phone agent, in Chinese and English. Right is an answer that is\n"
    "the same text to the byte; answers are greedy. The same items in F32 stand beside it:\n"
    "the share of F32's accuracy that is kept, how many right answers became wrong (lost) and\n"
    "wrong ones right (gained), and how likely that is by chance (McNemar's exact test).\n"
    "\n"
    "  -m FILE              GGUF file with a chat template (default: " AGLM_MINI_MODEL "\n"
    "                       beside the program or in ../share/aglm-bench)\n"
    "      --items FILE     JSON lines with id, part, lang, prompt, answer (default:\n"
    "                       " AGLM_MINI_ITEMS " from the same places)\n"
    "  -q TYPE,…|all        what the weights become on load (default none: as in the file);\n"
    "                       all: " LADDER "\n"
    "      --backend LIST   cpu (default cpu)\n"
    "      --isa LIST       " AGLM_ISA_NAMES " (default auto)\n"
    "      --prune SHARE    make this share of each row's weights 0 first, those of least\n"
    "                       magnitude (0 to 0.99, default 0); the reference is not pruned\n"
    "  -ctk TYPE, -ctv TYPE type of the KV cache: f16, q8_0 or q4_0 (default f16; the reference\n"
    "                       has f16)\n"
    "      --against FILE   the file that F32's answers come from (default: -m's)\n"
    "      --part LIST      only these parts of the items: command, step, command-ood, step-ood;\n"
    "                       parts that end in -ood are shown, but in no total\n"
    "      --limit N        at most N items, evenly spread over the file (default: all)\n"
    "      --list wrong|all also each wrong answer, or each, with what was expected\n"
    "  -o md|json|jsonl|csv form of the results (default md); csv has no lists\n"
    "  -t N                 answers worked on at a time, one thread each (default: strong cores)\n"
    "      --db FILE        store the results in this database. Without it: the file named by\n"
    "                       AGLM_DB; else results/aglm.db if there is a folder ./results\n"
    "      --no-db          store nothing\n"
    "      --label TEXT     a note kept with the results (at most 63 bytes)\n"
    "      --quiet          no progress and no notes\n"
    "  -h, --help           this text\n"
    "\n"
    "Exit codes: 0 done, 1 error or interrupted, 2 wrong usage.\n";

enum {
    OPT_ITEMS = 256,
    OPT_BACKEND,
    OPT_ISA,
    OPT_PRUNE,
    OPT_CTK,
    OPT_CTV,
    OPT_AGAINST,
    OPT_PART,
    OPT_LIMIT,
    OPT_LIST,
    OPT_DB,
    OPT_NO_DB,
    OPT_LABEL,
    OPT_QUIET
};

static int usage(const char *message, const char *value)
{
    return aglm_usage("accuracy", message, value);
}

/* Cuts text at its commas; what is there already is not added again. */
static int choices(struct aglm_choices *out, const char *option, char *text)
{
    for (char *at = text, *next; at; at = next) {
        size_t k = 0;
        next = strchr(at, ',');
        if (next)
            *next++ = '\0';
        if (!*at)
            return usage(option, "an empty item in the list");
        while (k < out->n && strcmp(out->values[k], at) != 0)
            k++;
        if (k == AGLM_ACCURACY_CHOICES)
            return usage(option, "more than 32 values");
        out->values[k] = at;
        out->n += k == out->n;
    }
    return 0;
}

static int quantizations(struct aglm_accuracy_command *c, char *text)
{
    static char ladder[] = LADDER;
    struct aglm_err err = {0};
    if (strcmp(text, "all") == 0)
        text = strdup(ladder); /* kept until the program ends, as arguments are */
    if (!text)
        return usage("out of memory", NULL);
    int rc = choices(&c->quantize, "-q", text);
    for (size_t i = 0; i < c->quantize.n && !rc; i++)
        if (aglm_requantize_check("-q", c->quantize.values[i], &err))
            rc = usage(err.msg, NULL);
    return rc;
}

static int instruction_sets(struct aglm_accuracy_command *c, char *text)
{
    int rc = choices(&c->isas, "--isa", text);
    for (size_t i = 0; i < c->isas.n && !rc; i++)
        if (!aglm_kernels_is_name(c->isas.values[i]))
            rc = usage("--isa: must be " AGLM_ISA_NAMES, c->isas.values[i]);
    return rc;
}

static int share(double *out, const char *text)
{
    char *end;
    double v = strtod(text, &end);
    if (end == text || *end || !(v >= 0 && v <= 0.99))
        return usage("--prune: must be 0 to 0.99", text);
    *out = v;
    return 0;
}

static int cache_type(const char *message, const char *text, enum aglm_dtype *out)
{
    const struct aglm_dtype_info *info = aglm_dtype_by_name(text);
    if (!info || (info->type != AGLM_F16 && info->type != AGLM_Q8_0 && info->type != AGLM_Q4_0))
        return usage(message, text);
    *out = info->type;
    return 0;
}

/* The index of text among names, or usage. */
static int one_of(const char *message, const char *text, const char *const *names, int *out)
{
    for (int i = 0; names[i]; i++)
        if (strcmp(names[i], text) == 0) {
            *out = i;
            return 0;
        }
    return usage(message, text);
}

static int text_option(const char **out, const char *option, const char *v, size_t max)
{
    if (!*v || strlen(v) > max)
        return usage(option, "needs a value, and not so long a one");
    *out = v;
    return 0;
}

static int take(struct aglm_accuracy_command *c, int option, char *v)
{
    static const char *const LISTS[] = {"", "wrong", "all", NULL};
    static const char *const FORMS[] = {"md", "json", "jsonl", "csv", NULL};
    enum { MAX_PATH = 4000 };
    int chosen = 0, rc;
    switch (option) {
    case 'm':
        return text_option(&c->model, "-m", v, MAX_PATH);
    case OPT_ITEMS:
        return text_option(&c->items, "--items", v, MAX_PATH);
    case OPT_AGAINST:
        return text_option(&c->against, "--against", v, MAX_PATH);
    case OPT_PART:
        return text_option(&c->parts, "--part", v, MAX_PATH);
    case OPT_DB:
        return text_option(&c->db, "--db", v, MAX_PATH);
    case OPT_LABEL:
        return text_option(&c->label, "--label", v, MAX_LABEL);
    case 'q':
        return quantizations(c, v);
    case OPT_BACKEND:
        return choices(&c->backends, "--backend", v);
    case OPT_ISA:
        return instruction_sets(c, v);
    case OPT_PRUNE:
        return share(&c->prune, v);
    case OPT_CTK:
        return cache_type("-ctk: must be f16, q8_0 or q4_0", v, &c->type_k);
    case OPT_CTV:
        return cache_type("-ctv: must be f16, q8_0 or q4_0", v, &c->type_v);
    case 't':
        return aglm_usage_number("accuracy", "-t", v, 1, 512, &c->threads);
    case OPT_LIMIT:
        return aglm_usage_number("accuracy", "--limit", v, 1, MAX_LIMIT, &c->limit);
    case OPT_LIST:
        rc = *v ? one_of("--list: must be wrong or all", v, LISTS, &chosen)
                : usage("--list: must be wrong or all", v);
        c->list = (enum aglm_accuracy_list)chosen;
        return rc;
    case 'o':
        rc = one_of("-o: must be md, json, jsonl or csv", v, FORMS, &chosen);
        c->form = (enum aglm_accuracy_form)chosen;
        return rc;
    case OPT_NO_DB:
        c->no_db = true;
        return 0;
    default:
        c->quiet = true;
        return 0;
    }
}

static int check(struct aglm_accuracy_command *c)
{
    if (c->list && c->form == AGLM_ACCURACY_CSV)
        return usage("--list: csv has a row for each part; take -o md, json or jsonl", NULL);
    if (c->db && c->no_db)
        return usage("give --db or --no-db, not both", NULL);
    struct aglm_choices *const lists[] = {&c->quantize, &c->backends, &c->isas};
    static const char *const defaults[] = {"none", "cpu", "auto"};
    for (size_t i = 0; i < 3; i++)
        if (lists[i]->n == 0)
            lists[i]->values[lists[i]->n++] = defaults[i];
    return 0;
}

int aglm_accuracy_parse(struct aglm_accuracy_command *command, int argc, char **argv)
{
    static const struct option OPTIONS[] = {{"help", no_argument, NULL, 'h'},
                                            {"model", required_argument, NULL, 'm'},
                                            {"items", required_argument, NULL, OPT_ITEMS},
                                            {"quantize", required_argument, NULL, 'q'},
                                            {"backend", required_argument, NULL, OPT_BACKEND},
                                            {"isa", required_argument, NULL, OPT_ISA},
                                            {"prune", required_argument, NULL, OPT_PRUNE},
                                            {"ctk", required_argument, NULL, OPT_CTK},
                                            {"cache-type-k", required_argument, NULL, OPT_CTK},
                                            {"ctv", required_argument, NULL, OPT_CTV},
                                            {"cache-type-v", required_argument, NULL, OPT_CTV},
                                            {"against", required_argument, NULL, OPT_AGAINST},
                                            {"part", required_argument, NULL, OPT_PART},
                                            {"limit", required_argument, NULL, OPT_LIMIT},
                                            {"list", required_argument, NULL, OPT_LIST},
                                            {"output", required_argument, NULL, 'o'},
                                            {"threads", required_argument, NULL, 't'},
                                            {"db", required_argument, NULL, OPT_DB},
                                            {"no-db", no_argument, NULL, OPT_NO_DB},
                                            {"label", required_argument, NULL, OPT_LABEL},
                                            {"quiet", no_argument, NULL, OPT_QUIET},
                                            {0}};
    /* getopt has no short options of three letters. */
    static char ctk[] = "--ctk", ctv[] = "--ctv";
    for (int i = 1; i < argc; i++)
        argv[i] = strcmp(argv[i], "-ctk") == 0 ? ctk : strcmp(argv[i], "-ctv") == 0 ? ctv : argv[i];
    *command = (struct aglm_accuracy_command){
        .threads = (unsigned)aglm_topology_threads(), .type_k = AGLM_F16, .type_v = AGLM_F16};
    int rc = 0;
    optind = 1;
    opterr = 0;
    for (int o; !rc && (o = getopt_long(argc, argv, ":hm:q:o:t:", OPTIONS, NULL)) != -1;) {
        if (o == 'h') {
            fputs(HELP, stdout);
            return 1;
        }
        if (o == ':')
            return usage("option needs a value", argv[optind - 1]);
        rc = o == '?' ? usage("unknown option", argv[optind - 1]) : take(command, o, optarg);
    }
    if (!rc && optind < argc)
        rc = usage("unexpected argument", argv[optind]);
    return rc ? rc : check(command);
}
