/* `aglm-bench profile`, also `aglm-bench --device-profile`: prints what the probes find out about
 * the device.
 *
 * Input: -o text|json, --root DIR, --roof. Output: the profile on stdout. Refuses unknown options
 * and formats, --roof with --root (exit 2), a root that is no folder and an output that cannot be
 * written (exit 1).
 */
#include "bench/commands.h"
#include "probes/profile.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "Usage: aglm-bench --device-profile [-o text|json] [--root DIR | --roof]\n"
    "       aglm-bench profile          [-o text|json] [--root DIR | --roof]\n"
    "\n"
    "Prints what is known about this device: processor, features, caches, topology,\n"
    "frequencies, memory, load of others, temperatures, operating system,\n"
    "virtualization. What cannot be known is \"unknown\" with the reason.\n"
    "\n"
    "  -o, --output text|json  form of the output (text)\n"
    "      --root DIR          read /proc, /sys and /etc below DIR, a captured copy\n"
    "      --roof              measure the device's limits too, for up to 3 seconds:\n"
    "                          how fast its cores read from memory, and their peak\n"
    "                          of integer and float arithmetic, by threads and\n"
    "                          instruction set: the best window and the lowest\n"
    "  -h, --help              this text\n";

enum { OPT_ROOT = 256, OPT_ROOF };

struct options {
    bool json, help, roof;
    const char *root;
};

static int wrong_usage(void)
{
    fprintf(stderr, "see aglm-bench profile --help\n");
    return 2;
}

/* 0, or the exit code after the message is out. */
static int parse(struct options *out, int argc, char **argv)
{
    static const struct option known[] = {{"output", required_argument, NULL, 'o'},
                                          {"root", required_argument, NULL, OPT_ROOT},
                                          {"roof", no_argument, NULL, OPT_ROOF},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    optind = 0; /* glibc: start afresh, main may have used getopt */
    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, ":o:h", known, NULL)) != -1;) {
        if (c == 'o' && (strcmp(optarg, "text") == 0 || strcmp(optarg, "json") == 0)) {
            out->json = optarg[0] == 'j';
        } else if (c == 'o') {
            fprintf(stderr, "aglm-bench profile: -o %s: no such form; text or json\n", optarg);
            return wrong_usage();
        } else if (c == OPT_ROOT) {
            out->root = optarg;
        } else if (c == OPT_ROOF) {
            out->roof = true;
        } else if (c == 'h') {
            out->help = true;
        } else {
            fprintf(stderr, "aglm-bench profile: %s: %s\n", argv[optind - 1],
                    c == ':' ? "needs a value" : "no such option");
            return wrong_usage();
        }
    }
    if (optind < argc) {
        fprintf(stderr, "aglm-bench profile: %s: takes options only\n", argv[optind]);
        return wrong_usage();
    }
    if (out->roof && out->root) {
        fprintf(stderr, "aglm-bench profile: --roof measures this machine: leave out --root\n");
        return wrong_usage();
    }
    return 0;
}

static int print(const struct aglm_profile *profile, bool json)
{
    char *text = NULL;
    if (json) {
        text = aglm_profile_json(profile);
        if (!text) {
            fprintf(stderr, "aglm-bench profile: out of memory\n");
            return 1;
        }
        puts(text);
    } else {
        aglm_profile_print(profile, stdout);
    }
    free(text);
    if (fflush(stdout) || ferror(stdout)) {
        fprintf(stderr, "aglm-bench profile: standard output: %s\n", strerror(errno));
        return 1;
    }
    return 0;
}

int aglm_cmd_profile(int argc, char **argv)
{
    struct options options = {0};
    struct aglm_profile *profile = NULL;
    struct aglm_err err = {0};
    int rc = parse(&options, argc, argv);
    if (rc)
        return rc;
    if (options.help) {
        fputs(help, stdout);
        return 0;
    }
    const struct aglm_profile_options how = {.root = options.root, .roof = options.roof};
    if (aglm_profile_create(&profile, &how, &err)) {
        fprintf(stderr, "aglm-bench profile: %s\n", err.msg);
        return 1;
    }
    rc = print(profile, options.json);
    aglm_profile_destroy(&profile);
    return rc;
}
