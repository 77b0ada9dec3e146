/* One device's page; see device_page.h. */
#include "reports/device_page.h"

#include "reports/embedded.h"
#include "reports/sections.h"
#include "reports/summary.h"

#include <errno.h>

static void put_link(struct aglm_text *out, const char *id, const char *text)
{
    aglm_text_fmt(out, "<a href=\"#%s\">%s</a>", id, text);
}

static void put_nav(struct aglm_text *out, const struct aglm_dataset *set, bool alone)
{
    const bool tests = set->n_rows > 0, profile = set->device->profile || set->device->measured;
    aglm_text_raw(out, "<nav aria-label=\"Sections\">");
    if (tests)
        put_link(out, "summary", "In short");
    if (profile)
        put_link(out, "fitness", "Fit for");
    if (tests) {
        put_link(out, "results", "Results");
        put_link(out, "plots", "Plots");
    }
    if (set->n_answers)
        put_link(out, "accuracy", "Accuracy");
    if (tests) {
        put_link(out, "history", "History");
        put_link(out, "conditions", "Conditions");
    }
    put_link(out, "limits", "Limits");
    if (profile)
        put_link(out, "models", "What to run");
    put_link(out, "thresholds", "Thresholds");
    put_link(out, "device", "Device");
    if (alone)
        put_link(out, "meaning", "What the numbers mean");
    if (tests)
        put_link(out, "reproduce", "Reproduce");
    aglm_text_raw(out, "</nav>");
}

static void put_header(struct aglm_text *out, const struct aglm_dataset *set, const char *title,
                       bool alone)
{
    char name[256];
    aglm_text_raw(out, "<header>");
    if (alone)
        aglm_text_raw(out, "<p class=\"kicker\">aglm-bench report</p>");
    aglm_text_fmt(out, "<h1>%s</h1><p class=\"sub\">",
                  title ? title : aglm_device_name(set->device, name, sizeof(name)));
    aglm_sections_device_line(out, set);
    aglm_text_raw(out, "</p><p class=\"sub\">");
    if (set->n_rows) {
        const struct aglm_record *r = &set->rows[set->n_rows - 1].rec;
        aglm_text_raw(out, "Last measured ");
        aglm_text_time(out, r->started_ms);
        aglm_text_fmt(out, " UTC &#183; aglm-bench %s &#183; %zu run%s</p>", r->version,
                      set->n_runs, set->n_runs == 1 ? "" : "s");
    } else {
        aglm_text_raw(out, "Looked at ");
        aglm_text_time(out, set->device->last_ms);
        aglm_text_raw(out, " UTC &#183; no tests yet</p>");
    }
    put_nav(out, set, alone);
    aglm_text_raw(out, "</header>\n");
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

/* What stands before and between results and plots needs both to be known: plots come first into a
 * text of their own, for they may turn out impossible. */
static void put_tests(struct aglm_text *out, struct aglm_figures *f,
                      const struct aglm_limits *limits)
{
    const struct aglm_dataset *set = f->set;
    struct aglm_text plots = {0}, history = {0}, accuracy = {0};
    aglm_figures_threads(&plots, f);
    aglm_figures_quantization(&plots, f);
    aglm_figures_tokens(&plots, f);
    aglm_sections_accuracy(&accuracy, f);
    aglm_figures_history(&history, f);
    aglm_summary_write(out, set, f->thresholds);
    put_trouble(out, f);
    aglm_sections_fitness(out, set, f->thresholds, limits);
    aglm_sections_results(out, set);
    aglm_text_raw(out,
                  "<section id=\"plots\"><h2>Plots</h2><p class=\"sub\">Bars on points are the 95% "
                  "interval of the "
                  "median, or the range under 6 repetitions. The data is below each plot.</p>");
    aglm_text_raw(out, plots.data ? plots.data : "");
    aglm_text_raw(out, "</section>");
    aglm_text_raw(out, accuracy.data ? accuracy.data : "");
    aglm_text_raw(out, "<section id=\"history\"><h2>History</h2>");
    aglm_text_raw(out, history.data ? history.data : "");
    aglm_text_raw(out, "</section>");
    aglm_sections_during(out, set);
    aglm_sections_operators(out, set);
    aglm_sections_fusion(out, set);
    aglm_sections_conditions(out, set, f->thresholds);
    out->failed = out->failed || plots.failed || history.failed || accuracy.failed;
    aglm_text_finish(&plots);
    aglm_text_finish(&accuracy);
    aglm_text_finish(&history);
}

void aglm_device_page_write(struct aglm_text *out, struct aglm_figures *f,
                            const struct aglm_limits *limits, const char *title, bool alone)
{
    const struct aglm_dataset *set = f->set;
    put_header(out, set, title, alone);
    if (set->n_rows) {
        put_tests(out, f, limits);
    } else {
        aglm_text_raw(out,
                      "<p class=\"hint\">No test was run on this device yet, so speeds below "
                      "are predictions. To measure: <code>aglm-bench run --db FILE</code></p>");
        aglm_sections_fitness(out, set, f->thresholds, limits);
        aglm_sections_accuracy(out, f);
    }
    aglm_sections_limits(out, set, limits);
    aglm_sections_models(out, set, limits);
    aglm_sections_thresholds(out, set, f->thresholds);
    aglm_sections_device(out, set, f->thresholds);
    if (set->n_rows)
        aglm_sections_reproduce(out, set);
}

void aglm_device_page_meaning(struct aglm_text *out, const struct aglm_thresholds *thresholds)
{
    aglm_text_raw(out, "<section id=\"meaning\"><h2>What each number means</h2>");
    aglm_text_raw(out, aglm_page_meaning);
    aglm_sections_references(out, thresholds);
    aglm_text_raw(out, "</section>");
}
