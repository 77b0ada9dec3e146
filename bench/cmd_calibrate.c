/* aglm-bench calibrate: what INT8 costs in likelihood and gains in speed, by the way its activation
 * scales are chosen; one table, and the scales of one way as a file.
 *
 * Inputs: a model with a tokenizer in F32, F16 or BF16; sample text. Outputs: the table on standard
 * output as text or JSON, with --save a calibration. Refuses wrong usage (exit 2), quantized models
 * and texts too short for a window (exit 1).
 */
#include "bench/calibrate.h"
#include "bench/calibration.h"
#include "bench/cmd_complain.h"
#include "bench/commands.h"
#include "bench/escape.h"
#include "bench/json.h"
#include "bench/progress.h"
#include "bench/textfile.h"
#include "engine/kernels/kernels.h"
#include "probes/topology.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TEXT = 1 << 28 };

struct command {
    struct aglm_calibrate_options how;
    const char *text_file, *judge_file, *save, *method;
    char types_text[128];
    bool json, quiet, help;
};

static const char HELP[] =
    "Usage: aglm-bench calibrate -m FILE --text-file SAMPLE [options]\n"
    "\n"
    "Runs an F32, F16 or BF16 model in INT8 (symmetric, a scale for each row of weights and\n"
    "one for each place where activations enter), with the activations' scales chosen in\n"
    "four ways, and shows beside the file itself what each costs and gains:\n"
    "\n"
    "  dynamic     from each token's largest magnitude, nothing calibrated\n"
    "  minmax      the largest magnitude that the sample text showed\n"
    "  percentile  the magnitude that a share of the sample's values stays below\n"
    "  kl          the threshold whose rounding tells least from the sample's distribution\n"
    "\n"
    "  -m FILE              GGUF file with a tokenizer\n"
    "      --text-file F    sample text that sets the scales; - for standard input\n"
    "      --judge-file F   text that is scored (default: the second half of the sample,\n"
    "                       and its first half sets the scales)\n"
    "      --window N       tokens run together (default 512); second halves are scored\n"
    "      --percentile P   in percent (default 99.99)\n"
    "  -q TYPE,…            block types to show beside (default q8_0,q4_0; none)\n"
    "      --no-fake        do not score the same rounding played in floats (takes 4 bytes\n"
    "                       of memory a weight)\n"
    "  -r N                 rounds of timing, in turn with the file (default 5; 0: none)\n"
    "  -p N, -n N           tokens timed: prefill (default 128), decode (default 16)\n"
    "      --save F         write the scales of --method, for aglm-bench -q int8\n"
    "                       --calibration F and eval the same\n"
    "      --method NAME    minmax, percentile or kl (default: the least likelihood lost)\n"
    "  -o text|json         form of the table (default text)\n"
    "  -t N                 threads (default: strong cores)\n"
    "      --isa NAME       " AGLM_ISA_NAMES " (default auto)\n"
    "      --quiet          no progress\n"
    "  -h, --help           this text\n";

static volatile sig_atomic_t interrupted;

static void on_signal(int signal)
{
    (void)signal;
    interrupted = 1;
}

static bool was_interrupted(void *ctx)
{
    (void)ctx;
    return interrupted;
}

static int usage(const char *message, const char *value)
{
    return aglm_usage("calibrate", message, value);
}

static int number(const char *option, unsigned min, unsigned max, unsigned *out)
{
    return aglm_usage_number("calibrate", option, optarg, min, max, out);
}

static int parse_types(struct command *c, const char *text)
{
    size_t n = 0;
    memset(c->how.types, 0, sizeof(c->how.types));
    if (strcmp(text, "none") == 0)
        return 0;
    if (snprintf(c->types_text, sizeof(c->types_text), "%s", text) >= (int)sizeof(c->types_text))
        return usage("-q: too long", NULL);
    for (char *at = c->types_text, *next; at; at = next) {
        next = strchr(at, ',');
        if (next)
            *next++ = '\0';
        if (n + 1 == sizeof(c->how.types) / sizeof(*c->how.types))
            return usage("-q: more than 7 types", NULL);
        if (!aglm_dtype_by_name(at))
            return usage("-q: must be block types such as q8_0, or none", at);
        c->how.types[n++] = at;
    }
    return 0;
}

static int parse_percentile(struct command *c, const char *text)
{
    char *end;
    double v = strtod(text, &end);
    if (end == text || *end || !(v > 50 && v <= 100))
        return usage("--percentile: must be above 50, at most 100", text);
    c->how.percentile = v;
    return 0;
}

enum {
    OPT_TEXT = 256,
    OPT_JUDGE,
    OPT_WINDOW,
    OPT_PERCENTILE,
    OPT_NO_FAKE,
    OPT_SAVE,
    OPT_METHOD,
    OPT_ISA,
    OPT_QUIET
};

static int take_option(struct command *c, int option)
{
    switch (option) {
    case 'm':
        c->how.path = optarg;
        return 0;
    case 'q':
        return parse_types(c, optarg);
    case 'r':
        return number("-r", 0, 60, &c->how.rounds);
    case 'p':
        return number("-p", 1, 100000, &c->how.prompt);
    case 'n':
        return number("-n", 1, 100000, &c->how.decode);
    case 't':
        return number("-t", 1, 512, &c->how.threads);
    case 'o':
        c->json = strcmp(optarg, "json") == 0;
        return c->json || strcmp(optarg, "text") == 0 ? 0
                                                      : usage("-o: must be text or json", optarg);
    case OPT_TEXT:
        c->text_file = optarg;
        return 0;
    case OPT_JUDGE:
        c->judge_file = optarg;
        return 0;
    case OPT_WINDOW:
        return number("--window", 4, 131072, &c->how.window);
    case OPT_PERCENTILE:
        return parse_percentile(c, optarg);
    case OPT_NO_FAKE:
        c->how.fake = false;
        return 0;
    case OPT_SAVE:
        c->save = optarg;
        return 0;
    case OPT_METHOD:
        c->method = optarg;
        if (strcmp(optarg, "minmax") && strcmp(optarg, "percentile") && strcmp(optarg, "kl"))
            return usage("--method: must be minmax, percentile or kl", optarg);
        return 0;
    case OPT_ISA:
        c->how.isa = optarg;
        return aglm_kernels_is_name(optarg) ? 0 : usage("--isa: must be " AGLM_ISA_NAMES, optarg);
    case OPT_QUIET:
        c->quiet = true;
        return 0;
    default:
        c->help = true;
        return 0;
    }
}

static int parse(struct command *c, int argc, char **argv)
{
    static const struct option KNOWN[] = {{"text-file", required_argument, NULL, OPT_TEXT},
                                          {"judge-file", required_argument, NULL, OPT_JUDGE},
                                          {"window", required_argument, NULL, OPT_WINDOW},
                                          {"percentile", required_argument, NULL, OPT_PERCENTILE},
                                          {"no-fake", no_argument, NULL, OPT_NO_FAKE},
                                          {"save", required_argument, NULL, OPT_SAVE},
                                          {"method", required_argument, NULL, OPT_METHOD},
                                          {"isa", required_argument, NULL, OPT_ISA},
                                          {"quiet", no_argument, NULL, OPT_QUIET},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    *c = (struct command){.how = {.isa = "auto",
                                  .threads = (unsigned)aglm_topology_threads(),
                                  .window = 512,
                                  .percentile = 99.99,
                                  .types = {"q8_0", "q4_0"},
                                  .fake = true,
                                  .rounds = 5,
                                  .prompt = 128,
                                  .decode = 16,
                                  .cancelled = was_interrupted}};
    optind = 0;
    opterr = 0;
    for (int o; (o = getopt_long(argc, argv, ":m:q:r:p:n:t:o:h", KNOWN, NULL)) != -1;) {
        if (o == '?' || o == ':')
            return usage(o == ':' ? "a value is missing" : "no such option", argv[optind - 1]);
        int rc = take_option(c, o);
        if (rc)
            return rc;
    }
    if (c->help)
        return 0;
    if (optind < argc)
        return usage("takes options only", argv[optind]);
    if (!c->how.path)
        return usage("-m FILE is missing", NULL);
    if (!c->text_file)
        return usage("--text-file is missing", NULL);
    return 0;
}

/* ---- the table ---- */

static void print_text(const struct aglm_calibration_table *t, const struct command *c)
{
    printf("%s, isa %s, %u threads: %zu tokens of sample, %zu scored (windows of %" PRIu32
           ", second halves)\n\n",
           t->model_name, t->isa, c->how.threads, t->n_sample, t->n_judged, c->how.window);
    printf("| %-22s | %9s | %8s | %10s | %20s | %9s | %8s | %8s | %16s | %16s |\n", "type",
           "size MiB", "NLL", "perplexity", "delta NLL", "KL", "same top", "fake NLL",
           "prefill t/s (x)", "decode t/s (x)");
    printf("| ---------------------- | --------: | -------: | ---------: | -------------------: | "
           "--------: | -------: | -------: | ---------------: | ---------------: |\n");
    for (size_t i = 0; i < t->n; i++) {
        const struct aglm_calibrate_variant *v = &t->variant[i];
        char delta[32] = "-", kl[16] = "-", same[16] = "-", fake[16] = "-", p[32] = "-",
             d[32] = "-";
        double nll = aglm_mean_value(&v->nll);
        if (i > 0) {
            snprintf(delta, sizeof(delta), "%+.5f ± %.5f", aglm_mean_value(&v->delta),
                     aglm_mean_error(&v->delta));
            snprintf(kl, sizeof(kl), "%.6f", aglm_mean_value(&v->kl));
            snprintf(same, sizeof(same), "%.2f %%", 100 * aglm_mean_value(&v->same_top));
        }
        if (!isnan(v->fake_nll))
            snprintf(fake, sizeof(fake), "%.5f", v->fake_nll);
        if (!isnan(v->prefill_per_s)) {
            snprintf(p, sizeof(p), "%.1f (%.2f)", v->prefill_per_s, v->prefill_ratio);
            snprintf(d, sizeof(d), "%.1f (%.2f)", v->decode_per_s, v->decode_ratio);
        }
        printf("| %-22s | %9.1f | %8.5f | %10.4f | %*s | %9s | %8s | %8s | %16s | %16s |\n",
               v->name, (double)v->size_bytes / 1048576, nll, exp(nll), i ? 21 : 20, delta, kl,
               same, fake, p, d);
    }
}

static void print_json(const struct aglm_calibration_table *t, const struct command *c)
{
    cJSON *root = cJSON_CreateObject(), *rows = cJSON_AddArrayToObject(root, "variants");
    char *name = aglm_utf8_clean(t->model_name);
    cJSON_AddStringToObject(root, "model", name ? name : "");
    free(name);
    cJSON_AddStringToObject(root, "model_digest", t->model_digest);
    cJSON_AddStringToObject(root, "isa", t->isa);
    aglm_json_number(root, "threads", c->how.threads);
    aglm_json_number(root, "window", c->how.window);
    aglm_json_number(root, "sample_tokens", (double)t->n_sample);
    aglm_json_number(root, "scored_tokens", (double)t->n_judged);
    for (size_t i = 0; i < t->n; i++) {
        const struct aglm_calibrate_variant *v = &t->variant[i];
        cJSON *o = cJSON_CreateObject();
        cJSON_AddStringToObject(o, "type", v->name);
        aglm_json_number(o, "size_bytes", (double)v->size_bytes);
        aglm_json_number(o, "nll", aglm_mean_value(&v->nll));
        aglm_json_number(o, "nll_error", aglm_mean_error(&v->nll));
        aglm_json_number(o, "delta_nll", i ? aglm_mean_value(&v->delta) : NAN);
        aglm_json_number(o, "delta_nll_error", i ? aglm_mean_error(&v->delta) : NAN);
        aglm_json_number(o, "kl", i ? aglm_mean_value(&v->kl) : NAN);
        aglm_json_number(o, "same_top", i ? aglm_mean_value(&v->same_top) : NAN);
        aglm_json_number(o, "fake_nll", v->fake_nll);
        aglm_json_number(o, "prefill_tokens_per_second", v->prefill_per_s);
        aglm_json_number(o, "prefill_ratio", v->prefill_ratio);
        aglm_json_number(o, "decode_tokens_per_second", v->decode_per_s);
        aglm_json_number(o, "decode_ratio", v->decode_ratio);
        cJSON_AddItemToArray(rows, o);
    }
    char *text = cJSON_Print(root);
    puts(text ? text : "");
    cJSON_free(text);
    cJSON_Delete(root);
}

/* The variant with scales that --method names, or the one that lost least likelihood. */
static const struct aglm_calibrate_variant *chosen(const struct aglm_calibration_table *t,
                                                   const char *method)
{
    const struct aglm_calibrate_variant *best = NULL;
    for (size_t i = 0; i < t->n; i++) {
        const struct aglm_calibrate_variant *v = &t->variant[i];
        if (!v->scales || (method && strncmp(v->name + 5, method, strlen(method)) != 0))
            continue;
        if (!best || aglm_mean_value(&v->nll) < aglm_mean_value(&best->nll))
            best = v;
    }
    return best;
}

static int save(const struct aglm_calibration_table *t, const struct command *c,
                struct aglm_err *err)
{
    const struct aglm_calibrate_variant *v = chosen(t, c->method);
    if (!c->save || !v)
        return 0;
    struct aglm_calibration file = {
        .n_tokens = t->n_sample, .n_sites = t->n_sites, .scales = v->scales};
    snprintf(file.model_digest, sizeof(file.model_digest), "%s", t->model_digest);
    snprintf(file.method, sizeof(file.method), "%s", v->name + 5);
    int rc = aglm_calibration_write(&file, c->save, err);
    if (!rc)
        fprintf(stderr, "aglm-bench calibrate: scales of %s written to %s\n", v->name, c->save);
    return rc;
}

static void draw(void *ctx, const char *what)
{
    aglm_progress_say(ctx, what);
}

static int run(struct command *c, struct aglm_calibration_table *table, struct aglm_err *err)
{
    char *sample = NULL, *judge = NULL;
    size_t sample_size = 0, judge_size = 0;
    struct aglm_progress progress;
    int rc = c->save ? aglm_calibration_try(c->save, err) : 0;
    if (!rc)
        rc = aglm_textfile_read(c->text_file, MAX_TEXT, &sample, &sample_size, err);
    if (!rc && c->judge_file)
        rc = aglm_textfile_read(c->judge_file, MAX_TEXT, &judge, &judge_size, err);
    const char *second = judge;
    if (!rc && !judge) { /* cut between two characters */
        size_t half = sample_size / 2;
        while (half < sample_size && ((unsigned char)sample[half] & 0xc0) == 0x80)
            half++;
        second = sample + half;
        judge_size = sample_size - half;
        sample_size = half;
    }
    aglm_progress_init(&progress, stderr, false, c->quiet);
    c->how.progress = draw;
    c->how.progress_ctx = &progress;
    if (!rc)
        rc = aglm_calibrate_run(table, &c->how, sample, sample_size, second, judge_size, err);
    aglm_progress_clear(&progress);
    free(sample);
    free(judge);
    return rc;
}

int aglm_cmd_calibrate(int argc, char **argv)
{
    struct command c;
    struct aglm_calibration_table table = {0};
    struct aglm_err err = {0};
    int rc = parse(&c, argc, argv);
    if (rc)
        return rc;
    if (c.help) {
        fputs(HELP, stdout);
        return 0;
    }
    const struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    rc = run(&c, &table, &err);
    if (rc)
        aglm_complain("calibrate", err.msg);
    if (table.n > 0 && c.json)
        print_json(&table, &c);
    else if (table.n > 0)
        print_text(&table, &c);
    if (!rc && (rc = save(&table, &c, &err)))
        aglm_complain("calibrate", err.msg);
    if (fflush(stdout) || ferror(stdout)) {
        fprintf(stderr, "aglm-bench calibrate: standard output: %s\n", strerror(errno));
        rc = -EIO;
    }
    aglm_calibration_table_finish(&table);
    return rc ? 1 : 0;
}
