/* The list of devices; see overview.h. */
#include "reports/overview.h"

#include "reports/sections.h"
#include "reports/summary.h"

#include <stdio.h>
#include <string.h>

/* ---- the list -------------------------------------------------------------------------------- */

static void put_device(struct aglm_text *out, const struct aglm_dataset *set, const char *link)
{
    const struct aglm_device *d = set->device;
    const struct aglm_fact *brand = aglm_device_fact(d, "cpu.brand");
    char name[256], digits[9];
    aglm_device_name(d, name, sizeof(name));
    snprintf(digits, sizeof(digits), "%.8s", d->fingerprint);
    aglm_text_raw(out, "<th scope=\"row\">");
    if (link)
        aglm_text_fmt(out, "<a href=\"%s\">%s</a>", link, name);
    else
        aglm_text_fmt(out, "%s", name);
    aglm_text_raw(out, "<div class=\"small\">");
    if (brand && brand->kind == AGLM_FACT_TEXT && strcmp(brand->text, name) != 0)
        aglm_text_fmt(out, "%s<br>", brand->text);
    aglm_sections_device_line(out, set);
    aglm_text_fmt(out, "<br>fingerprint %s</div></th>", digits);
}

static void put_speed(struct aglm_text *out, const struct aglm_row *row, enum aglm_phase phase)
{
    struct aglm_point p;
    if (!row) {
        aglm_text_raw(out, "not measured");
        return;
    }
    aglm_row_speed(row, phase, &p);
    aglm_text_raw(out, "<strong>");
    aglm_text_number(out, p.y);
    aglm_text_raw(out, "</strong> <span class=\"unit\">tokens/s</span>");
    aglm_text_fmt(out, "<div class=\"small\">%s %s<br>%s, %u thread%s%s</div>", row->rec.model_name,
                  row->rec.quantization, row->rec.test, row->rec.n_threads,
                  row->rec.n_threads == 1 ? "" : "s", row->rec.valid ? "" : ", invalid");
}

static void put_fitness(struct aglm_text *out, const struct aglm_dataset *set,
                        const struct aglm_thresholds *thresholds, const struct aglm_limits *limits)
{
    struct aglm_scenario_verdict v[AGLM_FITNESS_MAX];
    const size_t n = aglm_fitness_judge(v, set, thresholds, limits);
    if (n == 0)
        aglm_text_raw(out, "unknown");
    for (size_t i = 0; i < n; i++) {
        aglm_text_raw(out, "<div class=\"fit\">");
        aglm_summary_pill(out, v[i].status, NULL);
        aglm_text_fmt(out, " %s</div>", v[i].scenario->title);
    }
}

void aglm_overview_row(struct aglm_text *out, const struct aglm_dataset *set,
                       const struct aglm_thresholds *thresholds, const struct aglm_limits *limits,
                       const char *link)
{
    aglm_text_raw(out, "<tr>");
    put_device(out, set, link);
    aglm_text_raw(out, "<td data-label=\"In short\"><div>");
    aglm_summary_verdict(out, set, thresholds);
    aglm_text_raw(out, "</div></td><td data-label=\"Writes\"><div>");
    put_speed(out, aglm_dataset_headline(set, AGLM_PHASE_DECODE), AGLM_PHASE_DECODE);
    aglm_text_raw(out, "</div></td><td data-label=\"Reads\"><div>");
    put_speed(out, aglm_dataset_headline(set, AGLM_PHASE_PREFILL), AGLM_PHASE_PREFILL);
    aglm_text_raw(out, "</div></td><td data-label=\"Fit for\"><div>");
    put_fitness(out, set, thresholds, limits);
    aglm_text_raw(out, "</div></td><td data-label=\"Last seen\"><div>");
    aglm_text_time(out, set->device->last_ms);
    if (set->n_rows)
        aglm_text_fmt(out, "<div class=\"small\">%zu run%s, %zu test%s</div>", set->n_runs,
                      set->n_runs == 1 ? "" : "s", set->n_rows, set->n_rows == 1 ? "" : "s");
    else
        aglm_text_raw(out, "<div class=\"small\">profile only</div>");
    aglm_text_raw(out, "</div></td></tr>\n");
}

void aglm_overview_section(struct aglm_text *out, const struct aglm_text *rows)
{
    aglm_text_raw(
        out, "<section id=\"devices\"><h2>Devices</h2><p class=\"sub\">The one measured last comes "
             "first. An update of the operating system makes a new device, so that figures before "
             "and after it are not mixed. Speeds are of the model measured last on each.</p>"
             "<div class=\"scroll\" tabindex=\"0\"><table class=\"devices stacked\"><caption "
             "class=\"unseen\">Devices of this report</caption><thead><tr>"
             "<th scope=\"col\">Device</th><th scope=\"col\">In short</th>"
             "<th scope=\"col\">Writes</th><th scope=\"col\">Reads</th>"
             "<th scope=\"col\">Fit for (predicted)</th>"
             "<th scope=\"col\">Last seen (UTC)</th></tr></thead><tbody>");
    aglm_text_raw(out, rows->data ? rows->data : "");
    aglm_text_raw(out, "</tbody></table></div></section>\n");
}

void aglm_overview_others(struct aglm_text *out, const struct aglm_devices *devices, size_t shown)
{
    if (devices->n < 2)
        return;
    aglm_text_raw(
        out,
        "<section id=\"others\"><h2>Other devices in this store</h2><p class=\"sub\">This page "
        "is about one of them; <code>aglm-bench report</code> without <code>--device</code> "
        "makes one of all.</p><div class=\"scroll\" tabindex=\"0\"><table><caption "
        "class=\"unseen\">Other devices</caption><thead><tr><th scope=\"col\">Name</th>"
        "<th scope=\"col\">Fingerprint</th><th scope=\"col\" class=\"n\">Tests</th>"
        "<th scope=\"col\">Last seen (UTC)</th></tr></thead><tbody>");
    for (size_t i = 0; i < devices->n; i++) {
        const struct aglm_device *d = &devices->v[i];
        char name[256];
        if (i == shown)
            continue;
        aglm_text_fmt(
            out,
            "<tr><th scope=\"row\">%s</th><td><code>%s</code></td><td class=\"n\">%zu</td>"
            "<td>",
            aglm_device_name(d, name, sizeof(name)), d->fingerprint, d->n_tests);
        aglm_text_time(out, d->last_ms);
        aglm_text_raw(out, "</td></tr>");
    }
    aglm_text_raw(out, "</tbody></table></div></section>");
}

/* ---- a page in a page ------------------------------------------------------------------------ */

/* The length of `<h1` or `</h1` at s, up to the digit; else 0. */
static size_t heading_at(const char *s)
{
    const size_t n = s[1] == '/' ? 3 : 2;
    if (s[0] != '<' || s[n - 1] != 'h' || s[n] < '1' || s[n] > '5')
        return 0;
    return s[n + 1] == '>' || s[n + 1] == ' ' ? n : 0;
}

void aglm_overview_nest(struct aglm_text *out, const char *html, const char *prefix)
{
    static const char *const marks[] = {" id=\"", "href=\"#"};
    const char *from = html;
    for (const char *s = html; *s; s++) {
        const size_t heading = heading_at(s);
        if (heading) {
            const char level[2] = {(char)(s[heading] + 1), '\0'};
            aglm_text_rawn(out, from, (size_t)(s - from) + heading);
            aglm_text_raw(out, level);
            s += heading;
            from = s + 1;
            continue;
        }
        for (size_t i = 0; i < 2; i++) {
            const size_t n = strlen(marks[i]);
            if (strncmp(s, marks[i], n) != 0)
                continue;
            aglm_text_rawn(out, from, (size_t)(s - from) + n);
            aglm_text_fmt(out, "%s-", prefix);
            from = s + n;
        }
    }
    aglm_text_raw(out, from);
}
