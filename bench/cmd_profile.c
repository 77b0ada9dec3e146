/* `aglm-bench profile`, also `aglm-bench --device-profile`: what the probes find out about the
 * device, what it is fit for, and what to run on it.
 *
 * Input: options; AGLM_THRESHOLDS, a file of thresholds. Output: the page, its JSON or its HTML on
 * stdout; the facts in a database, where one is named.
 * Refuses unknown options and forms, measuring with --root or --passive, --sustained with --verify
 * (exit 2), a root that is no folder, thresholds that cannot be read, an output that cannot be
 * written (exit 1).
 */
#include "bench/cmd_profile.h"

#include "bench/commands.h"
#include "bench/uuid.h"
#include "engine/synth.h"
#include "probes/clock.h"
#include "probes/network.h"
#include "probes/topology.h"
#include "reports/html.h"
#include "reports/store.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A passive look takes 0.3 s at most, and it is drivers that may take longer. */
enum { DRIVERS_BY_MS = 230 };

static const char help[] =
    "Usage: aglm-bench --device-profile [options]\n"
    "       aglm-bench profile          [options]\n"
    "\n"
    "Describes this device: processor, memory, storage, load, heat, system; measures\n"
    "its limits; judges them by the thresholds; says which models fit, how fast they\n"
    "will be and with which threads. What cannot be known is \"unknown\" with the\n"
    "reason. Takes up to 15 seconds.\n"
    "\n"
    "  -o, --output text|json|html  form of the output (text); html is the report's\n"
    "                          page of this device\n"
    "      --db FILE           keep the facts in FILE too, for aglm-bench report\n"
    "      --passive           look only: measure nothing, leave nothing (0.3 s)\n"
    "      --roof              measure the limits only: reading memory, and peaks of\n"
    "                          integer and float arithmetic, by threads and\n"
    "                          instruction set; neither latency nor storage\n"
    "      --sustained N       then keep all cores busy for N seconds (10 to 600): what\n"
    "                          integer speed is left when the device is hot\n"
    "      --storage-dir DIR   measure DIR's storage, with a temporary file of up to\n"
    "                          128 MiB that has no name (cache folder's or home's)\n"
    "      --net HOST[:PORT]   time TCP connections to HOST too (port 443)\n"
    "      --verify            test the predictions: run two small models, which are\n"
    "                          made on first use, for about ten seconds more\n"
    "      --thresholds FILE   limits that differ from the built-in ones\n"
    "      --root DIR          look at a captured /proc, /sys and /etc below DIR\n"
    "  -v, --verbose           how long each probe took, too\n"
    "  -h, --help              this text\n";

enum {
    OPT_ROOT = 256,
    OPT_ROOF,
    OPT_PASSIVE,
    OPT_STORAGE_DIR,
    OPT_SUSTAINED,
    OPT_NET,
    OPT_VERIFY,
    OPT_THRESHOLDS,
    OPT_DB
};

struct options {
    bool json, html, help, roof, passive, verify, verbose;
    unsigned sustained_s; /* 0: not asked for */
    const char *root, *storage_dir, *net, *thresholds, *db;
};

static int wrong_usage(const char *option, const char *what)
{
    fprintf(stderr, "aglm-bench profile: %s%s; see 'aglm-bench profile --help'\n", option, what);
    return 2;
}

/* Options that contradict each other; 0, or the exit code after the message is out. */
static int check(const struct options *o)
{
    const char *quiet = o->root ? "--root" : o->passive ? "--passive" : NULL;
    const char *loud = o->roof          ? "--roof"
                       : o->sustained_s ? "--sustained"
                       : o->net         ? "--net"
                       : o->verify      ? "--verify"
                       : o->storage_dir ? "--storage-dir"
                                        : NULL;
    char host[256];
    unsigned port;
    struct aglm_err err = {0};
    if (quiet && loud) {
        char what[64];
        snprintf(what, sizeof(what), " measures this machine: leave out %s", quiet);
        return wrong_usage(loud, what);
    }
    if (o->html && o->verify)
        return wrong_usage("--verify", " has no place in -o html: use text or json");
    if (o->sustained_s && o->verify)
        return wrong_usage("--sustained", " heats the device before --verify: run them in turn");
    if (o->net && aglm_network_target(o->net, host, sizeof(host), &port, &err))
        return wrong_usage("--net ", err.msg);
    return 0;
}

static bool take_seconds(unsigned *out, const char *text)
{
    char *end;
    const unsigned long n = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || n < AGLM_SUSTAINED_MIN || n > AGLM_SUSTAINED_MAX)
        return false;
    *out = (unsigned)n;
    return true;
}

static bool take(struct options *out, int c)
{
    switch (c) {
    case OPT_ROOT:
        out->root = optarg;
        return true;
    case OPT_ROOF:
        out->roof = true;
        return true;
    case OPT_PASSIVE:
        out->passive = true;
        return true;
    case OPT_STORAGE_DIR:
        out->storage_dir = optarg;
        return true;
    case OPT_NET:
        out->net = optarg;
        return true;
    case OPT_VERIFY:
        out->verify = true;
        return true;
    case OPT_THRESHOLDS:
        out->thresholds = optarg;
        return true;
    case OPT_DB:
        out->db = optarg;
        return true;
    case 'v':
        out->verbose = true;
        return true;
    case 'h':
        out->help = true;
        return true;
    default:
        return false;
    }
}

/* 0, or the exit code after the message is out. */
static int parse(struct options *out, int argc, char **argv)
{
    static const struct option known[] = {{"output", required_argument, NULL, 'o'},
                                          {"root", required_argument, NULL, OPT_ROOT},
                                          {"roof", no_argument, NULL, OPT_ROOF},
                                          {"passive", no_argument, NULL, OPT_PASSIVE},
                                          {"storage-dir", required_argument, NULL, OPT_STORAGE_DIR},
                                          {"sustained", required_argument, NULL, OPT_SUSTAINED},
                                          {"net", required_argument, NULL, OPT_NET},
                                          {"verify", no_argument, NULL, OPT_VERIFY},
                                          {"thresholds", required_argument, NULL, OPT_THRESHOLDS},
                                          {"db", required_argument, NULL, OPT_DB},
                                          {"verbose", no_argument, NULL, 'v'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    optind = 0; /* glibc: start afresh, main may have used getopt */
    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, ":o:vh", known, NULL)) != -1;) {
        if (c == 'o' && (strcmp(optarg, "text") == 0 || strcmp(optarg, "json") == 0 ||
                         strcmp(optarg, "html") == 0)) {
            out->json = optarg[0] == 'j';
            out->html = optarg[0] == 'h';
        } else if (c == 'o') {
            return wrong_usage("-o: must be text, json or html: ", optarg);
        } else if (c == OPT_SUSTAINED) {
            if (!take_seconds(&out->sustained_s, optarg))
                return wrong_usage("--sustained: must be 10 to 600 seconds: ", optarg);
        } else if (!take(out, c)) {
            return wrong_usage(argv[optind - 1], c == ':' ? ": needs a value" : ": no such option");
        }
    }
    if (optind < argc)
        return wrong_usage(argv[optind], ": takes options only");
    return check(out);
}

/* The models of the test: small ones, made in the cache folder on first use. */
static int verify(struct aglm_profile_page *page, struct aglm_err *err)
{
    static const char *const presets[AGLM_PROFILE_VERIFY_MODELS] = {"smollm2-135m", "qwen2.5-0.5b"};
    static const char type[] = "q4_0";
    const struct aglm_quantize_mode *mode = aglm_quantize_mode_find(type);
    const struct aglm_synth_options synth = {.seed = 1,
                                             .n_threads = (unsigned)aglm_topology_cpus()};
    for (size_t i = 0; i < AGLM_PROFILE_VERIFY_MODELS; i++) {
        struct aglm_verify_line *line = &page->verify[i];
        struct aglm_advice_work work;
        struct aglm_advice advice;
        char model[64], path[4096];
        snprintf(model, sizeof(model), "preset:%s:%s", presets[i], type);
        snprintf(line->model, sizeof(line->model), "%s %s", presets[i], type);
        fprintf(stderr, "testing the prediction with %s\n", line->model);
        int rc = aglm_synth_resolve(model, &synth, path, sizeof(path), err);
        if (rc)
            return rc;
        aglm_advice_work_of(&work, aglm_preset_find(presets[i]), mode);
        aglm_advice_give(&advice, &page->device, aglm_preset_find(presets[i]), mode);
        rc = aglm_verify_run(line, path, &page->device, &work,
                             advice.decode_threads ? advice.decode_threads : 1, NULL, err);
        if (rc)
            return rc;
        page->n_verify++;
    }
    return 0;
}

/* The output as text that the caller frees; NULL for the form that is printed directly. */
static int make_text(char **out, const struct aglm_profile_page *page, const struct options *o,
                     int64_t taken_ms, struct aglm_err *err)
{
    const char *env = getenv("AGLM_THRESHOLDS");
    const struct aglm_report_options options = {.thresholds = o->thresholds   ? o->thresholds
                                                              : env && env[0] ? env
                                                                              : NULL};
    *out = NULL;
    if (o->json) {
        *out = aglm_profile_page_json(page);
        return *out ? 0 : aglm_err_set(err, -ENOMEM, "out of memory");
    }
    if (!o->html)
        return 0;
    char *facts = aglm_profile_json(page->profile);
    int rc = facts ? aglm_report_profile(out, facts, taken_ms, &options, err)
                   : aglm_err_set(err, -ENOMEM, "out of memory");
    free(facts);
    return rc;
}

static int print(const struct aglm_profile_page *page, const struct options *o, int64_t taken_ms,
                 struct aglm_err *err)
{
    char *text;
    int rc = make_text(&text, page, o, taken_ms, err);
    if (rc)
        return rc;
    if (text) {
        puts(text);
    } else {
        aglm_profile_print(page->profile, stdout);
        aglm_profile_page_print(page);
        if (o->verbose)
            aglm_profile_took_print(page->profile, stdout);
    }
    free(text);
    if (fflush(stdout) || ferror(stdout))
        return aglm_err_set(err, -EIO, "standard output: %s", strerror(errno));
    return 0;
}

/* The facts only: verdicts and advice are made from them whenever they are shown. */
static int keep(struct aglm_store *store, const struct aglm_profile *profile, int64_t taken_ms,
                struct aglm_err *err)
{
    struct aglm_record run;
    aglm_record_init(&run);
    run.started_ms = taken_ms;
    run.profile_json = aglm_profile_json(profile);
    aglm_profile_fingerprint(profile, run.fingerprint);
    int rc = run.profile_json ? aglm_uuid_v7(run.run_uuid, taken_ms, err)
                              : aglm_err_set(err, -ENOMEM, "out of memory");
    if (rc == 0)
        rc = aglm_store_put_profile(store, &run, err);
    aglm_record_finish(&run);
    return rc;
}

static int make_page(struct aglm_profile_page *page, struct aglm_profile **profile,
                     struct aglm_thresholds **thresholds, const struct options *o,
                     struct aglm_err *err)
{
    const char *env = getenv("AGLM_THRESHOLDS");
    const bool measure = !o->root && !o->passive;
    struct aglm_profile_sustained sustained = {.asked = o->sustained_s};
    const struct aglm_profile_options how = {.root = o->root,
                                             .drivers_by_ms = o->passive ? DRIVERS_BY_MS : 0,
                                             .roof = measure,
                                             .latency = measure && !o->roof,
                                             .storage = measure && !o->roof,
                                             .storage_dir = o->storage_dir,
                                             .net = o->net,
                                             .sustained_s = o->sustained_s,
                                             .sustained_each = aglm_profile_second,
                                             .sustained_ctx = &sustained};
    int rc = aglm_thresholds_load(thresholds,
                                  o->thresholds   ? o->thresholds
                                  : env && env[0] ? env
                                                  : NULL,
                                  err);
    if (rc == 0)
        rc = aglm_profile_create(profile, &how, err);
    if (rc)
        return rc;
    *page = (struct aglm_profile_page){.profile = *profile, .thresholds = *thresholds};
    aglm_advice_device_read(&page->device, *profile);
    return o->verify ? verify(page, err) : 0;
}

int aglm_cmd_profile(int argc, char **argv)
{
    struct options options = {0};
    struct aglm_profile *profile = NULL;
    struct aglm_thresholds *thresholds = NULL;
    struct aglm_store *store = NULL;
    struct aglm_profile_page page;
    struct aglm_err err = {0};
    int rc = parse(&options, argc, argv);
    if (rc)
        return rc;
    if (options.help) {
        fputs(help, stdout);
        return 0;
    }
    if (options.db) /* before anything is measured */
        rc = aglm_store_open(&store, options.db, &err);
    if (rc == 0)
        rc = make_page(&page, &profile, &thresholds, &options, &err);
    const int64_t taken_ms = aglm_clock_wall_ms();
    if (rc == 0 && store)
        rc = keep(store, profile, taken_ms, &err);
    if (rc == 0)
        rc = print(&page, &options, taken_ms, &err);
    if (rc == 0 && store)
        fprintf(stderr, "stored in %s\n", options.db);
    if (rc) {
        fprintf(stderr, "aglm-bench profile: %s\n", err.msg);
        rc = 1;
    }
    aglm_store_close(&store);
    aglm_profile_destroy(&profile);
    aglm_thresholds_destroy(&thresholds);
    return rc;
}
