/* A Markdown table that people read: padded columns, and a narrower form for a narrow terminal.
 */
#ifndef AGLM_BENCH_TABLE_H
#define AGLM_BENCH_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct aglm_table_column {
    const char *name;
    bool right; /* aligned */
    /* All rows have this value: no column; "": no column if all are empty; NULL: always there. */
    const char *hidden_when;
    /* Where the whole is too wide: a column that is the same in all rows goes into a line in front
     * of the table (lift), then columns are left out by rank, 1 first, and named behind it; 0
     * stays.
     */
    bool lift;
    unsigned rank;
};

struct aglm_table {
    const struct aglm_table_column *columns; /* [n_columns], the caller's */
    size_t n_columns;
    char **cells; /* [n_cells], row after row */
    size_t n_cells, cap;
    bool failed; /* out of memory */
};

void aglm_table_init(struct aglm_table *table, const struct aglm_table_column *columns, size_t n);
/* The next cell, row after row; text as it is printed. */
void aglm_table_add(struct aglm_table *table, const char *text);
void aglm_table_fmt(struct aglm_table *table, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* width: columns of the terminal; 0: no limit. Prints nothing for a table without rows. 0 or
 * -ENOMEM. */
int aglm_table_print(FILE *out, const struct aglm_table *table, size_t width);
void aglm_table_finish(struct aglm_table *table);

/* Columns of the terminal that out is, 0 if it is none. */
size_t aglm_table_width(FILE *out);

#endif
