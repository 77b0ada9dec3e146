/* The top of the page; see summary.h. */
#include "reports/summary.h"

#include "bench/tally.h"

#include <math.h>
#include <string.h>

void aglm_summary_pill(struct aglm_text *out, enum aglm_status status, const char *word)
{
    static const char *const shapes[] = {
        "<circle cx=\"8\" cy=\"8\" r=\"6\" fill=\"none\" stroke=\"currentColor\" "
        "stroke-width=\"2\"/>",
        "<circle cx=\"8\" cy=\"8\" r=\"7.5\" fill=\"currentColor\"/>"
        "<path d=\"M4.5 8.3l2.4 2.4 4.6-5\" class=\"cut\"/>",
        "<path d=\"M8 1l7.5 13.5h-15z\" fill=\"currentColor\"/><path d=\"M8 6v4M8 12v.5\" "
        "class=\"cut\"/>",
        "<path d=\"M5 .5h6l4.5 4.5v6l-4.5 4.5h-6l-4.5-4.5v-6z\" fill=\"currentColor\"/>"
        "<path d=\"M5.3 5.3l5.4 5.4M10.7 5.3l-5.4 5.4\" class=\"cut\"/>"};
    aglm_text_fmt(out, "<span class=\"pill %s\"><svg viewBox=\"0 0 16 16\" aria-hidden=\"true\">",
                  aglm_status_word(status));
    aglm_text_raw(out, shapes[status]);
    aglm_text_fmt(out, "</svg>%s</span>", word ? word : aglm_status_word(status));
}

/* "450 ms" or "5.0 s". */
static void put_wait(struct aglm_text *out, double ms)
{
    aglm_text_number(out, ms >= 1000 ? ms / 1000 : ms);
    aglm_text_raw(out, ms >= 1000 ? "&#160;s" : "&#160;ms");
}

static void put_limits(struct aglm_text *out, const struct aglm_threshold *t)
{
    if (!t)
        return;
    aglm_text_fmt(out, " (good up to %g %s, alert over %g %s)", t->good, t->unit, t->alert,
                  t->unit);
}

static const char *model_name(const struct aglm_row *row)
{
    return row->rec.model_name[0] ? row->rec.model_name : "A model without a name";
}

static void put_sentence(struct aglm_text *out, const struct aglm_row *prefill,
                         const struct aglm_row *decode)
{
    const struct aglm_row *row = decode ? decode : prefill;
    struct aglm_point p;
    aglm_text_fmt(out, "<p class=\"lead\"><strong>%s</strong>", model_name(row));
    if (row->rec.quantization[0])
        aglm_text_fmt(out, " in %s", row->rec.quantization);
    if (prefill) {
        aglm_row_speed(prefill, AGLM_PHASE_PREFILL, &p);
        aglm_text_raw(out, " reads a prompt at <strong>");
        aglm_text_number(out, p.y);
        aglm_text_raw(out, " tokens/s</strong>");
    }
    if (decode) {
        aglm_row_speed(decode, AGLM_PHASE_DECODE, &p);
        aglm_text_fmt(out, "%s writes its answer at <strong>", prefill ? " and" : "");
        aglm_text_number(out, p.y);
        aglm_text_raw(out, " tokens/s</strong>");
    }
    aglm_text_fmt(out, ", with %u thread%s", row->rec.n_threads,
                  row->rec.n_threads == 1 ? "" : "s");
    if (prefill && decode && prefill->rec.n_threads != decode->rec.n_threads)
        aglm_text_fmt(out, " (reading: %u)", prefill->rec.n_threads);
    aglm_text_raw(out, ".</p>");
}

static enum aglm_status worse(enum aglm_status a, enum aglm_status b)
{
    return a > b ? a : b;
}

static enum aglm_status judge(enum aglm_status ttft, enum aglm_status tpot)
{
    bool both = ttft != AGLM_STATUS_UNKNOWN && tpot != AGLM_STATUS_UNKNOWN;
    enum aglm_status all = worse(ttft, tpot);
    /* half of an answer may condemn, but not praise */
    return !both && all != AGLM_STATUS_ALERT ? AGLM_STATUS_UNKNOWN : all;
}

static const char *const words[] = {"Cannot be judged yet", "Smooth",
                                    "Usable, with waits that people notice", "Not smooth"};

/* Whether the quantization still answers; not part of the verdict on waiting. */
static void put_answers(struct aglm_text *out, const struct aglm_thresholds *thresholds,
                        const struct aglm_row *row)
{
    const struct aglm_accuracy_part sum =
        row ? aglm_accuracy_sum(&row->rec.accuracy, NULL, NULL) : (struct aglm_accuracy_part){0};
    const double kept = aglm_accuracy_kept(&sum);
    if (isnan(kept))
        return;
    aglm_text_raw(out, "<li>");
    aglm_summary_pill(
        out, aglm_threshold_judge(aglm_thresholds_find(thresholds, "accuracy_kept"), kept), NULL);
    aglm_text_fmt(
        out,
        "<span>In %s a small model keeps <strong>%.1f%%</strong> of the right answers that "
        "it gives in F32: <a href=\"#accuracy\">accuracy</a>.</span></li>",
        row->rec.quantization, kept);
}

/* Smooth or not, and why. */
static void put_verdict(struct aglm_text *out, const struct aglm_thresholds *thresholds,
                        const struct aglm_row *prefill, const struct aglm_row *decode)
{
    const struct aglm_threshold *ttft = aglm_thresholds_find(thresholds, "ttft");
    const struct aglm_threshold *tpot = aglm_thresholds_find(thresholds, "tpot");
    double first = prefill ? prefill->res.ttft_ms : NAN;
    double further = decode ? decode->res.tpot_ms : NAN;
    enum aglm_status a = aglm_threshold_judge(ttft, first), b = aglm_threshold_judge(tpot, further);
    enum aglm_status all = judge(a, b);
    aglm_text_raw(out, "<div class=\"verdict\">");
    aglm_summary_pill(out, all, words[all]);
    aglm_text_raw(out, "<ul>");
    if (!isnan(first)) {
        aglm_text_raw(out, "<li>");
        aglm_summary_pill(out, a, NULL);
        aglm_text_fmt(out, "<span>The answer to a prompt of %u tokens begins after <strong>",
                      prefill->rec.n_prompt);
        put_wait(out, first);
        aglm_text_raw(out, "</strong>");
        put_limits(out, ttft);
        aglm_text_raw(out, ".</span></li>");
    }
    if (!isnan(further)) {
        aglm_text_raw(out, "<li>");
        aglm_summary_pill(out, b, NULL);
        aglm_text_raw(out, "<span>Then a token comes every <strong>");
        put_wait(out, further);
        aglm_text_raw(out, "</strong>");
        put_limits(out, tpot);
        aglm_text_raw(out, ".</span></li>");
    }
    put_answers(out, thresholds, decode);
    aglm_text_raw(out, "</ul></div>");
}

static void open_card(struct aglm_text *out, const char *label)
{
    aglm_text_fmt(out, "<div class=\"card\"><div class=\"label\">%s</div><div class=\"big\">",
                  label);
}

static void close_card(struct aglm_text *out, const char *unit)
{
    aglm_text_fmt(out, " <span class=\"unit\">%s</span></div><div class=\"small\">", unit);
}

static void speed_card(struct aglm_text *out, const char *label, const struct aglm_row *row,
                       enum aglm_phase phase)
{
    struct aglm_point p;
    if (!row)
        return;
    aglm_row_speed(row, phase, &p);
    open_card(out, label);
    aglm_text_number(out, p.y);
    close_card(out, "tokens/s");
    aglm_text_fmt(out, "%s, %u thread%s", row->rec.test, row->rec.n_threads,
                  row->rec.n_threads == 1 ? "" : "s");
    if (!isnan(p.low)) {
        aglm_text_raw(out, "<br>");
        aglm_text_raw(out, row->res.ci_is_range ? "range " : "95% interval ");
        aglm_text_number(out, p.low);
        aglm_text_raw(out, " to ");
        aglm_text_number(out, p.high);
    }
    aglm_text_raw(out, "</div></div>");
}

static void put_cards(struct aglm_text *out, const struct aglm_row *prefill,
                      const struct aglm_row *decode)
{
    aglm_text_raw(out, "<div class=\"cards\">");
    speed_card(out, "Prefill (reading)", prefill, AGLM_PHASE_PREFILL);
    speed_card(out, "Decode (writing)", decode, AGLM_PHASE_DECODE);
    if (decode && !isnan(decode->res.decode_gbps)) {
        open_card(out, "Weights read");
        aglm_text_number(out, decode->res.decode_gbps);
        close_card(out, "GB/s");
        if (decode->res.decode_roof_percent > 0) {
            aglm_text_raw(out, "while decoding; with the KV cache ");
            aglm_text_number(out, decode->res.decode_roof_percent);
            aglm_text_raw(out, "% of what this device reads at most</div></div>");
        } else {
            aglm_text_raw(out, "while decoding; memory bandwidth is the limit</div></div>");
        }
    }
    if (decode && decode->res.peak_rss_bytes > 0) {
        open_card(out, "Peak memory");
        aglm_text_number(out, decode->res.peak_rss_bytes / 1e9);
        close_card(out, "GB");
        aglm_text_raw(out, "of the process, weights included</div></div>");
    }
    aglm_text_raw(out, "</div>");
}

void aglm_summary_write(struct aglm_text *out, const struct aglm_dataset *set,
                        const struct aglm_thresholds *thresholds)
{
    const struct aglm_row *prefill = aglm_dataset_headline(set, AGLM_PHASE_PREFILL);
    const struct aglm_row *decode = aglm_dataset_headline(set, AGLM_PHASE_DECODE);
    const struct aglm_row *row = decode ? decode : prefill;
    aglm_text_raw(out, "<section class=\"summary\" id=\"summary\"><h2>In short</h2>");
    if (!row) {
        aglm_text_raw(out,
                      "<p class=\"lead\">No test of this device has a sample yet.</p></section>");
        return;
    }
    put_sentence(out, prefill, decode);
    if (!row->rec.valid)
        aglm_text_fmt(out,
                      "<p class=\"warn\">No valid test of this model yet: these figures come from "
                      "tests marked "
                      "invalid (%s). Fix the cause and run again before you rely on them.</p>",
                      row->rec.reasons);
    if (strcmp(row->rec.backend, "null") == 0)
        aglm_text_raw(out, "<p class=\"warn\">Measured with the null backend, which computes "
                           "nothing: these figures "
                           "are about the tool itself.</p>");
    else
        put_verdict(out, thresholds, prefill, decode);
    put_cards(out, prefill, decode);
    aglm_text_raw(out, "</section>");
}

void aglm_summary_verdict(struct aglm_text *out, const struct aglm_dataset *set,
                          const struct aglm_thresholds *thresholds)
{
    const struct aglm_row *prefill = aglm_dataset_headline(set, AGLM_PHASE_PREFILL);
    const struct aglm_row *decode = aglm_dataset_headline(set, AGLM_PHASE_DECODE);
    const struct aglm_row *row = decode ? decode : prefill;
    if (!row || strcmp(row->rec.backend, "null") == 0) {
        aglm_summary_pill(out, AGLM_STATUS_UNKNOWN, row ? "tool only" : "no tests yet");
        return;
    }
    const enum aglm_status all =
        judge(aglm_threshold_judge(aglm_thresholds_find(thresholds, "ttft"),
                                   prefill ? prefill->res.ttft_ms : NAN),
              aglm_threshold_judge(aglm_thresholds_find(thresholds, "tpot"),
                                   decode ? decode->res.tpot_ms : NAN));
    aglm_summary_pill(out, all, words[all]);
}
