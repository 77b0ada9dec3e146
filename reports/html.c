/* The page; see html.h. One file: style, pictures and text inside, nothing loaded from anywhere, no
 * script. The Content-Security-Policy in its head makes the browser hold it to that. Written beside
 * its target and renamed, so that a full disk leaves the last page.
 */
#include "reports/html.h"

#include "reports/dataset.h"
#include "reports/device_page.h"
#include "reports/embedded.h"
#include "reports/limits.h"
#include "reports/overview.h"
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

/* ---- parts -------------------------------------------------------------------------------- */

static void put_head(struct aglm_text *out, const char *title)
{
    aglm_text_raw(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                       "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                       "<meta name=\"color-scheme\" content=\"light dark\">\n"
                       "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                       "style-src 'unsafe-inline'\">\n");
    aglm_text_fmt(out, "<title>%s</title>\n<style>\n", title);
    aglm_text_raw(out, aglm_page_css);
    aglm_text_raw(out, aglm_page_devices_css);
    aglm_text_raw(out, "</style>\n</head>\n<body>\n");
}

static void put_foot(struct aglm_text *out)
{
    aglm_text_raw(
        out, "<footer><p>Made by aglm-bench from its store; this page loads nothing and runs no "
             "script. Make it again with <code>aglm-bench "
             "report</code>.</p></footer>\n</body>\n</html>\n");
}

/* What a report is made from. */
struct report {
    const struct aglm_report_options *options;
    struct aglm_store *store; /* NULL: profiles only */
    struct aglm_devices devices;
    struct aglm_thresholds *thresholds;
    struct aglm_err trouble; /* why there are no plots: asked once, not for each device */
};

static int report_open(struct report *r, struct aglm_store *store,
                       const struct aglm_report_options *options, struct aglm_err *err)
{
    static const struct aglm_report_options defaults = {0};
    *r = (struct report){.options = options ? options : &defaults, .store = store};
    return aglm_thresholds_load(&r->thresholds, r->options->thresholds, err);
}

static void report_close(struct report *r)
{
    aglm_devices_finish(&r->devices);
    aglm_thresholds_destroy(&r->thresholds);
}

static int load_devices(struct report *r, struct aglm_err *err)
{
    int rc = aglm_devices_load(&r->devices, r->store, err);
    if (rc == 0 && r->devices.n == 0)
        return aglm_err_set(err, -ENODATA,
                            "nothing was measured yet: the database holds no test and no profile; "
                            "fill it with: aglm-bench run, or aglm-bench --device-profile --db "
                            "FILE");
    return rc;
}

/* One device's page into page and its line of the list into row, where that is asked for. */
static int add_device(struct report *r, size_t i, bool alone, struct aglm_text *page,
                      struct aglm_text *row, const char *link, struct aglm_err *err)
{
    struct aglm_dataset set = {0};
    struct aglm_limits limits;
    int rc = aglm_dataset_load(&set, r->store, &r->devices.v[i], err);
    if (rc < 0)
        return rc;
    aglm_limits_read(&limits, &set);
    struct aglm_figures figures = {.set = &set,
                                   .thresholds = r->thresholds,
                                   .gnuplot = r->options->gnuplot,
                                   .trouble = r->trouble};
    if (row)
        aglm_overview_row(row, &set, r->thresholds, &limits, link);
    aglm_device_page_write(page, &figures, &limits, alone ? r->options->title : NULL, alone);
    r->trouble = figures.trouble;
    aglm_dataset_finish(&set);
    return 0;
}

/* A name for ids and files: the fingerprint, or the device's number where a store's is no such. */
static const char *device_id(const struct report *r, size_t i, char buf[40])
{
    const char *f = r->devices.v[i].fingerprint;
    if (strlen(f) == 32 && strspn(f, "0123456789abcdef") == 32)
        snprintf(buf, 40, "d-%s", f);
    else
        snprintf(buf, 40, "d-no%zu", i + 1);
    return buf;
}

static void open_alone(struct aglm_text *page, const struct report *r, size_t i, const char *up)
{
    char name[256], title[300];
    snprintf(title, sizeof(title), "aglm-bench: %s",
             aglm_device_name(&r->devices.v[i], name, sizeof(name)));
    put_head(page, r->options->title ? r->options->title : title);
    aglm_text_raw(page, up);
    aglm_text_raw(page, "<main>\n");
}

static void open_list(struct aglm_text *page, const struct report *r)
{
    char title[64];
    snprintf(title, sizeof(title), "%zu devices", r->devices.n);
    put_head(page, r->options->title ? r->options->title : title);
    aglm_text_fmt(page,
                  "<header class=\"fleet\"><p class=\"kicker\">aglm-bench report</p>"
                  "<h1>%s</h1></header>\n<main>\n",
                  r->options->title ? r->options->title : title);
}

static void close_page(struct aglm_text *page, const struct report *r)
{
    aglm_device_page_meaning(page, r->thresholds);
    aglm_text_raw(page, "</main>\n");
    put_foot(page);
}

/* ---- whole reports --------------------------------------------------------------------------- */

static int page_of_one(struct report *r, struct aglm_text *page, size_t i, struct aglm_err *err)
{
    open_alone(page, r, i, "");
    int rc = add_device(r, i, true, page, NULL, NULL, err);
    aglm_overview_others(page, &r->devices, i);
    close_page(page, r);
    return rc;
}

static int page_of_all(struct report *r, struct aglm_text *page, struct aglm_err *err)
{
    struct aglm_text rows = {0}, articles = {0}, one = {0};
    int rc = 0;
    for (size_t i = 0; i < r->devices.n && rc == 0; i++) {
        char id[40], link[48];
        snprintf(link, sizeof(link), "#%s", device_id(r, i, id));
        rc = add_device(r, i, false, &one, &rows, link, err);
        aglm_text_fmt(&articles,
                      "<article class=\"device\" id=\"%s\"><p class=\"up\">"
                      "<a href=\"#devices\">All devices</a></p>",
                      id);
        aglm_overview_nest(&articles, one.data ? one.data : "", id);
        aglm_text_raw(&articles, "</article>\n");
        page->failed |= one.failed;
        aglm_text_finish(&one);
    }
    open_list(page, r);
    aglm_overview_section(page, &rows);
    aglm_text_raw(page, articles.data ? articles.data : "");
    close_page(page, r);
    page->failed |= rows.failed || articles.failed;
    aglm_text_finish(&rows);
    aglm_text_finish(&articles);
    return rc;
}

/* Writes what was made, unless something failed before; frees it. */
static int write_page(const char *path, struct aglm_text *page, int rc, struct aglm_err *err)
{
    if (rc == 0 && page->failed)
        rc = aglm_err_set(err, -ENOMEM, "%s: out of memory", path);
    if (rc == 0)
        rc = write_file(path, page, err);
    aglm_text_finish(page);
    return rc;
}

int aglm_report_write(struct aglm_store *store, const char *path,
                      const struct aglm_report_options *options, struct aglm_err *err)
{
    struct report r;
    struct aglm_text page = {0};
    size_t i = 0;
    int rc = report_open(&r, store, options, err);
    if (rc == 0)
        rc = load_devices(&r, err);
    if (rc == 0 && r.options->device)
        rc = aglm_devices_find(&r.devices, r.options->device, &i, err);
    if (rc == 0)
        rc = r.options->device || r.devices.n == 1 ? page_of_one(&r, &page, i, err)
                                                   : page_of_all(&r, &page, err);
    rc = write_page(path, &page, rc, err);
    report_close(&r);
    return rc;
}

/* folder/name.html of device i, and its line. */
static int split_one(struct report *r, const char *folder, size_t i, struct aglm_text *rows,
                     struct aglm_err *err)
{
    struct aglm_text page = {0};
    char id[40], link[48], path[4096];
    snprintf(link, sizeof(link), "%s.html", device_id(r, i, id));
    snprintf(path, sizeof(path), "%s/%s", folder, link);
    open_alone(&page, r, i, "<p class=\"up\"><a href=\"index.html\">All devices</a></p>");
    int rc = add_device(r, i, true, &page, rows, link, err);
    close_page(&page, r);
    return write_page(path, &page, rc, err);
}

int aglm_report_split(struct aglm_store *store, const char *folder,
                      const struct aglm_report_options *options, struct aglm_err *err)
{
    struct report r;
    struct aglm_text page = {0}, rows = {0};
    char path[4096];
    int rc = report_open(&r, store, options, err);
    if (rc == 0)
        rc = load_devices(&r, err);
    if (rc == 0 && mkdir(folder, 0777) < 0 && errno != EEXIST)
        rc = write_error(err, -errno, folder);
    for (size_t i = 0; i < r.devices.n && rc == 0; i++)
        rc = split_one(&r, folder, i, &rows, err);
    open_list(&page, &r);
    aglm_overview_section(&page, &rows);
    close_page(&page, &r);
    page.failed |= rows.failed;
    snprintf(path, sizeof(path), "%s/index.html", folder);
    rc = write_page(path, &page, rc, err);
    aglm_text_finish(&rows);
    report_close(&r);
    return rc;
}

int aglm_report_profile(char **html, const char *profile_json, int64_t taken_ms,
                        const struct aglm_report_options *options, struct aglm_err *err)
{
    struct report r;
    struct aglm_text page = {0};
    int rc = report_open(&r, NULL, options, err);
    if (rc == 0)
        rc = aglm_devices_from_profile(&r.devices, profile_json, taken_ms, err);
    if (rc == 0)
        rc = page_of_one(&r, &page, 0, err);
    if (rc == 0 && page.failed)
        rc = aglm_err_set(err, -ENOMEM, "device profile: out of memory");
    report_close(&r);
    if (rc < 0)
        aglm_text_finish(&page);
    else
        *html = page.data;
    return rc;
}
