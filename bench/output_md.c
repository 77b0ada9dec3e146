/* The Markdown table: llama-bench's columns, then the median with its interval, TTFT, TPOT and the
 * verdict.
 *
 * Inputs: records. Outputs: a table as wide as its cells, on a terminal no wider than that; the
 * reasons of every INVALID row, a build line. Options that are the same in all rows and have their
 * default value get no column.
 */
#include "bench/output.h"

#include "bench/escape.h"
#include "bench/record_options.h"
#include "bench/table.h"
#include "bench/tally.h"
#include "bench/verdict.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define CELL_SIZE 192

typedef void (*cell_fn)(char *buf, const struct aglm_record *r, const struct aglm_results *d);

static void cell_model(char *buf, const struct aglm_record *r, const struct aglm_results *d)
{
    aglm_escape_md(buf, CELL_SIZE, r->model_type);
}

static void cell_size(char *buf, const struct aglm_record *r, const struct aglm_results *d)
{
    double mib = (double)r->model_size / 1024 / 1024;
    snprintf(buf, CELL_SIZE, "%.2f %s", mib < 1024 ? mib : mib / 1024, mib < 1024 ? "MiB" : "GiB");
}

static void cell_params(char *buf, const struct aglm_record *r, const struct aglm_results *d)
{
    double n = (double)r->model_n_params;
    snprintf(buf, CELL_SIZE, "%.2f %s", n < 1e9 ? n / 1e6 : n / 1e9, n < 1e9 ? "M" : "B");
}

static void cell_backend(char *buf, const struct aglm_record *r, const struct aglm_results *d)
{
    aglm_escape_md(buf, CELL_SIZE, strcmp(r->backend, "cpu") == 0 ? "CPU" : r->backend);
}

static void cell_isa(char *buf, const struct aglm_record *r, const struct aglm_results *d)
{
    aglm_escape_md(buf, CELL_SIZE, r->isa);
}

static void cell_quantize(char *buf, const struct aglm_record *r, const struct aglm_results *d)
{
    aglm_escape_md(buf, CELL_SIZE, r->requantize);
}

static void cell_threads(char *buf, const struct aglm_record *r, const struct aglm_results *d)
{
    snprintf(buf, CELL_SIZE, "%" PRIu32, r->n_threads);
}

static void cell_mask(char *buf, const struct aglm_record *r, const struct aglm_results *d)
{
    aglm_escape_md(buf, CELL_SIZE, r->cpu_mask);
}

static void cell_strict(char *buf, const struct aglm_record *r, const struct aglm_results *d)
{
    snprintf(buf, CELL_SIZE, "%d", r->cpu_strict);
}

static void cell_batch(char *buf, const struct aglm_record *r, const struct aglm_results *d)
{
    snprintf(buf, CELL_SIZE, "%" PRIu32, r->n_batch);
}

static void cell_ubatch(char *buf, const struct aglm_record *r, const struct aglm_results *d)
{
    snprintf(buf, CELL_SIZE, "%" PRIu32, r->n_ubatch);
}

static void cell_type_k(char *buf, const struct aglm_record *r, const struct aglm_results *d)
{
    snprintf(buf, CELL_SIZE, "%s", r->type_k);
}

static void cell_load(char *buf, const struct aglm_record *r, const struct aglm_results *d)
{
    snprintf(buf, CELL_SIZE, "%s", r->load);
}

static void cell_type_v(char *buf, const struct aglm_record *r, const struct aglm_results *d)
{
    snprintf(buf, CELL_SIZE, "%s", r->type_v);
}

static void cell_fuse(char *buf, const struct aglm_record *r, const struct aglm_results *d)
{
    aglm_escape_md(buf, CELL_SIZE, r->fuse);
}

static void cell_test(char *buf, const struct aglm_record *r, const struct aglm_results *d)
{
    aglm_escape_md(buf, CELL_SIZE, r->test);
}

static void cell_speed(char *buf, const struct aglm_record *r, const struct aglm_results *d)
{
    if (isnan(d->stddev_ts)) {
        snprintf(buf, CELL_SIZE, "%.2f", d->avg_ts);
    } else {
        snprintf(buf, CELL_SIZE, "%.2f ± %.2f", d->avg_ts, d->stddev_ts);
    }
}

static void cell_median(char *buf, const struct aglm_record *r, const struct aglm_results *d)
{
    if (r->n_samples < 2) { /* no spread, and none shown */
        snprintf(buf, CELL_SIZE, "%.2f", d->median_ts);
    } else {
        snprintf(buf, CELL_SIZE, "%.2f [%.2f, %.2f]", d->median_ts, d->ci_low_ts, d->ci_high_ts);
    }
}

static void put_ms(char *buf, double ms)
{
    if (isnan(ms)) {
        snprintf(buf, CELL_SIZE, "-");
    } else {
        snprintf(buf, CELL_SIZE, ms < 10 ? "%.3f" : "%.1f", ms);
    }
}

static void cell_ttft(char *buf, const struct aglm_record *r, const struct aglm_results *d)
{
    put_ms(buf, d->ttft_ms);
}

static void cell_tpot(char *buf, const struct aglm_record *r, const struct aglm_results *d)
{
    put_ms(buf, d->tpot_ms);
}

static void put_percent(char *buf, double percent)
{
    snprintf(buf, CELL_SIZE, isnan(percent) ? "-" : percent < 10 ? "%.1f%%" : "%.0f%%", percent);
}

/* What the phases of the test reach of the device's limit; of both, prompt first. */
static void cell_roof(char *buf, const struct aglm_record *r, const struct aglm_results *d)
{
    char prefill[CELL_SIZE], decode[CELL_SIZE];
    put_percent(prefill, d->prefill_roof_percent);
    put_percent(decode, d->decode_roof_percent);
    if (r->n_prompt > 0 && r->n_gen > 0 && strcmp(prefill, decode) != 0) {
        snprintf(buf, CELL_SIZE, "%.16s, %.16s", prefill, decode);
    } else {
        snprintf(buf, CELL_SIZE, "%.16s", r->n_prompt > 0 ? prefill : decode);
    }
}

/* The share of F32's right answers that stays right. */
static void cell_kept(char *buf, const struct aglm_record *r, const struct aglm_results *d)
{
    const struct aglm_accuracy_part sum = aglm_accuracy_sum(&r->accuracy, NULL, NULL);
    const double kept = aglm_accuracy_kept(&sum);
    snprintf(buf, CELL_SIZE, isnan(kept) ? "-" : "%.1f%%", kept);
}

static void cell_verdict(char *buf, const struct aglm_record *r, const struct aglm_results *d)
{
    const char *unknown = aglm_verdict_others_unknown(r);
    snprintf(buf, CELL_SIZE, "%s%s", r->valid ? "VALID" : "INVALID",
             r->valid && unknown != NULL ? ", others unknown" : "");
}

static const struct aglm_table_column md_columns[] = {
    {"model", false, NULL, .lift = true},
    {"size", true, NULL, .lift = true, .rank = 2},
    {"params", true, NULL, .lift = true, .rank = 1},
    {"backend", false, NULL, .lift = true},
    {"isa", false, NULL, .lift = true},
    {"quantize", false, "none", .lift = true},
    {"threads", true, NULL, .lift = true},
    {"cpu_mask", false, "0x0", .lift = true},
    {"cpu_strict", true, "0", .lift = true},
    {"n_batch", true, "2048", .lift = true},
    {"n_ubatch", true, "512", .lift = true},
    {"type_k", true, "f16", .lift = true},
    {"type_v", true, "f16", .lift = true},
    {"fuse", false, "all", .lift = true},
    {"load", false, "pack", .lift = true},
    {"test", true, NULL},
    {"t/s", true, NULL, .rank = 3},
    {"median", true, NULL}, /* its header says what the interval is */
    {"TTFT ms", true, NULL, .rank = 4},
    {"TPOT ms", true, NULL, .rank = 5},
    {"of roof", true, "-", .rank = 6}, /* not measured at all: no column */
    {"kept", true, "-", .rank = 7},    /* not asked: no column */
    {"verdict", false, NULL},
};

static const cell_fn md_cells[] = {
    cell_model,   cell_size, cell_params, cell_backend, cell_isa,    cell_quantize,
    cell_threads, cell_mask, cell_strict, cell_batch,   cell_ubatch, cell_type_k,
    cell_type_v,  cell_fuse, cell_load,   cell_test,    cell_speed,  cell_median,
    cell_ttft,    cell_tpot, cell_roof,   cell_kept,    cell_verdict};

#define N_COLUMNS (sizeof(md_columns) / sizeof(md_columns[0]))
_Static_assert(sizeof(md_cells) / sizeof(md_cells[0]) == N_COLUMNS, "a cell for each column");

static const char *median_header(bool any_range, bool any_interval)
{
    if (any_range && any_interval) {
        return "median [95% CI or range]";
    }
    return any_range ? "median [range]" : any_interval ? "median [95% CI]" : "median";
}

/* Fills the table; columns: [N_COLUMNS], whose names it may change. */
static void fill_table(struct aglm_table *t, struct aglm_table_column *columns,
                       const struct aglm_record *records, size_t n)
{
    bool any_range = false, any_interval = false;
    aglm_table_init(t, columns, N_COLUMNS);
    for (size_t i = 0; i < n; i++) {
        struct aglm_results d;
        char cell[CELL_SIZE];
        aglm_results_derive(&d, &records[i]);
        any_range |= d.ci_is_range && records[i].n_samples > 1;
        any_interval |= !d.ci_is_range;
        for (size_t c = 0; c < N_COLUMNS; c++) {
            md_cells[c](cell, &records[i], &d);
            aglm_table_add(t, cell);
        }
    }
    for (size_t c = 0; c < N_COLUMNS; c++) {
        if (md_cells[c] == cell_median) {
            columns[c].name = median_header(any_range, any_interval);
        }
    }
}

void aglm_output_name(FILE *out, const struct aglm_record *r, uint32_t varying)
{
    char type[CELL_SIZE], test[CELL_SIZE], options[700], text[700];
    aglm_escape_md(type, sizeof(type), r->model_type);
    aglm_escape_md(test, sizeof(test), r->test);
    aglm_record_options_text(text, sizeof(text), r, varying);
    aglm_escape_md(options, sizeof(options), text);
    fprintf(out, "%s, %s, %" PRIu32 " thread%s%s%s", test, type, r->n_threads,
            r->n_threads == 1 ? "" : "s", options[0] != '\0' ? ", " : "", options);
    if (strcmp(r->fuse, "all") != 0) {
        fprintf(out, ", fused: %s", r->fuse);
    }
}

static void print_reasons(FILE *out, const struct aglm_record *records, size_t n, uint32_t varying)
{
    bool first = true;
    for (size_t i = 0; i < n; i++) {
        char reasons[600];
        if (records[i].valid) {
            continue;
        }
        fputs(first ? "\nINVALID, not to be compared:\n\n" : "", out);
        first = false;
        aglm_escape_md(reasons, sizeof(reasons), records[i].reasons);
        fputs("- ", out);
        aglm_output_name(out, &records[i], varying);
        fprintf(out, ": %s\n", reasons);
    }
}

/* Why it is not known of a VALID test what others did meanwhile; once for each reason. */
static void print_unknown(FILE *out, const struct aglm_record *records, size_t n)
{
    const char *said = NULL;
    for (size_t i = 0; i < n; i++) {
        const char *unknown = records[i].valid ? aglm_verdict_others_unknown(&records[i]) : NULL;
        if (unknown != NULL && (said == NULL || strcmp(said, unknown) != 0)) {
            fprintf(out, "\nothers unknown (how much of the CPU others used): %s\n", unknown);
            said = unknown;
        }
    }
}

int aglm_output_md(FILE *out, const struct aglm_record *records, size_t n)
{
    struct aglm_table_column columns[N_COLUMNS];
    struct aglm_table t;
    if (n == 0) {
        return 0; /* for people: a header without rows says nothing */
    }
    const struct aglm_record **list = calloc(n, sizeof(*list));
    if (list == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        list[i] = &records[i];
    }
    const uint32_t varying = aglm_record_options_varying(list, n);
    free(list);
    memcpy(columns, md_columns, sizeof(columns));
    fill_table(&t, columns, records, n);
    int rc = aglm_table_print(out, &t, aglm_table_width(out));
    aglm_table_finish(&t);
    if (rc == 0) {
        print_reasons(out, records, n, varying);
        print_unknown(out, records, n);
        aglm_output_accuracy(out, records, n);
        rc = aglm_output_gains(out, records, n, varying);
    }
    if (rc == 0) {
        rc = aglm_output_operators(out, records, n, varying);
    }
    fprintf(out, "\nbuild: %.10s (%s)\n", records[0].commit, records[0].version);
    return rc;
}
