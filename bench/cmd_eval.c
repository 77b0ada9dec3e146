/* aglm-bench eval: runs given tokens through a model and shows the logits of every position.
 *
 * Input: a model (-m) and token ids. Output: --logits-out writes one little-endian float32 row of
 * vocabulary size per position; --top K prints the K best ids of each. Refuses ids outside the
 * vocabulary and more tokens than the model's context.
 */
#include "bench/commands.h"
#include "engine/session.h"
#include "engine/synth.h"
#include "probes/topology.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_TOKENS = 131072, MAX_TOP = 1000 };

struct eval {
    const char *model, *tokens_text, *logits_out, *backend, *isa, *quantize;
    bool json;
    unsigned top, threads, batch, ubatch;
    int32_t *tokens; /* [n] */
    size_t n, vocab;
    float *rows; /* [n, vocab] */
};

static const char HELP[] =
    "Usage: aglm-bench eval -m MODEL --tokens ID,ID,… [options]\n"
    "\n"
    "Runs the tokens through the model at once and shows the logits of every position.\n"
    "\n"
    "  -m MODEL            GGUF file, or preset:NAME[:TYPE] (see aglm-bench model list)\n"
    "      --tokens LIST   token ids, separated by commas\n"
    "      --top K         print the K best ids and logits of each position (default 5\n"
    "                      unless --logits-out is given)\n"
    "      --logits-out F  write the logits: little-endian float32 [tokens, vocabulary]\n"
    "  -o text|json        form of --top (default text)\n"
    "  -t N                threads (default: physical cores)\n"
    "  -b N, -ub N         batch and physical batch (default 2048, 512)\n"
    "  -q TYPE             re-quantize an F16 or F32 file on load\n"
    "      --isa NAME      auto, c, avx2 or avx512 (default auto)\n"
    "      --backend NAME  cpu or null (default cpu)\n"
    "  -h, --help          this text\n";

static int usage(const char *message, const char *value)
{
    fprintf(stderr, "aglm-bench eval: %s%s%s; see aglm-bench eval --help\n", message,
            value ? ": " : "", value ? value : "");
    return 2;
}

static bool parse_unsigned(const char *text, unsigned max, unsigned *out)
{
    char *end;
    errno = 0;
    unsigned long v = strtoul(text, &end, 10);
    if (errno || end == text || *end || text[0] == '-' || v < 1 || v > max)
        return false;
    *out = (unsigned)v;
    return true;
}

static int parse_tokens(struct eval *e)
{
    size_t n = 1;
    for (const char *p = e->tokens_text; *p; p++)
        n += *p == ',';
    if (n > MAX_TOKENS)
        return usage("--tokens: more than 131072 ids", NULL);
    e->tokens = calloc(n, sizeof(*e->tokens));
    if (!e->tokens)
        return usage("out of memory", NULL);
    for (const char *p = e->tokens_text;; p++) {
        char *end;
        errno = 0;
        long v = strtol(p, &end, 10);
        if (errno || end == p || v < 0 || v > INT32_MAX || (*end && *end != ','))
            return usage("--tokens: must be ids 0, 1, 2, … separated by commas", NULL);
        e->tokens[e->n++] = (int32_t)v;
        if (!*end)
            return 0;
        p = end;
    }
}

/* The sizes: -t, -b, -ub and --top share their check. */
static int parse_size(struct eval *e, int option, const char *text)
{
    switch (option) {
    case 't':
        return parse_unsigned(text, 512, &e->threads) ? 0 : usage("-t: must be 1 to 512", text);
    case 'b':
        return parse_unsigned(text, 1u << 20, &e->batch) ? 0
                                                         : usage("-b: must be at least 1", text);
    case 'u':
        return parse_unsigned(text, 1u << 20, &e->ubatch) ? 0
                                                          : usage("-ub: must be at least 1", text);
    default:
        return parse_unsigned(text, MAX_TOP, &e->top) ? 0 : usage("--top: must be 1 to 1000", text);
    }
}

/* 0: go on; 1: help was printed; 2: wrong usage. */
static int parse(struct eval *e, int argc, char **argv)
{
    static const struct option OPTIONS[] = {{"help", no_argument, NULL, 'h'},
                                            {"model", required_argument, NULL, 'm'},
                                            {"tokens", required_argument, NULL, 'T'},
                                            {"top", required_argument, NULL, 'k'},
                                            {"logits-out", required_argument, NULL, 'L'},
                                            {"isa", required_argument, NULL, 'i'},
                                            {"backend", required_argument, NULL, 'B'},
                                            {"output", required_argument, NULL, 'o'},
                                            {"threads", required_argument, NULL, 't'},
                                            {"batch-size", required_argument, NULL, 'b'},
                                            {"ubatch-size", required_argument, NULL, 'u'},
                                            {"ub", required_argument, NULL, 'u'},
                                            {"quantize", required_argument, NULL, 'q'},
                                            {0}};
    /* getopt knows no two-letter short option: -ub is spelled --ub for it. */
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "-ub") == 0) {
            static char ub[] = "--ub";
            argv[i] = ub;
        }
    int rc = 0;
    optind = 1;
    opterr = 0;
    for (int c; !rc && (c = getopt_long(argc, argv, ":hm:o:t:b:q:", OPTIONS, NULL)) != -1;) {
        switch (c) {
        case 'h':
            fputs(HELP, stdout);
            return 1;
        case 'm':
            e->model = optarg;
            break;
        case 'T':
            e->tokens_text = optarg;
            break;
        case 'L':
            e->logits_out = optarg;
            break;
        case 'i':
            e->isa = optarg;
            break;
        case 'B':
            e->backend = optarg;
            break;
        case 'q':
            e->quantize = optarg;
            break;
        case 'o':
            e->json = strcmp(optarg, "json") == 0;
            rc = e->json || strcmp(optarg, "text") == 0 ? 0
                                                        : usage("-o: must be text or json", optarg);
            break;
        case 't':
        case 'b':
        case 'u':
        case 'k':
            rc = parse_size(e, c, optarg);
            break;
        case ':':
            return usage("option needs a value", argv[optind - 1]);
        default:
            return usage("unknown option", argv[optind - 1]);
        }
    }
    if (rc)
        return rc;
    if (optind < argc)
        return usage("unexpected argument", argv[optind]);
    if (!e->model)
        return usage("-m MODEL is missing", NULL);
    if (!e->tokens_text)
        return usage("--tokens is missing", NULL);
    if (e->logits_out && !*e->logits_out)
        return usage("--logits-out: needs a file name", NULL);
    if (!e->top && !e->logits_out)
        e->top = 5;
    return parse_tokens(e);
}

/* Whether b (NULL: no) is another name of the file a. */
static bool same_file(const char *a, const char *b)
{
    struct stat x, y;
    return b && stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev &&
           x.st_ino == y.st_ino;
}

static int run(struct eval *e, struct aglm_err *err)
{
    char path[4096];
    const struct aglm_synth_options synth = {.seed = 1, .n_threads = e->threads};
    struct aglm_model *model = NULL;
    struct aglm_session *session = NULL;
    int rc = aglm_synth_resolve(e->model, &synth, path, sizeof(path), err);
    if (rc)
        return rc;
    if (same_file(path, e->logits_out))
        return aglm_err_set(err, -EEXIST, "%s: is the model itself; choose another --logits-out",
                            e->logits_out);
    const struct aglm_model_options mo = {.path = path,
                                          .backend = e->backend,
                                          .isa = e->isa,
                                          .quantize = e->quantize,
                                          .n_load_threads = e->threads};
    rc = aglm_model_open(&model, &mo, err);
    if (rc)
        return rc;
    const struct aglm_model_info *info = aglm_model_info(model);
    e->vocab = info->n_vocab;
    if (e->n > info->n_ctx_train) {
        rc = aglm_err_set(err, -EINVAL, "--tokens: %zu ids, but %s was trained for a context of %u",
                          e->n, path, info->n_ctx_train);
        goto out;
    }
    const struct aglm_session_options so = {.n_ctx = (uint32_t)e->n,
                                            .n_batch = e->batch,
                                            .n_ubatch = e->ubatch,
                                            .n_threads = e->threads};
    rc = aglm_session_open(&session, model, &so, err);
    if (rc)
        goto out;
    e->rows = malloc(e->n * e->vocab * sizeof(*e->rows));
    if (!e->rows)
        rc = aglm_err_set(err, -ENOMEM, "--tokens: no memory for %zu rows of logits", e->n);
    else
        rc = aglm_session_eval(session, e->tokens, e->n, e->rows, err);
out:
    aglm_session_close(&session);
    aglm_model_close(&model);
    return rc;
}

static int write_logits(const struct eval *e, struct aglm_err *err)
{
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "logits are written as they lie in memory: little-endian only"
#endif
    FILE *f = fopen(e->logits_out, "wb");
    if (!f)
        return aglm_err_set(err, -errno, "%s: cannot be written: %s", e->logits_out,
                            strerror(errno));
    size_t n = e->n * e->vocab, written = fwrite(e->rows, sizeof(*e->rows), n, f);
    int failed = written != n ? errno : 0;
    if (fclose(f) && !failed)
        failed = errno ? errno : EIO;
    if (failed)
        return aglm_err_set(err, -failed, "%s: writing failed: %s; the file is incomplete",
                            e->logits_out, strerror(failed));
    return 0;
}

/* Ids of the k best logits of a row, best first; of equals the smaller id. NaN never wins. */
static unsigned best_of(const float *row, size_t vocab, unsigned k, int32_t *ids)
{
    unsigned n = 0;
    for (size_t i = 0; i < vocab; i++) {
        if (isnan(row[i]) || (n == k && row[i] <= row[ids[n - 1]]))
            continue;
        unsigned at = n < k ? n++ : n - 1;
        for (; at > 0 && row[ids[at - 1]] < row[i]; at--)
            ids[at] = ids[at - 1];
        ids[at] = (int32_t)i;
    }
    return n;
}

static cJSON *position_json(int32_t token, size_t position, const float *row, const int32_t *ids,
                            unsigned n)
{
    cJSON *o = cJSON_CreateObject(), *top = cJSON_AddArrayToObject(o, "top");
    cJSON_AddNumberToObject(o, "position", (double)position);
    cJSON_AddNumberToObject(o, "token", token);
    for (unsigned i = 0; i < n; i++) {
        cJSON *one = cJSON_CreateObject();
        cJSON_AddNumberToObject(one, "id", ids[i]);
        cJSON_AddNumberToObject(one, "logit", (double)row[ids[i]]);
        cJSON_AddItemToArray(top, one);
    }
    return o;
}

static int print_top(const struct eval *e)
{
    int32_t ids[MAX_TOP];
    cJSON *list = e->json ? cJSON_CreateArray() : NULL;
    for (size_t p = 0; p < e->n; p++) {
        const float *row = e->rows + p * e->vocab;
        unsigned n = best_of(row, e->vocab, e->top, ids);
        if (list) {
            cJSON_AddItemToArray(list, position_json(e->tokens[p], p, row, ids, n));
            continue;
        }
        printf("position %zu, token %d:", p, e->tokens[p]);
        for (unsigned i = 0; i < n; i++)
            printf("  %d %.6g", ids[i], (double)row[ids[i]]);
        printf("\n");
    }
    if (list) {
        char *text = cJSON_Print(list);
        cJSON_Delete(list);
        if (!text)
            return 1;
        puts(text);
        cJSON_free(text);
    }
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    fprintf(stderr, "aglm-bench eval: standard output: %s\n", strerror(errno));
    return 1;
}

/* NaN or infinity in the output means weights or arithmetic are broken; better said than shown as
 * numbers. */
static size_t count_broken(const struct eval *e)
{
    size_t broken = 0;
    for (size_t i = 0; i < e->n * e->vocab; i++)
        broken += !isfinite(e->rows[i]);
    return broken;
}

int aglm_cmd_eval(int argc, char **argv)
{
    struct eval e = {.backend = "cpu", .isa = "auto", .batch = 2048, .ubatch = 512};
    struct aglm_err err = {0};
    e.threads = (unsigned)aglm_topology_cores();
    int rc = parse(&e, argc, argv);
    if (rc) {
        free(e.tokens);
        return rc == 1 ? 0 : 2;
    }
    rc = run(&e, &err);
    if (!rc && e.logits_out)
        rc = write_logits(&e, &err);
    if (rc)
        fprintf(stderr, "aglm-bench eval: %s\n", err.msg);
    else if (e.top)
        rc = print_top(&e);
    if (!rc && count_broken(&e)) {
        fprintf(
            stderr,
            "aglm-bench eval: %s: %zu of %zu logits are NaN or infinite; the weights are damaged\n",
            e.model, count_broken(&e), e.n * e.vocab);
        rc = 1;
    }
    free(e.rows);
    free(e.tokens);
    return rc ? 1 : 0;
}
