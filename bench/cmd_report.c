/* `aglm-bench report`: HTML from the store, a page for each device, in one file or in several.
 * Reads the store without changing it, except to bring one of an older version up to date. Prints
 * the path of the page on stdout. Refuses a store with nothing in it.
 */
#include "bench/commands.h"

#include "reports/html.h"
#include "reports/store.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define DEFAULT_DB "results/aglm.db"
#define DEFAULT_OUT "results/report.html"

static void print_help(FILE *out)
{
    fputs(
        "Usage: aglm-bench report [options]\n"
        "\n"
        "Writes one self-contained HTML file from the stored tests and profiles, with a page for\n"
        "each device.\n"
        "\n"
        "  --db FILE        the store to read (" DEFAULT_DB ")\n"
        "  -o, --output OUT the file to write (" DEFAULT_OUT ")\n"
        "  --device WHICH   only one device: part of its name or processor, or the beginning of "
        "its\n"
        "                   fingerprint\n"
        "  --split DIR      write DIR/index.html and a file for each device instead\n"
        "  --title TEXT     the title (the device's name)\n"
        "  --gnuplot CMD    the program that draws the plots (gnuplot); without it the page has\n"
        "                   tables only\n"
        "  -h, --help       this text\n"
        "\n"
        "AGLM_THRESHOLDS names an INI file that changes thresholds; see devices/thresholds.ini.\n",
        out);
}

/* An older store cannot be read before it is migrated, which takes writing. */
static int open_store(struct aglm_store **store, const char *path, struct aglm_err *err)
{
    int r = aglm_store_open_readonly(store, path, err);
    if (r != -ESTALE)
        return r;
    fprintf(stderr, "%s: bringing the store up to date\n", path);
    return aglm_store_open(store, path, err);
}

/* split: a folder; else out: a file. */
static int write_report(const char *db, const char *out, const char *split,
                        const struct aglm_report_options *options)
{
    struct aglm_store *store = NULL;
    struct aglm_err err = {0};
    int r = open_store(&store, db, &err);
    if (r == 0)
        r = split ? aglm_report_split(store, split, options, &err)
                  : aglm_report_write(store, out, options, &err);
    if (r == -ENODATA && store) /* nothing in it */
        aglm_err_prefix(&err, "%s", db);
    aglm_store_close(&store);
    if (r < 0) {
        fprintf(stderr, "aglm-bench report: %s\n", err.msg);
        return 1;
    }
    printf(split ? "%s/index.html\n" : "%s\n", split ? split : out);
    return 0;
}

static int wrong_usage(const char *arg, const char *what)
{
    fprintf(stderr, "aglm-bench report: %s: %s; see 'aglm-bench report --help'\n", arg, what);
    return 2;
}

int aglm_cmd_report(int argc, char **argv)
{
    enum { OPT_DB = 256, OPT_TITLE, OPT_GNUPLOT, OPT_DEVICE, OPT_SPLIT };
    static const struct option longs[] = {{"db", required_argument, NULL, OPT_DB},
                                          {"output", required_argument, NULL, 'o'},
                                          {"device", required_argument, NULL, OPT_DEVICE},
                                          {"split", required_argument, NULL, OPT_SPLIT},
                                          {"title", required_argument, NULL, OPT_TITLE},
                                          {"gnuplot", required_argument, NULL, OPT_GNUPLOT},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    struct aglm_report_options options = {.thresholds = getenv("AGLM_THRESHOLDS")};
    const char *db = DEFAULT_DB, *out = NULL, *split = NULL;
    int c;
    optind = 1;
    opterr = 0;
    while ((c = getopt_long(argc, argv, ":o:h", longs, NULL)) != -1) {
        if (c == 'h') {
            print_help(stdout);
            return 0;
        } else if (c == 'o') {
            out = optarg;
        } else if (c == OPT_DB) {
            db = optarg;
        } else if (c == OPT_DEVICE) {
            options.device = optarg;
        } else if (c == OPT_SPLIT) {
            split = optarg;
        } else if (c == OPT_TITLE) {
            options.title = optarg;
        } else if (c == OPT_GNUPLOT) {
            options.gnuplot = optarg;
        } else {
            return wrong_usage(argv[optind - 1], c == ':' ? "needs a value" : "no such option");
        }
    }
    if (optind < argc)
        return wrong_usage(argv[optind], "takes no arguments");
    if (split && (out || options.device))
        return wrong_usage("--split", out ? "makes a file for each device: leave out -o"
                                          : "makes a file for each device: leave out --device");
    out = out ? out : DEFAULT_OUT;
    struct stat a, b;
    if (stat(db, &a) == 0 && stat(out, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino) {
        fprintf(stderr, "aglm-bench report: %s: is the database itself; choose another -o\n", out);
        return 2;
    }
    if (options.thresholds && !*options.thresholds)
        options.thresholds = NULL;
    return write_report(db, out, split, &options);
}
