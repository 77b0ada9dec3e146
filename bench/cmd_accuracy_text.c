/* The results of `aglm-bench accuracy` as Markdown, JSON, JSON lines and CSV. Everything printed
 * comes from the records, the lists of answers from the answers beside them.
 */
#include "bench/cmd_accuracy.h"
#include "bench/escape.h"
#include "bench/json.h"
#include "bench/json_string.h"
#include "bench/tally.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CELL = 96, MAX_COLUMNS = 80 };

/* A figure with its unit, or its dash. */
static void put(char *cell, double v, int decimals, const char *unit)
{
    if (isnan(v))
        snprintf(cell, CELL, "-");
    else
        snprintf(cell, CELL, "%.*f%s", decimals, v, unit);
}

static void put_chance(char *cell, double p)
{
    if (isnan(p))
        snprintf(cell, CELL, "-");
    else if (p < 0.001)
        snprintf(cell, CELL, "<0.001");
    else
        snprintf(cell, CELL, "%.3f", p);
}

static void put_share(char *cell, const struct aglm_accuracy_part *sum)
{
    const struct aglm_interval w = aglm_wilson(sum->right, sum->n);
    if (sum->n == 0)
        snprintf(cell, CELL, "-");
    else
        snprintf(cell, CELL, "%.1f%% [%.1f, %.1f]", w.percent, w.low, w.high);
}

/* ---- Markdown ---- */

struct cells {
    char (*rows)[MAX_COLUMNS][CELL]; /* [n + 1]; row 0 is the header */
    size_t n, n_columns, n_left;     /* the first n_left columns hold words */
};

static size_t width_of(const struct cells *t, size_t column)
{
    size_t width = 3;
    for (size_t i = 0; i <= t->n; i++) {
        size_t w = aglm_utf8_columns(t->rows[i][column]);
        width = w > width ? w : width;
    }
    return width;
}

static void print_cells(const struct cells *t)
{
    for (size_t i = 0; i <= t->n; i++) {
        putchar('|');
        for (size_t c = 0; c < t->n_columns; c++) {
            const char *cell = t->rows[i][c];
            const int pad = (int)(width_of(t, c) - aglm_utf8_columns(cell));
            const bool left = c < t->n_left;
            printf(" %*s%s%*s |", left ? 0 : pad, "", cell, left ? pad : 0, "");
        }
        fputs(i == 0 ? "\n|" : "\n", stdout);
        for (size_t c = 0; i == 0 && c < t->n_columns; c++) {
            putchar(' ');
            for (size_t k = 1; k < width_of(t, c); k++)
                putchar('-');
            fputs(c < t->n_left ? "- |" : ": |", stdout);
        }
        fputs(i == 0 ? "\n" : "", stdout);
    }
}

static int begin(struct cells *t, size_t n)
{
    *t = (struct cells){.rows = calloc(n + 1, sizeof(*t->rows)), .n = n};
    return t->rows ? 0 : -ENOMEM;
}

static void name_of(char *cell, const struct aglm_record *r)
{
    aglm_escape_md(cell, CELL, r->quantization);
    size_t n = strlen(cell);
    if (r->accuracy.prune > 0)
        n += (size_t)snprintf(cell + n, CELL - n, ", %g%% pruned", 100 * r->accuracy.prune);
    if (strcmp(r->type_k, "f16") != 0 || strcmp(r->type_v, "f16") != 0)
        snprintf(cell + n, CELL - n, ", KV %s/%s", r->type_k, r->type_v);
}

static int print_summary(const struct aglm_accuracy_table *table)
{
    static const char *const heads[] = {
        "quantization", "backend", "isa",      "right",      "accuracy",    "kept", "lost",
        "gained",       "p",       "size MiB", "decode t/s", "prefill t/s", "s"};
    struct cells t;
    if (begin(&t, table->n))
        return -ENOMEM;
    t.n_columns = sizeof(heads) / sizeof(heads[0]);
    t.n_left = 3;
    for (size_t c = 0; c < t.n_columns; c++)
        snprintf(t.rows[0][c], CELL, "%s", heads[c]);
    for (size_t i = 0; i < table->n; i++) {
        const struct aglm_record *r = &table->rows[i].record;
        const struct aglm_accuracy *a = &r->accuracy;
        const struct aglm_accuracy_part sum = aglm_accuracy_sum(a, NULL, NULL);
        const bool paired = sum.n > 0 && sum.n_paired == sum.n;
        char(*cell)[CELL] = t.rows[i + 1];
        name_of(cell[0], r);
        aglm_escape_md(cell[1], CELL, r->backend);
        aglm_escape_md(cell[2], CELL, r->isa);
        snprintf(cell[3], CELL, "%" PRIu64 "/%" PRIu64, sum.right, sum.n);
        put_share(cell[4], &sum);
        put(cell[5], aglm_accuracy_kept(&sum), 1, "%");
        put(cell[6], paired ? (double)sum.lost : NAN, 0, "");
        put(cell[7], paired ? (double)sum.gained : NAN, 0, "");
        put_chance(cell[8], paired ? aglm_mcnemar(sum.lost, sum.gained) : NAN);
        put(cell[9], (double)r->model_size / 1048576, 2, "");
        put(cell[10], a->decode_ts, 0, "");
        put(cell[11], a->prefill_ts, 0, "");
        put(cell[12], a->wall_ns / 1e9, 1, "");
    }
    print_cells(&t);
    free(t.rows);
    return 0;
}

/* Every part and every language, in the order of the items. */
static int print_parts(const struct aglm_accuracy_table *table)
{
    const struct aglm_accuracy *first = &table->rows[0].record.accuracy;
    struct cells t;
    if (begin(&t, table->n))
        return -ENOMEM;
    const char *parts[MAX_COLUMNS] = {NULL}, *langs[MAX_COLUMNS] = {NULL};
    t.n_columns = t.n_left = 1;
    for (size_t pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < first->n_parts && t.n_columns < MAX_COLUMNS; i++) {
            const struct aglm_accuracy_part *p = &first->parts[i];
            const char *name = pass ? p->lang : p->part, **list = pass ? langs : parts;
            size_t k = 1;
            while (k < t.n_columns && !(list[k] && strcmp(list[k], name) == 0))
                k++;
            if (k == t.n_columns)
                list[t.n_columns++] = name;
        }
    snprintf(t.rows[0][0], CELL, "quantization");
    for (size_t c = 1; c < t.n_columns; c++) {
        const struct aglm_accuracy_part sum = aglm_accuracy_sum(first, parts[c], langs[c]);
        snprintf(t.rows[0][c], CELL, "%s (%" PRIu64 ")", parts[c] ? parts[c] : langs[c], sum.n);
    }
    for (size_t i = 0; i < table->n; i++) {
        name_of(t.rows[i + 1][0], &table->rows[i].record);
        for (size_t c = 1; c < t.n_columns; c++) {
            const struct aglm_accuracy_part sum =
                aglm_accuracy_sum(&table->rows[i].record.accuracy, parts[c], langs[c]);
            put_share(t.rows[i + 1][c], &sum);
        }
    }
    puts("");
    print_cells(&t);
    free(t.rows);
    return 0;
}

static bool listed(const struct aglm_accuracy_table *t, const struct aglm_answer *answer)
{
    return answer->asked && (t->command->list == AGLM_LIST_ALL ||
                             (t->command->list == AGLM_LIST_WRONG && !answer->right));
}

static void print_list(const struct aglm_accuracy_table *t, const struct aglm_accuracy_row *row)
{
    char name[CELL];
    size_t n = 0;
    name_of(name, &row->record);
    for (size_t i = 0; i < t->items->n; i++)
        n += listed(t, &row->answers.list[i]);
    printf("\n%s answers of %s, %s %s: %zu\n\n",
           t->command->list == AGLM_LIST_ALL ? "All" : "Wrong", name, row->record.backend,
           row->record.isa, n);
    for (size_t i = 0; i < t->items->n; i++) {
        const struct aglm_item *item = &t->items->list[i];
        const struct aglm_answer *answer = &row->answers.list[i];
        if (!listed(t, answer))
            continue;
        printf("- %s (%s, %s): %s\n  - expected: ", item->id, item->part, item->lang,
               answer->right ? "right" : "wrong");
        aglm_json_string_write(stdout, item->answer, strlen(item->answer));
        fputs("\n  - got:      ", stdout);
        aglm_json_string_write(stdout, answer->text, answer->size);
        puts("");
    }
}

static int print_md(const struct aglm_accuracy_table *t)
{
    const struct aglm_accuracy *a = &t->rows[0].record.accuracy;
    char model[CELL * 2];
    aglm_escape_md(model, sizeof(model), a->model);
    printf("%s, %zu of %zu items, %" PRIu64 " answer%s at a time, one thread each\n\n", model,
           t->items->n, t->items->n_file, a->n_threads, a->n_threads == 1 ? "" : "s");
    if (print_summary(t) || print_parts(t))
        return -ENOMEM;
    printf("\naccuracy: exact matches [95%% interval, Wilson], parts that end in -ood left out");
    if (a->reference[0])
        printf("; kept, lost, gained, p (McNemar): beside %s on the same items", a->reference);
    puts("; t/s: of one answer's thread");
    bool first = true;
    for (size_t i = 0; i < t->n; i++) {
        const struct aglm_record *r = &t->rows[i].record;
        if (r->valid)
            continue;
        char name[CELL];
        name_of(name, r);
        printf("%s- %s: %s\n", first ? "\nINVALID, not to be used:\n\n" : "", name, r->reasons);
        first = false;
    }
    for (size_t i = 0; t->command->list && i < t->n; i++)
        print_list(t, &t->rows[i]);
    return 0;
}

/* ---- JSON ---- */

/* NaN, which JSON lacks, is null. */
static void add_sum(cJSON *o, const struct aglm_accuracy_part *sum)
{
    const struct aglm_interval w = aglm_wilson(sum->right, sum->n);
    const bool paired = sum->n > 0 && sum->n_paired == sum->n;
    aglm_json_number(o, "n", (double)sum->n);
    aglm_json_number(o, "right", (double)sum->right);
    aglm_json_number(o, "accuracy_percent", w.percent);
    aglm_json_number(o, "ci_low_percent", w.low);
    aglm_json_number(o, "ci_high_percent", w.high);
    aglm_json_number(o, "reference_right", paired ? (double)sum->reference_right : NAN);
    aglm_json_number(o, "kept_percent", aglm_accuracy_kept(sum));
    aglm_json_number(o, "lost", paired ? (double)sum->lost : NAN);
    aglm_json_number(o, "gained", paired ? (double)sum->gained : NAN);
    aglm_json_number(o, "mcnemar_p", paired ? aglm_mcnemar(sum->lost, sum->gained) : NAN);
}

static void add_answers(cJSON *o, const struct aglm_accuracy_table *t,
                        const struct aglm_accuracy_row *row)
{
    cJSON *list = cJSON_AddArrayToObject(o, "answers");
    for (size_t i = 0; i < t->items->n; i++) {
        const struct aglm_item *item = &t->items->list[i];
        const struct aglm_answer *answer = &row->answers.list[i];
        if (!listed(t, answer))
            continue;
        cJSON *one = cJSON_CreateObject();
        cJSON_AddStringToObject(one, "id", item->id);
        cJSON_AddStringToObject(one, "part", item->part);
        cJSON_AddStringToObject(one, "lang", item->lang);
        cJSON_AddBoolToObject(one, "right", answer->right);
        aglm_json_text(one, "prompt", item->prompt);
        aglm_json_text(one, "expected", item->answer);
        aglm_json_text(one, "got", answer->text);
        cJSON_AddItemToArray(list, one);
    }
}

static cJSON *row_json(const struct aglm_accuracy_table *t, const struct aglm_accuracy_row *row)
{
    const struct aglm_record *r = &row->record;
    const struct aglm_accuracy *a = &r->accuracy;
    const struct aglm_accuracy_part all = aglm_accuracy_sum(a, NULL, NULL);
    cJSON *o = cJSON_CreateObject();
    aglm_json_text(o, "model", r->model_path);
    aglm_json_text(o, "model_name", r->model_name);
    aglm_json_text(o, "model_digest", r->model_digest);
    aglm_json_text(o, "items", t->items_path);
    aglm_json_text(o, "items_digest", a->items_digest);
    aglm_json_number(o, "items_in_file", (double)a->n_file);
    aglm_json_number(o, "items_to_ask", (double)a->n_items);
    aglm_json_text(o, "quantization", r->quantization);
    aglm_json_text(o, "requantize", r->requantize);
    aglm_json_number(o, "prune", a->prune);
    aglm_json_text(o, "type_k", r->type_k);
    aglm_json_text(o, "type_v", r->type_v);
    aglm_json_text(o, "backend", r->backend);
    aglm_json_text(o, "isa", r->isa);
    aglm_json_number(o, "threads", (double)a->n_threads);
    aglm_json_number(o, "size_bytes", (double)r->model_size);
    aglm_json_text(o, "reference", a->reference);
    add_sum(o, &all);
    cJSON *parts = cJSON_AddArrayToObject(o, "parts");
    for (size_t i = 0; i < a->n_parts; i++) {
        cJSON *part = cJSON_CreateObject();
        aglm_json_text(part, "part", a->parts[i].part);
        aglm_json_text(part, "lang", a->parts[i].lang);
        add_sum(part, &a->parts[i]);
        cJSON_AddItemToArray(parts, part);
    }
    aglm_json_number(o, "decode_ts", a->decode_ts);
    aglm_json_number(o, "prefill_ts", a->prefill_ts);
    aglm_json_number(o, "wall_s", a->wall_ns / 1e9);
    aglm_json_number(o, "others_cpu_percent", a->others_cpu_percent);
    aglm_json_text(o, "verdict", r->valid ? "VALID" : "INVALID");
    aglm_json_text(o, "reasons", r->reasons);
    aglm_json_text(o, "test_uuid", r->test_uuid);
    if (t->command->list)
        add_answers(o, t, row);
    return o;
}

static int print_json(const struct aglm_accuracy_table *t, bool lines)
{
    cJSON *list = cJSON_CreateArray();
    int rc = 0;
    for (size_t i = 0; i < t->n; i++)
        cJSON_AddItemToArray(list, row_json(t, &t->rows[i]));
    const cJSON *row;
    if (!lines) {
        char *text = cJSON_Print(list);
        rc = text ? 0 : -ENOMEM;
        puts(text ? text : "");
        cJSON_free(text);
    } else {
        cJSON_ArrayForEach(row, list)
        {
            char *text = cJSON_PrintUnformatted(row);
            rc = text ? rc : -ENOMEM;
            puts(text ? text : "");
            cJSON_free(text);
        }
    }
    cJSON_Delete(list);
    return rc;
}

/* ---- CSV ---- */

static void csv_number(double v, int decimals)
{
    putchar(',');
    if (!isnan(v))
        printf("%.*f", decimals, v);
}

static void csv_row(const struct aglm_record *r, const char *part, const char *lang,
                    const struct aglm_accuracy_part *sum)
{
    const struct aglm_interval w = aglm_wilson(sum->right, sum->n);
    const bool paired = sum->n > 0 && sum->n_paired == sum->n;
    const char *const texts[] = {r->model_name, r->quantization, r->backend, r->isa, part, lang};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        fputs(i ? "," : "", stdout);
        aglm_escape_csv(stdout, texts[i]);
    }
    csv_number(r->accuracy.prune, 4);
    csv_number((double)sum->n, 0);
    csv_number((double)sum->right, 0);
    csv_number(w.percent, 4);
    csv_number(w.low, 4);
    csv_number(w.high, 4);
    csv_number(paired ? (double)sum->reference_right : NAN, 0);
    csv_number(aglm_accuracy_kept(sum), 4);
    csv_number(paired ? (double)sum->lost : NAN, 0);
    csv_number(paired ? (double)sum->gained : NAN, 0);
    csv_number(paired ? aglm_mcnemar(sum->lost, sum->gained) : NAN, 6);
    csv_number((double)r->model_size, 0);
    csv_number(r->accuracy.decode_ts, 3);
    csv_number(r->accuracy.prefill_ts, 3);
    csv_number(r->accuracy.wall_ns / 1e9, 3);
    csv_number((double)r->accuracy.n_threads, 0);
    printf(",\"%s\"\n", r->valid ? "VALID" : "INVALID");
}

static void print_csv(const struct aglm_accuracy_table *t)
{
    puts("model,quantization,backend,isa,part,lang,prune,n,right,accuracy_percent,ci_low_percent,"
         "ci_high_percent,reference_right,kept_percent,lost,gained,mcnemar_p,size_bytes,decode_ts,"
         "prefill_ts,wall_s,threads,verdict");
    for (size_t i = 0; i < t->n; i++) {
        const struct aglm_record *r = &t->rows[i].record;
        const struct aglm_accuracy_part all = aglm_accuracy_sum(&r->accuracy, NULL, NULL);
        csv_row(r, "all", "all", &all);
        for (size_t k = 0; k < r->accuracy.n_parts; k++)
            csv_row(r, r->accuracy.parts[k].part, r->accuracy.parts[k].lang, &r->accuracy.parts[k]);
    }
}

int aglm_accuracy_print(const struct aglm_accuracy_table *table)
{
    switch (table->command->form) {
    case AGLM_ACCURACY_MD:
        return print_md(table);
    case AGLM_ACCURACY_JSON:
        return print_json(table, false);
    case AGLM_ACCURACY_JSONL:
        return print_json(table, true);
    case AGLM_ACCURACY_CSV:
        print_csv(table);
        return 0;
    }
    return 0;
}
