/* The page; see html.h. One file: style, pictures and text inside, nothing loaded from anywhere, no
 * script. The Content-Security-Policy in its head makes the browser hold it to that. Written beside
 * its target and renamed, so that a full disk leaves the last page.
 */
#include "reports/html.h"

#include "reports/dataset.h"
#include "reports/embedded.h"
#include "reports/figures.h"
#include "reports/sections.h"
#include "reports/summary.h"
#include "reports/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- writing the file ------------------------------------------------------------------------ */

static int write_error(struct aglm_err *err, int code, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (code == -ENOENT && slash && slash != path)
        return aglm_err_set(err, code, "%s: no such folder; create it with: mkdir -p %.*s", path,
                            (int)(slash - path), path);
    if (code == -ENOSPC)
        return aglm_err_set(err, code, "%s: disk full; free some space and run again", path);
    return aglm_err_set(err, code, "%s: cannot be written: %s; choose another file with -o", path,
                        strerror(-code));
}

static int write_file(const char *path, const struct aglm_text *page, struct aglm_err *err)
{
    struct stat st;
    char *temporary = NULL;
    int r = 0, fd = -1;
    if (!*path)
        return aglm_err_set(err, -EINVAL, "the report needs a file name; give one with -o");
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return aglm_err_set(err, S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL,
                            "%s: not a regular file; choose another file with -o", path);
    if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
        return aglm_err_set(err, -ENOMEM, "%s: out of memory", path);
    fd = mkstemp(temporary);
    if (fd < 0) {
        r = -errno;
        goto done;
    }
    for (size_t at = 0; at < page->len && r == 0;) {
        ssize_t n = write(fd, page->data + at, page->len - at);
        if (n < 0 && errno != EINTR)
            r = -errno;
        at += n > 0 ? (size_t)n : 0;
    }
    mode_t mask = umask(0);
    umask(mask);
    if (r == 0 && (fchmod(fd, 0666 & ~mask) < 0 || fsync(fd) < 0))
        r = -errno;
    if (close(fd) < 0 && r == 0)
        r = -errno;
    if (r == 0 && rename(temporary, path) < 0)
        r = -errno;
    if (r < 0)
        unlink(temporary);
done:
    free(temporary);
    return r < 0 ? write_error(err, r, path) : 0;
}

/* ---- the page -------------------------------------------------------------------------------- */

static void put_head(struct aglm_text *out, const char *title)
{
    aglm_text_raw(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                       "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                       "<meta name=\"color-scheme\" content=\"light dark\">\n"
                       "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                       "style-src 'unsafe-inline'\">\n");
    aglm_text_fmt(out, "<title>%s</title>\n<style>\n", title);
    aglm_text_raw(out, aglm_page_css);
    aglm_text_raw(out, "</style>\n</head>\n<body>\n");
}

static void put_foot(struct aglm_text *out)
{
    aglm_text_raw(
        out, "<footer><p>Made by aglm-bench from its store; this page loads nothing and runs no "
             "script. Make it again with <code>aglm-bench "
             "report</code>.</p></footer>\n</body>\n</html>\n");
}

static const char *device_name(const struct aglm_dataset *set, char *buf, size_t size)
{
    const char *cpu = set->rows[set->n_rows - 1].rec.cpu_info;
    if (aglm_dataset_fact_text(set, "device.model", buf, size))
        return buf;
    return cpu[0] ? cpu : "unknown device";
}

static void put_header(struct aglm_text *out, const struct aglm_dataset *set, const char *title)
{
    char name[256];
    const struct aglm_record *r = &set->rows[set->n_rows - 1].rec;
    aglm_text_raw(out, "<header><p class=\"kicker\">aglm-bench report</p>");
    aglm_text_fmt(out, "<h1>%s</h1><p class=\"sub\">",
                  title ? title : device_name(set, name, sizeof(name)));
    aglm_sections_device_line(out, set);
    aglm_text_raw(out, "</p><p class=\"sub\">Last measured ");
    aglm_text_time(out, r->started_ms);
    aglm_text_fmt(out, " UTC &#183; aglm-bench %s &#183; %zu run%s</p>", r->version, set->n_runs,
                  set->n_runs == 1 ? "" : "s");
    aglm_text_raw(out, "<nav aria-label=\"Sections\"><a href=\"#summary\">In short</a><a "
                       "href=\"#results\">Results</a>"
                       "<a href=\"#plots\">Plots</a><a href=\"#history\">History</a><a "
                       "href=\"#thresholds\">Thresholds</a><a href=\"#device\">Device</a><a "
                       "href=\"#meaning\">What the numbers mean</a><a "
                       "href=\"#reproduce\">Reproduce</a></nav></header>\n<main>\n");
}

static void put_trouble(struct aglm_text *out, const struct aglm_figures *f)
{
    if (!f->trouble.code)
        return;
    aglm_text_raw(out, "<p class=\"warn\" role=\"note\"><strong>No plots.</strong> ");
    if (f->trouble.code == -ENOENT)
        aglm_text_raw(
            out, "gnuplot is not installed; on Debian: <code>apt install gnuplot-nox</code>, then "
                 "<code>aglm-bench report</code> again. ");
    aglm_text_fmt(out, "The tables below hold all data. (%s)</p>", f->trouble.msg);
}

static void put_page(struct aglm_text *out, const struct aglm_dataset *set,
                     const struct aglm_thresholds *thresholds,
                     const struct aglm_report_options *options)
{
    struct aglm_figures f = {.set = set, .thresholds = thresholds, .gnuplot = options->gnuplot};
    struct aglm_text plots = {0}, history = {0};
    aglm_figures_threads(&plots, &f);
    aglm_figures_quantization(&plots, &f);
    aglm_figures_tokens(&plots, &f);
    aglm_figures_history(&history, &f);
    put_header(out, set, options->title);
    aglm_summary_write(out, set, thresholds);
    put_trouble(out, &f);
    aglm_sections_results(out, set);
    aglm_text_raw(out,
                  "<section id=\"plots\"><h2>Plots</h2><p class=\"sub\">Bars on points are the 95% "
                  "interval of the "
                  "median, or the range under 6 repetitions. The data is below each plot.</p>");
    aglm_text_raw(out, plots.data ? plots.data : "");
    aglm_text_raw(out, "</section><section id=\"history\"><h2>History</h2>");
    aglm_text_raw(out, history.data ? history.data : "");
    aglm_text_raw(out, "</section>");
    aglm_sections_operators(out, set);
    aglm_sections_fusion(out, set);
    aglm_sections_thresholds(out, set, thresholds);
    aglm_sections_device(out, set);
    aglm_text_raw(out, "<section id=\"meaning\"><h2>What each number means</h2>");
    aglm_text_raw(out, aglm_page_meaning);
    aglm_text_raw(out, "</section>");
    aglm_sections_reproduce(out, set);
    aglm_sections_others(out, set);
    aglm_text_raw(out, "</main>\n");
    out->failed = out->failed || plots.failed || history.failed;
    aglm_text_finish(&plots);
    aglm_text_finish(&history);
}

static void put_empty_page(struct aglm_text *out, const char *title)
{
    aglm_text_fmt(out,
                  "<header><p class=\"kicker\">aglm-bench report</p><h1>%s</h1></header>\n<main>\n",
                  title ? title : "An empty store");
    aglm_text_raw(out, aglm_page_empty);
    aglm_text_raw(out, "</main>\n");
}

int aglm_report_write(struct aglm_store *store, const char *path,
                      const struct aglm_report_options *options, struct aglm_err *err)
{
    static const struct aglm_report_options defaults = {0};
    struct aglm_thresholds *thresholds = NULL;
    struct aglm_dataset set = {0};
    struct aglm_text page = {0};
    char title[512] = "aglm-bench report", name[256];
    options = options ? options : &defaults;
    int r = aglm_thresholds_load(&thresholds, options->thresholds, err);
    if (r < 0)
        goto done;
    r = aglm_dataset_load(&set, store, err);
    if (r < 0)
        goto done;
    if (options->title)
        snprintf(title, sizeof(title), "%s", options->title);
    else if (set.n_rows)
        snprintf(title, sizeof(title), "aglm-bench: %s", device_name(&set, name, sizeof(name)));
    put_head(&page, title);
    if (set.n_rows)
        put_page(&page, &set, thresholds, options);
    else
        put_empty_page(&page, options->title);
    put_foot(&page);
    r = page.failed ? aglm_err_set(err, -ENOMEM, "%s: out of memory", path)
                    : write_file(path, &page, err);
done:
    aglm_text_finish(&page);
    aglm_dataset_finish(&set);
    aglm_thresholds_destroy(&thresholds);
    return r;
}
