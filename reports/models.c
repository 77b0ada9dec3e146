/* What to run on the device: every preset with every quantization, whether it fits and how fast it
 * will be, predicted from the limits (bench/advice.h); see sections.h.
 */
#include "reports/sections.h"

#include <math.h>
#include <string.h>

#define MAIN_TYPE "q4_0"

static void put_main_row(struct aglm_text *out, const struct aglm_limits *limits,
                         const struct aglm_preset *preset)
{
    struct aglm_advice a;
    aglm_advice_give(&a, &limits->advice, preset, aglm_quantize_mode_find(MAIN_TYPE));
    aglm_text_fmt(out, "<tr><th scope=\"row\">%s</th><td class=\"n\">", preset->name);
    aglm_text_bytes(out, a.need_bytes);
    aglm_text_fmt(out, "</td><td>%s</td>", aglm_advice_fit_word(a.fit));
    aglm_text_number_cell(out, a.prefill_ts);
    aglm_text_number_cell(out, a.decode_ts);
    if (a.prefill_threads)
        aglm_text_fmt(out, "<td class=\"n\">%u / %u</td>", a.prefill_threads, a.decode_threads);
    else
        aglm_text_number_cell(out, NAN);
    aglm_text_number_cell(out, a.step_ttft_s);
    aglm_text_number_cell(out, a.step_s);
    aglm_text_raw(out, "</tr>");
}

static void put_main(struct aglm_text *out, const struct aglm_limits *limits)
{
    aglm_text_raw(out,
                  "<div class=\"scroll\" tabindex=\"0\"><table class=\"models\"><caption "
                  "class=\"unseen\">Models in " MAIN_TYPE
                  ", predicted</caption><thead><tr><th scope=\"col\">Model, in " MAIN_TYPE "</th>"
                  "<th scope=\"col\" class=\"n\">Memory needed</th><th scope=\"col\">Fits</th>"
                  "<th scope=\"col\" class=\"n\">Reads, tokens/s</th>"
                  "<th scope=\"col\" class=\"n\">Writes, tokens/s</th>"
                  "<th scope=\"col\" class=\"n\">Threads, reading / writing</th>"
                  "<th scope=\"col\" class=\"n\">Agent step: first token, s</th>"
                  "<th scope=\"col\" class=\"n\">whole step, s</th></tr></thead><tbody>");
    for (size_t i = 0; i < aglm_preset_count(); i++)
        put_main_row(out, limits, aglm_preset_at(i));
    aglm_text_raw(out, "</tbody></table></div>");
}

/* One cell of the matrix: how fast, and whether it fits where that is in doubt. */
static void put_cell(struct aglm_text *out, const struct aglm_advice *a)
{
    const double speed = a->decode_ts;
    aglm_text_raw(out, "<td class=\"n\">");
    if (a->fit == AGLM_FIT_NO) {
        aglm_text_raw(out, "<span class=\"muted\">no</span></td>");
        return;
    }
    if (isnan(speed) && a->fit != AGLM_FIT_UNKNOWN)
        aglm_text_raw(out, a->fit == AGLM_FIT_TIGHT ? "tight" : "fits");
    else
        aglm_text_number(out, speed);
    if (!isnan(speed) && a->fit == AGLM_FIT_TIGHT)
        aglm_text_raw(out, " <span class=\"tag\">tight</span>");
    aglm_text_raw(out, "</td>");
}

/* Reading is bound by arithmetic, which is of two kinds: two columns say it all. */
static void put_matrix(struct aglm_text *out, const struct aglm_limits *limits)
{
    static const char *const kinds[] = {MAIN_TYPE, "f16"};
    struct aglm_advice a;
    aglm_text_raw(out, "<details><summary>Every quantization</summary><div class=\"scroll\" "
                       "tabindex=\"0\"><table class=\"matrix\"><caption class=\"unseen\">Tokens a "
                       "second by model and quantization</caption><thead><tr><th scope=\"col\">"
                       "Tokens/s</th><th scope=\"col\" class=\"n\">reads, quantized</th>"
                       "<th scope=\"col\" class=\"n\">reads, floats</th>");
    for (size_t k = 0; k < aglm_quantize_mode_count(); k++)
        aglm_text_fmt(out, "<th scope=\"col\" class=\"n\">writes %s</th>",
                      aglm_quantize_mode_at(k)->name);
    aglm_text_raw(out, "</tr></thead><tbody>");
    for (size_t i = 0; i < aglm_preset_count(); i++) {
        aglm_text_fmt(out, "<tr><th scope=\"row\">%s</th>", aglm_preset_at(i)->name);
        for (size_t k = 0; k < 2; k++) {
            aglm_advice_give(&a, &limits->advice, aglm_preset_at(i),
                             aglm_quantize_mode_find(kinds[k]));
            aglm_text_number_cell(out, a.prefill_ts);
        }
        for (size_t k = 0; k < aglm_quantize_mode_count(); k++) {
            aglm_advice_give(&a, &limits->advice, aglm_preset_at(i), aglm_quantize_mode_at(k));
            put_cell(out, &a);
        }
        aglm_text_raw(out, "</tr>");
    }
    aglm_text_raw(out, "</tbody></table></div></details>");
}

void aglm_sections_models(struct aglm_text *out, const struct aglm_dataset *set,
                          const struct aglm_limits *limits)
{
    if (!set->device->profile && !set->device->measured)
        return;
    aglm_text_raw(out, "<section id=\"models\"><h2>What to run</h2><p class=\"sub\">Predicted, not "
                       "measured: from the shapes of published models, this device&#8217;s limits, "
                       "and the memory that was free when it was last looked at (");
    aglm_text_bytes(out, limits->advice.memory_bytes);
    aglm_text_fmt(
        out,
        "). &#8220;tight&#8221; is over 80%% of that. A phone agent&#8217;s step reads %d "
        "tokens and writes %d.</p>",
        AGLM_ADVICE_STEP_PROMPT, AGLM_ADVICE_STEP_GEN);
    put_main(out, limits);
    put_matrix(out, limits);
    aglm_text_raw(out, "</section>");
}
