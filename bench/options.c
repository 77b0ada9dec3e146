/* Parser of the run command's options: a table of options, one setter for each kind of value.
 * Inputs: argv. Outputs: struct aglm_options with every default filled in.
 * Refuses unknown options, missing values, values out of bounds, and llama-bench's options for what
 * this engine does not do (unless the value asks for what it does anyway).
 */
#include "bench/options.h"

#include "bench/cpumask.h"
#include "bench/options_check.h"
#include "bench/options_foreign.h"
#include "bench/requantize.h"
#include "engine/fusion.h"
#include "engine/kernels/kernels.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int push_string(struct aglm_str_list *list, const char *text, size_t length,
                       struct aglm_err *err)
{
    char **grown = realloc(list->values, (list->n + 1) * sizeof(*grown));
    if (grown == NULL) {
        return aglm_err_set(err, -ENOMEM, "out of memory");
    }
    list->values = grown;
    grown[list->n] = strndup(text, length);
    if (grown[list->n] == NULL) {
        return aglm_err_set(err, -ENOMEM, "out of memory");
    }
    list->n++;
    return 0;
}

static void finish_strings(struct aglm_str_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        free(list->values[i]);
    }
    free(list->values);
    *list = (struct aglm_str_list){0};
}

typedef int (*check_fn)(const char *option, const char *item, struct aglm_err *err);

/* Splits text at commas into list; each item must pass check. */
static int add_strings(struct aglm_str_list *list, const char *option, const char *text,
                       check_fn check, struct aglm_err *err)
{
    for (const char *p = text;; p++) {
        size_t length = strcspn(p, ",");
        if (length == 0) {
            return aglm_err_set(err, -EINVAL, "%s: '%.40s' has an empty item", option, text);
        }
        int rc = list->n >= AGLM_RANGES_MAX_VALUES
                     ? aglm_err_set(err, -EINVAL, "%s: too many values", option)
                     : push_string(list, p, length, err);
        if (rc == 0 && check != NULL) {
            rc = check(option, list->values[list->n - 1], err);
        }
        if (rc < 0) {
            return rc;
        }
        p += length;
        if (*p == '\0') {
            return 0;
        }
    }
}

static int check_backend(const char *option, const char *item, struct aglm_err *err)
{
    if (strcmp(item, "cpu") == 0 || strcmp(item, "null") == 0) {
        return 0;
    }
    return aglm_err_set(err, -EINVAL, "%s: '%.40s' is no backend: give cpu or null", option, item);
}

static int check_load(const char *option, const char *item, struct aglm_err *err)
{
    if (strcmp(item, "pack") == 0 || strcmp(item, "mmap") == 0) {
        return 0;
    }
    return aglm_err_set(err, -EINVAL, "%s: '%.40s': give pack or mmap", option, item);
}

static int check_isa(const char *option, const char *item, struct aglm_err *err)
{
    if (aglm_kernels_is_name(item)) {
        return 0;
    }
    return aglm_err_set(err, -EINVAL, "%s: '%.40s' is no instruction set: give " AGLM_ISA_NAMES,
                        option, item);
}

static int check_cache_type(const char *option, const char *item, struct aglm_err *err)
{
    if (strcmp(item, "f16") == 0 || strcmp(item, "q8_0") == 0 || strcmp(item, "q4_0") == 0) {
        return 0;
    }
    return aglm_err_set(err, -EINVAL,
                        "%s: '%.40s' is no type of the KV cache: give f16, q8_0 or q4_0", option,
                        item);
}

static int check_mask(const char *option, const char *item, struct aglm_err *err)
{
    struct aglm_cpumask mask;
    if (strlen(item) > 63) { /* what a record has room for */
        return aglm_err_set(err, -EINVAL, "%s: '%.40s…' is longer than 63 characters", option,
                            item);
    }
    return aglm_cpumask_parse(&mask, item, err);
}

static int set_model(struct aglm_options *o, const char *option, const char *v,
                     struct aglm_err *err)
{
    return add_strings(&o->models, option, v, NULL, err);
}

static int set_quantize(struct aglm_options *o, const char *option, const char *v,
                        struct aglm_err *err)
{
    return add_strings(&o->quantize, option, v, aglm_requantize_check, err);
}

static int set_load(struct aglm_options *o, const char *option, const char *v, struct aglm_err *err)
{
    return add_strings(&o->loads, option, v, check_load, err);
}

static int set_backend(struct aglm_options *o, const char *option, const char *v,
                       struct aglm_err *err)
{
    return add_strings(&o->backends, option, v, check_backend, err);
}

static int set_isa(struct aglm_options *o, const char *option, const char *v, struct aglm_err *err)
{
    return add_strings(&o->isas, option, v, check_isa, err);
}

static int set_mask(struct aglm_options *o, const char *option, const char *v, struct aglm_err *err)
{
    return add_strings(&o->cpu_masks, option, v, check_mask, err);
}

static int set_type_k(struct aglm_options *o, const char *option, const char *v,
                      struct aglm_err *err)
{
    return add_strings(&o->types_k, option, v, check_cache_type, err);
}

static int set_type_v(struct aglm_options *o, const char *option, const char *v,
                      struct aglm_err *err)
{
    return add_strings(&o->types_v, option, v, check_cache_type, err);
}

/* One value of --fuse, in its shortest form; a value that is there already is not added again. */
static int add_fuse(struct aglm_options *o, const char *option, const char *item,
                    struct aglm_err *err)
{
    char name[AGLM_FUSION_NAME_SIZE];
    uint32_t fused;
    if (aglm_fusion_parse(&fused, item) < 0) {
        return aglm_err_set(err, -EINVAL,
                            "%s: '%.40s' names no fused operators: give all, none, each, or norm, "
                            "qkv, gateup, rope, softmax joined by + (only these) or behind all- "
                            "(all but this)",
                            option, item);
    }
    aglm_fusion_name(name, sizeof(name), fused);
    for (size_t i = 0; i < o->fuse.n; i++) {
        if (strcmp(o->fuse.values[i], name) == 0) {
            return 0;
        }
    }
    return push_string(&o->fuse, name, strlen(name), err);
}

/* "each" stands for all, all but one of each, and none: what a table of gains needs. */
static int set_fuse(struct aglm_options *o, const char *option, const char *v, struct aglm_err *err)
{
    static const char *const each[] = {"all",      "all-norm",    "all-qkv", "all-gateup",
                                       "all-rope", "all-softmax", "none"};
    struct aglm_str_list items = {0};
    int rc = add_strings(&items, option, v, NULL, err);
    for (size_t i = 0; i < items.n && rc == 0; i++) {
        if (strcmp(items.values[i], "each") != 0) {
            rc = add_fuse(o, option, items.values[i], err);
            continue;
        }
        for (size_t k = 0; k < sizeof(each) / sizeof(each[0]) && rc == 0; k++) {
            rc = add_fuse(o, option, each[k], err);
        }
    }
    finish_strings(&items);
    return rc;
}

static int set_pg(struct aglm_options *o, const char *option, const char *v, struct aglm_err *err)
{
    struct aglm_u32_list pair = {0};
    struct aglm_err ignored;
    int rc = aglm_ranges_append(&pair, option, v, 0, AGLM_OPTIONS_MAX_TOKENS, &ignored);
    if (rc < 0 || pair.n != 2 || (pair.values[0] == 0 && pair.values[1] == 0)) {
        rc = aglm_err_set(
            err, -EINVAL,
            "%s: '%.40s' is no pair PROMPT,GEN such as 512,128 (0 to %u each, not both 0)", option,
            v, AGLM_OPTIONS_MAX_TOKENS);
        goto out;
    }
    struct aglm_prompt_gen *grown = realloc(o->pg, (o->n_pg + 1) * sizeof(*grown));
    if (grown == NULL) {
        rc = aglm_err_set(err, -ENOMEM, "out of memory");
        goto out;
    }
    o->pg = grown;
    o->pg[o->n_pg++] = (struct aglm_prompt_gen){pair.values[0], pair.values[1]};
out:
    aglm_u32_list_finish(&pair);
    return rc;
}

static int add_prompt(struct aglm_options *o, const struct aglm_suite_entry *entry,
                      struct aglm_err *err)
{
    for (size_t i = 0; i < o->n_suite; i++) {
        if (o->suite[i] == entry) {
            return 0;
        }
    }
    const struct aglm_suite_entry **grown = realloc(o->suite, (o->n_suite + 1) * sizeof(*grown));
    if (grown == NULL) {
        return aglm_err_set(err, -ENOMEM, "out of memory");
    }
    o->suite = grown;
    grown[o->n_suite++] = entry;
    return 0;
}

/* "list", "standard", or "standard:ID,ID,…" */
static int set_suite(struct aglm_options *o, const char *option, const char *v,
                     struct aglm_err *err)
{
    static const char all[] = AGLM_SUITE_STANDARD;
    struct aglm_str_list ids = {0};
    size_t n, length = strlen(all);
    const struct aglm_suite_entry *entries = aglm_suite_entries(&n);
    int rc = 0;
    if (strcmp(v, "list") == 0) {
        o->suite_list = true;
        return 0;
    }
    if (strncmp(v, all, length) != 0 || (v[length] != '\0' && v[length] != ':')) {
        return aglm_err_set(err, -EINVAL,
                            "%s: '%.40s' is no suite: give standard, standard:ID,… or list", option,
                            v);
    }
    for (size_t i = 0; v[length] == '\0' && i < n && rc == 0; i++) {
        rc = add_prompt(o, &entries[i], err);
    }
    if (v[length] == ':') {
        rc = add_strings(&ids, option, v + length + 1, NULL, err);
    }
    for (size_t i = 0; i < ids.n && rc == 0; i++) {
        const struct aglm_suite_entry *entry = aglm_suite_find(ids.values[i]);
        rc = entry != NULL
                 ? add_prompt(o, entry, err)
                 : aglm_err_set(err, -EINVAL, "%s: the suite has no '%.40s': see --suite list",
                                option, ids.values[i]);
    }
    finish_strings(&ids);
    return rc;
}

static int set_format(enum aglm_format *out, const char *option, const char *v,
                      struct aglm_err *err)
{
    for (enum aglm_format f = AGLM_FORMAT_NONE; f <= AGLM_FORMAT_SQL; f++) {
        if (strcmp(v, aglm_format_name(f)) == 0) {
            *out = f;
            return 0;
        }
    }
    return aglm_err_set(err, -EINVAL,
                        "%s: '%.40s' is no format: give md, csv, json, jsonl, sql or none", option,
                        v);
}

static int set_output(struct aglm_options *o, const char *option, const char *v,
                      struct aglm_err *err)
{
    return set_format(&o->output, option, v, err);
}

static int set_output_err(struct aglm_options *o, const char *option, const char *v,
                          struct aglm_err *err)
{
    return set_format(&o->output_err, option, v, err);
}

static int set_text(char **out, const char *option, const char *v, size_t max, struct aglm_err *err)
{
    if (v[0] == '\0' || strlen(v) > max) {
        return aglm_err_set(err, -EINVAL, "%s: give 1 to %zu bytes of text", option, max);
    }
    char *copy = strdup(v);
    if (copy == NULL) {
        return aglm_err_set(err, -ENOMEM, "out of memory");
    }
    free(*out);
    *out = copy;
    return 0;
}

static int set_db(struct aglm_options *o, const char *option, const char *v, struct aglm_err *err)
{
    o->no_db = false;
    return set_text(&o->db, option, v, 4000, err);
}

static int set_label(struct aglm_options *o, const char *option, const char *v,
                     struct aglm_err *err)
{
    return set_text(&o->label, option, v, 63, err);
}

static int set_roof(struct aglm_options *o, const char *option, const char *v, struct aglm_err *err)
{
    if (strcmp(v, "on") != 0 && strcmp(v, "off") != 0) {
        return aglm_err_set(err, -EINVAL, "%s: '%.40s': give on or off", option, v);
    }
    o->roof = strcmp(v, "on") == 0;
    return 0;
}

enum kind {
    KIND_SETTER,
    KIND_LIST,   /* struct aglm_u32_list at offset */
    KIND_NUMBER, /* uint64_t at offset */
    KIND_FLAG    /* bool at offset */
};

struct option {
    const char *names[2];
    enum kind kind;
    size_t offset;
    uint64_t min, max;
    int (*set)(struct aglm_options *o, const char *option, const char *v, struct aglm_err *err);
};

#define AT(field) offsetof(struct aglm_options, field)

static const struct option options[] = {
    {{"-m", "--model"}, KIND_SETTER, .set = set_model},
    {{"-p", "--n-prompt"}, KIND_LIST, AT(n_prompt), 0, AGLM_OPTIONS_MAX_TOKENS},
    {{"-n", "--n-gen"}, KIND_LIST, AT(n_gen), 0, AGLM_OPTIONS_MAX_TOKENS},
    {{"-pg"}, KIND_SETTER, .set = set_pg},
    {{"--suite"}, KIND_SETTER, .set = set_suite},
    {{"-d", "--n-depth"}, KIND_LIST, AT(n_depth), 0, AGLM_OPTIONS_MAX_TOKENS},
    {{"-b", "--batch-size"}, KIND_LIST, AT(n_batch), 1, AGLM_OPTIONS_MAX_TOKENS},
    {{"-ub", "--ubatch-size"}, KIND_LIST, AT(n_ubatch), 1, AGLM_OPTIONS_MAX_TOKENS},
    {{"-ctk", "--cache-type-k"}, KIND_SETTER, .set = set_type_k},
    {{"-ctv", "--cache-type-v"}, KIND_SETTER, .set = set_type_v},
    {{"--override-ctx"}, KIND_NUMBER, AT(override_ctx), 1, UINT32_MAX},
    {{"-t", "--threads"}, KIND_LIST, AT(n_threads), 1, 512},
    {{"-C", "--cpu-mask"}, KIND_SETTER, .set = set_mask},
    {{"--cpu-strict"}, KIND_LIST, AT(cpu_strict), 0, 1},
    {{"-q", "--quantize"}, KIND_SETTER, .set = set_quantize},
    {{"--load"}, KIND_SETTER, .set = set_load},
    {{"--backend"}, KIND_SETTER, .set = set_backend},
    {{"--fuse"}, KIND_SETTER, .set = set_fuse},
    {{"--isa"}, KIND_SETTER, .set = set_isa},
    {{"-r", "--repetitions"}, KIND_NUMBER, AT(repetitions), 1, 1000},
    {{"--delay"}, KIND_NUMBER, AT(delay_s), 0, 86400},
    {{"--max-time"}, KIND_NUMBER, AT(max_time_s), 1, 604800},
    {{"--seed"}, KIND_NUMBER, AT(seed), 0, INT64_MAX},
    {{"--roof"}, KIND_SETTER, .set = set_roof},
    {{"--profile-ops"}, KIND_FLAG, AT(profile_ops)},
    {{"--accuracy"}, KIND_FLAG, AT(accuracy)},
    {{"--no-accuracy"}, KIND_FLAG, AT(no_accuracy)},
    {{"-o", "--output"}, KIND_SETTER, .set = set_output},
    {{"-oe", "--output-err"}, KIND_SETTER, .set = set_output_err},
    {{"--db"}, KIND_SETTER, .set = set_db},
    {{"--no-db"}, KIND_FLAG, AT(no_db)},
    {{"--label"}, KIND_SETTER, .set = set_label},
    {{"--progress"}, KIND_FLAG, AT(progress)},
    {{"--quiet"}, KIND_FLAG, AT(quiet)},
    {{"--no-warmup"}, KIND_FLAG, AT(no_warmup)},
    {{"-h", "--help"}, KIND_FLAG, AT(help)},
};

static const struct option *find_option(const char *name)
{
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        for (size_t j = 0; j < 2 && options[i].names[j] != NULL; j++) {
            if (strcmp(name, options[i].names[j]) == 0) {
                return &options[i];
            }
        }
    }
    return NULL;
}

/* value is never NULL here, except for flags. */
static int apply(struct aglm_options *o, const struct option *option, const char *name,
                 const char *value, struct aglm_err *err)
{
    char *at = (char *)o + option->offset;
    switch (option->kind) {
    case KIND_SETTER:
        return option->set(o, name, value, err);
    case KIND_LIST:
        return aglm_ranges_append((struct aglm_u32_list *)(void *)at, name, value,
                                  (uint32_t)option->min, (uint32_t)option->max, err);
    case KIND_NUMBER:
        return aglm_ranges_number((uint64_t *)(void *)at, name, value, option->min, option->max,
                                  err);
    case KIND_FLAG:
        *(bool *)(void *)at = true;
        return 0;
    }
    return 0;
}

static int default_list(struct aglm_u32_list *list, uint32_t value)
{
    return list->n > 0 ? 0 : aglm_u32_list_push(list, value);
}

static int default_string(struct aglm_str_list *list, const char *value)
{
    return list->n > 0 ? 0 : push_string(list, value, strlen(value), NULL);
}

static int fill_defaults(struct aglm_options *o, uint32_t default_threads, struct aglm_err *err)
{
    const bool own_tests = o->n_prompt.n + o->n_gen.n + o->n_depth.n + o->n_pg > 0;
    o->accuracy = !o->no_accuracy && (o->accuracy || !own_tests);
    if (default_string(&o->models, AGLM_OPTIONS_DEFAULT_MODEL) < 0 ||
        default_string(&o->quantize, "none") < 0 || default_string(&o->loads, "pack") < 0 ||
        default_string(&o->backends, "cpu") < 0 || default_string(&o->isas, "auto") < 0 ||
        default_string(&o->cpu_masks, "0x0") < 0 || default_string(&o->types_k, "f16") < 0 ||
        default_string(&o->types_v, "f16") < 0 || default_string(&o->fuse, "all") < 0 ||
        default_list(&o->n_prompt, o->n_suite > 0 ? 0 : 512) < 0 ||
        default_list(&o->n_gen, o->n_suite > 0 ? 0 : 128) < 0 || default_list(&o->n_depth, 0) < 0 ||
        default_list(&o->n_threads, default_threads) < 0 || default_list(&o->n_batch, 2048) < 0 ||
        default_list(&o->n_ubatch, 512) < 0 || default_list(&o->cpu_strict, 0) < 0) {
        return aglm_err_set(err, -ENOMEM, "out of memory");
    }
    return 0;
}

/* Copies argv's option name into name as llama-bench reads it ('_' is '-' in long names), and
 * returns the text behind '=' of a long option, or NULL. */
static const char *split_name(const char *arg, char *name, size_t size)
{
    size_t length = strlen(arg);
    const char *value = NULL;
    if (strncmp(arg, "--", 2) == 0) {
        length = strcspn(arg, "=");
        value = arg[length] == '=' ? arg + length + 1 : NULL;
    }
    snprintf(name, size, "%.*s", (int)(length < size ? length : size - 1), arg);
    for (char *p = name; strncmp(name, "--", 2) == 0 && *p != '\0'; p++) {
        *p = *p == '_' ? '-' : *p;
    }
    return value;
}

static int parse_one(struct aglm_options *o, int argc, char **argv, int *i, struct aglm_err *err)
{
    char name[64];
    const char *value = split_name(argv[*i], name, sizeof(name));
    const struct option *option = find_option(name);
    const struct aglm_foreign_option *foreign = option == NULL ? aglm_foreign_find(name) : NULL;
    if (option == NULL && foreign == NULL) {
        return aglm_err_set(err, -EINVAL, "%s '%.40s'",
                            argv[*i][0] == '-' ? "unknown option" : "unexpected argument",
                            argv[*i]);
    }
    bool takes_value = option != NULL ? option->kind != KIND_FLAG : foreign->takes_value;
    if (!takes_value && value != NULL) {
        return aglm_err_set(err, -EINVAL, "%s takes no value", name);
    }
    if (takes_value && value == NULL) {
        if (*i + 1 >= argc) {
            return aglm_err_set(err, -EINVAL, "%s needs a value", name);
        }
        value = argv[++*i];
    }
    return option != NULL ? apply(o, option, name, value, err)
                          : aglm_foreign_check(foreign, name, value, err);
}

int aglm_options_parse(struct aglm_options *out, int argc, char **argv, uint32_t default_threads,
                       struct aglm_err *err)
{
    struct aglm_options o = {.repetitions = 5,
                             .seed = 1,
                             .roof = true,
                             .output = AGLM_FORMAT_MD,
                             .output_err = AGLM_FORMAT_NONE};
    int rc = 0;
    for (int i = 1; i < argc && !o.help; i++) {
        rc = parse_one(&o, argc, argv, &i, err);
        if (rc < 0) {
            goto fail;
        }
    }
    aglm_options_unique(&o);
    rc = o.help ? 0 : aglm_options_check(&o, err);
    rc = rc == 0 ? fill_defaults(&o, default_threads, err) : rc;
    if (rc < 0) {
        goto fail;
    }
    *out = o;
    return 0;
fail:
    aglm_options_finish(&o);
    return rc;
}

void aglm_options_finish(struct aglm_options *o)
{
    struct aglm_str_list *const strings[] = {&o->models,   &o->quantize, &o->loads,
                                             &o->backends, &o->isas,     &o->cpu_masks,
                                             &o->types_k,  &o->types_v,  &o->fuse};
    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
        finish_strings(strings[i]);
    }
    aglm_u32_list_finish(&o->n_prompt);
    aglm_u32_list_finish(&o->n_gen);
    aglm_u32_list_finish(&o->n_depth);
    aglm_u32_list_finish(&o->n_threads);
    aglm_u32_list_finish(&o->n_batch);
    aglm_u32_list_finish(&o->n_ubatch);
    aglm_u32_list_finish(&o->cpu_strict);
    free(o->pg);
    free(o->suite);
    free(o->db);
    free(o->label);
    *o = (struct aglm_options){0};
}

const char *aglm_format_name(enum aglm_format format)
{
    static const char *const names[] = {"none", "md", "csv", "json", "jsonl", "sql"};
    return names[format];
}
