/* The page on the device and on how to get the same figures again; see sections.h. Facts come from
 * the device's newest profile, and what that did not measure from the newest one that did; a
 * profile that cannot be read is said to be unreadable.
 */
#include "reports/sections.h"

#include "reports/summary.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define SEPARATOR " &#183; "

/* ---- facts ----------------------------------------------------------------------------------- */

static const struct {
    const char *prefix, *title;
} groups[] = {
    {"device.", "Device"},   {"os.", "System"},         {"virt.", "Virtualization"},
    {"cpu.", "Processor"},   {"topology.", "Topology"}, {"memory.", "Memory"},
    {"load.", "Load"},       {"thermal.", "Heat"},      {"power.", "Power"},
    {"gpu.", "Graphics"},    {"roof.", "Limits"},       {"latency.", "Memory latency"},
    {"storage.", "Storage"}, {"network.", "Network"},   {"probe.", "Probes given up"},
    {"", "Other"},
};
enum { N_GROUPS = sizeof(groups) / sizeof(*groups) };

static size_t group_of(const char *key)
{
    size_t g = 0;
    while (strncmp(key, groups[g].prefix, strlen(groups[g].prefix)) != 0)
        g++;
    return g;
}

/* All thresholds' judgements: which of them is about a fact is asked for each fact. */
struct judged {
    struct aglm_judgement v[256]; /* as many as a file of thresholds may hold */
    size_t n;
};

static void judge_all(struct judged *out, const struct aglm_device *device,
                      const struct aglm_thresholds *thresholds)
{
    out->n = 0;
    for (size_t i = 0; i < aglm_thresholds_count(thresholds) && out->n < 256; i++) {
        const struct aglm_threshold *t = aglm_thresholds_at(thresholds, i);
        if (t->fact[0] && t->kind != AGLM_THRESHOLD_REFERENCE)
            aglm_device_judge(&out->v[out->n++], device, t);
    }
}

static void put_fact(struct aglm_text *out, const struct aglm_fact *fact,
                     const struct judged *judged)
{
    aglm_text_fmt(out, "<tr><th scope=\"row\">%s</th><td>", fact->label);
    if (fact->kind == AGLM_FACT_NUMBER)
        aglm_text_quantity(out, fact->number, fact->unit);
    else if (fact->kind == AGLM_FACT_TEXT)
        aglm_text_fmt(out, "%s", fact->text);
    else
        aglm_text_fmt(out, "<span class=\"muted\">unknown: %s</span>", fact->text);
    for (size_t i = 0; i < judged->n; i++) {
        if (judged->v[i].fact == fact) {
            aglm_text_raw(out, " ");
            aglm_summary_pill(out, judged->v[i].status, NULL);
        }
    }
    aglm_text_fmt(out, "</td><td class=\"muted\">%s</td></tr>", fact->source);
}

/* What stands in a group's line when it is closed: how much it holds, and verdicts. */
static void put_group_summary(struct aglm_text *out, size_t group, size_t n, size_t n_unknown,
                              const struct judged *judged)
{
    aglm_text_fmt(out, "<summary>%s <span class=\"muted\">%zu fact%s", groups[group].title, n,
                  n == 1 ? "" : "s");
    if (n_unknown)
        aglm_text_fmt(out, ", %zu unknown", n_unknown);
    aglm_text_raw(out, "</span>");
    for (size_t i = 0; i < judged->n; i++) {
        const struct aglm_judgement *j = &judged->v[i];
        if (j->fact && group_of(j->fact->key) == group && j->status != AGLM_STATUS_UNKNOWN) {
            aglm_text_raw(out, " ");
            aglm_summary_pill(out, j->status, NULL);
        }
    }
    aglm_text_raw(out, "</summary>");
}

/* Calls put for each fact of the group: of the newest profile, then those that only the measured
 * one has. out NULL: counts only. */
static size_t each_fact(struct aglm_text *out, const struct aglm_device *d, size_t group,
                        const struct judged *judged, size_t *n_unknown)
{
    const struct aglm_profile *const profiles[] = {d->profile, d->measured};
    size_t n = 0;
    for (size_t p = 0; p < 2; p++) {
        for (size_t i = 0; profiles[p] && i < aglm_profile_count(profiles[p]); i++) {
            const struct aglm_fact *fact = aglm_profile_at(profiles[p], i);
            if (group_of(fact->key) != group ||
                (p == 1 && d->profile && aglm_profile_find(d->profile, fact->key)))
                continue;
            fact = aglm_device_fact(d, fact->key);
            n++;
            *n_unknown += fact->kind == AGLM_FACT_UNKNOWN;
            if (out)
                put_fact(out, fact, judged);
        }
    }
    return n;
}

static void put_facts(struct aglm_text *out, const struct aglm_device *device,
                      const struct aglm_thresholds *thresholds)
{
    struct judged judged;
    judge_all(&judged, device, thresholds);
    aglm_text_raw(out, "<h3>All facts, by probe</h3>");
    for (size_t g = 0; g < N_GROUPS; g++) {
        size_t n_unknown = 0, ignored = 0;
        const size_t n = each_fact(NULL, device, g, &judged, &n_unknown);
        if (n == 0)
            continue;
        aglm_text_raw(out, "<details class=\"group-of-facts\">");
        put_group_summary(out, g, n, n_unknown, &judged);
        aglm_text_fmt(out,
                      "<div class=\"scroll\" tabindex=\"0\"><table class=\"facts\">"
                      "<caption class=\"unseen\">%s: facts, values, sources</caption><thead><tr>"
                      "<th scope=\"col\">Fact</th><th scope=\"col\">Value</th>"
                      "<th scope=\"col\">Source</th></tr></thead><tbody>",
                      groups[g].title);
        each_fact(out, device, g, &judged, &ignored);
        aglm_text_raw(out, "</tbody></table></div></details>");
    }
}

static void put_pair(struct aglm_text *out, const char *label, const char *text)
{
    if (text[0])
        aglm_text_fmt(out, "<div><dt>%s</dt><dd>%s</dd></div>", label, text);
}

static void put_fact_pair(struct aglm_text *out, const struct aglm_dataset *set, const char *label,
                          const char *key)
{
    const struct aglm_fact *fact = aglm_device_fact(set->device, key);
    if (!fact || fact->kind == AGLM_FACT_UNKNOWN)
        return;
    aglm_text_fmt(out, "<div><dt>%s</dt><dd>", label);
    if (fact->kind == AGLM_FACT_TEXT)
        aglm_text_fmt(out, "%s", fact->text);
    else
        aglm_text_quantity(out, fact->number, fact->unit);
    aglm_text_raw(out, "</dd></div>");
}

void aglm_sections_device(struct aglm_text *out, const struct aglm_dataset *set,
                          const struct aglm_thresholds *thresholds)
{
    const struct aglm_device *device = set->device;
    const struct aglm_record *r = set->n_rows ? &set->rows[set->n_rows - 1].rec : NULL;
    aglm_text_raw(out, "<section id=\"device\"><h2>Device</h2><dl class=\"pairs\">");
    if (device->cpu_info[0])
        put_pair(out, "CPU", device->cpu_info);
    else
        put_fact_pair(out, set, "CPU", "cpu.brand");
    if (r)
        put_pair(out, "GPU", r->gpu_info);
    put_fact_pair(out, set, "Model", "device.model");
    put_fact_pair(out, set, "CPUs", "topology.cpus");
    put_fact_pair(out, set, "Cores", "topology.cores");
    put_fact_pair(out, set, "Instruction sets", "cpu.isa");
    put_fact_pair(out, set, "Memory", "memory.total");
    put_fact_pair(out, set, "Available when looked at", "memory.available");
    put_fact_pair(out, set, "System", "os.name");
    put_fact_pair(out, set, "Kernel", "os.kernel");
    put_fact_pair(out, set, "Virtualization", "virt.hypervisor");
    aglm_text_fmt(out, "<div><dt>Fingerprint</dt><dd><code>%s</code></dd></div></dl>",
                  device->fingerprint[0] ? device->fingerprint : "unknown");
    if (device->profile || device->measured)
        put_facts(out, device, thresholds);
    else
        aglm_text_raw(
            out,
            "<p class=\"hint\">The newest run stored no profile that can be read: <code>aglm-bench "
            "--device-profile</code> shows what this device tells.</p>");
    aglm_text_raw(out, "</section>");
}

void aglm_sections_device_line(struct aglm_text *out, const struct aglm_dataset *set)
{
    char text[256];
    double number;
    bool any = false;
    if (aglm_dataset_fact_number(set, "topology.cpus", &number)) {
        aglm_text_fmt(out, number == 1 ? "%.0f CPU" : "%.0f CPUs", number);
        any = true;
    }
    if (aglm_dataset_fact_number(set, "memory.total", &number)) {
        aglm_text_raw(out, any ? SEPARATOR : "");
        aglm_text_bytes(out, number);
        aglm_text_raw(out, " memory");
        any = true;
    }
    if (aglm_dataset_fact_text(set, "os.name", text, sizeof(text))) {
        aglm_text_raw(out, any ? SEPARATOR : "");
        aglm_text_fmt(out, "%s", text);
    }
}

/* ---- how to reproduce ------------------------------------------------------------------------ */

/* An argument for a POSIX shell: as it is if harmless, else in single quotes. */
static void put_shell(struct aglm_text *out, const char *arg)
{
    if (*arg && !arg[strspn(arg, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                 "_-./:@%+,=")]) {
        aglm_text_fmt(out, "%s", arg);
        return;
    }
    char quoted[sizeof(((struct aglm_record *)0)->model_path) * 4 + 3] = "'";
    size_t n = 1;
    for (; *arg && n + 8 < sizeof(quoted); arg++)
        n += (size_t)sprintf(quoted + n, *arg == '\'' ? "'\\''" : "%c", *arg);
    quoted[n] = '\'';
    aglm_text_fmt(out, "%s", quoted);
}

typedef uint32_t (*field_fn)(const struct aglm_record *r);

static uint32_t threads_of(const struct aglm_record *r)
{
    return r->n_threads;
}

static uint32_t prompt_of(const struct aglm_record *r)
{
    return r->n_gen ? 0 : r->n_prompt;
}

static uint32_t gen_of(const struct aglm_record *r)
{
    return r->n_prompt ? 0 : r->n_gen;
}

static uint32_t depth_of(const struct aglm_record *r)
{
    return r->n_depth;
}

/* " -t 1,2" from the distinct values of the run's tests; zeros are left out unless asked for. */
static void put_list(struct aglm_text *out, const struct aglm_dataset *set, size_t first,
                     const char *flag, field_fn field, bool zero_too)
{
    uint32_t seen[32];
    size_t n = 0;
    for (size_t i = first; i < set->n_rows; i++) {
        uint32_t value = field(&set->rows[i].rec);
        bool known = value == 0 && !zero_too;
        for (size_t j = 0; j < n; j++)
            known = known || seen[j] == value;
        if (!known && n < 32)
            seen[n++] = value;
    }
    for (size_t i = 1; i < n; i++) /* insertion sort: the order of the run was shuffled */
        for (size_t j = i; j > 0 && seen[j - 1] > seen[j]; j--) {
            uint32_t swap = seen[j];
            seen[j] = seen[j - 1];
            seen[j - 1] = swap;
        }
    if (n == 0 || (n == 1 && seen[0] == 0 && field == depth_of))
        return;
    aglm_text_fmt(out, " %s ", flag);
    for (size_t j = 0; j < n; j++)
        aglm_text_fmt(out, j ? ",%u" : "%u", seen[j]);
}

typedef const char *(*name_fn)(const struct aglm_record *r);

static const char *requantize_of(const struct aglm_record *r)
{
    return r->requantize;
}

static const char *type_k_of(const struct aglm_record *r)
{
    return r->type_k;
}

static const char *load_of(const struct aglm_record *r)
{
    return r->load;
}

static const char *type_v_of(const struct aglm_record *r)
{
    return r->type_v;
}

/* " FLAG a,b": the names of the rows from first on, each once, in their order; nothing where all
 * have the option's default. */
static void put_names(struct aglm_text *out, const struct aglm_dataset *set, size_t first,
                      const char *flag, name_fn name, const char *normal)
{
    bool all_normal = true;
    for (size_t i = first; i < set->n_rows; i++) {
        const char *text = name(&set->rows[i].rec);
        all_normal = all_normal && (!*text || strcmp(text, normal) == 0);
    }
    for (size_t i = first, n = 0; i < set->n_rows && !all_normal; i++) {
        const char *text = name(&set->rows[i].rec);
        bool known = !*text;
        for (size_t j = first; j < i; j++)
            known = known || strcmp(name(&set->rows[j].rec), text) == 0;
        if (known)
            continue;
        aglm_text_raw(out, n++ ? "," : " ");
        if (n == 1)
            aglm_text_fmt(out, "%s ", flag);
        put_shell(out, text);
    }
}

/* What was measured: a run has a suite's prompts or tests of given lengths, not both. */
static void put_tests(struct aglm_text *out, const struct aglm_dataset *set, size_t first)
{
    const struct aglm_record *r = &set->rows[first].rec;
    if (r->prompt_digest[0]) {
        aglm_text_raw(out, " --suite standard");
        for (size_t i = first; i < set->n_rows; i++) {
            bool known = false;
            for (size_t j = first; j < i; j++)
                known = known || strcmp(set->rows[j].rec.test, set->rows[i].rec.test) == 0;
            if (known)
                continue;
            aglm_text_raw(out, i == first ? ":" : ",");
            put_shell(out, set->rows[i].rec.test);
        }
        return;
    }
    put_list(out, set, first, "-p", prompt_of, false);
    put_list(out, set, first, "-n", gen_of, false);
    for (size_t i = first; i < set->n_rows; i++) {
        const struct aglm_row *row = &set->rows[i];
        bool known = !row->rec.n_prompt || !row->rec.n_gen;
        for (size_t j = first; j < i; j++)
            known = known || (set->rows[j].rec.n_prompt == row->rec.n_prompt &&
                              set->rows[j].rec.n_gen == row->rec.n_gen);
        if (!known)
            aglm_text_fmt(out, " -pg %u,%u", row->rec.n_prompt, row->rec.n_gen);
    }
    put_list(out, set, first, "-d", depth_of, true);
}

static void put_command(struct aglm_text *out, const struct aglm_dataset *set, size_t first)
{
    const struct aglm_record *r = &set->rows[set->n_rows - 1].rec;
    const char *last = "";
    aglm_text_raw(out, "<pre><code>aglm-bench run");
    for (size_t i = first; i < set->n_rows; i++) {
        const char *path = set->rows[i].rec.model_path;
        bool known = !*path;
        for (size_t j = first; j < i; j++)
            known = known || strcmp(set->rows[j].rec.model_path, path) == 0;
        if (known)
            continue;
        last = path;
        aglm_text_raw(out, " -m ");
        put_shell(out, last);
    }
    put_tests(out, set, first);
    put_names(out, set, first, "-q", requantize_of, "none");
    put_names(out, set, first, "-ctk", type_k_of, "f16");
    put_names(out, set, first, "-ctv", type_v_of, "f16");
    put_names(out, set, first, "--load", load_of, "pack");
    put_list(out, set, first, "-t", threads_of, false);
    aglm_text_fmt(out, " -b %u -ub %u -r %u", r->n_batch, r->n_ubatch, r->repetitions);
    if (r->isa[0] && strcmp(r->isa, "none") != 0)
        aglm_text_fmt(out, " --isa %s", r->isa);
    aglm_text_fmt(out, " --backend %s --seed %llu</code></pre>", r->backend,
                  (unsigned long long)r->seed);
}

void aglm_sections_reproduce(struct aglm_text *out, const struct aglm_dataset *set)
{
    const struct aglm_record *r = &set->rows[set->n_rows - 1].rec;
    size_t first = set->n_rows - 1;
    while (first > 0 && strcmp(set->rows[first - 1].rec.run_uuid, r->run_uuid) == 0)
        first--;
    aglm_text_raw(out, "<section id=\"reproduce\"><h2>How to get these figures again</h2><p "
                       "class=\"sub\">The last run, "
                       "put together from its tests:</p>");
    put_command(out, set, first);
    aglm_text_raw(out, "<dl class=\"pairs\">");
    put_pair(out, "Version", r->version);
    put_pair(out, "Built from commit", r->commit);
    put_pair(out, "Compiler", r->compiler);
    put_pair(out, "Flags", r->flags);
    put_pair(out, "Model digest", r->model_digest);
    put_pair(out, "Affinity granted", r->affinity);
    put_pair(out, "Order of tests", r->order);
    aglm_text_fmt(out, "<div><dt>Warm-up</dt><dd>%s</dd></div>",
                  r->warmup ? "yes, not counted" : "none");
    put_pair(out, "Run", r->run_uuid);
    aglm_text_fmt(out,
                  "</dl><p class=\"sub\">%zu tests in %zu run%s of this device are in the store, "
                  "with every raw "
                  "sample: tables <code>test</code>, <code>sample</code>, <code>conditions</code>, "
                  "and the view "
                  "<code>llama_bench</code> for scripts written for llama-bench.</p></section>",
                  set->n_rows, set->n_runs, set->n_runs == 1 ? "" : "s");
}
