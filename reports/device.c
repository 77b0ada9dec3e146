/* The page on the device and on how to get the same figures again; see sections.h. Facts come from
 * the profile's JSON as the newest run stored it; a profile that cannot be read is said to be
 * unreadable.
 */
#include "reports/sections.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define SEPARATOR " &#183; "

/* ---- facts ----------------------------------------------------------------------------------- */

static const char *string_in(const cJSON *object, const char *name)
{
    const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
    return s ? s : "";
}

static void put_quantity(struct aglm_text *out, double value, const char *unit)
{
    if (!strcmp(unit, "bytes")) {
        if (value == 0)
            aglm_text_raw(out, "0&#160;B");
        else
            aglm_text_bytes(out, value);
    } else if (!strcmp(unit, "kHz")) {
        aglm_text_number(out, value / 1e6);
        aglm_text_raw(out, "&#160;GHz");
    } else if (!strcmp(unit, "count") || (!*unit && value == floor(value))) {
        aglm_text_fmt(out, "%.0f", value); /* a plain number: a CPU's family, say */
    } else {
        aglm_text_number(out, value);
        if (!strcmp(unit, "degC"))
            aglm_text_raw(out, "&#160;&#176;C");
        else if (!strcmp(unit, "percent"))
            aglm_text_raw(out, "&#160;%");
        else
            aglm_text_fmt(out, " %s", unit);
    }
}

static void put_fact(struct aglm_text *out, const cJSON *fact)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(fact, "value");
    aglm_text_fmt(out, "<tr><th scope=\"row\">%s</th><td>", string_in(fact, "label"));
    if (cJSON_IsNumber(value))
        put_quantity(out, value->valuedouble, string_in(fact, "unit"));
    else if (cJSON_IsString(value))
        aglm_text_fmt(out, "%s", value->valuestring);
    else
        aglm_text_fmt(out, "<span class=\"muted\">unknown: %s</span>", string_in(fact, "unknown"));
    aglm_text_fmt(out, "</td><td class=\"muted\">%s</td></tr>", string_in(fact, "source"));
}

static const char *group_title(const char *key, size_t n)
{
    static const char *const titles[][2] = {
        {"cpu", "Processor"},   {"topology", "Topology"},    {"memory", "Memory"},
        {"load", "Load"},       {"thermal", "Temperatures"}, {"os", "System"},
        {"device", "Device"},   {"virt", "Virtualization"},  {"power", "Power"},
        {"storage", "Storage"}, {"network", "Network"},      {"gpu", "GPU"},
        {"roof", "Limits"}};
    for (size_t i = 0; i < sizeof(titles) / sizeof(*titles); i++)
        if (strlen(titles[i][0]) == n && strncmp(titles[i][0], key, n) == 0)
            return titles[i][1];
    return "Other";
}

static void put_facts(struct aglm_text *out, const cJSON *facts)
{
    const cJSON *fact;
    const char *last = NULL;
    aglm_text_raw(out,
                  "<details><summary>All facts, with their sources</summary><div class=\"scroll\" "
                  "tabindex=\"0\"><table class=\"facts\">");
    cJSON_ArrayForEach(fact, facts)
    {
        const char *key = string_in(fact, "key");
        const char *title = group_title(key, strcspn(key, "."));
        if (!last || strcmp(title, last) != 0) {
            aglm_text_raw(out, last ? "</tbody><tbody>" : "<tbody>");
            aglm_text_fmt(out,
                          "<tr class=\"group\"><th colspan=\"3\" "
                          "scope=\"rowgroup\"><span>%s</span></th></tr>",
                          title);
        }
        last = title;
        put_fact(out, fact);
    }
    aglm_text_raw(out, last ? "</tbody></table></div></details>" : "</table></div></details>");
}

static void put_pair(struct aglm_text *out, const char *label, const char *text)
{
    if (text[0])
        aglm_text_fmt(out, "<div><dt>%s</dt><dd>%s</dd></div>", label, text);
}

static void put_fact_pair(struct aglm_text *out, const struct aglm_dataset *set, const char *label,
                          const char *key, const char *unit)
{
    char text[512];
    double number;
    if (aglm_dataset_fact_text(set, key, text, sizeof(text))) {
        put_pair(out, label, text);
    } else if (aglm_dataset_fact_number(set, key, &number)) {
        aglm_text_fmt(out, "<div><dt>%s</dt><dd>", label);
        put_quantity(out, number, unit);
        aglm_text_raw(out, "</dd></div>");
    }
}

void aglm_sections_device(struct aglm_text *out, const struct aglm_dataset *set)
{
    const struct aglm_record *r = &set->rows[set->n_rows - 1].rec;
    cJSON *root = set->profile ? cJSON_Parse(set->profile) : NULL;
    aglm_text_raw(out, "<section id=\"device\"><h2>Device</h2><dl class=\"pairs\">");
    put_pair(out, "CPU", r->cpu_info);
    put_pair(out, "GPU", r->gpu_info);
    put_fact_pair(out, set, "Model", "device.model", "");
    put_fact_pair(out, set, "CPUs", "topology.cpus", "count");
    put_fact_pair(out, set, "Cores", "topology.cores", "count");
    put_fact_pair(out, set, "Instruction sets", "cpu.isa", "");
    put_fact_pair(out, set, "Memory", "memory.total", "bytes");
    put_fact_pair(out, set, "Available at the start", "memory.available", "bytes");
    put_fact_pair(out, set, "System", "os.name", "");
    put_fact_pair(out, set, "Kernel", "os.kernel", "");
    put_fact_pair(out, set, "Virtualization", "virt.hypervisor", "");
    aglm_text_fmt(out, "<div><dt>Fingerprint</dt><dd><code>%s</code></dd></div></dl>",
                  r->fingerprint[0] ? r->fingerprint : "unknown");
    if (root && cJSON_GetObjectItemCaseSensitive(root, "facts"))
        put_facts(out, cJSON_GetObjectItemCaseSensitive(root, "facts"));
    else
        aglm_text_raw(
            out,
            "<p class=\"hint\">The newest run stored no profile that can be read: <code>aglm-bench "
            "--device-profile</code> shows what this device tells.</p>");
    aglm_text_raw(out, "</section>");
    cJSON_Delete(root);
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
