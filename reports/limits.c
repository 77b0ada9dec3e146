/* Gathers limits and shows them; see limits.h and sections.h. */
#include "reports/limits.h"

#include "reports/sections.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- gathering ------------------------------------------------------------------------------- */

static double fact_number(const struct aglm_profile *profile, const char *key)
{
    const struct aglm_fact *f = aglm_profile_find(profile, key);
    return f && f->kind == AGLM_FACT_NUMBER ? f->number : NAN;
}

/* The lowest window is the fact beside the best one, its key and ".low". */
static struct aglm_roof_range range(const struct aglm_profile *profile, const char *kind,
                                    unsigned threads, double best)
{
    char key[96];
    snprintf(key, sizeof(key), "roof.%s.t%u.low", kind, threads);
    return (struct aglm_roof_range){best, NAN, fact_number(profile, key)};
}

static void from_profile(struct aglm_limits *out, const struct aglm_profile *profile)
{
    char int8[40], f32[40];
    aglm_advice_device_read(&out->advice, profile);
    snprintf(out->isa, sizeof(out->isa), "%s", out->advice.isa);
    snprintf(int8, sizeof(int8), "int8.%s", out->isa);
    snprintf(f32, sizeof(f32), "f32.%s", out->isa);
    out->n = out->advice.n_roofs;
    for (size_t i = 0; i < out->n; i++) {
        const struct aglm_advice_roof *roof = &out->advice.roof[i];
        out->line[i] = (struct aglm_limit){roof->threads,
                                           range(profile, "read", roof->threads, roof->read_per_s),
                                           range(profile, int8, roof->threads, roof->int8_per_s),
                                           range(profile, f32, roof->threads, roof->f32_per_s)};
    }
}

static void add_limit(struct aglm_limits *out, const struct aglm_record *r)
{
    size_t at = 0;
    while (at < out->n && out->line[at].threads < r->n_threads)
        at++;
    if (at < out->n && out->line[at].threads == r->n_threads) /* a newer test's */
        return;
    if (out->n == AGLM_ADVICE_MAX_COUNTS)
        return;
    memmove(&out->line[at + 1], &out->line[at], (out->n - at) * sizeof(out->line[0]));
    out->n++;
    out->line[at] = (struct aglm_limit){r->n_threads, r->roof_read, r->roof_int8, r->roof_f32};
}

static void from_runs(struct aglm_limits *out, const struct aglm_dataset *set)
{
    for (size_t i = set->n_rows; i-- > 0;) {
        const struct aglm_record *r = &set->rows[i].rec;
        const bool masked = r->cpu_mask[0] && strcmp(r->cpu_mask, "0x0") != 0;
        if (isnan(r->roof_read.best) || r->n_threads == 0 || masked ||
            (out->n && strcmp(out->isa, r->isa) != 0))
            continue;
        if (out->n == 0) {
            snprintf(out->isa, sizeof(out->isa), "%s", r->isa);
            out->when_ms = r->started_ms;
            out->from_runs = true;
        }
        add_limit(out, r);
    }
    if (out->n == 0 || out->line[0].threads != 1)
        return;
    snprintf(out->advice.isa, sizeof(out->advice.isa), "%s", out->isa);
    for (size_t i = 0; i < out->n; i++) {
        const struct aglm_limit *l = &out->line[i];
        aglm_advice_device_set(&out->advice, &(struct aglm_advice_roof){l->threads, l->read.best,
                                                                        l->int8.best, l->f32.best});
    }
}

void aglm_limits_read(struct aglm_limits *out, const struct aglm_dataset *set)
{
    const struct aglm_device *d = set->device;
    struct aglm_advice_device now = {.memory_bytes = NAN};
    if (d->profile)
        aglm_advice_device_read(&now, d->profile);
    *out = (struct aglm_limits){.advice = {.memory_bytes = NAN}};
    if (d->measured) {
        out->when_ms = d->measured_ms;
        from_profile(out, d->measured);
    } else {
        from_runs(out, set);
    }
    if (d->profile) /* memory is as the device was seen last */
        out->advice.memory_bytes = now.memory_bytes;
}

/* ---- showing --------------------------------------------------------------------------------- */

static void put_range(struct aglm_text *out, const struct aglm_roof_range *r)
{
    aglm_text_raw(out, "<td class=\"n\"><strong>");
    aglm_text_number(out, r->best / 1e9);
    aglm_text_raw(out, "</strong>");
    if (!isnan(r->best) && !isnan(r->low)) {
        aglm_text_raw(out, " <span class=\"muted\">[");
        aglm_text_number(out, r->low / 1e9);
        aglm_text_raw(out, ", ");
        aglm_text_number(out, r->best / 1e9);
        aglm_text_raw(out, "]</span>");
    }
    aglm_text_raw(out, "</td>");
}

static void put_threads(struct aglm_text *out, const struct aglm_limits *limits)
{
    aglm_text_raw(out, "<div class=\"scroll\" tabindex=\"0\"><table class=\"limits\">"
                       "<caption class=\"unseen\">Limits "
                       "by threads</caption><thead><tr>"
                       "<th scope=\"col\" class=\"n\">Threads</th>"
                       "<th scope=\"col\" class=\"n\">Reading memory, GB/s</th>"
                       "<th scope=\"col\" class=\"n\">8-bit integers, Gop/s</th>"
                       "<th scope=\"col\" class=\"n\">32-bit floats, GFLOP/s</th></tr></thead>"
                       "<tbody>");
    for (size_t i = 0; i < limits->n; i++) {
        const struct aglm_limit *l = &limits->line[i];
        aglm_text_fmt(out, "<tr><th scope=\"row\" class=\"n\">%u</th>", l->threads);
        put_range(out, &l->read);
        put_range(out, &l->int8);
        put_range(out, &l->f32);
        aglm_text_raw(out, "</tr>");
    }
    aglm_text_raw(out, "</tbody></table></div>");
}

/* "Latency within 16 KiB" is shown as "within 16 KiB", and only the times. */
static void put_latency(struct aglm_text *out, const struct aglm_device *d)
{
    bool any = false;
    for (size_t i = 0; d->measured && i < aglm_profile_count(d->measured); i++) {
        const struct aglm_fact *f = aglm_profile_at(d->measured, i);
        if (f->kind != AGLM_FACT_NUMBER || strncmp(f->key, "latency.", 8) != 0 ||
            strcmp(f->unit, "ns") != 0)
            continue;
        if (!any)
            aglm_text_raw(out, "<h3>Memory latency, by working set</h3><dl class=\"strip\">");
        any = true;
        aglm_text_fmt(out, "<div><dt>%s</dt><dd>",
                      strncmp(f->label, "Latency ", 8) == 0 ? f->label + 8 : f->label);
        aglm_text_quantity(out, f->number, f->unit);
        aglm_text_raw(out, "</dd></div>");
    }
    aglm_text_raw(out, any ? "</dl>" : "");
}

static void put_storage(struct aglm_text *out, const struct aglm_device *d)
{
    static const char *const keys[] = {"storage.read", "storage.write", "storage.random_read",
                                       "storage.random_read_median", "network.connect"};
    bool any = false;
    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
        const struct aglm_fact *f = aglm_device_fact(d, keys[i]);
        if (!f || f->kind != AGLM_FACT_NUMBER)
            continue;
        if (!any)
            aglm_text_raw(out, "<h3>Storage and network</h3><dl class=\"strip\">");
        any = true;
        aglm_text_fmt(out, "<div><dt>%s</dt><dd>", f->label);
        aglm_text_quantity(out, f->number, f->unit);
        aglm_text_raw(out, "</dd></div>");
    }
    aglm_text_raw(out, any ? "</dl>" : "");
}

void aglm_sections_limits(struct aglm_text *out, const struct aglm_dataset *set,
                          const struct aglm_limits *limits)
{
    aglm_text_raw(out, "<section id=\"limits\"><h2>Limits</h2>");
    if (limits->n == 0) {
        aglm_text_raw(out, "<p class=\"hint\">What this device reads and computes at most was not "
                           "measured. On the device: <code>aglm-bench --device-profile --db "
                           "FILE</code></p></section>");
        return;
    }
    aglm_text_raw(out, "<p class=\"sub\">What this device does at most, measured ");
    aglm_text_raw(out, limits->from_runs ? "beside its tests, last " : "by itself ");
    aglm_text_time(out, limits->when_ms);
    aglm_text_fmt(out,
                  " UTC: the best window, and in brackets the range of all. Arithmetic with the "
                  "instruction set that the engine uses here, %s.</p>",
                  limits->isa[0] ? limits->isa : "unknown");
    put_threads(out, limits);
    put_latency(out, set->device);
    put_storage(out, set->device);
    aglm_text_raw(out, "</section>");
}
