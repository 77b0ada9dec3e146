/* Tables of the page: results, thresholds; see sections.h. */
#include "reports/sections.h"

#include "bench/tally.h"
#include "reports/summary.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* ---- results --------------------------------------------------------------------------------- */

/* Columns that would say the same in every row are left out. */
struct columns {
    bool isa, backend, batch, mask, cache, fuse, load, kept;
};

static struct columns varying(const struct aglm_dataset *set)
{
    struct columns c = {0};
    const struct aglm_record *a = &set->rows[set->newest[0]].rec;
    for (size_t k = 0; k < set->n_configs; k++)
        c.kept |= set->rows[set->newest[k]].rec.accuracy.n_parts > 0;
    for (size_t k = 1; k < set->n_configs; k++) {
        const struct aglm_record *b = &set->rows[set->newest[k]].rec;
        c.isa |= strcmp(a->isa, b->isa) != 0;
        c.backend |= strcmp(a->backend, b->backend) != 0;
        c.batch |= a->n_batch != b->n_batch || a->n_ubatch != b->n_ubatch;
        c.cache |= strcmp(a->type_k, b->type_k) != 0 || strcmp(a->type_v, b->type_v) != 0;
        c.fuse |= strcmp(a->fuse, b->fuse) != 0;
        c.load |= strcmp(a->load, b->load) != 0;
        c.mask |= strcmp(a->cpu_mask, b->cpu_mask) != 0 || a->cpu_strict != b->cpu_strict;
    }
    return c;
}

static size_t put_head(struct aglm_text *out, const struct columns *c)
{
    aglm_text_raw(out, "<table class=\"results\"><caption class=\"unseen\">Results by "
                       "test</caption><thead><tr><th scope=\"col\">Test</th>"
                       "<th scope=\"col\" class=\"n\">Threads</th>");
    if (c->backend)
        aglm_text_raw(out, "<th scope=\"col\">Backend</th>");
    if (c->isa)
        aglm_text_raw(out, "<th scope=\"col\">ISA</th>");
    if (c->batch)
        aglm_text_raw(out, "<th scope=\"col\">Batch</th>");
    if (c->mask)
        aglm_text_raw(out, "<th scope=\"col\">CPU mask</th>");
    if (c->cache)
        aglm_text_raw(out, "<th scope=\"col\">KV cache</th>");
    if (c->fuse)
        aglm_text_raw(out, "<th scope=\"col\">Fused</th>");
    if (c->load)
        aglm_text_raw(out, "<th scope=\"col\">Weights</th>");
    aglm_text_raw(out, "<th scope=\"col\" class=\"n\">Tokens/s, median</th>"
                       "<th scope=\"col\" class=\"n\">[low, high]</th>"
                       "<th scope=\"col\" class=\"n\">Of roof</th>");
    if (c->kept)
        aglm_text_raw(out, "<th scope=\"col\" class=\"n\">Answers kept</th>");
    aglm_text_raw(
        out, "<th scope=\"col\">Verdict</th><th scope=\"col\" class=\"n\">Mean &#177; sd</th>"
             "<th scope=\"col\" class=\"n\">Samples</th><th scope=\"col\" class=\"n\">TTFT, ms</th>"
             "<th scope=\"col\" class=\"n\">TPOT, ms</th><th scope=\"col\" class=\"n\">p99, ms</th>"
             "<th scope=\"col\" class=\"n\">Read, GB/s</th>"
             "<th scope=\"col\" class=\"n\">Peak memory</th>"
             "<th scope=\"col\">Measured (UTC)</th></tr></thead>");
    return 14U + c->backend + c->isa + c->batch + c->mask + c->cache + c->fuse + c->load + c->kept;
}

static void put_speed_cells(struct aglm_text *out, const struct aglm_row *row)
{
    aglm_text_raw(out, "<td class=\"n\"><strong>");
    aglm_text_number(out, row->res.median_ts);
    aglm_text_raw(out, "</strong></td><td class=\"n\">");
    if (row->n_samples < 2) {
        aglm_text_raw(out, "<span class=\"tag\">one sample</span></td>");
        return;
    }
    aglm_text_raw(out, row->res.ci_is_range ? "<span class=\"tag\">range</span> [" : "[");
    aglm_text_number(out, row->res.ci_low_ts);
    aglm_text_raw(out, ", ");
    aglm_text_number(out, row->res.ci_high_ts);
    aglm_text_raw(out, "]</td>");
}

/* "71% of 33.1 GB/s [30.2, 33.1]": the share, the roof and its own spread. */
static void put_share(struct aglm_text *out, double percent, const struct aglm_roof_range *roof,
                      const char *unit)
{
    if (isnan(percent)) {
        aglm_text_number(out, NAN);
        return;
    }
    aglm_text_number(out, percent);
    aglm_text_raw(out, "% <span class=\"muted\">of ");
    aglm_text_number(out, roof->best / 1e9);
    aglm_text_fmt(out, " %s [", unit);
    aglm_text_number(out, roof->low / 1e9);
    aglm_text_raw(out, ", ");
    aglm_text_number(out, roof->best / 1e9);
    aglm_text_raw(out, "]</span>");
}

static void put_roof_cell(struct aglm_text *out, const struct aglm_row *row)
{
    const struct aglm_record *r = &row->rec;
    const bool int8 = strcmp(r->prefill_kind, "int8") == 0;
    aglm_text_raw(out, "<td class=\"n\">");
    if (r->n_prompt)
        put_share(out, row->res.prefill_roof_percent, int8 ? &r->roof_int8 : &r->roof_f32,
                  int8 ? "Gop/s" : "GFLOP/s");
    if (r->n_prompt && r->n_gen)
        aglm_text_raw(out, "<br>");
    if (r->n_gen)
        put_share(out, row->res.decode_roof_percent, &r->roof_read, "GB/s");
    aglm_text_raw(out, "</td>");
}

/* Right answers in the same quantization, of those in F32. */
static void put_kept_cell(struct aglm_text *out, const struct aglm_record *r)
{
    const struct aglm_accuracy_part sum = aglm_accuracy_sum(&r->accuracy, NULL, NULL);
    aglm_text_raw(out, "<td class=\"n\">");
    aglm_text_percent(out, aglm_accuracy_kept(&sum));
    aglm_text_raw(out, "</td>");
}

static void put_verdict_cell(struct aglm_text *out, const struct aglm_row *row)
{
    const struct aglm_record *r = &row->rec;
    aglm_text_raw(out, "<td class=\"verdict-cell\">");
    aglm_summary_pill(out, r->valid ? AGLM_STATUS_GOOD : AGLM_STATUS_ALERT,
                      r->valid ? "VALID" : "INVALID");
    if (!r->valid)
        aglm_text_fmt(out, "<span class=\"why\">%s</span>", r->reasons);
    else if (row->others_unknown)
        aglm_text_raw(out, "<span class=\"why\">others unknown</span>");
    aglm_text_raw(out, "</td>");
}

static void put_mean_cells(struct aglm_text *out, const struct aglm_row *row)
{
    aglm_text_raw(out, "<td class=\"n\">");
    aglm_text_number(out, row->res.avg_ts);
    aglm_text_raw(out, " &#177; ");
    aglm_text_number(out, row->res.stddev_ts);
    aglm_text_fmt(out, "</td><td class=\"n\">%zu", row->n_samples);
    if (row->n_samples < row->rec.repetitions)
        aglm_text_fmt(out, " of %u", row->rec.repetitions);
    aglm_text_raw(out, "</td>");
}

static void put_row(struct aglm_text *out, const struct columns *c, const struct aglm_row *row)
{
    const struct aglm_record *r = &row->rec;
    aglm_text_fmt(out, "<tr><th scope=\"row\">%s", r->test);
    if (r->label[0])
        aglm_text_fmt(out, " <span class=\"tag\">%s</span>", r->label);
    aglm_text_fmt(out, "</th><td class=\"n\">%u</td>", r->n_threads);
    if (c->backend)
        aglm_text_fmt(out, "<td>%s</td>", r->backend);
    if (c->isa)
        aglm_text_fmt(out, "<td>%s</td>", r->isa);
    if (c->batch)
        aglm_text_fmt(out, "<td>%u/%u</td>", r->n_batch, r->n_ubatch);
    if (c->mask)
        aglm_text_fmt(out, "<td>%s%s</td>", r->cpu_mask[0] ? r->cpu_mask : "none",
                      r->cpu_strict ? " strict" : "");
    if (c->cache)
        aglm_text_fmt(out, "<td>%s/%s</td>", r->type_k, r->type_v);
    if (c->fuse)
        aglm_text_fmt(out, "<td>%s</td>", r->fuse);
    if (c->load)
        aglm_text_fmt(out, "<td>%s</td>", r->load);
    put_speed_cells(out, row);
    put_roof_cell(out, row);
    if (c->kept)
        put_kept_cell(out, r);
    put_verdict_cell(out, row);
    put_mean_cells(out, row);
    aglm_text_number_cell(out, row->res.ttft_ms);
    aglm_text_number_cell(out, row->res.tpot_ms);
    aglm_text_number_cell(out, row->res.tpot_p99_ms);
    aglm_text_number_cell(out, row->res.decode_gbps);
    aglm_text_raw(out, "<td class=\"n\">");
    aglm_text_bytes(out, row->res.peak_rss_bytes);
    aglm_text_raw(out, "</td><td>");
    aglm_text_time(out, r->started_ms);
    aglm_text_raw(out, "</td></tr>");
}

static void put_model_row(struct aglm_text *out, const struct aglm_row *row, size_t columns)
{
    const struct aglm_record *r = &row->rec;
    aglm_text_fmt(out, "<tr class=\"group\"><th colspan=\"%zu\" scope=\"rowgroup\"><span>%s",
                  columns, r->model_name[0] ? r->model_name : "unnamed model");
    aglm_text_fmt(out, " <span class=\"tag\">%s</span>", r->quantization);
    aglm_text_raw(out, " <span class=\"muted\">");
    aglm_text_bytes(out, (double)r->model_size);
    aglm_text_raw(out, ", ");
    aglm_text_number(out, r->model_n_params ? (double)r->model_n_params / 1e9 : NAN);
    aglm_text_fmt(out, "&#160;B parameters%s",
                  aglm_row_requantized(row) ? ", quantized on load from another type" : "");
    if (r->pack_ns > 0) {
        aglm_text_raw(out, ", repacked for the kernels on load in ");
        aglm_text_number(out, r->pack_ns / 1e9);
        aglm_text_raw(out, "&#160;s");
    }
    aglm_text_raw(out, "</span></span></th></tr>");
}

/* Why it is not known of some what others did meanwhile: the first reason, which nearly always is
 * the only one. */
static void put_unknown(struct aglm_text *out, const struct aglm_dataset *set)
{
    for (size_t k = 0; k < set->n_configs; k++) {
        const struct aglm_row *row = &set->rows[set->newest[k]];
        if (row->rec.valid && row->others_unknown) {
            aglm_text_fmt(out,
                          "<p class=\"hint\">Others unknown: how much of the processor other "
                          "programs used meanwhile: %s.</p>",
                          row->others_unknown);
            return;
        }
    }
}

void aglm_sections_results(struct aglm_text *out, const struct aglm_dataset *set)
{
    struct columns c = varying(set);
    aglm_text_raw(
        out, "<section id=\"results\"><h2>Results</h2><p class=\"sub\">The newest test of each "
             "configuration on this device. Speeds count all tokens of a repetition over its whole "
             "time.</p>"
             "<div class=\"scroll\" tabindex=\"0\">");
    size_t columns = put_head(out, &c);
    const struct aglm_row *last = NULL;
    for (size_t k = 0; k < set->n_configs; k++) {
        const struct aglm_row *row = &set->rows[set->newest[k]];
        if (!last || !aglm_row_same_model(last, row)) {
            aglm_text_raw(out, last ? "</tbody><tbody>" : "<tbody>");
            put_model_row(out, row, columns);
        }
        put_row(out, &c, row);
        last = row;
    }
    aglm_text_raw(out, "</tbody></table></div>");
    put_unknown(out, set);
    aglm_text_raw(out, "</section>");
}

/* ---- thresholds ------------------------------------------------------------------------------ */

static void put_limit(struct aglm_text *out, const struct aglm_threshold *t, double limit,
                      bool good)
{
    bool below = (t->kind == AGLM_THRESHOLD_BELOW) == good;
    aglm_text_raw(out, good ? "<td data-label=\"Good\">" : "<td data-label=\"Alert\">");
    if (!t->unit[0])
        aglm_text_raw(out, good ? "present</td>" : "absent</td>");
    else
        aglm_text_fmt(out, "%s%g %s</td>",
                      good ? (below ? "up to " : "from ") : (below ? "under " : "over "), limit,
                      t->unit);
}

/* The figure is the tests' where they give one, else the profile's. Unknown has the probe's reason.
 */
static void put_measured(struct aglm_text *out, const struct aglm_dataset *set,
                         const struct aglm_threshold *t)
{
    struct aglm_judgement j;
    const double tested = aglm_dataset_metric(set, t->metric);
    aglm_device_judge(&j, set->device, t);
    const double value = isnan(tested) ? j.value : tested;
    const bool reason = isnan(value) && j.fact && j.fact->kind == AGLM_FACT_UNKNOWN;
    aglm_text_raw(out, "<td class=\"n\" data-label=\"Here\"><div>");
    if (isnan(value) || t->unit[0])
        aglm_text_number(out, value);
    else
        aglm_text_raw(out, value > 0 ? "present" : "absent");
    if (!isnan(value) && t->unit[0])
        aglm_text_fmt(out, " %s", t->unit);
    aglm_text_raw(out, "</div></td><td data-label=\"Status\"><div>");
    aglm_summary_pill(out, aglm_threshold_judge(t, value),
                      !isnan(value) ? NULL
                      : reason      ? "unknown"
                                    : "not measured");
    if (reason)
        aglm_text_fmt(out, "<span class=\"why\">%s</span>", j.fact->text);
    aglm_text_raw(out, "</div></td>");
}

void aglm_sections_references(struct aglm_text *out, const struct aglm_thresholds *thresholds)
{
    aglm_text_raw(out,
                  "<details><summary>Published and typical figures, for comparison</summary><div "
                  "class=\"scroll\" tabindex=\"0\"><table><caption class=\"unseen\">Published "
                  "figures</caption>"
                  "<thead><tr><th scope=\"col\">What</th><th "
                  "scope=\"col\">Model</th><th scope=\"col\" class=\"n\">Figure</th><th "
                  "scope=\"col\">Metric</th><th scope=\"col\">Source</th></tr></thead><tbody>");
    for (size_t i = 0; i < aglm_thresholds_count(thresholds); i++) {
        const struct aglm_threshold *t = aglm_thresholds_at(thresholds, i);
        if (t->kind != AGLM_THRESHOLD_REFERENCE)
            continue;
        const char *metric = !strcmp(t->metric, "decode_ts")               ? "decode"
                             : !strcmp(t->metric, "prefill_ts")            ? "prefill"
                             : !strcmp(t->metric, "ttft_ms")               ? "time to first token"
                             : !strcmp(t->metric, "accuracy_kept_percent") ? "accuracy kept"
                                                                           : "latency";
        aglm_text_fmt(
            out, "<tr><th scope=\"row\">%s</th><td>%s</td><td class=\"n\">%g %s</td><td>%s</td>",
            t->label, t->model, t->good, t->unit, metric);
        aglm_text_fmt(out, "<td class=\"muted\">%s</td></tr>", t->source);
    }
    aglm_text_raw(out, "</tbody></table></div></details>");
}

void aglm_sections_thresholds(struct aglm_text *out, const struct aglm_dataset *set,
                              const struct aglm_thresholds *thresholds)
{
    aglm_text_raw(
        out,
        "<section id=\"thresholds\"><h2>Thresholds</h2><p class=\"sub\">What was measured, by "
        "tests "
        "and by the profile, against what counts as good. The limits come from "
        "<code>devices/thresholds.ini</code>; name a file of "
        "your own in <code>AGLM_THRESHOLDS</code>.</p><div class=\"scroll\" tabindex=\"0\"><table "
        "class=\"thresholds stacked\"><caption class=\"unseen\">Figures against "
        "thresholds</caption><thead><tr><th scope=\"col\">What</th><th scope=\"col\" "
        "class=\"n\">Here</th><th scope=\"col\">Status</th><th scope=\"col\">Good</th><th "
        "scope=\"col\">Alert</th><th scope=\"col\">Source</th></tr></thead><tbody>");
    for (size_t i = 0; i < aglm_thresholds_count(thresholds); i++) {
        const struct aglm_threshold *t = aglm_thresholds_at(thresholds, i);
        if (t->kind == AGLM_THRESHOLD_REFERENCE)
            continue;
        aglm_text_fmt(out, "<tr><th scope=\"row\">%s</th>", t->label);
        put_measured(out, set, t);
        put_limit(out, t, t->good, true);
        put_limit(out, t, t->alert, false);
        aglm_text_fmt(out, "<td class=\"muted\" data-label=\"Source\">%s</td></tr>", t->source);
    }
    aglm_text_raw(out, "</tbody></table></div>");
    aglm_text_raw(out, "</section>");
}
