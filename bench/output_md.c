/* The Markdown table: llama-bench's columns, then the median with its interval, TTFT, TPOT and the
 * verdict.
 *
 * Inputs: records. Outputs: a table as wide as its cells, the reasons of every INVALID row, a build
 * line. Options that are the same in all rows and have their default value get no column.
 */
#include "bench/output.h"

#include "bench/escape.h"

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
    snprintf(buf, CELL_SIZE, "%.2f [%.2f, %.2f]", d->median_ts, d->ci_low_ts, d->ci_high_ts);
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

static void cell_verdict(char *buf, const struct aglm_record *r, const struct aglm_results *d)
{
    snprintf(buf, CELL_SIZE, "%s", r->valid ? "VALID" : "INVALID");
}

struct md_column {
    const char *name;
    cell_fn cell;
    bool right;              /* aligned */
    const char *hidden_when; /* all rows have this value: no column; NULL: always shown */
};

static const struct md_column md_columns[] = {
    {"model", cell_model, false, NULL},
    {"size", cell_size, true, NULL},
    {"params", cell_params, true, NULL},
    {"backend", cell_backend, false, NULL},
    {"isa", cell_isa, false, NULL},
    {"quantize", cell_quantize, false, "none"},
    {"threads", cell_threads, true, NULL},
    {"cpu_mask", cell_mask, false, "0x0"},
    {"cpu_strict", cell_strict, true, "0"},
    {"n_batch", cell_batch, true, "2048"},
    {"n_ubatch", cell_ubatch, true, "512"},
    {"type_k", cell_type_k, true, "f16"},
    {"type_v", cell_type_v, true, "f16"},
    {"fuse", cell_fuse, false, "all"},
    {"load", cell_load, false, "pack"},
    {"test", cell_test, true, NULL},
    {"t/s", cell_speed, true, NULL},
    {"median", cell_median, true, NULL}, /* its header says what the interval is */
    {"TTFT ms", cell_ttft, true, NULL},
    {"TPOT ms", cell_tpot, true, NULL},
    {"of roof", cell_roof, true, "-"}, /* not measured at all: no column */
    {"verdict", cell_verdict, false, NULL},
};

#define N_COLUMNS (sizeof(md_columns) / sizeof(md_columns[0]))

struct table {
    char (*cells)[N_COLUMNS][CELL_SIZE]; /* [n + 1]: row 0 is the header */
    size_t n;                            /* rows without the header */
    size_t width[N_COLUMNS];
    bool shown[N_COLUMNS];
};

static const char *median_header(bool any_range, bool any_interval)
{
    if (any_range && any_interval) {
        return "median [95% CI or range]";
    }
    return any_range ? "median [range]" : "median [95% CI]";
}

static void fill_table(struct table *t, const struct aglm_record *records)
{
    bool any_range = false, any_interval = false;
    for (size_t i = 0; i < t->n; i++) {
        struct aglm_results d;
        aglm_results_derive(&d, &records[i]);
        any_range |= d.ci_is_range;
        any_interval |= !d.ci_is_range;
        for (size_t c = 0; c < N_COLUMNS; c++) {
            md_columns[c].cell(t->cells[i + 1][c], &records[i], &d);
        }
    }
    for (size_t c = 0; c < N_COLUMNS; c++) {
        const struct md_column *column = &md_columns[c];
        bool median = column->cell == cell_median;
        snprintf(t->cells[0][c], CELL_SIZE, "%s",
                 median ? median_header(any_range, any_interval) : column->name);
        t->shown[c] = column->hidden_when == NULL;
        for (size_t i = 0; i <= t->n; i++) {
            size_t width = aglm_utf8_columns(t->cells[i][c]);
            t->width[c] = width > t->width[c] ? width : t->width[c];
            t->shown[c] |=
                i > 0 &&
                strcmp(t->cells[i][c], column->hidden_when != NULL ? column->hidden_when : "") != 0;
        }
    }
}

static void print_row(FILE *out, const struct table *t, size_t i)
{
    fputc('|', out);
    for (size_t c = 0; c < N_COLUMNS; c++) {
        if (t->shown[c]) {
            int pad = (int)(t->width[c] - aglm_utf8_columns(t->cells[i][c]));
            fprintf(out, " %*s%s%*s |", md_columns[c].right ? pad : 0, "", t->cells[i][c],
                    md_columns[c].right ? 0 : pad, "");
        }
    }
    fputc('\n', out);
}

static void print_rule(FILE *out, const struct table *t)
{
    fputc('|', out);
    for (size_t c = 0; c < N_COLUMNS; c++) {
        if (t->shown[c]) {
            fputc(' ', out);
            for (size_t i = 1; i < t->width[c]; i++) {
                fputc('-', out);
            }
            fputs(md_columns[c].right ? ": |" : "- |", out);
        }
    }
    fputc('\n', out);
}

static void print_reasons(FILE *out, const struct aglm_record *records, size_t n)
{
    bool first = true;
    for (size_t i = 0; i < n; i++) {
        char type[CELL_SIZE], reasons[600];
        if (records[i].valid) {
            continue;
        }
        fputs(first ? "\nINVALID, not to be compared:\n\n" : "", out);
        first = false;
        aglm_escape_md(type, sizeof(type), records[i].model_type);
        aglm_escape_md(reasons, sizeof(reasons), records[i].reasons);
        fprintf(out, "- %s, %s, %" PRIu32 " thread%s: %s\n", type, records[i].test,
                records[i].n_threads, records[i].n_threads == 1 ? "" : "s", reasons);
    }
}

int aglm_output_md(FILE *out, const struct aglm_record *records, size_t n)
{
    if (n == 0) {
        return 0; /* for people: a header without rows says nothing */
    }
    struct table t = {.cells = calloc(n + 1, sizeof(*t.cells)), .n = n};
    if (t.cells == NULL) {
        return -ENOMEM;
    }
    fill_table(&t, records);
    print_row(out, &t, 0);
    print_rule(out, &t);
    for (size_t i = 1; i <= n; i++) {
        print_row(out, &t, i);
    }
    print_reasons(out, records, n);
    aglm_output_gains(out, records, n);
    aglm_output_operators(out, records, n);
    fprintf(out, "\nbuild: %.10s (%s)\n", records[0].commit, records[0].version);
    free(t.cells);
    return 0;
}
