/* From the store to figures; see dataset.h. */
#include "reports/dataset.h"

#include "bench/accuracy.h"
#include "bench/stats.h"
#include "bench/tally.h"
#include "bench/verdict.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- loading --------------------------------------------------------------------------------- */

struct loading {
    struct aglm_dataset *set;
    size_t cap;
    char last_run[37];
};

static void row_finish(struct aglm_row *row)
{
    free(row->total_ns);
    free(row->tokens);
    free(row->rec.operators);
    free(row->operator_figures);
    aglm_accuracy_finish(&row->rec.accuracy);
    free(row->during);
}

static double min_known(double a, double b)
{
    return isnan(a) ? b : isnan(b) ? a : fmin(a, b);
}

static double max_known(double a, double b)
{
    return isnan(a) ? b : isnan(b) ? a : fmax(a, b);
}

/* Median, fastest and slowest of the repetitions at each position of the answer. */
static int load_tokens(struct aglm_row *row, const struct aglm_record *rec)
{
    size_t n = 0, k = rec->n_samples;
    for (size_t i = 0; i < k; i++)
        if (rec->samples[i].first_token_ns && rec->samples[i].n_token_ns + 1 > n)
            n = rec->samples[i].n_token_ns + 1;
    if (n == 0)
        return 0;
    double *x = calloc(k, sizeof(*x));
    row->tokens = calloc(n, sizeof(*row->tokens));
    if (!x || !row->tokens) {
        free(x);
        return -ENOMEM;
    }
    for (size_t t = 0; t < n; t++) {
        size_t m = 0;
        for (size_t i = 0; i < k; i++) {
            const struct aglm_sample *s = &rec->samples[i];
            if (s->first_token_ns && t < s->n_token_ns + 1)
                x[m++] = (double)(t == 0 ? s->first_token_ns : s->token_ns[t - 1]) / 1e6;
        }
        aglm_stats_sort(x, m);
        row->tokens[t] =
            (struct aglm_token_time){aglm_stats_median(x, m), m ? x[0] : NAN, m ? x[m - 1] : NAN};
    }
    row->n_tokens = n;
    free(x);
    return 0;
}

/* The operators and what follows from them while the samples are there. */
static int load_operators(struct aglm_row *row, const struct aglm_record *rec)
{
    const size_t n = rec->n_operators;
    if (n == 0)
        return 0;
    row->rec.operators = calloc(n, sizeof(*row->rec.operators));
    row->operator_figures = calloc(n, sizeof(*row->operator_figures));
    if (!row->rec.operators || !row->operator_figures)
        return -ENOMEM;
    memcpy(row->rec.operators, rec->operators, n * sizeof(*rec->operators));
    row->rec.n_operators = n;
    for (size_t i = 0; i < n; i++)
        aglm_operator_derive(&row->operator_figures[i], rec, &rec->operators[i]);
    aglm_operators_rest(&row->rest[AGLM_PHASE_PREFILL], rec, "prefill");
    aglm_operators_rest(&row->rest[AGLM_PHASE_DECODE], rec, "decode");
    return 0;
}

static int load_during(struct aglm_row *row, const struct aglm_record *rec)
{
    row->during = calloc(rec->n_samples + 1, sizeof(*row->during));
    for (size_t i = 0; row->during && i < rec->n_samples; i++)
        if (rec->samples[i].during.readings > 0)
            row->during[row->n_during++] = rec->samples[i].during;
    return row->during ? 0 : -ENOMEM;
}

static int load_totals(struct aglm_row *row, const struct aglm_record *rec)
{
    row->total_ns = calloc(rec->n_samples + 1, sizeof(*row->total_ns));
    if (!row->total_ns)
        return -ENOMEM;
    for (size_t i = 0; i < rec->n_samples; i++)
        row->total_ns[i] = rec->samples[i].total_ns;
    row->others_unknown = aglm_verdict_others_unknown(rec);
    return 0;
}

/* Answers have no speed of their own to be listed with. */
static int add_answers(struct aglm_dataset *set, const struct aglm_record *rec)
{
    struct aglm_record *grown = realloc(set->answers, (set->n_answers + 1) * sizeof(*grown));
    if (!grown)
        return -ENOMEM;
    set->answers = grown;
    struct aglm_record *copy = &grown[set->n_answers];
    *copy = *rec;
    copy->samples = NULL;
    copy->operators = NULL;
    copy->n_samples = copy->n_operators = 0;
    copy->profile_json = NULL;
    if (aglm_accuracy_copy(&copy->accuracy, &rec->accuracy) < 0)
        return -ENOMEM;
    set->n_answers++; /* from here on it is freed with the set */
    return 0;
}

static int add_row(void *ctx, const struct aglm_record *rec)
{
    struct loading *l = ctx;
    struct aglm_dataset *set = l->set;
    if (strcmp(rec->suite, AGLM_ACCURACY_SUITE) == 0)
        return add_answers(set, rec);
    if (set->n_rows == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 64;
        struct aglm_row *rows = realloc(set->rows, cap * sizeof(*rows));
        if (!rows)
            return -ENOMEM;
        set->rows = rows;
        l->cap = cap;
    }
    struct aglm_row *row = &set->rows[set->n_rows];
    *row = (struct aglm_row){.rec = *rec, .n_samples = rec->n_samples};
    row->rec.samples = NULL;
    row->rec.n_samples = 0;
    row->rec.profile_json = NULL;
    row->rec.operators = NULL;
    row->rec.n_operators = 0;
    if (aglm_accuracy_copy(&row->rec.accuracy, &rec->accuracy) < 0)
        return -ENOMEM;
    row->memory_available_min = row->temperature_max = NAN;
    row->frequency_min = row->frequency_max = NAN;
    aglm_results_derive(&row->res, rec);
    for (size_t i = 0; i < rec->n_samples; i++) {
        const struct aglm_conditions *b = &rec->samples[i].before, *a = &rec->samples[i].after;
        row->memory_available_min =
            min_known(row->memory_available_min,
                      min_known(b->memory_available_bytes, a->memory_available_bytes));
        row->temperature_max = max_known(
            row->temperature_max, max_known(b->temperature_max_degc, a->temperature_max_degc));
        row->frequency_min =
            min_known(row->frequency_min, min_known(b->frequency_mean_khz, a->frequency_mean_khz));
        row->frequency_max =
            max_known(row->frequency_max, max_known(b->frequency_mean_khz, a->frequency_mean_khz));
    }
    set->n_rows++; /* from here on it is freed with the set */
    if (load_totals(row, rec) < 0 || load_tokens(row, rec) < 0 || load_operators(row, rec) < 0 ||
        load_during(row, rec) < 0)
        return -ENOMEM;
    if (strcmp(l->last_run, rec->run_uuid) != 0)
        set->n_runs++;
    snprintf(l->last_run, sizeof(l->last_run), "%s", rec->run_uuid);
    return 0;
}

/* ---- configurations -------------------------------------------------------------------------- */

bool aglm_row_same_model(const struct aglm_row *a, const struct aglm_row *b)
{
    const struct aglm_record *x = &a->rec, *y = &b->rec;
    return !strcmp(x->model_name, y->model_name) && !strcmp(x->model_digest, y->model_digest) &&
           !strcmp(x->quantization, y->quantization) && !strcmp(x->requantize, y->requantize);
}

bool aglm_row_same_test(const struct aglm_row *a, const struct aglm_row *b)
{
    return a->rec.n_prompt == b->rec.n_prompt && a->rec.n_gen == b->rec.n_gen &&
           a->rec.n_depth == b->rec.n_depth && !strcmp(a->rec.test, b->rec.test) &&
           !strcmp(a->rec.prompt_digest, b->rec.prompt_digest);
}

bool aglm_row_requantized(const struct aglm_row *row)
{
    return row->rec.requantize[0] && strcmp(row->rec.requantize, "none") != 0;
}

static bool same_but_fuse(const struct aglm_row *a, const struct aglm_row *b)
{
    const struct aglm_record *x = &a->rec, *y = &b->rec;
    return x->n_threads == y->n_threads && x->n_batch == y->n_batch && x->n_ubatch == y->n_ubatch &&
           x->cpu_strict == y->cpu_strict && !strcmp(x->cpu_mask, y->cpu_mask) &&
           !strcmp(x->backend, y->backend) && !strcmp(x->isa, y->isa) &&
           !strcmp(x->type_k, y->type_k) && !strcmp(x->type_v, y->type_v) &&
           !strcmp(x->load, y->load);
}

static bool same_options(const struct aglm_row *a, const struct aglm_row *b)
{
    return same_but_fuse(a, b) && !strcmp(a->rec.fuse, b->rec.fuse);
}

bool aglm_row_differs_in_fuse(const struct aglm_row *a, const struct aglm_row *b)
{
    return aglm_row_same_model(a, b) && aglm_row_same_test(a, b) && same_but_fuse(a, b) &&
           strcmp(a->rec.fuse, b->rec.fuse) != 0;
}

bool aglm_row_same_config(const struct aglm_row *a, const struct aglm_row *b)
{
    return aglm_row_same_model(a, b) && aglm_row_same_test(a, b) && same_options(a, b);
}

static int compare_u32(uint32_t a, uint32_t b)
{
    return (a > b) - (a < b);
}

/* Order of the results table: model, size of the weights, then prompts before generation, lengths,
 * threads. */
static int compare_rows(const void *pa, const void *pb, void *ctx)
{
    const struct aglm_dataset *set = ctx;
    const struct aglm_record *a = &set->rows[*(const size_t *)pa].rec;
    const struct aglm_record *b = &set->rows[*(const size_t *)pb].rec;
    int c = strcmp(a->model_name, b->model_name);
    if (!c)
        c = (a->model_size > b->model_size) - (a->model_size < b->model_size);
    if (!c)
        c = strcmp(a->quantization, b->quantization);
    if (!c)
        c = compare_u32((a->n_gen > 0) + (a->n_gen > 0 && a->n_prompt > 0),
                        (b->n_gen > 0) + (b->n_gen > 0 && b->n_prompt > 0));
    if (!c)
        c = compare_u32(a->n_depth, b->n_depth);
    if (!c)
        c = compare_u32(a->n_prompt, b->n_prompt);
    if (!c)
        c = compare_u32(a->n_gen, b->n_gen);
    if (!c)
        c = strcmp(a->isa, b->isa);
    if (!c)
        c = compare_u32(a->n_threads, b->n_threads);
    if (!c)
        c = strcmp(a->load, b->load);
    return c ? c : strcmp(a->fuse, b->fuse);
}

/* Fills newest[] and current[], from the newest row backwards. */
static int pick_configs(struct aglm_dataset *set)
{
    set->newest = calloc(set->n_rows + 1, sizeof(*set->newest));
    set->current = calloc(set->n_rows + 1, sizeof(*set->current));
    if (!set->newest || !set->current)
        return -ENOMEM;
    for (size_t i = set->n_rows; i-- > 0;) {
        size_t k = 0;
        while (k < set->n_configs &&
               !aglm_row_same_config(&set->rows[set->newest[k]], &set->rows[i]))
            k++;
        if (k == set->n_configs)
            set->newest[set->n_configs++] = i;
    }
    qsort_r(set->newest, set->n_configs, sizeof(*set->newest), compare_rows, set);
    for (size_t k = 0; k < set->n_configs; k++) {
        const struct aglm_row *row = &set->rows[set->newest[k]];
        set->current[k] = set->newest[k];
        for (size_t i = set->newest[k] + 1; i-- > 0;) {
            if (set->rows[i].rec.valid && aglm_row_same_config(row, &set->rows[i])) {
                set->current[k] = i;
                break;
            }
        }
    }
    return 0;
}

int aglm_dataset_load(struct aglm_dataset *out, struct aglm_store *store,
                      const struct aglm_device *device, struct aglm_err *err)
{
    struct aglm_dataset set = {.device = device};
    struct loading loading = {.set = &set};
    const struct aglm_store_filter filter = {.fingerprint = device->fingerprint};
    int r = store && device->n_tests ? aglm_store_each(store, &filter, add_row, &loading, err) : 0;
    if (r == 0)
        r = pick_configs(&set);
    if (r < 0)
        goto fail;
    *out = set;
    return 0;
fail:
    if (r == -ENOMEM)
        aglm_err_set(err, r, "report: out of memory");
    aglm_dataset_finish(&set);
    return r;
}

void aglm_dataset_finish(struct aglm_dataset *set)
{
    if (!set)
        return;
    for (size_t i = 0; i < set->n_rows; i++)
        row_finish(&set->rows[i]);
    free(set->rows);
    for (size_t i = 0; i < set->n_answers; i++)
        aglm_record_finish(&set->answers[i]);
    free(set->answers);
    free(set->newest);
    free(set->current);
    *set = (struct aglm_dataset){0};
}

/* ---- picking --------------------------------------------------------------------------------- */

void aglm_row_speed(const struct aglm_row *row, enum aglm_phase phase, struct aglm_point *out)
{
    uint32_t with = phase == AGLM_PHASE_PREFILL ? row->rec.n_prompt : row->rec.n_gen;
    uint32_t other = phase == AGLM_PHASE_PREFILL ? row->rec.n_gen : row->rec.n_prompt;
    out->y = out->low = out->high = NAN;
    if (with == 0)
        return;
    if (other == 0) {
        out->y = row->res.median_ts;
        out->low = row->res.ci_low_ts;
        out->high = row->res.ci_high_ts;
    } else {
        out->y = phase == AGLM_PHASE_PREFILL ? row->res.prefill_ts : row->res.decode_ts;
    }
}

static bool is_null_backend(const struct aglm_row *row)
{
    return strcmp(row->rec.backend, "null") == 0;
}

/* May this row speak for the device? Invalid rows and the null backend only if there is nothing
 * better. */
static int standing(const struct aglm_row *row)
{
    return (is_null_backend(row) ? 0 : 2) + (row->rec.valid ? 1 : 0);
}

static bool better(const struct aglm_row *row, const struct aglm_row *best, enum aglm_phase phase)
{
    struct aglm_point a, b;
    aglm_row_speed(row, phase, &a);
    if (isnan(a.y))
        return false;
    if (!best)
        return true;
    if (standing(row) != standing(best))
        return standing(row) > standing(best);
    bool fused_a = strcmp(row->rec.fuse, "all") == 0, fused_b = strcmp(best->rec.fuse, "all") == 0;
    if (fused_a != fused_b) /* as the engine runs when nobody asks otherwise */
        return fused_a;
    bool pure_a = !row->rec.n_prompt != !row->rec.n_gen,
         pure_b = !best->rec.n_prompt != !best->rec.n_gen;
    if (pure_a != pure_b) /* a test of one phase alone comes first */
        return pure_a;
    if (row->rec.n_depth != best->rec.n_depth) /* an empty cache is what others publish */
        return row->rec.n_depth < best->rec.n_depth;
    aglm_row_speed(best, phase, &b);
    return a.y > b.y;
}

/* The name of the model that was measured last, null backend aside. */
static const char *last_model(const struct aglm_dataset *set)
{
    for (size_t i = set->n_rows; i-- > 0;)
        if (!is_null_backend(&set->rows[i]))
            return set->rows[i].rec.model_name;
    return set->n_rows ? set->rows[set->n_rows - 1].rec.model_name : "";
}

static const struct aglm_row *fastest(const struct aglm_dataset *set, enum aglm_phase phase,
                                      const struct aglm_row *like)
{
    const char *model = last_model(set);
    const struct aglm_row *best = NULL;
    for (size_t k = 0; k < set->n_configs; k++) {
        const struct aglm_row *row = &set->rows[set->current[k]];
        if (strcmp(row->rec.model_name, model) != 0)
            continue;
        if (like && !(aglm_row_same_model(row, like) && same_options(row, like)))
            continue;
        if (better(row, best, phase))
            best = row;
    }
    return best;
}

const struct aglm_row *aglm_dataset_headline(const struct aglm_dataset *set, enum aglm_phase phase)
{
    const struct aglm_row *decode = fastest(set, AGLM_PHASE_DECODE, NULL);
    if (phase == AGLM_PHASE_DECODE)
        return decode;
    const struct aglm_row *prefill = decode ? fastest(set, phase, decode) : NULL;
    return prefill ? prefill : fastest(set, phase, NULL);
}

/* ---- facts and metrics ----------------------------------------------------------------------- */

bool aglm_dataset_fact_number(const struct aglm_dataset *set, const char *key, double *out)
{
    const struct aglm_fact *fact = aglm_device_fact(set->device, key);
    if (!fact || fact->kind != AGLM_FACT_NUMBER)
        return false;
    *out = fact->number;
    return true;
}

bool aglm_dataset_fact_text(const struct aglm_dataset *set, const char *key, char *out, size_t size)
{
    const struct aglm_fact *fact = aglm_device_fact(set->device, key);
    if (!fact || fact->kind != AGLM_FACT_TEXT)
        return false;
    snprintf(out, size, "%s", fact->text);
    return true;
}

/* How much faster 8-bit weights decode than 32-bit ones: the first pair of the same model and
 * options. */
static double int8_over_fp32(const struct aglm_dataset *set)
{
    for (size_t i = 0; i < set->n_configs; i++) {
        const struct aglm_row *a = &set->rows[set->current[i]];
        for (size_t k = 0; k < set->n_configs; k++) {
            const struct aglm_row *b = &set->rows[set->current[k]];
            struct aglm_point pa, pb;
            if (strcmp(a->rec.quantization, "Q8_0") || strcmp(b->rec.quantization, "F32") ||
                strcmp(a->rec.model_name, b->rec.model_name) || !aglm_row_same_test(a, b) ||
                !same_options(a, b) || !a->rec.valid || !b->rec.valid)
                continue;
            aglm_row_speed(a, AGLM_PHASE_DECODE, &pa);
            aglm_row_speed(b, AGLM_PHASE_DECODE, &pb);
            if (pa.y > 0 && pb.y > 0)
                return pa.y / pb.y;
        }
    }
    return NAN;
}

double aglm_dataset_metric(const struct aglm_dataset *set, const char *metric)
{
    const struct aglm_row *prefill = aglm_dataset_headline(set, AGLM_PHASE_PREFILL);
    const struct aglm_row *decode = aglm_dataset_headline(set, AGLM_PHASE_DECODE);
    double bytes;
    if (!strcmp(metric, "ttft_ms"))
        return prefill ? prefill->res.ttft_ms : NAN;
    if (!strcmp(metric, "tpot_ms"))
        return decode ? decode->res.tpot_ms : NAN;
    if (!strcmp(metric, "others_cpu_percent"))
        return max_known(prefill ? prefill->res.others_cpu_percent_max : NAN,
                         decode ? decode->res.others_cpu_percent_max : NAN);
    if (!strcmp(metric, "memory_available_mib"))
        return min_known(prefill ? prefill->memory_available_min : NAN,
                         decode ? decode->memory_available_min : NAN) /
               1048576;
    if (!strcmp(metric,
                "memory_total_gib")) /* the kernel keeps a part: round up to what was built in */
        return aglm_dataset_fact_number(set, "memory.total", &bytes) ? ceil(bytes / 1073741824)
                                                                     : NAN;
    if (!strcmp(metric, "int8_over_fp32"))
        return int8_over_fp32(set);
    if (!strcmp(metric, "accuracy_kept_percent") && decode) {
        const struct aglm_accuracy_part sum = aglm_accuracy_sum(&decode->rec.accuracy, NULL, NULL);
        return aglm_accuracy_kept(&sum);
    }
    return NAN;
}
