/* A record as a row of named cells: llama-bench's columns first, with its names and in its order,
 * then ours.
 */
#ifndef AGLM_BENCH_COLUMNS_H
#define AGLM_BENCH_COLUMNS_H

#include "bench/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AGLM_COLUMNS_MAX 128

enum aglm_cell_kind { AGLM_CELL_TEXT, AGLM_CELL_WHOLE, AGLM_CELL_REAL, AGLM_CELL_BOOL };

struct aglm_cell {
    const char *name;
    enum aglm_cell_kind kind;
    bool known;       /* false: empty in CSV, NULL in SQL, null in JSON */
    const char *text; /* TEXT; the record's or the row's */
    uint64_t whole;   /* WHOLE, BOOL */
    double real;      /* REAL */
};

struct aglm_row {
    struct aglm_cell cells[AGLM_COLUMNS_MAX];
    size_t n;
    char test_time[32], backends[32];
    char energy[sizeof(((struct aglm_results *)0)->energy)];
};

/* Fills row from a record that outlives it and from results that need not. Any record gives the
 * same names and kinds. */
void aglm_row_fill(struct aglm_row *row, const struct aglm_record *record,
                   const struct aglm_results *results);

#endif
