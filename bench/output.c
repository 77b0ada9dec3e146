/* CSV, JSON, JSONL and SQL. Inputs: records. Outputs: text on a stream. The column names and their
 * order are llama-bench's, ours behind them; JSON has samples_ns, samples_ts and, per repetition,
 * the phases besides; JSON and SQL have the operators of profiled tests, CSV has no room for them.
 */
#include "bench/output.h"

#include "bench/columns.h"
#include "bench/escape.h"
#include "bench/operators.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>

static void fill(struct aglm_row *row, const struct aglm_record *record)
{
    struct aglm_results results;
    aglm_results_derive(&results, record);
    aglm_row_fill(row, record, &results);
}

static void fill_empty(struct aglm_row *row, struct aglm_record *empty)
{
    aglm_record_init(empty);
    fill(row, empty);
}

/* ---- csv ---- */

static void csv(FILE *out, const struct aglm_record *records, size_t n)
{
    struct aglm_row row;
    struct aglm_record empty;
    fill_empty(&row, &empty);
    for (size_t c = 0; c < row.n; c++) {
        fprintf(out, "%s%s", c > 0 ? "," : "", row.cells[c].name);
    }
    fputc('\n', out);
    for (size_t i = 0; i < n; i++) {
        fill(&row, &records[i]);
        for (size_t c = 0; c < row.n; c++) {
            const struct aglm_cell *cell = &row.cells[c];
            fputs(c > 0 ? "," : "", out);
            if (!cell->known) {
                continue;
            }
            if (cell->kind == AGLM_CELL_TEXT) {
                aglm_escape_csv(out, cell->text);
            } else if (cell->kind == AGLM_CELL_REAL) {
                fprintf(out, "\"%.6f\"", cell->real);
            } else {
                fprintf(out, "\"%" PRIu64 "\"", cell->whole);
            }
        }
        fputc('\n', out);
    }
}

/* ---- json ---- */

static void json_number(FILE *out, double v)
{
    if (isfinite(v)) {
        fprintf(out, "%.6f", v);
    } else {
        fputs("null", out);
    }
}

static void json_cell(FILE *out, const struct aglm_cell *cell)
{
    if (!cell->known) {
        fputs("null", out);
    } else if (cell->kind == AGLM_CELL_TEXT) {
        aglm_escape_json(out, cell->text);
    } else if (cell->kind == AGLM_CELL_REAL) {
        json_number(out, cell->real);
    } else if (cell->kind == AGLM_CELL_BOOL) {
        fputs(cell->whole ? "true" : "false", out);
    } else {
        fprintf(out, "%" PRIu64, cell->whole);
    }
}

static void json_samples(FILE *out, const char *break_line, const struct aglm_record *r)
{
    fprintf(out, ",%s\"samples_ns\": [", break_line);
    for (size_t i = 0; i < r->n_samples; i++) {
        fprintf(out, "%s%" PRIu64, i > 0 ? ", " : " ", r->samples[i].total_ns);
    }
    fprintf(out, " ],%s\"samples_ts\": [", break_line);
    for (size_t i = 0; i < r->n_samples; i++) {
        fputs(i > 0 ? ", " : " ", out);
        json_number(out, 1e9 * ((double)r->n_prompt + r->n_gen) / (double)r->samples[i].total_ns);
    }
    fprintf(out, " ],%s\"samples_prefill_ns\": [", break_line);
    for (size_t i = 0; i < r->n_samples; i++) {
        fprintf(out, "%s%" PRIu64, i > 0 ? ", " : " ", r->samples[i].prefill_ns);
    }
    fprintf(out, " ],%s\"samples_first_token_ns\": [", break_line);
    for (size_t i = 0; i < r->n_samples; i++) {
        fprintf(out, "%s%" PRIu64, i > 0 ? ", " : " ", r->samples[i].first_token_ns);
    }
    fprintf(out, " ],%s\"samples_token_ns\": [", break_line);
    for (size_t i = 0; i < r->n_samples; i++) {
        fputs(i > 0 ? ", [" : " [", out);
        for (size_t j = 0; j < r->samples[i].n_token_ns; j++) {
            fprintf(out, "%s%" PRIu64, j > 0 ? ", " : "", r->samples[i].token_ns[j]);
        }
        fputc(']', out);
    }
    fputs(" ]", out);
}

/* A count, kept as a double: whole ones without a fraction. */
static void json_count(FILE *out, double v)
{
    fprintf(out, v == floor(v) && v < 9e15 ? "%.0f" : "%.6f", v);
}

static void json_operator(FILE *out, const struct aglm_record *r, const struct aglm_operator *o)
{
    struct aglm_operator_figures f;
    aglm_operator_derive(&f, r, o);
    const struct {
        const char *name;
        double v;
    } counts[] = {{"weight_bytes", o->weight_bytes},
                  {"kv_bytes", o->kv_bytes},
                  {"act_bytes", o->act_bytes},
                  {"int8_ops", o->int8_ops},
                  {"float_ops", o->float_ops}},
      figures[] = {{"share_percent", f.share_percent},
                   {"wait_percent", f.wait_percent},
                   {"bytes_per_s", f.bytes_per_s},
                   {"ops_per_s", f.ops_per_s},
                   {"roof_percent", f.roof_percent}};
    fputs("{\"phase\": ", out);
    aglm_escape_json(out, o->phase);
    fputs(", \"name\": ", out);
    aglm_escape_json(out, o->name);
    fprintf(out, ", \"calls\": %" PRIu64 ", \"ns\": %" PRIu64 ", \"wait_ns\": %" PRIu64, o->calls,
            o->ns, o->wait_ns);
    for (size_t k = 0; k < sizeof(counts) / sizeof(counts[0]); k++) {
        fprintf(out, ", \"%s\": ", counts[k].name);
        json_count(out, counts[k].v);
    }
    for (size_t k = 0; k < sizeof(figures) / sizeof(figures[0]); k++) {
        fprintf(out, ", \"%s\": ", figures[k].name);
        json_number(out, figures[k].v);
    }
    fputc('}', out);
}

/* The operators, and beside them what they leave over of each phase. */
static void json_operators(FILE *out, const char *break_line, const struct aglm_record *r)
{
    static const char *const phases[] = {"prefill", "decode"};
    bool first = true;
    fprintf(out, ",%s\"operators\": [", break_line);
    for (size_t i = 0; i < r->n_operators; i++) {
        fputs(i > 0 ? ", " : " ", out);
        json_operator(out, r, &r->operators[i]);
    }
    fprintf(out, " ],%s\"operator_phases\": [", break_line);
    for (size_t p = 0; p < 2; p++) {
        struct aglm_operator_rest rest;
        aglm_operators_rest(&rest, r, phases[p]);
        if (rest.phase_ns <= 0) {
            continue;
        }
        fprintf(out,
                "%s{\"phase\": \"%s\", \"n_tokens\": %.0f, \"all_ns\": %.0f, "
                "\"barriers_ns\": %.0f, \"other_ns\": %.0f}",
                first ? " " : ", ", phases[p], rest.n_tokens, rest.phase_ns, rest.wait_ns,
                rest.other_ns);
        first = false;
    }
    fputs(" ]", out);
}

static void json_object(FILE *out, const char *break_line, const struct aglm_record *record)
{
    struct aglm_row row;
    fill(&row, record);
    for (size_t c = 0; c < row.n; c++) {
        fprintf(out, "%s%s\"%s\": ", c > 0 ? "," : "", break_line, row.cells[c].name);
        json_cell(out, &row.cells[c]);
    }
    json_samples(out, break_line, record);
    if (record->n_operators > 0) {
        json_operators(out, break_line, record);
    }
}

static void json(FILE *out, const struct aglm_record *records, size_t n)
{
    fputs("[\n", out);
    for (size_t i = 0; i < n; i++) {
        fprintf(out, "%s  {", i > 0 ? ",\n" : "");
        json_object(out, "\n    ", &records[i]);
        fputs("\n  }", out);
    }
    fputs(n > 0 ? "\n]\n" : "]\n", out);
}

static void jsonl(FILE *out, const struct aglm_record *records, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        fputc('{', out);
        json_object(out, " ", &records[i]);
        fputs(" }\n", out);
    }
}

/* ---- sql ---- */

static void sql_cell(FILE *out, const struct aglm_cell *cell)
{
    if (!cell->known) {
        fputs("NULL", out);
    } else if (cell->kind == AGLM_CELL_TEXT) {
        aglm_escape_sql(out, cell->text);
    } else if (cell->kind == AGLM_CELL_REAL) {
        fprintf(out, "%.6f", cell->real);
    } else {
        fprintf(out, "%" PRIu64, cell->whole);
    }
}

/* The operators, where there are any, by their test. */
static void sql_operators(FILE *out, const struct aglm_record *records, size_t n)
{
    bool any = false;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < records[i].n_operators; k++) {
            const struct aglm_operator *o = &records[i].operators[k];
            fputs(any ? ""
                      : "\nCREATE TABLE IF NOT EXISTS operator (test_uuid TEXT, phase TEXT, name "
                        "TEXT, calls INTEGER, ns INTEGER, wait_ns INTEGER, weight_bytes REAL, "
                        "kv_bytes REAL, act_bytes REAL, int8_ops REAL, float_ops REAL);\n\n",
                  out);
            any = true;
            fputs("INSERT INTO operator VALUES (", out);
            aglm_escape_sql(out, records[i].test_uuid);
            fputs(", ", out);
            aglm_escape_sql(out, o->phase);
            fputs(", ", out);
            aglm_escape_sql(out, o->name);
            fprintf(out,
                    ", %" PRIu64 ", %" PRIu64 ", %" PRIu64 ", %.17g, %.17g, %.17g, %.17g, "
                    "%.17g);\n",
                    o->calls, o->ns, o->wait_ns, o->weight_bytes, o->kv_bytes, o->act_bytes,
                    o->int8_ops, o->float_ops);
        }
    }
}

static void sql(FILE *out, const struct aglm_record *records, size_t n)
{
    static const char *const types[] = {"TEXT", "INTEGER", "REAL", "INTEGER"};
    struct aglm_row row;
    struct aglm_record empty;
    fill_empty(&row, &empty);
    fputs("CREATE TABLE IF NOT EXISTS llama_bench (\n", out);
    for (size_t c = 0; c < row.n; c++) {
        fprintf(out, "  %s %s%s\n", row.cells[c].name, types[row.cells[c].kind],
                c + 1 < row.n ? "," : "");
    }
    fputs(");\n\n", out);
    for (size_t i = 0; i < n; i++) {
        fill(&row, &records[i]);
        fputs("INSERT INTO llama_bench (", out);
        for (size_t c = 0; c < row.n; c++) {
            fprintf(out, "%s%s", c > 0 ? ", " : "", row.cells[c].name);
        }
        fputs(") VALUES (", out);
        for (size_t c = 0; c < row.n; c++) {
            fputs(c > 0 ? ", " : "", out);
            sql_cell(out, &row.cells[c]);
        }
        fputs(");\n", out);
    }
    sql_operators(out, records, n);
}

int aglm_output(FILE *out, enum aglm_format format, const struct aglm_record *records, size_t n)
{
    switch (format) {
    case AGLM_FORMAT_NONE:
        return 0;
    case AGLM_FORMAT_MD:
        return aglm_output_md(out, records, n);
    case AGLM_FORMAT_CSV:
        csv(out, records, n);
        return 0;
    case AGLM_FORMAT_JSON:
        json(out, records, n);
        return 0;
    case AGLM_FORMAT_JSONL:
        jsonl(out, records, n);
        return 0;
    case AGLM_FORMAT_SQL:
        sql(out, records, n);
        return 0;
    }
    return -EINVAL;
}
